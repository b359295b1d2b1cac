/**
 * Which edit of a Client stands behind its row, and which policy of the server allowed it: the audit says it with everything
 * that the client does. It is no part of what is served, and a version that does not know of it leaves it as it is.
 *
 * And how many grants were ended by hand, until a server has counted them.
 */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** What a put says nothing of stays. */
const said = `coalesce(i.generation, r.generation), CASE WHEN i.generation IS NULL THEN r.policy ELSE i.policy END`;

/** `registry_put` keeps all else of its text, whichever version of it stands there. */
const rewrite = `DO $do$
DECLARE
  text_ text := pg_get_functiondef('registry_put'::regproc);
  pair_ text[];
BEGIN
  FOREACH pair_ SLICE 1 IN ARRAY ARRAY[
    ['r.withdrawn, r.body, r.sealed)', 'r.withdrawn, r.body, r.sealed, r.generation, r.policy)'],
    ['i.withdrawn, i.body, i.sealed))', 'i.withdrawn, i.body, i.sealed, ${said}))'],
    ['excluded.body, excluded.sealed)', 'excluded.body, excluded.sealed, coalesce(excluded.generation, r.generation), CASE WHEN excluded.generation IS NULL THEN r.policy ELSE excluded.policy END)'],
    ['body, sealed, traceparent, n)', 'body, sealed, traceparent, generation, policy, n)'],
    ['i.sealed, i.traceparent, 0', 'i.sealed, i.traceparent, i.generation, i.policy, 0'],
    ['adopted = false,', 'generation = coalesce(excluded.generation, r.generation), policy = CASE WHEN excluded.generation IS NULL THEN r.policy ELSE excluded.policy END, adopted = false,'],
    ['INSERT INTO audit (id, event, outcome, registrations) VALUES (', 'INSERT INTO audit (id, event, outcome, registrations, client_id, client_uid, client_generation, policy) SELECT '],
    ['''registration.put'', ''success'', written)', '''registration.put'', ''success'', written, c.id, c.uid, c.generation, c.policy
      FROM (SELECT) one LEFT JOIN LATERAL (SELECT i.id, i.uid, i.generation, i.policy FROM unnest(granted) i
        WHERE i.kind = ''client'' AND written = ARRAY[i.kind || ''/'' || i.id]) c ON true']
  ] LOOP
    IF position(pair_[1] IN text_) = 0 THEN RAISE EXCEPTION 'registry_put has no "%"', pair_[1]; END IF;
    text_ := replace(text_, pair_[1], pair_[2]);
  END LOOP;
  EXECUTE text_;
END $do$`;

/** A secret that comes or goes is told with the same. */
const rewriteSecrets = `DO $do$
DECLARE
  text_ text := pg_get_functiondef('registry_audit_secrets'::regproc);
BEGIN
  IF position('client_id, client_uid)' IN text_) = 0 OR position('NEW.id, NEW.uid)' IN text_) = 0 THEN
    RAISE EXCEPTION 'registry_audit_secrets names no client';
  END IF;
  text_ := replace(text_, 'client_id, client_uid)', 'client_id, client_uid, client_generation, policy)');
  EXECUTE replace(text_, 'NEW.id, NEW.uid)', 'NEW.id, NEW.uid, NEW.generation, NEW.policy)');
END $do$`;

/**
 * What an operator ends with all secrets of a client, so many grants at a time: `more`, until none is left. The client's own
 * row, which refuses every token by itself, stands from the first time on, however many grants there are; it carries their
 * number for the server that counts them.
 */
const rewriteRevocation = `DO $do$
DECLARE
  text_ text := pg_get_functiondef('registry_revoke_tokens'::regproc);
  before_ text := $id$UPDATE grants SET ended_at = now(), ended_reason = 'admin' WHERE client_id = client_ AND ended_at IS NULL;$id$;
BEGIN
  IF position(before_ IN text_) = 0 THEN RAISE EXCEPTION 'registry_revoke_tokens ends no grants'; END IF;
  EXECUTE replace(text_, before_, $id$DECLARE ended_ integer;
  BEGIN
    UPDATE grants SET ended_at = now(), ended_reason = 'admin'
      WHERE id IN (SELECT g.id FROM grants g WHERE g.client_id = client_ AND g.ended_at IS NULL LIMIT 1000);
    GET DIAGNOSTICS ended_ = ROW_COUNT;
    UPDATE revocations SET by_hand = coalesce(by_hand, 0) + ended_
      WHERE kind = 'client' AND value = client_ AND ended_ > 0;
    IF ended_ = 1000 THEN RETURN 'more'; END IF;
  END;$id$);
END $do$`;

const statements = [
  `ALTER TABLE audit ADD COLUMN client_generation bigint, ADD COLUMN policy text`,
  `ALTER TABLE revocations ADD COLUMN by_hand integer`,
  `ALTER TABLE registry ADD COLUMN generation bigint, ADD COLUMN policy text`,
  `ALTER TYPE registry_input ADD ATTRIBUTE generation bigint, ADD ATTRIBUTE policy text`,
  rewrite,
  rewriteSecrets,
  rewriteRevocation,
];

export const allowedBy: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(database);
  },
};
