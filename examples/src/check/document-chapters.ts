/** The chapters of `docs/explanation/flows.md`: in which order, and what to know before looking at the messages. */

export interface Chapter {
  /** As the check's runs name it. */
  readonly flow: string;
  readonly title: string;
  readonly text: string;
}

const implicit =
  'Tokens live ten minutes at most, and no refresh token comes along. Off unless a policy of the AuthorizationServer and the Client say so: new applications use a code with PKCE.';

export const flowChapters: readonly Chapter[] = [
  {
    flow: 'code',
    title: 'Authorization code',
    text: 'The browser carries a code, which is worth nothing without the verifier of `code_challenge` (PKCE) and the client’s secret; tokens go from server to application directly (RFC 6749 §4.1, RFC 7636, OIDC Core §3.1). Consent is asked for once and remembered, but verified in the directory each time.',
  },
  {
    flow: 'token',
    title: 'Implicit: `token`',
    text: `An access token comes straight from the authorization endpoint (RFC 6749 §4.2). ${implicit}`,
  },
  {
    flow: 'id_token',
    title: 'Implicit: `id_token`',
    text: `The application learns who it is, and gets nothing to use elsewhere; the claims stand in the ID token (OIDC Core §3.2). ${implicit}`,
  },
  {
    flow: 'id_token token',
    title: 'Implicit: `id_token token`',
    text: `Both; \`at_hash\` in the ID token binds the access token to it (OIDC Core §3.2.2). ${implicit}`,
  },
  {
    flow: 'code id_token',
    title: 'Hybrid: `code id_token`',
    text: 'The application knows who it is before it redeems the code; `c_hash` in the ID token binds the code to it (OIDC Core §3.3).',
  },
  {
    flow: 'code token',
    title: 'Hybrid: `code token`',
    text: 'A short-lived access token for the part of the application that runs in the browser, a code for the part that does not (OIDC Core §3.3).',
  },
  {
    flow: 'code id_token token',
    title: 'Hybrid: `code id_token token`',
    text: 'All three at once; `at_hash` and `c_hash` bind them to each other, and both ID tokens are about the same subject (OIDC Core §3.3).',
  },
  {
    flow: 'device_code',
    title: 'Device code',
    text: 'A device without a browser shows a code; its user enters it elsewhere, signs in and decides there, while the device keeps asking (RFC 8628). Consent here is never remembered.',
  },
  {
    flow: 'refresh_token',
    title: 'Refresh token',
    text: 'No browser, no page: but the directory is asked again at each use, and a new refresh token replaces the old one (RFC 6749 §6). An account that is locked ends the grant; a directory that does not answer costs nothing, and the same refresh token is taken later.',
  },
  {
    flow: 'client_credentials',
    title: 'Client credentials',
    text: 'A program in its own name, without a user: there is nobody to ask the directory about (RFC 6749 §4.4).',
  },
  {
    flow: 'introspection',
    title: 'Introspection',
    text: 'An API asks what a token is worth that it was shown (RFC 7662). Only a Client with `introspection` may ask, and only about tokens for its own client id or one of its `introspection.audiences`; an application may ask about its own. Everything else gets `active=false` and not a word why. Nobody asks the directory: it was asked when the token was issued.',
  },
  {
    flow: 'revocation',
    title: 'Revocation',
    text: 'An application hands a token back (RFC 7009). A refresh token takes its whole grant with it, an access token of a machine ends alone; within a second every replica refuses it. The answer is the same 200 whether there was anything to end, so it tells a stranger nothing.',
  },
  {
    flow: 'rp_initiated_logout',
    title: 'Logout asked for by an application (RP-initiated)',
    text: 'The application sends the browser to the end-session endpoint. With an ID token of this very session as a hint the session ends without a question; without one the person is asked. Nobody is sent anywhere but to an address that the Client lists (OpenID Connect RP-Initiated Logout).',
  },
  {
    flow: 'backchannel_logout',
    title: 'Back-channel logout',
    text: 'The server calls each application of the session that has a `logout.backchannelUri`, over TLS, with a signed logout token, after the end of the session is stored; what is not reached is tried again (OpenID Connect Back-Channel Logout). No browser is needed.',
  },
  {
    flow: 'frontchannel_logout',
    title: 'Front-channel logout',
    text: 'The page that says so loads the `logout.frontchannelUri` of each application of the session in a hidden frame, and only then goes back to where it was asked from (OpenID Connect Front-Channel Logout). It works as long as the browser lets frames be.',
  },
];
