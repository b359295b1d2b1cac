/**
 * A whole server for a test: migrated database, registrations, one or more replicas in this process, and the clients and
 * browsers that talk to it. The issuer is `https://id.example.com`; what is sent there goes to the replicas in turn.
 */
import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import * as oidc from 'openid-client';
import { type RunningServer, type ServerOptions, start } from '../../server/src/app.ts';
import type { DirectoryPort } from '../../server/src/directory/directory.ts';
import { createSealer } from '../../server/src/keys/sealer.ts';
import { openRegistry } from '../../server/src/registry/open-registry.ts';
import type {
  ClientRegistration,
  DirectoryRegistration,
  ScopeRegistration,
  ServerRegistration,
} from '../../server/src/registry/registration.ts';
import type { Registration, Registry } from '../../server/src/registry/registry.ts';
import type { Database } from '../../server/src/store/database.ts';
import { migrate } from '../../server/src/store/migrate.ts';
import { openDatabase } from '../../server/src/store/open.ts';
import { Browser, type Page } from './browser.ts';
import { aClient, anOwner, aServer } from './builders.ts';
import { Counters } from './counting.ts';
import { MemoryDirectory, memoryDirectoryId } from './memory-directory.ts';
import { openMigratedPglite } from './pglite.ts';

export const issuer = 'https://id.example.com';
export const keyEncryptionKey = Buffer.alloc(32, 7);

export interface WorldOptions {
  /** Default: PGlite in memory. */
  readonly databaseUrl?: string;
  /** Opened and migrated already, in place of {@link databaseUrl}; closed with the world. */
  readonly database?: Database;
  /** Through which registrations are written. Default: the same. */
  readonly registryDatabase?: Database;
  readonly replicas?: number;
  /** `false`: what is declared stands there already. Default `true`. */
  readonly declares?: boolean;
  readonly clients?: readonly ClientRegistration[];
  readonly scopes?: readonly ScopeRegistration[];
  /** Default: one whose rules let everything pass. */
  readonly directories?: Readonly<Record<string, DirectoryRegistration>>;
  readonly server?: Partial<ServerRegistration>;
  /** Default: {@link MemoryDirectory} with `ada`; `registered`: the directories that are registered, over LDAP. */
  readonly directory?: DirectoryPort | 'registered';
  readonly options?: Partial<ServerOptions>;
  /** Signed-in users are looked at again by themselves, as in earnest. Default `false`: no test waits for a sweep unawares. */
  readonly rechecks?: boolean;
  /** Counts what requests cost: {@link World.counters}. Default `false`. */
  readonly counting?: boolean;
}

/** Without a bind: the port in memory asks nobody. */
export function aDirectory(more: Partial<DirectoryRegistration> = {}): DirectoryRegistration {
  return {
    servers: ['ldaps://ldap.example.com'],
    bind_dn: 'cn=nauthera,dc=example',
    bind_password: 'unused',
    vendor: 'openldap',
    subject_namespace: memoryDirectoryId,
    user_search: {
      base: 'dc=example',
      scope: 'sub',
      filter: '(uid={})',
      attributes: { username: 'uid', subject: 'entryUUID' },
    },
    claims: { name: 'cn', email: 'mail' },
    email_verified: 'never',
    consent_rules: [],
    unlisted_scopes: 'allow',
    timeouts: { connect: 1000, bind: 1000, search: 1000 },
    priority: 100,
    matches: { suffixes: [], names: [] },
    ...more,
  };
}

/** A confidential web application that may refresh; its secret is `secret-of-<id>`. */
export function webApp(clientId = 'shop.web', more: Partial<ClientRegistration> = {}): ClientRegistration {
  const scopes = ['openid', 'profile', 'email', 'groups', 'offline_access'];
  return aClient(clientId)
    .with({ grant_types: ['authorization_code', 'refresh_token'], scopes, default_scopes: ['openid'], ...more })
    .build();
}

export class World {
  readonly database: Database;
  readonly registry: Registry;
  readonly memory: MemoryDirectory;
  servers: RunningServer[] = [];
  /** Base URLs of whoever answers for the issuer. */
  urls: readonly string[] = [];
  #counters: Counters | undefined;
  readonly #options: WorldOptions;
  #turn = 0;

  private constructor(database: Database, options: WorldOptions) {
    this.database = database;
    this.#options = options;
    this.memory = new MemoryDirectory();
    this.memory.add('ada');
    this.registry = openRegistry({
      database: options.registryDatabase ?? database,
      fence: { source: 'test', leaseCreated: Date.now(), leaseTransitions: 0 },
      sealer: createSealer([keyEncryptionKey]),
    });
  }

  static async open(options: WorldOptions = {}): Promise<World> {
    const { databaseUrl } = options;
    const open = () => (databaseUrl === undefined ? openMigratedPglite() : openDatabase(databaseUrl));
    const database = options.database ?? (await open());
    if (databaseUrl !== undefined) await migrate(database);
    const world = new World(database, options);
    if (options.counting === true) world.#counters = await Counters.of(database);
    if (options.declares !== false) await world.#declareAll(options);
    await world.startReplicas(options.replicas ?? 1);
    return world;
  }

  async #declareAll(options: WorldOptions): Promise<void> {
    await this.declare({
      kind: 'server',
      id: 'self',
      owner: anOwner('server'),
      value: aServer({ issuer, ...options.server }),
    });
    for (const [id, value] of Object.entries(options.directories ?? { [memoryDirectoryId]: aDirectory() })) {
      const [namespace = '', name = ''] = id.split('/');
      await this.declare({ kind: 'directory', id, owner: { ...anOwner(`directory ${id}`), namespace, name }, value });
    }
    for (const value of options.scopes ?? []) {
      await this.declare({ kind: 'scope', id: value.scope, owner: anOwner(`scope ${value.scope}`), value });
    }
    for (const value of options.clients ?? [webApp()]) {
      await this.declare({ kind: 'client', id: value.client_id, owner: anOwner(value.client_id), value });
    }
  }

  async startReplicas(count: number): Promise<void> {
    const { options } = this.#options;
    const given = this.#options.directory ?? this.memory;
    const directory = given === 'registered' ? undefined : given;
    const starting = Array.from({ length: count }, () =>
      start({
        database: this.database,
        listen: { host: '127.0.0.1', port: 0 },
        management: { host: '127.0.0.1', port: 0 },
        keyEncryptionKeys: [keyEncryptionKey],
        // A busy machine is not what most tests are about.
        pressure: { maxDelay: Number.POSITIVE_INFINITY },
        ...options,
        seams: {
          ...(this.#options.rechecks === true ? {} : { recheck: 'off' as const }),
          ...(directory === undefined ? {} : { directory }),
          ...this.#counters?.seams(directory),
          ...options?.seams,
        },
      }),
    );
    this.servers = await Promise.all(starting);
    await Promise.all(this.servers.map((server) => server.ready()));
    if (count > 0) this.urls = this.servers.map(({ url }) => url);
  }

  /** Only with `counting`. */
  get counters(): Counters {
    if (this.#counters === undefined) throw new Error('this world does not count');
    return this.#counters;
  }

  async stopReplicas(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
    this.servers = [];
  }

  async stop(): Promise<void> {
    await this.stopReplicas();
    await this.database.close();
  }

  /** Written, but perhaps not served yet; see {@link served}. */
  async declare(registration: Registration): Promise<void> {
    const result = await this.registry.put(registration);
    if (result.outcome !== 'written' && result.outcome !== 'unchanged') throw new Error(JSON.stringify(result));
  }

  /** Declares and waits until every replica serves it. */
  async served(registration: Registration): Promise<void> {
    const result = await this.registry.put(registration);
    if (result.outcome !== 'written' && result.outcome !== 'unchanged') throw new Error(JSON.stringify(result));
    await this.serves(result.revision.n);
  }

  async serves(revision: number): Promise<void> {
    for (const deadline = Date.now() + 120_000; ; await sleep(20)) {
      const reports = (await this.registry.reports()).filter((report) => report.live);
      if (reports.length >= this.servers.length && reports.every((report) => report.revision.n >= revision)) return;
      if (Date.now() > deadline) throw new Error('the replicas do not serve what was declared');
    }
  }

  /** Sends what is meant for the issuer to a replica, each in turn. */
  readonly fetch = (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const target = new URL(url instanceof Request ? url.url : url);
    if (target.origin !== issuer) throw new Error(`nothing of ours: ${target.origin}`);
    const server = this.urls[this.#turn++ % this.urls.length];
    return fetch(`${server ?? ''}${target.pathname}${target.search}`, { redirect: 'manual', ...init });
  };

  /** @param proxied as behind a proxy that is not trusted: 20 times the sign-ins per address, which a suite needs. */
  browser(proxied = true): Browser {
    const browser = new Browser({ issuer, servers: this.urls });
    if (proxied) browser.headers.set('x-forwarded-for', '203.0.113.7');
    return browser;
  }

  /** Rows of a query, for looking at what is stored. */
  async rows<R = Record<string, unknown>>(text: string, values: readonly unknown[] = []): Promise<readonly R[]> {
    const name = `test_${hash('sha256', text).slice(0, 16)}`;
    return (await this.database.run<R>({ name, text }, values)).rows;
  }

  async count(table: string, where = 'true'): Promise<number> {
    const rows = await this.rows<{ n: number }>(`SELECT count(*)::int AS n FROM ${table} WHERE ${where}`);
    return rows[0]?.n ?? -1;
  }

  /** A relying party as applications write it. */
  async relyingParty(clientId = 'shop.web'): Promise<oidc.Configuration> {
    const authentication = oidc.ClientSecretBasic(`secret-of-${clientId}`);
    const configuration = await oidc.discovery(new URL(issuer), clientId, undefined, authentication, {
      [oidc.customFetch]: (url, init) => this.fetch(url, init as RequestInit),
    });
    oidc.enableNonRepudiationChecks(configuration);
    configuration[oidc.customFetch] = (url, init) => this.fetch(url, init as RequestInit);
    return configuration;
  }

  /** `POST /token` with HTTP Basic, without a library. */
  async token(
    fields: Readonly<Record<string, string>>,
    clientId = 'shop.web',
    secret = `secret-of-${clientId}`,
  ): Promise<TokenAnswer> {
    return this.tokenForm(fields, {
      authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`,
    });
  }

  /** `POST /token` with whatever credentials stand in the form. */
  async tokenForm(
    fields: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<TokenAnswer> {
    const response = await this.fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(fields).toString(),
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as TokenAnswer['body'] };
  }
}

export interface TokenAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: {
    readonly error?: string;
    readonly access_token?: string;
    readonly refresh_token?: string;
    readonly id_token?: string;
    readonly scope?: string;
    readonly expires_in?: number;
  };
}

/** PKCE pair of RFC 7636 Appendix B. */
export const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
export const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

/** Parameters of a good authorization request; a member set to `undefined` is left out. */
export function authorizePath(change: Readonly<Record<string, string | undefined>> = {}): string {
  const all = {
    client_id: 'shop.web',
    redirect_uri: 'https://shop.example.com/cb',
    response_type: 'code',
    scope: 'openid profile email',
    state: 'the-state',
    nonce: 'the-nonce',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    ...change,
  };
  const sent = Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return `/authorize?${new URLSearchParams(sent).toString()}`;
}

/** From the authorization request to the page after the sign-in. */
export async function signIn(
  browser: Browser,
  path = authorizePath(),
  username = 'ada',
  password = `password-of-${username}`,
): Promise<Page> {
  const login = await browser.get(path);
  return browser.submit(login, { username, password, 'sign-in': '1' });
}

/** The whole way: signs in if asked, allows if asked, reads what was refused; the response's parameters. */
export async function authorize(
  browser: Browser,
  change: Readonly<Record<string, string | undefined>> = {},
  username = 'ada',
): Promise<Readonly<Record<string, string>>> {
  let page = await browser.get(authorizePath(change));
  if (page.name === 'login') {
    page = await browser.submit(page, { username, password: `password-of-${username}`, 'sign-in': '1' });
  }
  if (page.name === 'consent') page = await browser.submit(page, { decision: 'allow' });
  if (page.name === 'consent-partial') page = await browser.get(page.link('continue') ?? '');
  return page.response;
}

export function codeFields(code: string | undefined): Readonly<Record<string, string>> {
  return {
    grant_type: 'authorization_code',
    code: code ?? '',
    redirect_uri: 'https://shop.example.com/cb',
    code_verifier: verifier,
  };
}

export function refreshFields(refreshToken: string | undefined): Readonly<Record<string, string>> {
  return { grant_type: 'refresh_token', refresh_token: refreshToken ?? '' };
}
