/**
 * Which edit of a Client stands behind its row, and which policy of the server allowed it: the audit says it with everything
 * that the client does. It is no part of what is served, and a version that does not know of it leaves it as it is.
 *
 * And how many grants were ended by hand, until a server has counted them.
 */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { rewritten } from './rewritten.ts';

/** What a put says nothing of stays. */
const said = `coalesce(i.generation, r.generation), CASE WHEN i.generation IS NULL THEN r.policy ELSE i.policy END`;

const writtenAnew =
  'coalesce(excluded.generation, r.generation), CASE WHEN excluded.generation IS NULL THEN r.policy ELSE excluded.policy END';

const put = rewritten('registry_put', [
  ['r.withdrawn, r.body, r.sealed)', 'r.withdrawn, r.body, r.sealed, r.generation, r.policy)'],
  ['i.withdrawn, i.body, i.sealed))', `i.withdrawn, i.body, i.sealed, ${said}))`],
  ['excluded.body, excluded.sealed)', `excluded.body, excluded.sealed, ${writtenAnew})`],
  ['body, sealed, traceparent, n)', 'body, sealed, traceparent, generation, policy, n)'],
  ['i.sealed, i.traceparent, 0', 'i.sealed, i.traceparent, i.generation, i.policy, 0'],
  [
    'adopted = false,',
    'generation = coalesce(excluded.generation, r.generation), policy = CASE WHEN excluded.generation IS NULL THEN r.policy ELSE excluded.policy END, adopted = false,',
  ],
  [
    'INSERT INTO audit (id, event, outcome, registrations) VALUES (',
    'INSERT INTO audit (id, event, outcome, registrations, client_id, client_uid, client_generation, policy) SELECT ',
  ],
  [
    `'registration.put', 'success', written)`,
    `'registration.put', 'success', written, c.id, c.uid, c.generation, c.policy
      FROM (SELECT) one LEFT JOIN LATERAL (SELECT i.id, i.uid, i.generation, i.policy FROM unnest(granted) i
        WHERE i.kind = 'client' AND written = ARRAY[i.kind || '/' || i.id]) c ON true`,
  ],
]);

/** A secret that comes or goes is told with the same. */
const secrets = rewritten('registry_audit_secrets', [
  ['client_id, client_uid)', 'client_id, client_uid, client_generation, policy)'],
  ['NEW.id, NEW.uid)', 'NEW.id, NEW.uid, NEW.generation, NEW.policy)'],
]);

/**
 * What an operator ends with all secrets of a client, so many grants at a time: `more`, until none is left. The client's own
 * row, which refuses every token by itself, stands from the first time on, however many grants there are; it carries their
 * number for the server that counts them.
 */
const revocation = rewritten('registry_revoke_tokens', [
  [
    `UPDATE grants SET ended_at = now(), ended_reason = 'admin' WHERE client_id = client_ AND ended_at IS NULL;`,
    `DECLARE ended_ integer;
  BEGIN
    UPDATE grants SET ended_at = now(), ended_reason = 'admin'
      WHERE id IN (SELECT g.id FROM grants g WHERE g.client_id = client_ AND g.ended_at IS NULL LIMIT 1000);
    GET DIAGNOSTICS ended_ = ROW_COUNT;
    UPDATE revocations SET by_hand = coalesce(by_hand, 0) + ended_
      WHERE kind = 'client' AND value = client_ AND ended_ > 0;
    IF ended_ = 1000 THEN RETURN 'more'; END IF;
  END;`,
  ],
]);

const statements = [
  `ALTER TABLE audit ADD COLUMN client_generation bigint, ADD COLUMN policy text`,
  `ALTER TABLE revocations ADD COLUMN by_hand integer`,
  `ALTER TABLE registry ADD COLUMN generation bigint, ADD COLUMN policy text`,
  `ALTER TYPE registry_input ADD ATTRIBUTE generation bigint, ADD ATTRIBUTE policy text`,
  put,
  secrets,
  revocation,
];

export const allowedBy: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(database);
  },
};
