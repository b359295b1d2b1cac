/**
 * Tables of the registry. Their triggers are the revision: whoever changes a row, by hand in SQL too, raises the one
 * revision row first and so waits for every other writer (the order of commits is the order of revisions), the changed row
 * carries the new number, a deletion leaves a tombstone, and NOTIFY goes out with the commit.
 */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { registryFunctions } from './registry-functions.ts';

const statements = [
  // Byte order in every comparison: pages are cut by (n, kind, id) whatever the database's locale.
  `CREATE TABLE registry (
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('server', 'client', 'scope', 'directory')),
    id text COLLATE "C" NOT NULL CHECK (id <> ''),
    source text NOT NULL,
    namespace text NOT NULL,
    name text NOT NULL,
    uid text NOT NULL,
    format integer NOT NULL,
    withdrawn boolean NOT NULL,
    body jsonb NOT NULL,
    sealed bytea,
    n bigint NOT NULL,
    PRIMARY KEY (kind, id)
  )`,
  `CREATE INDEX registry_n ON registry (n, kind, id)`,
  `CREATE INDEX registry_owner ON registry (source, kind, namespace, name)`,
  `CREATE INDEX registry_uid ON registry (uid, kind)`,

  // What is no longer there, so that followers hear of it, and for whom its id stays reserved.
  `CREATE TABLE registry_tombstones (
    kind text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    source text NOT NULL,
    namespace text NOT NULL,
    name text NOT NULL,
    uid text NOT NULL,
    n bigint NOT NULL,
    deleted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, id)
  )`,
  `CREATE INDEX registry_tombstones_n ON registry_tombstones (n, kind, id)`,
  `CREATE INDEX registry_tombstones_deleted_at ON registry_tombstones (deleted_at)`,

  // A follower below swept_n may have missed a tombstone that was swept: it loads everything anew.
  `CREATE TABLE registry_revision (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch text NOT NULL,
    n bigint NOT NULL,
    swept_n bigint NOT NULL DEFAULT 0
  ) WITH (fillfactor = 20)`,
  `INSERT INTO registry_revision (epoch, n) VALUES (gen_random_uuid()::text, 0)`,

  // The newest leadership that has written, by source.
  `CREATE TABLE registry_fences (
    source text PRIMARY KEY,
    lease_created bigint NOT NULL,
    lease_transitions bigint NOT NULL
  )`,

  `CREATE TABLE registry_identities (
    source text NOT NULL,
    kind text NOT NULL,
    namespace text NOT NULL,
    name text NOT NULL,
    uid text NOT NULL,
    generation bigint NOT NULL,
    accepted jsonb NOT NULL,
    PRIMARY KEY (source, kind, namespace, name)
  )`,

  `CREATE TABLE replica_reports (
    replica text PRIMARY KEY,
    reported_at timestamptz NOT NULL,
    format integer NOT NULL,
    epoch text NOT NULL,
    n bigint NOT NULL,
    rejected jsonb NOT NULL,
    directories jsonb NOT NULL,
    keys text NOT NULL
  ) WITH (fillfactor = 50)`,

  ...registryFunctions,

  `CREATE TRIGGER raise_revision BEFORE INSERT OR UPDATE OR DELETE ON registry
    FOR EACH STATEMENT EXECUTE FUNCTION registry_raise_revision()`,
  `CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON registry FOR EACH ROW EXECUTE FUNCTION registry_stamp()`,
  `CREATE TRIGGER lay_tombstone AFTER UPDATE OR DELETE ON registry FOR EACH ROW EXECUTE FUNCTION registry_lay_tombstone()`,
  `CREATE TRIGGER lift_tombstone AFTER INSERT OR UPDATE ON registry FOR EACH ROW EXECUTE FUNCTION registry_lift_tombstone()`,
  `CREATE TRIGGER begin_epoch AFTER TRUNCATE ON registry FOR EACH STATEMENT EXECUTE FUNCTION registry_begin_epoch()`,
];

export const registry: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(database);
  },
};
