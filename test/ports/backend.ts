/** What a conformance suite runs on, and what its cases say again and again. */
import { randomBytes } from 'node:crypto';
import { createSealer } from '../../server/src/keys/sealer.ts';
import { openRegistry } from '../../server/src/registry/open-registry.ts';
import type { DirectoryRegistration, Owner } from '../../server/src/registry/registration.ts';
import type { Fence, Registration, Registry } from '../../server/src/registry/registry.ts';
import type { Database, Runner } from '../../server/src/store/database.ts';
import { aClient, anOwner, aScope, aServer } from '../support/builders.ts';

export interface Backend {
  /** A migrated database of its own, and on Postgres another handle to it on each later call of `again`. */
  open(): Promise<{ database: Database; again: () => Promise<Database> }>;
  close(): Promise<void>;
}

export const sealer = createSealer([randomBytes(32)]);

export const aFence = (more: Partial<Fence> = {}): Fence => ({
  source: 'test',
  leaseCreated: 1_000,
  leaseTransitions: 1,
  ...more,
});

export const registryOf = (database: Database, fence: Partial<Fence> = {}): Registry =>
  openRegistry({ database, sealer, fence: aFence(fence) });

export const password = 'canary-bind-password';

export function aDirectory(more: Partial<DirectoryRegistration> = {}): DirectoryRegistration {
  return {
    servers: ['ldaps://ldap.example.com'],
    bind_dn: 'cn=reader,dc=example',
    bind_password: password,
    vendor: 'openldap',
    subject_namespace: 'shop/people',
    user_search: {
      base: 'ou=people,dc=example',
      scope: 'sub',
      filter: '(uid={})',
      attributes: { username: 'uid', subject: 'entryUUID' },
    },
    claims: { email: 'mail' },
    email_verified: 'never',
    consent_rules: [],
    unlisted_scopes: 'allow',
    timeouts: { connect: 1000, bind: 1000, search: 1000 },
    priority: 100,
    matches: { suffixes: [], names: [] },
    ...more,
  };
}

/** The client `<namespace>.<name>` of the resource of that name. */
export function client(name: string, owner: Partial<Owner> = {}, more: Partial<Registration> = {}): Registration {
  const full = anOwner(name, owner);
  const id = `${full.namespace}.${name}`;
  return { kind: 'client', id, owner: full, value: aClient(id).build(), ...more } as Registration;
}

export function directory(name: string, more: Partial<DirectoryRegistration> = {}): Registration {
  return { kind: 'directory', id: `shop/${name}`, owner: anOwner(name), value: aDirectory(more) };
}

export const oneOfEachKind = (): readonly Registration[] => [
  { kind: 'server', id: 'self', owner: anOwner('default'), value: aServer() },
  client('web'),
  { kind: 'scope', id: 'shop:read', owner: anOwner('read'), value: aScope('shop:read') },
  directory('people'),
];

let statements = 0;
/** SQL by hand. */
export async function sql<R = Record<string, unknown>>(
  on: Runner,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly R[]> {
  statements += 1;
  return (await on.run<R>({ name: `by_hand_${statements}`, text }, values)).rows;
}

/** SQL by a role that may change registrations and nothing else. */
export async function byAnotherRole(database: Database, text: string): Promise<void> {
  await database.transaction(async (transaction) => {
    await sql(transaction, 'SET LOCAL ROLE registrar');
    await sql(transaction, text);
  });
}

export async function allowAnotherRole(database: Database): Promise<void> {
  await sql(
    database,
    `DO $$ BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'registrar') THEN CREATE ROLE registrar; END IF;
      GRANT SELECT, UPDATE, DELETE, TRUNCATE ON registry TO registrar;
    END $$`,
  );
}

/** Waits for something that must come; the test's own time limit says when it did not. */
export async function until<T>(found: () => T | Promise<T>): Promise<NonNullable<Awaited<T>>> {
  for (;;) {
    const value = await found();
    if (value !== undefined && value !== null && value !== false) return value as NonNullable<Awaited<T>>;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Empties the registry; its revision and epoch go on. */
export async function clean(database: Database): Promise<void> {
  const tables = [
    'registry',
    'registry_tombstones',
    'registry_checks',
    'registry_fences',
    'registry_identities',
    'replica_reports',
    'secret_uses',
    'audit',
  ];
  await sql(database, `TRUNCATE ${tables.join(', ')}`);
}

/** The same database, telling the name of every statement that is sent to it. */
export function counted(database: Database): { database: Database; sent: string[] } {
  const sent: string[] = [];
  const run: Database['run'] = (statement, values) => {
    sent.push(statement.name);
    return database.run(statement, values);
  };
  return { database: proxied(database, { run }), sent };
}

/** The same database with one member replaced. */
export function proxied(database: Database, replaced: Partial<Database>): Database {
  return new Proxy(database, {
    get: (target, member) => {
      const value: unknown = Reflect.get(replaced, member) ?? Reflect.get(target, member, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
