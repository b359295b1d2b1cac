/**
 * The cluster in which tenants meet: the server of everybody (`nauthera-system/main`), a bank with resources and Secrets of
 * its own, and `mallory`, who may do anything in its own namespace and nothing elsewhere.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { calm } from '../support/calm.ts';
import { renderChart } from '../support/chart.ts';
import { untilGranted } from '../support/granted.ts';
import { type AnyObject, type ApiAnswer, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorProcess } from '../support/operator-process.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';
import { Replica } from '../support/replica.ts';
import { decoys } from './tenants-references.ts';

const group = '/apis/auth.nauthera.io/v1alpha1';
const plurals: Readonly<Record<string, string>> = {
  AuthorizationServer: `${group}/namespaces/NS/authorizationservers`,
  Client: `${group}/namespaces/NS/clients`,
  Scope: `${group}/namespaces/NS/scopes`,
  LdapBinding: `${group}/namespaces/NS/ldapbindings`,
  Secret: '/api/v1/namespaces/NS/secrets',
  ConfigMap: '/api/v1/namespaces/NS/configmaps',
  Role: '/apis/rbac.authorization.k8s.io/v1/namespaces/NS/roles',
  RoleBinding: '/apis/rbac.authorization.k8s.io/v1/namespaces/NS/rolebindings',
};
const ourKinds = ['AuthorizationServer', 'Client', 'Scope', 'LdapBinding'] as const;

export const home = 'nauthera-system';
export const ours = 'auth.nauthera.io/v1alpha1';

export function pathOf(kind: string, namespace: string, name?: string): string {
  const collection = plurals[kind]?.replace('NS', namespace);
  if (collection === undefined) throw new Error(`no path of ${kind}`);
  return name === undefined ? collection : `${collection}/${encodeURIComponent(name)}`;
}

export class TenantsWorld {
  readonly cluster: TestCluster;
  readonly postgres: TestPostgres;
  /** Of the server of everybody. */
  readonly databaseUrl: string;
  readonly mallory: string;
  /** As the audit log names the operator. */
  readonly operatorUser = `system:serviceaccount:${home}:nauthera-operator`;
  #operator: OperatorProcess | undefined;
  #replica: Replica | undefined;

  private constructor(cluster: TestCluster, postgres: TestPostgres, databaseUrl: string, mallory: string) {
    this.cluster = cluster;
    this.postgres = postgres;
    this.databaseUrl = databaseUrl;
    this.mallory = mallory;
  }

  static async start(): Promise<TenantsWorld> {
    const [cluster, postgres] = await Promise.all([startCluster(), startPostgres('newest')]);
    for (const name of [home, 'bank', 'mallory'])
      await cluster.call('POST', '/api/v1/namespaces', { body: { metadata: { name } } });
    const token = await cluster.serviceAccountToken('mallory', 'mallory');
    const world = new TenantsWorld(cluster, postgres, await postgres.createDatabase(), token);
    await world.#letMalloryDoAnything();
    return world;
  }

  async #letMalloryDoAnything(): Promise<void> {
    const metadata = { name: 'mallory' };
    const rules = [{ apiGroups: ['auth.nauthera.io', ''], resources: ['*'], verbs: ['*'] }];
    await this.cluster.call('POST', pathOf('Role', 'mallory'), { body: { metadata, rules } });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'mallory' };
    const subjects = [{ kind: 'ServiceAccount', name: 'mallory', namespace: 'mallory' }];
    await this.cluster.call('POST', pathOf('RoleBinding', 'mallory'), { body: { metadata, roleRef, subjects } });
  }

  /** The operator with the rights of the chart, and a process that serves `nauthera-system/main`. */
  async begin(furnish: () => Promise<void> = () => this.furnish()): Promise<void> {
    const chart = await renderChart({ namespace: home });
    await this.cluster.apply(chart);
    await untilGranted(this.cluster, chart);
    await furnish();
    const kubeconfig = await this.cluster.serviceAccountKubeconfig(home, 'nauthera-operator');
    this.#operator = await OperatorProcess.start({ kubeconfig });
    await this.#operator.ready();
    await this.untilReason('AuthorizationServer', home, 'main', 'DatabaseReady', 'True');
    const key = await until('the key of the server', () => this.get('Secret', home, 'main-key-encryption-key'));
    const keyFile = join(this.cluster.folder, 'main.key');
    await writeFile(keyFile, Buffer.from(String(key.data['key-encryption-key']), 'base64'), { mode: 0o600 });
    this.#replica = await Replica.start({ databaseUrl: this.databaseUrl, keyFile, nodeOptions: calm });
  }

  /** Of the process that serves `nauthera-system/main`. */
  get url(): string {
    if (this.#replica === undefined) throw new Error('nothing serves yet');
    return this.#replica.url;
  }

  get operatorLog(): string {
    return this.#operator?.log ?? '';
  }

  /** The server of everybody, and what the bank has. */
  async furnish(issuer = 'https://id.example'): Promise<void> {
    await this.putSecret(home, 'database', { uri: this.databaseUrl });
    await this.put('AuthorizationServer', home, 'main', {
      metadata: { annotations: { 'auth.nauthera.io/is-default': 'true' } },
      spec: {
        issuer,
        database: { secretRef: { name: 'database' } },
        allowedClients: { namespaces: { from: 'All' } },
        allowedScopes: { namespaces: { from: 'All' } },
        clientPolicies: [
          {
            name: 'everybody',
            namespaces: { from: 'All' },
            redirectHosts: ['*.apps.example'],
            clientIds: ['shared-*'],
          },
        ],
      },
    });
    await this.putSecret('bank', 'vault-database', { uri: await this.postgres.createDatabase() });
    await this.put('AuthorizationServer', 'bank', 'vault', {
      spec: { issuer: 'https://vault.bank.example', database: { secretRef: { name: 'vault-database' } } },
    });
    await this.put('Scope', 'bank', 'read', { spec: { name: 'bank:read', displayName: 'See your account' } });
    await this.put('Client', 'bank', 'ledger', {
      spec: { grantTypes: ['client_credentials'], scopes: ['bank:read'] },
    });
    await this.put('Client', 'bank', 'portal', {
      spec: { grantTypes: ['client_credentials'], clientId: 'shared-portal' },
    });
    await this.putSecret('bank', decoys.secret, {
      'client-secret': 'decoy-secret-of-more-than-thirty-two-characters',
      password: 'decoy-password',
      uri: 'postgres://decoy:decoy@127.0.0.1:1/decoy',
    });
    await this.put('ConfigMap', 'bank', decoys.configMap, { data: { 'ca.crt': 'decoy' } });
    await this.putSecret('mallory', 'own-database', { uri: await this.postgres.createDatabase() });
    await this.put('AuthorizationServer', 'mallory', 'own', {
      spec: { issuer: 'https://own.mallory.example', database: { secretRef: { name: 'own-database' } } },
    });
    await this.putSecret('mallory', 'reader', { password: 'whatever' });
  }

  async put(kind: string, namespace: string, name: string, more: AnyObject, token?: string): Promise<AnyObject> {
    const { metadata = {}, ...rest } = more;
    const body = { apiVersion: versionOf(kind), kind, metadata: { ...metadata, name, namespace }, ...rest };
    return this.cluster.call('POST', pathOf(kind, namespace), { body, ...(token === undefined ? {} : { token }) });
  }

  /** With the label that has changes of it seen at once. */
  async putSecret(
    namespace: string,
    name: string,
    stringData: AnyObject,
    metadata: AnyObject = {},
  ): Promise<AnyObject> {
    const labels = { 'auth.nauthera.io/watch': 'true' };
    return this.put('Secret', namespace, name, { metadata: { labels, ...metadata }, stringData });
  }

  /** As mallory; any status is an answer. */
  tries(method: string, path: string, body?: AnyObject, contentType?: string): Promise<ApiAnswer> {
    return this.cluster.request(method, path, {
      token: this.mallory,
      ...(body === undefined ? {} : { body }),
      ...(contentType === undefined ? {} : { contentType }),
    });
  }

  async get(kind: string, namespace: string, name: string): Promise<AnyObject | undefined> {
    const { status, body } = await this.cluster.request('GET', pathOf(kind, namespace, name));
    return status === 404 ? undefined : body;
  }

  /** What was said about the newest generation. */
  async condition(kind: string, namespace: string, name: string, type: string): Promise<AnyObject | undefined> {
    const object = await this.get(kind, namespace, name);
    if (object?.status?.observedGeneration !== object?.metadata.generation) return undefined;
    return (object?.status?.conditions as readonly AnyObject[] | undefined)?.find((one) => one.type === type);
  }

  /** Resources outside of `mallory`, with all that the API server knows of them: any write shows. */
  async othersResources(): Promise<readonly AnyObject[]> {
    const lists = await Promise.all(
      [home, 'bank'].flatMap((namespace) => ourKinds.map((kind) => this.cluster.call('GET', pathOf(kind, namespace)))),
    );
    return lists
      .flatMap(({ items }) => items as readonly AnyObject[])
      .map(({ metadata: { managedFields: _, ...metadata }, ...more }) => ({ metadata, ...more }));
  }

  async othersSecrets(): Promise<readonly AnyObject[]> {
    const lists = await Promise.all(
      [home, 'bank'].map((namespace) => this.cluster.call('GET', pathOf('Secret', namespace))),
    );
    return lists.flatMap(({ items }) => items as readonly AnyObject[]);
  }

  /** What the server of everybody serves; `of`: rows of this namespace, or with `not` of all others. */
  async rows(choose: { readonly of: string } | { readonly not: string }): Promise<readonly Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.databaseUrl });
    await client.connect();
    try {
      const { rows } = await client.query<Record<string, unknown>>('SELECT * FROM registry ORDER BY kind, id');
      return rows.filter(({ namespace }) => ('of' in choose ? namespace === choose.of : namespace !== choose.not));
    } finally {
      await client.end();
    }
  }

  /** Waits until a condition has that reason (or that status, where they are called alike). */
  untilReason(kind: string, namespace: string, name: string, type: string, reason: string): Promise<AnyObject> {
    let seen: unknown;
    return until(
      () => `${kind} ${namespace}/${name}: ${type} ${reason}; it is ${JSON.stringify(seen)}\n${this.operatorLog}`,
      async () => {
        const found = await this.condition(kind, namespace, name, type);
        seen = found;
        return (found?.reason === reason || found?.status === reason) && found;
      },
    );
  }

  async stop(): Promise<void> {
    await Promise.all([this.#operator?.stop(), this.#replica?.stop()]);
    await Promise.all([this.cluster.stop(), this.postgres.stop()]);
  }
}

function versionOf(kind: string): string {
  if (kind === 'Secret' || kind === 'ConfigMap') return 'v1';
  return kind.startsWith('Role') ? 'rbac.authorization.k8s.io/v1' : ours;
}
