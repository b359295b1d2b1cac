/** I2: how old a password may become stands in a policy of a real OpenLDAP. Looks see it, and no request pays for reading it. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AccountState } from '../../server/src/directory/directory.ts';
import { logTo } from '../support/captured-log.ts';
import { never, openDirectories, registrationOf, type TestDirectories } from '../support/directories.ts';
import { replaced } from '../support/ldap-changes.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn, seedPassword, seedSuffix } from '../support/slapd-seed.ts';

const defaultPolicy = `cn=default,ou=policies,${seedSuffix}`;
const ownPolicy = `cn=patient,ou=policies,${seedSuffix}`;
const hidden = `cn=hidden,ou=policies,${seedSuffix}`;

const named = (dn: string, name: string, age: string) => `dn: ${dn}
objectClass: person
objectClass: pwdPolicy
cn: ${name}
sn: ${name}
pwdAttribute: userPassword
pwdMaxAge: ${age}

`;

let slapd: Slapd;
beforeAll(async () => {
  slapd = await startSlapd({ settings: [`access to dn.base="${hidden}" by * none`] });
  await slapd.add(named(ownPolicy, 'patient', '360000') + named(hidden, 'hidden', '1'));
});
afterAll(() => slapd?.close());

/** What changes without a moment to wait for: the password is so many seconds older than it is for the directory. */
let later = 0;
const time = () => Math.floor(Date.now() / 1000) + later;
beforeEach(async () => {
  later = 0;
  await slapd.modify(replaced(defaultPolicy, 'pwdMaxAge', '3600') + replaced(seedDn('zoe'), 'pwdPolicySubentry'));
  // It notes the age of a password that is set while passwords grow old.
  for (const uid of ['zoe', 'ada'])
    await slapd.modify(replaced(seedDn(uid), 'userPassword', seedPassword(uid)) + replaced(seedDn(uid), 'pwdReset'));
});

const open = (policy: string | undefined = defaultPolicy, lines: string[] = []): TestDirectories =>
  openDirectories(
    { people: registrationOf(slapd, policy === undefined ? {} : { default_policy: policy }) },
    { time, log: logTo(lines) },
  );

async function idOf(people: TestDirectories, uid: string): Promise<string> {
  return (await people.user(uid)).entryId;
}

async function looks(people: TestDirectories, ...uids: string[]): Promise<unknown[]> {
  const ids = await Promise.all(uids.map((uid) => idOf(people, uid)));
  const states: unknown[] = [];
  for (const entryId of ids) {
    const user = await people.port.lookup({ directory: 'shop/people', entryId }, never);
    states.push(user?.account);
  }
  const many = await people.port.lookupMany('shop/people', ids, never);
  for (const id of ids) {
    const user = many.get(id);
    states.push(typeof user === 'object' ? user.account : user);
  }
  return states;
}

const twice = (...states: AccountState[]) => [...states, ...states];

describe('a password that grew older than its policy lets it', () => {
  it('has expired for every look, at one user and at many', async () => {
    await using people = open();
    expect(await looks(people, 'zoe', 'ada')).toEqual(twice('active', 'active'));
    later = 7200;
    expect(await looks(people, 'zoe', 'ada')).toEqual(twice('password_expired', 'password_expired'));
  });

  it('goes by the policy that the entry names before the default', async () => {
    await slapd.modify(replaced(seedDn('zoe'), 'pwdPolicySubentry', ownPolicy));
    await using people = open();
    later = 7200;
    expect(await looks(people, 'zoe', 'ada')).toEqual(twice('active', 'password_expired'));
  });

  it('goes by no policy that nobody named', async () => {
    await using people = openDirectories({ people: registrationOf(slapd) }, { time });
    later = 7200;
    expect(await looks(people, 'zoe')).toEqual(twice('active'));
  });

  it('is told at a sign-in that the directory lets pass, and no longer once the policy changed', async () => {
    await using people = open();
    later = 7200;
    expect(await looks(people, 'zoe')).toEqual(twice('password_expired'));
    const refused = { outcome: 'rejected', reason: 'password_expired', bound: true };
    expect(await people.login('zoe', seedPassword('zoe'))).toEqual(refused);
    await slapd.modify(replaced(defaultPolicy, 'pwdMaxAge', '0'));
    expect(await people.login('zoe', seedPassword('zoe'))).toMatchObject({ outcome: 'accepted' });
    expect(await looks(people, 'zoe')).toEqual(twice('active'));
  });
});

describe('what reading policies takes', () => {
  const policiesRead = async () => {
    await slapd.operations();
    return slapd.log().match(/ SRCH base="cn=[^"]*,ou=policies,/g)?.length ?? 0;
  };

  it('is one search for minutes, however many look', async () => {
    await using people = open();
    await slapd.clearLog();
    const ids = [await idOf(people, 'zoe'), await idOf(people, 'ada')];
    for (let round = 0; round < 5; round += 1) {
      for (const entryId of ids) await people.port.lookup({ directory: 'shop/people', entryId }, never);
      await people.port.lookupMany('shop/people', ids, never);
    }
    expect(await policiesRead()).toBe(1);
    later = 600;
    await people.port.lookupMany('shop/people', ids, never);
    expect(await policiesRead()).toBe(2);
  });

  it('F15 is nothing at a sign-in, so that it tells nobody who is known', async () => {
    await using people = open();
    await slapd.clearLog();
    for (const name of ['zoe', 'nemo']) await people.login(name, 'wrong');
    await people.login('zoe', seedPassword('zoe'));
    expect(await policiesRead()).toBe(0);
  });
});

it('more policies than one question reads are read by the next ones, and again in their turn', async () => {
  const uids = Array.from({ length: 12 }, (_, index) => `old-${index}`);
  const policyOf = (uid: string) => `cn=${uid},ou=policies,${seedSuffix}`;
  await slapd.add(uids.map((uid) => named(policyOf(uid), uid, '3600')).join(''));
  const person = (uid: string) =>
    `dn: ${seedDn(uid)}\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: ${uid}\nsn: ${uid}\nuserPassword: ${uid}\npwdPolicySubentry: ${policyOf(uid)}\n\n`;
  await slapd.add(uids.map(person).join(''));
  await using people = openDirectories({ people: registrationOf(slapd) }, { time });
  const ids: string[] = [];
  for (const uid of uids) ids.push(await idOf(people, uid));
  // Nothing is known when it is long over.
  later = 7200;
  const expired = async () => {
    const many = await people.port.lookupMany('shop/people', ids, never);
    return ids.filter((id) => (many.get(id) as { account: AccountState }).account === 'password_expired').length;
  };
  expect(await expired()).toBe(12);
  // All are due again; those that this question does not read count as they were read.
  later = 10_800;
  await slapd.modify(uids.map((uid) => replaced(policyOf(uid), 'pwdMaxAge', '0')).join(''));
  expect(await expired()).toBe(2);
  expect(await expired()).toBe(0);
});

describe('a policy that cannot be read', () => {
  it.each([
    ['hides from the service account', hidden],
    ['is not there', `cn=nowhere,ou=policies,${seedSuffix}`],
    ['is no policy', seedDn('ada')],
    ['has no name', 'default'],
  ])('%s: the entry counts alone, and the log says it once', async (_title, policy) => {
    const lines: string[] = [];
    await using people = open(policy, lines);
    for (const age of [0, 7200, 14_400]) {
      later = age;
      expect(await looks(people, 'zoe')).toEqual(twice('active'));
    }
    const said = lines.filter((line) => line.includes('a policy of passwords or accounts cannot be read'));
    expect(said).toHaveLength(1);
    expect(said[0]).toContain('shop/people');
    expect(said[0]).not.toContain('cn=');
  });

  it('counts from the moment on when it can be read', async () => {
    const lines: string[] = [];
    const late = `cn=late,ou=policies,${seedSuffix}`;
    await using people = open(late, lines);
    later = 7200;
    expect(await looks(people, 'zoe')).toEqual(twice('active'));
    await slapd.add(named(late, 'late', '3600'));
    later = 14_400;
    expect(await looks(people, 'zoe')).toEqual(twice('password_expired'));
  });
});
