/**
 * What a request may cost, as data: statements sent because of it, rows written, signatures made and checked, directory
 * operations. Exact numbers: a saved statement lowers its line in the same commit.
 */
export interface Cost {
  /** `BEGIN`, `COMMIT` and retries count; several data-modifying CTEs are one. */
  readonly statements: number;
  /** Inserted, updated and deleted, in all tables. */
  readonly rows: number;
  readonly signatures: number;
  readonly verifications: number;
  readonly searches: number;
  readonly binds: number;
}

const cost = (statements: number, rows: number, signatures = 0, verifications = 0, searches = 0, binds = 0): Cost => ({
  statements,
  rows,
  signatures,
  verifications,
  searches,
  binds,
});

export const costs = {
  /** Discovery, JWKS, health. */
  document: cost(0, 0),
  client_credentials: cost(0, 0, 1),
  /** An opaque access token, wherever one is issued: one signature less, one row more. */
  client_credentials_opaque: cost(1, 1),
  /** An assertion of the client's own: its id is used up. */
  client_credentials_private_key: cost(1, 1, 1, 1),
  /** The token of a ServiceAccount: it may come again. */
  client_credentials_service_account: cost(0, 0, 1, 1),
  /** An assertion that does not hold costs its verification. */
  assertion_refused: cost(0, 0, 0, 1),
  /** Whatever is refused before a grant is asked. */
  token_refused_early: cost(0, 0),
  userinfo: cost(1, 0, 0, 1),
  userinfo_seen: cost(1, 0),
  userinfo_signed: cost(1, 0, 1),
  userinfo_opaque: cost(1, 0),
  introspection: cost(0, 0, 0, 1),
  introspection_seen: cost(0, 0),
  introspection_opaque: cost(1, 0),
  /** Of a user's grant, by a handle; of a client's own token: one row less. */
  revocation: cost(1, 3),
  revocation_jwt: cost(1, 3, 0, 1),
  revocation_single: cost(1, 2, 0, 1),
  revocation_ignored: cost(1, 0),
  authorize_first_hit: cost(0, 0),
  authorize_with_session: cost(1, 0),
  authorize_silent: cost(2, 2, 0, 0, 1),
  /** With an `id_token_hint`: one more verification, the first time it is seen. */
  authorize_silent_with_hint: cost(2, 2, 0, 1, 1),
  /** A hint that is refused is refused before anything is read; one whose signature is looked at costs that. */
  authorize_hint_refused: cost(0, 0, 0, 1),
  /** To choose is to be shown the next page. */
  account_chosen: cost(0, 0),
  login: cost(2, 6, 0, 0, 1, 1),
  /** For a page of ours: no client, so no request is kept. */
  login_for_page: cost(2, 5, 0, 0, 1, 1),
  /** Tokens through the browser: the row of their grant beside all the rest, and a signature for each of them. */
  authorize_silent_one_token: cost(2, 3, 1, 0, 1),
  authorize_silent_two_tokens: cost(2, 3, 2, 0, 1),
  login_two_tokens: cost(2, 7, 2, 0, 1, 1),
  consent_allowed_two_tokens: cost(2, 4, 2, 0, 1),
  login_refused: cost(2, 3, 0, 0, 1, 1),
  password_page: cost(1, 0),
  /** The session, the charge, the form, and what follows. A sign-in goes on after it where it was needed for one. */
  password_changed: cost(4, 7, 0, 0, 1, 1),
  password_refused: cost(4, 5, 0, 0, 1, 1),
  password_required_changed: cost(5, 12, 0, 0, 2, 2),
  consent_page: cost(1, 0),
  consent_allowed: cost(2, 3, 0, 0, 1),
  consent_denied: cost(2, 2),
  /** Who it is; sessions, grants and remembered consents in one. */
  account_page: cost(2, 0),
  /** One application with one grant and a remembered yes: both go, one revocation, an audit row each. */
  account_access_removed: cost(6, 5),
  /** A session without applications. */
  account_signed_out: cost(2, 3),
  /** With an ID token of this session and one application that wants to be told: its grant and its outbox row. */
  logout: cost(1, 5, 0, 1),
  /** As many rows as 3 and 2 per application; the ID token was checked before. */
  logout_of_three: cost(1, 9),
  /** An ID token of another session: what it names does not end, and the question is asked. */
  logout_other_session: cost(2, 0),
  logout_question: cost(1, 0),
  /** Nobody is signed in. */
  logout_stranger: cost(0, 0),
  sign_out: cost(1, 5),
  signed_out_page: cost(1, 0),
  signed_out_page_told_nobody: cost(0, 0),
  /** With `openid`: access and ID token. */
  code_exchange: cost(1, 4, 2),
  code_exchange_opaque: cost(1, 5, 1),
  code_exchange_refused: cost(2, 3),
  refresh: cost(2, 3, 2, 0, 1),
  refresh_retry: cost(1, 0, 2),
  refresh_opaque: cost(2, 4, 1, 0, 1),
  /** The refresh token is the same again; the access token is another. */
  refresh_retry_opaque: cost(2, 1, 1),
  refresh_lost_race: cost(3, 0, 2, 0, 1),
  refresh_replay: cost(2, 3),
  device_authorization: cost(1, 1),
  device_poll: cost(1, 1),
  device_poll_early: cost(1, 0),
  /** The form leads to the look-up, which charges session and address. */
  user_code_posted: cost(0, 0),
  user_code_entered: cost(2, 2),
  device_allowed: cost(2, 2, 0, 0, 1),
  device_denied: cost(2, 2),
  device_done: cost(2, 0),
  /** With `openid`: the poll sees the approval; then as a code. */
  device_exchange: cost(2, 4, 2),
  device_exchange_opaque: cost(2, 5, 1),
  device_exchange_replayed: cost(2, 3),
} as const satisfies Record<string, Cost>;

export type CostName = keyof typeof costs;

/**
 * The sweep for leavers, beside requests: what each part of a round costs, all tables together. A user who is as before costs
 * nothing but their share of a lot.
 */
export const recheckCosts = {
  /** Of a hundred users at most: two rows as it is given out, one when it was looked at. */
  lot: { statements: 2, rows: 3, searches: 1 },
  /** Once: nothing is left to look at, and all is decided. */
  round: { statements: 3, rows: 1, searches: 0 },
  /** Once in a round in which somebody left, and ... */
  ending: { statements: 2, rows: 1, searches: 0 },
  /** ... of each lot with some who did, however many. */
  endedLot: { statements: 1, rows: 1, searches: 0 },
  /** Of each of them, with one session, one grant and one application that is told: those, three revocations, the audit. */
  leaver: { statements: 0, rows: 7, searches: 0 },
} as const;

/** Which lines speak for an endpoint's or a grant's file: none of them may be without one. */
export const covered: Readonly<Record<string, readonly CostName[]>> = {
  'endpoints/discovery.ts': ['document'],
  'endpoints/jwks.ts': ['document'],
  'endpoints/health.ts': ['document'],
  'endpoints/assets.ts': ['document'],
  'endpoints/logos.ts': ['document'],
  'endpoints/language.ts': ['document'],
  'endpoints/token.ts': ['token_refused_early', 'assertion_refused'],
  'endpoints/userinfo.ts': ['userinfo', 'userinfo_seen', 'userinfo_signed', 'userinfo_opaque'],
  'endpoints/introspection.ts': ['introspection', 'introspection_seen', 'introspection_opaque'],
  'endpoints/revocation.ts': ['revocation', 'revocation_jwt', 'revocation_single', 'revocation_ignored'],
  'endpoints/authorize.ts': [
    'authorize_first_hit',
    'authorize_with_session',
    'authorize_silent',
    'authorize_silent_one_token',
    'authorize_silent_two_tokens',
    'authorize_silent_with_hint',
    'authorize_hint_refused',
  ],
  'endpoints/choose-account.ts': ['account_chosen'],
  'endpoints/login.ts': ['login', 'login_two_tokens', 'login_refused'],
  'endpoints/password.ts': ['password_page', 'password_changed', 'password_refused', 'password_required_changed'],
  'endpoints/account.ts': ['account_page', 'account_access_removed', 'account_signed_out'],
  'endpoints/consent.ts': ['consent_page', 'consent_allowed', 'consent_allowed_two_tokens', 'consent_denied'],
  'endpoints/logout.ts': ['logout', 'logout_of_three', 'logout_other_session', 'logout_question', 'logout_stranger'],
  'endpoints/sign-out.ts': ['sign_out', 'signed_out_page', 'signed_out_page_told_nobody'],
  'endpoints/continue.ts': ['consent_page'],
  'endpoints/device-authorization.ts': ['device_authorization'],
  'endpoints/device.ts': [
    'login_for_page',
    'user_code_posted',
    'user_code_entered',
    'device_allowed',
    'device_denied',
    'device_done',
  ],
  'grants/device-code.ts': [
    'device_poll',
    'device_poll_early',
    'device_exchange',
    'device_exchange_opaque',
    'device_exchange_replayed',
  ],
  'grants/client-credentials.ts': [
    'client_credentials',
    'client_credentials_opaque',
    'client_credentials_private_key',
    'client_credentials_service_account',
  ],
  'grants/authorization-code.ts': ['code_exchange', 'code_exchange_opaque', 'code_exchange_refused'],
  'grants/refresh-gate.ts': ['refresh'],
  'grants/refresh-token.ts': [
    'refresh',
    'refresh_opaque',
    'refresh_retry_opaque',
    'refresh_retry',
    'refresh_lost_race',
    'refresh_replay',
  ],
};
