/**
 * F43: the previous release and this one, both as real processes, over one database: what began with one of them ends with
 * the other, forwards and backwards, once. The previous one makes the tables and begins; then they are brought up to date
 * under it.
 */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../server/src/store/migrate.ts';
import { openDatabase } from '../../server/src/store/open.ts';
import { keptProgram } from '../compatibility/program.ts';
import type { Recording } from '../compatibility/recording.ts';
import { type ActAnswer, actClients, actServer, acts, type PreparedAct } from '../support/acts.ts';
import { aClient } from '../support/builders.ts';
import { registrationOf } from '../support/directories.ts';
import { withEndlessGrace } from '../support/endless-grace.ts';
import { Load } from '../support/load.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { keyFileText, Replica } from '../support/replica.ts';
import { type RoundRobin, startRoundRobin } from '../support/round-robin.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn, seedPassword } from '../support/slapd-seed.ts';
import { authorize, codeFields, keyEncryptionKey, refreshFields, World, webApp } from '../support/world.ts';

const folder = new URL('../compatibility/', import.meta.url);
const recordings = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Recording);
const loadClients = { web: 'load.web', job: 'load.job', api: 'load.api' };
const clients = [
  ...actClients,
  webApp(loadClients.web),
  aClient(loadClients.job).machine(`secret-of-${loadClients.job}`).build(),
  aClient(loadClients.api)
    .machine(`secret-of-${loadClients.api}`)
    .with({ introspection_audiences: [loadClients.job] })
    .build(),
];

interface Begun {
  readonly title: string;
  readonly at: number;
  readonly act: PreparedAct;
}

let postgres: TestPostgres;
let slapd: Slapd;
let files = '';
beforeAll(async () => {
  files = await mkdtemp(join(tmpdir(), 'nauthera-upgrade-'));
  await writeFile(join(files, 'key'), keyFileText(keyEncryptionKey), { mode: 0o600 });
  [postgres, slapd] = await Promise.all([startPostgres('newest'), startSlapd()]);
});
afterAll(async () => {
  await slapd?.close();
  await postgres?.stop();
  await rm(files, { recursive: true, force: true });
});

/** As whoever is told to come later: a process that shares its cores may be too busy for a moment. */
async function insisting(act: PreparedAct): Promise<ActAnswer> {
  for (const deadline = Date.now() + 60_000; ; await sleep(100)) {
    const answer = await act.ask();
    if (answer !== 'later' || Date.now() > deadline) return answer;
  }
}

let people = 0;
async function newPerson(): Promise<string> {
  const uid = `moved${++people}`;
  await slapd.add(`dn: ${seedDn(uid)}
objectClass: inetOrgPerson
uid: ${uid}
cn: ${uid}
sn: ${uid}
mail: ${uid}@example.org
userPassword: password-of-${uid}
`);
  return uid;
}

/** As its operator would have written them. */
async function register(databaseUrl: string, { catalog }: Recording): Promise<void> {
  const source = await World.open({
    clients,
    server: actServer,
    directories: { 'shop/people': registrationOf(slapd) },
    replicas: 0,
  });
  const columns = Object.keys(catalog.tables['registry'] ?? {});
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  for (const row of await source.rows('SELECT * FROM registry ORDER BY n')) {
    const values = columns.map((_, at) => `$${at + 1}`).join(', ');
    const text = `INSERT INTO registry (${columns.join(', ')}) VALUES (${values})`;
    await client.query(
      text,
      columns.map((name) => row[name]),
    );
  }
  await client.end();
  await source.stop();
}

describe.each(recordings.map((one) => [one.version, one] as const))(
  'F43: %s and this version',
  (version, recording) => {
    let former: Replica;
    let latter: Replica;
    let proxy: RoundRobin;
    let world: World;
    let begun: readonly Begun[];

    const only = (one: Replica, other: Replica) => {
      proxy.takeIn(one.url);
      proxy.leaveOut(other.url);
    };
    const both = () => {
      proxy.takeIn(former.url);
      proxy.takeIn(latter.url);
    };

    async function begin(): Promise<readonly Begun[]> {
      const prepared: Begun[] = [];
      for (const [at, act] of acts.entries()) {
        prepared.push({ title: act.name, at, act: await act.prepare(world, await newPerson()) });
      }
      return prepared;
    }
    const finish = async (all: readonly Begun[]) => {
      const answers = [];
      for (const { title, act } of all) answers.push([title, await insisting(act)] as const);
      return answers;
    };

    beforeAll(async () => {
      const program = await keptProgram(version);
      if (program === undefined) throw new Error(`no server of ${version} was kept: see test/compatibility/record.ts`);
      const databaseUrl = await postgres.createDatabase();
      await promisify(execFile)(process.execPath, [program, 'migrate', '--database', databaseUrl]);
      await register(databaseUrl, recording);
      const options = { databaseUrl, keyFile: join(files, 'key') };
      former = await Replica.start({ ...options, program });
      const database = await openDatabase(databaseUrl);
      world = await World.open({ database, replicas: 0, declares: false });
      proxy = await startRoundRobin([former.url]);
      world.urls = [proxy.url];
      begun = await begin();

      // The former one serves on meanwhile.
      expect((await migrate(database)).length).toBeGreaterThan(0);
      latter = await Replica.start(options);
    });
    afterAll(async () => {
      await proxy?.close();
      await world?.stop();
      await Promise.all([former?.stop(), latter?.stop()]);
    });

    it('I13, I1: what began with the former ends with the latter, and is spent for both', async () => {
      await withEndlessGrace(world.database, async () => {
        only(latter, former);
        expect(await finish(begun)).toEqual(begun.map(({ title }) => [title, 'given']));
        only(former, latter);
        expect(await finish(begun)).toEqual(begun.map(({ title, at }) => [title, acts[at]?.repeated]));
      });
    });

    it('I13, I1: rolled back: what began with the latter ends with the former, and is spent for both', async () => {
      only(latter, former);
      const back = await begin();
      await withEndlessGrace(world.database, async () => {
        only(former, latter);
        expect(await finish(back)).toEqual(back.map(({ title }) => [title, 'given']));
        only(latter, former);
        expect(await finish(back)).toEqual(back.map(({ title, at }) => [title, acts[at]?.repeated]));
      });
    });

    it('I13: both at once under load: each request with either of them, and none fails', async () => {
      both();
      const load = new Load({
        world,
        password: seedPassword,
        clients: loadClients,
        usernames: ['ada', 'grace', 'alan'],
        loops: { machine: 1, introspection: 1, refresh: 3, login: 2 },
        pause: 10,
      });
      await load.start();
      const enough = () => Object.values(load.history.done).every((count) => count >= 15);
      await expect.poll(enough, { timeout: 180_000 }).toBe(true);
      expect(await load.stop()).toMatchObject({ failures: [], unanswered: 0, lostCodes: 0 });
      for (const answered of proxy.answered) expect(answered).toBeGreaterThan(30);
    });

    it('I1, F01, F02: one code and one refresh token, ten times at once to both: one winner, and a replay ends the grant', async () => {
      const { code } = await authorize(world.browser(), { client_id: loadClients.web }, await newPerson());
      const tries = await Promise.all(Array.from({ length: 10 }, () => world.token(codeFields(code), loadClients.web)));
      expect(tries.filter(({ status }) => status === 200)).toHaveLength(1);
      const { code: other } = await authorize(
        world.browser(),
        { client_id: loadClients.web, scope: 'openid offline_access' },
        await newPerson(),
      );
      const { refresh_token } = (await world.token(codeFields(other), loadClients.web)).body;
      const refreshed = await Promise.all(
        Array.from({ length: 10 }, () => world.token(refreshFields(refresh_token), loadClients.web)),
      );
      const successors = new Set(refreshed.flatMap(({ body }) => body.refresh_token ?? []));
      expect([successors.size, refreshed.every(({ status }) => status === 200)]).toEqual([1, true]);
      // Long ago.
      await world.rows(`UPDATE refresh_tokens SET used_at = used_at - interval '1 minute' WHERE used_at IS NOT NULL`);
      for (const token of [refresh_token, ...successors]) {
        expect((await world.token(refreshFields(token), loadClients.web)).body.error).toBe('invalid_grant');
      }
    });
  },
);
