/** F13: groups whose names differ by how they are written stand for each other where the directory says so, and nowhere else. */
import { Client } from 'ldapts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DirectoryUser } from '../../server/src/directory/directory.ts';
import { groupFold } from '../../server/src/directory/group-names.ts';
import { isMemberOfOne } from '../../server/src/directory/verify-consent.ts';
import type { DirectoryRegistration } from '../../server/src/registry/registration.ts';
import { never, openDirectories, registrationOf, type TestDirectories } from '../support/directories.ts';
import { startDirectory389 } from '../support/directory-389.ts';
import { dn389, groupDn389, suffix389 } from '../support/directory-389-seed.ts';
import { startSamba } from '../support/samba.ts';
import { domainDn, domainGroup, domainGroupDn } from '../support/samba-seed.ts';
import { startSlapd } from '../support/slapd.ts';
import { seedDn, seedSuffix } from '../support/slapd-seed.ts';
import { registrationOf389, registrationOfSamba } from '../support/vendor-registrations.ts';

/** A group, and one that somebody may hope passes for it. */
const lookalikes = [
  ['backers', 'ｂackers'],
  ['first', 'ﬁrst'],
  ['kelvin', '\u212Aelvin'],
  ['Zoë', 'Zoe\u0308'],
  ['night crew', 'night\u00a0crew'],
  ['night watch', 'night\u3000watch'],
] as const;

/** Nowhere the same: OpenLDAP alone prepares names, and these are no spaces to it, or letters newer than its tables. */
const strangers = [
  ['drivers', 'drivers\t'],
  ['sailors', '\ufeffsailors'],
  ['miners', 'miners\u2028'],
  ['day crew', 'day\tcrew'],
  ['admins', '\u{1F130}dmins'],
] as const;

const escaped = (value: string) => Buffer.from(value).toString('hex').replaceAll(/../g, '\\$&');
/** A line of LDIF: what is no plain text in base64. */
const line = (attribute: string, value: string) => `${attribute}:: ${Buffer.from(value).toString('base64')}`;

interface Server {
  readonly url: string;
  readonly caPem: string;
  readonly bindDn: string;
  readonly bindPassword: string;
  add(ldif: string): Promise<void>;
}

/** Letters that rules take for another one, and the directory does not. */
async function heldApart(
  server: Server,
  vendor: DirectoryRegistration['vendor'],
  groupDnOf: (name: string) => string,
  group: (name: string) => string,
): Promise<readonly string[]> {
  const fold = groupFold(vendor);
  const letters = Array.from({ length: 0x20000 - 0x21 }, (_, at) => at + 0x21)
    .filter((code) => code < 0xd800 || code > 0xdfff)
    .map((code) => `x${String.fromCodePoint(code)}x`)
    .filter((name) => fold(name) !== name);
  await server.add([...new Set(letters.map(fold))].map(group).join(''));
  const client = new Client({ url: server.url, tlsOptions: { ca: server.caPem } });
  await client.bind(server.bindDn, server.bindPassword);
  const apart: string[] = [];
  for (const name of letters) {
    const there = await client.search(groupDnOf(escaped(name)), { scope: 'base', attributes: ['cn'] }).then(
      ({ searchEntries }) => searchEntries.length > 0,
      () => false,
    );
    if (!there) apart.push(name);
  }
  await client.unbind();
  return apart;
}

const group389 = (name: string, members: readonly string[]) =>
  `${line('dn', groupDn389(escaped(name)))}\nobjectClass: groupOfUniqueNames\n${line('cn', name)}\n${members.map((dn) => `uniqueMember: ${dn}\n`).join('')}\n`;

const vendors = [
  {
    name: 'Active Directory',
    start: async () => {
      const server = await startSamba();
      return { server, registration: registrationOfSamba(server) };
    },
    dnOf: domainDn,
    groupDnOf: domainGroupDn,
    // Names of accounts it compares more loosely than those of entries.
    group: (name: string, members: readonly string[]) =>
      domainGroup(name, members)
        .replace(/dn: .*/, line('dn', domainGroupDn(escaped(name))))
        .replace(/sAMAccountName: .*/, `sAMAccountName: ${Buffer.from(name).toString('hex')}`),
  },
  {
    name: '389 Directory Server',
    start: async () => {
      const server = await startDirectory389();
      return { server, registration: registrationOf389(server) };
    },
    dnOf: dn389,
    groupDnOf: groupDn389,
    group: group389,
  },
] as const;

/** Whether a rule that names the group takes them, and one that says its DN. */
const passes = (user: DirectoryUser, group: string, dn: string, { vendor }: DirectoryRegistration) =>
  [group, dn].map((text) => isMemberOfOne(user, [text], { vendor }));

describe.each(vendors)('$name holds them apart', ({ start, dnOf, groupDnOf, group }) => {
  let started: Awaited<ReturnType<typeof start>>;
  let people: TestDirectories;
  beforeAll(async () => {
    started = await start();
    const groups = [...lookalikes, ...strangers].flatMap(([one, other]) => [
      group(one, [dnOf('grace')]),
      group(other, [dnOf('zoe')]),
    ]);
    await started.server.add(groups.join(''));
    people = openDirectories({ people: started.registration });
  });
  afterAll(async () => {
    await people?.[Symbol.asyncDispose]();
    await started?.server.close();
  });

  it('takes for one letter what rules do', async () => {
    const { server, registration } = started;
    expect(await heldApart(server, registration.vendor, groupDnOf, (name) => group(name, [dnOf('ada')]))).toEqual([]);
  });

  it.each([...lookalikes, ...strangers])(
    'whoever is in one of them is not in the other: %j, %j',
    async (one, other) => {
      const [grace, zoe] = [await people.user('grace'), await people.user('zoe')];
      const { registration } = started;
      for (const name of [one, one.toUpperCase()]) {
        expect(passes(grace, name, groupDnOf(name), registration)).toEqual([true, true]);
        expect(passes(zoe, name, groupDnOf(name), registration)).toEqual([false, false]);
      }
      expect(passes(zoe, other, groupDnOf(escaped(other)), registration)).toEqual([true, true]);
      expect(passes(grace, other, groupDnOf(escaped(other)), registration)).toEqual([false, false]);
    },
  );
});

it('of several names of a group the one in its DN counts, not one that looks like it', async () => {
  await using server = await startDirectory389();
  await server.add(group389('ｂackers', [dn389('zoe')]).replace('\ncn::', '\ncn: backers\ncn::'));
  const registration = registrationOf389(server);
  await using people = openDirectories({ people: registration });
  const zoe = await people.user('zoe');
  expect(passes(zoe, 'ｂackers', groupDn389('ｂackers'), registration)).toEqual([true, true]);
  expect(passes(zoe, 'backers', groupDn389('backers'), registration)).toEqual([false, false]);
});

it('389 Directory Server holds a name for another that ends in a space, and so do rules', async () => {
  await using server = await startDirectory389();
  await server.add(group389('porters', [dn389('grace')]) + group389('porters ', [dn389('zoe')]));
  const registration = registrationOf389(server);
  await using people = openDirectories({ people: registration });
  const dn = groupDn389('porters');
  expect(passes(await people.user('grace'), 'porters', dn, registration)).toEqual([true, true]);
  expect(passes(await people.user('zoe'), 'porters', dn, registration)).toEqual([false, false]);
});

it('groups inside groups: both of two that look alike are followed', async () => {
  await using server = await startDirectory389();
  const [plain, sign] = ['kelvin', '\u212Aelvin'];
  await server.add(
    [plain, sign].map((name) => group389(name, [dn389('zoe'), dn389('grace')])).join('') +
      group389('above plain', [groupDn389(plain)]) +
      group389('above sign', [groupDn389(sign)]),
  );
  const registration = registrationOf389(server);
  const group_search = {
    base: `ou=groups,${suffix389}`,
    scope: 'sub',
    filter: '(uniqueMember={})',
    attributes: { name: 'cn' },
    nested: true,
  } as const;
  await using people = openDirectories({ people: { ...registration, group_search } });
  const each = [await people.user('zoe'), await people.user('grace')];
  for (const { groups } of each)
    expect(groups.map(({ name }) => name)).toEqual(expect.arrayContaining([plain, sign, 'above plain', 'above sign']));
  const ids = each.map(({ entryId }) => entryId);
  const found = await people.port.lookupMany('shop/people', ids, never);
  expect(ids.map((id) => found.get(id))).toEqual(each);
});

describe('OpenLDAP', () => {
  const dnOf = (name: string) => `cn=${name},ou=groups,${seedSuffix}`;
  const group = (name: string, uid = 'zoe') =>
    `${line('dn', dnOf(escaped(name)))}\nobjectClass: groupOfNames\n${line('cn', name)}\nmember: ${seedDn(uid)}\n\n`;

  it.each(lookalikes)('holds them for one, and so do rules: %j, %j', async (one, other) => {
    await using slapd = await startSlapd();
    await slapd.add(group(other));
    await expect(slapd.add(group(one))).rejects.toThrow('Already exists');
    const registration = registrationOf(slapd);
    await using people = openDirectories({ people: registration });
    expect(passes(await people.user('zoe'), one, dnOf(one), registration)).toEqual([true, true]);
    expect(passes(await people.user('grace'), one, dnOf(one), registration)).toEqual([false, false]);
  });

  it.each(strangers)('holds them apart, and so do rules: %j, %j', async (one, other) => {
    await using slapd = await startSlapd();
    await slapd.add(group(one, 'grace') + group(other));
    const registration = registrationOf(slapd);
    await using people = openDirectories({ people: registration });
    const [grace, zoe] = [await people.user('grace'), await people.user('zoe')];
    expect(passes(grace, one, dnOf(one), registration)).toEqual([true, true]);
    expect(passes(zoe, one, dnOf(one), registration)).toEqual([false, false]);
    expect(passes(zoe, other, dnOf(escaped(other)), registration)).toEqual([true, true]);
    expect(passes(grace, other, dnOf(escaped(other)), registration)).toEqual([false, false]);
  });

  it('takes for one letter what rules do', async () => {
    await using slapd = await startSlapd();
    expect(await heldApart(slapd, 'openldap', dnOf, (name) => group(name))).toEqual([]);
  });
});
