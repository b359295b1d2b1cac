/**
 * I12: a client secret is rotated under load while its consumers roll slowly, and no request fails; with a rule that looks at
 * the overlap alone the same consumers are cut off.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type JudgeRetirement,
  judgeRetirement,
  mayRetire,
  type RotationTimes,
  rotationTimes,
} from '../../operator/src/controllers/client/rotation.ts';
import { type RunningServer, readKeyFile, start } from '../../server/src/app.ts';
import { openDatabase } from '../../server/src/store/open.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { aClientFile, aScopeFile, aServerFile, Product, until } from '../support/product.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres('newest');
});
afterAll(() => postgres?.stop());

/** An hour is two seconds here. */
const shorter = 1800;
const shortened = ({ overlap, quiet, every, maxOverlap }: RotationTimes): RotationTimes => ({
  overlap: overlap / shorter,
  quiet: quiet / shorter,
  ...(every === undefined ? {} : { every: every / shorter }),
  ...(maxOverlap === undefined ? {} : { maxOverlap: maxOverlap / shorter }),
});

/** The whole product with three replicas in front of one database. */
class Stage {
  readonly product: Product;
  urls: readonly string[] = [];
  /** What was refused, and to whom. */
  readonly failures: string[] = [];
  requests = 0;
  readonly #others: RunningServer[] = [];
  readonly #running: Promise<void>[] = [];
  #ended = false;
  #turn = 0;

  private constructor(product: Product) {
    this.product = product;
  }

  static async open(judge: JudgeRetirement): Promise<Stage> {
    const databaseUrl = await postgres.createDatabase();
    const product = await Product.make(databaseUrl);
    const stage = new Stage(product);
    await product.write('server.yaml', aServerFile());
    await product.write('shop/scope.yaml', aScopeFile());
    await stage.declare();
    await product.start({ rotation: { times: (spec) => shortened(rotationTimes(spec)), judge } });
    const { keys: keyEncryptionKeys } = readKeyFile(join(product.resources, '.secrets', 'key-encryption-key'));
    const local = { host: '127.0.0.1', port: 0 };
    for (const replica of ['b', 'c']) {
      const database = await openDatabase(databaseUrl);
      const server = await start({
        database,
        ownsDatabase: true,
        listen: local,
        management: local,
        keyEncryptionKeys,
        replica,
        pressure: { maxDelay: Number.POSITIVE_INFINITY },
      });
      stage.#others.push(server);
      await server.ready();
    }
    stage.urls = [product.url, ...stage.#others.map(({ url }) => url)];
    await product.untilReason('Client', 'shop', 'batch', 'Ready');
    return stage;
  }

  declare(annotations = '', rotation = '{overlap: 1h, quiet: 3h}'): Promise<void> {
    const file = aClientFile(`  secret: {rotation: ${rotation}}\n`);
    return this.product.write(
      'shop/client.yaml',
      file.replace('namespace: shop}', `namespace: shop, annotations: {${annotations}}}`),
    );
  }

  /** What stands in the Secret now. */
  async secret(): Promise<string> {
    return (await this.product.secret('shop', 'batch-oauth2'))['client-secret'] ?? '';
  }

  /** A request to each replica in turn. */
  async ask(secret: string): Promise<number> {
    const url = this.urls[this.#turn++ % this.urls.length];
    const authorization = `Basic ${Buffer.from(`shop.batch:${secret}`).toString('base64')}`;
    const body = new URLSearchParams({ grant_type: 'client_credentials' });
    const response = await fetch(`${url}/token`, { method: 'POST', headers: { authorization }, body });
    await response.arrayBuffer();
    this.requests += 1;
    return response.status;
  }

  /** A consumer that asks again and again, until the stage ends. */
  consume(name: string, pause: number, secret: () => Promise<string>): void {
    const work = async (): Promise<void> => {
      while (!this.#ended) {
        const status = await this.ask(await secret());
        if (status !== 200) this.failures.push(`${name}: ${status}`);
        await sleep(pause);
      }
    };
    this.#running.push(work());
  }

  async secrets(): Promise<readonly { readonly state: string }[]> {
    const found = (await this.product.resource('Client', 'shop', 'batch'))?.status.secrets;
    return Array.isArray(found) ? found : [];
  }

  async end(): Promise<void> {
    this.#ended = true;
    await Promise.all(this.#running);
    await Promise.all(this.#others.map((server) => server.stop()));
    await this.product.end();
  }
}

interface Rollout {
  /** Consumers of the old secret restart now, one after the other, and read the new one. */
  finish(this: void): void;
  /** A new secret stands in the Secret, and both are accepted. */
  readonly rotated: Promise<void>;
}

/** Readers at once, pods that roll slowly, and a job that holds what it read once; then the secret is rotated. */
async function rollSlowly(stage: Stage): Promise<Rollout> {
  const first = await stage.secret();
  let restarted = 0;
  // Whoever looks at every request must never read what is not accepted yet.
  for (const reader of ['a', 'b']) stage.consume(`reader ${reader}`, 10, () => stage.secret());
  for (const pod of [1, 2, 3, 4])
    stage.consume(`pod ${pod}`, 20, async () => (pod <= restarted ? stage.secret() : first));
  stage.consume('daily job', 1_000, async () => (restarted > 4 ? stage.secret() : first));
  await stage.declare('auth.nauthera.io/rotate-secret: "1"');
  const rotated = until('a new secret', async () => (await stage.secret()) !== first).then(() => undefined);
  return {
    rotated,
    finish() {
      const timer = setInterval(() => {
        restarted += 1;
        if (restarted > 5) clearInterval(timer);
      }, 300);
    },
  };
}

describe('a rotation under load', () => {
  it('I12: no request fails, however slowly its consumers roll; then the old secret ends', async () => {
    const stage = await Stage.open(judgeRetirement);
    try {
      const old = await stage.secret();
      const { rotated, finish } = await rollSlowly(stage);
      await rotated;
      // The overlap is over for long, and quiet would be too: what is used is shown, and kept.
      const blocked = await stage.product.untilReason('Client', 'shop', 'batch', 'OldSecretInUse', 'RotationBlocked');
      expect(blocked.message).toBe(
        'the secret that Secret "batch-oauth2" held before was used within 3h and is accepted still. Restart what has not read the new one, or end it by the annotation auth.nauthera.io/revoke-old-secret',
      );
      await sleep(6_000);
      expect((await stage.secrets()).map(({ state }) => state)).toEqual(['Current', 'Retiring']);
      expect(await stage.product.condition('Client', 'shop', 'batch')).toMatchObject({
        status: 'True',
        reason: 'Ready',
      });
      finish();
      await until('the old secret ends', async () => (await stage.secrets()).length === 1);
      expect(await stage.product.condition('Client', 'shop', 'batch', 'RotationBlocked')).toBeUndefined();
      await until('it is refused everywhere', async () => {
        const answers = await Promise.all(stage.urls.map(() => stage.ask(old)));
        return answers.every((status) => status === 401);
      });
      expect(stage.failures).toEqual([]);
      expect(stage.requests).toBeGreaterThan(500);
      const audit = await stage.product.sql(
        `SELECT event, client_id FROM audit WHERE event LIKE 'secret.%' ORDER BY time`,
      );
      expect(audit).toEqual([
        { event: 'secret.rotated', client_id: 'shop.batch' },
        { event: 'secret.retired', client_id: 'shop.batch' },
      ]);
    } finally {
      await stage.end();
    }
  });

  it('I12: with a rule that ends it after overlap alone the same consumers fail', async () => {
    const overlapAlone: JudgeRetirement = (facts) => (mayRetire(facts) ? { retire: 'unused' } : judgeRetirement(facts));
    const stage = await Stage.open(overlapAlone);
    try {
      const { rotated } = await rollSlowly(stage);
      await rotated;
      await until('somebody is cut off', async () => stage.failures.length > 0);
      expect(stage.failures.every((failure) => /^(pod|daily)/.test(failure))).toBe(true);
    } finally {
      await stage.end();
    }
  });
});
