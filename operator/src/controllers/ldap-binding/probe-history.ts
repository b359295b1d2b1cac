/** A finding counts at once where there was none, and otherwise after two equal reports: one lost packet moves nothing. */
import { isDeepStrictEqual } from 'node:util';
import type { DirectoryServerProbe, LiveReport } from '@nauthera/server/registry';

interface Seen {
  readonly reportedAt: number;
  readonly last: readonly DirectoryServerProbe[];
  readonly settled: readonly DirectoryServerProbe[];
}

export interface Subject {
  readonly directory: string;
  readonly uid: string;
  readonly fingerprint: string;
}

export interface Findings {
  /** By live replica. */
  readonly found: ReadonlyMap<string, readonly DirectoryServerProbe[]>;
  /** A live replica has not looked yet, or its last report differs from the one before. */
  readonly pending: boolean;
}

export class ProbeHistory {
  readonly #seen = new Map<string, { readonly fingerprint: string; readonly replicas: Map<string, Seen> }>();

  /** Takes the reports in. What is said about an older registration is not taken. */
  take(reports: readonly LiveReport[], subject: Subject): Findings {
    const before = this.#seen.get(subject.directory);
    const known = before?.fingerprint === subject.fingerprint ? before.replicas : new Map<string, Seen>();
    const replicas = new Map<string, Seen>();
    let pending = false;
    for (const report of reports.filter(({ live }) => live)) {
      const probe = report.directories.find(
        ({ directory, uid, fingerprint }) =>
          directory === subject.directory && uid === subject.uid && fingerprint === subject.fingerprint,
      );
      if (probe === undefined) {
        pending = true;
        continue;
      }
      const seen = next(known.get(report.replica), report.reportedAt, probe.servers);
      replicas.set(report.replica, seen);
      if (!isDeepStrictEqual(seen.last, seen.settled)) pending = true;
    }
    this.#seen.set(subject.directory, { fingerprint: subject.fingerprint, replicas });
    return { found: new Map([...replicas].map(([replica, { settled }]) => [replica, settled])), pending };
  }

  forget(directory: string): void {
    this.#seen.delete(directory);
  }
}

function next(before: Seen | undefined, reportedAt: number, probes: readonly DirectoryServerProbe[]): Seen {
  if (before === undefined) return { reportedAt, last: probes, settled: probes };
  if (before.reportedAt === reportedAt) return before;
  const settled = isDeepStrictEqual(before.last, probes) ? probes : before.settled;
  return { reportedAt, last: probes, settled };
}
