/** The databases of AuthorizationServers on a real Postgres: how they are opened, exchanged, missed and closed. */
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ServerResource } from '../../operator/src/controllers/attachment.ts';
import { ServerRegistries } from '../../operator/src/controllers/server-registries.ts';
import type { NewSecret, ResourceSource, Secret, SecretStore } from '../../operator/src/sources/source.ts';
import { DatabaseUnavailable, type Registration } from '../../server/src/registry/index.ts';
import { makeAuthority } from '../support/certificates.ts';
import { freePort } from '../support/ports.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { speakTls } from '../support/postgres-access.ts';
import { aSecret, aServerResource } from '../unit/operator/resources.ts';

let postgres: TestPostgres;
const running: ServerRegistries[] = [];

beforeAll(async () => {
  postgres = await startPostgres('newest');
});
afterAll(() => postgres?.stop());
afterEach(async () => {
  for (const registries of running.splice(0)) {
    await registries.unfollow();
    await registries.stop();
  }
});

/** Secrets in memory. */
class Secrets implements SecretStore {
  readonly all = new Map<string, Secret>();
  read = (_: string, name: string) => Promise.resolve(this.all.get(name));
  create = ({ ...secret }: NewSecret) => {
    if (this.all.has(secret.name)) return Promise.resolve('exists' as const);
    this.all.set(secret.name, { ...secret, version: '1' });
    return Promise.resolve('created' as const);
  };
  update = () => Promise.resolve('changed' as const);
  delete = ({ name }: Secret) => {
    this.all.delete(name);
    return Promise.resolve();
  };
  ownedBy = () => Promise.resolve([]);
  watched = () => true;
}

interface Told {
  readonly states: string[];
  readonly recovered: string[];
  readonly away: string[];
  readonly events: string[];
}

async function aWorld(
  uris: Readonly<Record<string, string>>,
  servers: readonly ServerResource[] = [],
  secrets = new Secrets(),
  configMaps: Readonly<Record<string, Readonly<Record<string, string>>>> = {},
) {
  for (const [name, uri] of Object.entries(uris)) secrets.all.set(name, aSecret(name, { uri }));
  const told: Told = { states: [], recovered: [], away: [], events: [] };
  const source = { name: 'test', keys: () => Promise.resolve([]) } as unknown as ResourceSource;
  const registries = new ServerRegistries({
    source,
    secrets,
    configMaps: {
      read: (namespace, name) => Promise.resolve(configMaps[name] && { namespace, name, data: configMaps[name] }),
    },
    fence: { source: 'test', leaseCreated: 1, leaseTransitions: 0 },
    events: { record: (_, { reason }) => told.events.push(reason) },
    onProblem: () => undefined,
  });
  running.push(registries);
  const nothing = () => undefined;
  await registries.start(
    {
      onMoved: nothing,
      onReports: nothing,
      onAway: ({ name }) => told.away.push(name),
      onRecovery: ({ name }) => told.recovered.push(name),
      onHeld: nothing,
      onState: (name) => told.states.push(name),
      onError: nothing,
    },
    servers,
  );
  return { registries, secrets, told };
}

const aServer = (name: string, secret = name, more: Partial<ServerResource> = {}) =>
  aServerResource({ database: { secretRef: { name: secret } } }, { name, uid: name, ...more });

/** As it stands after its first passes. */
async function settled(registries: ServerRegistries, server: ServerResource) {
  for (const deadline = Date.now() + 30_000; ; await sleep(50)) {
    const state = await registries.look(server);
    if (!['Pending', 'MigrationRunning'].includes(state.ready.reason) || Date.now() > deadline) return state;
  }
}

async function sql(url: string, ...statements: readonly string[]): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let rows: readonly Record<string, unknown>[] = [];
    for (const one of statements) ({ rows } = await client.query<Record<string, unknown>>(one));
    return rows;
  } finally {
    await client.end();
  }
}

const as = (url: string, user: string, password = '', query = '') => {
  const changed = new URL(url);
  changed.username = user;
  changed.password = password;
  changed.search = query;
  return changed.href;
};

const aKey = `INSERT INTO signing_keys (kid, algorithm, generation, active_from, public_jwk, sealed_private_key)
  VALUES ('k', 'ES256', 1, now(), '{}', '\\x00')`;

describe('the database of an AuthorizationServer', () => {
  it('is opened, brought up to date, and given a key that nobody owns', async () => {
    const { registries, secrets, told } = await aWorld({ pg: await postgres.createDatabase() });
    const server = aServer('main', 'pg');
    expect(registries.registryOf('auth/main')).toBeUndefined();
    const { ready, keyProblem, looked } = await settled(registries, server);
    expect(ready).toMatchObject({ status: 'True', reason: 'SingleRole' });
    expect(keyProblem).toBeUndefined();
    expect(looked.map(({ name }) => name)).toEqual(['pg', 'main-key-encryption-key']);
    expect([...told.events].sort()).toEqual(['MigrationCompleted', 'MigrationStarted', 'SecretCreated']);
    const key = secrets.all.get('main-key-encryption-key');
    expect(key?.data['key-encryption-key']).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
    expect(key?.owner).toBeUndefined();
    expect(key?.labels).toMatchObject({
      'auth.nauthera.io/authorization-server': 'main',
      'auth.nauthera.io/watch': 'true',
    });
    expect(registries.registryOf('auth/main')?.isOpen).toBe(true);
  });

  it('M19 and its like: what its Secret lacks is said', async () => {
    const { registries, secrets } = await aWorld({});
    const reason = async (server: ServerResource) => (await registries.look(server)).ready;
    expect(await reason(aServerResource())).toMatchObject({
      reason: 'SecretNotFound',
      message:
        'spec.database.secretRef is left out. Name the Secret that your database operator wrote, e.g. <cluster>-app',
    });
    expect(await reason(aServer('a', 'pg'))).toMatchObject({
      reason: 'SecretNotFound',
      message:
        'Secret "pg" named in spec.database.secretRef does not exist in namespace auth. Waiting for it; name the one that your database operator wrote, e.g. <cluster>-app',
    });
    secrets.all.set('pg', aSecret('pg', { username: 'x', password: 'y' }));
    expect(await reason(aServer('a', 'pg'))).toMatchObject({
      reason: 'SecretKeyNotFound',
      message:
        'Secret "pg" has no key "uri" (keys: password, username). Point spec.database.secretRef at the Secret your database operator wrote, e.g. <cluster>-app',
    });
    secrets.all.set('pg', aSecret('pg', { uri: 'postgres://a:b@c/d?sslcert=/etc/passwd' }));
    expect(await reason(aServer('a', 'pg'))).toMatchObject({ reason: 'DatabaseTlsFailed' });
    secrets.all.set('pg', aSecret('pg', { uri: 'postgres://a:b@c/d', 'direct-uri': 'postgres://a:b@c/d?host=/x' }));
    expect((await reason(aServer('a', 'pg'))).message).toContain('key "direct-uri": parameter host is not taken');
  });

  it('F37, I9: that says that a newer leader wrote there is its own server’s trouble, and ends no process', async () => {
    const url = await postgres.createDatabase();
    const { registries } = await aWorld({ pg: url });
    const server = aServer('main', 'pg');
    await settled(registries, server);
    await sql(
      url,
      'DROP FUNCTION registry_delete',
      `CREATE FUNCTION registry_delete(text, bigint, bigint, text, text) RETURNS TABLE (outcome text, epoch text, n bigint)
        LANGUAGE sql AS $$ SELECT 'fenced', 'e', 1::bigint $$`,
    );
    const failure: unknown = await registries
      .registryOf('auth/main')
      ?.delete('client', 'x')
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(DatabaseUnavailable);
    expect(registries.explain(server, failure)).toMatchObject({ reason: 'DatabaseInUse' });
  });

  it('I9: whose functions are not what they were holds up nobody else', async () => {
    const url = await postgres.createDatabase();
    const { registries } = await aWorld({ pg: url });
    await settled(registries, aServer('main', 'pg'));
    await sql(url, 'DROP FUNCTION registry_delete');
    await expect(registries.registryOf('auth/main')?.delete('client', 'u')).rejects.toBeInstanceOf(DatabaseUnavailable);
  });

  // Who may log in how is changed there: not on a server that belongs to somebody else.
  describe.skipIf(process.env.DATABASE_URL !== undefined)('that cannot be used', () => {
    let url: string;
    beforeAll(async () => {
      url = await postgres.createDatabase();
      const [hba] = await sql(
        postgres.url,
        `CREATE ROLE with_password LOGIN PASSWORD 'right'`,
        'CREATE ROLE tls_only LOGIN',
        'CREATE ROLE without_rights LOGIN',
        'SHOW hba_file',
      );
      const rules = [
        'host all with_password all scram-sha-256',
        'hostssl all tls_only all trust',
        'host all tls_only all reject',
        'host all all all trust',
      ];
      const lines = rules.map((rule) => `('${rule}')`).join(',');
      await sql(
        postgres.url,
        `COPY (SELECT * FROM (VALUES ${lines}) AS rules) TO '${String(hba?.hba_file)}'`,
        'SELECT pg_reload_conf()',
      );
    });

    it.each<readonly [string, () => Promise<string> | string, string]>([
      ['a wrong password', () => as(url, 'with_password', 'wrong'), 'DatabaseLoginFailed'],
      ['no such role', () => as(url, 'nobody_of_that_name'), 'DatabaseLoginFailed'],
      ['no such database', () => `${url}x`, 'DatabaseLoginFailed'],
      ['TLS that the server does not speak', () => as(url, 'postgres', '', 'sslmode=verify-full'), 'DatabaseTlsFailed'],
      ['TLS that the server demands', () => as(url, 'tls_only'), 'DatabaseTlsFailed'],
      ['a role without rights', () => as(url, 'without_rights'), 'DatabasePermissionMissing'],
      ['nobody who listens', async () => `postgres://a:b@127.0.0.1:${await freePort()}/x`, 'DatabaseUnreachable'],
    ])('%s', async (_, given, reason) => {
      const { registries } = await aWorld({ pg: await given() });
      const { ready } = await settled(registries, aServer('main', 'pg'));
      expect(ready).toMatchObject({ status: 'False', reason });
      expect(ready.message).toContain('Secret "pg"');
      expect(ready.message).not.toMatch(/wrong|127\.0\.0\.1/);
      expect(registries.registryOf('auth/main')).toBeUndefined();
    });
  });

  // It is made to speak TLS: that is not done to a server that belongs to somebody else.
  describe.skipIf(process.env.DATABASE_URL !== undefined)('whose authority stands in an object of its own', () => {
    let authority: string;
    beforeAll(async () => {
      const made = await makeAuthority('Database CA');
      authority = made.pem;
      await speakTls(postgres.url, await made.issue({ names: ['localhost'], addresses: ['127.0.0.1'] }));
    });
    const opened = async (caBundleRef: object, bundle: string) => {
      const secrets = new Secrets();
      secrets.all.set('pg-ca', aSecret('pg-ca', { 'ca.crt': bundle, 'ca.key': 'canary' }));
      const uris = { pg: as(await postgres.createDatabase(), 'postgres', '', 'sslmode=disable') };
      const { registries } = await aWorld(uris, [], secrets, { 'pg-ca': { 'ca.crt': bundle } });
      const server = aServerResource({ database: { secretRef: { name: 'pg' }, caBundleRef } }, { name: 'a', uid: 'a' });
      return settled(registries, server);
    };

    it.each([
      ['Secret, as CloudNativePG makes it', { kind: 'Secret', name: 'pg-ca' }],
      ['ConfigMap', { name: 'pg-ca' }],
    ])('is checked against it: %s', async (_, reference) => {
      const { ready, looked } = await opened(reference, authority);
      expect(ready).toMatchObject({ status: 'True', reason: 'SingleRole' });
      expect(looked.map(({ name }) => name)).toEqual(['pg', 'pg-ca', 'a-key-encryption-key']);
      expect(JSON.stringify(looked)).not.toContain('canary');
      const { ready: refused } = await opened(reference, (await makeAuthority('Another CA')).pem);
      expect(refused).toMatchObject({ status: 'False', reason: 'DatabaseTlsFailed' });
    });
  });

  it('that never answers keeps nobody else waiting', async () => {
    const silent: Server = createServer(() => undefined);
    const port = await new Promise<number>((resolve) =>
      silent.listen(0, '127.0.0.1', () => resolve((silent.address() as { port: number }).port)),
    );
    const { registries } = await aWorld({
      silent: `postgres://a:b@127.0.0.1:${port}/x`,
      pg: await postgres.createDatabase(),
    });
    const slow = registries.look(aServer('silent'));
    const { ready } = await settled(registries, aServer('main', 'pg'));
    expect(ready.status).toBe('True');
    expect((await slow).ready).toMatchObject({ status: 'False', reason: 'DatabaseUnreachable' });
    silent.close();
  });

  it('of which another has the Secret’s word is exchanged without a failure of those who use it', async () => {
    const { registries, secrets } = await aWorld({ pg: await postgres.createDatabase() });
    const server = aServer('main', 'pg');
    await settled(registries, server);
    const handle = registries.registryOf('auth/main');
    const next = await postgres.createDatabase();
    let asked = 0;
    const failures: unknown[] = [];
    let using = true;
    const user = (async () => {
      while (using) {
        await handle?.get('client', 'x').catch((error: unknown) => failures.push(error));
        asked += 1;
        await sleep(1);
      }
    })();
    secrets.all.set('pg', aSecret('pg', { uri: next }));
    const revisions = async () => (await sql(next, `SELECT to_regclass('registry')::text AS found`))[0]?.found;
    for (const deadline = Date.now() + 30_000; (await revisions()) !== 'registry'; await sleep(50)) {
      await registries.look(server);
      if (Date.now() > deadline) throw new Error('the new database is not used');
    }
    await settled(registries, server);
    const before = asked;
    while (asked < before + 50) await sleep(5);
    using = false;
    await user;
    expect(failures).toEqual([]);
    expect(registries.registryOf('auth/main')).toBe(handle);
  });

  it('I7: changes its password, on the server or in the Secret first, without a failure of those who use it', async () => {
    const url = await postgres.createDatabase();
    await sql(
      postgres.url,
      `CREATE ROLE rotated LOGIN PASSWORD 'one'`,
      `ALTER DATABASE ${new URL(url).pathname.slice(1)} OWNER TO rotated`,
    );
    const { registries, secrets } = await aWorld({ pg: as(url, 'rotated', 'one') });
    const server = aServer('main', 'pg');
    await settled(registries, server);
    const handle = registries.registryOf('auth/main');
    const failures: unknown[] = [];
    let [asked, using] = [0, true];
    const users = Promise.all(
      [1, 2, 3, 4, 5, 6].map(async () => {
        while (using) {
          await handle?.get('client', 'x').catch((error: unknown) => failures.push(error));
          asked += 1;
          await sleep(1);
        }
      }),
    );
    const more = async () => {
      const from = asked;
      await expect.poll(() => asked - from, { timeout: 30_000 }).toBeGreaterThan(200);
    };
    const sessions = async () =>
      (await sql(url, `SELECT pid FROM pg_stat_activity WHERE usename = 'rotated'`)).map(({ pid }) => pid);
    for (const [password, order] of [
      ['two', ['server', 'secret']],
      ['three', ['secret', 'server']],
    ] as const) {
      const before = await sessions();
      for (const place of order) {
        if (place === 'server') await sql(url, `ALTER ROLE rotated PASSWORD '${password}'`);
        else secrets.all.set('pg', aSecret('pg', { uri: as(url, 'rotated', password) }));
        await registries.look(server);
        await more();
      }
      await expect
        .poll(
          async () => {
            await registries.look(server);
            return (await sessions()).filter((pid) => before.includes(pid));
          },
          { timeout: 60_000, interval: 500 },
        )
        .toEqual([]);
      await more();
      expect((await settled(registries, server)).ready.status).toBe('True');
    }
    using = false;
    await users;
    expect(failures).toEqual([]);
  });

  it('A74: with three Secrets has three roles, each with its rights, and says so', async () => {
    const url = await postgres.createDatabase();
    const users = ['owns', 'operates', 'serves'].map((one) => `${one}_${new URL(url).pathname.slice(1)}`);
    const [owns = '', operates = '', serves = ''] = users;
    await sql(
      postgres.url,
      ...users.map((user) => `CREATE ROLE ${user} LOGIN`),
      `ALTER DATABASE ${new URL(url).pathname.slice(1)} OWNER TO ${owns}`,
    );
    const { registries, secrets } = await aWorld({
      serving: as(url, serves),
      operating: as(url, operates),
      owning: as(url, owns),
    });
    const ref = (name: string) => ({ name });
    const server = aServerResource(
      {
        database: { secretRef: ref('serving'), operatorSecretRef: ref('operating'), migratorSecretRef: ref('owning') },
      },
      { name: 'main', uid: 'main' },
    );
    const { ready, roles, looked } = await settled(registries, server);
    expect(ready).toMatchObject({ status: 'True', reason: 'DatabaseReady' });
    expect(roles).toEqual({ server: serves, operator: operates });
    expect(looked.map(({ name }) => name).slice(0, 3)).toEqual(['serving', 'operating', 'owning']);
    const [table] = await sql(url, `SELECT tableowner FROM pg_tables WHERE tablename = 'registry'`);
    expect(table?.tableowner).toBe(owns);
    const open = await sql(
      url,
      `SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = current_database() AND usename = ANY ('{${users.join(',')}}')`,
    );
    expect(open).toEqual([{ usename: operates }]);
    await expect(sql(as(url, serves), 'DELETE FROM registry')).rejects.toMatchObject({ code: '42501' });
    await expect(sql(as(url, operates), 'SELECT id FROM sessions')).rejects.toMatchObject({ code: '42501' });
    expect(await registries.registryOf('auth/main')?.get('client', 'x')).toBeNull();
    // One of them is missing: what runs goes on.
    secrets.all.delete('owning');
    expect((await registries.look(server)).ready).toMatchObject({
      reason: 'SecretNotFound',
      message: expect.stringContaining('"owning" named in spec.database.migratorSecretRef') as unknown,
    });
    expect(await registries.registryOf('auth/main')?.get('client', 'x')).toBeNull();
    // Two names for one user are no separation.
    secrets.all.set('owning', aSecret('owning', { uri: as(url, owns) }));
    secrets.all.set('operating', aSecret('operating', { uri: as(url, owns) }));
    expect((await settled(registries, server)).ready).toMatchObject({ status: 'True', reason: 'SingleRole' });
  });

  it('holds keys and its Secret is gone: nothing is made in its place, and all but bind passwords goes on', async () => {
    const url = await postgres.createDatabase();
    const first = await aWorld({ pg: url });
    const server = aServer('main', 'pg');
    await settled(first.registries, server);
    await sql(url, aKey);
    first.secrets.all.delete('main-key-encryption-key');
    expect((await first.registries.look(server)).keyProblem).toContain('that opens them is gone');
    expect(first.secrets.all.has('main-key-encryption-key')).toBe(false);
    // Also for the next leader, which never had the key.
    const { registries, secrets } = await aWorld({ pg: url });
    const { ready, keyProblem } = await settled(registries, server);
    expect([ready.status, keyProblem]).toEqual(['True', expect.stringContaining('Bring it back from a backup')]);
    expect(secrets.all.has('main-key-encryption-key')).toBe(false);
    const handle = registries.registryOf('auth/main');
    await expect(handle?.put({ kind: 'directory' } as Registration)).rejects.toThrow(DatabaseUnavailable);
    expect(await handle?.delete('client', 'nobody')).toBeNull();
    // It comes back: the database is opened with it.
    secrets.all.set(
      'main-key-encryption-key',
      aSecret('main-key-encryption-key', { 'key-encryption-key': `${Buffer.alloc(32, 1).toString('base64')}\n` }),
    );
    expect((await settled(registries, server)).keyProblem).toBeUndefined();
  });

  it('cannot be asked for what is sealed there: nothing of an attempt that failed goes on', async () => {
    const url = await postgres.createDatabase();
    const owner = `owner_${new URL(url).pathname.slice(1)}`;
    await sql(
      postgres.url,
      `CREATE ROLE ${owner} LOGIN`,
      `ALTER DATABASE ${new URL(url).pathname.slice(1)} OWNER TO ${owner}`,
    );
    const server = aServer('main', 'pg');
    const first = await aWorld({ pg: as(url, owner) });
    expect((await settled(first.registries, server)).ready.status).toBe('True');
    const [others] = await sql(
      as(url, owner),
      `SELECT string_agg(column_name, ', ') AS names FROM information_schema.columns
        WHERE table_name = 'registry' AND column_name <> 'sealed'`,
    );
    await sql(
      as(url, owner),
      `REVOKE SELECT ON registry FROM ${owner}`,
      `GRANT SELECT (${String(others?.names)}) ON registry TO ${owner}`,
    );
    const { registries, told } = await aWorld({}, [], first.secrets);
    await registries.look(server);
    // Told at each attempt, each later than the one before: by the third, a watch that went on would have looked.
    await expect.poll(() => told.states.length, { timeout: 60_000 }).toBeGreaterThan(2);
    expect((await registries.look(server)).ready).toMatchObject({
      status: 'False',
      reason: 'DatabasePermissionMissing',
    });
    expect(told.away).toEqual([]);
    await sql(as(url, owner), `GRANT SELECT ON registry TO ${owner}`);
    await expect.poll(async () => (await registries.look(server)).ready.status, { timeout: 60_000 }).toBe('True');
    expect(told.away).toEqual([]);
  });

  it('that was there once is waited for, one that never was is not', async () => {
    const nobody = `postgres://a:b@127.0.0.1:${await freePort()}/x`;
    const status = { ...aServerResource().status, issuer: 'https://id.example.com' };
    const once = aServer('once', 'nobody', { status });
    const never = aServer('never', 'nobody');
    const { registries } = await aWorld({ nobody }, [once, never]);
    // Before the first pass of anybody.
    await expect(registries.registryOf('auth/once')?.get('client', 'x')).rejects.toThrow(DatabaseUnavailable);
    expect(registries.registryOf('auth/never')).toBeUndefined();
    expect([...registries.registries()]).toEqual([]);
    await expect(registries.reachForRemoval(once)).rejects.toThrow(DatabaseUnavailable);
    await expect(registries.reachForRemoval(never)).resolves.toBeUndefined();
  });

  it('goes with its server: connections end, the key stays unless its owner said otherwise', async () => {
    const url = await postgres.createDatabase();
    const { registries, secrets } = await aWorld({ pg: url });
    const connected = async () =>
      Number(
        (
          await sql(
            postgres.url,
            `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = '${new URL(url).pathname.slice(1)}'`,
          )
        )[0]?.n,
      );
    const server = aServer('main', 'pg');
    await settled(registries, server);
    await registries.registryOf('auth/main')?.get('client', 'x');
    expect(await connected()).toBeGreaterThan(0);
    await registries.reachForRemoval(server);
    await registries.remove(server);
    expect(registries.registryOf('auth/main')).toBeUndefined();
    for (const deadline = Date.now() + 20_000; (await connected()) > 0; await sleep(50))
      if (Date.now() > deadline) throw new Error('connections stay');
    expect(secrets.all.has('main-key-encryption-key')).toBe(true);
    const careless = { ...server, spec: { ...server.spec, deletionPolicy: 'Delete' as const } };
    await registries.remove(careless);
    expect(secrets.all.has('main-key-encryption-key')).toBe(false);
  });

  it('takes few connections', async () => {
    const url = await postgres.createDatabase();
    const { registries } = await aWorld({ pg: url });
    await settled(registries, aServer('main', 'pg'));
    const handle = registries.registryOf('auth/main');
    await Promise.all(Array.from({ length: 100 }, async (_, index) => handle?.get('client', `c${index}`)));
    const [row] = await sql(
      postgres.url,
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = '${new URL(url).pathname.slice(1)}'`,
    );
    expect(Number(row?.n)).toBeLessThanOrEqual(5);
  });
});
