import type { Database, Statement } from '../store/database.ts';
import type { LiveReport } from './report.ts';

// Live by the database's clock: replicas need not agree on the time. The last member is younger than the table, which is
// read before it is brought up to date, too.
const list: Statement = {
  name: 'replica_reports',
  text: `SELECT replica, format, epoch, n, rejected, directories, keys, reported_at > now() - interval '15 seconds' AS live,
      floor(extract(epoch FROM reported_at) * 1000)::bigint AS "reportedAt",
      coalesce((to_jsonb(replica_reports) ->> 'untrusted_proxy')::boolean, false) AS "untrustedProxy"
    FROM replica_reports WHERE reported_at > now() - interval '1 hour' ORDER BY replica`,
};

interface Row extends Omit<LiveReport, 'revision'> {
  readonly epoch: string;
  readonly n: number;
}

export async function listReports(database: Database): Promise<readonly LiveReport[]> {
  const { rows } = await database.run<Row>(list, []);
  return rows.map(({ epoch, n, ...report }) => ({ ...report, revision: { epoch, n } }));
}
