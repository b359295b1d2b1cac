/** The database as a mounted Secret names it: its password changes under load, and TLS is checked or there is none. */
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type OpenedDatabase, openNamedDatabase } from '../../server/src/open-database.ts';
import { migrate } from '../../server/src/store/migrate.ts';
import { openPostgres } from '../../server/src/store/postgres.ts';
import { actClients, actServer } from '../support/acts.ts';
import { makeAuthority, type TestAuthority } from '../support/certificates.ts';
import { startPrimary, type TestPrimary } from '../support/postgres.ts';
import { bySuperuser, setRules, speakTls } from '../support/postgres-access.ts';
import { authorize, codeFields, refreshFields, World } from '../support/world.ts';

let postgres: TestPrimary;
let authority: TestAuthority;
let base = '';
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'nauthera-database-folder-'));
  postgres = await startPrimary();
  authority = await makeAuthority('Database CA');
  await bySuperuser(postgres.url, `CREATE ROLE serves LOGIN PASSWORD 'first'`);
  await speakTls(postgres.url, await authority.issue({ names: ['localhost'], addresses: [] }));
  await setRules(postgres.url, ['hostssl all serves all scram-sha-256', 'host all serves all reject']);
});
afterAll(async () => {
  await postgres?.stop();
  await rm(base, { recursive: true, force: true });
});

let turn = 0;
/** As kubelet does it: a new folder, and one link that is swapped. */
async function mount(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  turn += 1;
  const data = join(folder, `..data-${turn}`);
  await mkdir(data, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(data, name), text);
    await symlink(join('..data', name), join(folder, name)).catch(() => undefined);
  }
  await symlink(`..data-${turn}`, join(folder, '..data-next'));
  await rename(join(folder, '..data-next'), join(folder, '..data'));
}

async function aDatabase(): Promise<(password: string, host?: string) => string> {
  const url = new URL(await postgres.createDatabase());
  await bySuperuser(postgres.url, `ALTER DATABASE ${url.pathname.slice(1)} OWNER TO serves`);
  return (password, host = 'localhost') => `postgres://serves:${password}@${host}:${url.port}${url.pathname}`;
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function open(folder: string) {
  const problems: string[] = [];
  let exchanged = 0;
  const opened: OpenedDatabase = await openNamedDatabase(
    { database: undefined, databaseFolder: folder },
    { onProblem: (problem) => problems.push(problem), onExchanged: () => (exchanged += 1) },
  );
  return { ...opened, problems, exchanged: () => exchanged };
}

const sessions = (where = 'true') =>
  bySuperuser<{ pid: number }>(postgres.url, `SELECT pid FROM pg_stat_activity WHERE usename = 'serves' AND ${where}`);

describe('a password that changes', () => {
  it('I7: fails no request, whatever comes first; old sessions end, LISTEN is made anew', async () => {
    const folder = join(base, 'rotation');
    const uri = await aDatabase();
    await mount(folder, { uri: uri('first'), 'ca.crt': authority.pem });
    const { database, close, problems, exchanged } = await open(folder);
    await migrate(database);
    const world = await World.open({ database, clients: actClients, server: actServer, replicas: 2 });
    closing.push(close);
    closing.push(() => world.stopReplicas());
    const heard: string[] = [];
    await database.listen('rotation', (payload) => heard.push(payload));

    const failures: string[] = [];
    let done = 0;
    let loaded = true;
    const machine = async () => {
      while (loaded) {
        const { status } = await world.token({ grant_type: 'client_credentials' }, 'job.opaque');
        if (status !== 200) failures.push(`client credentials: ${status}`);
        done += 1;
      }
    };
    const person = async (username: string) => {
      world.memory.add(username);
      while (loaded) {
        // One address signs in more often here than anybody may.
        await world.rows('DELETE FROM login_attempts');
        const { code } = await authorize(world.browser(), { scope: 'openid offline_access' }, username);
        const first = await world.token(codeFields(code));
        const second = await world.token(refreshFields(first.body.refresh_token));
        if (second.status !== 200) failures.push(`refresh: ${first.status}, ${second.status}`);
        done += 1;
      }
    };
    const load = Promise.all([...[1, 2].map(machine), ...['ada'].map(person)]);
    const more = async (count: number) => {
      const from = done;
      await expect.poll(() => done - from).toBeGreaterThanOrEqual(count);
    };
    await more(20);

    // The server has the new password long before we do, as a mount takes its time; meanwhile more is asked than before.
    await bySuperuser(postgres.url, `ALTER ROLE serves PASSWORD 'second'`);
    const rush = Promise.all(Array.from({ length: 5 }, machine));
    await more(80);
    await sleep(2_500);
    expect(exchanged()).toBe(0);
    const old = (await sessions()).map(({ pid }) => pid);
    await mount(folder, { uri: uri('second'), 'ca.crt': authority.pem });
    await expect.poll(exchanged).toBe(1);
    await more(40);
    const left = async () => (await sessions()).filter(({ pid }) => old.includes(pid));
    await expect.poll(left).toEqual([]);
    await expect.poll(() => heard.length).toBe(2);
    const hand = new URL(postgres.url);
    hand.pathname = new URL(uri('second')).pathname;
    await bySuperuser(hand.href, `NOTIFY rotation, 'after'`);
    await expect.poll(() => heard).toEqual(['', '', 'after']);

    // The other way round: we have the new one first.
    await mount(folder, { uri: uri('third'), 'ca.crt': authority.pem });
    await expect.poll(() => problems.join('\n')).toContain('the former connection goes on');
    await more(40);
    await bySuperuser(postgres.url, `ALTER ROLE serves PASSWORD 'third'`);
    await expect.poll(exchanged).toBe(2);
    await more(40);
    loaded = false;
    await Promise.all([load, rush]);
    expect(failures).toEqual([]);
    expect(problems.join('\n')).not.toMatch(/first|second|third/);
  });

  it('I7: while the server refuses the password that we hold, the connections that there are serve', async () => {
    const uri = await aDatabase();
    await bySuperuser(postgres.url, `ALTER ROLE serves PASSWORD 'first'`);
    const database = await openPostgres(uri('first'), { ca: authority.pem, max: 8 });
    closing.push(() => database.close());
    const ask = () => database.run({ name: 'asked', text: 'SELECT pg_sleep(0.01)' }, []);
    await ask();
    await bySuperuser(postgres.url, `ALTER ROLE serves PASSWORD 'second'`);
    await Promise.all(Array.from({ length: 8 }, ask));
    expect(await sessions(`datname = '${new URL(uri('first')).pathname.slice(1)}'`)).toHaveLength(1);
    await database.exchange({ url: uri('second'), ca: authority.pem });
    await Promise.all(Array.from({ length: 8 }, ask));
  });

  it('a folder that is broken meanwhile changes nothing, and that is said once', async () => {
    const folder = join(base, 'broken');
    const uri = await aDatabase();
    await bySuperuser(postgres.url, `ALTER ROLE serves PASSWORD 'first'`);
    await mount(folder, { uri: uri('first'), 'ca.crt': authority.pem });
    const { database, close, problems, exchanged } = await open(folder);
    closing.push(close);
    for (const [files, problem] of [
      [{ 'ca.crt': authority.pem }, 'there is no file uri'],
      [{ uri: 'mysql://geheim@x/y' }, 'uri is no Postgres URL'],
      [{ uri: uri('first'), 'ca.crt': 'nothing' }, 'ca.crt holds no certificate'],
      [{ uri: uri('first'), 'ca.crt': (await makeAuthority()).pem }, 'no answer from the database'],
    ] as const) {
      await mount(folder, files);
      await expect.poll(() => problems.filter((one) => one.includes(problem))).toHaveLength(1);
      expect((await database.run({ name: 'one', text: 'SELECT 1 AS one' }, [])).rows).toEqual([{ one: 1 }]);
    }
    expect(exchanged()).toBe(0);
    expect(problems.join('\n')).not.toContain('geheim');
  });
});

describe('TLS', () => {
  const asks = async (files: Readonly<Record<string, string>>) => {
    const folder = join(base, `tls-${turn}`);
    await mount(folder, files);
    const { readConnectionFolder } = await import('../../server/src/config/connection-folder.ts');
    const { url, ca } = await readConnectionFolder(folder);
    const database = await openPostgres(url, ca === undefined ? {} : { ca });
    try {
      const text = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
      return (await database.run<{ ssl: boolean }>({ name: 'tls', text }, [])).rows[0]?.ssl;
    } catch (error) {
      return String(error);
    } finally {
      await database.close();
    }
  };
  it.each<readonly [string, (uri: Awaited<ReturnType<typeof aDatabase>>) => Promise<Record<string, string>>, unknown]>([
    ['a CA beside it switches it on', async (uri) => ({ uri: uri('first'), 'ca.crt': authority.pem }), true],
    [
      'a CA beside it is stronger than sslmode=disable',
      async (uri) => ({ uri: `${uri('first')}?sslmode=disable`, 'ca.crt': authority.pem }),
      true,
    ],
    [
      'another CA refuses',
      async (uri) => ({ uri: uri('first'), 'ca.crt': (await makeAuthority()).pem }),
      expect.stringMatching(/no answer from the database: .*(certificate|signature)/),
    ],
    [
      'another name refuses, though its CA is right',
      async (uri) => ({ uri: uri('first', '127.0.0.1'), 'ca.crt': authority.pem }),
      expect.stringMatching(/IP: 127\.0\.0\.1 is not in the cert's list|altnames/),
    ],
    [
      'sslmode=require checks against the public CAs, and so refuses',
      async (uri) => ({ uri: `${uri('first')}?sslmode=require` }),
      expect.stringMatching(/no answer from the database: .*certificate/),
    ],
    [
      'nothing of it: a server that demands it refuses',
      async (uri) => ({ uri: uri('first') }),
      expect.stringMatching(/28000/),
    ],
  ])('A59: %s', async (_, files, outcome) => {
    await bySuperuser(postgres.url, `ALTER ROLE serves PASSWORD 'first'`);
    expect(await asks(await files(await aDatabase()))).toEqual(outcome);
  });
});
