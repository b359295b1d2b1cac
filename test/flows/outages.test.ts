/**
 * A server whose database or directory is silent, slow, away, full, or whose answers get lost on the way: nothing is given
 * on doubt, every request ends, honest clients keep what they have, and everything comes back by itself.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { openDatabase } from '../../server/src/store/open.ts';
import { aClient } from '../support/builders.ts';
import { registrationOf } from '../support/directories.ts';
import { withEndlessGrace } from '../support/endless-grace.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { type FaultProxy, startFaultProxy } from '../support/proxy.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedPassword } from '../support/slapd-seed.ts';
import { authorizePath, codeFields, issuer, refreshFields, type TokenAnswer, World, webApp } from '../support/world.ts';

// Longer than the sum of all that a test of this file waits for.
vi.setConfig({ testTimeout: 600_000 });

/** A request ends by itself: 8 s are what a handler may take, the rest is a slow machine's. */
const ends = 25_000;

let postgres: TestPostgres;
let slapd: Slapd;
/** Before the database, and before the directory. */
let database: FaultProxy;
let directory: FaultProxy;
let world: World;
/** Past the proxy: what really stands in the tables. */
let direct: Awaited<ReturnType<typeof openDatabase>>;
beforeAll(async () => {
  [postgres, slapd] = await Promise.all([startPostgres('newest'), startSlapd()]);
  const url = await postgres.createDatabase();
  const target = new URL(url);
  database = await startFaultProxy(Number(target.port), target.hostname);
  directory = await startFaultProxy(slapd.port);
  target.host = `127.0.0.1:${database.port}`;
  world = await World.open({
    databaseUrl: target.href,
    directory: 'registered',
    clients: [webApp(), aClient('shop.job').machine('secret-of-shop.job').build()],
    directories: {
      'shop/people': registrationOf(slapd, {
        servers: [`ldaps://localhost:${directory.port}`],
        timeouts: { connect: 1000, bind: 1000, search: 1000 },
      }),
    },
  });
  direct = await openDatabase(url);
});
afterAll(async () => {
  database?.pass();
  directory?.pass();
  await world?.stop();
  await direct?.close();
  await Promise.all([database?.close(), directory?.close(), slapd?.close()]);
  await postgres?.stop();
});
afterEach(() => {
  database.pass();
  directory.pass();
});

const rows = async <R>(text: string) => (await direct.run<R>({ name: `looked_${text.length}`, text }, [])).rows;
const count = async (table: string, where = 'true') =>
  (await rows<{ n: number }>(`SELECT count(*)::int AS n FROM ${table} WHERE ${where}`))[0]?.n;
const refresh = (token: string | undefined) => world.token(refreshFields(token));
const job = () => world.token({ grant_type: 'client_credentials' }, 'shop.job');
const once = async <T>(work: () => Promise<T>): Promise<T> => {
  const began = performance.now();
  const result = await work();
  expect(performance.now() - began).toBeLessThan(ends);
  return result;
};
/** As an honest client does: after 503 once more, a little later. */
async function insisting(ask: () => Promise<TokenAnswer>): Promise<TokenAnswer> {
  for (const deadline = Date.now() + 60_000; ; await sleep(100)) {
    const answer = await once(ask);
    if (answer.status < 500 || Date.now() > deadline) return answer;
    expect([answer.status, answer.body.access_token]).toEqual([503, undefined]);
    expect(answer.headers.get('retry-after')).not.toBeNull();
  }
}

async function freshCode(uid = 'ada'): Promise<string> {
  let met = '';
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(200)) {
    await direct.run({ name: 'forgive', text: 'DELETE FROM login_attempts' }, []);
    const browser = world.browser();
    // After a fault the first try may still meet it, at any page.
    const login = await browser.get(authorizePath({ scope: 'openid offline_access', prompt: 'consent' }));
    met = login.name;
    if (met !== 'login') continue;
    const page = await browser.submit(login, { username: uid, password: seedPassword(uid), 'sign-in': '1' });
    met = page.name;
    if (met !== 'consent') continue;
    const allowed = await browser.submit(page, { decision: 'allow' });
    met = allowed.name;
    if (!met.startsWith('error:')) return allowed.response.code ?? '';
  }
  throw new Error(`no code within a minute, but the page ${met}`);
}
const granted = async (uid?: string) =>
  (await insisting(async () => world.token(codeFields(await freshCode(uid))))).body;
const serving = () => expect.poll(async () => (await job()).status, { interval: 100 }).toBe(200);

describe('F04: an answer of the database that is lost', () => {
  it('at a refresh: unknown is no, the repeat gets the one successor, and the chain goes on', async () => {
    let { refresh_token: token } = await granted();
    let lost = 0;
    await withEndlessGrace(direct, async () => {
      for (let round = 0; round < 8; round++) {
        // The answer of the read, of the rotation, or of something that runs beside them.
        database.cutAfter(1 + round * 40);
        const first = await once(() => refresh(token));
        if (first.status !== 200) lost += 1;
        const { status, body } = first.status === 200 ? first : await insisting(() => refresh(token));
        expect([round, status, body.error]).toEqual([round, 200, undefined]);
        token = body.refresh_token;
      }
    });
    expect(lost).toBeGreaterThan(0);
    expect(
      await rows(`SELECT grant_id FROM refresh_tokens WHERE used_at IS NULL GROUP BY grant_id HAVING count(*) > 1`),
    ).toEqual([]);
  });

  it('at an exchange: the repeat gets tokens, or a clean invalid_grant and no grant that lives', async () => {
    const live = () => count('grants', 'ended_at IS NULL');
    const before = (await live()) ?? 0;
    let lost = 0;
    let given = 0;
    for (let round = 0; round < 6; round++) {
      const code = await freshCode();
      database.cutAfter(1);
      const first = await once(() => world.token(codeFields(code)));
      if (first.status !== 200) lost += 1;
      const { status, body } = first.status === 200 ? first : await insisting(() => world.token(codeFields(code)));
      if (status === 200) given += 1;
      else expect(body.error).toBe('invalid_grant');
      if (status === 200) expect((await insisting(() => refresh(body.refresh_token))).status).toBe(200);
    }
    expect(lost).toBeGreaterThan(0);
    // A grant whose tokens nobody got has ended: the repeat was its replay.
    expect(await live()).toBe(before + given);
  });
});

describe('F06, I7, I8: a database that swallows everything', () => {
  it('no token, no hang; tokens that need no database are given until the registry is old; back by itself', async () => {
    const { refresh_token: token } = await granted();
    const code = await freshCode();
    const before = await count('refresh_tokens');
    database.blackHole('all');
    expect((await job()).status).toBe(200);
    const [refreshed, exchanged, page] = await Promise.all([
      once(() => refresh(token)),
      once(() => world.token(codeFields(code))),
      once(() => world.browser().get(authorizePath({ prompt: 'none' }))),
    ]);
    for (const { status, body } of [refreshed, exchanged]) {
      expect([status, body.error, body.access_token]).toEqual([503, 'temporarily_unavailable', undefined]);
    }
    // A stranger's request needs no database; nobody is signed in.
    expect(['login_required', 'temporarily_unavailable']).toContain(page.leftTo?.searchParams.get('error'));
    await expect.poll(async () => (await job()).status, { interval: 200 }).toBe(503);
    expect((await fetch(`${world.urls[0]}/jwks`)).status).toBe(200);
    database.pass();
    await serving();
    expect(await count('refresh_tokens')).toBe(before);
    expect((await insisting(() => refresh(token))).status).toBe(200);
  });
});

describe('F10, I6: a directory that is silent', () => {
  it('signs nobody in, refreshes nothing, ends in time, and other grants notice nothing', async () => {
    const { refresh_token: token } = await granted();
    const browser = world.browser();
    const login = await browser.get(authorizePath());
    const grants = await count('grants');
    directory.blackHole('all');
    const [page, refused, machine] = await Promise.all([
      once(() => browser.submit(login, { username: 'ada', password: seedPassword('ada'), 'sign-in': '1' })),
      once(() => refresh(token)),
      once(job),
    ]);
    expect([page.name, page.status]).toEqual(['error:temporarily_unavailable', 503]);
    expect([refused.status, refused.body.error]).toEqual([503, 'temporarily_unavailable']);
    expect(machine.status).toBe(200);
    expect(await count('grants')).toBe(grants);
    directory.pass();
    expect((await insisting(() => refresh(token))).status).toBe(200);
  });
});

describe('F49: a database that takes nothing', () => {
  it('full: 503 with Retry-After, nothing spent, and back by itself', async () => {
    const { refresh_token: token } = await granted();
    const code = await freshCode();
    const full = `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$`;
    await direct.run({ name: 'full_disk', text: full }, []);
    await direct.run(
      {
        name: 'fill',
        text: 'CREATE TRIGGER full_disk BEFORE INSERT ON refresh_tokens FOR EACH ROW EXECUTE FUNCTION full_disk()',
      },
      [],
    );
    for (const ask of [() => refresh(token), () => world.token(codeFields(code))]) {
      const { status, headers, body } = await once(ask);
      expect([status, headers.get('retry-after'), body.access_token]).toEqual([503, '2', undefined]);
    }
    expect((await job()).status).toBe(200);
    await direct.run({ name: 'empty', text: 'DROP TRIGGER full_disk ON refresh_tokens' }, []);
    expect((await insisting(() => refresh(token))).status).toBe(200);
    expect((await insisting(() => world.token(codeFields(code)))).status).toBe(200);
  });
});

describe('F51: a slow network', () => {
  const twice = (token: string | undefined) =>
    withEndlessGrace(direct, () => Promise.all([insisting(() => refresh(token)), insisting(() => refresh(token))]));

  it('1 Mbit/s that stalls at each tenth chunk, before database and directory: chains go on, people sign in, no grant ends', async () => {
    const first = await granted('grace');
    const ended = await count('grants', 'ended_at IS NOT NULL');
    const thin = { bitsPerSecond: 1_000_000, everyNthStalls: 10, stall: 300 };
    database.thin(thin);
    directory.thin(thin);
    let token = first.refresh_token;
    for (let turn = 0; turn < 5; turn++) {
      const answers = await twice(token);
      expect(answers.map(({ status, body }) => [status, body.error])).toEqual([
        [200, undefined],
        [200, undefined],
      ]);
      expect(answers[0]?.body.refresh_token).toBe(answers[1]?.body.refresh_token);
      token = answers[0]?.body.refresh_token;
    }
    expect((await granted('alan')).refresh_token).toBeDefined();
    database.pass();
    directory.pass();
    expect(database.stalled).toBeGreaterThan(0);
    expect(directory.stalled).toBeGreaterThan(0);
    expect(await count('grants', 'ended_at IS NOT NULL')).toBe(ended);
  });

  it('200 ms each way: chains go on, no grant ends, no code is lost', async () => {
    const first = await granted('grace');
    const ended = await count('grants', 'ended_at IS NOT NULL');
    database.delay(200);
    let token = first.refresh_token;
    for (let turn = 0; turn < 3; turn++) {
      const answers = await twice(token);
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      expect(answers[0]?.body.refresh_token).toBe(answers[1]?.body.refresh_token);
      token = answers[0]?.body.refresh_token;
    }
    database.pass();
    expect(await count('grants', 'ended_at IS NOT NULL')).toBe(ended);
    expect((await world.fetch(`${issuer}/jwks`)).status).toBe(200);
  });
});
