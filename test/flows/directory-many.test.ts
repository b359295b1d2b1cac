import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DirectoryUnavailable, type LookedUp } from '../../server/src/directory/directory.ts';
import { never, openDirectories, registrationOf, type TestDirectories } from '../support/directories.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn, seedSuffix } from '../support/slapd-seed.ts';

/** Many users read anew at once, against a real OpenLDAP server. */
let slapd: Slapd;
/** Entry ids by user name. */
const ids = new Map<string, string>();
const crowd = Array.from({ length: 100 }, (_, index) => `person${index}`);

beforeAll(async () => {
  // Two rules stand for service accounts whose rights were taken away.
  slapd = await startSlapd({
    settings: [
      `access to attrs=memberOf by dn="cn=groupless,ou=services,${seedSuffix}" none by * read`,
      `access to dn.children="ou=groups,${seedSuffix}" by dn="cn=groupless,ou=services,${seedSuffix}" none by * read`,
      `access to dn.subtree="ou=people,${seedSuffix}" by dn="cn=blind,ou=services,${seedSuffix}" none by * read`,
      'access to attrs=userPassword by * auth',
      'access to * by * read',
    ],
  });
  await slapd.add(
    [
      ...['blind', 'groupless'].map(
        (cn) =>
          `dn: cn=${cn},ou=services,${seedSuffix}\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\ncn: ${cn}\nuserPassword: ${cn}\n`,
      ),
      ...crowd.map((uid) => `dn: ${seedDn(uid)}\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: ${uid}\nsn: ${uid}\n`),
    ].join('\n'),
  );
  await using people = openDirectories({ people: registrationOf(slapd) });
  for (const name of [...crowd, 'ada', 'grace', 'alan']) ids.set(name, (await people.user(name)).entryId);
});
afterAll(() => slapd?.close());

const idsOf = (...names: string[]): string[] => names.map((name) => ids.get(name) ?? '');
const listing = (change = {}) =>
  registrationOf(slapd, { group_search: undefined, member_of_attribute: 'memberOf', ...change } as never);
const look = (people: TestDirectories, entryIds: readonly string[]): Promise<ReadonlyMap<string, LookedUp>> =>
  people.port.lookupMany('shop/people', entryIds, never);
const noSuchId = '00000000-0000-4000-8000-000000000000';

describe('many users read anew', () => {
  it('takes one search for a hundred of them', async () => {
    await using people = openDirectories({ people: listing() });
    await people.user('ada');
    people.forget();
    const found = await look(people, idsOf(...crowd));
    expect(people.counted()).toBe('search 1');
    expect([...found.values()].map((one) => (one === 'unreadable' ? one : one.username)).toSorted()).toEqual(
      crowd.toSorted(),
    );
  });

  it('says the same of each as a look at that one alone', async () => {
    for (const registration of [listing(), registrationOf(slapd)]) {
      await using people = openDirectories({ people: registration });
      const found = await look(people, idsOf('ada', 'grace'));
      for (const name of ['ada', 'grace']) expect(found.get(ids.get(name) ?? '')).toEqual(await people.user(name));
    }
  });

  it('leaves out who is gone, and tells who is locked', async () => {
    await slapd.lock(seedDn('alan'));
    await using people = openDirectories({ people: listing() });
    const found = await look(people, [...idsOf('ada', 'alan'), noSuchId]);
    expect(found.size).toBe(2);
    expect(found.get(ids.get('alan') ?? '')).toMatchObject({ account: 'locked' });
    await slapd.unlock(seedDn('alan'));
  });

  it('refuses more than a hundred', async () => {
    await using people = openDirectories({ people: listing() });
    await expect(look(people, [...idsOf(...crowd), noSuchId])).rejects.toThrow(RangeError);
  });

  it('one entry that lacks what every entry has says nothing about the others', async () => {
    const { user_search } = registrationOf(slapd);
    const attributes = { ...user_search.attributes, username: 'employeeType' };
    await using people = openDirectories({ people: listing({ user_search: { ...user_search, attributes } }) });
    const found = await look(people, idsOf('ada', 'person0'));
    expect(found.get(ids.get('person0') ?? '')).toBe('unreadable');
    expect(found.get(ids.get('ada') ?? '')).toMatchObject({ username: 'staff' });
  });
});

describe('an entry of which nobody can say whose it is', () => {
  const known = (subject: string) => {
    const { user_search } = registrationOf(slapd);
    return listing({ user_search: { ...user_search, attributes: { ...user_search.attributes, subject } } });
  };
  const words = (found: ReadonlyMap<string, LookedUp>) =>
    Object.fromEntries([...found].map(([id, one]) => [id, one === 'unreadable' ? one : one.username]));

  it('has an id that two have: of them alone nothing is known', async () => {
    await slapd.add(
      ['twin1', 'twin2']
        .map((uid) => `dn: ${seedDn(uid)}\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: ${uid}\nsn: twin\n`)
        .join('\n'),
    );
    await using people = openDirectories({ people: known('sn') });
    expect(words(await look(people, ['twin', 'person0', 'nobody']))).toEqual({
      twin: 'unreadable',
      person0: 'person0',
    });
  });

  it('has an id in another case than before: of it alone nothing is known', async () => {
    await using people = openDirectories({ people: known('cn') });
    expect(words(await look(people, ['PERSON1', 'person0', 'nobody']))).toEqual({
      PERSON1: 'unreadable',
      person0: 'person0',
    });
  });

  it('has another id than was asked for: it may be any of those who are missing', async () => {
    await slapd.add(
      `dn: ${seedDn('renamed')}\nobjectClass: inetOrgPerson\nuid: renamed\ncn: renamed\nsn: renamed\ntitle: old\ntitle: new\n`,
    );
    await using people = openDirectories({ people: known('title') });
    expect(words(await look(people, ['old', 'nobody']))).toEqual({ old: 'unreadable', nobody: 'unreadable' });
  });
});

describe('whether groups can be seen', () => {
  const groupless = { bind_dn: `cn=groupless,ou=services,${seedSuffix}`, bind_password: 'groupless' };
  const searching = (change = {}) => registrationOf(slapd, change);
  const { group_search } = registrationOf({ url: '', caPem: '', bindDn: '', bindPassword: '', baseDn: seedSuffix });
  it.each([
    ['entries of their own', searching, {}, true],
    ['entries of their own that may not be read', searching, groupless, false],
    ['entries of their own, none where they are looked for', searching, noneThere(), false],
    ['listed by users', listing, {}, true],
    ['listed by users in an attribute that may not be read', listing, groupless, false],
    ['not asked for', listing, { member_of_attribute: undefined }, true],
  ])('%s', async (_, registered, change, shown) => {
    await using people = openDirectories({ people: registered(change) });
    expect(await people.port.showsGroups({ directory: 'shop/people', server: slapd.url }, never)).toBe(shown);
  });
  function noneThere() {
    return { group_search: { ...group_search, base: `ou=policies,${seedSuffix}` } };
  }
});

describe('an answer that is not whole says of nobody that they left', () => {
  const bases = registrationCases();
  it.each(bases)('$name', async ({ change }) => {
    await using people = openDirectories({ people: listing(change()) });
    await expect(look(people, idsOf('ada', 'grace'))).rejects.toThrow(DirectoryUnavailable);
  });

  it('a size limit of the server', async () => {
    await using small = await startSlapd({ settings: ['sizelimit 1'] });
    await using people = openDirectories({
      people: registrationOf(small, { group_search: undefined, member_of_attribute: 'memberOf' } as never),
    });
    const entryIds = [(await people.user('ada')).entryId, (await people.user('grace')).entryId];
    await expect(look(people, entryIds)).rejects.toThrow(DirectoryUnavailable);
  });

  it('a server that is away, or stops in the middle', async () => {
    await using people = openDirectories({ people: listing() });
    await expect(people.port.lookupMany('shop/people', idsOf('ada'), AbortSignal.abort())).rejects.toThrow(
      DirectoryUnavailable,
    );
    await expect(people.port.lookupMany('shop/nowhere', idsOf('ada'), never)).rejects.toThrow(DirectoryUnavailable);
  });
});

function registrationCases() {
  const search = (more: object) => () => ({ user_search: { ...registrationOf(slapd).user_search, ...more } });
  return [
    { name: 'a search base that is not there', change: search({ base: `ou=nowhere,${seedSuffix}` }) },
    { name: 'a search base below which nobody is', change: search({ base: `ou=policies,${seedSuffix}` }) },
    {
      name: 'a service account that may see nobody',
      change: () => ({ bind_dn: `cn=blind,ou=services,${seedSuffix}`, bind_password: 'blind' }),
    },
  ];
}
