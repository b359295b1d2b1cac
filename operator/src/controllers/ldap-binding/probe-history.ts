/** A finding counts at once where there was none, and otherwise after two equal reports: one lost packet moves nothing. */
import { isDeepStrictEqual } from 'node:util';
import type { DirectoryProbe, DirectoryServerProbe, LiveReport, SampleUser } from '@nauthera/server/registry';

/** What was reported last, and what counts. */
interface Settling<T> {
  readonly last: T;
  readonly settled: T;
}

interface Seen {
  readonly reportedAt: number;
  readonly servers: Settling<readonly DirectoryServerProbe[]>;
  readonly samples: Settling<readonly SampleUser[]>;
}

export interface Subject {
  readonly directory: string;
  readonly uid: string;
  readonly fingerprint: string;
}

export interface Findings {
  /** By live replica. */
  readonly found: ReadonlyMap<string, readonly DirectoryServerProbe[]>;
  /** What sign-ins of sample users would find, by live replica. */
  readonly samples: ReadonlyMap<string, readonly SampleUser[]>;
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
      const seen = next(known.get(report.replica), report.reportedAt, probe);
      replicas.set(report.replica, seen);
      if (!isSettled(seen.servers) || !isSettled(seen.samples)) pending = true;
    }
    this.#seen.set(subject.directory, { fingerprint: subject.fingerprint, replicas });
    return {
      found: new Map([...replicas].map(([replica, { servers }]) => [replica, servers.settled])),
      samples: new Map([...replicas].map(([replica, { samples }]) => [replica, samples.settled])),
      pending,
    };
  }

  forget(directory: string): void {
    this.#seen.delete(directory);
  }
}

function next(before: Seen | undefined, reportedAt: number, { servers, samples = [] }: DirectoryProbe): Seen {
  if (before?.reportedAt === reportedAt) return before;
  return {
    reportedAt,
    servers: settling(before?.servers, servers),
    samples: settling(before?.samples, samples),
  };
}

function settling<T>(before: Settling<T> | undefined, reported: T): Settling<T> {
  if (before === undefined) return { last: reported, settled: reported };
  return { last: reported, settled: isDeepStrictEqual(before.last, reported) ? reported : before.settled };
}

const isSettled = ({ last, settled }: Settling<unknown>): boolean => isDeepStrictEqual(last, settled);
