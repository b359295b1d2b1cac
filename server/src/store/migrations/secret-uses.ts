/**
 * Client secrets that are rotated: when an older one was used last, whom nobody can ask any more, what is written down of a
 * change, and how everything that a leaked one obtained is ended.
 */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Trigger functions run with their owner's rights: whoever may change a row need not have the right to what follows from it. */
const ownersRights = 'LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT';

/** A random UUID with the time written over its first 48 bits and the version made 7 (RFC 9562 §5.7). */
const newId = `encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
  substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid`;

/**
 * The digest '' stands for all: a replica died, and what it saw last is not known. A report whose process left in order says
 * so (`infinity`); one of a version that does not look at uses says nothing (NULL).
 */
const noteLoss = `CREATE FUNCTION replica_report_lost() RETURNS trigger ${ownersRights} AS $$
BEGIN
  IF OLD.secrets_until IS DISTINCT FROM 'infinity' THEN
    INSERT INTO secret_uses AS known (digest, used_at)
      VALUES ('', least(now(), OLD.reported_at + interval '15 seconds'))
      ON CONFLICT (digest) DO UPDATE SET used_at = greatest(known.used_at, excluded.used_at);
  END IF;
  RETURN NULL;
END $$`;

/** Whoever changes the digests, and be it by hand in SQL. The first one of a client is no rotation. */
const auditSecrets = `CREATE FUNCTION registry_audit_secrets() RETURNS trigger ${ownersRights} AS $$
DECLARE
  before_ jsonb := OLD.body -> 'client_secret_digests';
  after_ jsonb := NEW.body -> 'client_secret_digests';
  gone_ text;
BEGIN
  IF jsonb_typeof(before_) IS DISTINCT FROM 'array' OR jsonb_typeof(after_) IS DISTINCT FROM 'array' THEN RETURN NULL; END IF;
  IF before_ <> '[]' AND EXISTS (SELECT FROM jsonb_array_elements_text(after_) AS d WHERE NOT before_ ? d) THEN
    INSERT INTO audit (id, event, outcome, client_id, client_uid)
      VALUES (${newId}, 'secret.rotated', 'success', NEW.id, NEW.uid);
  END IF;
  FOR gone_ IN SELECT d FROM jsonb_array_elements_text(before_) AS d WHERE NOT after_ ? d LOOP
    INSERT INTO audit (id, event, outcome, reason, client_id, client_uid)
      VALUES (${newId}, 'secret.retired', 'success',
        CASE WHEN NEW.body #> '{secret_notes,revoked}' ? gone_ THEN 'revoked' END, NEW.id, NEW.uid);
    DELETE FROM secret_uses WHERE digest = gone_;
  END LOOP;
  RETURN NULL;
END $$`;

/**
 * Ends every grant of a client of this source and every token that it was issued until now. What its row accepts is not
 * touched: that is written before, and again afterwards this is called for what a replica issued meanwhile.
 */
const revokeTokens = `CREATE FUNCTION registry_revoke_tokens(source_ text, created_ bigint, transitions_ bigint, uid_ text)
RETURNS text ${ownersRights} AS $$
DECLARE client_ text := (SELECT r.id FROM registry r WHERE r.source = source_ AND r.kind = 'client' AND r.uid = uid_);
BEGIN
  IF client_ IS NULL THEN RETURN 'absent'; END IF;
  IF NOT registry_admit(source_, created_, transitions_) THEN RETURN 'fenced'; END IF;
  INSERT INTO revocations (kind, value, revoked_at, expires_at)
    VALUES ('client', client_, now(), now() + interval '65 minutes')
    ON CONFLICT (kind, value) DO UPDATE SET revoked_at = now(), expires_at = excluded.expires_at;
  UPDATE grants SET ended_at = now(), ended_reason = 'admin' WHERE client_id = client_ AND ended_at IS NULL;
  INSERT INTO audit (id, event, outcome, reason, client_id, client_uid)
    VALUES (${newId}, 'token.revoked', 'success', 'secret_revoked', client_, uid_);
  RETURN 'revoked';
END $$`;

const statements = [
  `CREATE TABLE secret_uses (
    digest text PRIMARY KEY,
    used_at timestamptz NOT NULL
  ) WITH (fillfactor = 50)`,

  // Until when all that this process saw of older secrets is known; which process that is, as a name may be taken again.
  `ALTER TABLE replica_reports ADD COLUMN secrets_until timestamptz, ADD COLUMN process text`,
  noteLoss,
  `CREATE TRIGGER note_loss AFTER DELETE ON replica_reports FOR EACH ROW EXECUTE FUNCTION replica_report_lost()`,
  `CREATE TRIGGER note_successor AFTER UPDATE ON replica_reports FOR EACH ROW
    WHEN (OLD.process IS DISTINCT FROM NEW.process) EXECUTE FUNCTION replica_report_lost()`,

  auditSecrets,
  `CREATE TRIGGER audit_secrets AFTER UPDATE OF body ON registry FOR EACH ROW
    WHEN (OLD.kind = 'client' AND NEW.kind = 'client' AND OLD.id = NEW.id
      AND OLD.body -> 'client_secret_digests' IS DISTINCT FROM NEW.body -> 'client_secret_digests')
    EXECUTE FUNCTION registry_audit_secrets()`,

  revokeTokens,
];

export const secretUses: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(database);
  },
};
