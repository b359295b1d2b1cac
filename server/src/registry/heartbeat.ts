/** A replica's sign of life: which revision it serves, what it left out, what it found, which older secrets it saw. */
import { randomUUID } from 'node:crypto';
import type { Database, Statement } from '../store/database.ts';
import type { Follower } from './follow.ts';
import { registrationFormat } from './registration.ts';
import { Repeating } from './repeating.ts';
import type { ReplicaReport } from './report.ts';
import type { SecretUses } from './secret-uses.ts';

export interface HeartbeatOptions {
  readonly database: Database;
  /** Name of this replica, unique among all that are alive (pod name, or host and process). */
  readonly replica: string;
  readonly follower: Pick<Follower, 'current' | 'rejected' | 'onSwap'>;
  /** The rest of the report, asked at every beat. */
  readonly details: () => Pick<ReplicaReport, 'directories' | 'keys' | 'untrustedProxy'>;
  readonly secretUses: SecretUses;
  readonly onProblem?: (problem: string) => void;
}

export interface Heartbeat {
  start(): void;
  /** Something worth telling changed: the report goes out now. */
  soon(): void;
  /** Takes the report back: this replica no longer counts. With the database away it stops counting after 15 s. */
  stop(): Promise<void>;
}

/** Milliseconds. */
const every = 5_000;
/** A report of this many rejected rows says enough. */
const mostRejected = 1_000;

// Losing one in a crash only delays: so it does not wait for the disk, unless it tells of a secret, which is told once.
// What was used before the last report went out is in this one: so the time of that one is until when all is known.
// Reports that are long dead leave with it.
const beat: Statement = {
  name: 'replica_report_put',
  text: `WITH setting AS MATERIALIZED (SELECT set_config('synchronous_commit',
      CASE WHEN $9::jsonb = '[]' THEN 'off' ELSE current_setting('synchronous_commit') END, true)),
    old AS (DELETE FROM replica_reports WHERE reported_at < now() - interval '1 hour' AND replica <> $1),
    uses AS (INSERT INTO secret_uses AS known (digest, used_at)
      SELECT u.digest, now() - make_interval(secs => u.ago)
      FROM setting, jsonb_to_recordset($9::jsonb) AS u(digest text, ago double precision)
      ON CONFLICT (digest) DO UPDATE SET used_at = greatest(known.used_at, excluded.used_at))
    INSERT INTO replica_reports AS report (replica, reported_at, format, epoch, n, rejected, directories, keys,
      untrusted_proxy, process, secrets_until)
    SELECT $1, now(), $2::int, $3, $4::bigint, $5::jsonb, $6::jsonb, $7, $8::boolean, $10,
      now() - interval '15 seconds' - make_interval(secs => coalesce($11::double precision, 0)) FROM setting
    ON CONFLICT (replica) DO UPDATE SET reported_at = excluded.reported_at, format = excluded.format,
      epoch = excluded.epoch, n = excluded.n, rejected = excluded.rejected, directories = excluded.directories,
      keys = excluded.keys, untrusted_proxy = excluded.untrusted_proxy, process = excluded.process,
      secrets_until = CASE WHEN report.process IS DISTINCT FROM excluded.process THEN excluded.secrets_until
        ELSE least(report.reported_at, now() - make_interval(secs => $11::double precision)) END`,
};

// Nothing is used through a process that has ended in order: whoever removes its report loses nothing.
const close: Statement = {
  name: 'replica_report_close',
  text: `UPDATE replica_reports SET secrets_until = 'infinity' WHERE replica = $1 AND process = $2`,
};

const leave: Statement = { name: 'replica_report_delete', text: 'DELETE FROM replica_reports WHERE replica = $1' };

export function createHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { database, replica, follower, details, secretUses } = options;
  const process = randomUUID();
  const onProblem = options.onProblem ?? (() => undefined);
  const report = async (): Promise<boolean> => {
    const { revision } = follower.current;
    const { directories, keys, untrustedProxy } = details();
    const rejected = JSON.stringify(follower.rejected.slice(0, mostRejected));
    const { rows, untoldFor, done } = secretUses.take();
    await database.run(beat, [
      replica,
      registrationFormat,
      revision.epoch,
      revision.n,
      rejected,
      JSON.stringify(directories),
      keys,
      untrustedProxy,
      JSON.stringify(rows),
      process,
      untoldFor,
    ]);
    done();
    return untoldFor === null;
  };
  const repeating = new Repeating({
    name: 'the heartbeat',
    every: () => every,
    onProblem,
    work: async () => {
      await report();
    },
  });
  const takeBack = async (): Promise<void> => {
    if (secretUses.take().rows.length > 0) while (!(await report())) continue;
    await database.run(close, [replica, process]);
    await database.run(leave, [replica]);
  };
  let forget = (): void => undefined;
  return {
    start() {
      forget = follower.onSwap(() => repeating.soon(0));
      repeating.soon(0);
    },
    soon: () => repeating.soon(0),
    async stop() {
      forget();
      await repeating.stop();
      await takeBack().catch(() => onProblem('the report of this replica could not be taken back'));
    },
  };
}
