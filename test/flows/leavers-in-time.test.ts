/** I2, T_off: the sweep as it runs in earnest, with its shortest interval, against a real directory and a real database. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { LdapOperation } from '../../server/src/directory/ldap/operation.ts';
import type { DirectoryRegistration } from '../../server/src/registry/registration.ts';
import { anOwner } from '../support/builders.ts';
import { registrationOf } from '../support/directories.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { type ScriptedServer, startScriptedLdap } from '../support/scripted-ldap.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn } from '../support/slapd-seed.ts';
import { seat } from '../support/sweeping.ts';
import { authorize, codeFields, issuer, refreshFields, World, webApp } from '../support/world.ts';

// Longer than the sum of all that a test of this file waits for.
vi.setConfig({ testTimeout: 600_000 });

const hungId = 'shop/hung';
const patience = { timeout: 120_000, interval: 250 };
const names = ['eve', 'bob'];
let slapd: Slapd;
let hung: ScriptedServer;
let postgres: TestPostgres;
let world: World;
const operations: LdapOperation[] = [];

function registration(): DirectoryRegistration {
  const { group_search: _, ...rest } = registrationOf(slapd);
  return { ...rest, recheck: { every: 10 }, member_of_attribute: 'memberOf' };
}

beforeAll(async () => {
  [slapd, hung, postgres] = await Promise.all([startSlapd(), startScriptedLdap(), startPostgres('newest')]);
  await slapd.add(
    names
      .map(
        (uid) =>
          `dn: ${seedDn(uid)}\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: ${uid}\nsn: ${uid}\ndisplayName: ${uid}\nuserPassword: password-of-${uid}\n`,
      )
      .join('\n'),
  );
  const people = registration();
  world = await World.open({
    databaseUrl: await postgres.createDatabase(),
    clients: [webApp()],
    directory: 'registered',
    directories: {
      [memoryDirectoryId]: people,
      [hungId]: {
        ...people,
        servers: [hung.url],
        ca_bundle: hung.caPem,
        subject_namespace: hungId,
        timeouts: { connect: 2000, bind: 2000, search: 2000 },
        matches: { suffixes: [], names: ['nobody-of-these'] },
      },
    },
    replicas: 2,
    rechecks: true,
    options: { seams: { onLdapOperation: (operation) => void operations.push(operation) } },
  });
});
afterAll(async () => {
  await world?.stop();
  await Promise.all([slapd?.close(), hung?.[Symbol.asyncDispose](), postgres?.stop()]);
});

const isActive = async (token: string | undefined): Promise<unknown> => {
  const response = await world.fetch(`${issuer}/introspect`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from('shop.web:secret-of-shop.web').toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({ token: token ?? '' }).toString(),
  });
  return ((await response.json()) as { active?: unknown }).active;
};

/** The round, and what eve has left in it: one statement, so what is ended in a round is ended in what this says of the next. */
const standing = async (): Promise<{ readonly round: number; readonly live: number }> => {
  const text = `SELECT d.round, (SELECT count(*) FROM sessions WHERE username = 'eve' AND ended_at IS NULL)::int
      + (SELECT count(*) FROM grants WHERE username = 'eve' AND ended_at IS NULL)::int AS live
    FROM recheck_rounds d WHERE d.directory = $1`;
  return (await world.rows<{ round: number; live: number }>(text, [memoryDirectoryId]))[0] ?? { round: 0, live: -1 };
};
const searches = (): number =>
  operations.filter(
    ({ operation, purpose, directory }) =>
      operation === 'search' && purpose === 'search' && directory === memoryDirectoryId,
  ).length;

describe('a user who is disabled in the directory', () => {
  it('loses sessions, grants and tokens by the sweep alone, while another directory does not answer', async () => {
    const granted = async (name: string) => {
      const { code } = await authorize(world.browser(), { scope: 'openid offline_access' }, name);
      return (await world.token(codeFields(code))).body;
    };
    const [eve, bob] = [await granted('eve'), await granted('bob')];
    await seat(world, ['somebody'], hungId);
    expect(await isActive(eve.access_token)).toBe(true);
    await slapd.lock(seedDn('eve'));
    const from = { rounds: (await standing()).round, searches: searches() };
    let begun = 0;
    const seen = async () => {
      const { round, live } = await standing();
      if (live > 0) begun = round - from.rounds;
      return live;
    };
    await expect.poll(seen, patience).toBe(0);
    // The first that began after it was enough; how often one begins is told where no clock of a busy machine counts.
    expect(begun).toBeLessThanOrEqual(1);
    await expect.poll(() => isActive(eve.access_token), patience).toBe(false);
    // Two replicas, and one search a round for all who are signed in; one may have begun before, and a connection may have been lost.
    const asked = searches() - from.searches;
    expect(asked).toBeGreaterThanOrEqual(1);
    expect(asked).toBeLessThanOrEqual((await standing()).round - from.rounds + 2);
    expect((await world.token(refreshFields(eve.refresh_token))).body.error).toBe('invalid_grant');
    expect(await world.rows(`SELECT user_name, reason FROM audit WHERE event = 'leaver.ended'`)).toEqual([
      { user_name: 'eve', reason: 'locked' },
    ]);
    expect((await world.token(refreshFields(bob.refresh_token))).status).toBe(200);
    // The one that hangs was asked, and has ended nobody.
    await expect.poll(() => hung.requests.some(({ operation }) => operation === 'search'), patience).toBe(true);
    expect(await world.count('sessions', `directory = '${hungId}' AND ended_at IS NULL`)).toBe(1);
  });
});

describe('a directory that nobody declares any more', () => {
  it('ten minutes later what hung off its users is ended', async () => {
    await seat(world, ['left'], 'shop/left');
    await world.rows(
      `INSERT INTO recheck_rounds (directory, gone_since) VALUES ('shop/left', now() - interval '11 minutes')`,
    );
    await expect.poll(() => world.count('sessions', `directory = 'shop/left' AND ended_at IS NULL`), patience).toBe(0);
    expect(await world.count('audit', `reason = 'directory_deleted' AND user_name = 'left'`)).toBe(1);
  });
});

describe('metrics', () => {
  it('tell on every replica when everybody was last looked at, and that nothing is halted', async () => {
    for (const { managementUrl } of world.servers) {
      const scrape = async () => (await fetch(`${managementUrl}/metrics`)).text();
      await expect.poll(scrape, patience).toMatch(/nauthera_recheck_interval_seconds\{directory="shop\/people"\} 10\n/);
      const text = await scrape();
      expect(text).toContain('nauthera_recheck_halted{directory="shop/people"} 0');
      const at = Number(
        /nauthera_recheck_last_success_timestamp_seconds\{directory="shop\/people"\} (\S+)/.exec(text)?.[1],
      );
      expect(Math.abs(Date.now() / 1000 - at)).toBeLessThan(600);
    }
  });
});

describe('too many who seem to have left', () => {
  const people = Array.from({ length: 30 }, (_, index) => `crowd${index}`);
  const left = () => world.count('sessions', `username LIKE 'crowd%' AND ended_at IS NULL`);
  const reported = async () =>
    (await world.registry.reports()).flatMap(({ directories }) =>
      directories.flatMap(({ directory, sweepHalted }) =>
        directory === memoryDirectoryId && sweepHalted !== undefined ? [sweepHalted] : [],
      ),
    );

  it('stay, which both replicas report, until an administrator says that they did leave', async () => {
    await seat(world, people);
    await expect.poll(async () => (await reported()).length, patience).toBe(2);
    expect((await reported())[0]?.leavers).toBe(30);
    expect(await left()).toBe(30);
    await world.served({
      kind: 'directory',
      id: memoryDirectoryId,
      owner: { ...anOwner(`directory ${memoryDirectoryId}`), namespace: 'shop', name: 'people' },
      value: { ...registration(), recheck: { every: 10, confirmed: 'they did' } },
    });
    await expect.poll(left, patience).toBe(0);
    await expect.poll(reported, patience).toEqual([]);
  });
});

describe('a server that is away', () => {
  it('ends nobody, however many rounds it misses', async () => {
    await slapd.pause();
    const unknown = async () =>
      (
        await Promise.all(
          world.servers.map(async ({ managementUrl }) => (await fetch(`${managementUrl}/metrics`)).text()),
        )
      )
        .map((text) =>
          Number(/recheck_users_total\{directory="shop\/people",outcome="unknown"\} (\d+)/.exec(text)?.[1] ?? 0),
        )
        .reduce((sum, one) => sum + one, 0);
    const before = await unknown();
    await expect.poll(unknown, patience).toBeGreaterThan(before);
    expect(await world.count('sessions', `username = 'bob' AND ended_at IS NULL`)).toBe(1);
    slapd.resume();
  });
});
