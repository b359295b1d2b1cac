/** The signing keys' table. */
import type { SigningKeyStore, StoredSigningKey } from '../keys/keys.ts';
import type { SigningAlgorithm } from '../protocol/terms.ts';
import { epochSeconds } from '../protocol/time.ts';
import { auditJson, insertAudit, newAuditId } from './audit.ts';
import type { Database, Statement } from './database.ts';

interface Row {
  readonly now: Date;
  readonly wished: boolean;
  readonly kid: string | null;
  readonly algorithm: SigningAlgorithm;
  readonly generation: number;
  readonly active_from: Date;
  readonly revoked: boolean;
  readonly activated: boolean;
  readonly rotation_asked: boolean;
  readonly public_jwk: Record<string, unknown>;
  readonly sealed_private_key: Buffer;
}

// The time comes along even where there is no key yet.
const load: Statement = {
  name: 'signing_keys_load',
  text: `SELECT clock.now, EXISTS (SELECT FROM registry_key_wishes WHERE done_at IS NULL) AS wished, k.kid, k.algorithm, k.generation, k.active_from, k.revoked_at IS NOT NULL AS revoked,
    k.activated_at IS NOT NULL AS activated, k.rotation_asked_at IS NOT NULL AS rotation_asked, k.public_jwk, k.sealed_private_key
    FROM (SELECT now() AS now) AS clock LEFT JOIN signing_keys k ON true`,
};

const insert: Statement = {
  name: 'signing_keys_insert',
  text: `WITH key AS (
      INSERT INTO signing_keys (kid, algorithm, generation, active_from, public_jwk, sealed_private_key, activated_at)
      VALUES ($1, $2, $3, to_timestamp($4::bigint), $5::jsonb, $6, CASE WHEN $8::boolean THEN now() END)
      ON CONFLICT DO NOTHING RETURNING kid
    ), audited AS (${insertAudit('$7', 'key', { kid: 'key.kid' })})
    SELECT kid FROM key`,
};

const activate: Statement = {
  name: 'signing_keys_activate',
  text: `WITH key AS (
      UPDATE signing_keys SET activated_at = now() WHERE kid = $1 AND activated_at IS NULL AND revoked_at IS NULL
      RETURNING kid
    ), audited AS (${insertAudit('$2', 'key', { kid: 'key.kid' })})
    SELECT kid FROM key`,
};

// Of a key that is not used yet the turn is still to come: nobody needs another one behind it.
const wantSuccessors = `UPDATE signing_keys k SET rotation_asked_at = now()
    WHERE revoked_at IS NULL AND rotation_asked_at IS NULL AND active_from <= now() AND NOT EXISTS (
      SELECT FROM signing_keys newer
      WHERE newer.algorithm = k.algorithm AND newer.generation > k.generation AND newer.revoked_at IS NULL
    )`;
const askRotation: Statement = {
  name: 'signing_keys_ask_rotation',
  text: `${wantSuccessors} RETURNING algorithm`,
};

// A second server that comes to the same wish waits for the first, and finds it done.
const fulfilRotations: Statement = {
  name: 'signing_keys_fulfil_rotations',
  text: `WITH wish AS (
      UPDATE registry_key_wishes SET done_at = now(), outcome = 'done' WHERE kind = 'rotate' AND done_at IS NULL RETURNING 1)
    ${wantSuccessors} AND EXISTS (SELECT FROM wish)`,
};
const fulfilRevocations: Statement = {
  name: 'signing_keys_fulfil_revocations',
  text: `WITH wish AS (
      UPDATE registry_key_wishes w SET done_at = now(),
        outcome = CASE WHEN EXISTS (SELECT FROM signing_keys k WHERE k.kid = w.wish) THEN 'done' ELSE 'unknown' END
      WHERE kind = 'revoke' AND done_at IS NULL RETURNING wish),
    key AS (
      UPDATE signing_keys SET revoked_at = now() FROM wish WHERE kid = wish.wish AND revoked_at IS NULL RETURNING kid),
    audited AS (${insertAudit('$1', 'key', { id: newAuditId, kid: 'key.kid' })})
    SELECT kid FROM key`,
};

const remove: Statement = {
  name: 'signing_keys_remove',
  text: `WITH key AS (DELETE FROM signing_keys WHERE kid = $1 RETURNING kid),
    audited AS (${insertAudit('$2', 'key', { kid: 'key.kid' })})
    SELECT kid FROM key`,
};

const revoke: Statement = {
  name: 'signing_keys_revoke',
  text: `WITH key AS (UPDATE signing_keys SET revoked_at = now() WHERE kid = $1 AND revoked_at IS NULL RETURNING kid),
    audited AS (${insertAudit('$2', 'key', { kid: 'key.kid' })})
    SELECT EXISTS (SELECT FROM key) AS revoked, EXISTS (SELECT FROM signing_keys WHERE kid = $1) AS known`,
};

const reseal: Statement = {
  name: 'signing_keys_reseal',
  text: 'UPDATE signing_keys SET sealed_private_key = $3 WHERE kid = $1 AND sealed_private_key = $2',
};

const toSeconds = (date: Date) => epochSeconds(Math.floor(date.getTime() / 1000));

function toKey(row: Row): StoredSigningKey[] {
  if (row.kid === null) return [];
  return [
    {
      kid: row.kid,
      algorithm: row.algorithm,
      generation: row.generation,
      activeFrom: toSeconds(row.active_from),
      revoked: row.revoked,
      activated: row.activated,
      rotationAsked: row.rotation_asked,
      publicJwk: row.public_jwk,
      sealedPrivateKey: row.sealed_private_key,
    },
  ];
}

export function signingKeyStore(database: Database): SigningKeyStore {
  return {
    async load() {
      const { rows } = await database.run<Row>(load, []);
      const now = rows[0]?.now ?? new Date(0);
      return { now: toSeconds(now), keys: rows.flatMap(toKey), wished: rows[0]?.wished === true };
    },
    async insert(key) {
      const activation = { event: 'key.activated', outcome: 'success' } as const;
      const event = auditJson({ event: 'key.published', outcome: 'success' }, ...(key.activated ? [activation] : []));
      const jwk = JSON.stringify(key.publicJwk);
      const values = [
        key.kid,
        key.algorithm,
        key.generation,
        key.activeFrom,
        jwk,
        key.sealedPrivateKey,
        event,
        key.activated,
      ];
      return (await database.run(insert, values)).count === 1;
    },
    async activate(kid) {
      await database.run(activate, [kid, auditJson({ event: 'key.activated', outcome: 'success' })]);
    },
    async askRotation() {
      const { rows } = await database.run<Pick<Row, 'algorithm'>>(askRotation, []);
      return rows.map(({ algorithm }) => algorithm);
    },
    async fulfil() {
      await database.run(fulfilRotations, []);
      await database.run(fulfilRevocations, [auditJson({ event: 'key.revoked', outcome: 'success' })]);
    },
    async remove(kids) {
      // One event per row: ids of audit rows are unique, so several rows are several statements.
      for (const kid of kids) {
        await database.run(remove, [kid, auditJson({ event: 'key.retired', outcome: 'success' })]);
      }
    },
    async revoke(kid) {
      const event = auditJson({ event: 'key.revoked', outcome: 'success' });
      const { rows } = await database.run<{ readonly revoked: boolean; readonly known: boolean }>(revoke, [kid, event]);
      if (rows[0]?.revoked === true) return 'revoked';
      return rows[0]?.known === true ? 'revoked_before' : 'unknown';
    },
    async reseal(kid, before, sealedPrivateKey) {
      await database.run(reseal, [kid, before, sealedPrivateKey]);
    },
  };
}
