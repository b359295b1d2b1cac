/**
 * F54: load for long, and faults at random from a seed: a process killed, a database and a directory that are silent, an
 * operator that is cut off or killed while it writes, an API server that is gone. What must hold is counted; who runs it judges.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { aClient, anOwner } from './builders.ts';
import type { Deployment } from './deployment.ts';
import { type History, Load } from './load.ts';
import type { FaultProxy } from './proxy.ts';
import type { ClusterReport, SoakCluster } from './soak-cluster.ts';
import { type Sample, watch } from './soak-samples.ts';

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
  readonly cluster: SoakCluster;
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

export interface SoakReport {
  readonly history: History;
  /** Of what honest ones began, the part that came to its end: repeats are no failures, what they do not repair is. */
  readonly succeeded: number;
  readonly cluster: ClusterReport;
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
  const { deployment, cluster, seed, lasts, onStep = () => undefined } = options;
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
  const faults = faultsOf({ deployment, cluster, operator, next });
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
  const told = await cluster.end();
  const [doubled] = await world.rows<{ n: number }>(`SELECT count(*)::int AS n FROM
    (SELECT FROM refresh_tokens WHERE used_at IS NULL GROUP BY grant_id HAVING count(*) > 1) d`);
  const ended = { history, succeeded: succeededOf(history), cluster: told };
  return { ...ended, fired, ...(await watching.stop()), doubled: doubled?.n ?? -1, serving, refusing };
}

function succeededOf({ done, failures, lostCodes, lateRepeats }: History): number {
  const well = Object.values(done).reduce((sum, count) => sum + count, 0);
  return well / (well + failures.length + lostCodes + lateRepeats);
}

function shuffled(kinds: readonly string[], next: () => number): string[] {
  return kinds
    .map((kind) => ({ kind, place: next() }))
    .sort((one, other) => one.place - other.place)
    .map(({ kind }) => kind);
}

type Fault = (lasts: number) => Promise<void>;

/** The first process is never killed: its memory is watched. */
function faultsOf(parts: {
  readonly deployment: Deployment;
  readonly cluster: SoakCluster;
  readonly operator: Operator;
  readonly next: () => number;
}): Readonly<Record<string, Fault>> {
  const { deployment, cluster, operator, next } = parts;
  const { replicas, faults } = deployment;
  if (faults === undefined) throw new Error('nothing stands between the processes and what they depend on');
  const { database, directory } = faults;
  const silent =
    (...proxies: readonly FaultProxy[]): Fault =>
    async (lasts) => {
      const which = next() < 0.5 ? 'all' : 'existing';
      for (const proxy of proxies) proxy.blackHole(which);
      await sleep(lasts);
      for (const proxy of proxies) proxy.pass();
    };
  return {
    'F03 a process is killed': async (lasts) => {
      const victim = replicas[1 + Math.floor(next() * (replicas.length - 1))];
      await victim?.kill();
      await sleep(lasts / 4);
      await victim?.restart();
    },
    'F06 the database is silent': silent(database, cluster.database),
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
    'F29 the API server and etcd are killed': (lasts) => cluster.killApiServer(lasts),
    'F32 the operator is killed': (lasts) => cluster.killOperator(lasts),
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
