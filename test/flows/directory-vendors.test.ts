import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RawEntry } from '../../server/src/directory/ldap/answers.ts';
import { type Connection, openConnection, type SearchPage } from '../../server/src/directory/ldap/connection.ts';
import { readEntry } from '../../server/src/directory/ldap/entry.ts';
import { parseFilter } from '../../server/src/directory/ldap/filter.ts';
import { allPages } from '../../server/src/directory/ldap/pages.ts';
import { withoutRanges } from '../../server/src/directory/ldap/ranges.ts';
import type { Searcher } from '../../server/src/directory/ldap/server.ts';
import { connectTls, targetsOf } from '../../server/src/directory/ldap/target.ts';
import type { DirectoryRegistration } from '../../server/src/registry/registration.ts';
import { never, openDirectories, registrationOf } from '../support/directories.ts';
import { startDirectory389 } from '../support/directory-389.ts';
import { dn389, groupDn389, password389, person389, suffix389 } from '../support/directory-389-seed.ts';
import { startSamba } from '../support/samba.ts';
import {
  domainDn,
  domainGroup,
  domainGroupDn,
  domainPassword,
  domainPerson,
  domainSuffix,
} from '../support/samba-seed.ts';
import { startSlapd } from '../support/slapd.ts';
import { seedDn, seedPassword, seedSuffix } from '../support/slapd-seed.ts';
import { registrationOf389, registrationOfSamba } from '../support/vendor-registrations.ts';

interface Running {
  readonly url: string;
  readonly caPem: string;
  readonly bindDn: string;
  readonly bindPassword: string;
  add(ldif: string): Promise<void>;
  modify(ldif: string): Promise<void>;
  close(): Promise<void>;
}

interface Vendor {
  readonly name: string;
  start(): Promise<{ readonly server: Running; readonly registration: DirectoryRegistration }>;
  readonly password: (username: string) => string;
  /** Below the users' base: another place, the entry of `zoe` where it was and where it goes. */
  readonly place: string;
  readonly before: string;
  readonly renamed: { readonly rdn: string; readonly dn: string };
  readonly moved: { readonly to: string; readonly dn: string };
  /** Somebody of the same name, made anew. */
  readonly anew: string;
  /** Groups of `ada` when groups inside groups are followed, and what else is needed for that. */
  readonly groupSearch: NonNullable<DirectoryRegistration['group_search']>;
  /** `company` is in `engineering`, which closes a circle. */
  readonly circle: string;
  readonly direct: readonly string[];
  readonly nested: readonly string[];
  /** Searches for a user with that. */
  readonly cost: string;
}

const slapdGroups = ['inner', 'middle', 'outer']
  .map((name, index, all) => {
    const member = index === 0 ? seedDn('ada') : `cn=${all[index - 1]},ou=nested,${seedSuffix}`;
    return `dn: cn=${name},ou=nested,${seedSuffix}\nobjectClass: groupOfNames\ncn: ${name}\nmember: ${member}\n`;
  })
  .join('\n');

const openldap: Vendor = {
  name: 'OpenLDAP',
  async start() {
    const server = await startSlapd();
    await server.add(`dn: ou=nested,${seedSuffix}\nobjectClass: organizationalUnit\nou: nested\n\n${slapdGroups}`);
    return { server, registration: registrationOf(server) };
  },
  password: seedPassword,
  place: `dn: ou=away,ou=people,${seedSuffix}\nobjectClass: organizationalUnit\nou: away\n`,
  before: seedDn('zoe'),
  renamed: { rdn: 'uid=zoe2', dn: seedDn('zoe2') },
  moved: { to: `ou=away,ou=people,${seedSuffix}`, dn: `uid=zoe2,ou=away,ou=people,${seedSuffix}` },
  anew: `dn: ${seedDn('zoe2')}\nobjectClass: inetOrgPerson\nuid: zoe2\ncn: Zoe\nsn: Zoe\n`,
  groupSearch: {
    base: `ou=nested,${seedSuffix}`,
    scope: 'sub',
    filter: '(&(objectClass=groupOfNames)(member={}))',
    attributes: { name: 'cn' },
  },
  circle: `dn: cn=inner,ou=nested,${seedSuffix}\nchangetype: modify\nadd: member\nmember: cn=outer,ou=nested,${seedSuffix}\n`,
  direct: ['inner'],
  nested: ['inner', 'middle', 'outer'],
  // The user, their groups, and a level each: the last finds nothing new.
  cost: 'search 5',
};

const vendors: readonly Vendor[] = [
  openldap,
  {
    ...openldap,
    name: 'Generic',
    async start() {
      const { server, registration } = await openldap.start();
      return { server, registration: { ...registration, vendor: 'generic' } };
    },
  },
  {
    name: 'Active Directory',
    async start() {
      const server = await startSamba();
      return { server, registration: registrationOfSamba(server) };
    },
    password: domainPassword,
    place: `dn: ou=Away,${domainSuffix}\nobjectClass: organizationalUnit\nou: Away\n`,
    before: domainDn('zoe'),
    renamed: { rdn: 'cn=zoe2', dn: domainDn('zoe2') },
    moved: { to: `ou=Away,${domainSuffix}`, dn: `cn=zoe2,ou=Away,${domainSuffix}` },
    anew: domainPerson('zoe', 'Zoe'),
    groupSearch: { base: `ou=Groups,${domainSuffix}`, scope: 'sub', filter: '(member={})', attributes: { name: 'cn' } },
    circle: `dn: ${domainGroupDn('engineering')}\nchangetype: modify\nadd: member\nmember: ${domainGroupDn('company')}\n`,
    direct: ['engineering'],
    nested: ['company', 'engineering', 'staff'],
    cost: 'search 2',
  },
  {
    name: '389 Directory Server',
    async start() {
      const server = await startDirectory389();
      return { server, registration: registrationOf389(server) };
    },
    password: password389,
    place: `dn: ou=away,ou=people,${suffix389}\nobjectClass: organizationalUnit\nou: away\n`,
    before: dn389('zoe'),
    renamed: { rdn: 'uid=zoe2', dn: dn389('zoe2') },
    moved: { to: `ou=away,ou=people,${suffix389}`, dn: `uid=zoe2,ou=away,ou=people,${suffix389}` },
    anew: person389('zoe2', 'Zoe'),
    groupSearch: {
      base: `ou=groups,${suffix389}`,
      scope: 'sub',
      filter: '(uniqueMember={})',
      attributes: { name: 'cn' },
    },
    circle: `dn: ${groupDn389('engineering')}\nchangetype: modify\nadd: uniqueMember\nuniqueMember: ${groupDn389('company')}\n`,
    direct: ['engineering'],
    nested: ['company', 'engineering', 'staff'],
    cost: 'search 5',
  },
];

describe.each(vendors)('$name', (vendor) => {
  let server: Running;
  let registration: DirectoryRegistration;
  beforeAll(async () => {
    ({ server, registration } = await vendor.start());
  });
  afterAll(() => server?.close());

  /** In place of groups that the entry lists. */
  const searching = (nested: boolean): DirectoryRegistration => {
    const { member_of_attribute: _listed, ...others } = registration;
    return { ...others, group_search: { ...vendor.groupSearch, nested } };
  };
  const groupsOf = async (how: DirectoryRegistration, name: string) => {
    await using people = openDirectories({ people: how });
    return (await people.user(name)).groups.map((group) => group.name).toSorted();
  };

  it('a user who is renamed and moved is the same; made anew under the same name, another', async () => {
    await using people = openDirectories({ people: registration });
    const { entryId, subject } = await people.user('zoe');
    const again = () => people.port.lookup({ directory: 'shop/people', entryId }, never);
    const rename = (dn: string, more: string) => server.modify(`dn: ${dn}\nchangetype: modrdn\n${more}\n`);

    await rename(vendor.before, `newrdn: ${vendor.renamed.rdn}\ndeleteoldrdn: 1`);
    expect(await again()).toMatchObject({ entryId, subject, account: 'active' });
    await server.add(vendor.place);
    await rename(vendor.renamed.dn, `newrdn: ${vendor.renamed.rdn}\ndeleteoldrdn: 1\nnewsuperior: ${vendor.moved.to}`);
    const moved = await again();
    expect(moved).toMatchObject({ entryId, subject, account: 'active' });

    await server.modify(`dn: ${vendor.moved.dn}\nchangetype: delete\n`);
    expect(await again()).toBeNull();
    await server.add(vendor.anew);
    const another = await people.user(moved?.username ?? '');
    expect(another.subject).not.toBe(subject);
    expect(await again()).toBeNull();
  });

  it('a right password is accepted, and a wrong one is not', async () => {
    await using people = openDirectories({ people: registration });
    expect(await people.login('ada', vendor.password('ada'))).toMatchObject({ outcome: 'accepted' });
    expect(await people.login('ada', 'wrong')).toEqual({ outcome: 'rejected', reason: 'credentials' });
    expect(await people.login('nobody', vendor.password('ada'))).toEqual({
      outcome: 'rejected',
      reason: 'credentials',
    });
  });

  it('a binding that is made anew keeps its users', async () => {
    await using people = openDirectories({ people: registration });
    const { entryId, subject } = await people.user('ada');
    const again = () => people.port.lookup({ directory: 'shop/people', entryId }, never);
    const uid = () => people.snapshots.current.directory('shop/people')?.owner.uid;
    const first = uid();
    people.snapshots.set({});
    await expect(again()).rejects.toThrow('not registered');
    people.snapshots.set({ people: registration }, ' made anew');
    expect(uid()).not.toBe(first);
    expect(await again()).toMatchObject({ entryId, subject, username: 'ada' });
    expect(await people.user('ada')).toMatchObject({ entryId, subject });
    expect(await people.login('ada', vendor.password('ada'))).toMatchObject({ outcome: 'accepted', user: { subject } });
  });

  it('groups inside groups: followed when asked to, in a circle too', async () => {
    expect(await groupsOf(searching(false), 'ada')).toEqual(vendor.direct);
    expect(await groupsOf(searching(true), 'ada')).toEqual(vendor.nested);
    await server.modify(vendor.circle);
    expect(await groupsOf(searching(true), 'ada')).toEqual(vendor.nested);
  });

  it('says of many at once what it says of each of them', async () => {
    await using people = openDirectories({ people: searching(true) });
    const each = [await people.user('ada'), await people.user('grace')];
    const ids = each.map(({ entryId }) => entryId);
    const found = await people.port.lookupMany('shop/people', ids, never);
    expect(ids.map((id) => found.get(id))).toEqual(each);
  });

  it('an answer that is cut off is read page by page', async () => {
    const connection = await boundTo(server);
    try {
      const commands: (SearchPage | undefined)[] = [];
      const search: Searcher['search'] = (command, page) => {
        commands.push(page);
        return connection.search(command, { milliseconds: 20_000, signal: never }, page);
      };
      const { base } = vendor.groupSearch;
      const filter = parseFilter('(objectClass=*)');
      const command = { base, scope: 'sub', filter, attributes: ['cn'], sizeLimit: 1000 } as const;
      const whole = await search(command);
      expect(whole).toMatchObject({ code: 0, cookie: null });
      // What a server with a small limit does; one of them knows no limit but that of its pages.
      const cut = { ...whole, code: 4, entries: whole.entries.slice(0, 2) };
      const { entries } = await allPages({ search }, command, cut);
      const names = (all: readonly RawEntry[]) => all.map(({ dn }) => dn).toSorted();
      expect(names(entries)).toEqual(names(whole.entries));
      expect(entries.length).toBeGreaterThan(2);
      // A page that is full may be followed by an empty one.
      const sizes = commands.slice(1).map((page) => page?.size);
      expect(new Set(sizes)).toEqual(new Set([2]));
      expect([entries.length / 2, entries.length / 2 + 0.5, entries.length / 2 + 1]).toContain(sizes.length);
      // Not read to its end, and let go: the connection serves on.
      expect((await allPages({ search }, { ...command, sizeLimit: 2 }, cut)).entries).toHaveLength(2);
      expect(commands.at(-1)).toMatchObject({ size: 0 });
      expect(names((await search(command)).entries)).toEqual(names(whole.entries));
    } finally {
      connection.destroy();
    }
  });

  it('costs as many searches as there are levels, none of which a name alone brings about', async () => {
    await using people = openDirectories({ people: searching(true) });
    await people.user('ada');
    people.forget();
    await people.user('ada');
    expect(people.counted()).toBe(vendor.cost);
    for (const name of ['ada', 'nobody']) {
      people.forget();
      await people.port.find(name, never);
      expect([name, people.counted()]).toEqual([name, 'search 1']);
    }
  });
});

describe('groups of Active Directory', () => {
  let samba: Awaited<ReturnType<typeof startSamba>>;
  beforeAll(async () => {
    samba = await startSamba();
  });
  afterAll(() => samba?.close());

  it('the primary group is one of them, although it lists no member', async () => {
    const { member_of_attribute: _listed, ...others } = registrationOfSamba(samba);
    const group_search = {
      base: domainSuffix,
      scope: 'sub',
      filter: '(member={})',
      attributes: { name: 'cn' },
    } as const;
    await using people = openDirectories({ people: { ...others, group_search } });
    expect((await people.user('ada')).groups.map((group) => group.name)).toEqual(['Domain Users', 'engineering']);
  });

  it('a list that is shown in parts is read to its end', async () => {
    const names = Array.from({ length: 7 }, (_, index) => `part-${index}`);
    for (const name of names) await samba.add(domainGroup(name, [domainDn('grace')]));
    const connection = await boundTo(samba);
    try {
      const limits = { milliseconds: 20_000, signal: never };
      let asked = 0;
      const searcher = {
        search(command: Parameters<typeof connection.search>[0]) {
          asked += 1;
          // What a controller with a small limit does: three values at a time.
          const attributes = command.attributes.map((name) =>
            name.replace(/range=(\d+)-\*/, (_all, from: string) => `range=${from}-${Number(from) + 2}`),
          );
          return connection.search({ ...command, attributes }, limits);
        },
      };
      const { entries } = await searcher.search({
        base: domainDn('grace'),
        scope: 'base',
        filter: parseFilter('(objectClass=*)'),
        attributes: ['cn', 'memberOf;range=0-*'],
        sizeLimit: 1,
      });
      const [entry] = entries;
      if (entry === undefined) throw new Error('no entry');
      expect(readEntry(entry).inParts('memberOf')).toBe(true);
      const whole = readEntry(await withoutRanges(searcher, entry, 'memberOf'));
      expect(whole.inParts('memberOf')).toBe(false);
      expect(whole.texts('memberOf')).toHaveLength(8);
      expect(whole.texts('cn')).toEqual(['grace']);
      expect(asked).toBe(3);
    } finally {
      connection.destroy();
    }
  });
});

/** As the service account. */
async function boundTo({ url, caPem, bindDn, bindPassword }: Running): Promise<Connection> {
  const [target] = targetsOf([url], caPem);
  if (target === undefined) throw new Error('no target');
  const connection = openConnection(await connectTls(target, 'probe', never));
  await connection.bind(bindDn, bindPassword, { milliseconds: 20_000, signal: never });
  return connection;
}

it('groups that list names: the attribute of the user takes the place of {}', async () => {
  await using slapd = await startSlapd();
  const base = `ou=posix,${seedSuffix}`;
  await slapd.add(
    `dn: ${base}\nobjectClass: organizationalUnit\nou: posix\n\ndn: cn=wheel,${base}\nobjectClass: posixGroup\ncn: wheel\ngidNumber: 10\nmemberUid: ada\n`,
  );
  const group_search = {
    base,
    scope: 'sub',
    filter: '(&(objectClass=posixGroup)(memberUid={}))',
    attributes: { name: 'cn', user: 'uid' },
  } as const;
  await using people = openDirectories({ people: registrationOf(slapd, { group_search }) });
  expect((await people.user('ada')).groups).toEqual([{ name: 'wheel', dn: `cn=wheel,${base}` }]);
  expect((await people.user('grace')).groups).toEqual([]);
});
