/**
 * I13: the previous release and this one serve one database together. What a release left behind is kept beside
 * `test/compatibility`; here its tables are made first, then those of this version, and its statements must still do.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatOf, membersSince, oldestFormat } from '../../server/src/registry/format.ts';
import { openRegistry } from '../../server/src/registry/open-registry.ts';
import { registrationFormat } from '../../server/src/registry/registration.ts';
import type { Registration } from '../../server/src/registry/registry.ts';
import type { Database } from '../../server/src/store/database.ts';
import { migrate } from '../../server/src/store/migrate.ts';
import { migrations } from '../../server/src/store/migrations/index.ts';
import { pendingMigrations } from '../../server/src/store/pending-migrations.ts';
import { openPglite } from '../../server/src/store/pglite.ts';
import { breaks, type Catalog, readCatalog } from '../compatibility/catalog.ts';
import { membersNow, type Recording } from '../compatibility/recording.ts';
import { sealer } from '../ports/backend.ts';
import { aClient, anOwner } from '../support/builders.ts';
import { openMigratedPglite } from '../support/pglite.ts';

const folder = fileURLToPath(new URL('../compatibility/', import.meta.url));
const recordings = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(`${folder}${name}`, 'utf8')) as Recording);

let turn = 0;
const ask = (database: Database) => async (text: string) =>
  (await database.run({ name: `asked_${++turn}`, text }, [])).rows;

describe.each(recordings.map((one) => [one.version, one] as const))('I13: beside %s', (_, before) => {
  let database: Database;
  let then: Catalog;
  let now: Catalog;
  beforeAll(async () => {
    database = await openPglite('memory');
    await database.alone(async (kysely) => {
      for (const name of before.migrations) await migrations[name]?.up(kysely);
    });
    then = await readCatalog(ask(database));
    await database.alone(async (kysely) => {
      for (const name of Object.keys(migrations).sort()) {
        if (!before.migrations.includes(name)) await migrations[name]?.up(kysely);
      }
    });
    now = await readCatalog(ask(database));
  });
  afterAll(() => database?.close());

  it('its migrations are there, in their order, and make what they made', () => {
    expect(Object.keys(migrations)).toEqual(expect.arrayContaining([...before.migrations]));
    expect(then).toEqual(before.catalog);
  });

  it('nothing that it knows is gone, and nothing that it does not know is demanded', () => {
    expect(breaks(before.catalog, now)).toEqual([]);
  });

  it('every statement of its can still be prepared', async () => {
    expect(before.statements.length).toBeGreaterThan(50);
    const failures: string[] = [];
    for (const { name, text } of before.statements) {
      turn += 1;
      await ask(database)(`PREPARE old_${turn} AS ${text}`).catch((error: unknown) =>
        failures.push(`${name}: ${String(error)}`),
      );
    }
    expect(failures).toEqual([]);
  });

  it('members of registrations that it does not know have a format that it does not know', () => {
    const unmarked = Object.entries(membersNow()).flatMap(([kind, members]) => {
      const since = Object.entries(membersSince).find(([one]) => one === kind)?.[1] ?? {};
      return members
        .filter((member) => before.members[kind]?.includes(member) !== true)
        .filter((member) => (since[member] ?? oldestFormat) <= before.registrationFormat)
        .map((member) => `${kind}.${member}`);
    });
    // Before the first release nobody serves anything older.
    if (!before.version.includes('-')) expect(unmarked).toEqual([]);
    expect(registrationFormat).toBeGreaterThanOrEqual(before.registrationFormat);
  });
});

describe('I13: the rules bite', () => {
  const column = { type: 'text', required: false, hasDefault: false };
  const before: Catalog = {
    tables: { t: { a: column } },
    constraints: { t: ['p PRIMARY KEY (a)'] },
    functions: ['f(text) text'],
  };
  it.each<readonly [string, Partial<Catalog>, string]>([
    ['a table that goes', { tables: {} }, 't is gone'],
    ['a column that goes', { tables: { t: {} } }, 't.a is gone'],
    ['another type', { tables: { t: { a: { ...column, type: 'uuid' } } } }, 't.a is uuid, no longer text'],
    ['NOT NULL', { tables: { t: { a: { ...column, required: true } } } }, 't.a must not be left out any more'],
    [
      'a new column that must be given',
      { tables: { t: { a: column, b: { ...column, required: true } } } },
      't.b is new, and must be given',
    ],
    [
      'a new rule',
      { constraints: { t: ['p PRIMARY KEY (a)', "c CHECK (a <> '')"] } },
      "t keeps to something new: c CHECK (a <> '')",
    ],
    ['a function that goes', { functions: [] }, 'the function f(text) text is gone'],
  ])('%s', (_, change, found) => {
    expect(breaks(before, { ...before, ...change })).toEqual([found]);
  });
  it('and let through what an older version need not know', () => {
    const wider = {
      t: { a: column, b: column, c: { ...column, required: true, hasDefault: true } },
      u: { a: { ...column, required: true } },
    };
    expect(breaks(before, { ...before, tables: wider, functions: ['f(text) text', 'g() text'] })).toEqual([]);
  });
});

describe('I13: a row that not every live replica reads', () => {
  it('is held until that replica is gone; what nobody is to be served is written all the same', async () => {
    const database = await openMigratedPglite();
    const write = ask(database);
    const registry = openRegistry({
      database,
      fence: { source: 'test', leaseCreated: 1, leaseTransitions: 0 },
      sealer,
      formatOf: ({ id }) => (id === 'shop.newer' ? 2 : 1),
    });
    const registration = (id: string): Registration => ({
      kind: 'client',
      id,
      owner: { ...anOwner(id), source: 'test' },
      value: aClient(id).build(),
    });
    const live = (replica: string, format: number, age = '0 seconds') =>
      write(`INSERT INTO replica_reports (replica, reported_at, format, epoch, n, rejected, directories, keys)
        VALUES ('${replica}', now() - interval '${age}', ${format}, '', 0, '[]', '[]', 'ready')`);
    await live('newer', 2);
    await live('older', 1);
    await live('dead', 1, '1 minute');
    const both = await registry.putMany([registration('shop.newer'), registration('shop.older')]);
    expect(both).toMatchObject([{ outcome: 'held', format: 2 }, { outcome: 'written' }]);
    expect(await registry.get('client', 'shop.newer')).toBeNull();
    expect(await registry.put({ ...registration('shop.newer'), withdrawn: true })).toMatchObject({
      outcome: 'written',
    });
    await write(`DELETE FROM replica_reports WHERE replica = 'older'`);
    expect(await registry.put(registration('shop.newer'))).toMatchObject({ outcome: 'written' });
    expect(formatOf(registration('shop.newer'))).toBe(oldestFormat);
    await database.close();
  });
});

describe('I13: rolled back', () => {
  it('a version that knows fewer migrations than have run changes nothing, and serves', async () => {
    const database = await openMigratedPglite();
    const newer = `INSERT INTO nauthera_migrations (name, timestamp) VALUES ('9999_newer', now()::text)`;
    await ask(database)(newer);
    await ask(database)('ALTER TABLE sessions ADD COLUMN newer text');
    const before = await readCatalog(ask(database));
    expect(await migrate(database)).toEqual([]);
    expect(await readCatalog(ask(database))).toEqual(before);
    expect(await pendingMigrations(database)).toEqual([]);
    await database.close();
  });
});
