/**
 * Directories that are registered no more, or are withdrawn: kept, and served to nobody. Their users' sessions and grants end
 * ten minutes later, by the database's clock: one that is back within that time finds everything as it was.
 */
import { auditJson } from './audit.ts';
import type { Database, Statement } from './database.ts';
import { endGrants, endingBatch, endSessions, inBatches } from './ending.ts';

const grace = `interval '10 minutes'`;
const reason = 'directory_deleted';

const registered = (directory: string): string =>
  `EXISTS (SELECT FROM registry r WHERE r.kind = 'directory' AND r.id = ${directory} AND NOT r.withdrawn)`;

const look: Statement = {
  name: 'directories_gone',
  text: `WITH noted AS (
      UPDATE recheck_rounds d SET gone_since = CASE WHEN ${registered('d.directory')} THEN NULL ELSE LEAST(now(), COALESCE((
        SELECT t.deleted_at FROM registry_tombstones t WHERE t.kind = 'directory' AND t.id = d.directory), now())) END
      WHERE (d.gone_since IS NULL) <> ${registered('d.directory')})
    SELECT d.directory FROM recheck_rounds d WHERE d.gone_since <= now() - ${grace} AND NOT ${registered('d.directory')}`,
};

/** Asked by each statement anew: it may have come back a moment ago. */
const stillGone = `SELECT FROM recheck_rounds d WHERE d.directory = $1 AND d.gone_since <= now() - ${grace} AND NOT ${registered('$1')}`;
const batchOf = (table: string, key: string, which: string): string =>
  `${key} = ANY(ARRAY(SELECT ${key} FROM ${table} WHERE directory = $1 AND ${which} AND EXISTS (${stillGone}) LIMIT ${endingBatch} FOR UPDATE SKIP LOCKED))`;

const sessions: Statement = {
  name: 'directory_gone_sessions',
  text: endSessions({ which: batchOf('sessions', 'id', 'ended_at IS NULL'), reason, audit: '$2' }),
};

// As in `unfetched.ts`, before the grants.
const codes: Statement = {
  name: 'directory_gone_codes',
  text: `UPDATE authorization_codes SET expires_at = created_at
    WHERE ${batchOf('authorization_codes', 'hash', 'used_at IS NULL AND expires_at > now()')}`,
};
const devices: Statement = {
  name: 'directory_gone_devices',
  text: `UPDATE device_codes SET expires_at = created_at
    WHERE ${batchOf('device_codes', 'hash', `outcome = 'approved' AND used_at IS NULL AND expires_at > now()`)}`,
};

const grants: Statement = {
  name: 'directory_gone_grants',
  text: endGrants({ which: batchOf('grants', 'id', 'ended_at IS NULL'), reason, audit: '$2' }, 'server'),
};

// Whatever another replica is at just now keeps the row, and with it the next look.
const forget: Statement = {
  name: 'directory_gone_forget',
  text: `WITH gone AS (DELETE FROM recheck_rounds WHERE directory = $1 AND EXISTS (${stillGone})
      AND NOT EXISTS (SELECT FROM sessions WHERE directory = $1 AND ended_at IS NULL)
      AND NOT EXISTS (SELECT FROM grants WHERE directory = $1 AND ended_at IS NULL) RETURNING directory)
    DELETE FROM recheck_buckets b USING gone WHERE b.directory = gone.directory`,
};

export interface GoneDirectoryStore {
  /** Notes which are gone and which came back; those whose grace is over. */
  look(): Promise<readonly string[]>;
  /** Ends what hangs off the users of one of them, in batches; nothing when it came back meanwhile. */
  end(directory: string): Promise<{ readonly sessions: number; readonly grants: number }>;
}

/** @param onOwed runs after a commit that may owe logout tokens. */
export function goneDirectoryStore(database: Database, onOwed: () => void = () => undefined): GoneDirectoryStore {
  const repeat = (statement: Statement, values: readonly unknown[]) => inBatches(() => database.run(statement, values));
  const event = (name: 'session.ended' | 'grant.ended') => auditJson({ event: name, outcome: 'success', reason });
  return {
    async look() {
      return (await database.run<{ directory: string }>(look, [])).rows.map(({ directory }) => directory);
    },
    async end(directory) {
      const ended = { sessions: await repeat(sessions, [directory, event('session.ended')]), grants: 0 };
      if (ended.sessions > 0) onOwed();
      await repeat(codes, [directory]);
      await repeat(devices, [directory]);
      ended.grants = await repeat(grants, [directory, event('grant.ended')]);
      await database.run(forget, [directory]);
      return ended;
    },
  };
}
