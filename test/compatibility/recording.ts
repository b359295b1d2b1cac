/** What a version leaves behind for the next one: its tables, its statements, the members of its registrations. */

import { createSealer } from '../../server/src/keys/sealer.ts';
import { openRegistry } from '../../server/src/registry/open-registry.ts';
import * as registrations from '../../server/src/registry/registration.ts';
import { registrationFormat } from '../../server/src/registry/registration.ts';
import { holdsSealed } from '../../server/src/registry/sealed.ts';
import { type Database, type Statement } from '../../server/src/store/database.ts';
import { migrations } from '../../server/src/store/migrations/index.ts';
import { signingKeyStore } from '../../server/src/store/signing-keys.ts';
import { sweep } from '../../server/src/store/sweep.ts';
import { actClients, actServer, acts } from '../support/acts.ts';
import { aClient, anOwner } from '../support/builders.ts';
import { keyEncryptionKey, World } from '../support/world.ts';
import { type Catalog, readCatalog } from './catalog.ts';

export interface Recording {
  readonly version: string;
  /** Names, in their order. */
  readonly migrations: readonly string[];
  readonly registrationFormat: number;
  /** Of the values of registrations, by kind. */
  readonly members: Readonly<Record<string, readonly string[]>>;
  readonly statements: readonly Statement[];
  readonly catalog: Catalog;
}

/** Everything that writes, and what runs beside it, over an embedded database that listens. */
export async function record(version: string): Promise<Recording> {
  const seen = new Map<string, string>();
  const listening = (database: Database): Database => recordInto(database, seen);
  const world = await World.open({
    clients: actClients,
    server: actServer,
    options: { seams: { database: listening } },
  });
  try {
    for (const [place, act] of acts.entries()) {
      world.memory.add(`person-${place}`);
      const prepared = await act.prepare(world, `person-${place}`);
      const answer = await prepared.ask();
      if (answer !== 'given') throw new Error(`${act.name}: ${answer}`);
      await prepared.ask();
    }
    await world.token({ grant_type: 'client_credentials' }, 'job.opaque');
    await operate(listening(world.database));
    const keys = signingKeyStore(listening(world.database));
    await keys.askRotation();
    await keys.revoke('nobody');
    await sweep({ database: listening(world.database), onSwept: () => undefined });
    return {
      version,
      migrations: Object.keys(migrations).sort(),
      registrationFormat,
      members: membersNow(),
      statements: [...seen].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, text]) => ({ name, text })),
      catalog: await readCatalog(
        async (text) => (await world.database.run({ name: `catalog_${text.length}`, text }, [])).rows,
      ),
    };
  } finally {
    await world.stop();
  }
}

/** As the operator uses it. */
async function operate(database: Database): Promise<void> {
  const registry = openRegistry({
    database,
    fence: { source: 'recorded', leaseCreated: Date.now(), leaseTransitions: 0 },
    sealer: createSealer([keyEncryptionKey]),
  });
  const owner = { ...anOwner('recorded'), source: 'recorded' };
  await registry.put({ kind: 'client', id: 'shop.recorded', owner, value: aClient('shop.recorded').build() });
  await registry.get('client', 'shop.recorded');
  for await (const _ of registry.scanOwners());
  await registry.reports();
  await registry.delete('client', owner.uid);
  const identity = { kind: 'Client', namespace: 'shop', name: 'recorded', uid: 'u', generation: 1, accepted: {} };
  await registry.putIdentity(identity);
  await registry.identities();
  await registry.deleteIdentity(identity);
  await holdsSealed(database);
}

function recordInto(database: Database, seen: Map<string, string>): Database {
  const note = ({ name, text }: Statement): void => {
    seen.set(name, text);
  };
  return {
    ...database,
    kind: database.kind,
    kysely: database.kysely,
    run: (statement, values) => {
      note(statement);
      return database.run(statement, values);
    },
    transaction: (work) =>
      database.transaction((transaction) =>
        work({
          inTransaction: true,
          run: (statement, values) => {
            note(statement);
            return transaction.run(statement, values);
          },
        }),
      ),
    listen: (channel, onNotify) => database.listen(channel, onNotify),
    alone: (work) => database.alone(work),
    close: () => database.close(),
  };
}

/** By the schemas that are exported, whatever kinds there are. */
export function membersNow(): Record<string, readonly string[]> {
  const schemas = {
    server: registrations.ServerRegistration,
    client: registrations.ClientRegistration,
    scope: registrations.ScopeRegistration,
    directory: registrations.DirectoryRegistration,
  };
  return Object.fromEntries(
    Object.entries(schemas).map(([kind, schema]) => [kind, Object.keys(schema.properties).sort()]),
  );
}
