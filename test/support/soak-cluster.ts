/**
 * What a soak has of a cluster: a real API server and etcd, an operator and a server as processes, and a team that edits,
 * suspends and deletes Clients all the time, while an application of another Client asks for tokens.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Scene } from './cluster-scene.ts';
import { type Asking, askForToken, type Credentials, keepAsking } from './cluster-tokens.ts';
import { TestCluster } from './kube-cluster.ts';
import type { OperatorProcess } from './operator-process.ts';
import { startPostgres } from './postgres.ts';
import { until } from './product.ts';
import { type FaultProxy, startFaultProxy } from './proxy.ts';
import type { Replica } from './replica.ts';

export interface ClusterReport {
  /** Changes that the API server has taken. */
  readonly changes: number;
  readonly asked: number;
  /** What the application that nobody touched got instead of a token. */
  readonly refusals: readonly string[];
  /** Starts of the operator but the first: it was killed, or had lost its Lease. */
  readonly restarts: number;
  /** In the end: what the untouched, the last edited and the suspended Client get. */
  readonly answers: Readonly<Record<string, string>>;
  /** The untouched Client has the secret that it had in the beginning. */
  readonly sameSecret: boolean;
}

const edited = ['edited-1', 'edited-2', 'edited-3'];
/** A machine that does much else may take minutes to be well again. */
const patience = 300_000;

export class SoakCluster {
  /** Between the operator and its database. */
  readonly database: FaultProxy;
  readonly #scene: Scene;
  readonly #operator: OperatorProcess;
  readonly #replica: Replica;
  readonly #credentials: Credentials;
  readonly #asking: Asking;
  readonly #closing: readonly (() => Promise<unknown>)[];
  readonly #changing: Promise<void>;
  #running = true;
  #changes = 0;

  private constructor(parts: {
    readonly scene: Scene;
    readonly database: FaultProxy;
    readonly operator: OperatorProcess;
    readonly replica: Replica;
    readonly credentials: Credentials;
    readonly closing: readonly (() => Promise<unknown>)[];
  }) {
    this.database = parts.database;
    this.#scene = parts.scene;
    this.#operator = parts.operator;
    this.#replica = parts.replica;
    this.#credentials = parts.credentials;
    this.#closing = parts.closing;
    this.#asking = keepAsking(parts.replica.url, parts.credentials, 200);
    this.#changing = this.#change();
  }

  static async start(): Promise<SoakCluster> {
    const closing: (() => Promise<unknown>)[] = [];
    const [cluster, postgres] = await Promise.all([TestCluster.start(), startPostgres('newest')]);
    closing.push(
      () => cluster.stop(),
      () => postgres.stop(),
    );
    const scene = await Scene.make({ cluster, postgres });
    const url = new URL(scene.databaseUrl);
    const database = await startFaultProxy(Number(url.port), url.hostname);
    closing.push(() => database.close());
    url.host = `127.0.0.1:${database.port}`;
    await scene.putDatabaseSecret(url.href);
    for (const one of [scene.aServer(), scene.aScope(), scene.aClient('untouched')]) await scene.apply(one);
    const operator = await scene.operator({ restart: true });
    closing.push(() => operator.kill());
    const replica = await scene.replica();
    closing.push(() => replica.kill());
    await scene.untilReason('Client', 'shop', 'untouched', 'Ready', patience);
    const credentials = (await scene.secret('shop', 'untouched-oauth2')) ?? {};
    return new SoakCluster({ scene, database, operator, replica, credentials, closing });
  }

  /** The API server and its store, for so many milliseconds. */
  async killApiServer(lasts: number): Promise<void> {
    const { cluster } = this.#scene;
    await Promise.all([cluster.killApiServer(), cluster.killEtcd()]);
    await sleep(lasts);
    await cluster.etcd.start();
    await cluster.startApiServer();
  }

  /** The next one starts at once, and works when the Lease is over. */
  async killOperator(lasts: number): Promise<void> {
    const { ends } = this.#operator;
    this.#operator.crash();
    await until('the operator is gone', async () => this.#operator.ends > ends, patience);
    await sleep(lasts);
  }

  /** What the API server does not take, because it is away, is tried with the next turn. */
  async #change(): Promise<void> {
    const scene = this.#scene;
    for (let turn = 0; this.#running; turn += 1, await sleep(300)) {
      const name = edited[turn % edited.length] ?? '';
      const change =
        turn % 20 === 19
          ? scene.delete('Client', 'shop', name)
          : scene.apply(scene.aClient(name, { displayName: `Turn ${turn}`, suspend: turn % 7 === 0 }));
      await change.then(
        () => {
          this.#changes += 1;
        },
        () => undefined,
      );
    }
  }

  /** The last changes, and what has become of all of them. */
  async end(): Promise<ClusterReport> {
    this.#running = false;
    await this.#changing;
    const scene = this.#scene;
    const [edits = '', suspended = '', deleted = ''] = edited;
    await scene.delete('Client', 'shop', deleted).catch(() => undefined);
    await scene.untilGone('Client', 'shop', deleted, patience);
    // One that is being deleted takes changes, and goes all the same.
    const declared = (name: string, reason: string, suspend: boolean) =>
      until(
        `${name} is ${reason}`,
        async () => {
          await scene.apply(scene.aClient(name, { displayName: 'The last', suspend })).catch(() => undefined);
          return (await scene.condition('Client', 'shop', name))?.reason === reason;
        },
        patience,
      );
    await declared(edits, 'Ready', false);
    await declared(suspended, 'Suspended', true);
    const answers: Record<string, string> = {};
    for (const [name, wanted] of [
      ['untouched', '200'],
      [edits, '200'],
      [suspended, '401 invalid_client'],
    ] as const) {
      const credentials = (await scene.secret('shop', `${name}-oauth2`)) ?? {};
      const answer = () => askForToken(this.#replica.url, credentials);
      await until(`${name}: ${wanted}`, async () => (await answer()) === wanted, patience).catch(() => undefined);
      answers[name] = await answer();
    }
    const now = (await scene.secret('shop', 'untouched-oauth2')) ?? {};
    await this.#asking.stop();
    return {
      changes: this.#changes,
      asked: this.#asking.asked,
      refusals: this.#asking.refusals.slice(0, 20),
      restarts: this.#operator.ends,
      answers,
      sameSecret: now['client-secret'] === this.#credentials['client-secret'],
    };
  }

  async close(): Promise<void> {
    this.#running = false;
    await Promise.all([this.#changing, this.#asking.stop()]);
    for (const close of this.#closing.toReversed()) await close();
  }
}
