/** One attempt to open the database of an AuthorizationServer: connection, tables, key, registry. */
import { randomBytes } from 'node:crypto';
import {
  createSealer,
  type Database,
  type Fence,
  grantRoles,
  holdsSealed,
  isSealedByAnother,
  migrate,
  openDatabase,
  openRegistry,
  pendingMigrations,
} from '@nauthera/server/registry';
import type { ResourceSource } from '../sources/source.ts';
import { counted, type OnRegistryWrite } from './counted-registry.ts';
import type { NamedConnection, NamedRoles } from './database-secrets.ts';
import { distrusted } from './distrusted-registry.ts';
import type { OrphanTimes } from './orphans.ts';
import { knowRows } from './registering.ts';
import { type RegistryListener, RunningRegistry } from './running-registry.ts';

export interface Connection extends NamedConnection {
  /** Of the owner of the tables; `undefined`: the same. */
  readonly migrator?: NamedConnection | undefined;
  /** Who gets which rights once the tables are there; `undefined`: nobody, one role does everything. */
  readonly roles?: NamedRoles | undefined;
  /** `undefined`: there are none. */
  readonly keys: readonly Uint8Array[] | undefined;
  /** Makes the keys, for a database that holds nothing which was sealed; `undefined`: they are somebody else's to make. */
  readonly makeKeys: (() => Promise<readonly Uint8Array[]>) | undefined;
}

export interface OpeningOptions {
  readonly source: ResourceSource;
  readonly fence: Fence;
  readonly listener: RegistryListener;
  /** `wait`: somebody else makes the tables. Default `run`. */
  readonly migrations?: 'run' | 'wait';
  readonly onMigration: (step: 'MigrationStarted' | 'MigrationCompleted', names: readonly string[]) => void;
  /** One line about something that repairs itself, without a secret. */
  readonly onProblem: (problem: string) => void;
  /** One line about what was done or is waited for. */
  readonly onProgress?: (line: string) => void;
  readonly orphans?: OrphanTimes;
  /** A row of its registry was written. */
  readonly onWrite?: OnRegistryWrite | undefined;
}

export type KeyStanding = 'there' | 'missing' | 'another';

export interface OpenedServer {
  readonly connection: Connection;
  readonly database: Database;
  readonly running: RunningRegistry;
  readonly keys: KeyStanding;
}

/** What is told on the way. */
export interface OpeningHooks {
  /** It was looked whether its tables are there. */
  readonly onLook: () => void;
  /** Tables are about to be made. */
  readonly onPending: () => void;
}

/** Connections for the passes; LISTEN takes one more, a migration two while it runs. */
const connections = 4;
/** A page of a thousand rows is the most that is asked for. A tenant's database may answer anything. */
const answers = { largest: 32 * 1024 * 1024, together: 128 * 1024 * 1024 };

/** Somebody else is to bring them. */
export class TablesMissing extends Error {}

/**
 * @throws TablesMissing
 * @throws whatever a database answers
 */
export async function openServer(
  options: OpeningOptions,
  asked: Connection,
  hooks: OpeningHooks,
): Promise<OpenedServer> {
  const { source, fence, listener, onProblem, orphans, onWrite } = options;
  const open = ({ url, ca, directUrl }: NamedConnection) =>
    openDatabase(url, {
      max: connections,
      answers,
      onProblem,
      ...(ca === undefined ? {} : { ca }),
      ...(directUrl === undefined ? {} : { directUrl }),
    });
  const database = await open(asked);
  try {
    if (options.migrations === 'wait') await requireTables(database, asked, hooks);
    else if (asked.migrator === undefined) await bringTables(options, database, asked, hooks);
    else {
      const owner = await open(asked.migrator);
      try {
        await bringTables(options, owner, asked, hooks);
      } finally {
        await owner.close();
      }
    }
    const empty = asked.keys === undefined && !(await holdsSealed(database));
    const keys = empty ? await asked.makeKeys?.() : asked.keys;
    const sealer = createSealer(keys ?? [randomBytes(32)]);
    const registry = counted(distrusted(openRegistry({ database, fence, sealer, onProblem })), onWrite);
    // Before anybody has it: the passes of all resources ask what stands there, and wait for no tenant's database.
    await knowRows(registry);
    const isAnother = keys !== undefined && (await isSealedByAnother(database, source.name, sealer));
    const standing = keys === undefined ? 'missing' : isAnother ? 'another' : 'there';
    const connection = { ...asked, keys };
    // Last, and it throws nothing: whoever began to watch would go on with a database that is closed.
    const running = new RunningRegistry(registry, source, listener, orphans);
    await running.start();
    return { connection, database, running, keys: standing };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Somebody else makes them, and gives our role its rights. */
async function requireTables(database: Database, { roles }: Connection, { onLook }: OpeningHooks): Promise<void> {
  await database.run({ name: 'ping', text: 'SELECT 1' }, []);
  onLook();
  const pending = await pendingMigrations(database).catch((error: unknown) => {
    if (roles !== undefined && isForbidden(error)) return ['the rights of our role'];
    throw error;
  });
  const [first] = pending;
  if (first !== undefined) throw new TablesMissing(`${first}: not there yet`);
}

async function bringTables(
  { onMigration, onProgress }: OpeningOptions,
  database: Database,
  { roles }: Connection,
  { onPending }: OpeningHooks,
): Promise<void> {
  await database.run({ name: 'ping', text: 'SELECT 1' }, []);
  const names = await migrate(database, {
    onPending: (pending) => {
      onPending();
      onMigration('MigrationStarted', pending);
    },
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  if (roles !== undefined) await grantRoles(database, roles);
  if (names.length > 0) onMigration('MigrationCompleted', names);
}

function isForbidden(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '42501';
}
