import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryUnavailable } from '../../server/src/directory/directory.ts';
import { subjectOf } from '../../server/src/directory/subject.ts';
import { never, openDirectories, registrationOf, type TestDirectories } from '../support/directories.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn, seedPassword, seedSuffix } from '../support/slapd-seed.ts';

/** The directory port against a real OpenLDAP server. */
let slapd: Slapd;
let people: TestDirectories;

beforeAll(async () => {
  slapd = await startSlapd();
});
afterAll(() => slapd?.close());
beforeEach(() => {
  people = openDirectories({ people: registrationOf(slapd) });
});
afterEach(async () => people[Symbol.asyncDispose]());

const replace = (dn: string, attribute: string, ...values: string[]) =>
  slapd.modify(
    `dn: ${dn}\nchangetype: modify\nreplace: ${attribute}\n${values.map((value) => `${attribute}: ${value}\n`).join('')}`,
  );

describe('find', () => {
  it('reads who it is, what it may do and what is known of it, in one search and one for groups', async () => {
    const user = await people.user('ada');
    expect(user).toEqual({
      directory: 'shop/people',
      server: slapd.url,
      subject: subjectOf('shop/people', user.entryId),
      entryId: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      username: 'ada',
      name: 'Ada Lovelace',
      account: 'active',
      groups: ['engineering', 'finance', 'staff'].map((name) => ({ name, dn: `cn=${name},ou=groups,${seedSuffix}` })),
      claims: { name: 'Ada Lovelace', given_name: 'Ada', email: 'ada@example.org', email_verified: false },
      rulesMatchedByFilter: [],
    });
    people.forget();
    await people.user('grace');
    expect(people.counted()).toBe('search 2');
  });

  it('needs one search where the entry lists its groups', async () => {
    await using listed = openDirectories({
      people: registrationOf(slapd, { group_search: undefined, member_of_attribute: 'memberOf' } as never),
    });
    const user = await listed.user('ada');
    expect(user.groups.map((group) => group.name).toSorted()).toEqual(['engineering', 'finance', 'staff']);
    listed.forget();
    await listed.user('grace');
    expect(listed.counted()).toBe('search 1');
  });

  it('counts listed groups below the group base alone, where there is one', async () => {
    await slapd.add(
      `dn: cn=staff,ou=services,${seedSuffix}\nobjectClass: groupOfNames\ncn: staff\nmember: ${seedDn('zoe')}\n`,
    );
    const group_search = { ...registrationOf(slapd).group_search, base: `ou=groups,${seedSuffix}` } as never;
    await using listed = openDirectories({
      people: registrationOf(slapd, { group_search, member_of_attribute: 'memberOf' }),
    });
    expect((await listed.user('zoe')).groups).toEqual([]);
    expect((await listed.user('alan')).groups).toHaveLength(2);
  });

  it('does not know a name that nobody has', async () => {
    expect(await people.port.find('nobody', never)).toMatchObject({ known: false, directory: 'shop/people' });
  });

  it('an entry that is not alone is nobody', async () => {
    const registration = registrationOf(slapd);
    const user_search = { ...registration.user_search, filter: '(|(uid={})(employeeType={}))' };
    await using shared = openDirectories({ people: { ...registration, user_search } });
    expect(await shared.port.find('staff', never)).toMatchObject({ known: false });
    expect(await shared.port.find('apprentice', never)).toMatchObject({ known: true, user: { username: 'alan' } });
  });

  it('evaluates filters of consent rules on the entry that it read', async () => {
    const rule = (name: string, filter?: string) => ({
      name,
      scopes: ['a'],
      groups: [],
      ...(filter === undefined ? {} : { filter }),
    });
    const consent_rules = [
      rule('staff', '(employeeType=STAFF)'),
      rule('not guests', '(!(employeeType=guest))'),
      rule('chiefs', '(title=chief*)'),
      rule('none'),
    ];
    await using ruled = openDirectories({ people: registrationOf(slapd, { consent_rules }) });
    expect((await ruled.user('ada')).rulesMatchedByFilter).toEqual(['staff', 'not guests', 'chiefs']);
    expect((await ruled.user('zoe')).rulesMatchedByFilter).toEqual([]);
  });
});

describe('authenticate', () => {
  it('takes the right password and refuses a wrong one', async () => {
    expect(await people.login('ada', seedPassword('ada'))).toMatchObject({ outcome: 'accepted' });
    expect(await people.login('ada', 'ada-Password')).toEqual({ outcome: 'rejected', reason: 'credentials' });
    expect(await people.login('nobody', seedPassword('ada'))).toEqual({ outcome: 'rejected', reason: 'credentials' });
  });

  it('costs one search and one bind on open connections, one more search for groups', async () => {
    await people.login('ada', seedPassword('ada'));
    people.forget();
    await slapd.clearLog();
    await people.login('grace', seedPassword('grace'));
    expect(people.counted()).toBe('search 2, bind 1');
    expect(await slapd.operations()).toMatchObject({ connections: 0, binds: [seedDn('grace')] });
  });

  it('100 logins in steady state open no connection', async () => {
    await people.login('ada', seedPassword('ada'));
    people.forget();
    for (let round = 0; round < 100; round += 1) await people.login('ada', seedPassword('ada'));
    expect(people.counted()).toBe('search 200, bind 100');
  });

  it('binds on connections that never search, and searches on connections bound as the service account', async () => {
    await slapd.clearLog();
    await people.login('ada', seedPassword('ada'));
    await people.login('grace', seedPassword('grace'));
    await people.user('alan');
    const connectionsOf = (kind: RegExp) => new Set([...slapd.log().matchAll(kind)].map((match) => match[1]));
    const searching = connectionsOf(/conn=(\d+) op=\d+ SRCH/g);
    const binding = connectionsOf(/conn=(\d+) op=\d+ BIND dn="uid=/g);
    expect(searching.size).toBe(1);
    expect(binding.size).toBe(1);
    expect([...searching].filter((one) => binding.has(one))).toEqual([]);
  });

  it('takes only what find returned', async () => {
    const candidate = await people.port.find('ada', never);
    const copy = { ...candidate };
    await expect(people.port.authenticate(copy, seedPassword('ada'), never)).rejects.toThrow(TypeError);
  });
});

describe('the account', () => {
  const asNew = async () => {
    await slapd.unlock(seedDn('zoe'));
    await replace(seedDn('zoe'), 'userPassword', seedPassword('zoe'));
    // A password that an administrator sets must be changed, says the policy.
    for (const attribute of ['pwdReset', 'pwdEndTime', 'pwdStartTime']) await replace(seedDn('zoe'), attribute);
  };
  afterEach(asNew);
  const stateNow = async () => (await people.user('zoe')).account;
  const right = () => people.login('zoe', seedPassword('zoe'));

  it('locked for good: seen at once, and its right password tells nothing', async () => {
    await slapd.lock(seedDn('zoe'));
    expect(await stateNow()).toBe('locked');
    expect(await right()).toEqual({ outcome: 'rejected', reason: 'credentials' });
  });

  it('locked by wrong passwords: locked', async () => {
    for (let round = 0; round < 8; round += 1) await people.login('zoe', 'wrong');
    expect(await stateNow()).toBe('locked');
    expect(await right()).toEqual({ outcome: 'rejected', reason: 'credentials' });
  });

  it('a lock that is over lets the right password in, and the entry that comes with it is active', async () => {
    await replace(seedDn('zoe'), 'pwdAccountLockedTime', '20200101000000Z');
    expect(await stateNow()).toBe('locked');
    expect(await people.login('zoe', 'wrong')).toEqual({ outcome: 'rejected', reason: 'credentials' });
    await replace(seedDn('zoe'), 'pwdAccountLockedTime', '20200101000000Z');
    expect(await right()).toMatchObject({ outcome: 'accepted', user: { username: 'zoe', account: 'active' } });
    expect(await stateNow()).toBe('active');
  });

  it('whose password was reset must change it, and hears so after the right one only', async () => {
    await replace(seedDn('zoe'), 'pwdReset', 'TRUE');
    expect(await stateNow()).toBe('must_change_password');
    expect(await people.login('zoe', 'wrong')).toEqual({ outcome: 'rejected', reason: 'credentials' });
    expect(await right()).toEqual({ outcome: 'rejected', reason: 'must_change_password', bound: true });
  });

  it('a bind after which the password must change is not followed by another on that connection', async () => {
    await replace(seedDn('zoe'), 'pwdReset', 'TRUE');
    await right();
    people.forget();
    await people.login('ada', seedPassword('ada'));
    expect(people.counted()).toBe('search 2, connect 1, bind 1');
  });

  it('before its time is disabled, after it expired', async () => {
    await replace(seedDn('zoe'), 'pwdStartTime', '29990101000000Z');
    expect(await stateNow()).toBe('disabled');
    await replace(seedDn('zoe'), 'pwdStartTime');
    await replace(seedDn('zoe'), 'pwdEndTime', '20200101000000Z');
    expect(await stateNow()).toBe('expired');
  });

  it('an expired password is told to who knows it', async () => {
    await slapd.modify(
      `dn: cn=default,ou=policies,${seedSuffix}\nchangetype: modify\nreplace: pwdMaxAge\npwdMaxAge: 1\n`,
    );
    try {
      await asNew();
      await expect.poll(right).toEqual({ outcome: 'rejected', reason: 'password_expired' });
      expect(await people.login('zoe', 'wrong')).toEqual({ outcome: 'rejected', reason: 'credentials' });
    } finally {
      await slapd.modify(`dn: cn=default,ou=policies,${seedSuffix}\nchangetype: modify\nreplace: pwdMaxAge\n`);
    }
  });
});

describe('lookup', () => {
  const lookup = (entryId: string, directory = 'shop/people') => people.port.lookup({ directory, entryId }, never);

  it('finds the entry again after it was renamed', async () => {
    const before = await people.user('alan');
    await slapd.modify(`dn: ${seedDn('alan')}\nchangetype: modrdn\nnewrdn: uid=turing\ndeleteoldrdn: 1\n`);
    const after = await lookup(before.entryId);
    expect(after).toMatchObject({ username: 'turing', subject: before.subject, entryId: before.entryId });
    await slapd.modify(`dn: ${seedDn('turing')}\nchangetype: modrdn\nnewrdn: uid=alan\ndeleteoldrdn: 1\n`);
  });

  it('nobody: null', async () => {
    expect(await lookup('00000000-0000-1000-8000-000000000000')).toBeNull();
  });

  it('an entry that no name would find any more is nobody', async () => {
    const { entryId } = await people.user('zoe');
    const registration = registrationOf(slapd);
    const user_search = { ...registration.user_search, filter: '(&(employeeType=staff)(uid={}))' };
    people.snapshots.set({ people: { ...registration, user_search } });
    expect(await lookup(entryId)).toBeNull();
    expect(await people.user('ada')).toMatchObject({ username: 'ada' });
  });

  it('A39: an entry made anew under the same name is somebody else', async () => {
    const entry = `dn: ${seedDn('mary')}\nobjectClass: inetOrgPerson\nuid: mary\ncn: Mary\nsn: M\nuserPassword: x\n`;
    await slapd.add(entry);
    const before = await people.user('mary');
    await slapd.modify(`dn: ${seedDn('mary')}\nchangetype: delete\n`);
    expect(await lookup(before.entryId)).toBeNull();
    await slapd.add(entry);
    const after = await people.user('mary');
    expect(after.subject).not.toBe(before.subject);
    expect(await lookup(before.entryId)).toBeNull();
    await slapd.modify(`dn: ${seedDn('mary')}\nchangetype: delete\n`);
  });

  it.each(['', '*', 'x)(uid=*', '\\2a', `${'a'.repeat(5000)}`])('what is no id finds nobody: %j', async (entryId) => {
    expect(await lookup(entryId)).toBeNull();
  });

  it('a directory that is not registered has not said that anybody left', async () => {
    await expect(lookup('x', 'shop/others')).rejects.toThrow(DirectoryUnavailable);
  });
});

describe('several directories', () => {
  let other: Slapd;
  beforeAll(async () => {
    other = await startSlapd();
    await other.modify(`dn: ${seedDn('alan')}\nchangetype: delete\n`);
  });
  afterAll(() => other?.close());

  it('the same name in two directories is two users', async () => {
    await using both = openDirectories({
      one: registrationOf(slapd, { subject_namespace: 'shop/one', priority: 1 }),
      two: registrationOf(other, { subject_namespace: 'shop/two', priority: 2 }),
    });
    const first = await both.user('ada');
    expect(first.directory).toBe('shop/one');
    both.snapshots.set({
      one: registrationOf(slapd, { subject_namespace: 'shop/one', priority: 3 }),
      two: registrationOf(other, { subject_namespace: 'shop/two', priority: 2 }),
    });
    const second = await both.user('ada');
    expect(second.directory).toBe('shop/two');
    expect(second.subject).not.toBe(first.subject);
    expect(await both.user('alan')).toMatchObject({ directory: 'shop/one' });
  });

  it('a name that belongs elsewhere is not asked about, however it is written', async () => {
    await using both = openDirectories({
      one: registrationOf(slapd, { matches: { suffixes: [], names: ['Ada'] } }),
      two: registrationOf(other, { matches: { suffixes: ['E'], names: [] } }),
    });
    const where = async (name: string) => {
      const candidate = await both.port.find(name, never);
      return candidate.known ? candidate.user.directory : candidate.directory;
    };
    expect(await where('ADA')).toBe('shop/one');
    expect(await where('grace')).toBe('shop/two');
    expect(await where('alan')).toBeNull();
    expect(await both.login('alan', seedPassword('alan'))).toEqual({ outcome: 'rejected', reason: 'credentials' });
  });

  it('a deleted one widens nobody: its names are asked of those whose own matches hold them, as before', async () => {
    const corporate = registrationOf(slapd, { matches: { suffixes: [], names: ['ada', 'alan'] }, priority: 1 });
    const guests = registrationOf(other, { matches: { suffixes: [], names: ['grace'] }, priority: 2 });
    const rest = registrationOf(other, { priority: 3 });
    await using all = openDirectories({ corporate, guests, rest });
    const asked = async (name: string) => {
      all.forget();
      await all.port.find(name, never);
      return [...new Set(all.operations.map(({ directory }) => directory))].toSorted();
    };
    const names = ['ada', 'alan', 'grace', 'zoe'];
    const before = new Map<string, readonly string[]>();
    for (const name of names) before.set(name, await asked(name));
    expect(before.get('ada')).toEqual(['shop/corporate', 'shop/rest']);
    all.snapshots.set({ guests, rest });
    for (const name of names)
      expect([name, await asked(name)]).toEqual([name, before.get(name)?.filter((one) => one !== 'shop/corporate')]);
    // Without one for all names nobody is asked, and the same work of a sign-in is not done anywhere else either.
    all.snapshots.set({ guests });
    expect(await asked('ada')).toEqual([]);
    expect(await all.login('ada', seedPassword('ada'))).toEqual({ outcome: 'rejected', reason: 'credentials' });
    expect(all.operations).toEqual([]);
  });

  it('one that cannot be asked decides nothing, and neither do those behind it', async () => {
    await using both = openDirectories({
      one: registrationOf(slapd, { servers: ['ldaps://127.0.0.1:1'], priority: 1 }),
      two: registrationOf(other, { priority: 2 }),
    });
    await expect(both.user('ada')).rejects.toThrow(DirectoryUnavailable);
    both.snapshots.set({
      one: registrationOf(slapd, { servers: ['ldaps://127.0.0.1:1'], priority: 3 }),
      two: registrationOf(other, { priority: 2 }),
    });
    expect(await both.user('ada')).toMatchObject({ directory: 'shop/two' });
    await expect(both.user('nobody')).rejects.toThrow(DirectoryUnavailable);
  });
});

describe('a registration that changes', () => {
  it('moves to its new servers, and the old ones are left', async () => {
    await using other = await startSlapd();
    await other.modify(`dn: ${seedDn('ada')}\nchangetype: modify\nreplace: displayName\ndisplayName: Another Ada\n`);
    expect((await people.user('ada')).name).toBe('Ada Lovelace');
    people.snapshots.set({ people: registrationOf(other) });
    expect((await people.user('ada')).name).toBe('Another Ada');
    await expect.poll(() => slapd.log()).toMatch(/conn=\d+ fd=\d+ closed/);
  });

  it('one that did not change keeps its connections', async () => {
    await people.user('ada');
    people.forget();
    people.snapshots.set({ people: registrationOf(slapd) });
    await people.user('ada');
    expect(people.counted()).toBe('search 2');
  });

  it('A46: no password goes to a new server before its certificate was verified', async () => {
    await using stranger = await startSlapd();
    people.snapshots.set({ people: registrationOf(slapd, { servers: [stranger.url] }) });
    await stranger.clearLog();
    await expect(people.user('ada')).rejects.toThrow(DirectoryUnavailable);
    await expect.poll(async () => (await stranger.operations()).connections).toBeGreaterThan(0);
    expect(await stranger.operations()).toMatchObject({ binds: [], searches: [] });
  });
});
