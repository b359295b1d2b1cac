/** What the modules of the certification plans look at, and the tests that hold it. */
import { type Proof, row } from './specification.ts';

const asked = 'unit/protocol/authorization-request: an authorization request › %s';
const claimTypes = 'unit/directory/entry: claims › %s';
const everyMode =
  'flows/front-channel: response_type=%s, response_mode=%s › allowed: by page, and then in silence, each parameter once';

export const discovery = 'flows/documents: members are true and none is unknown';
const signedIn = 'flows/authorize: signed in %i s ago, %j: %s';
const hint = 'flows/who-answers: prompt=none works with id_token_hint';
const neverAnError = 'flows/who-answers: what never causes an error › %j';
const scopeClaims = 'unit/protocol/claims: OIDC Core §5.4: claims › %j releases %j';
const whole = 'flows/userinfo: answers GET and POST, header and body, with what was granted and nothing else';

/** What one or several modules look at. */
export interface Check {
  readonly modules: readonly string[];
  readonly says: string;
  readonly proofs: readonly Proof[];
  /** Why the plan leaves it out here. */
  readonly skipped?: string;
}

export const check = (names: string, says: string, ...proofs: readonly Proof[]): Check => ({
  modules: names.split(', '),
  says,
  proofs,
});

/** What all plans for response types share. */
const shared: readonly Check[] = [
  check(
    'oidcc-response-type-missing',
    'An error by redirect.',
    'unit/protocol/response-type: RFC 6749 §3.1.1: a response type that is %s',
  ),
  check('oidcc-userinfo-get, oidcc-userinfo-post-header, oidcc-userinfo-post-body', 'The three ways to ask.', whole),
  check(
    'oidcc-scope-profile, oidcc-scope-email, oidcc-scope-address, oidcc-scope-phone, oidcc-scope-all',
    'Each scope brings its claims, in their types.',
    scopeClaims,
    row(claimTypes, 'OIDC Core §5.1: fourteen claims of profile, thirteen of them text'),
    row(claimTypes, 'an address is an object'),
  ),
  check(
    'oidcc-ensure-other-scope-order-succeeds',
    'The order of scopes and parameters is irrelevant.',
    'flows/odd-responses: the order of words, scopes and parameters is irrelevant',
  ),
  check('oidcc-display-page, oidcc-display-popup', 'No error.', neverAnError),
  check(
    'oidcc-ui-locales, oidcc-claims-locales',
    'No error.',
    neverAnError,
    'flows/who-answers: ui_locales chooses the language of every page',
  ),
  check('oidcc-login-hint', 'Filled in.', 'flows/authorize: login_hint is filled in'),
  check('oidcc-ensure-request-with-acr-values-succeeds', '`acr` comes back.', 'flows/claims-request: acr and amr › %s'),
  check(
    'oidcc-ensure-request-with-unknown-parameter-succeeds',
    'Ignored.',
    'flows/odd-responses: RFC 6749 §3.1: %s change nothing',
  ),
  check(
    'oidcc-prompt-login, oidcc-max-age-1',
    'A form again, and a newer `auth_time`.',
    'flows/authorize: prompt=login and an elapsed max_age give a newer auth_time, after one sign-in',
  ),
  check(
    'oidcc-max-age-10000',
    'No form; `auth_time` is there and the same.',
    signedIn,
    'flows/who-answers: auth_time is in the ID token whenever max_age was sent, as of the last sign-in',
  ),
  check(
    'oidcc-prompt-none-logged-in, oidcc-prompt-none-not-logged-in',
    'A silent answer, or `login_required`.',
    signedIn,
  ),
  check(
    'oidcc-id-token-hint',
    'A silent answer for the user of the hint.',
    hint,
    'flows/asked-everywhere: %s: a hint, silently',
  ),
  check(
    'oidcc-ensure-registered-redirect-uri',
    'A page of ours.',
    'flows/authorize: A09: an error branch with an unregistered URI stays here: %j',
  ),
  check(
    'oidcc-claims-essential',
    'An essential claim at userinfo.',
    'flows/claims-request: OIDC Core §5.5: where a claim was asked for, there it goes, at every refresh too › %s',
  ),
  check(
    'oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported, oidcc-ensure-request-object-with-redirect-uri',
    '`request_not_supported`, after client and redirect URI were found good.',
    row(asked, 'A21, OIDC Core §6: request object'),
    'unit/protocol/authorization-request: A09: until client and redirect URI are both good, nothing is redirected',
  ),
  check(
    'oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported',
    '`request_uri_not_supported`.',
    row(asked, 'A60: request by URL'),
  ),
];

/** What plans with a code share. */
const withCode: readonly Check[] = [
  check(
    'oidcc-codereuse, oidcc-codereuse-30seconds',
    '`invalid_grant`, and the access token is refused.',
    'flows/code-redemption: RFC 6749 §4.1.2: ends the grant it gave, and no other grant of that user or client',
    'flows/code-redemption: ends the access token at userinfo too',
  ),
  check(
    'oidcc-server-client-secret-post',
    'The other way to send a secret.',
    row('unit/http/client-authentication: RFC 6749 §2.3: client authentication › %s', 'post'),
  ),
  check(
    'oidcc-ensure-request-with-valid-pkce-succeeds',
    'PKCE is required anyway.',
    'flows/authorization-code: signs in, asks, and gives tokens that openid-client accepts',
  ),
  check(
    'oidcc-refresh-token',
    'A new access token; the ID token keeps `iss`, `sub`, `aud`, `auth_time`.',
    'flows/refresh-token: rotates: a new refresh token, and the claims of now',
  ),
];

const withoutNonce = check(
  'oidcc-ensure-request-without-nonce-succeeds-for-code-flow',
  'Optional where no ID token comes through the browser.',
  'flows/issued-tokens: holds a nonce only when one was sent',
);
const nonceNeeded = check(
  'oidcc-ensure-request-without-nonce-fails',
  '`invalid_request`.',
  'unit/protocol/response-type: OIDC Core §3.2.2.1, §3.3.2.11: the nonce of %s',
);

export const basicChecks: readonly Check[] = [
  check(
    'oidcc-server',
    'The flow from end to end, read by two independent libraries.',
    'flows/authorization-code: signs in, asks, and gives tokens that openid-client accepts',
    'flows/every-flow.suite: oauth4webapi: code, userinfo and refresh',
  ),
  check(
    'oidcc-idtoken-signature',
    'Signed with a published key, its `kid` in the header.',
    'flows/issued-tokens: says what was asked and nothing else: scope claims are for userinfo',
  ),
  {
    ...check('oidcc-idtoken-unsigned', 'Unsigned ID tokens are never issued.', discovery),
    skipped: 'the module is skipped where `none` is not in the metadata',
  },
  check(
    'oidcc-ensure-post-request-succeeds',
    'The request as a POST.',
    'flows/odd-responses: by POST, from another site, all the same',
  ),
  withoutNonce,
  ...shared,
  ...withCode,
];
export const implicitChecks: readonly Check[] = [
  check(
    'oidcc-server',
    '`id_token` and `id_token token`: fragment, `at_hash`, claims of scopes in the ID token where there is no access token.',
    everyMode,
    'flows/front-channel-libraries: openid-client: id_token by %s',
    'flows/front-channel-libraries: oauth4webapi: the access token of %s at a resource server',
  ),
  check('oidcc-idtoken-signature', 'Signed with a published key.', everyMode),
  nonceNeeded,
  ...shared,
];
export const hybridChecks: readonly Check[] = [
  check(
    'oidcc-server',
    '`code id_token`, `code token`, `code id_token token`: fragment, `c_hash`, `at_hash`, one `sub` everywhere.',
    everyMode,
    'flows/front-channel: the same sub and auth_time everywhere, and a refresh token from the token endpoint alone',
    'flows/front-channel-libraries: openid-client: code id_token by %s',
  ),
  check('oidcc-idtoken-signature', 'Signed with a published key.', everyMode),
  nonceNeeded,
  withoutNonce,
  ...shared,
  ...withCode,
];
/** What `response_mode=form_post` changes; the other modules look at what does not depend on how an answer travels. */
export const formChecks: readonly Check[] = [
  check(
    'oidcc-server',
    'Every response type as a form that sends itself.',
    everyMode,
    'browser/form-post: goes on by itself, after a form, and the application may redirect on to any origin',
    'flows/front-channel-libraries: openid-client: code by %s',
  ),
  check(
    'oidcc-response-type-missing, oidcc-prompt-none-not-logged-in',
    'Errors come the same way.',
    'flows/odd-responses: %s for %j with response_mode=%s',
    'browser/form-post: a silent answer, a silent error, Cancel and No come the same way',
  ),
  check(
    'oidcc-ensure-other-scope-order-succeeds',
    'What was asked for holds in every mode.',
    'flows/odd-responses: the order of words, scopes and parameters is irrelevant',
    'flows/odd-responses: RFC 6749 §3.1: %s change nothing',
  ),
];

export const logoutChecks: readonly Check[] = [
  check('oidcc-rp-initiated-logout-discovery-endpoint-verification', '`end_session_endpoint` is there.', discovery),
  check(
    'oidcc-rp-initiated-logout',
    'Redirected with `state`; `prompt=none` fails afterwards.',
    'flows/logout: the session ends without a question, and everything that hangs off it; state comes back',
  ),
  check(
    'oidcc-rp-initiated-logout-no-state',
    'None comes back.',
    row('flows/logout: with an ID token of this session › %s', 'no state'),
  ),
  check(
    'oidcc-rp-initiated-logout-bad-post-logout-redirect-uri, oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri',
    'Our page.',
    'flows/logout-refusals: whatever is wrong ends on a page of ours › %s',
  ),
  check(
    'oidcc-rp-initiated-logout-bad-id-token-hint, oidcc-rp-initiated-logout-modified-id-token-hint',
    'Our page.',
    row('flows/logout-refusals: whatever is wrong ends on a page of ours › %s', 'no token at all'),
    row('flows/logout-refusals: whatever is wrong ends on a page of ours › %s', 'claims that were changed'),
  ),
  check(
    'oidcc-rp-initiated-logout-no-id-token-hint',
    'An address and nobody whose it is: our page.',
    row('flows/logout-refusals: whatever is wrong ends on a page of ours › %s', 'an address and nobody whose it is'),
  ),
  check(
    'oidcc-rp-initiated-logout-no-params',
    'Asked; our page.',
    'flows/logout: asks who is signed in, and says who else will hear of it',
  ),
  check(
    'oidcc-rp-initiated-logout-no-post-logout-redirect-uri',
    'Signed out; our page.',
    'flows/logout: without an address the page says that it is done, and leads back to the application if that has a page',
  ),
  check('oidcc-rp-initiated-logout-only-state', 'Asked; our page.', 'flows/logout: state alone leads nowhere'),
  check(
    'oidcc-backchannel-logout-discovery-endpoint-verification',
    '`backchannel_logout_supported`, `backchannel_logout_session_supported`.',
    discovery,
  ),
  check(
    'oidcc-backchannel-rp-initiated-logout',
    'A logout token as the specification says.',
    'flows/back-channel-logout: everybody who took part is told once, by a POST with a logout token and nothing else',
    'flows/every-flow.suite: openid-client: sign-out; the application is told, its frame is loaded, nobody is signed in any more',
  ),
  check(
    'oidcc-frontchannel-logout-discovery-endpoint-verification',
    '`frontchannel_logout_supported`, `frontchannel_logout_session_supported`.',
    discovery,
  ),
  check(
    'oidcc-frontchannel-rp-initiated-logout',
    'A frame with `iss` and `sid`, then on.',
    'flows/front-channel-logout: the page loads each address with iss and sid, in frames of exactly that origin, and goes on',
    'browser/logout: every application is loaded with iss and sid, and only then the browser goes on',
  ),
];
