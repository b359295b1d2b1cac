/** The directory room for tests: over any servers, with a registry snapshot that the test writes, counting operations. */
import { createSecretKey } from 'node:crypto';
import {
  createDirectories,
  type Directories,
  type DirectoriesOptions,
} from '../../server/src/directory/directories.ts';
import {
  type AuthenticationOutcome,
  DirectoryUnavailable,
  type DirectoryUser,
} from '../../server/src/directory/directory.ts';
import type { LdapOperation } from '../../server/src/directory/ldap/operation.ts';
import type { ServiceBindLedger } from '../../server/src/directory/ldap/service-bind.ts';
import { defaultLimits } from '../../server/src/directory/limits.ts';
import { epochSeconds } from '../../server/src/protocol/time.ts';
import type { DirectoryRegistration } from '../../server/src/registry/registration.ts';
import type { Registered, Snapshot, SnapshotSource } from '../../server/src/registry/snapshot.ts';
import { serviceBindStore } from '../../server/src/store/service-binds.ts';
import { silentLog } from '../../server/src/telemetry/log.ts';
import { openMigratedPglite } from './pglite.ts';
import type { Slapd } from './slapd.ts';

type Change = Partial<DirectoryRegistration>;

type Described = Pick<Slapd, 'url' | 'caPem' | 'bindDn' | 'bindPassword' | 'baseDn'>;

/** What every registration of a directory says that a test does not mean otherwise. */
export const usual = {
  email_verified: 'never',
  consent_rules: [],
  unlisted_scopes: 'allow',
  // Long: on a busy machine no time limit decides a test, unless the test is about it.
  timeouts: { connect: 20_000, bind: 20_000, search: 20_000 },
  priority: 100,
  matches: { suffixes: [], names: [] },
} satisfies Change;

/** A registration of the built-in people of `startSlapd`. */
export function registrationOf(slapd: Described, change: Change = {}): DirectoryRegistration {
  return {
    ...usual,
    servers: [slapd.url],
    ca_bundle: slapd.caPem,
    bind_dn: slapd.bindDn,
    bind_password: slapd.bindPassword,
    vendor: 'openldap',
    subject_namespace: 'shop/people',
    user_search: {
      base: `ou=people,${slapd.baseDn}`,
      scope: 'sub',
      filter: '(&(objectClass=inetOrgPerson)(uid={}))',
      attributes: { username: 'uid', subject: 'entryUUID', display_name: 'displayName' },
    },
    group_search: {
      base: `ou=groups,${slapd.baseDn}`,
      scope: 'sub',
      filter: '(&(objectClass=groupOfNames)(member={}))',
      attributes: { name: 'cn' },
    },
    claims: { name: 'displayName', given_name: 'givenName', email: 'mail' },
    ...change,
  };
}

/** A registry snapshot with directories alone; ids are `shop/<name>`. */
export class DirectorySnapshots implements SnapshotSource {
  #directories = new Map<string, Registered<DirectoryRegistration>>();
  readonly #listeners = new Set<(changed: 'all') => void>();

  /** @param made another text: the bindings were deleted and made anew under the same names */
  set(directories: Readonly<Record<string, DirectoryRegistration>>, made = ''): void {
    this.#directories = new Map(
      Object.entries(directories).map(([name, value]) => {
        const owner = { source: 'test', namespace: 'shop', name, uid: `uid-of-${name}${made}` };
        return [`shop/${name}`, { owner, value, fingerprint: `fingerprint-of-${name}` }];
      }),
    );
    for (const listener of this.#listeners) listener('all');
  }

  get current(): Snapshot {
    const directories = this.#directories;
    return {
      revision: { epoch: 'test', n: 1 },
      server: undefined,
      client: () => undefined,
      isAllowedOrigin: () => false,
      scope: () => undefined,
      scopes: () => [],
      directory: (id) => directories.get(id),
      directories: () => directories.values(),
      counts: () => ({ server: 0, client: 0, scope: 0, directory: directories.size }),
    };
  }

  onSwap(listener: (changed: 'all') => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Lets every bind pass and forgets: for suites in which no service password is wrong. */
export const carelessLedger: ServiceBindLedger = {
  claim: () => Promise.resolve({ state: 'accepted' }),
  settle: () => Promise.resolve(),
};

export interface TestDirectories extends AsyncDisposable {
  readonly port: Directories;
  readonly snapshots: DirectorySnapshots;
  /** Every operation since the start or the last `forget`. */
  readonly operations: readonly LdapOperation[];
  /** `search 1, bind 1`: what was done for requests, connects included. */
  counted(): string;
  forget(): void;
  /** Find and authenticate, as a login does. */
  login(username: string, password: string): Promise<AuthenticationOutcome>;
  /** All that is known of them, groups included. @throws Error when nobody is found */
  user(username: string): Promise<DirectoryUser>;
}

export type TestDirectoriesOptions = Partial<Omit<DirectoriesOptions, 'snapshots'>> & {
  readonly time?: () => number;
};

/** Limits as they are by default, for tests about them. */
export const inEarnest = { limits: defaultLimits } as const;

export const never: AbortSignal = new AbortController().signal;

export function openDirectories(
  directories: Readonly<Record<string, DirectoryRegistration>>,
  options: TestDirectoriesOptions = {},
): TestDirectories {
  const snapshots = new DirectorySnapshots();
  snapshots.set(directories);
  const operations: LdapOperation[] = [];
  const time = options.time ?? (() => Math.floor(Date.now() / 1000));
  const port = createDirectories({
    serviceBinds: carelessLedger,
    fingerprintKey: createSecretKey(Buffer.alloc(32, 1)),
    clock: { now: () => epochSeconds(time()) },
    log: silentLog,
    limits: { login: 60_000, lookup: 40_000 },
    ...options,
    snapshots,
    observe: (operation) => operations.push(operation),
  });
  return {
    port,
    snapshots,
    operations,
    counted() {
      const counts = new Map<string, number>();
      for (const { operation, purpose } of operations) {
        const service = operation === 'bind' && purpose === 'search' ? 'service ' : '';
        const name = `${service}${operation}`;
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
      return [...counts].map(([name, count]) => `${name} ${count}`).join(', ');
    },
    forget: () => void operations.splice(0),
    async login(username, password) {
      return port.authenticate(await port.find(username, never), password, never);
    },
    async user(username) {
      for (const finding of await port.findEverywhere(username, never)) {
        if (finding.outcome === 'unavailable') throw new DirectoryUnavailable(finding.directory, finding.detail);
        if (finding.outcome === 'found') return finding.user;
      }
      throw new Error(`nobody is called ${username}`);
    },
    [Symbol.asyncDispose]() {
      port.stop();
      return Promise.resolve();
    },
  };
}

export interface TestLedger extends AsyncDisposable {
  readonly ledger: ServiceBindLedger;
}

/** The ledger as it is in earnest, in a database of its own. */
export async function openLedger(): Promise<TestLedger> {
  const database = await openMigratedPglite();
  return { ledger: serviceBindStore(database), [Symbol.asyncDispose]: () => database.close() };
}
