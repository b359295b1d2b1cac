/** What applications and people do all the time in their pods, and what they say of it. */
import { expect } from 'vitest';
import { eventually, inPod, kubectl } from './kubectl.ts';
import type { Told } from './pods/people.ts';
import { startProgram } from './programs.ts';

interface Load {
  readonly good: number;
  readonly failed: number;
  /** Requests that met a kept connection in its last moment. */
  readonly again: number;
  /** Requests that got no answer, and one when they were sent again. */
  readonly lost: number;
  /** Handshakes that were begun again, because the node had no time for them. */
  readonly slow: number;
  readonly problems: readonly string[];
}

type Received = Readonly<Record<string, readonly string[]>>;

/**
 * How many handshakes may be slow in a step: one moment in which the node stands still meets at most the five that the
 * application has under way, and of the people the two who walk and the six who were held. A server that lets them wait
 * would be met again and again.
 */
const slowInOneMoment = { load: 5, people: 8 };

export class Traffic {
  readonly #namespace: string;

  private constructor(namespace: string) {
    this.#namespace = namespace;
  }

  /** A Client of its own for each: `web` fetches tokens, `portal` signs people in. */
  static async start(namespace: string): Promise<Traffic> {
    const traffic = new Traffic(namespace);
    await startProgram({ namespace, name: 'load', file: 'load.mjs', secret: 'web-oauth2' });
    await startProgram({ namespace, name: 'people', file: 'people.ts', secret: 'portal-oauth2' });
    await kubectl('-n', namespace, 'wait', '--for=condition=Ready', 'pod/load', 'pod/people', '--timeout=240s');
    await eventually(async () => expect((await traffic.load()).good).toBeGreaterThan(20));
    await eventually(async () => expect((await traffic.people()).visits).toBeGreaterThan(2));
    return traffic;
  }

  async stop(): Promise<void> {
    await kubectl('-n', this.#namespace, 'delete', 'pod', 'load', 'people', '--wait=true');
  }

  /** While `act` runs, and a moment longer, everybody gets on, and not one request fails. */
  async withoutFailure(act: () => Promise<unknown>): Promise<void> {
    const [before, after] = await this.#around(act);
    expect(after.load.problems).toEqual(before.load.problems);
    expect(after.load.lost - before.load.lost).toBe(0);
    expect(after.people.problems).toEqual(before.people.problems);
    expect(after.people.failed - before.people.failed).toBe(0);
  }

  /** The same where a process is killed: what was under way gets no answer, and gets one when it is sent again. */
  async withoutLasting(act: () => Promise<unknown>): Promise<void> {
    const [before, after] = await this.#around(act);
    const wrong = after.people.problems
      .slice(before.people.problems.length)
      .filter((problem) => !/fetch failed|UND_ERR_SOCKET|ECONNRE/.test(problem));
    expect(wrong).toEqual([]);
  }

  /** Six people set out; each waits somewhere else on the way. */
  async hold(name: string): Promise<void> {
    await this.#touch(`hold.${name}`);
    await eventually(async () => expect((await this.#group(name)).waiting).toBe(6));
  }

  /** They go on, and all arrive. */
  async goOn(name: string): Promise<void> {
    await this.#touch(`go.${name}`);
    await eventually(async () => expect(await this.#group(name)).toEqual({ waiting: 6, done: 6 }));
  }

  /** @throws with what stopped one of them */
  async #group(name: string): Promise<{ readonly waiting: number; readonly done: number }> {
    const { problems, held } = await this.people();
    expect(problems.filter((problem) => problem.includes(` ${name}, `))).toEqual([]);
    return held[name] ?? { waiting: 0, done: 0 };
  }

  load(): Promise<Load> {
    return this.#lastWords('load');
  }

  people(): Promise<Told> {
    return this.#lastWords('people');
  }

  /** Tokens, codes and cookies that people and their application were given last, by their kind. */
  async received(): Promise<Map<string, string>> {
    const found = JSON.parse(await inPod(this.#namespace, 'people', 'cat', '/tmp/received.json')) as Received;
    const all = Object.entries(found).flatMap(([kind, values]) =>
      values.map((one, at) => [`${kind} ${at}`, one] as const),
    );
    return new Map(all);
  }

  async #around(act: () => Promise<unknown>) {
    const look = async () => ({ load: await this.load(), people: await this.people() });
    const before = await look();
    await act();
    const ended = await look();
    const after = await eventually(async () => {
      const now = await look();
      expect(now.load.good).toBeGreaterThan(ended.load.good + 50);
      expect(now.people.visits).toBeGreaterThan(ended.people.visits + 1);
      return now;
    });
    expect(after.load.failed, after.load.problems.join('\n')).toBe(0);
    // Four connections are kept, to three pods at most: more would be requests that a server dropped.
    expect(after.load.again - before.load.again).toBeLessThanOrEqual(12);
    for (const who of ['load', 'people'] as const)
      expect(after[who].slow - before[who].slow, `slow handshakes of ${who}`).toBeLessThanOrEqual(slowInOneMoment[who]);
    return [before, after] as const;
  }

  async #lastWords<T>(pod: string): Promise<T> {
    const lines = (await kubectl('-n', this.#namespace, 'logs', pod, '--tail=20')).trim().split('\n');
    // The runtime may warn in between.
    return JSON.parse(lines.findLast((line) => line.startsWith('{')) ?? '') as T;
  }

  async #touch(file: string): Promise<void> {
    await inPod(this.#namespace, 'people', 'node', '-e', `require('node:fs').writeFileSync('/tmp/${file}', '')`);
  }
}
