import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { triesPerAddress } from '../../server/src/store/login-attempts.ts';
import type { Page } from '../support/browser.ts';
import { aClient, anOwner } from '../support/builders.ts';
import { deviceApp, poll, startDevice } from '../support/devices.ts';
import { registrationOf } from '../support/directories.ts';
import { withEndlessGrace } from '../support/endless-grace.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { keyFileText, Replica } from '../support/replica.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn } from '../support/slapd-seed.ts';
import {
  authorizePath,
  codeFields,
  issuer,
  keyEncryptionKey,
  refreshFields,
  type TokenAnswer,
  World,
  webApp,
} from '../support/world.ts';

/** Three server processes, one Postgres, one OpenLDAP: what one process could decide in memory does not count here. */
let postgres: TestPostgres;
let slapd: Slapd;
let world: World;
let folder = '';
const replicas: Replica[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nauthera-concurrency-'));
  const keyFile = join(folder, 'key');
  await writeFile(keyFile, keyFileText(keyEncryptionKey), { mode: 0o600 });
  [postgres, slapd] = await Promise.all([startPostgres('newest'), startSlapd()]);
  const databaseUrl = await postgres.createDatabase();
  world = await World.open({
    databaseUrl,
    replicas: 0,
    clients: [webApp(), webApp('shop.other'), aClient('shop.job').machine('secret-of-shop.job').build(), deviceApp()],
    directories: { 'shop/people': registrationOf(slapd) },
  });
  replicas.push(...(await Promise.all([1, 2, 3].map(() => Replica.start({ databaseUrl, keyFile })))));
  world.urls = replicas.map(({ url }) => url);
});
afterAll(async () => {
  await Promise.all(replicas.map((replica) => replica.stop()));
  await world?.stop();
  await Promise.all([postgres?.stop(), slapd?.close()]);
  if (folder !== '') await rm(folder, { recursive: true, force: true });
});

const people = { ada: 'ada-password', grace: 'grace-password', alan: 'alan-password' };
type Uid = keyof typeof people;
async function code(uid: Uid, clientId = 'shop.web', scope = 'openid profile'): Promise<string> {
  const browser = world.browser();
  const login = await browser.get(authorizePath({ client_id: clientId, scope }));
  let page = await browser.submit(login, { username: uid, password: people[uid], 'sign-in': '1' });
  if (page.name === 'consent') page = await browser.submit(page, { decision: 'allow' });
  return page.response.code ?? '';
}
const granted = async (uid: Uid, clientId = 'shop.web', scope?: string) =>
  (await world.token(codeFields(await code(uid, clientId, scope)), clientId)).body;
const refresh = (token: string | undefined, clientId?: string) => world.token(refreshFields(token), clientId);

/** A machine that is too busy says 503 and spends nothing: then once more, as a client does. */
async function answered(ask: () => Promise<TokenAnswer>): Promise<TokenAnswer> {
  for (;;) {
    const answer = await ask();
    if (answer.status !== 503) return answer;
    expect(answer.headers.get('retry-after')).not.toBeNull();
    await sleep(100);
  }
}

/** `200: 1, 400 invalid_grant: 199` */
function tally(answers: readonly TokenAnswer[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { status, body } of answers) {
    const key = body.error === undefined ? String(status) : `${status} ${body.error}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

describe('I1, F01, A24, A82: one code', () => {
  it('redeemed 200 times at once on three processes: one success, the grant ended, no other grant touched', async () => {
    const sameUser = await granted('ada');
    const sameClient = await granted('grace');
    const elsewhere = await granted('ada', 'shop.other');
    const one = await code('ada');
    const answers = await Promise.all(Array.from({ length: 200 }, () => answered(() => world.token(codeFields(one)))));
    expect(tally(answers)).toEqual({ '200': 1, '400 invalid_grant': 199 });
    const winner = answers.find(({ status }) => status === 200)?.body;
    expect((await refresh(winner?.refresh_token)).body.error).toBe('invalid_grant');
    expect((await refresh(sameUser.refresh_token)).status).toBe(200);
    expect((await refresh(sameClient.refresh_token)).status).toBe(200);
    expect((await refresh(elsewhere.refresh_token, 'shop.other')).status).toBe(200);
    // One replay, one row: a flood of losers must not fill the audit table.
    expect(await world.count('audit', `event = 'replay.detected'`)).toBe(1);
    expect(await world.count('audit', `event = 'token.issued' AND grant_type = 'authorization_code'`)).toBe(4);
    // I10: the winner's access token too, on every process, within a second.
    for (const url of world.urls) {
      await expect
        .poll(
          async () =>
            (await fetch(`${url}/userinfo`, { headers: { authorization: `Bearer ${winner?.access_token}` } })).status,
          { timeout: 20_000, interval: 50 },
        )
        .toBe(401);
    }
  });

  it('many codes, each 10 times: each has one winner', async () => {
    const codes = await Promise.all(
      Array.from({ length: 5 }, (_, n) => code((['ada', 'grace', 'alan'] as const)[n % 3] ?? 'ada')),
    );
    const answers = await Promise.all(
      codes.flatMap((one) => Array.from({ length: 10 }, () => answered(() => world.token(codeFields(one))))),
    );
    expect(tally(answers)).toEqual({ '200': 5, '400 invalid_grant': 45 });
  });
});

describe('I1, A24, A50: one device code', () => {
  it('approved, then polled 50 times at once on three processes: one success, the grant ended', async () => {
    const device = await startDevice(world, { scope: 'openid profile' });
    const browser = world.browser();
    const login = await browser.get(`/device?user_code=${device.user_code}`);
    const page = await browser.submit(login, { username: 'grace', password: people.grace, 'sign-in': '1' });
    // Twenty clicks at once are one approval.
    const ends = await Promise.all(Array.from({ length: 20 }, () => browser.submit(page, { decision: 'allow' })));
    expect(ends.map(({ name }) => name).filter((name) => name !== 'device-done')).toEqual([]);
    expect(await world.count('audit', `event = 'device.approved'`)).toBe(1);
    const answers = await Promise.all(Array.from({ length: 50 }, () => answered(() => poll(world, device))));
    expect(tally(answers)).toEqual({ '200': 1, '400 invalid_grant': 49 });
    const winner = answers.find(({ status }) => status === 200)?.body;
    expect((await refresh(winner?.refresh_token, 'tv.app')).body.error).toBe('invalid_grant');
    expect(await world.count('grants', `client_id = 'tv.app'`)).toBe(1);
    expect(await world.count('audit', `event = 'replay.detected' AND reason = 'device_code'`)).toBe(1);
  });

  it('polled 50 times at once while nobody has answered: one poll counts in its time, the others are slowed down', async () => {
    const device = await startDevice(world, { scope: 'openid' });
    const start = Date.now();
    const answers = await Promise.all(Array.from({ length: 50 }, () => answered(() => poll(world, device))));
    // A machine that takes longer than the interval for all of them hears one more.
    const turns = 1 + Math.floor((Date.now() - start) / 4000);
    const { '400 authorization_pending': pending = 0, '400 slow_down': slowed = 0 } = tally(answers);
    expect(pending).toBeGreaterThan(0);
    expect(pending).toBeLessThanOrEqual(turns);
    expect(pending + slowed).toBe(50);
  });
});

describe('I1, A24, A25, F02: one refresh token', () => {
  it('presented 50 times at once: one successor, which goes on', async () => {
    const first = await granted('ada');
    const answers = await withEndlessGrace(world.database, () =>
      Promise.all(Array.from({ length: 50 }, () => answered(() => refresh(first.refresh_token)))),
    );
    expect(tally(answers)).toEqual({ '200': 50 });
    const successors = new Set(answers.map(({ body }) => body.refresh_token));
    expect(successors.size).toBe(1);
    const [successor] = successors;
    const stored = await world.rows<{ unused: number; all: number }>(
      `SELECT count(*) FILTER (WHERE used_at IS NULL)::int AS unused, count(*)::int AS all FROM refresh_tokens
        WHERE grant_id = (SELECT grant_id FROM refresh_tokens ORDER BY issued_at DESC LIMIT 1)`,
    );
    expect(stored[0]).toEqual({ unused: 1, all: 2 });
    expect((await refresh(successor)).status).toBe(200);
  });

  it('A26: rotated, all processes killed and restarted, replayed: the reuse is detected, the grant ends', async () => {
    const first = await granted('ada', 'shop.web', 'openid offline_access');
    const second = await refresh(first.refresh_token);
    expect(second.status).toBe(200);
    await Promise.all(replicas.map((replica) => replica.kill()));
    await Promise.all(replicas.map((replica) => replica.restart()));
    // Within the grace, which starting took up, it is still the same refresh, whoever answers, and however late.
    await world.rows(`UPDATE refresh_tokens SET used_at = now() + interval '1 hour' WHERE used_at IS NOT NULL`);
    const repeat = await answered(() => refresh(first.refresh_token));
    expect([repeat.status, repeat.body.refresh_token]).toEqual([200, second.body.refresh_token]);
    await world.rows(`UPDATE refresh_tokens SET used_at = now() - interval '11 seconds' WHERE used_at IS NOT NULL`);
    const detected = await world.count('audit', `event = 'replay.detected'`);
    expect((await answered(() => refresh(first.refresh_token))).body.error).toBe('invalid_grant');
    expect(await world.count('audit', `event = 'replay.detected'`)).toBe(detected + 1);
    expect((await answered(() => refresh(second.body.refresh_token))).body.error).toBe('invalid_grant');
  });

  it('A32, F08, I2: locked while 20 refreshes are under way: afterwards nothing of that person is left', async () => {
    const tokens = await Promise.all([1, 2, 3].map(() => granted('alan', 'shop.web', 'openid offline_access')));
    const [, ...results] = await Promise.all([
      slapd.lock(seedDn('alan')),
      ...tokens.flatMap((one) => Array.from({ length: 7 }, () => answered(() => refresh(one.refresh_token)))),
    ]);
    for (const { status, body } of results) {
      // What came before the lock was given; what came after is refused. Nothing else happens.
      expect(['200', '400 invalid_grant']).toContain(
        body.error === undefined ? `${status}` : `${status} ${body.error}`,
      );
      if (body.refresh_token !== undefined)
        expect((await refresh(body.refresh_token)).body.error).toBe('invalid_grant');
    }
    for (const one of tokens) expect((await refresh(one.refresh_token)).body.error).toBe('invalid_grant');
    await slapd.unlock(seedDn('alan'));
    expect(await world.count('grants', `username = 'alan' AND ended_at IS NULL AND session_id IS NULL`)).toBe(0);
  });
});

describe('A44, F14: guesses at once on three processes', () => {
  it('count one by one; the right password within the lock is refused', async () => {
    await world.rows('DELETE FROM login_attempts');
    const problems = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const browser = world.browser();
        const page = await browser.get(authorizePath());
        return (await browser.submit(page, { username: 'grace', password: 'a-guess', 'sign-in': '1' })).problem ?? '';
      }),
    );
    expect(problems.filter((problem) => problem.startsWith('Username'))).toHaveLength(5);
    expect(problems.filter((problem) => problem.startsWith('Too many'))).toHaveLength(25);
    const browser = world.browser();
    const page = await browser.get(authorizePath());
    await slapd.clearLog();
    const right = await browser.submit(page, { username: 'grace', password: people.grace, 'sign-in': '1' });
    expect(right.problem).toMatch(/^Too many tries/);
    expect((await slapd.operations()).binds).not.toContain(seedDn('grace'));
    await world.rows('DELETE FROM login_attempts');
  });

  it('A49: the tries of one address are counted together, whichever process it asks', async () => {
    await world.rows('DELETE FROM login_attempts');
    const tried = { Username: 0, 'Too many': 0 };
    // It asks the processes in turn.
    const browser = world.browser(false);
    const page = await browser.get(authorizePath());
    for (let tries = 0; tries < triesPerAddress + replicas.length; tries++) {
      const { problem = '' } = await browser.submit(page, { username: `guess${tries}`, password: 'a', 'sign-in': '1' });
      tried[problem.startsWith('Too many') ? 'Too many' : 'Username'] += 1;
      // The minute that all of them belong to lasts as long as this machine needs.
      if (tries === 0) await world.rows(`UPDATE login_attempts SET first_at = now() + interval '1 hour'`);
    }
    expect(tried).toEqual({ Username: triesPerAddress, 'Too many': replicas.length });
    await world.rows('DELETE FROM login_attempts');
  });
});

describe('one browser on three processes', () => {
  it('A24: the pages of one request come from whoever answers, and its form is answered once', async () => {
    const browser = world.browser();
    const codes = await world.count('authorization_codes');
    const login = await browser.get(authorizePath({ prompt: 'consent' }));
    const consent = await browser.submit(login, { username: 'ada', password: people.ada, 'sign-in': '1' });
    const allow = async (): Promise<Page> => {
      const page = await browser.submit(consent, { decision: 'allow' });
      // A busy machine: fifty questions to the directory at once.
      return page.name === 'error:temporarily_unavailable' ? allow() : page;
    };
    const pages = await Promise.all(Array.from({ length: 50 }, allow));
    expect(new Set(pages.map((page) => page.response.code)).size).toBe(1);
    expect(pages[0]?.response.iss).toBe(issuer);
    expect(await world.count('authorization_codes')).toBe(codes + 1);
  });
});

describe('F48, I7: a process that stands still for 12 s', () => {
  it('goes on with requests from before: none is answered from what it knew then, and nothing is doubled', async () => {
    const [still] = replicas;
    if (still === undefined) throw new Error('no replica');
    const { refresh_token: token } = await granted('ada', 'shop.web', 'openid offline_access');
    const all = world.urls;
    still.pause();
    world.urls = [still.url];
    const waiting = [
      world.token({ grant_type: 'client_credentials' }, 'shop.job'),
      world.token({ grant_type: 'client_credentials' }, 'shop.job'),
      refresh(token),
    ];
    const answers = Promise.all(waiting);
    world.urls = all.slice(1);
    try {
      const value = aClient('shop.job').machine('secret-of-shop.job').build();
      await world.declare({ kind: 'client', id: 'shop.job', owner: anOwner('shop.job'), value, withdrawn: true });
      await sleep(12_000);
    } finally {
      still.resume();
    }
    const [one, two, late] = await answers;
    for (const answer of [one, two]) {
      expect([503, 401]).toContain(answer?.status);
      expect(answer?.body.access_token).toBeUndefined();
    }
    // Whatever the late one got: the token has one successor, and whoever repeats it gets that one.
    world.urls = all;
    const again = await answered(() => refresh(token));
    expect(again.status).toBe(200);
    if (late?.status === 200) expect(again.body.refresh_token).toBe(late.body.refresh_token);
    const doubled = 'SELECT grant_id FROM refresh_tokens WHERE used_at IS NULL GROUP BY grant_id HAVING count(*) > 1';
    expect(await world.rows(doubled)).toEqual([]);
    await expect.poll(() => still.isReady(), { timeout: 60_000, interval: 100 }).toBe(true);
    // Ready again means that it knows what happened meanwhile, and serves what did not change.
    world.urls = [still.url];
    const gone = await answered(() => world.token({ grant_type: 'client_credentials' }, 'shop.job'));
    expect([gone.status, gone.body.access_token]).toEqual([401, undefined]);
    expect((await answered(() => refresh(again.body.refresh_token))).status).toBe(200);
    world.urls = all;
  });
});
