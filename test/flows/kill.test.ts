import { randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSealer } from '../../server/src/keys/sealer.ts';
import { openRegistry } from '../../server/src/registry/open-registry.ts';
import type { DirectoryRegistration } from '../../server/src/registry/registration.ts';
import { migrate } from '../../server/src/store/migrate.ts';
import { openDatabase } from '../../server/src/store/open.ts';
import { Browser } from '../support/browser.ts';
import { aClient, anOwner, aServer } from '../support/builders.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';
import { keyFileText, Replica } from '../support/replica.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { aDirectory, authorizePath, codeFields, issuer, refreshFields, webApp } from '../support/world.ts';

const keyEncryptionKey = randomBytes(32);
const chains = 6;

let folder: string;
let slapd: Slapd;
let postgres: TestPostgres;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nauthera-kill-'));
  await writeFile(join(folder, 'key'), keyFileText(keyEncryptionKey), { mode: 0o600 });
  slapd = await startSlapd();
  postgres = await startPostgres('newest');
});
afterAll(async () => {
  await slapd?.close();
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function declare(databaseUrl: string): Promise<void> {
  const database = await openDatabase(databaseUrl);
  await migrate(database);
  const registry = openRegistry({
    database,
    sealer: createSealer([keyEncryptionKey]),
    fence: { source: 'test', leaseCreated: Date.now(), leaseTransitions: 0 },
  });
  const search = aDirectory().user_search;
  const directory: DirectoryRegistration = aDirectory({
    servers: [slapd.url],
    ca_bundle: slapd.caPem,
    bind_dn: slapd.bindDn,
    bind_password: slapd.bindPassword,
    user_search: { ...search, base: slapd.baseDn },
    timeouts: { connect: 3000, bind: 3000, search: 3000 },
  });
  const results = await registry.putMany([
    { kind: 'server', id: 'self', owner: anOwner('server'), value: aServer({ issuer }) },
    { kind: 'directory', id: 'shop/people', owner: anOwner('people'), value: directory },
    { kind: 'client', id: 'shop.web', owner: anOwner('web'), value: webApp() },
    { kind: 'client', id: 'shop.job', owner: anOwner('job'), value: aClient('shop.job').machine('job-secret').build() },
  ]);
  expect(results.map(({ outcome }) => outcome)).toEqual(['written', 'written', 'written', 'written']);
  await database.close();
}

interface Answer {
  readonly status: number;
  readonly body: { readonly error?: string; readonly refresh_token?: string };
}

/** `undefined`: no answer, or one that says "not now"; whether anything happened is unknown. */
async function token(
  replica: Replica,
  fields: Readonly<Record<string, string>>,
  client = 'shop.web',
  secret = `secret-of-${client}`,
): Promise<Answer | undefined> {
  try {
    const response = await fetch(`${replica.url}/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${client}:${secret}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams(fields).toString(),
    });
    if (response.status >= 500) return undefined;
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  } catch {
    return undefined;
  }
}

/** One application that refreshes as fast as it can, and repeats what got no answer. */
class Chain {
  readonly browser: Browser;
  token = '';
  refreshed = 0;
  unanswered = 0;
  refused: Answer | undefined;
  constructor(replica: Replica) {
    this.browser = new Browser({ issuer, servers: [replica.url] });
    this.browser.headers.set('x-forwarded-for', '203.0.113.7');
  }

  async signIn(replica: Replica): Promise<void> {
    const path = authorizePath({ scope: 'openid offline_access', prompt: 'consent' });
    let page = await this.browser.get(path);
    if (page.name === 'login') {
      page = await this.browser.submit(page, { username: 'ada', password: 'ada-password', 'sign-in': '1' });
    }
    expect(page.name).toBe('consent');
    const { response } = await this.browser.submit(page, { decision: 'allow' });
    const answer = await token(replica, codeFields(response.code));
    expect(answer?.status).toBe(200);
    this.token = answer?.body.refresh_token ?? '';
  }

  async run(replica: Replica, goOn: () => boolean): Promise<void> {
    while (goOn() && this.refused === undefined) {
      const answer = await token(replica, refreshFields(this.token));
      if (answer === undefined) {
        this.unanswered += 1;
        await sleep(20);
        continue;
      }
      if (answer.status !== 200) this.refused = answer;
      else {
        this.token = answer.body.refresh_token ?? '';
        this.refreshed += 1;
      }
    }
  }
}

/** How long the restart takes must not decide whether a repeat still falls into the 10 s of its grace. */
async function stopTheClock(databaseUrl: string): Promise<void> {
  const database = await openDatabase(databaseUrl);
  const text = `UPDATE refresh_tokens SET used_at = now() + interval '1 hour' WHERE successor IS NOT NULL`;
  await database.run({ name: 'clock_stopped', text }, []);
  await database.close();
}

const backends: readonly [string, number, () => Promise<string>][] = [
  ['Postgres', 10, () => postgres.createDatabase()],
  ['one PGlite folder', 5, () => Promise.resolve(`pglite:${join(folder, 'data')}`)],
];

describe.each(backends)('I3, F03, F02: a server killed while it issues, on %s', (_name, rounds, create) => {
  it(`${rounds} rounds: same clients, same secrets, no lost grant, nothing doubled`, { timeout: 900_000 }, async () => {
    const databaseUrl = await create();
    await declare(databaseUrl);
    const replica = await Replica.start({ databaseUrl, keyFile: join(folder, 'key') });
    const all = Array.from({ length: chains }, () => new Chain(replica));
    let machineTokens = 0;
    let machineRefused: Answer | undefined;
    try {
      for (const chain of all) await chain.signIn(replica);
      for (let round = 0; round < rounds; round++) {
        let killed = false;
        let up = true;
        const goOn = () => !killed || !up;
        const load = [
          ...all.map((chain) => chain.run(replica, goOn)),
          (async () => {
            while (goOn()) {
              const answer = await token(replica, { grant_type: 'client_credentials' }, 'shop.job', 'job-secret');
              if (answer === undefined) await sleep(20);
              else if (answer.status === 200) machineTokens += 1;
              else machineRefused = answer;
            }
          })(),
        ];
        await sleep(100 + randomInt(900));
        up = false;
        killed = true;
        await replica.kill();
        await stopTheClock(databaseUrl);
        await replica.restart();
        // Everybody gets an answer from the new process before the next round.
        const counts = () => [machineTokens, ...all.map((chain) => chain.refreshed)];
        const before = counts();
        const isServed = () => counts().every((count, at) => count > (before[at] ?? 0));
        const isOver = () => machineRefused !== undefined || all.some(({ refused }) => refused !== undefined);
        await until('everybody is served again', () => Promise.resolve(isServed() || isOver()));
        up = true;
        await Promise.all(load);
      }
      for (const chain of all.filter(({ refused }) => refused === undefined)) {
        expect((await token(replica, refreshFields(chain.token)))?.status).toBe(200);
      }
    } catch (error) {
      await replica.stop();
      throw new Error(`with the replica's log:\n${replica.log}`, { cause: error });
    } finally {
      await replica.stop();
    }

    // A fault that never fired proves nothing.
    expect(all.some(({ unanswered }) => unanswered > 0)).toBe(true);
    expect(machineTokens).toBeGreaterThanOrEqual(rounds);
    expect(machineRefused).toBeUndefined();
    expect(all.map(({ refused }) => refused)).toEqual(all.map(() => undefined));
    for (const chain of all) expect(chain.refreshed).toBeGreaterThanOrEqual(rounds);

    const database = await openDatabase(databaseUrl);
    const rows = async <R>(text: string) => (await database.run<R>({ name: 'looked_up', text }, [])).rows;
    const doubled = `SELECT grant_id FROM refresh_tokens GROUP BY grant_id HAVING count(*) FILTER (WHERE used_at IS NULL) > 1`;
    expect(await rows(doubled)).toEqual([]);
    await database.close();
    const again = await openDatabase(databaseUrl);
    const audited = `SELECT (SELECT count(*)::int FROM refresh_tokens WHERE used_at IS NOT NULL) AS spent,
      (SELECT count(*)::int FROM audit WHERE event = 'token.refreshed') AS audited`;
    const [counts] = (await again.run<{ spent: number; audited: number }>({ name: 'counted', text: audited }, [])).rows;
    await again.close();
    expect(counts?.spent).toBeGreaterThan(0);
    expect(counts?.audited).toBe(counts?.spent);
  });
});
