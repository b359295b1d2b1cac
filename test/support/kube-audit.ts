/** What the audit log of a test cluster says: one event for each request. */
import { open } from 'node:fs/promises';

export interface AuditEvent {
  /** When the request arrived; milliseconds since 1970. */
  readonly at: number;
  /** E.g. `system:serviceaccount:nauthera-system:nauthera-operator`. */
  readonly user: string;
  readonly userAgent: string;
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`. */
  readonly verb: string;
  readonly group: string;
  /** Plural; empty: a path that is no resource. */
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly uri: string;
  /** The status of the answer. */
  readonly code: number;
}

/** What must be equal; a list: one of them. */
export type AuditFilter = {
  readonly [Field in 'user' | 'verb' | 'group' | 'resource' | 'subresource' | 'namespace' | 'name']?:
    | string
    | readonly string[];
};

const mutating: readonly string[] = ['create', 'update', 'patch', 'delete', 'deletecollection'];

export function filterAudit(events: readonly AuditEvent[], filter: AuditFilter): readonly AuditEvent[] {
  return events.filter((event) =>
    Object.entries(filter).every(([field, wanted]) => {
      const found = event[field as keyof AuditFilter];
      return typeof wanted === 'string' ? found === wanted : wanted.includes(found);
    }),
  );
}

/** Those that write, dry runs and questions about rights left out. */
export function writesOf(events: readonly AuditEvent[], filter: AuditFilter = {}): readonly AuditEvent[] {
  return filterAudit(events, { verb: mutating, ...filter }).filter(
    ({ uri, group, subresource }) =>
      !uri.includes('dryRun=All') &&
      subresource !== 'token' &&
      group !== 'authorization.k8s.io' &&
      group !== 'authentication.k8s.io',
  );
}

/** How many of each, e.g. `{'patch clients/status': 3, 'create secrets': 1}`. */
export function countAudit(events: readonly AuditEvent[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { verb, resource, subresource } of events) {
    const what = `${verb} ${resource}${subresource === '' ? '' : `/${subresource}`}`;
    counts[what] = (counts[what] ?? 0) + 1;
  }
  return counts;
}

/** The log file, read on from where it was read before. */
export class AuditLog {
  readonly #path: string;
  readonly #events: AuditEvent[] = [];
  #offset = 0;
  #rest = '';

  constructor(path: string) {
    this.#path = path;
  }

  /** All events so far. */
  async read(): Promise<readonly AuditEvent[]> {
    const file = await open(this.#path).catch(() => undefined);
    if (file === undefined) return [];
    try {
      const buffer = Buffer.alloc(1024 * 1024);
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, this.#offset);
        if (bytesRead === 0) return [...this.#events];
        this.#offset += bytesRead;
        this.#take(buffer.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  }

  #take(bytes: Buffer): void {
    // Names of Kubernetes are ASCII; a text that is cut between two bytes stands in no field that is read here.
    const lines = (this.#rest + bytes.toString()).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const event = eventOf(line);
      if (event !== undefined) this.#events.push(event);
    }
  }
}

interface RawEvent {
  readonly stage: string;
  readonly requestURI: string;
  readonly verb: string;
  readonly user?: { readonly username?: string };
  readonly userAgent?: string;
  readonly objectRef?: {
    readonly resource?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly apiGroup?: string;
    readonly subresource?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp: string;
}

const beginning = '{"kind":"Event","apiVersion":"audit.k8s.io/';

function eventOf(line: string): AuditEvent | undefined {
  // An API server that is killed leaves half an event, and the one after it goes on in the same line.
  const raw = JSON.parse(line.slice(Math.max(line.lastIndexOf(beginning), 0))) as RawEvent;
  // A watch starts its answer at once and completes it much later; everything else only completes, or panics.
  if (raw.stage !== (raw.verb === 'watch' ? 'ResponseStarted' : 'ResponseComplete')) return undefined;
  return {
    at: Date.parse(raw.requestReceivedTimestamp),
    user: raw.user?.username ?? '',
    userAgent: raw.userAgent ?? '',
    verb: raw.verb,
    group: raw.objectRef?.apiGroup ?? '',
    resource: raw.objectRef?.resource ?? '',
    subresource: raw.objectRef?.subresource ?? '',
    namespace: raw.objectRef?.namespace ?? '',
    name: raw.objectRef?.name ?? '',
    uri: raw.requestURI,
    code: raw.responseStatus?.code ?? 0,
  };
}
