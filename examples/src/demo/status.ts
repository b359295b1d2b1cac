/** `GET /status` of the product: the table of all resources as JSON. */
import type { SampleUser } from '../application/sandbox.ts';

export interface ResourceStatus {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly ready: boolean;
  /** Nothing but an edit makes it ready. */
  readonly refused?: boolean;
  readonly reason: string;
  readonly message: string;
  /** Name of the Secret that was written for it. */
  readonly secret?: string;
  /** Of an LdapBinding: what a sign-in of its sample users would find. */
  readonly sampleUsers?: readonly SampleUser[];
}

export interface Status {
  readonly resources: readonly ResourceStatus[];
  /** Of files that could not be read as resources, one line each. */
  readonly problems: readonly string[];
}

/** `undefined`: it does not answer (yet). */
export async function fetchStatus(address: string): Promise<Status | undefined> {
  try {
    const response = await fetch(`${address}/status`, { signal: AbortSignal.timeout(2000) });
    return response.ok ? readStatus(await response.json()) : undefined;
  } catch {
    return undefined;
  }
}

/** As it comes; whatever else stands there is none of the demo's business. */
interface StatusWire {
  readonly resources: readonly {
    readonly kind: string;
    readonly metadata: { readonly namespace: string; readonly name: string; readonly generation?: number };
    readonly deleting?: boolean;
    readonly status: {
      readonly binding?: { readonly name: string };
      readonly sampleUsers?: readonly SampleUser[];
      readonly conditions: readonly {
        readonly type: string;
        readonly status: string;
        readonly reason: string;
        readonly message: string;
        readonly observedGeneration?: number;
      }[];
    };
  }[];
  readonly problems: readonly string[];
}

function readStatus(json: unknown): Status {
  const wire = json as StatusWire;
  return {
    resources: wire.resources.map(({ kind, metadata, status }) => {
      const ready = status.conditions.find(({ type }) => type === 'Ready');
      // An older generation's condition says nothing about what stands in the file now.
      const current = ready?.observedGeneration === metadata.generation;
      const stalled = status.conditions.some((one) => one.type === 'Stalled' && one.status === 'True');
      return {
        kind,
        namespace: metadata.namespace,
        name: metadata.name,
        ready: ready?.status === 'True' && current,
        refused: stalled && current,
        reason: ready?.reason ?? 'Pending',
        message: ready?.message ?? '',
        ...(status.binding === undefined ? {} : { secret: status.binding.name }),
        ...(status.sampleUsers === undefined ? {} : { sampleUsers: status.sampleUsers }),
      };
    }),
    problems: wire.problems,
  };
}

/** What is not ready, in words; empty: everything is. */
export function notReady(status: Status): string {
  if (status.resources.length === 0) return 'the resources to be read';
  const [first, ...more] = status.resources.filter((one) => !one.ready);
  if (first === undefined) return '';
  const others = more.length === 0 ? '' : `, and ${more.length} more`;
  return `${describe(first)} (${first.message || first.reason})${others}`;
}

function describe({ kind, namespace, name }: ResourceStatus): string {
  return `${kind} ${namespace}/${name}`;
}

/** What people added and what is not ready of it, one line each; it holds up nobody but itself. */
export function brokenOf(status: Status, isNeeded: (one: ResourceStatus) => boolean): readonly string[] {
  const lines = status.resources.filter((one) => !one.ready && !isNeeded(one)).map(line);
  return [...lines, ...status.problems.map((problem) => `problem  ${problem}`)];
}

function line(one: ResourceStatus): string {
  const word = one.ready ? 'ready   ' : one.refused === true ? 'refused ' : 'waiting ';
  return `${word} ${describe(one)}: ${one.message || one.reason}`;
}

export interface Following {
  stop(): Promise<void>;
}

const interval = 500;

export interface FollowOptions {
  readonly look: () => Promise<Status | undefined>;
  readonly print: (line: string) => void;
  /** Where a person finds a Secret. */
  readonly secretPath: (namespace: string, name: string) => string;
}

/** Prints what changes: a resource that came, went, or became something else, and problems in files. */
export function followStatus({ look, print, secretPath }: FollowOptions): Following {
  let known: ReadonlyMap<string, string> | undefined;
  let stopped = false;
  const round = async (): Promise<void> => {
    const found = await look();
    if (found === undefined || stopped) return;
    const now = linesOf(found, secretPath);
    for (const [subject, line] of now) if (known !== undefined && known.get(subject) !== line) print(line);
    for (const [subject, line] of known ?? []) {
      if (!now.has(subject)) print(`${line.startsWith('problem ') ? 'solved  ' : 'gone    '} ${subject}`);
    }
    known = now;
  };
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const next = (): void => {
    running = round().then(() => {
      if (!stopped) timer = setTimeout(next, interval);
    });
  };
  next();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

function linesOf(status: Status, secretPath: FollowOptions['secretPath']): ReadonlyMap<string, string> {
  const resources = status.resources.map((one) => {
    const { namespace, ready, secret } = one;
    const where = ready && secret !== undefined ? `; its Secret is ${secretPath(namespace, secret)}` : '';
    return [describe(one), `${line(one)}${where}`] as const;
  });
  return new Map([...resources, ...status.problems.map((problem) => [problem, `problem  ${problem}`] as const)]);
}
