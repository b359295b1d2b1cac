/** Discovery, logout, and what else OpenID Connect has beside its core. */
import { no, row, type Specification, yes } from './specification.ts';

export const discovery: Specification = {
  name: 'OIDC Discovery 1.0',
  title: 'OpenID Connect Discovery 1.0',
  url: 'https://openid.net/specs/openid-connect-discovery-1_0.html',
  lines: [
    no(
      '§2',
      '404',
      'WebFinger: applications are told the issuer.',
      'flows/documents: OIDC Discovery §2 and others: %s is not there, as the document says',
    ),
    yes(
      '§3',
      'Required and recommended members, those of logout included: all true, none unknown; `request_uri_parameter_supported` is said to be false.',
      'flows/documents: members are true and none is unknown',
    ),
    yes(
      '§3',
      '`id_token_signing_alg_values_supported` holds `RS256`; `claims_supported` what directories map.',
      'flows/security-checks: S256 is the one challenge method, RS256 is served, and what is not supported is refused by its name',
      'flows/documents: members are true and none is unknown',
    ),
    yes(
      '§4',
      'Below the issuer, its path included, as `application/json`; the RFC 8414 document is the same bytes of truth.',
      'flows/documents: %s is the document',
      'flows/every-flow.suite: the documents are the same whoever answers',
    ),
    yes(
      '§4.3',
      '`issuer` is byte-identical, whatever the Host header says.',
      'flows/documents: A61: no byte changes with the headers %j',
    ),
  ],
};

export const rpInitiatedLogout: Specification = {
  name: 'RP-Initiated Logout 1.0',
  title: 'OpenID Connect RP-Initiated Logout 1.0',
  url: 'https://openid.net/specs/openid-connect-rpinitiated-1_0.html',
  lines: [
    yes(
      '§2',
      'GET and POST. With an ID token of this session it ends without a question, and everything that hangs off it; an expired one is as good.',
      'flows/logout: the session ends without a question, and everything that hangs off it; state comes back',
      'flows/logout: with an ID token of this session › an expired one is as good',
      "flows/logout: another site's form brings no cookie: the same request comes again as a GET",
    ),
    yes(
      '§2',
      'Without one, or with that of another session, the person is asked, and may stay.',
      'flows/logout: asks who is signed in, and says who else will hear of it',
      'flows/logout: A token of another session › asks, and the answer decides',
      'flows/logout: "stay" ends nothing and leads to no application',
    ),
    yes(
      '§2',
      '`client_id` must be the audience of the hint; `logout_hint` and `ui_locales` change nothing that ends.',
      row(
        'flows/logout-refusals: whatever is wrong ends on a page of ours › %s',
        "a client_id that is not the token's audience",
      ),
      'flows/logout: logout_hint, ui_locales and unknown parameters change nothing',
    ),
    yes(
      '§2',
      'The session is really gone: `prompt=none` fails, access tokens open nothing within a second; `offline_access` lives.',
      'flows/logout: F52: within a second its access tokens open nothing on any replica: %s',
      'flows/logout: offline access goes on, and its ID token names the session all the same',
    ),
    yes(
      '§3',
      '`post_logout_redirect_uri` is compared byte for byte, query included; `state` comes back only if it was sent.',
      'flows/logout: with an ID token of this session › %s',
      'flows/logout: state alone leads nowhere',
    ),
    yes(
      '§3.1',
      '`post_logout_redirect_uris` follow the rules of redirect URIs.',
      'unit/protocol/logout-request: A10, A13: not %s',
    ),
    yes(
      '§4',
      'Whatever is wrong or missing ends on our page with a stable text and a way to sign out; nothing is redirected.',
      'flows/logout-refusals: whatever is wrong ends on a page of ours › %s',
      'flows/logout-refusals: and the person may sign out there',
    ),
    yes(
      '§6',
      'No other site signs a person out.',
      'flows/logout-refusals: F21: nobody else signs a person out › %s',
      'flows/logout-refusals: a link ends nothing by itself, and no page of it can be framed',
    ),
  ],
};

export const backChannelLogout: Specification = {
  name: 'Back-Channel Logout 1.0',
  title: 'OpenID Connect Back-Channel Logout 1.0',
  url: 'https://openid.net/specs/openid-connect-backchannel-1_0.html',
  lines: [
    yes(
      '§2.2',
      '`backchannel_logout_uri`: https, without fragment, called through the outbound gate.',
      'unit/protocol/logout-request: A60: not %s',
    ),
    yes(
      '§2.4',
      'The logout token: `typ: logout+jwt`, `iss`, `aud`, `iat`, `exp`, `jti`, `sub`, `sid`, `events` with the one member, an empty object; no nonce.',
      'flows/back-channel-logout: everybody who took part is told once, by a POST with a logout token and nothing else',
    ),
    yes(
      '§2.5',
      'A POST with `logout_token` alone, to everybody who took part, however the session ended.',
      'flows/back-channel-logout: each is told in its own words: subject, algorithm, offline access, tokens from the browser',
      'flows/back-channel-logout: also when %s',
    ),
    yes(
      '§2.7',
      'Grants of the session end; those with `offline_access` live.',
      'flows/logout: offline access goes on, and its ID token names the session all the same',
    ),
    yes(
      '§2.8',
      '200 and 204 are success. Anything else is tried again, seven times in more than eight hours, out of a durable outbox.',
      'flows/back-channel-logout: %i is success',
      'flows/back-channel-logout: %s is not',
      'flows/back-channel-logout: what failed comes again after 10 s, signed anew; meanwhile the page says so',
      'flows/logout-kill: while an application is being told: it is told again',
    ),
  ],
};

export const frontChannelLogout: Specification = {
  name: 'Front-Channel Logout 1.0',
  title: 'OpenID Connect Front-Channel Logout 1.0',
  url: 'https://openid.net/specs/openid-connect-frontchannel-1_0.html',
  lines: [
    yes(
      '§2',
      '`frontchannel_logout_uri` has the scheme, host and port of a redirect URI.',
      'unit/protocol/logout-request: has the scheme, host and port of a redirect URI',
      'unit/protocol/logout-request: Front-Channel Logout §2: frontchannel_logout_uri › not %s',
    ),
    yes('§2', '`iss` and `sid` are always sent.', 'unit/protocol/logout-request: %s is loaded with iss and sid'),
    yes(
      '§3',
      'The signed-out page loads each in a frame, and only then goes on; one that does not answer keeps nobody.',
      'flows/front-channel-logout: the page loads each address with iss and sid, in frames of exactly that origin, and goes on',
      'browser/logout: every application is loaded with iss and sid, and only then the browser goes on',
      'browser/logout: an application that does not answer keeps nobody: the link is there',
    ),
    yes(
      '§5',
      'What is framed cannot lead the window away.',
      'browser/logout: what is framed cannot lead the window away',
    ),
  ],
};

export const unmetRequirements: Specification = {
  name: 'Unmet Authentication Requirements 1.0',
  title: 'OpenID Connect Core: Unmet Authentication Requirements',
  url: 'https://openid.net/specs/openid-connect-unmet-authentication-requirements-1_0.html',
  lines: [
    yes(
      '–',
      '`unmet_authentication_requirements`, by redirect, when an essential `acr` cannot be met; `acr_values` are a wish.',
      row(
        'unit/protocol/authorization-request: an authorization request › %s',
        'OIDC Core §5.5.1.1: an essential acr that we cannot give',
      ),
      row('unit/protocol/authorization-request: an authorization request › %s', 'acr_values that we cannot give'),
    ),
  ],
};

const leftOut = 'flows/documents: members are true and none is unknown';

const notThere = 'flows/documents: OIDC Discovery §2 and others: %s is not there, as the document says';

export const notSupported: Specification = {
  name: 'Others',
  title: 'Specifications that are not supported',
  url: 'https://openid.net/developers/specs/',
  about: 'None of them is in the metadata; what a client sends of them is answered as this table says.',
  lines: [
    no(
      'RFC 8693',
      '`unsupported_grant_type`',
      'Token exchange.',
      row('flows/client-credentials: %s is refused', 'A35, RFC 8693: an exchange of tokens'),
    ),
    no(
      'RFC 9101',
      '`request_not_supported`, `request_uri_not_supported`',
      'Signed authorization requests (JAR).',
      'flows/odd-responses: %s for %j with response_mode=%s',
    ),
    no('RFC 9126', 'not in the metadata', 'Pushed authorization requests (PAR).', leftOut, notThere),
    no(
      'RFC 9396',
      'ignored, as unknown parameters are',
      'Rich authorization requests (`authorization_details`).',
      leftOut,
      'flows/odd-responses: RFC 6749 §3.1: %s change nothing',
    ),
    no('RFC 9449', 'not in the metadata; tokens stay bearer tokens', 'Proof of possession (DPoP).', leftOut),
    no('RFC 9701', 'plain JSON', 'Signed introspection answers.', 'flows/introspection: of a token of a user, from %s'),
    no(
      'JARM',
      '`invalid_request`',
      'Signed authorization responses (`response_mode=jwt` and the like).',
      'flows/odd-responses: an unknown response_mode for %s',
    ),
    no(
      'OIDC Session Management 1.0',
      'no `check_session_iframe`',
      'Browsers no longer give a frame its cookies; the two other ways of logout are there.',
      leftOut,
      notThere,
    ),
    no(
      'OIDC Dynamic Registration 1.0',
      'no `registration_endpoint`',
      'Clients are Kubernetes resources.',
      leftOut,
      notThere,
    ),
    no(
      'CIBA',
      'not in the metadata; its grant type is `unsupported_grant_type`',
      'Authentication that a client starts in the background.',
      leftOut,
    ),
  ],
};
