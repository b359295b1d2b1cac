/** Extensions of OAuth, one specification each. */
import { no, row, type Specification, when, yes } from './specification.ts';

export const rfc7009: Specification = {
  name: 'RFC 7009',
  title: 'Token Revocation',
  url: 'https://www.rfc-editor.org/rfc/rfc7009',
  lines: [
    yes(
      '§2',
      'A refresh token or an access token, JWT or opaque, ends the whole grant: what was refreshed from it and what came through the browser.',
      'flows/revocation: of %s by its %s, with the hint %s',
      'flows/revocation: what was refreshed ends too, and a spent refresh token still ends its grant',
      'flows/revocation: hybrid: a token from the browser that is revoked takes the code of its answer along',
    ),
    yes(
      '§2',
      'Every replica refuses within a second what was revoked; other grants of the same user live on.',
      'flows/revoked-everywhere: of the %s alone, format %s',
      'flows/revocation: another grant of the same user and client lives on',
    ),
    yes(
      '§2',
      'The access token of a client that acts for itself ends alone.',
      'flows/revocation: A27: a token without a user ends alone: %s',
    ),
    yes(
      '§2.1',
      'Authentication first: 401 before anything is looked up. A public client says who it is.',
      'flows/revocation: %s: 401, before anything is looked up',
      'flows/revocation: a public client says who it is',
    ),
    yes(
      '§2.1',
      'The token of another client is left alone, and the answer does not tell.',
      'flows/revocation: A40: another client can end nothing of %s',
      'flows/revocation: A40: nor the token without a user of %s',
    ),
    yes(
      '§2.2',
      'An unknown, expired or altered token is 200.',
      'flows/revocation: A57: unknown, malformed and altered tokens: 200',
    ),
    yes(
      '§2.2.1',
      '503 while the database is away, never 200 for nothing.',
      'flows/revoked-everywhere: revocation answers 503, never 200, and nothing was lost or ended',
    ),
    yes('§2.3', 'Scripts of registered origins may call it (CORS).', 'flows/cross-origin: of revocation'),
  ],
};

export const rfc7636: Specification = {
  name: 'RFC 7636',
  title: 'Proof Key for Code Exchange',
  url: 'https://www.rfc-editor.org/rfc/rfc7636',
  lines: [
    yes(
      '§4.1, §4.2',
      '`S256`, as in the example of Appendix B; verifiers of 43 to 128 characters.',
      'unit/protocol/pkce: Appendix B: the challenge of its example',
      'unit/protocol/pkce: §4.1: %j is a verifier: %s',
    ),
    no(
      '§4.2',
      '`invalid_request`',
      '`plain`, asked for by name or by leaving the method out: whoever reads the request could redeem the code.',
      row('unit/protocol/authorization-request: an authorization request › %s', 'A18, F18: plain'),
      row('unit/protocol/authorization-request: an authorization request › %s', 'A18: no method means plain'),
    ),
    yes(
      '§4.4.1',
      'Required of everybody who gets a code; `invalid_request` without.',
      'unit/protocol/response-type: RFC 7636 §4.4.1: %s needs a challenge exactly if a code comes',
    ),
    when(
      '§4.4.1',
      'a confidential Client says `pkce: Optional`',
      'It may do without; public clients never.',
      'unit/protocol/authorization-request: A18: only a confidential client whose registration says so may do without a challenge',
      row('unit/protocol/client-metadata: client metadata › %s', 'A18: public clients use PKCE'),
    ),
    yes(
      '§4.6',
      'A code with a challenge is never redeemed without its verifier, and a verifier for a code without a challenge is refused.',
      'flows/code-redemption: %s: invalid_grant',
      'flows/code-redemption: A18, F18: a verifier for a code without a challenge is invalid_grant, and without one it is redeemed',
      'flows/front-channel-tokens: RFC 7636 §4.6: %s: the code is bound to its challenge, client and redirect URI',
    ),
  ],
};

export const rfc7662: Specification = {
  name: 'RFC 7662',
  title: 'Token Introspection',
  url: 'https://www.rfc-editor.org/rfc/rfc7662',
  lines: [
    yes(
      '§2.1',
      'POST with client authentication of any kind but `none`; 401 before anything is looked up.',
      'flows/introspection: %s: 401, before anything is looked up',
      'flows/introspection: a token in the URL is refused, and no method but POST is taken',
    ),
    yes(
      '§2.2',
      'JWT and opaque access tokens: `active`, `iss`, `sub`, `aud`, `client_id`, `scope`, `token_type`, `iat`, `exp`, `jti`, `auth_time`.',
      'flows/introspection: of a token of a user, from %s',
      'flows/introspection: an independent client library reads it, of %s',
    ),
    yes(
      '§2.2',
      'A resource server learns of tokens for its audiences, a client of its own; everybody else reads `{"active": false}`.',
      'flows/introspection: a token of %s: %s',
      'flows/introspection: what one saw, another does not see: %s',
    ),
    yes(
      '§2.2',
      'Refresh tokens: for their own client alone.',
      'flows/introspection: a refresh token of %s: its own client alone',
    ),
    yes(
      '§2.2',
      'What is unknown, altered, expired, revoked, or of a client that is withdrawn, is inactive, and nothing more is said.',
      'flows/introspection: A56, A57: what is no token of ours, or not the whole of it',
      'flows/introspection: A33, A39: a client that is withdrawn, or made anew: %s',
      'flows/introspection: A28: an opaque token that has expired, by the clock of the database',
    ),
  ],
};

export const rfc8252: Specification = {
  name: 'RFC 8252',
  title: 'OAuth 2.0 for Native Apps',
  url: 'https://www.rfc-editor.org/rfc/rfc8252',
  lines: [
    yes(
      '§7.1',
      'Private-use schemes with a dot (`com.example.app:/cb`), for public clients.',
      'unit/protocol/redirect-uri: RFC 8252 §7.1: private-use schemes have a dot and are for public clients alone',
      'browser/sign-in: the application is reached by com.example.app: itself',
    ),
    yes('§7.2', 'Claimed https URIs, as any redirect URI.', 'unit/protocol/redirect-uri: what may be registered › %s'),
    yes(
      '§7.3',
      'On `127.0.0.1` and `[::1]` the port may be any; nothing else may differ.',
      'unit/protocol/redirect-uri: RFC 8252 §7.3: on a loopback address the port may vary, and nothing else › %s is %s too',
      'flows/authorize: A08: on loopback only the port may vary, and never for localhost',
    ),
    yes(
      '§8.1',
      'PKCE for every public client.',
      row('unit/protocol/client-metadata: client metadata › %s', 'A18: public clients use PKCE'),
    ),
    yes(
      '§8.6',
      'A public client with a private-use scheme is asked about every time: a remembered yes could be another app’s.',
      'flows/authorize: a public client with a private-use scheme is asked every time',
      'unit/interaction/next-step: a yes is remembered in mode remember alone, and never for a public client with a private-use scheme',
    ),
  ],
};

export const rfc8628: Specification = {
  name: 'RFC 8628',
  title: 'Device Authorization Grant',
  url: 'https://www.rfc-editor.org/rfc/rfc8628',
  about: 'For Clients that list the grant type, where a policy allows it.',
  lines: [
    yes(
      '§3.1',
      'The request: client authentication or the id of a public client, scopes, resources; errors as at the token endpoint.',
      'flows/device: a public client says who it is and proves nothing',
      'flows/device: refuses %s, and stores nothing',
    ),
    yes(
      '§3.2',
      '`device_code`, `user_code`, `verification_uri`, `verification_uri_complete`, `expires_in`, `interval`.',
      'flows/device: answers with two codes, where to go, and how long and how often',
    ),
    yes(
      '§3.3',
      'The page signs in, asks, and verifies with the directory as everywhere; it names the client, the time and the network of origin.',
      'flows/device-pages: A51: names the client, who runs it, when and what; No comes first',
      'flows/device-pages: device at %s, person at %s',
      'flows/device-pages: %s: access_denied, on the page and for the device',
    ),
    yes(
      '§3.3.1',
      'The complete link still needs a sign-in and a click.',
      'flows/device-pages: A51: a complete link asks for a sign-in and for a click; opening it gives nothing',
    ),
    yes(
      '§3.4',
      'Tokens once, for the client that asked.',
      'flows/device: tokens of the person who said yes: no nonce, no session, auth_time of the sign-in',
      'flows/device: A50: another client gets invalid_grant, and takes nothing away',
      'flows/concurrency: approved, then polled 50 times at once on three processes: one success, the grant ended',
    ),
    yes(
      '§3.5',
      '`authorization_pending`; `slow_down`, which adds five seconds; `access_denied`; `expired_token`.',
      'flows/device: authorization_pending until somebody answers; slow_down for who comes too early, which writes nothing',
      'flows/device-clients: a public client that hurries is slowed down, waits longer, and succeeds',
      'flows/device: access_denied after a No, with 400 as every error of the token endpoint',
      'flows/device: expired_token once it ran out, approved or not',
    ),
    yes(
      '§4',
      '`device_authorization_endpoint` in the metadata, where a policy allows the grant.',
      'flows/device-clients: finds the endpoint, starts, polls every five seconds, and gets verified tokens',
    ),
    yes(
      '§5.1, §5.2',
      'Wrong user codes: five a minute for whoever types them and for each address, and a bound over all of them.',
      'flows/device-guesses: fifty guesses at once: no more than five are looked at',
      'unit/endpoints/device: ten replicas, each asked 200 times a second while one code lives: hit less than once in a million lives',
    ),
    yes(
      '§5.4',
      'The page warns of phishing before the field; a yes is never remembered for the next device.',
      'flows/device-pages: A51: warns before the field, and says how a code looks',
      'flows/device-pages: is never skipped: neither a remembered yes nor implicit consent answers for the next device',
    ),
    yes(
      '§6.1',
      'User codes: eight of twenty consonants, read in any case and with any separators.',
      'unit/tokens/user-code: eight places, each of twenty consonants, none of them more likely than another',
      'flows/device-pages: RFC 8628 §6.1: takes it %s',
    ),
  ],
};

export const rfc8707: Specification = {
  name: 'RFC 8707',
  title: 'Resource Indicators',
  url: 'https://www.rfc-editor.org/rfc/rfc8707',
  lines: [
    yes(
      '§2',
      '`resource`, any number of times: absolute URIs without fragment that are audiences of the client or of a scope asked for; else `invalid_target`.',
      'unit/protocol/resources: may be sent more than once, alone of all parameters',
      'flows/resource-indicators: %s: invalid_target by redirect',
    ),
    yes(
      '§2.1',
      'At the authorization endpoint, for every response type.',
      'flows/resource-indicators: RFC 8707 §2.1: at the authorization endpoint › %s',
      'flows/front-channel-tokens: RFC 8707 §2: %s: with the scope of the named resource refused there is nobody to give a token for',
      'flows/asked-everywhere: %s: the resource in its access token, the claims at userinfo',
    ),
    yes(
      '§2.2',
      'At the token endpoint, for codes, refreshes, client credentials and devices: fewer than were authorized, never more.',
      'flows/resource-indicators: a code: %s',
      'flows/resource-indicators: a refresh: %s',
      'flows/resource-indicators: client credentials: %s',
      'flows/device-clients: RFC 8707: a resource narrows the audience, where the device asks or when it comes for the tokens',
    ),
  ],
};

export const rfc9068: Specification = {
  name: 'RFC 9068',
  title: 'JWT Profile for OAuth 2.0 Access Tokens',
  url: 'https://www.rfc-editor.org/rfc/rfc9068',
  lines: [
    yes(
      '§2.1',
      '`typ: at+jwt`, signed, never `none`.',
      'flows/issued-tokens: RFC 9068 §2: the access token › of a user',
      'flows/token-confusion: F20, A53, A58: forgeries of what would be taken › %s',
    ),
    yes(
      '§2.2',
      '`iss`, `sub`, `aud`, `exp`, `iat`, `jti`, `client_id`, `scope`, and `auth_time` of a user’s sign-in.',
      'flows/issued-tokens: RFC 9068 §2: the access token › of a user',
      'unit/tokens/tokens: RFC 9068 §2.2: an access token › of a client alone',
    ),
    yes(
      '§2.2',
      'A client’s own subject is its id, which no user can have.',
      'flows/issued-tokens: of a client: its subject is its id, and no user can have it',
    ),
    yes(
      '§3',
      '`aud`: those of the granted scopes and the client’s own, or what `resource` named; else the client id.',
      'unit/tokens/tokens: §3: audiences %j and %j of scopes are %j',
      'flows/client-credentials: RFC 9068 §3: an audience of its own is there beside those of scopes',
    ),
    yes(
      '§4',
      'Whoever reads one checks `typ`, `iss`, `exp` and the signature; another kind of token is none.',
      'flows/token-confusion: an access token %s, though we signed it',
      'unit/keys/jwt: A37: a token of one kind is not taken for another, seen before or not',
    ),
    when(
      '§1',
      'the Client says `accessToken.format: opaque`',
      'An opaque token instead: 256 random bits, stored as a digest, read by introspection.',
      'flows/opaque-tokens: is 256 random bits, and nothing of it is stored or logged but its digest',
    ),
  ],
};

export const rfc9207: Specification = {
  name: 'RFC 9207',
  title: 'Authorization Server Issuer Identification',
  url: 'https://www.rfc-editor.org/rfc/rfc9207',
  lines: [
    yes(
      '§2',
      '`iss` in every authorization response, success or error, once, in every mode.',
      'flows/authorize: RFC 9207: code, state and iss, each once, in the query; the fragment is neutral',
      'flows/odd-responses: %s for %j with response_mode=%s',
    ),
    yes(
      '§3',
      '`authorization_response_iss_parameter_supported: true`.',
      'flows/documents: members are true and none is unknown',
    ),
  ],
};
