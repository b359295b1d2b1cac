/** Tables of the user flows. Handles are kept as SHA-256 alone; no foreign keys between tables that every request writes. */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const statements = [
  // Updated about once a minute and never by an indexed column: room for the next version on the same page.
  `CREATE TABLE sessions (
    handle bytea PRIMARY KEY,
    id text NOT NULL UNIQUE,
    browser bytea NOT NULL,
    subject text NOT NULL,
    directory text NOT NULL,
    entry_id text NOT NULL,
    username text NOT NULL,
    name text NOT NULL,
    claims jsonb NOT NULL,
    auth_time timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    idle_seconds integer NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    ended_reason text
  ) WITH (fillfactor = 70)`,
  `CREATE INDEX sessions_subject ON sessions (subject) WHERE ended_at IS NULL`,
  `CREATE INDEX sessions_expires_at ON sessions (expires_at)`,

  `CREATE TABLE consents (
    subject text NOT NULL,
    client_uid text NOT NULL,
    client_id text NOT NULL,
    scopes text[] NOT NULL,
    given_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (subject, client_uid)
  )`,
  `CREATE INDEX consents_expires_at ON consents (expires_at)`,

  `CREATE TABLE authorization_requests (
    id uuid PRIMARY KEY,
    browser bytea NOT NULL,
    client_uid text NOT NULL,
    sealed bytea NOT NULL,
    expires_at timestamptz NOT NULL
  )`,
  `CREATE INDEX authorization_requests_browser ON authorization_requests (browser)`,
  `CREATE INDEX authorization_requests_expires_at ON authorization_requests (expires_at)`,

  // A spent code stays as long as its replay could matter; a request that was denied or refused is a row born spent.
  `CREATE TABLE authorization_codes (
    hash bytea PRIMARY KEY,
    grant_id uuid NOT NULL UNIQUE,
    outcome text NOT NULL CHECK (outcome IN ('issued', 'denied', 'refused')),
    client_id text NOT NULL,
    client_uid text NOT NULL,
    redirect_uri text NOT NULL,
    challenge text,
    nonce text,
    scopes text[] NOT NULL,
    offline boolean NOT NULL,
    session_id text NOT NULL,
    subject text NOT NULL,
    directory text NOT NULL,
    entry_id text NOT NULL,
    username text NOT NULL,
    claims jsonb NOT NULL,
    auth_time timestamptz NOT NULL,
    answer bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    keep_until timestamptz NOT NULL,
    used_at timestamptz
  ) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02)`,
  `CREATE INDEX authorization_codes_unused ON authorization_codes (subject, client_uid) WHERE used_at IS NULL`,
  `CREATE INDEX authorization_codes_keep_until ON authorization_codes (keep_until)`,

  // session_id NULL: the grant lives to its own limits (offline_access).
  `CREATE TABLE grants (
    id uuid PRIMARY KEY,
    client_id text NOT NULL,
    client_uid text NOT NULL,
    subject text NOT NULL,
    directory text NOT NULL,
    entry_id text NOT NULL,
    username text NOT NULL,
    session_id text,
    scopes text[] NOT NULL,
    claims jsonb NOT NULL,
    auth_time timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    ended_reason text
  ) WITH (fillfactor = 80)`,
  `CREATE INDEX grants_subject ON grants (subject) WHERE ended_at IS NULL`,
  `CREATE INDEX grants_expires_at ON grants (expires_at)`,

  // keep_until is the grant's end: until then a spent token tells a replay from an unknown one.
  `CREATE TABLE refresh_tokens (
    hash bytea PRIMARY KEY,
    grant_id uuid NOT NULL,
    issued_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    keep_until timestamptz NOT NULL,
    used_at timestamptz,
    successor bytea
  ) WITH (fillfactor = 60)`,
  `CREATE INDEX refresh_tokens_keep_until ON refresh_tokens (keep_until)`,

  // Unlogged would be faster and wrong: a crash must not give a guesser new tries.
  `CREATE TABLE login_attempts (
    key bytea PRIMARY KEY,
    attempts integer NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL
  ) WITH (fillfactor = 50)`,

  `CREATE TABLE revocations (
    kind text NOT NULL CHECK (kind IN ('grant', 'session', 'subject', 'client', 'token')),
    value text NOT NULL,
    revoked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (kind, value)
  )`,
  `CREATE INDEX revocations_revoked_at ON revocations (revoked_at)`,

  `CREATE TABLE audit (
    id uuid PRIMARY KEY,
    time timestamptz NOT NULL DEFAULT now(),
    event text NOT NULL,
    outcome text NOT NULL,
    reason text,
    request_id text,
    client_address text,
    user_id text,
    user_name text,
    directory text,
    directory_server text,
    rule text,
    client_id text,
    client_uid text,
    grant_id uuid,
    grant_type text,
    scopes text[],
    scopes_refused text[],
    session_id text,
    kid text,
    registrations text[]
  )`,
  `CREATE INDEX audit_time ON audit (time)`,
];

export const flows: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(database);
  },
};
