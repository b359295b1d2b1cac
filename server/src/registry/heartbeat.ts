/** A replica's sign of life: which revision it serves, what it left out, what it found. */
import type { Database, Statement } from '../store/database.ts';
import type { Follower } from './follow.ts';
import { registrationFormat } from './registration.ts';
import { Repeating } from './repeating.ts';
import type { ReplicaReport } from './report.ts';

export interface HeartbeatOptions {
  readonly database: Database;
  /** Name of this replica, unique among all that are alive (pod name, or host and process). */
  readonly replica: string;
  readonly follower: Pick<Follower, 'current' | 'rejected' | 'onSwap'>;
  /** The rest of the report, asked at every beat. */
  readonly details: () => Pick<ReplicaReport, 'directories' | 'keys' | 'untrustedProxy'>;
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

// Losing one in a crash only delays: so it does not wait for the disk. Reports that are long dead leave with it.
const beat: Statement = {
  name: 'replica_report_put',
  text: `WITH setting AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
    old AS (DELETE FROM replica_reports WHERE reported_at < now() - interval '1 hour' AND replica <> $1)
    INSERT INTO replica_reports (replica, reported_at, format, epoch, n, rejected, directories, keys,
      untrusted_proxy)
    SELECT $1, now(), $2::int, $3, $4::bigint, $5::jsonb, $6::jsonb, $7, $8::boolean FROM setting
    ON CONFLICT (replica) DO UPDATE SET reported_at = excluded.reported_at, format = excluded.format,
      epoch = excluded.epoch, n = excluded.n, rejected = excluded.rejected, directories = excluded.directories,
      keys = excluded.keys, untrusted_proxy = excluded.untrusted_proxy`,
};

const leave: Statement = { name: 'replica_report_delete', text: 'DELETE FROM replica_reports WHERE replica = $1' };

export function createHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { database, replica, follower, details } = options;
  const onProblem = options.onProblem ?? (() => undefined);
  const repeating = new Repeating({
    name: 'the heartbeat',
    every: () => every,
    onProblem,
    work: async () => {
      const { revision } = follower.current;
      const { directories, keys, untrustedProxy } = details();
      const rejected = JSON.stringify(follower.rejected.slice(0, mostRejected));
      const values = [
        replica,
        registrationFormat,
        revision.epoch,
        revision.n,
        rejected,
        JSON.stringify(directories),
        keys,
        untrustedProxy,
      ];
      await database.run(beat, values);
    },
  });
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
      await database.run(leave, [replica]).catch(() => onProblem('the report of this replica could not be taken back'));
    },
  };
}
