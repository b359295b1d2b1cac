/** The framework itself: RFC 6749, RFC 6750, and how responses travel. */
import { no, row, type Specification, when, yes } from './specification.ts';

export const rfc6749: Specification = {
  name: 'RFC 6749',
  title: 'The OAuth 2.0 Authorization Framework',
  url: 'https://www.rfc-editor.org/rfc/rfc6749',
  lines: [
    yes(
      '§2.1',
      'Confidential and public clients. A public one never acts in its own name and has no secret.',
      row('unit/protocol/client-metadata: client metadata › %s', 'public clients have no secret'),
      'flows/client-credentials: a public client acts for nobody',
    ),
    yes(
      '§2.2',
      'Client ids are printable ASCII, and none can be the subject of a user.',
      row('unit/protocol/client-metadata: client metadata › %s', 'RFC 6749 A.1: the id is printable'),
      row('unit/protocol/client-metadata: client metadata › %s', '§6: no client id is a subject'),
    ),
    yes(
      '§2.3',
      'Two ways to authenticate at once are `invalid_request`, and so is another `client_id` in the body.',
      'unit/http/client-authentication: never two at once: %s is invalid_request',
      'flows/client-assertions: RFC 6749 §2.3: %s beside it is invalid_request',
    ),
    yes(
      '§2.3.1',
      '`client_secret_basic`, both halves decoded as forms are, and `client_secret_post`; each client has one of them.',
      row(
        'unit/http/client-authentication: RFC 6749 §2.3: client authentication › %s',
        '§2.3.1: both halves are form-decoded',
      ),
      row(
        'unit/http/client-authentication: RFC 6749 §2.3: client authentication › %s is refused',
        'the other method, right secret',
      ),
    ),
    yes(
      '§2.3.1',
      'Guesses are limited for each client and address together; an unknown client and a wrong secret look the same.',
      'unit/http/client-authentication: 20 a minute per client and source, then 429 with Retry-After, then again',
      'unit/http/client-authentication: A48: a stranger sees no difference between unknown and wrong',
    ),
    yes(
      '§3.1',
      'The authorization endpoint takes GET and POST alike.',
      'flows/authorize: a request as POST is the same request as a GET, and stores nothing',
      'flows/odd-responses: by POST, from another site, all the same',
    ),
    yes(
      '§3.1',
      'Unknown parameters are ignored, empty ones count as left out, the order is irrelevant.',
      'flows/odd-responses: RFC 6749 §3.1: %s change nothing',
      'flows/odd-responses: the order of words, scopes and parameters is irrelevant',
    ),
    yes(
      '§3.1',
      'A repeated parameter, known or not, is `invalid_request`; a repeated `client_id` or `redirect_uri` ends on our page.',
      'flows/odd-responses: RFC 6749 §3.1, A03: %s twice is invalid_request, and no parameter is there twice',
      'flows/authorize: A03: %s twice is a page of ours',
    ),
    yes(
      '§3.1.1',
      'Words of `response_type` in any order; a missing one is `invalid_request`, an unknown one `unsupported_response_type`.',
      'unit/protocol/response-type: %s is %s: the order of words means nothing',
      'unit/protocol/response-type: RFC 6749 §3.1.1: a response type that is %s',
    ),
    yes(
      '§3.1.2',
      'Redirect URIs are absolute, without fragment or credentials, https; http is for loopback alone.',
      'unit/protocol/redirect-uri: what may be registered › %s',
      'unit/protocol/redirect-uri: what may be registered › %s: not %j',
    ),
    yes(
      '§3.1.2.3',
      'Compared as strings, query included; it must be in the request even if one alone is registered.',
      'flows/authorize: A02, F17: no string one byte away from a registered URI is accepted',
      'unit/protocol/redirect-uri: a missing one matches nothing, not even a sole registered one',
    ),
    yes(
      '§3.1.2.4',
      'Until client and redirect URI are both good nothing is redirected, whatever else is wrong.',
      'unit/protocol/authorization-request: A09: until client and redirect URI are both good, nothing is redirected',
      'flows/authorize: A09: an error branch with an unregistered URI stays here: %j',
      'flows/authorize: an unknown client, or none, is a page of ours',
    ),
    yes(
      '§3.2',
      'The token endpoint takes POST with one form; anything in the URL is refused, credentials first of all.',
      row('flows/http-limits: the token endpoint takes one form › %s', 'credentials in the URL'),
      row('flows/http-limits: the token endpoint takes one form › %s', 'GET'),
      row('flows/http-limits: the token endpoint takes one form › %s', 'A65: JSON'),
    ),
    yes(
      '§3.2',
      'Repeated parameters are `invalid_request` there too.',
      row('flows/http-limits: the token endpoint takes one form › %s', 'A03: a repeated parameter'),
    ),
    yes(
      '§3.3',
      'Without `scope` the client’s default is asked, or it is `invalid_scope`; one that is not open to the client is refused.',
      'unit/protocol/authorization-request: RFC 6749 §3.3: without a scope the default is asked; without a default it is invalid_scope',
      row(
        'unit/protocol/authorization-request: an authorization request › %s',
        'A34: a scope the client may not ask for',
      ),
    ),
    yes(
      '§3.3',
      'The response says `scope` whenever fewer were granted than asked for.',
      'flows/consent: drop: the person is told, and the client gets the rest',
      'flows/refresh-token: a scope that is no longer allowed leaves the grant, and the response says scope',
    ),
    yes(
      '§4.1',
      'Authorization code.',
      'flows/authorization-code: signs in, asks, and gives tokens that openid-client accepts',
      'flows/every-flow.suite: oauth4webapi: code, userinfo and refresh',
    ),
    yes(
      '§4.1.2',
      '`state` comes back unmodified, whatever its length (8 KiB and more) and characters.',
      'flows/authorize: state comes back unmodified whatever its length and characters',
      'flows/odd-responses: a state comes back unmodified after a mistyped password: %s',
      'flows/http-limits: a state of 8 KiB is taken',
    ),
    yes(
      '§4.1.2',
      'A code lives a minute and is redeemed once; a second use ends the grant that it gave, and no other.',
      'flows/code-redemption: lives a minute at most',
      'flows/code-redemption: RFC 6749 §4.1.2: ends the grant it gave, and no other grant of that user or client',
      'flows/concurrency: redeemed 200 times at once on three processes: one success, the grant ended, no other grant touched',
    ),
    yes(
      '§4.1.2.1',
      'Errors go by redirect with `error`, `state` and a description in printable ASCII, and no code or token beside them.',
      'flows/odd-responses: %s for %j with response_mode=%s',
      'flows/odd-responses: RFC 6749 §4.1.2.1: no code and no token beside an error',
    ),
    yes(
      '§4.1.2.1',
      'A response type that the client may not use is `unauthorized_client`; a No, a cancel and the directory’s no are `access_denied`.',
      'unit/protocol/response-type: RFC 6749 §4.1.2.1, §4.2.2.1: %s not registered is unauthorized_client',
      'flows/login: Cancel goes back with access_denied, which is counted, and stores nothing',
      'flows/consent: Deny: access_denied, nothing issued, nothing remembered',
    ),
    yes(
      '§4.1.3',
      'A code is bound to its client, redirect URI and challenge; one mismatch is `invalid_grant`, and the code stays good for its owner.',
      'flows/code-redemption: %s: invalid_grant',
    ),
    when(
      '§4.2',
      'the Client lists it and a policy allows it',
      'Implicit. The access token lives ten minutes at most and comes without a refresh token.',
      'flows/front-channel-tokens: %s: an access token of ten minutes at most, whatever the client has',
      'unit/operator/flow-policies: M09: a flow that no policy allows is refused › %s',
      'flows/front-channel: the same sub and auth_time everywhere, and a refresh token from the token endpoint alone',
    ),
    no(
      '§4.3',
      '`unsupported_grant_type`',
      'Password grant: an application must never see a password of the directory.',
      row('flows/client-credentials: %s is refused', 'another grant type'),
    ),
    yes(
      '§4.4',
      'Client credentials: no refresh token, no `openid`, the client’s id as subject.',
      'flows/client-credentials: an independent client library gets a token that its key set verifies',
      'flows/client-credentials: no refresh token, no ID token, nobody stores the answer',
      row('flows/client-credentials: %s is refused', 'openid'),
    ),
    yes(
      '§5.1',
      '`access_token`, `token_type`, `expires_in`, with `Cache-Control: no-store` and `Pragma: no-cache`.',
      'flows/code-redemption: gives what was granted, once, and the answer is not cached',
    ),
    yes(
      '§5.2',
      'Registered error codes; a failed authentication is 401 with `WWW-Authenticate`.',
      'unit/http/error-reply: RFC 6749 §5.2, RFC 6750 §3: %s is %i %s',
      'flows/client-credentials: %s is refused',
    ),
    yes(
      '§6',
      'Refresh with rotation. A narrower scope is given, a wider one refused; the token of another client is `invalid_grant`.',
      'flows/refresh-token: rotates: a new refresh token, and the claims of now',
      'flows/refresh-token: RFC 6749 §6: a narrower scope is given, a wider one refused; neither changes the grant',
      'flows/refresh-token: the token of another client is invalid_grant and stays good for its owner',
    ),
    yes(
      '§10.10',
      'Codes and refresh tokens have 256 random bits and are stored as digests.',
      'flows/issued-tokens: codes and refresh tokens have 256 bits, and none comes twice',
      'flows/code-redemption: no handle stands in the database as it is',
    ),
    yes(
      '§10.12',
      'Forms of our pages hold for one request in one browser.',
      'flows/login: a token is good for its own request alone',
      'flows/login: a consent %s is an error and nothing else',
    ),
    yes(
      '§10.13',
      'No page can be framed.',
      'flows/odd-responses: every response is kept by nobody and refers to nobody',
    ),
    yes(
      '§10.14',
      'Whatever a request brings is shown as text.',
      'flows/authorize: A12: whatever is reflected is text › %s',
      'browser/pages: %s: nothing runs, nothing is fetched, everything is read as it was written',
    ),
  ],
};

export const rfc6750: Specification = {
  name: 'RFC 6750',
  title: 'Bearer Token Usage',
  url: 'https://www.rfc-editor.org/rfc/rfc6750',
  about: 'At the userinfo endpoint, the one resource that this server protects itself.',
  lines: [
    yes(
      '§2.1, §2.2',
      'The token in the `Authorization` header, or in the form of a POST.',
      'flows/userinfo: answers GET and POST, header and body, with what was granted and nothing else',
    ),
    no(
      '§2.3',
      '`invalid_request`',
      'The token in the URL: URLs end up in logs and histories.',
      'flows/userinfo: a token in the URL, or in two places, is invalid_request',
    ),
    yes(
      '§3',
      'Without a token, a challenge that names no error.',
      'flows/userinfo: without a token: a challenge that names no error',
      'unit/http/error-reply: RFC 6750 §3: a request without a token gets a challenge without an error',
    ),
    yes(
      '§3.1',
      '`invalid_token` (401) for what is expired, revoked, altered or no access token; `insufficient_scope` (403) without `openid`.',
      'flows/userinfo: A28, A37, A57: anything but a valid access token is invalid_token',
      'flows/userinfo: without openid, or without a user: insufficient_scope',
      'flows/userinfo: I10, F52, A27: what has ended is refused › %s',
    ),
    yes(
      '§5.3',
      'Tokens appear in no log.',
      'flows/canaries: stand in none of them, in no spelling',
      'flows/canaries: were planted: none is empty, and each place was really read',
    ),
  ],
};

export const multipleResponseTypes: Specification = {
  name: 'Multiple Response Types',
  title: 'OAuth 2.0 Multiple Response Type Encoding Practices',
  url: 'https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html',
  lines: [
    yes(
      '§2.1',
      '`response_mode`: `query`, `fragment`, `form_post`; an unknown one is `invalid_request` in the mode of the response type.',
      'unit/protocol/response-type: OAuth 2.0 Multiple Response Type Encoding Practices §2.1: how the answer travels › type %s, mode %s: by %s',
      'flows/odd-responses: an unknown response_mode for %s',
    ),
    when(
      '§3, §5',
      'the Client lists it and a policy allows it',
      '`token`, `id_token`, `id_token token`, `code id_token`, `code token`, `code id_token token`: by fragment unless `form_post` is asked for.',
      'flows/front-channel: response_type=%s, response_mode=%s › allowed: by page, and then in silence, each parameter once',
      'flows/every-flow.suite: each response type in each mode, one browser',
      'flows/declared-flows: M09: refused and unknown without it, served once it allows them, refused again when it goes',
    ),
    yes(
      '§3, §5',
      '`query` for a type that brings tokens is `invalid_request`, told by fragment.',
      'unit/protocol/response-type: §3, §5: %s is refused with response_mode=query, by fragment',
      'flows/odd-responses: response_mode=query for %s',
    ),
    no(
      '§4',
      '`unsupported_response_type`',
      '`none`: nothing would be issued, and the directory is asked for what is issued.',
      row(
        'unit/protocol/authorization-request: an authorization request › %s',
        'RFC 6749 §4.1.2.1: response_type is unknown',
      ),
    ),
    yes(
      '§5',
      'Errors travel as the answer would.',
      'flows/asked-everywhere: what cannot be is told in the mode of the answer › %j with %j: %s',
      'flows/front-channel: No, and Cancel, are access_denied in the same way',
    ),
  ],
};

export const formPost: Specification = {
  name: 'Form Post',
  title: 'OAuth 2.0 Form Post Response Mode',
  url: 'https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html',
  lines: [
    yes(
      '§2',
      'Every response type, and errors, as a form that sends itself, and that a person can send where scripts are off.',
      'browser/form-post: goes on by itself, after a form, and the application may redirect on to any origin',
      'browser/form-post: without scripts the person goes on, with the keyboard too',
      'browser/form-post: a silent answer, a silent error, Cancel and No come the same way',
    ),
    yes(
      '§4',
      'The page has one script, is not cached, and nothing in a `state` runs.',
      'browser/form-post: has one script, no place to hide another, and nothing to object to',
      'browser/form-post: %s: arrives as it was sent, and nothing runs',
    ),
    yes(
      '§4',
      'A `state` that a form would change (line breaks) is `invalid_request`, told in a mode that keeps it.',
      'flows/odd-responses: what a form cannot carry is refused in a way that carries it',
    ),
  ],
};
