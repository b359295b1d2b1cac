/** The whole product without a cluster: a folder of YAML files, operator and server in one process, a database. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { type Seams, type Standalone, type StandaloneOptions, startStandalone } from '../../operator/src/standalone.ts';
import type { Database } from '../../server/src/store/database.ts';
import { logTo } from './captured-log.ts';

export interface ShownCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
}

export interface ShownResource {
  readonly kind: string;
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly generation: number;
  };
  readonly status: Readonly<Record<string, unknown>> & { readonly conditions: readonly ShownCondition[] };
}

export interface TokenAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const local = { host: '127.0.0.1', port: 0 };

export class Product {
  readonly base: string;
  readonly resources: string;
  readonly log: string[] = [];
  readonly tables: string[] = [];
  #databaseUrl: string;
  #standalone: Standalone | undefined;
  #database: Database | undefined;
  #statements = 0;
  #port = 0;

  private constructor(base: string, databaseUrl: string) {
    this.base = base;
    this.resources = join(base, 'resources');
    this.#databaseUrl = databaseUrl;
  }

  /** @param databaseUrl default: an embedded database in the same temporary folder */
  static async make(databaseUrl?: string): Promise<Product> {
    const base = await mkdtemp(join(tmpdir(), 'nauthera-product-'));
    await mkdir(join(base, 'resources'));
    return new Product(base, databaseUrl ?? `pglite:${join(base, 'database')}`);
  }

  async start(seams: Seams = {}, more: Partial<StandaloneOptions> = {}): Promise<this> {
    const folder = this.#databaseUrl.startsWith('pglite:') ? this.#databaseUrl.slice('pglite:'.length) : undefined;
    this.#standalone = await startStandalone({
      resources: this.resources,
      database: { url: this.#databaseUrl, folder },
      // The same address after a restart: it is the issuer.
      listen: { host: '127.0.0.1', port: this.#port },
      management: local,
      keyFile: undefined,
      secrets: undefined,
      sourceName: 'folder',
      version: '0.0.0',
      log: logTo(this.log),
      onStatus: (table) => this.tables.push(table),
      ...more,
      seams: {
        // Operator, server and test share this process, often with other replicas.
        pressure: { maxDelay: Number.POSITIVE_INFINITY },
        ...seams,
        database: (database) => {
          this.#database = seams.database?.(database) ?? database;
          return this.#database;
        },
      },
    });
    this.#port = Number(new URL(this.#standalone.url).port);
    return this;
  }

  /** May be started again afterwards. */
  async stop(): Promise<void> {
    await this.#standalone?.stop();
    this.#standalone = undefined;
  }

  async end(): Promise<void> {
    await this.stop();
    await rm(this.base, { recursive: true, force: true });
  }

  get url(): string {
    return this.#running.url;
  }

  get managementUrl(): string {
    return this.#running.managementUrl;
  }

  get #running(): Standalone {
    if (this.#standalone === undefined) throw new Error('not started');
    return this.#standalone;
  }

  /** SQL by hand, past the operator. */
  async sql<R = Record<string, unknown>>(text: string, values: readonly unknown[] = []): Promise<readonly R[]> {
    if (this.#database === undefined) throw new Error('not started');
    this.#statements += 1;
    return (await this.#database.run<R>({ name: `by_hand_${this.#statements}`, text }, values)).rows;
  }

  async write(file: string, text: string): Promise<void> {
    const path = join(this.resources, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }

  remove(file: string): Promise<void> {
    return rm(join(this.resources, file));
  }

  secretFile(namespace: string, name: string): string {
    return join(this.resources, '.secrets', namespace, `${name}.yaml`);
  }

  async secret(namespace: string, name: string): Promise<Readonly<Record<string, string>>> {
    const document: unknown = parse(await readFile(this.secretFile(namespace, name), 'utf8'));
    if (typeof document !== 'object' || document === null || !('stringData' in document))
      throw new Error('not a Secret');
    return document.stringData as Record<string, string>;
  }

  /** What `GET /status` says, as text. */
  async statusText(): Promise<string> {
    // A kept connection may be closed at the very moment, where everything stood still for a while.
    return (await fetch(`${this.managementUrl}/status`, { headers: { connection: 'close' } })).text();
  }

  async status(): Promise<{ readonly resources: readonly ShownResource[]; readonly problems: readonly string[] }> {
    return JSON.parse(await this.statusText()) as never;
  }

  async resource(kind: string, namespace: string, name: string): Promise<ShownResource | undefined> {
    const { resources } = await this.status();
    return resources.find(
      (one) => one.kind === kind && one.metadata.namespace === namespace && one.metadata.name === name,
    );
  }

  async condition(kind: string, namespace: string, name: string, type = 'Ready'): Promise<ShownCondition | undefined> {
    return (await this.resource(kind, namespace, name))?.status.conditions.find((one) => one.type === type);
  }

  /** Waits until a condition has a reason. */
  untilReason(kind: string, namespace: string, name: string, reason: string, type = 'Ready'): Promise<ShownCondition> {
    return until(`${kind} ${namespace}/${name}: ${type} ${reason}`, async () => {
      const found = await this.condition(kind, namespace, name, type);
      return found?.reason === reason ? found : undefined;
    });
  }

  async clientCredentials(credentials: Readonly<Record<string, string>>, scope?: string): Promise<TokenAnswer> {
    const basic = Buffer.from(`${credentials['client-id']}:${credentials['client-secret']}`).toString('base64');
    const response = await fetch(credentials['token-uri'] ?? '', {
      method: 'POST',
      headers: { authorization: `Basic ${basic}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', ...(scope === undefined ? {} : { scope }) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
}

/** Waits for what must come within two minutes, a wide margin; says what did not. */
export async function until<T>(
  what: string | (() => string),
  found: () => Promise<T | undefined | false>,
  limit = 120_000,
): Promise<T> {
  for (const deadline = performance.now() + limit; ; await sleep(25)) {
    const value = await found();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline)
      throw new Error(`not within ${limit} ms: ${typeof what === 'string' ? what : what()}`);
  }
}

export const aServerFile = (more = ''): string => `apiVersion: auth.nauthera.io/v1alpha1
kind: AuthorizationServer
metadata: {name: main, namespace: auth, annotations: {auth.nauthera.io/is-default: "true"}}
spec:
  allowedClients: {namespaces: {from: All}}
  allowedScopes: {namespaces: {from: All}}
  allowedLdapBindings: {namespaces: {from: All}}
${more}`;

export const aClientFile = (spec = '', name = 'batch'): string => `apiVersion: auth.nauthera.io/v1alpha1
kind: Client
metadata: {name: ${name}, namespace: shop}
spec:
  grantTypes: [client_credentials]
  scopes: ["shop:read"]
${spec}`;

export const aScopeFile = (spec = ''): string => `apiVersion: auth.nauthera.io/v1alpha1
kind: Scope
metadata: {name: read, namespace: shop}
spec:
  name: "shop:read"
  displayName: Read the shop
${spec}`;

export const aBindingFile = (spec = ''): string => `apiVersion: auth.nauthera.io/v1alpha1
kind: LdapBinding
metadata: {name: people, namespace: shop}
spec:
  vendor: OpenLDAP
  servers: [{url: "ldaps://127.0.0.1:1"}]
  bind: {dn: "cn=reader,dc=example", passwordSecretRef: {name: reader}}
  userSearch: {base: "ou=people,dc=example"}
${spec}`;

export const aSecretFile = (value = 'canary-bind-password'): string => `apiVersion: v1
kind: Secret
metadata: {name: reader, namespace: shop}
stringData: {password: ${value}}
`;
