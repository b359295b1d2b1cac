/**
 * F54: load for long, and faults at random from a seed: a process killed, a database and a directory that are silent, an
 * operator that is cut off while it writes. What must hold is counted; who runs it judges.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { aClient, anOwner } from './builders.ts';
import type { Deployment } from './deployment.ts';
import { type History, Load } from './load.ts';

export const soakClients = {
  web: 'soak.web',
  job: 'soak.job',
  api: 'soak.api',
  /** Is suspended and let in again all the time. */
  leaver: 'soak.leaver',
};
const machine = (id: string) => aClient(id).machine(`secret-of-${id}`);
/** Seconds: rows come and go within minutes. */
const short = { refresh_token_idle: 60, refresh_token_absolute: 90, access_token_lifetime: 60 };
export const soaked = {
  clients: () => [
    aClient(soakClients.web)
      .with({
        grant_types: ['authorization_code', 'refresh_token'],
        scopes: ['openid', 'email', 'offline_access'],
        access_token_format: 'opaque',
        ...short,
      })
      .build(),
    machine(soakClients.job).with({ access_token_format: 'opaque', access_token_lifetime: 60 }).build(),
    machine(soakClients.api)
      .with({ introspection_audiences: [soakClients.job] })
      .build(),
    machine(soakClients.leaver).build(),
  ],
  server: {
    lifetimes: {
      authorization_code: 60,
      access_token: 60,
      id_token: 60,
      refresh_token_idle: 60,
      refresh_token_absolute: 90,
      session_idle: 60,
      session_absolute: 90,
    },
  },
};

export interface SoakOptions {
  readonly deployment: Deployment;
  readonly seed: number;
  /** Milliseconds of faults, at least one of each kind. */
  readonly lasts: number;
  /** Milliseconds for which one fault stands, and the quiet after it: at most. */
  readonly fault: number;
  readonly quiet: number;
  readonly loops: {
    readonly machine: number;
    readonly introspection: number;
    readonly refresh: number;
    readonly login: number;
  };
  readonly pause: number;
  readonly onStep?: (line: string) => void;
}

export interface Sample {
  /** Seconds since the start. */
  readonly at: number;
  /** MiB of the process that is never killed. */
  readonly memory: number;
  /** Rows by table, but what is kept for months. */
  readonly rows: Readonly<Record<string, number>>;
}

export interface SoakReport {
  readonly history: History;
  readonly fired: Readonly<Record<string, number>>;
  readonly samples: readonly Sample[];
  /** Grants with two refresh tokens that count. */
  readonly doubled: number;
  /** Processes that serve in the end, and that refuse who was suspended last. */
  readonly serving: number;
  readonly refusing: number;
  /** The longest, in milliseconds, that a statement of the sweep was seen to wait for a lock. */
  readonly sweepWait: number;
}

/** mulberry32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { deployment, seed, lasts, onStep = () => undefined } = options;
  const { world, replicas, password } = deployment;
  const next = random(seed);
  const load = new Load({
    world,
    password,
    clients: soakClients,
    usernames: ['ada', 'grace', 'alan'],
    loops: options.loops,
    pause: options.pause,
    // A machine that does much else may take minutes to be well again.
    patience: 240_000,
    chainLife: 60_000,
  });
  await load.start();
  const watching = watch(deployment);
  const operator = operate(deployment);
  const fired: Record<string, number> = {};
  const faults = faultsOf(deployment, operator, next);
  let deck: string[] = [];
  const began = performance.now();
  try {
    while (deck.length > 0 || Object.keys(fired).length === 0 || performance.now() - began < lasts) {
      if (deck.length === 0) deck = shuffled(Object.keys(faults), next);
      const kind = deck.pop() ?? '';
      onStep(`${Math.round((performance.now() - began) / 1000)} s: ${kind}`);
      await faults[kind]?.(options.fault * (0.5 + next() / 2));
      fired[kind] = (fired[kind] ?? 0) + 1;
      await sleep(options.quiet * (0.5 + next() / 2));
    }
  } catch (error) {
    await Promise.allSettled([load.stop(), operator.stop(), watching.stop()]);
    throw error;
  }
  const history = await load.stop();
  await operator.stop();
  const serving = await counted(replicas, async (url) => (await machineToken(url, soakClients.job)) === 200);
  await world.declare(registrationOf(true));
  const refusing = await counted(replicas, async (url) => (await machineToken(url, soakClients.leaver)) === 401);
  const [doubled] = await world.rows<{ n: number }>(`SELECT count(*)::int AS n FROM
    (SELECT FROM refresh_tokens WHERE used_at IS NULL GROUP BY grant_id HAVING count(*) > 1) d`);
  return { history, fired, ...(await watching.stop()), doubled: doubled?.n ?? -1, serving, refusing };
}

function shuffled(kinds: readonly string[], next: () => number): string[] {
  return kinds
    .map((kind) => ({ kind, place: next() }))
    .sort((one, other) => one.place - other.place)
    .map(({ kind }) => kind);
}

type Fault = (lasts: number) => Promise<void>;

/** The first process is never killed: its memory is watched. */
function faultsOf(deployment: Deployment, operator: Operator, next: () => number): Readonly<Record<string, Fault>> {
  const { replicas, faults } = deployment;
  if (faults === undefined) throw new Error('nothing stands between the processes and what they depend on');
  const { database, directory } = faults;
  const silent =
    (proxy: typeof database): Fault =>
    async (lasts) => {
      proxy.blackHole(next() < 0.5 ? 'all' : 'existing');
      await sleep(lasts);
      proxy.pass();
    };
  return {
    'F03 a process is killed': async (lasts) => {
      const victim = replicas[1 + Math.floor(next() * (replicas.length - 1))];
      await victim?.kill();
      await sleep(lasts / 4);
      await victim?.restart();
    },
    'F06 the database is silent': silent(database),
    'F10 the directory is silent': silent(directory),
    'F10 the directory is slow': async (lasts) => {
      directory.delay(5_000);
      await sleep(lasts);
      directory.pass();
    },
    'F29 the operator is cut off': async (lasts) => {
      operator.pause();
      await sleep(lasts);
      operator.resume();
    },
  };
}

interface Operator {
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

const registrationOf = (withdrawn: boolean) => ({
  kind: 'client' as const,
  id: soakClients.leaver,
  owner: anOwner(soakClients.leaver),
  value: machine(soakClients.leaver).build(),
  withdrawn,
});

/** What one does all day: writes changes; some while nothing of its gets through, then the newest. */
function operate({ world }: Deployment): Operator {
  let [running, paused] = [true, false];
  const loop = (async () => {
    for (let turn = 0; running; turn += 1) {
      if (!paused) await world.declare(registrationOf(turn % 2 === 0));
      await sleep(500);
    }
  })();
  return {
    pause: () => {
      paused = true;
    },
    resume: () => {
      paused = false;
    },
    stop: () => {
      running = false;
      return loop;
    },
  };
}

const bounded = [
  'sessions',
  'authorization_requests',
  'authorization_codes',
  'grants',
  'refresh_tokens',
  'access_tokens',
  'revocations',
  'login_attempts',
];

/** Who waits for a lock, by the text of what it runs. */
const waits = `SELECT query LIKE 'DELETE FROM % FOR UPDATE SKIP LOCKED%' AS sweeps,
    extract(epoch FROM clock_timestamp() - l.waitstart) * 1000 AS milliseconds
  FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
  WHERE NOT l.granted AND l.waitstart IS NOT NULL AND a.datname = current_database()`;

function watch({ world, replicas }: Deployment) {
  const samples: Sample[] = [];
  let sweepWait = 0;
  let watching = true;
  const began = performance.now();
  const sample = async () => {
    const rows: Record<string, number> = {};
    for (const table of bounded) rows[table] = await world.count(table);
    samples.push({
      at: Math.round((performance.now() - began) / 1000),
      memory: await memoryOf(replicas[0]?.pid),
      rows,
    });
  };
  const loop = (async () => {
    for (let turn = 0; watching; turn += 1) {
      for (const { sweeps, milliseconds } of await world.rows<{ sweeps: boolean; milliseconds: number }>(waits))
        if (sweeps) sweepWait = Math.max(sweepWait, Number(milliseconds));
      if (turn % 100 === 0) await sample();
      await sleep(100);
    }
  })();
  return {
    stop: async () => {
      watching = false;
      await loop;
      await sample();
      return { samples, sweepWait: Math.round(sweepWait) };
    },
  };
}

/** MiB; 0 where /proc does not tell. */
async function memoryOf(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024);
}

async function machineToken(url: string, client: string): Promise<number> {
  const response = await fetch(`${url}/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${client}:secret-of-${client}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: 'grant_type=client_credentials',
  });
  await response.arrayBuffer();
  return response.status;
}

/** How many of the processes say so, within a minute. */
async function counted(replicas: Deployment['replicas'], holds: (url: string) => Promise<boolean>): Promise<number> {
  const one = async (url: string) => {
    for (const deadline = performance.now() + 60_000; performance.now() < deadline; await sleep(200)) {
      if (await holds(url).catch(() => false)) return 1;
    }
    return 0;
  };
  const all = await Promise.all(replicas.map(({ url }) => one(url)));
  return all.reduce<number>((sum, found) => sum + found, 0);
}

/** By least squares: how much of it comes in a minute. */
export function slope(points: readonly { readonly at: number; readonly value: number }[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(points.map(({ at }) => at)), mean(points.map(({ value }) => value))];
  const above = points.reduce((sum, { at, value }) => sum + (at - x) * (value - y), 0);
  const below = points.reduce((sum, { at }) => sum + (at - x) ** 2, 0);
  return below === 0 ? 0 : (above / below) * 60;
}
