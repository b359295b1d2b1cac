/**
 * F12, F13, A42: what somebody typed or wrote into a directory of each kind is a value, whatever it looks like: a filter, a DN, a
 * mechanism, no text at all. Whoever is found is who has that very name, with their own groups, or nobody is.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DirectoryRegistration } from '../../server/src/registry/registration.ts';
import { never, openDirectories, registrationOf, type TestDirectories } from '../support/directories.ts';
import { startDirectory389 } from '../support/directory-389.ts';
import { dn389, groupDn389, suffix389 } from '../support/directory-389-seed.ts';
import { replaced } from '../support/ldap-changes.ts';
import { startSamba } from '../support/samba.ts';
import { domainDn, domainPasswordBytes, domainSuffix } from '../support/samba-seed.ts';
import { startSlapd } from '../support/slapd.ts';
import { seedDn, seedSuffix } from '../support/slapd-seed.ts';
import { registrationOf389, registrationOfSamba } from '../support/vendor-registrations.ts';

/** Everybody has one of them as name, and with a host behind it as mail; a group of their own is called `group` and that. */
const names = [
  ['*', 'a*', '*)(uid=*', 'a(b)c', '&(x)', '(|(uid=ada))', '\\2a', 'back\\slash', 'ada\\00', '\\', "o'brien"],
  ['comma, plus+', '"quoted"', '#hash', '#04024869', '<angle>;', 'eq=ual', 'cn=ada', 'uid=ada,ou=people,dc=example'],
  ['EXTERNAL', 'PLAIN', '{}', '{0}', '%2a', '$(id)', '../ada', 'a:=b'],
].flat();
const password = 'hostile-password';
const mailOf = (name: string) => `${name}@hostile.example`;

/** Nobody's. */
const payloads = [
  ['**', '*a', 'ad*', '*)(objectClass=*', 'ada)(|(uid=*', 'ada)(&', '*))%00', ')(|(mail=*', '(uid=*)', '!(uid=ada)'],
  ['\\61da', '\\*', 'ada\\', '\\5c2a', 'uid=*', 'dn:=ada', 'uid:dn:=ada', 'EXTERNA', 'GSSAPI', 'ANONYMOUS'],
  ['#0403616461', 'uid=ada', `uid=ada,ou=people,${seedSuffix}`, domainDn('ada'), '""', '<>', 'x'.repeat(256)],
  ['*@hostile.exampl', '"*"@hostile.example', '(comment)*@hostile.example', '*@HOSTILE.example)(mail=*'],
].flat();

const claimsOf = { givenName: 'given_name', displayName: 'nickname', mail: 'email', jpegPhoto: 'picture' } as const;
const [noUtf8, withNul] = [Buffer.from([0x61, 0xff, 0xfe, 0x62]), Buffer.from('a\0b')];

const line = (attribute: string, value: string | Buffer) => `${attribute}:: ${Buffer.from(value).toString('base64')}\n`;
/** As a value stands in a DN (RFC 4514 §2.4). */
const inDn = (value: string) => value.replaceAll(/[\\,=+<>;"#]/g, '\\$&');

const vendors = [
  {
    name: 'OpenLDAP',
    start: async () => {
      const server = await startSlapd();
      return { server, registration: registrationOf(server) };
    },
    filter: '(|(uid={})(mail={}))',
    typed: (name: string) => name,
    person: (name: string) =>
      `${line('dn', `uid=${inDn(name)},ou=people,${seedSuffix}`)}objectClass: inetOrgPerson\n${line('uid', name)}cn: x\nsn: x\n${line('mail', mailOf(name))}userPassword: ${password}\n`,
    group: (name: string) =>
      `${line('dn', `cn=group ${inDn(name)},ou=groups,${seedSuffix}`)}objectClass: groupOfNames\n${line('cn', `group ${name}`)}${line('member', `uid=${inDn(name)},ou=people,${seedSuffix}`)}\n`,
    dn: seedDn,
    // Of other attributes it takes text alone.
    bytes: [
      ['jpegPhoto', noUtf8],
      ['jpegPhoto', withNul],
    ],
    lax: '',
  },
  {
    name: 'Active Directory',
    start: async () => {
      const server = await startSamba();
      return { server, registration: registrationOfSamba(server) };
    },
    filter: '(&(objectClass=user)(|(sAMAccountName={})(mail={})))',
    // Names of accounts must not be hostile there.
    typed: mailOf,
    person: (name: string, turn: number) =>
      `${line('dn', `cn=${inDn(name)},ou=People,${domainSuffix}`)}objectClass: user\nsAMAccountName: hostile${turn}\n${line('mail', mailOf(name))}userAccountControl: 512\n${line('unicodePwd', domainPasswordBytes(password))}\n`,
    group: (name: string, turn: number) =>
      `${line('dn', `cn=group ${inDn(name)},ou=Groups,${domainSuffix}`)}objectClass: group\nsAMAccountName: group${turn}\n${line('member', `cn=${inDn(name)},ou=People,${domainSuffix}`)}\n`,
    dn: domainDn,
    bytes: [
      ['jpegPhoto', noUtf8],
      ['jpegPhoto', withNul],
      ['mail', withNul],
    ],
    lax: '',
  },
  {
    name: '389 Directory Server',
    start: async () => {
      const server = await startDirectory389();
      return { server, registration: registrationOf389(server) };
    },
    filter: '(|(uid={})(mail={}))',
    typed: (name: string) => name,
    person: (name: string) =>
      `${line('dn', `uid=${inDn(name)},ou=people,${suffix389}`)}objectClass: inetOrgPerson\n${line('uid', name)}cn: x\nsn: x\n${line('mail', mailOf(name))}userPassword: ${password}\n`,
    group: (name: string) =>
      `${line('dn', `cn=group ${inDn(name)},ou=groups,${suffix389}`)}objectClass: groupOfUniqueNames\n${line('cn', `group ${name}`)}${line('uniqueMember', `uid=${inDn(name)},ou=people,${suffix389}`)}\n`,
    dn: dn389,
    bytes: [
      ['jpegPhoto', noUtf8],
      ['displayName', noUtf8],
      ['givenName', withNul],
      ['mail', withNul],
    ],
    lax: replaced('cn=config', 'nsslapd-syntaxcheck', 'off'),
  },
] as const;

describe.each(vendors)('$name', ({ start, filter, typed, person, group, dn, bytes, lax }) => {
  let started: Awaited<ReturnType<typeof start>>;
  let people: TestDirectories;
  const all: { readonly name: string; readonly typed: string }[] = names.map((name) => ({ name, typed: typed(name) }));
  beforeAll(async () => {
    started = await start();
    const { server, registration } = started;
    if (lax !== '') await server.modify(lax);
    await server.add(names.map((name, turn) => `${person(name, turn)}\n${group(name, turn)}\n`).join(''));
    const claims = Object.fromEntries(Object.entries(claimsOf).map(([attribute, claim]) => [claim, attribute]));
    const user_search = { ...registration.user_search, filter };
    people = openDirectories({ people: { ...registration, user_search, claims } satisfies DirectoryRegistration });
  });
  afterAll(async () => {
    await people?.[Symbol.asyncDispose]();
    await started?.server.close();
  });
  beforeEach(() => people.forget());

  it.each(all)('$name is who has that name, and in their own group', async (one) => {
    expect(await people.login(one.typed, 'wrong')).toEqual({ outcome: 'rejected', reason: 'credentials' });
    const accepted = await people.login(one.typed, password);
    expect(accepted).toMatchObject({ outcome: 'accepted', user: { claims: { email: mailOf(one.name) } } });
    const byMail = await people.user(mailOf(one.name));
    expect(byMail.groups.map(({ name }) => name)).toEqual([`group ${one.name}`]);
    expect(accepted).toMatchObject({ user: { entryId: byMail.entryId, groups: byMail.groups } });
    const found = await people.port.lookupMany('shop/people', [byMail.entryId], never);
    expect([...found.values()]).toEqual([byMail]);
  });

  it('everybody at once: each has their own group', async () => {
    const each = await Promise.all(names.map((name) => people.user(mailOf(name))));
    expect(new Set(each.map(({ subject }) => subject)).size).toBe(names.length);
    const ids = each.map(({ entryId }) => entryId);
    const found = await people.port.lookupMany('shop/people', ids, never);
    expect(ids.map((id) => found.get(id))).toEqual(each);
  });

  it.each(payloads)('nobody is called %j', async (payload) => {
    expect(await people.port.find(payload, never)).toMatchObject({ known: false });
    expect(await people.login(payload, password)).toEqual({ outcome: 'rejected', reason: 'credentials' });
    expect(people.port.servers()).toMatchObject([{ up: true }]);
  });

  it.each(['', '\0', '\0\0', `${password}\0`, `\0${password}`, 'x'.repeat(129), 'x'.repeat(65_536)])(
    'F12: what is no password never gets there: %j',
    async (wrong) => {
      for (const name of [typed('*'), typed('EXTERNAL'), 'nobody']) {
        const candidate = await people.port.find(name, never);
        people.forget();
        const refused = { outcome: 'rejected', reason: 'credentials' };
        expect(await people.port.authenticate(candidate, wrong, never)).toEqual(refused);
        expect(people.operations).toEqual([]);
      }
    },
  );

  it.each(bytes)('%s that is no text is left out, and the user is who they were: %j', async (attribute, value) => {
    const { subject, groups } = await people.user('grace');
    await started.server.modify(replaced(dn('grace'), attribute, value));
    const after = await people.user('grace');
    expect(after).toMatchObject({ subject, groups });
    expect(after.claims).not.toHaveProperty(claimsOf[attribute]);
    await started.server.modify(replaced(dn('grace'), attribute));
  });
});

it('a group with a name longer than any that a rule can say does not shut its members out', async () => {
  await using server = await startDirectory389();
  const long = 'x'.repeat(1100);
  await server.add(
    `dn: ${groupDn389(long)}\nobjectClass: groupOfUniqueNames\ncn: ${long}\nuniqueMember: ${dn389('grace')}\nuniqueMember: ${dn389('ada')}\n`,
  );
  for (const nested of [false, true]) {
    const { group_search, ...registration } = registrationOf389(server);
    if (group_search === undefined) throw new Error('no groups');
    await using people = openDirectories({ people: { ...registration, group_search: { ...group_search, nested } } });
    const each = [await people.user('grace'), await people.user('ada')];
    const company = nested ? ['company'] : [];
    expect(each.map(({ groups }) => groups.map(({ name }) => name).toSorted())).toEqual([
      [...company, 'staff'],
      [...company, 'engineering', ...(nested ? ['staff'] : [])],
    ]);
    const ids = each.map(({ entryId }) => entryId);
    const found = await people.port.lookupMany('shop/people', ids, never);
    expect(ids.map((id) => found.get(id))).toEqual(each);
  }
});
