/**
 * Ten times what saturates the server: who is let in is served as before, the others are told to come again, and all is well
 * soon after. And one client that asks now and then, alone and beside a flood of pages.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { freePort } from '../support/ports.ts';
import type { Bench } from './bench.ts';
import { type Flood, type Flooded, flood } from './flood.ts';
import { type Granted, grantsOf } from './granted.ts';
import { random } from './load.ts';
import { address, alwaysAsking, requestPath, signInAndConsent } from './login-consent.bench.ts';
import {
  type Extent,
  judgeLimit,
  type Method,
  median,
  type Outcome,
  rateOf,
  resultOf,
  type Verdict,
} from './measure.ts';
import { People } from './people.ts';
import { refreshFields } from './refresh.bench.ts';
import { basic, clientIdOf, declare, type Running, type Stage, serve } from './stage.ts';
import { postToken, Walker } from './walk.ts';

const limits = {
  /** Milliseconds. */
  p99: 250,
  /** Milliseconds by which the generator's own event loop may be late (p99) before that says nothing. */
  generator: 100,
  /** Of the rate that saturates. */
  rate: 0.8,
  /** The second half of an overload over its first. */
  memory: 1.1,
  /** Seconds. */
  recovery: 10,
  /** Beside a flood, over alone. */
  beside: 1.2,
} as const;
const times = 10;

interface Scene {
  readonly server: Running;
  readonly management: string;
  readonly clients: number;
  readonly kinds: Readonly<Record<'client_credentials' | 'refresh' | 'login', Flood>>;
}

async function open(stage: Stage, quick: boolean): Promise<Scene> {
  const clients = quick ? 20 : 1000;
  const users = quick ? { tokens: 2, refresh: 2, login: 2 } : { tokens: 64, refresh: 32, login: 16 };
  const declared = await declare(stage, { clients, client: { consent: alwaysAsking } });
  const people = await People.of(stage, declared.databaseUrl, clients, quick ? 20 : 500);
  const port = String(await freePort());
  const server = await serve(stage, declared, 'memory', { MANAGEMENT_PORT: port, PRESSURE: 'production' });
  // One of each virtual user's own, whose successor it takes.
  const grants = await grantsOf(people, server, users.refresh * times);
  const grant = (user: number): Granted => {
    const one = grants[user % grants.length];
    if (one === undefined) throw new Error('no grant');
    return one;
  };
  return {
    server,
    management: `http://127.0.0.1:${port}`,
    clients,
    kinds: {
      client_credentials: {
        server,
        users: users.tokens,
        async step(_user, onAnswer) {
          const fields = { grant_type: 'client_credentials' };
          await postToken(server.url, basic(clientIdOf(random(clients))), fields, onAnswer);
        },
      },
      refresh: {
        server,
        users: users.refresh,
        async step(user, onAnswer) {
          const own = grant(user);
          const answer = await postToken(server.url, basic(own.client), refreshFields(own.token), onAnswer);
          own.token = String(answer.refresh_token);
        },
      },
      login: {
        server,
        users: users.login,
        step: (_user, onAnswer) => signInAndConsent(server.url, clientIdOf(random(clients)), random(2000), onAnswer),
      },
    },
  };
}

/** Milliseconds by which the server's event loop was late, the 99th of a hundred, since the last look. */
async function lateness(management: string): Promise<number> {
  const text = await (await fetch(`${management}/metrics`)).text();
  return Number(/^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(text)?.[1] ?? 0) * 1000;
}

interface Overload {
  readonly best: Flooded;
  readonly over: Flooded;
  /** Seconds until it was as before; `Infinity`: not within twice the limit. */
  readonly recovery: number;
  /** Milliseconds: the server's event loop, and our own. */
  readonly late: number;
  readonly ourselves: number;
}

async function overloaded({ management }: Scene, one: Flood, extent: Extent): Promise<Overload> {
  const best = await flood(one, extent);
  await lateness(management);
  const own = monitorEventLoopDelay({ resolution: 10 });
  own.enable();
  const over = await flood({ ...one, users: one.users * times }, extent);
  own.disable();
  const late = await lateness(management);
  const ended = performance.now();
  let recovery = Number.POSITIVE_INFINITY;
  while (recovery === Number.POSITIVE_INFINITY && performance.now() - ended < limits.recovery * 2000) {
    const after = await flood(one, 'operations' in extent ? extent : { seconds: 0.5 });
    const isNormal = after.refused === 0 && ('operations' in extent || rateOf(after) >= limits.rate * rateOf(best));
    if (isNormal) recovery = (performance.now() - ended) / 1000;
  }
  return { best, over, recovery, late, ourselves: own.percentile(99) / 1e6 };
}

function judgeOverload(row: string, rounds: readonly Overload[]): Verdict[] {
  const limit = (of: string, ratio: (one: Overload) => number) => judgeLimit(row, of, rounds.map(ratio));
  // What this process took to look at an answer is no latency of the server.
  const isOurs = median(rounds.map(({ ourselves }) => ourselves)) > limits.generator;
  const p99 = limit(`p99 of ${limits.p99} ms`, ({ over }) => limits.p99 / over.p99);
  return [
    isOurs && p99.verdict === 'missed' ? { ...p99, verdict: 'generator-bound' } : p99,
    limit('80 % of the best rate', ({ best, over }) => rateOf(over) / rateOf(best) / limits.rate),
    limit('every refusal with Retry-After', ({ over }) => (over.unhelpful === 0 ? 1 : 0)),
    limit('flat memory (+10 %)', ({ over: { memory } }) => (limits.memory * memory[0]) / memory[1]),
    limit(`normal ${limits.recovery} s after`, ({ recovery }) => limits.recovery / recovery),
  ];
}

function noteOf(row: string, rounds: readonly Overload[]): string {
  const middle = (of: (one: Overload) => number) => median(rounds.map(of)).toFixed(0);
  return [
    `${row}: ${middle(({ over }) => (100 * over.refused) / over.answers)} % of the answers refused`,
    `event loop late by ${middle(({ late }) => late)} ms (p99), the generator's by ${middle(({ ourselves }) => ourselves)} ms`,
    `${middle(({ over }) => over.memory[1])} MiB`,
    `normal after ${median(rounds.map(({ recovery }) => recovery)).toFixed(1)} s`,
  ].join(', ');
}

/** One who asks for a token, and again 10 ms after its answer; alone, then beside ten times the people who open pages. */
async function besides({ server, clients, kinds }: Scene, extent: Extent): Promise<readonly [Flooded, Flooded]> {
  const modest = { ...kinds.client_credentials, users: 1, pause: 10 };
  const pages: Flood = {
    server,
    users: kinds.login.users * times,
    async step(_user, onAnswer) {
      const { status } = await new Walker(server.url, address(), { onAnswer }).get(
        requestPath(clientIdOf(random(clients))),
      );
      if (status !== 200) throw new Error(`page: ${status}`);
    },
  };
  const alone = await flood(modest, extent);
  const [beside] = await Promise.all([flood(modest, extent), flood(pages, extent)]);
  return [alone, beside];
}

export const overload: Bench = {
  name: 'overload',
  about:
    'one token, refresh or sign-in while ten times as many users ask as saturate the server; p99 is that of an answer',
  prepare: () => Promise.resolve({ rows: [], targets: [] }),
  async run(stage: Stage, { quick }, { rounds, extent, onProgress, settle }: Method): Promise<Outcome> {
    const scene = await open(stage, quick);
    const found = new Map<string, Overload[]>(Object.keys(scene.kinds).map((name) => [name, []]));
    const alone: Flooded[] = [];
    const beside: Flooded[] = [];
    for (let round = quick ? 0 : -1; round < rounds; round++) {
      for (const [name, kind] of Object.entries(scene.kinds)) {
        onProgress?.(`${round < 0 ? 'warm-up' : `round ${round + 1} of ${rounds}`}: ${name}`);
        await settle?.();
        const one = await overloaded(scene, kind, extent);
        if (round >= 0) found.get(name)?.push(one);
      }
      const [without, within] = await besides(scene, extent);
      if (round >= 0) alone.push(without);
      if (round >= 0) beside.push(within);
    }
    const result = (name: string, samples: readonly Flooded[]) =>
      resultOf(
        name,
        'ours',
        samples.map((sample) => ({ ...sample, foreignLoad: 0 })),
      );
    const [one, flooded] = ['one token now and then, alone', 'one token now and then, beside a flood'];
    const all = [...found].map(([name, of]) => ({ name, over: `${name}, ${times} × the users`, of }));
    return {
      rows: [
        ...all.flatMap(({ name, over, of }) => [
          result(
            name,
            of.map(({ best }) => best),
          ),
          result(
            over,
            of.map((round) => round.over),
          ),
        ]),
        result(one, alone),
        result(flooded, beside),
      ],
      verdicts: [
        ...all.flatMap(({ over, of }) => judgeOverload(over, of)),
        judgeLimit(
          flooded,
          'p99 alone (+20 %)',
          beside.map(({ p99 }, round) => (limits.beside * (alone[round]?.p99 ?? 0)) / p99),
        ),
      ],
      notes: all.map(({ over, of }) => noteOf(over, of)),
    };
  },
};
