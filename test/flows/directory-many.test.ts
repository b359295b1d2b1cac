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
  // The second rule stands for a service account whose rights were taken away.
  slapd = await startSlapd({
    settings: [
      `access to dn.subtree="ou=people,${seedSuffix}" by dn="cn=blind,ou=services,${seedSuffix}" none by * read`,
      'access to attrs=userPassword by * auth',
      'access to * by * read',
    ],
  });
  await slapd.add(
    [
      `dn: cn=blind,ou=services,${seedSuffix}\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\ncn: blind\nuserPassword: blind\n`,
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
