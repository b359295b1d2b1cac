/** F13: groups whose names differ by how they are written stand for each other where the directory says so, and nowhere else. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DirectoryUser } from '../../server/src/directory/directory.ts';
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
] as const;

const group389 = (name: string, members: readonly string[]) =>
  `dn: ${groupDn389(name)}\nobjectClass: groupOfUniqueNames\ncn: ${name}\n${members.map((dn) => `uniqueMember: ${dn}\n`).join('')}\n`;

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
      domainGroup(name, members).replace(/sAMAccountName: .*/, `sAMAccountName: ${Buffer.from(name).toString('hex')}`),
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
    const groups = lookalikes.flatMap(([one, other]) => [group(one, [dnOf('grace')]), group(other, [dnOf('zoe')])]);
    await started.server.add(groups.join(''));
    people = openDirectories({ people: started.registration });
  });
  afterAll(async () => {
    await people?.[Symbol.asyncDispose]();
    await started?.server.close();
  });

  it.each(lookalikes)('whoever is in one of them is not in the other: %s, %s', async (one, other) => {
    const [grace, zoe] = [await people.user('grace'), await people.user('zoe')];
    const { registration } = started;
    for (const name of [one, one.toUpperCase()]) {
      expect(passes(grace, name, groupDnOf(name), registration)).toEqual([true, true]);
      expect(passes(zoe, name, groupDnOf(name), registration)).toEqual([false, false]);
    }
    expect(passes(zoe, other, groupDnOf(other), registration)).toEqual([true, true]);
    expect(passes(grace, other, groupDnOf(other), registration)).toEqual([false, false]);
  });
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

it.each(lookalikes)('OpenLDAP holds them for one, and so do rules: %s, %s', async (one, other) => {
  await using slapd = await startSlapd();
  const dnOf = (name: string) => `cn=${name},ou=groups,${seedSuffix}`;
  const group = (name: string) =>
    `dn: ${dnOf(name)}\nobjectClass: groupOfNames\ncn: ${name}\nmember: ${seedDn('zoe')}\n`;
  await slapd.add(group(other));
  await expect(slapd.add(group(one))).rejects.toThrow('Already exists');
  const registration = registrationOf(slapd);
  await using people = openDirectories({ people: registration });
  expect(passes(await people.user('zoe'), one, dnOf(one), registration)).toEqual([true, true]);
  expect(passes(await people.user('grace'), one, dnOf(one), registration)).toEqual([false, false]);
});
