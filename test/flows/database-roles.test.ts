/** A74: with three roles, each does its part and nothing of the others'. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { holdsSealed } from '../../server/src/registry/sealed.ts';
import type { Database } from '../../server/src/store/database.ts';
import { migrate } from '../../server/src/store/migrate.ts';
import { openPostgres } from '../../server/src/store/postgres.ts';
import { grantRoles, rightsOn } from '../../server/src/store/roles.ts';
import { signingKeyStore } from '../../server/src/store/signing-keys.ts';
import { sweep } from '../../server/src/store/sweep.ts';
import { actClients, actServer, acts } from '../support/acts.ts';
import { aClient, anOwner } from '../support/builders.ts';
import { runServerCommand } from '../support/command.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { bySuperuser } from '../support/postgres-access.ts';
import { World } from '../support/world.ts';

type Role = 'migrator' | 'operator' | 'server';
const suffix = randomBytes(4).toString('hex');
const roleOf = (role: Role) => `nauthera_${role}_${suffix}`;
const roles = { server: roleOf('server'), operator: roleOf('operator') };

let postgres: TestPostgres;
let url = '';
let world: World;
const opened = new Map<Role, Database>();
const as = (role: Role): Database => {
  const database = opened.get(role);
  if (database === undefined) throw new Error('not open');
  return database;
};
let turn = 0;
const sql = async <R>(role: Role, text: string) => (await as(role).run<R>({ name: `roles_${++turn}`, text }, [])).rows;

beforeAll(async () => {
  postgres = await startPostgres('newest');
  url = await postgres.createDatabase();
  await bySuperuser(
    url,
    ...(['migrator', 'operator', 'server'] as const).map((role) => `CREATE ROLE ${roleOf(role)} LOGIN`),
    `ALTER DATABASE ${new URL(url).pathname.slice(1)} OWNER TO ${roleOf('migrator')}`,
    'GRANT CREATE ON SCHEMA public TO PUBLIC',
  );
  for (const role of ['migrator', 'operator', 'server'] as const) {
    const at = new URL(url);
    at.username = roleOf(role);
    opened.set(role, await openPostgres(at.href, { max: 6 }));
  }
  await migrate(as('migrator'));
  await grantRoles(as('migrator'), roles);
  world = await World.open({
    database: as('server'),
    registryDatabase: as('operator'),
    clients: actClients,
    server: actServer,
  });
});
afterAll(async () => {
  await world?.stopReplicas();
  for (const database of opened.values()) await database.close();
  await postgres?.stop();
});

describe('A74: the server with its own role', () => {
  it.each(acts.map((act) => [act.name, act] as const))('gives %s', async (name, act) => {
    const username = `person-${acts.findIndex((one) => one.name === name)}`;
    world.memory.add(username);
    const prepared = await act.prepare(world, username);
    expect(await prepared.ask()).toBe('given');
  });

  it('makes keys, sweeps, reports', async () => {
    const keys = signingKeyStore(as('server'));
    expect((await keys.load()).keys.length).toBeGreaterThan(0);
    expect((await keys.askRotation()).length).toBeGreaterThan(0);
    await sweep({ database: as('server'), onSwept: () => undefined });
    expect((await world.registry.reports()).filter(({ live }) => live)).toHaveLength(1);
  });

  it.each([
    `INSERT INTO registry SELECT * FROM registry WHERE false`,
    `UPDATE registry SET withdrawn = true`,
    `DELETE FROM registry`,
    `TRUNCATE registry`,
    `UPDATE registry_revision SET n = n`,
    `DELETE FROM registry_tombstones`,
    `SELECT accepted FROM registry_identities`,
    `SELECT registry_put('kube', 1, 1, '[]')`,
    `SELECT registry_delete('kube', 1, 1, 'client', 'u')`,
    `SELECT registry_admit('kube', 9, 9)`,
    `ALTER TABLE sessions ADD COLUMN more text`,
    `CREATE TABLE mine (a integer)`,
    `DROP TABLE sessions`,
    `SET ROLE ${roleOf('operator')}`,
    `SET ROLE ${roleOf('migrator')}`,
  ])('may not: %s', async (text) => {
    await expect(sql('server', text)).rejects.toMatchObject({ code: '42501' });
  });
});

describe('A74: the operator with its own role', () => {
  it('writes, reads, follows and removes registrations, and keeps identities', async () => {
    const { registry } = world;
    const owner = anOwner('roles');
    const value = aClient('shop.roles').build();
    await world.served({ kind: 'client', id: 'shop.roles', owner, value });
    expect(await registry.get('client', 'shop.roles')).toMatchObject({ withdrawn: false });
    const changed: unknown[] = [];
    const stop = await registry.follow((one) => changed.push(one));
    await expect.poll(() => changed).toEqual(['all']);
    await world.served({ kind: 'client', id: 'shop.roles', owner, value, withdrawn: true });
    await expect.poll(() => changed.at(-1)).toEqual([{ kind: 'client', id: 'shop.roles' }]);
    await stop();
    expect(await registry.delete('client', owner.uid)).not.toBeNull();
    let rows = 0;
    for await (const _ of registry.scanOwners()) rows += 1;
    expect(rows).toBeGreaterThan(0);
    const identity = { kind: 'Client', namespace: 'shop', name: 'web', uid: 'u', generation: 1, accepted: {} };
    await registry.putIdentity(identity);
    expect(await registry.identities()).toEqual([identity]);
    await registry.deleteIdentity(identity);
    expect(await holdsSealed(as('operator'))).toBe(true);
  });

  it('wishes something of the keys, and two servers that carry it out at once do it once', async () => {
    const keys = signingKeyStore(as('server'));
    const kid = (await keys.load()).keys.at(-1)?.kid ?? '';
    expect(await world.registry.wishKeys({ kind: 'revoke', wish: kid })).toBe('pending');
    await Promise.all([keys.fulfil(), keys.fulfil(), keys.fulfil()]);
    expect(await world.registry.wishKeys({ kind: 'revoke', wish: kid })).toBe('done');
    const told = await sql('migrator', `SELECT kid FROM audit WHERE event = 'key.revoked'`);
    expect(told).toEqual([{ kid }]);
    expect((await keys.load()).wished).toBe(false);
  });

  it.each([
    'SELECT id FROM sessions',
    'SELECT grant_id FROM refresh_tokens',
    'SELECT id FROM grants',
    'SELECT client_id FROM authorization_codes',
    'SELECT sealed_private_key FROM signing_keys',
    'UPDATE signing_keys SET revoked_at = now()',
    'SELECT sealed FROM sealed_secrets',
    'SELECT event FROM audit',
    'DELETE FROM audit',
    'DELETE FROM revocations',
    'DELETE FROM replica_reports',
    'ALTER TABLE registry ADD COLUMN more text',
    'ALTER TABLE registry DISABLE TRIGGER ALL',
    'CREATE TABLE mine (a integer)',
    `SET ROLE ${roleOf('server')}`,
  ])('may not: %s', async (text) => {
    await expect(sql('operator', text)).rejects.toMatchObject({ code: '42501' });
  });
});

describe('A74: rights', () => {
  it('are exactly what is written down, on every table that there is', async () => {
    const tables = await sql<{ name: string }>(
      'migrator',
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1`,
    );
    expect(tables.length).toBeGreaterThan(20);
    for (const { name } of tables) {
      for (const who of ['server', 'operator'] as const) {
        const all = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'];
        const held = await sql<{ held: string }>(
          'migrator',
          `SELECT one AS held FROM unnest(ARRAY['${all.join("','")}']) AS one WHERE has_table_privilege('${roles[who]}', '${name}', one)`,
        );
        const expected = rightsOn(name, who)
          .split(', ')
          .filter((one) => one !== '' && !one.includes('('));
        expect([name, who, held.map((row) => row.held)]).toEqual([name, who, expected]);
      }
    }
  });

  it('come back to what they are, and a new table is the server’s', async () => {
    await sql('migrator', `GRANT ALL ON registry TO ${roles.server}`);
    await sql('migrator', 'CREATE TABLE newer (a integer)');
    await grantRoles(as('migrator'), roles);
    await expect(sql('server', 'DELETE FROM registry')).rejects.toMatchObject({ code: '42501' });
    expect(await sql('server', 'INSERT INTO newer VALUES (1) RETURNING a')).toEqual([{ a: 1 }]);
    await expect(sql('operator', 'SELECT a FROM newer')).rejects.toMatchObject({ code: '42501' });
    await sql('migrator', 'DROP TABLE newer');
  });

  it('are given by the command that migrates, and taken back what is too much', async () => {
    await sql('migrator', `GRANT ALL ON registry TO ${roles.server}`);
    const at = new URL(url);
    at.username = roleOf('migrator');
    const granted = await runServerCommand(
      ['migrate', '--server-role', roles.server, '--operator-role', roles.operator],
      { NAUTHERA_DATABASE: at.href },
    );
    expect([granted.code, granted.out]).toEqual([
      0,
      `nothing to do\nthe role ${roles.server} has its rights\nthe role ${roles.operator} has its rights\n`,
    ]);
    await expect(sql('server', 'DELETE FROM registry')).rejects.toMatchObject({ code: '42501' });
    at.username = roles.server;
    const refused = await runServerCommand(['restore', '--yes'], { NAUTHERA_DATABASE: at.href });
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('use that of the owner of the tables')]);
  });

  it.each<readonly [string, () => Promise<unknown>, RegExp]>([
    ['a role that is not there', () => grantRoles(as('migrator'), { server: 'nobody' }), /there is no role nobody/],
    ['a superuser', () => grantRoles(as('migrator'), { server: 'postgres' }), /is a superuser/],
    ['the owner itself', () => grantRoles(as('migrator'), { server: roleOf('migrator') }), /may act as the owner/],
    ['one role for both', () => grantRoles(as('migrator'), { server: 'a', operator: 'a' }), /must be two roles/],
  ])('are not granted to %s', async (_, work, message) => {
    await expect(work()).rejects.toThrow(message);
  });
});
