/** A server killed while it signs people out: whoever is signed out is signed out, and every application hears of it. */
import { randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSealer } from '../../server/src/keys/sealer.ts';
import { openRegistry } from '../../server/src/registry/open-registry.ts';
import type { Database } from '../../server/src/store/database.ts';
import { migrate } from '../../server/src/store/migrate.ts';
import { openDatabase } from '../../server/src/store/open.ts';
import { Browser } from '../support/browser.ts';
import { anOwner, aServer } from '../support/builders.ts';
import { makeAuthority } from '../support/certificates.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { keyFileText, Replica } from '../support/replica.ts';
import { openTlsSink, type TlsSink } from '../support/tls-sink.ts';
import { issuer, webApp } from '../support/world.ts';

const keyEncryptionKey = randomBytes(32);
const handleOf = (session: number) => `${session}`.padEnd(43, 'h');
const browserOf = (session: number) => `${session}`.padEnd(43, 'b');

let folder: string;
let postgres: TestPostgres;
let sink: TlsSink;
let database: Database;
let replica: Replica;
const told: string[] = [];
/** Held: the receiver takes what comes and says nothing. */
let held = false;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nauthera-logout-'));
  const authority = await makeAuthority();
  await writeFile(join(folder, 'key'), keyFileText(keyEncryptionKey), { mode: 0o600 });
  await writeFile(join(folder, 'ca.pem'), authority.pem);
  sink = await openTlsSink(await authority.issue());
  sink.answer = (request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on('end', () => {
      told.push(String(decodeJwt(new URLSearchParams(text).get('logout_token') ?? '').sid));
      if (!held) response.end();
    });
  };
  postgres = await startPostgres('newest');
  const databaseUrl = await postgres.createDatabase();
  database = await openDatabase(databaseUrl);
  await migrate(database);
  await declare();
  process.env.NODE_EXTRA_CA_CERTS = join(folder, 'ca.pem');
  replica = await Replica.start({ databaseUrl, keyFile: join(folder, 'key') });
});
afterAll(async () => {
  delete process.env.NODE_EXTRA_CA_CERTS;
  await replica?.stop();
  await database?.close();
  await sink?.close();
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function declare(): Promise<void> {
  const registry = openRegistry({
    database,
    sealer: createSealer([keyEncryptionKey]),
    fence: { source: 'test', leaseCreated: Date.now(), leaseTransitions: 0 },
  });
  const client = webApp('shop.web', { backchannel_logout_uri: `https://127.0.0.1:${sink.port}/` });
  const server = aServer({ issuer, outbound_allowed: ['127.0.0.1/32'] });
  const results = await registry.putMany([
    { kind: 'server', id: 'self', owner: anOwner('server'), value: server },
    { kind: 'client', id: 'shop.web', owner: anOwner('web'), value: client },
  ]);
  expect(results.map(({ outcome }) => outcome)).toEqual(['written', 'written']);
}

let statement = 0;
const rows = async <R = Record<string, unknown>>(text: string, values: readonly unknown[] = []) => {
  statement += 1;
  return (await database.run<R>({ name: `looked_up_${statement}`, text }, values)).rows;
};
/** Somebody who is signed in, with one application. */
async function signedIn(session: number): Promise<Browser> {
  await rows(
    `INSERT INTO sessions (handle, id, browser, subject, directory, entry_id, username, name, claims, auth_time, last_seen_at, idle_seconds, expires_at)
      VALUES (sha256(convert_to($1::text, 'utf8')), $2, sha256(convert_to($3::text, 'utf8')), 'u_ada', 'shop/people', 'e', 'ada', 'Ada', '{}', now(), now(), 3600, now() + interval '1 hour')`,
    [handleOf(session), `session ${session}`, browserOf(session)],
  );
  await rows(
    `INSERT INTO authorization_codes (hash, grant_id, outcome, client_id, client_uid, redirect_uri, scopes, offline, session_id, subject,
        directory, entry_id, username, claims, auth_time, expires_at, keep_until, used_at)
      VALUES (sha256(gen_random_uuid()::text::bytea), gen_random_uuid(), 'issued', 'shop.web', 'uid-of-web', 'https://x', '{openid}', false, $1, 'u_ada',
        'd', 'e', 'ada', '{}', now(), now(), now() + interval '1 day', now())`,
    [`session ${session}`],
  );
  const browser = new Browser({ issuer, servers: [replica.url] });
  browser.cookies.set('__Host-nauthera_session', handleOf(session));
  browser.cookies.set('__Host-nauthera_browser', browserOf(session));
  return browser;
}
async function signOut(browser: Browser): Promise<string> {
  const page = await browser.get('/logout');
  return page.name === 'sign-out' ? (await browser.submit(page, { 'sign-out': '1' })).name : page.name;
}
/** How long a dead worker's lease still lasts must not decide how long this takes. */
const endLeases = () => rows(`UPDATE logout_deliveries SET next_attempt_at = now()`);

describe('I3: kill -9', () => {
  it('while an application is being told: it is told again', async () => {
    held = true;
    expect(await signOut(await signedIn(1000))).toBe('signed-out');
    await expect.poll(() => told).toEqual(['session 1000']);
    await replica.kill();
    held = false;
    expect(await rows('SELECT session_id, attempts, lease IS NOT NULL AS leased FROM logout_deliveries')).toEqual([
      { session_id: 'session 1000', attempts: 0, leased: true },
    ]);
    await endLeases();
    await replica.restart();
    await expect.poll(() => told).toEqual(['session 1000', 'session 1000']);
    await expect.poll(() => rows('SELECT * FROM logout_deliveries')).toEqual([]);
  });

  it('while people sign out: every session that ended is told, none is half ended', { timeout: 600_000 }, async () => {
    told.length = 0;
    const browsers = await Promise.all(Array.from({ length: 40 }, (_, at) => signedIn(at)));
    let unanswered = 0;
    const leave = async (browser: Browser): Promise<void> => {
      for (const deadline = Date.now() + 180_000; Date.now() < deadline; await sleep(50)) {
        try {
          if ((await signOut(browser)) === 'signed-out') return;
        } catch {
          unanswered += 1;
        }
      }
      throw new Error('never signed out');
    };
    let next = 0;
    const people = Array.from({ length: 3 }, async () => {
      for (let browser = browsers[next++]; browser !== undefined; browser = browsers[next++]) {
        await sleep(randomInt(150));
        await leave(browser);
      }
    });
    for (let round = 0; round < 4; round++) {
      await sleep(200 + randomInt(400));
      await replica.kill();
      await replica.restart();
    }
    await Promise.all(people);
    // A fault that never fired proves nothing.
    expect(unanswered).toBeGreaterThan(0);
    await endLeases();
    await replica.kill();
    await replica.restart();
    await expect.poll(() => rows('SELECT * FROM logout_deliveries')).toEqual([]);
    const ended = await rows<{ id: string }>(
      `SELECT id FROM sessions WHERE ended_at IS NOT NULL AND id <> 'session 1000'`,
    );
    expect(ended).toHaveLength(40);
    expect(new Set(told)).toEqual(new Set(ended.map(({ id }) => id)));
    const audited = await rows(
      `SELECT session_id FROM audit WHERE event = 'session.ended' AND session_id <> 'session 1000'`,
    );
    expect(audited).toHaveLength(40);
    expect(await rows(`SELECT value FROM revocations WHERE kind = 'session'`)).toHaveLength(41);
  });
});
