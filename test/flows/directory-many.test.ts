import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DirectoryUnavailable, type DirectoryUser, type LookedUp } from '../../server/src/directory/directory.ts';
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

describe('groups that are entries, of many users', () => {
  const base = `ou=crowds,${seedSuffix}`;
  const writtenOtherwise = (uid: string) => `UID=${uid.toUpperCase()}, ou=People, ${seedSuffix}`;
  const entry = (cn: string, kind: string, lines: readonly string[]) =>
    `dn: cn=${cn},${base}\nobjectClass: ${kind}\ncn: ${cn}\n${lines.join('\n')}\n`;
  const wide = Array.from({ length: 600 }, (_, index) => `member: cn=${`${index}`.padEnd(8000, 'x')},${seedSuffix}`);
  const searched = (filter: string, more: { nested?: boolean; base?: string; user?: string } = {}) => {
    const { user, ...others } = more;
    const attributes = { name: 'cn', ...(user === undefined ? {} : { user }) };
    return registrationOf(slapd, { group_search: { base, scope: 'sub', filter, attributes, ...others } });
  };

  beforeAll(async () => {
    const lots = Array.from({ length: 7 }, (_, index) =>
      entry(
        `lot-${index}`,
        'groupOfNames',
        crowd
          .filter((_uid, at) => at % 7 === index || at % 5 === index)
          .map((uid, at) => `member: ${at % 2 === 0 ? seedDn(uid) : writtenOtherwise(uid)}`),
      ),
    );
    const above = [1, 2, 3].map((level) =>
      entry(`above-${level}`, 'groupOfNames', [`member: cn=${level === 1 ? 'lot-1' : `above-${level - 1}`},${base}`]),
    );
    const other = [
      entry('posix', 'posixGroup', [
        'gidNumber: 5000',
        'memberUid: person1',
        'memberUid: PERSON2',
        'memberUid: person3',
      ]),
      entry('unique', 'groupOfUniqueNames', [
        `uniqueMember: ${seedDn('person1')}`,
        `uniqueMember: ${seedDn('person2')}#'0101'B`,
      ]),
      `dn: ou=wide,${seedSuffix}\nobjectClass: organizationalUnit\nou: wide\n`,
      `dn: cn=wide,ou=wide,${seedSuffix}\nobjectClass: groupOfNames\ncn: wide\nmember: ${seedDn('person1')}\n${wide.join('\n')}\n`,
    ];
    const unit = `dn: ${base}\nobjectClass: organizationalUnit\nou: crowds\n`;
    await slapd.add([unit, ...lots, ...above, ...other].join('\n'));
  });

  it.each([
    ['member', '(&(objectClass=groupOfNames)(member={}))', {}, 2],
    ['one of two attributes', '(&(objectClass=*)(|(member={})(uniqueMember={})))', {}, 3],
    // Four levels, of which the last finds nothing.
    ['groups inside groups', '(member={})', { nested: true }, 6],
    // Whether PERSON2 is person2, the directory alone knows.
    ['memberUid', '(&(objectClass=posixGroup)(memberUid={}))', { user: 'uid' }, 3],
    ['uniqueMember, with an identifier', '(uniqueMember={})', {}, 3],
    ['alternatives that ask for more', '(|(&(member={})(cn=lot-1))(&(uniqueMember={})(cn=unique)))', {}, 101],
    ['a rule that none of ours follows', '(member:distinguishedNameMatch:={})', {}, 101],
  ])('are those that each of them has alone: %s', async (_title, filter, more, searches) => {
    await using people = openDirectories({ people: searched(filter, more) });
    await people.user('ada');
    people.forget();
    const found = await look(people, idsOf(...crowd));
    expect(people.counted()).toBe(`search ${searches}`);
    const each: DirectoryUser[] = [];
    for (const uid of crowd.slice(0, 40)) each.push(await people.user(uid));
    expect(each.map(({ entryId }) => found.get(entryId))).toEqual(each);
    expect(each.some(({ groups }) => groups.length > 0)).toBe(true);
  });

  it('a group with a DN that nobody reads has nobody looked at alone, and is not followed', async () => {
    const unitEntry = (dn: string) => `dn: ${dn}\nobjectClass: organizationalUnit\n`;
    const group = (dn: string, ...members: readonly string[]) =>
      `dn: ${dn}\nobjectClass: groupOfNames\n${members.map((uid) => `member: ${seedDn(uid)}\n`).join('')}`;
    const unit = `ou=unreadable,${seedSuffix}`;
    // One name alone cannot be that long there.
    const deep = Array.from({ length: 6 }, (_, depth) => `${`ou=${'x'.repeat(200)},`.repeat(depth + 1)}${unit}`);
    await slapd.add(
      [
        ...[unit, ...deep].map(unitEntry),
        group(`cn=plain,${unit}`, 'person1'),
        group(`cn=long,${deep.at(-1)}`, 'person1', 'person2'),
      ].join('\n'),
    );
    await using people = openDirectories({ people: searched('(member={})', { base: unit, nested: true }) });
    await people.user('ada');
    people.forget();
    const found = await look(people, idsOf(...crowd));
    // Users, their groups, and those that `plain` is in.
    expect(people.counted()).toBe('search 3');
    const alone: string[] = [];
    for (const [uid, names] of [
      ['person1', ['plain']],
      ['person2', []],
      ['person3', []],
    ] as const) {
      people.forget();
      const user = await people.user(uid);
      alone.push(people.counted());
      expect(user.groups.map(({ name }) => name)).toEqual(names);
      expect(found.get(user.entryId)).toEqual(user);
    }
    expect(alone[1]).toBe(alone[2]);
  });

  it('a group too long for one answer keeps nobody from being looked at for longer than once', async () => {
    const registration = searched('(member={})', { base: `ou=wide,${seedSuffix}` });
    await using people = openDirectories({ people: registration });
    await expect(look(people, idsOf('person0', 'person1'))).rejects.toThrow(/one operation may bring/);
    const found = await look(people, idsOf('person0', 'person1'));
    const groups = idsOf('person0', 'person1').map((id) => {
      const one = found.get(id);
      return one === undefined || one === 'unreadable' ? one : one.groups.map(({ name }) => name);
    });
    expect(groups).toEqual([[], ['wide']]);
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
