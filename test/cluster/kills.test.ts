/** The operator is killed at random moments, again and again, while people go on working. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomOf, Scene, seedOf } from '../support/cluster-scene.ts';
import type { EndState } from '../support/cluster-state.ts';
import { askForToken, keepAsking } from '../support/cluster-tokens.ts';
import { startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorHere } from '../support/operator-here.ts';
import type { OperatorProcess } from '../support/operator-process.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';

const kills = 50;
/** Milliseconds for one step of a story, of which the kills take most. */
const patience = 1_200_000;

let cluster: TestCluster;
let postgres: TestPostgres;
beforeAll(async () => {
  [cluster, postgres] = await Promise.all([startCluster(), startPostgres('newest')]);
});
afterAll(async () => {
  await cluster?.stop();
  await postgres?.stop();
});

/** What one team does in a row: each step waits for what it needs, so that every run makes the same history. */
type Step = (scene: Scene) => Promise<unknown>;

const ready =
  (name: string, kind = 'Client') =>
  (scene: Scene) =>
    scene.untilReason(kind, 'shop', name, 'Ready', patience);

function storyOf(name: string): readonly Step[] {
  const secret = `${name}-oauth2`;
  const newSecret = async (scene: Scene) => {
    const before = await scene.secret('shop', secret);
    await scene.delete('secrets', 'shop', secret);
    await until(
      `${secret} is written anew`,
      async () => {
        const after = await scene.secret('shop', secret);
        return after !== undefined && after['client-secret'] !== before?.['client-secret'];
      },
      patience,
    );
  };
  return [
    (scene) => scene.apply(scene.aClient(name)),
    ready(name),
    (scene) => scene.apply(scene.aClient(name, { displayName: `${name} edited` })),
    (scene) =>
      scene.apply(
        scene.aClient(name, { displayName: `${name} edited`, scopes: [scene.scope('read'), scene.scope(name)] }),
      ),
    (scene) => scene.apply(scene.aScope({ name: scene.scope(name), displayName: name }, name)),
    ready(name),
    newSecret,
    ready(name),
    (scene) => scene.apply(scene.aClient(name, { suspend: true })),
    (scene) => scene.untilReason('Client', 'shop', name, 'Suspended', patience),
    (scene) => scene.delete('Client', 'shop', name),
    (scene) => scene.untilGone('Client', 'shop', name, patience),
    (scene) => scene.apply(scene.aClient(name, { displayName: `${name} again` })),
    ready(name),
    (scene) => scene.apply(scene.aScope({ name: scene.scope(name), displayName: `${name} edited` }, name)),
    ready(name, 'Scope'),
    (scene) =>
      scene.patch('secrets', 'shop', secret, { metadata: { labels: { 'auth.nauthera.io/client': 'forged' } } }),
    ready(name),
    ...(name.endsWith('3')
      ? [
          (scene: Scene) => scene.delete('Client', 'shop', name),
          (scene: Scene) => scene.untilGone('Client', 'shop', name, patience),
        ]
      : []),
  ];
}

const teams = ['team-1', 'team-2', 'team-3', 'team-4'];

/** @param mayGoOn resolves when a step may begin, by the part of its story that is done */
async function tell(scene: Scene, mayGoOn: (part: number) => Promise<unknown>): Promise<void> {
  await Promise.all(
    teams.map(async (name) => {
      const steps = storyOf(name);
      for (const [index, step] of steps.entries()) {
        await mayGoOn(index / steps.length);
        await step(scene);
      }
    }),
  );
}

async function aScene(): Promise<Scene> {
  const scene = await Scene.make({ cluster, postgres });
  for (const one of [scene.aServer(), scene.aScope(), scene.aClient('steady')]) await scene.apply(one);
  return scene;
}

/**
 * Kills whoever leads, again and again: each second one at most 1.2 s after it began to lead, the others so long after they
 * had listed everything, so that some work is done however slow the machine. The next one has started already and waits.
 */
class Killing {
  done = 0;
  #leader: OperatorProcess;
  #next: OperatorProcess;
  readonly #scene: Scene;

  private constructor(scene: Scene, leader: OperatorProcess, next: OperatorProcess) {
    this.#scene = scene;
    this.#leader = leader;
    this.#next = next;
  }

  static async start(scene: Scene): Promise<Killing> {
    return new Killing(scene, await scene.operator(), await scene.operator());
  }

  async kill(times: number, random: () => number): Promise<void> {
    for (; this.done < times; this.done += 1) {
      const leads = async () => [this.#leader, this.#next].find(({ log }) => log.includes('"leading"'));
      const leader = await until('somebody leads', leads, patience);
      if (this.done % 2 === 1) await until('it works', async () => leader.log.includes('"working"'), patience);
      await sleep(random() * 1200);
      await leader.kill();
      if (leader === this.#leader) this.#leader = this.#next;
      this.#next = await this.#scene.operator();
      await this.#scene.freeLease();
    }
  }

  /** What the last two say, for a failure's message. */
  get log(): string {
    return `${this.#leader.log}\n---\n${this.#next.log}`;
  }

  async end(): Promise<void> {
    await Promise.all([this.#leader.kill(), this.#next.kill()]);
  }
}

/** The story with nobody killed: how it is to end. */
async function toldInPeace(): Promise<EndState> {
  const scene = await aScene();
  await using operator = await OperatorHere.start(scene);
  await using _replica = await scene.replica();
  await scene.untilReason('Client', 'shop', 'steady');
  await tell(scene, () => Promise.resolve());
  await operator.idle();
  return await scene.settled();
}

async function toldWhileKilled(random: () => number, peace: Promise<EndState>): Promise<void> {
  const scene = await aScene();
  const killing = await Killing.start(scene);
  try {
    await using replica = await scene.replica();
    await scene.untilReason('Client', 'shop', 'steady');
    const asking = keepAsking(replica.url, (await scene.secret('shop', 'steady-oauth2')) ?? {});
    const killed = killing.kill(kills / 2, random);
    const enough = (part: number) => async () => killing.done >= Math.floor((part * kills) / 2);
    await tell(scene, (part) => until('enough kills', enough(part), patience));
    await killed;
    const whole = await peace;
    expect(await scene.stateLike(whole)).toEqual(whole);
    await asking.stop();
    expect(asking.refusals).toEqual([]);
    expect(asking.asked).toBeGreaterThan(100);
    for (const name of ['team-1', 'team-4'])
      expect(await askForToken(replica.url, (await scene.secret('shop', `${name}-oauth2`)) ?? {})).toBe('200');
  } catch (error) {
    console.error(killing.log);
    throw error;
  } finally {
    await killing.end();
  }
}

describe('F32: the operator is killed at any moment', () => {
  it(`${kills} times during changes: the same end state as without, and nobody is refused`, {
    timeout: 2_400_000,
  }, async () => {
    const seed = seedOf('F32 kills');
    const peace = toldInPeace();
    await Promise.all([peace, ...[seed, seed + 1].map((one) => toldWhileKilled(randomOf(one), peace))]);
  });
});
