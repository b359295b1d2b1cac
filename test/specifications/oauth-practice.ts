/** What describes a server and its clients, and what is best practice. */
import { no, row, type Specification, when, yes } from './specification.ts';

export const rfc8414: Specification = {
  name: 'RFC 8414',
  title: 'Authorization Server Metadata',
  url: 'https://www.rfc-editor.org/rfc/rfc8414',
  lines: [
    yes(
      '§2',
      'The document names what this server does and no more: each endpoint is there, each member is true.',
      'flows/documents: members are true and none is unknown',
      'flows/security-checks: each published endpoint answers',
      'flows/security-checks: each published way to prove who one is works at each endpoint that takes it; no other does',
    ),
    yes(
      '§2',
      'Response types and grant types are those that a policy of this server allows some Client.',
      'flows/front-channel-tokens: RFC 8414 §2: metadata lists what policy allows, in both documents alike',
      'unit/operator/flow-policies: the metadata of the server names what some Client could be allowed › %s',
      'flows/security-checks: each published grant type gives tokens; no other does',
      'flows/security-checks: each published response type is answered in each published mode that it may have; no other type is',
    ),
    yes(
      '§2',
      'An issuer is https without query or fragment; http is for loopback alone.',
      'unit/protocol/client-metadata: RFC 8414 §2: %s may be an issuer: %s',
    ),
    no(
      '§2.1',
      'the member is left out',
      '`signed_metadata`: it comes over TLS from the issuer.',
      'flows/documents: members are true and none is unknown',
    ),
    yes(
      '§3.1',
      'At `/.well-known/oauth-authorization-server`; of an issuer with a path, with the path behind it.',
      'flows/documents: %s is the document',
      'unit/protocol/endpoints: RFC 8414 §3.1: an issuer with a path › %s below %j is %s',
    ),
    yes(
      '§3.3',
      '`issuer` is the same bytes as the issuer, whatever headers a request carries.',
      'flows/documents: A61: no byte changes with the headers %j',
    ),
  ],
};

export const rfc7591: Specification = {
  name: 'RFC 7591',
  title: 'Dynamic Client Registration: names of client metadata',
  url: 'https://www.rfc-editor.org/rfc/rfc7591',
  about: 'Clients are declared as Kubernetes resources; the registry keeps them under the names of this specification.',
  lines: [
    yes(
      '§2',
      '`redirect_uris`, `token_endpoint_auth_method`, `grant_types`, `response_types`, `client_name`, `client_uri`, `contacts`, `tos_uri`, `policy_uri`, `jwks`, `jwks_uri`.',
      'unit/protocol/client-metadata: client metadata › %s is served',
      'unit/operator/client-registration: a field of a Client becomes a member of its registration › %s',
    ),
    yes(
      '§2.1',
      'Grant types and response types go together; a Client that mixes them up is refused when it is written.',
      'unit/crds/client: grant types and response types that go together (RFC 7591 section 2.1) › %s',
      row('unit/protocol/client-metadata: client metadata › %s', 'RFC 7591 §2.1: a hybrid type needs implicit'),
    ),
    no(
      '§2',
      'a picture in a ConfigMap instead',
      '`logo_uri`: logos are served by this server, never fetched by browsers from elsewhere.',
      'flows/page-frame: pictures are served by us, for ever, as what they are',
    ),
    no(
      '§3',
      'no `registration_endpoint`',
      'Registration over HTTP: `kubectl apply` is the way.',
      'flows/documents: OIDC Discovery §2 and others: %s is not there, as the document says',
      'flows/documents: members are true and none is unknown',
    ),
  ],
};

export const rfc9700: Specification = {
  name: 'RFC 9700',
  title: 'Best Current Practice for OAuth 2.0 Security',
  url: 'https://www.rfc-editor.org/rfc/rfc9700',
  lines: [
    yes(
      '§2.1, §4.1',
      'Redirect URIs match byte for byte: path tricks, user parts, case, trailing dots and added queries are other URIs.',
      'unit/protocol/redirect-uri: %s: %j is another one',
      'flows/authorize: A01: a path trick behind a registered URI is no redirect: %j',
      'flows/redirect-mutations: F17, A02: of %s redirect URIs, in every mode and every branch, none is left to that is not registered',
    ),
    yes(
      '§2.1, §4.7',
      'Codes injected from another session or client are refused (PKCE; `nonce` for ID tokens of the front channel).',
      'flows/code-redemption: %s: invalid_grant',
      'flows/login: A29: who planted the cookie of a browser and knows its request gets no code of who signed in there',
    ),
    yes(
      '§2.1.1, §4.8',
      'No downgrade: a verifier for a code without a challenge is refused.',
      'flows/code-redemption: A18, F18: a verifier for a code without a challenge is invalid_grant, and without one it is redeemed',
    ),
    yes(
      '§2.1.2',
      'Tokens through the browser are off unless a Client lists them and a policy allows it.',
      'flows/security-checks: where no policy allows a flow, it is neither published nor served',
      'unit/operator/flow-policies: M09: a flow that no policy allows is refused › %s',
    ),
    when(
      '§2.2.1, §4.10.1',
      '`mutualTls.mode` is `Listener`',
      'Sender-constrained tokens by mutual TLS (RFC 8705), for each Client that asks for them.',
      'flows/mutual-tls: tokens bound to a certificate (RFC 8705 §3) › %s: client_credentials',
      'flows/mutual-tls: tokens bound to a certificate (RFC 8705 §3) › %s: authorization_code, then refresh_token',
      'flows/mutual-tls: tokens bound to a certificate (RFC 8705 §3) › a client with a secret may have its tokens bound, and gets none without a certificate',
    ),
    no(
      '§2.2.1, §4.10.1',
      'not in the metadata; ignored when sent',
      'Sender-constrained tokens by DPoP (RFC 9449).',
      'flows/documents: members are true and none is unknown',
    ),
    yes(
      '§2.2.2, §4.14',
      'Refresh tokens are rotated; reuse ends the whole grant. A repeat within ten seconds gets the same successor.',
      'flows/refresh-token: RFC 9700 §4.14.2: later reuse ends the whole grant, and no other',
      'flows/refresh-token: F02: a repeat within ten seconds gets the same successor, which goes on',
      'flows/concurrency: presented 50 times at once: one successor, which goes on',
    ),
    yes(
      '§2.3',
      'Access tokens are for named audiences and the scopes asked for.',
      'flows/resource-indicators: a code: %s',
    ),
    no(
      '§2.4',
      '`unsupported_grant_type`',
      'Password grant.',
      row('flows/client-credentials: %s is refused', 'another grant type'),
    ),
    yes(
      '§2.5',
      'Asymmetric client authentication (`private_key_jwt`).',
      'flows/client-assertions: private_key_jwt › %s is accepted',
    ),
    yes(
      '§2.6',
      'No script reads the authorization endpoint; the others are open to registered origins alone (CORS).',
      'flows/cross-origin: A38: never of %s',
      'flows/cross-origin: A38: and not by %s',
    ),
    yes(
      '§4.2',
      'Pages send no referrer and are not cached.',
      'flows/odd-responses: every response is kept by nobody and refers to nobody',
    ),
    yes(
      '§4.3',
      'No access token in a query; the fragment of an earlier URL is not carried along.',
      'unit/protocol/response-type: §3, §5: %s is refused with response_mode=query, by fragment',
      'browser/form-post: of an earlier URL is not carried along with a query',
    ),
    yes(
      '§4.4',
      'Mix-up: `iss` in every response.',
      'flows/authorize: RFC 9207: code, state and iss, each once, in the query; the fragment is neutral',
    ),
    yes(
      '§4.5',
      'A code is for one client; raced on several processes, one wins and the grant ends.',
      'flows/concurrency: redeemed 200 times at once on three processes: one success, the grant ended, no other grant touched',
      'flows/code-redemption: by another client ends nothing',
    ),
    yes(
      '§4.10.2',
      'Tokens of one kind are not taken for another, at any endpoint.',
      'flows/token-confusion: A37: each kind of token is taken where it belongs, and nowhere else › %s: nowhere',
      'flows/code-redemption: codes, refresh tokens, access tokens and cookies in each other’s place',
    ),
    yes(
      '§4.11',
      'No open redirector: not by an error, a sign-out, a language, or a header of the request.',
      'flows/authorize: A09: an error branch with an unregistered URI stays here: %j',
      'flows/logout-refusals: whatever is wrong ends on a page of ours › %s',
      'flows/odd-requests: F23, A61: no header moves a byte › %s',
      'flows/page-frame: A13: it leads to a page of ours and nowhere else: %j',
    ),
    yes(
      '§4.12',
      'Every redirect is 303: no browser repeats a POST with a password elsewhere.',
      'rules/security: RFC 9700 §4.12: a redirect is 303 and nothing else',
      'unit/http/error-reply: RFC 6749 §4.1.2.1: an error for the client goes by 303, with state and iss',
    ),
    yes(
      '§4.13',
      'Headers of a proxy count when the proxy is trusted, and only then.',
      'unit/http/arrivals: without any trusted proxy nobody is believed',
      'flows/trusted-proxies: A49: what the client writes into the header before gives it no more tries',
    ),
    yes(
      '§4.14',
      'A refresh token without `offline_access` ends with its session; revocation and a leaver end it too.',
      'flows/refresh-token: without offline_access it ends with the session: %s',
      'flows/refresh-token: A32, I2: an account that is %s: every session and grant of that person ends',
    ),
    yes(
      '§4.15',
      'A client’s id can never be a user’s subject.',
      'flows/issued-tokens: of a client: its subject is its id, and no user can have it',
    ),
    yes(
      '§4.16',
      'No page can be framed.',
      'flows/odd-responses: every response is kept by nobody and refers to nobody',
      'flows/logout-refusals: a link ends nothing by itself, and no page of it can be framed',
    ),
    no(
      '§4.17',
      '`invalid_request`',
      'Answers by `postMessage` (`web_message`).',
      'flows/odd-responses: an unknown response_mode for %s',
    ),
  ],
};
