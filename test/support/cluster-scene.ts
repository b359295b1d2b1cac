/**
 * One place for an operator in a test cluster: namespaces of its own, a database, a ServiceAccount with the rights of the
 * chart. Several stand side by side in one cluster; an operator of one does not touch another's.
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import { calm } from './calm.ts';
import { renderChart } from './chart.ts';
import { type EndState, endState } from './cluster-state.ts';
import { untilGranted } from './granted.ts';
import { type AnyObject, objectsOf, type TestCluster } from './kube-cluster.ts';
import type { Endpoint } from './kube-files.ts';
import { OperatorProcess } from './operator-process.ts';
import type { TestPostgres } from './postgres.ts';
import { until } from './product.ts';
import { Replica } from './replica.ts';

const group = 'auth.nauthera.io/v1alpha1';
const plurals: Readonly<Record<string, string>> = {
  AuthorizationServer: 'authorizationservers',
  Client: 'clients',
  Scope: 'scopes',
  LdapBinding: 'ldapbindings',
};

/** The namespaces of a scene, by the names that tests call them. */
export interface Namespaces {
  /** Of the operator. */
  readonly system: string;
  readonly auth: string;
  readonly shop: string;
}

export interface SceneParts {
  readonly cluster: TestCluster;
  readonly postgres: TestPostgres;
  /** The rights of the operator; it looks after the namespaces of the scene alone in either case. Default `listed`. */
  readonly rights?: 'listed' | 'cluster-wide';
  /** In another cluster: the same namespaces, on the same database. */
  readonly like?: Scene;
}

/** As helm renders them, once for all. */
const charts = new Map<string, Promise<string>>();

export interface OperatorOptions {
  /** In front of the API server. */
  readonly proxy?: Endpoint;
  /** Name of the ServiceAccount. */
  readonly account?: string;
  /** Starts it again whenever it ends. */
  readonly restart?: boolean;
}

export class Scene {
  readonly cluster: TestCluster;
  readonly namespaces: Namespaces;
  readonly databaseUrl: string;

  private constructor({ cluster }: SceneParts, namespaces: Namespaces, databaseUrl: string) {
    this.cluster = cluster;
    this.namespaces = namespaces;
    this.databaseUrl = databaseUrl;
  }

  static async make(parts: SceneParts): Promise<Scene> {
    const { cluster, postgres, like } = parts;
    const namespace = async (name: keyof Namespaces): Promise<string> => {
      if (like === undefined) return cluster.namespace(name);
      const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: like.namespaces[name] } };
      await cluster.call('POST', '/api/v1/namespaces', { body });
      return like.namespaces[name];
    };
    const [system, auth, shop, databaseUrl] = await Promise.all([
      namespace('system'),
      namespace('auth'),
      namespace('shop'),
      like === undefined ? postgres.createDatabase() : like.databaseUrl,
    ]);
    const scene = new Scene(parts, { system, auth, shop }, databaseUrl);
    await scene.#grant(parts.rights ?? 'listed');
    await scene.putDatabaseSecret(databaseUrl);
    return scene;
  }

  async #grant(rights: 'listed' | 'cluster-wide'): Promise<void> {
    const { system, auth, shop } = this.namespaces;
    const set = rights === 'listed' ? ['watchNamespaces={the-auth,the-shop}'] : [];
    const chart = charts.get(rights) ?? renderChart({ namespace: 'the-system', set });
    charts.set(rights, chart);
    const text = (await chart)
      .replaceAll('the-system', system)
      .replaceAll('the-auth', auth)
      .replaceAll('the-shop', shop);
    for (const one of objectsOf(text)) if (one !== null) await this.create(one);
    await untilGranted(this.cluster, text);
  }

  /** Of the operator, as the audit log names it. */
  get user(): string {
    return this.userOf('nauthera-operator');
  }

  userOf(account: string): string {
    return `system:serviceaccount:${this.namespaces.system}:${account}`;
  }

  /** The path of a kubeconfig of the operator. `endpoint`: a proxy in front of the API server. */
  kubeconfig(endpoint?: Endpoint, account = 'nauthera-operator'): Promise<string> {
    return this.cluster.serviceAccountKubeconfig(this.namespaces.system, account, endpoint);
  }

  /** A second ServiceAccount with the same rights, so that the audit log tells the two apart. */
  async secondAccount(name: string): Promise<void> {
    const { system, auth, shop } = this.namespaces;
    const subject = { kind: 'ServiceAccount', name, namespace: system };
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    const paths = [
      `${rbac}/clusterrolebindings`,
      ...[system, auth, shop].map((space) => `${rbac}/namespaces/${space}/rolebindings`),
    ];
    for (const path of paths) {
      const { items } = await this.cluster.call('GET', path);
      for (const binding of items as AnyObject[]) {
        if (binding.subjects?.some((one: AnyObject) => one.namespace === system) !== true) continue;
        await this.cluster.call('PATCH', `${path}/${binding.metadata.name}`, {
          body: { subjects: [...binding.subjects, subject] },
          contentType: 'application/merge-patch+json',
        });
      }
    }
  }

  /** An operator that was killed renews no more: what the next one would otherwise wait for. */
  async freeLease(): Promise<void> {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${this.namespaces.system}/leases/nauthera-operator`;
    const { status } = await this.cluster.request('PATCH', path, {
      body: { spec: { holderIdentity: null, leaseDurationSeconds: 1 } },
      contentType: 'application/merge-patch+json',
    });
    if (status !== 200 && status !== 404) throw new Error(`the Lease cannot be freed: ${status}`);
  }

  get watchNamespaces(): readonly string[] {
    return [this.namespaces.auth, this.namespaces.shop];
  }

  /** `nauthera-operator run`, as a process of its own. */
  async operator({ proxy, account, restart = false }: OperatorOptions = {}): Promise<OperatorProcess> {
    const kubeconfig = await this.kubeconfig(proxy, account);
    return OperatorProcess.start({ kubeconfig, watchNamespaces: this.watchNamespaces, restart });
  }

  /** `nauthera-server serve`, as a process of its own, once there are a key and a database for it. */
  async replica(): Promise<Replica> {
    const key = await until('there is a key', () => this.secret('auth', 'main-key-encryption-key'), 120_000);
    await until('the database is ready', async () => (await this.state()).registry.length > 0, 120_000);
    const keyFile = join(this.cluster.folder, `${randomBytes(6).toString('hex')}.key`);
    await writeFile(keyFile, key['key-encryption-key'] ?? '', { mode: 0o600 });
    return Replica.start({ databaseUrl: this.databaseUrl, keyFile, nodeOptions: calm });
  }

  async putDatabaseSecret(uri: string): Promise<void> {
    const { auth } = this.namespaces;
    const labels = { 'auth.nauthera.io/watch': 'true' };
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'database', namespace: auth, labels } };
    await this.apply({ ...secret, stringData: { uri } });
  }

  // ---- objects ----

  /** A path of the API: of a kind of ours, or of a plural of the core group. */
  path(kind: string, namespace: keyof Namespaces, name?: string): string {
    const plural = plurals[kind];
    const root = plural === undefined ? '/api/v1' : `/apis/${group}`;
    const space = this.namespaces[namespace];
    return `${root}/namespaces/${space}/${plural ?? kind}${name === undefined ? '' : `/${name}`}`;
  }

  async create(object: AnyObject): Promise<AnyObject> {
    return this.cluster.call('POST', pathOf(object, false), { body: object });
  }

  /** Server-side apply. */
  async apply(object: AnyObject, manager = 'kubectl'): Promise<AnyObject> {
    return this.cluster.call('PATCH', `${pathOf(object, true)}?fieldManager=${manager}&force=true`, {
      body: object,
      contentType: 'application/apply-patch+yaml',
    });
  }

  /** `undefined`: there is none. */
  async get(kind: string, namespace: keyof Namespaces, name: string): Promise<AnyObject | undefined> {
    const { status, body } = await this.cluster.request('GET', this.path(kind, namespace, name));
    if (status === 404) return undefined;
    if (status !== 200) throw new Error(`GET ${kind} ${name}: ${status} ${String(body.message)}`);
    return body;
  }

  async delete(kind: string, namespace: keyof Namespaces, name: string): Promise<void> {
    await this.cluster.call('DELETE', this.path(kind, namespace, name));
  }

  async patch(kind: string, namespace: keyof Namespaces, name: string, body: AnyObject): Promise<AnyObject> {
    return this.cluster.call('PATCH', this.path(kind, namespace, name), {
      body,
      contentType: 'application/merge-patch+json',
    });
  }

  /** The values of a Secret, as text. */
  async secret(namespace: keyof Namespaces, name: string): Promise<Readonly<Record<string, string>> | undefined> {
    const secret = await this.get('secrets', namespace, name);
    if (secret === undefined) return undefined;
    return Object.fromEntries(
      Object.entries((secret.data ?? {}) as Record<string, string>).map(([key, value]) => [
        key,
        Buffer.from(value, 'base64').toString(),
      ]),
    );
  }

  async condition(
    kind: string,
    namespace: keyof Namespaces,
    name: string,
    type = 'Ready',
  ): Promise<AnyObject | undefined> {
    const object = await this.get(kind, namespace, name);
    // What was said about an older generation says nothing.
    if (object?.status?.observedGeneration !== object?.metadata.generation) return undefined;
    return (object?.status?.conditions as AnyObject[] | undefined)?.find((one) => one.type === type);
  }

  untilReason(
    kind: string,
    namespace: keyof Namespaces,
    name: string,
    reason = 'Ready',
    limit = 120_000,
  ): Promise<AnyObject> {
    let seen: unknown;
    return until(
      () => `${kind} ${name} is ${reason}; it is ${JSON.stringify(seen)}`,
      async () => {
        const found = await this.condition(kind, namespace, name);
        seen = found;
        return found?.reason === reason && found;
      },
      limit,
    );
  }

  untilGone(kind: string, namespace: keyof Namespaces, name: string, limit = 120_000): Promise<true> {
    return until(`${kind} ${name} is gone`, async () => (await this.get(kind, namespace, name)) === undefined, limit);
  }

  // ---- what there is in the end ----

  state(): Promise<EndState> {
    const { auth, shop } = this.namespaces;
    return endState({ cluster: this.cluster, databaseUrl: this.databaseUrl, namespaces: { auth, shop } });
  }

  /** Resolves with the state once it is that, or with what it is instead when it has `ended`, or after five minutes. */
  async stateLike(wanted: EndState, ended?: Promise<void>): Promise<EndState> {
    let isOver = false;
    void ended?.then(() => {
      isOver = true;
    });
    for (const deadline = performance.now() + 300_000; ; await sleep(300)) {
      const found = await this.state();
      if (isOver || isDeepStrictEqual(found, wanted) || performance.now() > deadline) return found;
    }
  }

  /** The state once nothing of it has moved for a while. */
  async settled(quiet = 3000, limit = 300_000): Promise<EndState> {
    let found = await this.state();
    let since = performance.now();
    for (const deadline = since + limit; performance.now() - since < quiet; await sleep(300)) {
      const now = await this.state();
      if (!isDeepStrictEqual(now, found)) since = performance.now();
      found = now;
      if (performance.now() > deadline) throw new Error(`still moving after ${limit} ms`);
    }
    return found;
  }

  /** The revision of the registry. */
  async revision(): Promise<unknown> {
    return (await this.sql('SELECT epoch, n FROM registry_revision'))[0];
  }

  /** The uid of the resource that the registration of a Client of `shop` belongs to: what grants hang on. */
  async ownerOf(client: string): Promise<unknown> {
    const id = `${this.namespaces.shop}.${client}`;
    return (await this.sql(`SELECT uid FROM registry WHERE kind = 'client' AND id = $1`, [id]))[0]?.uid;
  }

  async sql(text: string, values: readonly unknown[] = []): Promise<readonly Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.databaseUrl });
    // The server may end while a test is being given up.
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  // ---- resources of ours ----

  aServer(spec: AnyObject = {}, annotations: AnyObject = {}): AnyObject {
    const all = { namespaces: { from: 'All' } };
    return this.#resource('AuthorizationServer', 'auth', 'main', {
      metadata: { annotations },
      spec: {
        issuer: 'http://127.0.0.1:9',
        database: { secretRef: { name: 'database' } },
        allowedClients: all,
        allowedScopes: all,
        allowedLdapBindings: all,
        ...spec,
      },
    });
  }

  /** A name that its namespace may give to a scope. */
  scope(name: string): string {
    return `${this.namespaces.shop}:${name}`;
  }

  aScope(spec: AnyObject = {}, name = 'read'): AnyObject {
    const authorizationServerRef = { name: 'main', namespace: this.namespaces.auth };
    const more = { name: this.scope('read'), displayName: 'Read the shop' };
    return this.#resource('Scope', 'shop', name, { spec: { authorizationServerRef, ...more, ...spec } });
  }

  aClient(name = 'batch', spec: AnyObject = {}): AnyObject {
    const authorizationServerRef = { name: 'main', namespace: this.namespaces.auth };
    const more = { grantTypes: ['client_credentials'], scopes: [this.scope('read')] };
    return this.#resource('Client', 'shop', name, { spec: { authorizationServerRef, ...more, ...spec } });
  }

  aBinding(name: string, spec: AnyObject = {}): AnyObject {
    const authorizationServerRef = { name: 'main', namespace: this.namespaces.auth };
    return this.#resource('LdapBinding', 'shop', name, {
      spec: {
        authorizationServerRef,
        vendor: 'OpenLDAP',
        servers: [{ url: 'ldaps://127.0.0.1:1' }],
        bind: { dn: 'cn=reader,dc=example', passwordSecretRef: { name: 'bind' } },
        userSearch: { base: 'ou=people,dc=example' },
        ...spec,
      },
    });
  }

  #resource(kind: string, namespace: keyof Namespaces, name: string, { metadata = {}, spec }: AnyObject): AnyObject {
    return { apiVersion: group, kind, metadata: { ...metadata, name, namespace: this.namespaces[namespace] }, spec };
  }
}

/** Of any object that tests make. */
function pathOf({ apiVersion, kind, metadata }: AnyObject, named: boolean): string {
  const plural = plurals[kind] ?? `${String(kind).toLowerCase()}s`;
  const root = String(apiVersion).includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const space = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`;
  return `${root}${space}/${plural}${named ? `/${metadata.name}` : ''}`;
}

/** Uniform in [0, 1), the same numbers for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of this run: `NAUTHERA_SEED` to replay one, else a new one. It is printed. */
export function seedOf(test: string): number {
  const given = Number(process.env.NAUTHERA_SEED);
  const seed = Number.isInteger(given) && given > 0 ? given : randomBytes(4).readUInt32LE();
  console.log(`${test}: NAUTHERA_SEED=${seed}`);
  return seed;
}
