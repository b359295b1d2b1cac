/** What the operator asks about secrets of clients, and has ended with them. */
import type { Database, Statement } from '../store/database.ts';
import { admission, fenced } from './fence.ts';
import type { Fence, SecretUse } from './registry.ts';

// All by the database's clock. Whoever is dead may have seen a use until it stopped to serve; a live replica of a version
// that does not look (NULL) may see one now.
const use: Statement = {
  name: 'secret_use',
  text: `WITH report AS (
      SELECT reported_at > now() - interval '15 seconds' AS live, reported_at, secrets_until FROM replica_reports
      WHERE secrets_until IS DISTINCT FROM 'infinity'),
    unseen AS (
      SELECT max(CASE WHEN live THEN now() ELSE reported_at + interval '15 seconds' END) AS at FROM report
      WHERE NOT live OR secrets_until IS NULL
      UNION ALL SELECT used_at FROM secret_uses WHERE digest = ''),
    found (now, used, unseen, until) AS (
      SELECT now(), (SELECT used_at FROM secret_uses WHERE digest = $1), (SELECT max(at) FROM unseen),
        coalesce((SELECT min(secrets_until) FROM report WHERE live), now()))
    SELECT floor(extract(epoch FROM now) * 1000)::bigint AS now, floor(extract(epoch FROM used) * 1000)::bigint AS "usedAt",
      floor(extract(epoch FROM unseen) * 1000)::bigint AS "unseenAt",
      floor(extract(epoch FROM until) * 1000)::bigint AS "knownUntil" FROM found`,
};

interface UseRow {
  readonly now: number;
  readonly usedAt: number | null;
  readonly unseenAt: number | null;
  readonly knownUntil: number;
}

export async function readSecretUse(database: Database, digest: string): Promise<SecretUse> {
  const { rows } = await database.run<UseRow>(use, [digest]);
  const [row] = rows;
  if (row === undefined) throw new Error('the database did not answer about a secret');
  const { usedAt, unseenAt, now, knownUntil } = row;
  return {
    now,
    knownUntil,
    ...(usedAt === null ? {} : { usedAt }),
    ...(unseenAt === null ? {} : { unseenAt }),
  };
}

const clock: Statement = {
  name: 'registry_clock',
  text: 'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now',
};

/** Epoch milliseconds. */
export async function readClock(database: Database): Promise<number> {
  const { rows } = await database.run<{ readonly now: number }>(clock, []);
  const [row] = rows;
  if (row === undefined) throw new Error('the database did not tell the time');
  return row.now;
}

const revoke: Statement = {
  name: 'registry_revoke_tokens',
  text: 'SELECT registry_revoke_tokens($1, $2, $3, $4) AS outcome',
};

/** Ends its grants in batches; from the first on, nothing that the client obtained is accepted any more. */
export async function revokeClientTokens(database: Database, fence: Fence, uid: string): Promise<void> {
  for (let more = true; more; ) {
    const { rows } = await database.run<{ outcome: 'revoked' | 'more' | 'absent' | 'fenced' }>(revoke, [
      ...admission(fence),
      uid,
    ]);
    if (rows[0]?.outcome === 'fenced') throw fenced();
    more = rows[0]?.outcome === 'more';
  }
}
