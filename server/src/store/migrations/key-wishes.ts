/**
 * What is wished of the signing keys from outside: the operator writes a wish and reads what became of it, a server carries
 * it out, as the keys are the servers' alone.
 */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const statements = [
  // wish: what was asked, each value once; of a key that is to be revoked its kid.
  `CREATE TABLE registry_key_wishes (
    kind text NOT NULL CHECK (kind IN ('rotate', 'revoke')),
    wish text NOT NULL CHECK (length(wish) <= 256),
    asked_at timestamptz NOT NULL DEFAULT now(),
    done_at timestamptz,
    outcome text CHECK (outcome IN ('done', 'unknown')),
    PRIMARY KEY (kind, wish)
  )`,
  `CREATE FUNCTION registry_wish_keys(source_ text, created_ bigint, transitions_ bigint, kind_ text, wish_ text)
  RETURNS text LANGUAGE plpgsql AS $$
  DECLARE found_ registry_key_wishes;
  BEGIN
    SELECT * INTO found_ FROM registry_key_wishes WHERE kind = kind_ AND wish = wish_;
    IF FOUND THEN RETURN coalesce(found_.outcome, 'pending'); END IF;
    IF NOT registry_admit(source_, created_, transitions_) THEN RETURN 'fenced'; END IF;
    INSERT INTO registry_key_wishes (kind, wish) VALUES (kind_, wish_) ON CONFLICT DO NOTHING;
    RETURN 'pending';
  END $$`,
];

export const keyWishes: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(database);
  },
};
