/** A recording of a real run, a registry to match it, and the program that plays the API server. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Agent, request as send } from 'undici';
import { Scene } from '../support/cluster-scene.ts';
import { type AnyObject, TestCluster } from '../support/kube-cluster.ts';
import { type Endpoint, kubeconfigText } from '../support/kube-files.ts';
import { OperatorProcess } from '../support/operator-process.ts';
import type { TestPostgres } from '../support/postgres.ts';
import type { Replica } from '../support/replica.ts';
import type { Order, Setting, Write } from './servers/recorded-api.ts';
import { harness, type Recording, teller } from './servers/recorded-objects.ts';

export interface Recorded {
  readonly databaseUrl: string;
  readonly recording: Recording;
  readonly replicas: readonly Replica[];
}

/** One Client as everybody has them. */
export const aClient = (scene: Scene, name: string): AnyObject =>
  scene.aClient(name, {
    displayName: 'An application',
    grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
    // The same for all: they stand in the Secret, in base64.
    redirectUris: ['https://app.example.com/callback', 'https://app.example.com/silent'],
    scopes: ['openid', 'profile', 'email', 'offline_access', scene.scope('read')],
  });

/** Runs the operator on a real API server until one Client is Ready, and keeps what is there then. The API server ends. */
export async function record(postgres: TestPostgres, replicas = 1): Promise<Recorded> {
  const cluster = await TestCluster.start();
  try {
    const scene = await Scene.make({ cluster, postgres });
    await scene.create(scene.aServer());
    await scene.create(scene.aScope({ allowedClients: { namespaces: { from: 'All' } } }));
    await using operator = await scene.operator();
    const running: Replica[] = [];
    for (let count = 0; count < replicas; count += 1) running.push(await scene.replica());
    await scene.create(aClient(scene, 'app-template'));
    await scene.untilReason('Client', 'shop', 'app-template');
    await scene.untilReason('Scope', 'shop', 'read');
    await scene.untilReason('AuthorizationServer', 'auth', 'main');
    await scene.settled();
    await operator.stop();
    return { databaseUrl: scene.databaseUrl, recording: await recordingOf(scene), replicas: running };
  } finally {
    await cluster.stop();
  }
}

async function recordingOf(scene: Scene): Promise<Recording> {
  const { cluster } = scene;
  const get = (path: string) => cluster.call('GET', path);
  const { items } = await get(scene.path('secrets', 'auth'));
  const [row] = await scene.sql("SELECT to_jsonb(registry) AS row FROM registry WHERE kind = 'client'");
  const { metadata } = await get('/api/v1/namespaces/kube-system');
  return {
    source: metadata.uid,
    keys: await get('/openid/v1/jwks'),
    namespace: await get(`/api/v1/namespaces/${scene.namespaces.shop}`),
    server: await get(scene.path('AuthorizationServer', 'auth', 'main')),
    scope: await get(scene.path('Scope', 'shop', 'read')),
    client: await get(scene.path('Client', 'shop', 'app-template')),
    secret: await get(scene.path('secrets', 'shop', 'app-template-oauth2')),
    // A single Secret says what it is; one of a list does not.
    secrets: (items as AnyObject[]).map((one) => ({ apiVersion: 'v1', kind: 'Secret', ...one })),
    row: row?.['row'] as Recording['row'],
  };
}

/** The rows of as many Clients, in place of those that are there. */
export async function fillRegistry({ databaseUrl, recording }: Recorded, clients: number, perNamespace: number) {
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  try {
    await database.query("DELETE FROM registry WHERE kind = 'client'");
    // Nobody retired them.
    await database.query("DELETE FROM registry_tombstones WHERE kind = 'client'");
    const tell = teller(recording, perNamespace);
    for (let from = 0; from < clients; from += 500) {
      const rows = Array.from({ length: Math.min(500, clients - from) }, (_, index) => tell(from + index).row);
      await database.query('INSERT INTO registry SELECT * FROM jsonb_populate_recordset(NULL::registry, $1)', [
        `[${rows.join(',')}]`,
      ]);
    }
    await database.query('ANALYZE registry');
  } finally {
    await database.end();
  }
}

/**
 * What an operator that looked at all of them has noted, without having it look: it looks at one Client of each namespace,
 * and the others are told like that one.
 */
export async function noteChecks(
  recorded: Recorded,
  { clients, perNamespace, program }: { clients: number; perNamespace: number; program: { readonly program?: string } },
): Promise<void> {
  const { databaseUrl, recording } = recorded;
  const namespaces = Math.ceil(clients / perNamespace);
  await fillRegistry(recorded, namespaces, 1);
  const api = await RecordedApi.start({ recording, clients: namespaces, perNamespace: 1 });
  const operator = await OperatorProcess.start({ kubeconfig: api.kubeconfig, ...program });
  await verified(operator, namespaces);
  await operator.stop();
  await api.stop();
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  try {
    const { rows } = await database.query<{ namespace: string; state: string }>(
      'SELECT namespace, state FROM registry_checks JOIN registry USING (kind, id)',
    );
    const noted = new Map(rows.map(({ namespace, state }) => [namespace, JSON.parse(state) as unknown[]]));
    if (noted.size !== namespaces) throw new Error(`noted of ${noted.size} namespaces, ${namespaces} there are`);
    await fillRegistry(recorded, clients, perNamespace);
    const tell = teller(recording, perNamespace);
    for (let from = 0; from < clients; from += 500) {
      const checks = Array.from({ length: Math.min(500, clients - from) }, (_, index) => {
        const { client, secret } = tell(from + index);
        const [one, other] = [client, secret].map((text) => (JSON.parse(text) as AnyObject).metadata);
        const [form, , ground, , ...rest] = noted.get(one.namespace) ?? [];
        const secrets = { [other.name]: `${other.uid}/${other.resourceVersion}` };
        return { name: one.name, state: JSON.stringify([form, one.resourceVersion, ground, secrets, ...rest]) };
      });
      await database.query(
        `INSERT INTO registry_checks SELECT r.kind, r.id, v.epoch, r.n, c.state
          FROM jsonb_to_recordset($1) AS c(name text, state text) JOIN registry r ON r.kind = 'client' AND r.name = c.name,
            registry_revision v`,
        [JSON.stringify(checks)],
      );
    }
    await database.query('ANALYZE registry_checks');
  } finally {
    await database.end();
  }
}

/** The value of a metric, all labels added up, of which these are some. */
export function sumOf(metrics: string, name: string, labels: string): number {
  return metrics
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && line.includes(labels))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

/** Every Client was looked at, or is known to be as it was, and nobody waits for a worker. */
export async function verified(operator: OperatorProcess, clients: number): Promise<void> {
  for (;;) {
    if (operator.ends > 0) throw new Error(`the operator ended by itself:\n${operator.log}`);
    const metrics = await operator.metrics().catch(() => '');
    const concluded = sumOf(metrics, 'nauthera_resources', 'kind="Client"');
    if (concluded >= clients && sumOf(metrics, 'workqueue_depth', '') === 0) return;
    await sleep(100);
  }
}

export async function revisionOf({ databaseUrl }: Recorded): Promise<string> {
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  try {
    return JSON.stringify((await database.query('SELECT epoch, n FROM registry_revision')).rows[0]);
  } finally {
    await database.end();
  }
}

export class RecordedApi {
  /** Path of a kubeconfig. */
  readonly kubeconfig: string;
  readonly endpoint: Endpoint;
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #agent: Agent;
  #orders = 0;

  private constructor(folder: string, child: ChildProcess, endpoint: Endpoint) {
    this.#folder = folder;
    this.kubeconfig = join(folder, 'kubeconfig');
    this.#child = child;
    this.endpoint = endpoint;
    this.#agent = new Agent({ connect: { ca: endpoint.caPem } });
  }

  static async start(setting: Setting): Promise<RecordedApi> {
    const folder = await mkdtemp(join(tmpdir(), 'nauthera-recorded-'));
    const path = join(folder, 'setting.json');
    await writeFile(path, JSON.stringify(setting), { mode: 0o600 });
    const child = fork(join(import.meta.dirname, 'servers/recorded-api.ts'), [path], { stdio: 'inherit' });
    const [endpoint] = (await once(child, 'message')) as [Endpoint];
    const api = new RecordedApi(folder, child, endpoint);
    await writeFile(api.kubeconfig, kubeconfigText(endpoint, 'recorded'), { mode: 0o600 });
    return api;
  }

  /** Path of a kubeconfig of that name, which is its bearer token too. `endpoint`: a proxy in front. */
  async kubeconfigOf(who: string, endpoint: Endpoint): Promise<string> {
    const path = join(this.#folder, `${who}.kubeconfig`);
    await writeFile(path, kubeconfigText(endpoint, who), { mode: 0o600 });
    return path;
  }

  /** As somebody else than an operator. Any status is an answer. */
  async request(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: AnyObject) {
    const answer = await send(`${this.endpoint.server}${path}`, {
      method,
      dispatcher: this.#agent,
      headers: { authorization: `Bearer ${harness}` },
      body: body === undefined ? null : JSON.stringify(body),
    });
    return { status: answer.statusCode, body: (await answer.body.json()) as AnyObject };
  }

  /** {@link request} that throws for any status but 2xx; the body. */
  async call(method: string, path: string): Promise<AnyObject> {
    const { status, body } = await this.request(method as 'GET', path);
    if (status >= 300) throw new Error(`${method} ${path}: ${status}`);
    return body;
  }

  ask<T>(order: Order): Promise<T> {
    this.#orders += 1;
    const id = this.#orders;
    return new Promise((resolve) => {
      const take = (message: unknown) => {
        const answer = message as { readonly id: number; readonly said: T };
        if (answer.id !== id) return;
        this.#child.off('message', take);
        resolve(answer.said);
      };
      this.#child.on('message', take);
      this.#child.send({ id, order });
    });
  }

  /** Calls by what they are, those for the Lease left out. */
  async calls(): Promise<Readonly<Record<string, number>>> {
    const { calls } = await this.ask<{ calls: Record<string, number> }>({ order: 'calls' });
    return Object.fromEntries(Object.entries(calls).filter(([what]) => !what.endsWith(' leases')));
  }

  /** How often Secrets of a namespace were read one by one: each pass over a Client does it once. */
  async passes(namespace: string): Promise<number> {
    const { reads } = await this.ask<{ reads: Record<string, number> }>({ order: 'calls' });
    return reads[namespace] ?? 0;
  }

  /** But of the Lease, and of what is told to people. */
  async writes(): Promise<readonly Write[]> {
    const writes = await this.ask<readonly Write[]>({ order: 'writes' });
    return writes.filter(({ call }) => !/ (?:leases|events)$/.test(call));
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await Promise.all([ended, this.#agent.destroy()]);
    await rm(this.#folder, { recursive: true, force: true });
  }
}
