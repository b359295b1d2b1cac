/**
 * What the operator has looked at and found as it should be, beside the rows that it is about: after a restart it looks only
 * at what differs from that. No part of what is served, so that none of it raises the revision.
 */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** @param schema where the tables are, quoted */
const statements = (schema: string) => [
  // epoch, n: of the row as it was then; another one says that the row moved, whoever did it. state: the operator's words.
  `CREATE TABLE registry_checks (
    kind text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    epoch text NOT NULL,
    n bigint NOT NULL,
    state text NOT NULL,
    PRIMARY KEY (kind, id)
  )`,
  // Of rows that are there as said, and only where something differs.
  `CREATE FUNCTION registry_note_checks(source_ text, created_ bigint, transitions_ bigint, input_ jsonb)
  RETURNS text LANGUAGE plpgsql AS $$
  BEGIN
    IF NOT registry_admit(source_, created_, transitions_) THEN RETURN 'fenced'; END IF;
    INSERT INTO registry_checks AS c (kind, id, epoch, n, state)
      SELECT i.kind, i.id, i.epoch, i.n, i.state
      FROM jsonb_to_recordset(input_) AS i(kind text, id text, epoch text, n bigint, state text)
        JOIN registry_revision v ON v.epoch = i.epoch
        JOIN registry r ON r.kind = i.kind AND r.id = i.id AND r.n = i.n AND r.source = source_
        LEFT JOIN registry_checks old ON old.kind = i.kind AND old.id = i.id
      WHERE (old.epoch, old.n, old.state) IS DISTINCT FROM (i.epoch, i.n, i.state)
      ON CONFLICT (kind, id) DO UPDATE SET epoch = excluded.epoch, n = excluded.n, state = excluded.state;
    RETURN 'noted';
  END $$`,
  `CREATE FUNCTION registry_forget_check() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = ${schema}, pg_temp AS $$
  BEGIN
    DELETE FROM registry_checks WHERE kind = OLD.kind AND id = OLD.id;
    RETURN NULL;
  END $$`,
  `CREATE TRIGGER forget_check AFTER DELETE ON registry FOR EACH ROW EXECUTE FUNCTION registry_forget_check()`,
];

export const checks: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    const { rows } = await sql<{ schema: string }>`SELECT quote_ident(current_schema()) AS schema`.execute(database);
    for (const statement of statements(rows[0]?.schema ?? 'public')) await sql.raw(statement).execute(database);
  },
};
