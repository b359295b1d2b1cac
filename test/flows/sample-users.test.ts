/** `sampleUsers`: what a replica reports of a sign-in that nobody makes, and what looking costs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { LdapOperation } from '../../server/src/directory/ldap/operation.ts';
import type { DirectoryRegistration } from '../../server/src/registry/registration.ts';
import type { SampleUser } from '../../server/src/registry/report.ts';
import { openDirectories, registrationOf, type TestDirectories } from '../support/directories.ts';
import { replaced } from '../support/ldap-changes.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn, seedPassword, seedSuffix } from '../support/slapd-seed.ts';
import { World } from '../support/world.ts';

let slapd: Slapd;
let people: TestDirectories | undefined;

beforeAll(async () => {
  slapd = await startSlapd();
});
afterAll(() => slapd?.close());
afterEach(async () => {
  vi.useRealTimers();
  await people?.[Symbol.asyncDispose]();
  people = undefined;
});

type Change = Partial<DirectoryRegistration>;

const rules: DirectoryRegistration['consent_rules'] = [
  { name: 'clerks', scopes: ['orders:read', 'orders:write'], groups: ['finance', 'engineering'] },
  { name: 'regulars', scopes: ['email'], groups: [], filter: '(employeeType=staff)' },
];

/** Begins to look at a directory with sample users. */
function start(change: Change): TestDirectories {
  people = openDirectories({ people: registrationOf(slapd, { consent_rules: rules, ...change }) });
  people.port.start();
  return people;
}

const samplesOf = ({ port }: TestDirectories): readonly SampleUser[] | undefined => port.probes()[0]?.samples;
const soon = { timeout: 60_000 };

async function samples(change: Change): Promise<readonly SampleUser[] | undefined> {
  const looking = start(change);
  await expect.poll(() => looking.port.probes(), soon).toHaveLength(1);
  if (change.sample_users !== undefined)
    await expect.poll(() => samplesOf(looking), soon).toHaveLength(change.sample_users.length);
  return samplesOf(looking);
}

describe('what a sign-in would find', () => {
  it('account, subject, groups, names of claims, each rule and the scopes that rules name', async () => {
    const [alan] = (await samples({ sample_users: ['alan'] })) ?? [];
    const user = await people?.user('alan');
    expect(alan).toEqual({
      username: 'alan',
      outcome: 'found',
      account: 'active',
      subject: user?.subject,
      groups: ['engineering', 'staff'],
      groupCount: 2,
      claims: ['email', 'email_verified', 'given_name', 'groups', 'name'],
      rules: [
        { rule: 'clerks', holds: true, why: 'is in engineering' },
        { rule: 'regulars', holds: false, why: 'does not match its filter (employeeType=staff)' },
      ],
      scopes: [
        { scope: 'orders:read', allowed: true, rules: ['clerks'], why: 'by rule clerks' },
        { scope: 'orders:write', allowed: true, rules: ['clerks'], why: 'by rule clerks' },
        { scope: 'email', allowed: false, rules: ['regulars'], why: 'rule regulars does not hold' },
        ...['profile', 'phone', 'address', 'offline_access', 'groups'].map((scope) => ({
          scope,
          allowed: true,
          rules: [],
          why: 'no rule names it: unlistedScopes is Allow',
        })),
      ].toSpliced(3, 0, {
        scope: 'openid',
        allowed: true,
        rules: [],
        why: 'no rule names it, and it gives nothing but the sign-in',
      }),
    });
    expect(JSON.stringify(alan)).not.toMatch(/Turing|@example\.org/);
  });

  it('a state, nobody, several and not asked are told apart', async () => {
    const user_search = { ...registrationOf(slapd).user_search, filter: '(|(uid={})(employeeType={}))' };
    const names = ['grace', 'zoe', 'nobody', 'staff'];
    const account_status: Change['account_status'] = {
      attribute: 'title',
      values: [{ value: 'on leave', state: 'outside_hours' }],
      other_values: 'active',
      without_value: 'active',
    };
    const matches = { suffixes: [], names };
    await slapd.lock(seedDn('grace'));
    await slapd.modify(replaced(seedDn('zoe'), 'title', 'On leave'));
    try {
      expect(await samples({ sample_users: [...names, 'ada'], user_search, matches, account_status })).toMatchObject([
        { username: 'grace', outcome: 'found', account: 'locked' },
        { username: 'zoe', outcome: 'found', account: 'outside_hours' },
        { username: 'nobody', outcome: 'nobody' },
        { username: 'staff', outcome: 'several' },
        { username: 'ada', outcome: 'not_asked' },
      ]);
    } finally {
      await slapd.unlock(seedDn('grace'));
      await slapd.modify(replaced(seedDn('zoe'), 'title'));
    }
  });

  it('an entry without what every entry has cannot be read, whatever others have', async () => {
    const attributes = { username: 'uid', subject: 'employeeType' };
    const user_search = { ...registrationOf(slapd).user_search, attributes };
    await slapd.modify(`dn: ${seedDn('zoe')}\nchangetype: modify\ndelete: employeeType\n`);
    try {
      expect(await samples({ sample_users: ['zoe', 'alan'], user_search })).toMatchObject([
        { username: 'zoe', outcome: 'unreadable' },
        { username: 'alan', outcome: 'found' },
      ]);
    } finally {
      await slapd.modify(`dn: ${seedDn('zoe')}\nchangetype: modify\nadd: employeeType\nemployeeType: guest\n`);
    }
  });

  it('without sample users nothing is reported of anybody', async () => {
    expect(await samples({})).toBeUndefined();
  });
});

describe('looking again', () => {
  /** The next look, as after half a minute. Connections keep the time by themselves. */
  const lookAgain = async () => {
    await vi.advanceTimersByTimeAsync(30_000);
  };

  it('a change in the directory is found at the next look, and told at once', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const looking = start({ sample_users: ['zoe'] });
    await lookAgain();
    await expect.poll(() => samplesOf(looking), soon).toMatchObject([{ outcome: 'found', groupCount: 0 }]);
    let told = 0;
    looking.port.onProbe(() => {
      told += 1;
    });
    const change = (verb: string) => `dn: cn=finance,ou=groups,${seedSuffix}\nchangetype: modify\n${verb}: member\n`;
    await slapd.modify(`${change('add')}member: ${seedDn('zoe')}\n`);
    try {
      // A look may be under way still when the clock is moved: it asks before the next one is planned.
      await expect
        .poll(
          async () => {
            await lookAgain();
            return samplesOf(looking);
          },
          { interval: 200 },
        )
        .toMatchObject([{ groups: ['finance'], rules: [{ rule: 'clerks', holds: true }, {}] }]);
    } finally {
      await slapd.modify(`${change('delete')}member: ${seedDn('zoe')}\n`);
    }
    expect(told).toBe(1);
  });

  it('what was found stays while the directory cannot be asked', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const looking = start({ sample_users: ['ada'] });
    await lookAgain();
    await expect.poll(() => samplesOf(looking), soon).toMatchObject([{ outcome: 'found' }]);
    const before = samplesOf(looking);
    await slapd.stop();
    try {
      await expect
        .poll(
          async () => {
            await lookAgain();
            return looking.port.probes()[0]?.servers[0]?.tls?.ok;
          },
          { interval: 200 },
        )
        .toBe(false);
      expect(samplesOf(looking)).toEqual(before);
    } finally {
      await slapd.start();
    }
  });
});

describe('what it costs', () => {
  const told = ({ purpose, operation }: LdapOperation) => `${purpose} ${operation}`;

  it('two searches for a name that somebody has and one for another, one after the other, on one connection', async () => {
    const looking = start({
      sample_users: ['ada', 'nobody', 'elsewhere'],
      matches: { suffixes: [], names: ['ada', 'nobody'] },
    });
    await expect.poll(() => samplesOf(looking), soon).toHaveLength(3);
    expect(looking.operations.filter(({ purpose }) => purpose !== 'probe').map(told)).toEqual([
      'search connect',
      'search bind',
      ...Array.from({ length: 3 }, () => 'search search'),
    ]);
    // The connection is that of sign-ins, which find it open.
    looking.forget();
    await looking.login('ada', seedPassword('ada'));
    expect(looking.operations.map(told)).not.toContain('search connect');
  });

  it('a report asks nobody: it tells what the last look found', async () => {
    const operations: LdapOperation[] = [];
    const began = performance.now();
    const world = await World.open({
      directory: 'registered',
      directories: { 'shop/people': registrationOf(slapd, { sample_users: ['ada', 'zoe'] }) },
      options: { seams: { onLdapOperation: (operation) => operations.push(operation) } },
    });
    try {
      const reported = async () => {
        const text = `SELECT reported_at::text AS at, directories -> 0 -> 'samples' -> 1 ->> 'username' AS last FROM replica_reports`;
        return (await world.database.run<{ at: string; last: string | null }>({ name: 'reported', text }, [])).rows[0];
      };
      await expect.poll(async () => (await reported())?.last, soon).toBe('zoe');
      const times = new Set<string>();
      const end = Date.now() + 120_000;
      while (times.size < 3 && Date.now() < end) {
        times.add((await reported())?.at ?? '');
        await sleep(250);
      }
      expect(times.size).toBe(3);
      const looks = 1 + Math.floor((performance.now() - began) / 30_000);
      const searches = operations.filter(({ purpose, operation }) => purpose === 'search' && operation === 'search');
      expect(searches.length).toBeGreaterThan(0);
      expect(searches.length).toBeLessThanOrEqual(looks * 4);
    } finally {
      await world.stop();
    }
  });
});
