/**
 * Opaque access tokens; secrets of the server itself; and what tokens of a client that is no more are worth: nothing, even
 * if another one is declared under its name.
 */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const statements = [
  // grant_id NULL: no user is involved.
  `CREATE TABLE access_tokens (
    hash bytea PRIMARY KEY,
    id uuid NOT NULL,
    client_id text NOT NULL,
    client_uid text NOT NULL,
    grant_id uuid,
    scopes text[] NOT NULL,
    audiences text[] NOT NULL,
    issued_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
  )`,
  `CREATE INDEX access_tokens_expires_at ON access_tokens (expires_at)`,

  `CREATE TABLE sealed_secrets (
    name text PRIMARY KEY,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
  )`,

  // With its owner's rights: who may change a registration need not be let near the revocations.
  `CREATE FUNCTION registry_revoke_client() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
  BEGIN
    INSERT INTO revocations (kind, value, revoked_at, expires_at)
      VALUES ('client', OLD.id, now(), now() + interval '65 minutes')
      ON CONFLICT (kind, value) DO UPDATE SET revoked_at = now(), expires_at = EXCLUDED.expires_at;
    RETURN NULL;
  END $$`,
  `CREATE TRIGGER revoke_deleted_client AFTER DELETE ON registry FOR EACH ROW WHEN (OLD.kind = 'client')
    EXECUTE FUNCTION registry_revoke_client()`,
  `CREATE TRIGGER revoke_former_client AFTER UPDATE ON registry FOR EACH ROW
    WHEN (OLD.kind = 'client' AND (OLD.uid <> NEW.uid OR OLD.id <> NEW.id)) EXECUTE FUNCTION registry_revoke_client()`,
];

export const accessTokens: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(database);
  },
};
