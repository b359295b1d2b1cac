import { afterAll, describe, expect, it } from 'vitest';
import { mostPages } from '../../server/src/directory/ldap/pages.ts';
import { bindAnswer, doneAnswer, entryAnswer, pageAnswer } from '../support/ber.ts';
import { never, openDirectories, registrationOf, type TestDirectories } from '../support/directories.ts';
import { startDirectory389 } from '../support/directory-389.ts';
import { dn389, groupDn389 } from '../support/directory-389-seed.ts';
import { replaced } from '../support/ldap-changes.ts';
import { startSamba } from '../support/samba.ts';
import { domainPerson } from '../support/samba-seed.ts';
import { startScriptedLdap } from '../support/scripted-ldap.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn, seedSuffix } from '../support/slapd-seed.ts';
import { registrationOf389, registrationOfSamba } from '../support/vendor-registrations.ts';

/** Answers longer than a server gives at once are read to their end, page by page (RFC 2696), and to our own bounds. */
const started: AsyncDisposable[] = [];
afterAll(async () => {
  for (const one of started) await one[Symbol.asyncDispose]();
});

const base = `ou=many,${seedSuffix}`;
const crowd = Array.from({ length: 45 }, (_, index) => `person${index}`);
const group = (name: string, members: readonly string[]) =>
  `dn: cn=${name},${base}\nobjectClass: groupOfNames\ncn: ${name}\n${members.map((uid) => `member: ${seedDn(uid)}\n`).join('')}`;

/** A server where each of a crowd is in a group of their own, `alan` in 45 and `grace` in 1010. */
async function startWith(...settings: string[]): Promise<Slapd> {
  const slapd = await startSlapd({ settings });
  started.push(slapd);
  await slapd.add(
    [
      `dn: ${base}\nobjectClass: organizationalUnit\nou: many\n`,
      ...crowd.map((uid) => `dn: ${seedDn(uid)}\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: ${uid}\nsn: ${uid}\n`),
      ...crowd.map((uid) => group(`of-${uid}`, [uid, 'alan', 'grace'])),
      ...Array.from({ length: 965 }, (_, index) => group(`of-grace-${index}`, ['grace'])),
    ].join('\n'),
  );
  return slapd;
}

function openPeople(slapd: Slapd): TestDirectories {
  const group_search = { base, scope: 'sub', filter: '(member={})', attributes: { name: 'cn' } } as const;
  return openDirectories({ people: registrationOf(slapd, { group_search }) });
}

/** Whose connections are open already. */
async function openWarm(slapd: Slapd): Promise<TestDirectories> {
  const people = openPeople(slapd);
  await people.user('ada');
  people.forget();
  return people;
}

describe('a server that gives twenty entries at once, and more in pages', () => {
  let slapd: Slapd;
  it('tells of all groups of a user: what it cut off is asked for again', async () => {
    slapd = await startWith('sizelimit size.soft=20 size.prtotal=unlimited');
    await using people = await openWarm(slapd);
    expect((await people.user('alan')).groups.map(({ name }) => name).toSorted()).toEqual(
      crowd.map((uid) => `of-${uid}`).toSorted(),
    );
    // The user, the answer that was cut off, and three pages.
    expect(people.counted()).toBe('search 5');
  });

  it('takes no more than before where an answer comes whole', async () => {
    await using people = await openWarm(slapd);
    expect((await people.user('person7')).groups.map(({ name }) => name)).toEqual(['of-person7']);
    expect(people.counted()).toBe('search 2');
  });

  it('a name alone brings about one search, whoever has it', async () => {
    await using people = await openWarm(slapd);
    for (const name of ['alan', 'nobody']) {
      people.forget();
      await people.port.find(name, never);
      expect([name, people.counted()]).toEqual([name, 'search 1']);
    }
  });

  it('tells of many users at once, and of their groups', async () => {
    await using people = await openWarm(slapd);
    const each = await Promise.all(crowd.slice(0, 4).map((uid) => people.user(uid)));
    const ids = new Map<string, string>();
    for (const uid of crowd) ids.set(uid, (await people.port.findEverywhere(uid, never)).map(idOf).join(''));
    people.forget();
    const found = await people.port.lookupMany('shop/people', [...ids.values()], never);
    expect(found.size).toBe(45);
    for (const one of each) expect(found.get(one.entryId)).toEqual(one);
    // Users and groups: each cut off, and three pages.
    expect(people.counted()).toBe('search 8');
  });

  it('more groups than anybody is judged by are not read on, and the connection serves the next', async () => {
    await using people = await openWarm(slapd);
    await expect(people.user('grace')).rejects.toThrow(/more than 1000 groups/);
    // User, what was cut off, 51 pages of 20, and the word that the rest is not wanted.
    expect(people.counted()).toBe('search 54');
    people.forget();
    expect((await people.user('alan')).groups).toHaveLength(45);
    expect(people.counted()).toBe('search 5');
  });
});

it.each([
  ['gives no more in pages', 'sizelimit 20'],
  ['gives no more, whatever it is asked for', 'sizelimit size.soft=10 size.hard=20'],
  ['gives a little more in pages', 'sizelimit size.soft=20 size.prtotal=40'],
  ['gives smaller pages than answers', 'sizelimit size.soft=20 size.pr=10 size.prtotal=unlimited'],
  ['gives nobody pages', 'sizelimit size.soft=20 size.prtotal=disabled'],
])('a server that %s is unavailable for that one, by its first word', async (_title, setting) => {
  await using people = await openWarm(await startWith(setting));
  await expect(people.user('alan')).rejects.toThrow(/result code 4$/);
  expect((await people.user('person7')).groups).toHaveLength(1);
  expect(people.port.servers().map(({ up }) => up)).toEqual([true]);
});

it('a server that will not look through so many, in pages neither, is unavailable for that one, by its first word', async () => {
  await using people = await openWarm(await startWith('sizelimit size.unchecked=30'));
  await expect(people.user('alan')).rejects.toThrow(/result code 11$/);
  // The user, the groups, and the groups in pages.
  expect(people.counted()).toBe('search 3');
  expect((await people.user('person7')).groups).toHaveLength(1);
  expect(people.port.servers().map(({ up }) => up)).toEqual([true]);
});

it('389 Directory Server looks through more for pages than for one answer: in pages it tells of all groups', async () => {
  await using server = await startDirectory389();
  const limit = (name: string, value: string) =>
    replaced('cn=config,cn=ldbm database,cn=plugins,cn=config', name, value);
  const names = crowd.map((uid) => `of-${uid}`);
  await server.modify(limit('nsslapd-lookthroughlimit', '20') + limit('nsslapd-pagedlookthroughlimit', '1000'));
  await server.add(
    names
      .map((cn) => `dn: ${groupDn389(cn)}\nobjectClass: groupOfUniqueNames\ncn: ${cn}\nuniqueMember: ${dn389('zoe')}\n`)
      .join('\n'),
  );
  await using people = openDirectories({ people: registrationOf389(server) });
  await people.user('ada');
  people.forget();
  expect((await people.user('zoe')).groups.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
  // The user, the answer that was cut off, and one page.
  expect(people.counted()).toBe('search 3');
});

describe('Samba, which keeps to no limit but that of a page', () => {
  it('is found well, and is as well after a name that three entries have', async () => {
    await using samba = await startSamba();
    await samba.add(['one', 'two', 'three'].map((name) => domainPerson(name, name, ['department: shared'])).join(''));
    const { user_search } = registrationOfSamba(samba);
    const filter = '(&(objectClass=user)(|(sAMAccountName={})(department={})))';
    const registration = registrationOfSamba(samba, { user_search: { ...user_search, filter } });
    await using people = openDirectories({ people: registration });
    people.port.start();
    await expect.poll(() => people.port.probes()).toHaveLength(1);
    expect(people.port.probes()[0]?.servers).toMatchObject([{ searchBase: { ok: true } }]);
    for (let round = 0; round < 4; round += 1)
      expect(await people.port.find('shared', never)).toMatchObject({ known: false });
    expect(people.port.servers()).toMatchObject([{ up: true }]);
    const { entryId, directory } = await people.user('ada');
    // Somebody is there, so whoever is not found is gone.
    expect(await people.port.lookupMany(directory, ['00000000-0000-4000-8000-000000000000'], never)).toEqual(new Map());
    expect(await people.port.lookup({ directory, entryId }, never)).toMatchObject({ username: 'ada' });
  });
});

describe('a server that means harm', () => {
  const uuid = '8bd2720e-7d3a-1041-83a3-bb91e64e8f7d';
  const cases = {
    'empty pages without end': { page: () => [], searches: mostPages + 2, words: /result code 4$/ },
    'pages too long together': {
      page: (id: number) =>
        Array.from({ length: 3 }, (_, n) => entryAnswer(id, `cn=${n},${base}`, { cn: ['x'.repeat(500_000)] })),
      searches: 5,
      words: /one operation may bring$/,
    },
    'more than a page holds': {
      page: (id: number) => Array.from({ length: 4 }, (_, n) => entryAnswer(id, `cn=${n},${base}`, { cn: ['x'] })),
      searches: 3,
      words: /more entries than were asked for/,
    },
  } satisfies Record<string, { page: (id: number) => Buffer[]; searches: number; words: RegExp }>;

  it.each(Object.entries(cases))('%s: an end all the same', async (_title, { page, searches, words }) => {
    await using scripted = await startScriptedLdap();
    scripted.answer(({ id, operation, socket, mentions }) => {
      if (operation === 'bind') socket.write(bindAnswer(id, 0));
      if (operation !== 'search') return;
      if (!mentions('member')) {
        socket.write(
          Buffer.concat([entryAnswer(id, seedDn('ada'), { uid: ['ada'], entryUUID: [uuid] }), doneAnswer(id, 0)]),
        );
      } else if (mentions('1.2.840.113556.1.4.319')) {
        socket.write(Buffer.concat([...page(id), pageAnswer(id, 'and so on')]));
      } else {
        const cut = Array.from({ length: 3 }, (_, n) => entryAnswer(id, `cn=${n},${base}`, { cn: ['x'] }));
        socket.write(Buffer.concat([...cut, doneAnswer(id, 4)]));
      }
    });
    const { url, caPem } = scripted;
    const described = { url, caPem, bindDn: 'cn=reader', bindPassword: 'reads', baseDn: seedSuffix };
    await using people = openDirectories({ people: registrationOf(described) });
    await expect(people.user('ada')).rejects.toThrow(words);
    expect(scripted.requests.filter(({ operation }) => operation === 'search')).toHaveLength(searches);
  });
});

function idOf(finding: Awaited<ReturnType<TestDirectories['port']['findEverywhere']>>[number]): string {
  return finding.outcome === 'found' ? finding.user.entryId : '';
}
