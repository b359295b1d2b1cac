import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DirectoryUnavailable } from '../../server/src/directory/directory.ts';
import { bindAnswer, doneAnswer, entryAnswer } from '../support/ber.ts';
import { never, openDirectories, registrationOf, type TestDirectories } from '../support/directories.ts';
import { type ScriptedServer, startScriptedLdap } from '../support/scripted-ldap.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn, seedPassword, seedSuffix } from '../support/slapd-seed.ts';

/** One entry that no server can tell of in full, asked about by a stranger again and again: nobody else suffers. */
let servers: readonly Slapd[] = [];
let scripted: ScriptedServer;

const groupsOfAlan = Array.from(
  { length: 30 },
  (_, n) => `dn: cn=many-${n},ou=groups,${seedSuffix}
objectClass: groupOfNames
cn: many-${n}
member: ${seedDn('alan')}
`,
).join('\n');
const grown = `dn: ${seedDn('zoe')}\nchangetype: modify\nadd: description\ndescription: ${'x'.repeat(4_500_000)}\n`;

beforeAll(async () => {
  const settings = { settings: ['sizelimit 20'], globalSettings: ['sockbuf_max_incoming_auth 16777216'] };
  const first = await startSlapd(settings);
  const second = await startSlapd({ ...settings, authority: first.authority });
  servers = [first, second];
  for (const server of servers) {
    await server.add(groupsOfAlan);
    await server.modify(grown);
  }
  scripted = await startScriptedLdap(first.authority);
});
afterAll(async () => {
  for (const server of [...servers, scripted]) await server?.[Symbol.asyncDispose]();
});

function openPeople(urls: string[], more: Parameters<typeof registrationOf>[1] = {}): TestDirectories {
  const [first] = servers;
  if (first === undefined) throw new Error('no server');
  const claims = { name: 'displayName', description: 'description' };
  return openDirectories({ people: registrationOf(first, { servers: urls, claims, ...more }) });
}

const up = (people: TestDirectories) => people.port.servers().map((server) => server.up);
const rounds = Array.from({ length: 10 });

describe.each([
  ['in more groups than the servers tell of', 'alan', /result code 4$/],
  ['longer than an answer may be', 'zoe', /one operation may bring$/],
])('an entry %s', (_title, poison, detail) => {
  it('is unavailable after one server, opens no circuit, and others sign in', async () => {
    await using people = openPeople(servers.map(({ url }) => url));
    for (const _ of rounds) {
      people.forget();
      await expect(people.login(poison, seedPassword(poison))).rejects.toThrow(detail);
      expect(new Set(people.operations.map(({ server }) => server)).size).toBe(1);
    }
    await Promise.all(
      rounds.map(() => expect(people.login(poison, seedPassword(poison))).rejects.toBeInstanceOf(DirectoryUnavailable)),
    );
    expect(up(people)).toEqual([true, true]);
    // No more than have a connection at once.
    const all = await Promise.all([1, 2, 3, 4].map(() => people.login('ada', seedPassword('ada'))));
    expect(new Set(all.map(({ outcome }) => outcome))).toEqual(new Set(['accepted']));
  });

  it('closes a circuit that an outage had opened: the server answers', async () => {
    const [server] = servers;
    if (server === undefined) throw new Error('no server');
    await using people = openPeople([server.url]);
    await server.stop();
    for (const _ of rounds) await expect(people.user('ada')).rejects.toBeInstanceOf(DirectoryUnavailable);
    expect(up(people)).toEqual([false]);
    await server.start();
    await expect(people.user(poison)).rejects.toThrow(detail);
    expect(up(people)).toEqual([true]);
  });
});

it('a look at a server that finds such an entry first is no failure of the server', async () => {
  const [server] = servers;
  if (server === undefined) throw new Error('no server');
  const { user_search } = registrationOf(server);
  await using people = openPeople([server.url], { user_search: { ...user_search, base: seedDn('zoe') } });
  await server.stop();
  // One more would open its circuit.
  for (let round = 0; round < 2; round += 1) await expect(people.user('zoe')).rejects.toThrow(DirectoryUnavailable);
  await server.start();
  people.port.start();
  await expect.poll(() => people.port.probes()).toHaveLength(1);
  expect(JSON.stringify(people.port.probes())).toMatch(/one operation may bring/);
  expect(up(people)).toEqual([true]);
});

/** It binds, and that is all. */
const isSilent = () =>
  scripted.answer(({ id, operation, socket }) => {
    if (operation === 'bind') socket.write(bindAnswer(id, 0));
  });
const endless = { connect: 600_000, bind: 600_000, search: 600_000 };

it('whether groups can be seen is asked for no longer than one look', async () => {
  const [first] = servers;
  if (first === undefined) throw new Error('no server');
  isSilent();
  const registration = registrationOf(first, { servers: [scripted.url], timeouts: endless });
  await using people = openDirectories({ people: registration }, { limits: { login: 60_000, lookup: 500 } });
  const shown = people.port.showsGroups({ directory: 'shop/people', server: scripted.url }, never);
  await expect(shown).rejects.toThrow(DirectoryUnavailable);
});

describe('what a name brings about is told from what it does not', () => {
  it('an answer that cannot be used, from one that nobody gave', async () => {
    const [server] = servers;
    if (server === undefined) throw new Error('no server');
    await using people = openPeople([server.url]);
    await expect(people.port.find('zoe', never)).rejects.toMatchObject({ wasAnswered: true });
    await server.stop();
    await expect(people.port.find('zoe', never)).rejects.toMatchObject({ wasAnswered: false });
    await server.start();
  });

  it('an entry that lacks what every entry has', async () => {
    const [server] = servers;
    if (server === undefined) throw new Error('no server');
    const { user_search } = registrationOf(server);
    const attributes = { ...user_search.attributes, subject: 'employeeNumber' };
    await using people = openPeople([server.url], { user_search: { ...user_search, attributes } });
    await expect(people.port.find('ada', never)).rejects.toMatchObject({ wasAnswered: true });
  });

  it('nor does it bring about that others wait', async () => {
    isSilent();
    await using people = openPeople([scripted.url], { timeouts: endless });
    const leaving = new AbortController();
    const asked = Array.from({ length: 80 }, () => people.port.find('ada', leaving.signal));
    const failed = asked.map((one) => one.catch((error: unknown) => error));
    expect(await Promise.race(failed)).toMatchObject({ detail: 'too many wait', wasAnswered: false });
    leaving.abort();
    await Promise.all(failed);
  });
});

describe('a search for groups that takes too long for one user', () => {
  const ids = { ada: '8bd2720e-7d3a-1041-83a3-bb91e64e8f7d', alan: '8bd2720e-7d3a-1041-83a3-bb91e64e8f7e' };
  const people = () => openPeople([scripted.url], { timeouts: { connect: 2000, bind: 2000, search: 2000 } });
  let silent = 0;

  beforeAll(() =>
    scripted.answer((request) => {
      const { id, operation, socket, mentions } = request;
      if (operation === 'bind') socket.write(bindAnswer(id, 0));
      if (operation !== 'search') return;
      if (mentions('groupOfNames')) {
        if (mentions(seedDn('alan'))) silent += 1;
        else socket.write(doneAnswer(id, 0));
        return;
      }
      const uid = mentions('alan') ? 'alan' : 'ada';
      const entry = entryAnswer(id, seedDn(uid), { uid: [uid], entryUUID: [ids[uid]] });
      socket.write(Buffer.concat([entry, doneAnswer(id, 0)]));
    }),
  );

  it('is unavailable, opens no circuit, costs nobody a connection, and others sign in', async () => {
    await using asked = people();
    // One connection for each of them.
    await Promise.all([1, 2, 3, 4].map(() => asked.user('ada')));
    const slow = [1, 2, 3].map(() => expect(asked.user('alan')).rejects.toThrow(/no answer within/));
    await Promise.all(slow);
    asked.forget();
    expect(await asked.login('ada', seedPassword('ada'))).toMatchObject({ outcome: 'accepted' });
    expect(
      asked.operations.filter(({ purpose, operation }) => purpose === 'search' && operation === 'connect'),
    ).toEqual([]);
    for (let round = 0; round < 3; round += 1)
      await Promise.all([1, 2, 3].map(() => expect(asked.user('alan')).rejects.toThrow(DirectoryUnavailable)));
    expect(silent).toBeGreaterThanOrEqual(10);
    expect(up(asked)).toEqual([true]);
    expect(await asked.login('ada', seedPassword('ada'))).toMatchObject({ outcome: 'accepted' });
  });

  it('a server that is silent at the first search is shut out all the same', async () => {
    await using silentServer = await startScriptedLdap(servers[0]?.authority);
    await using asked = openPeople([silentServer.url], { timeouts: { connect: 2000, bind: 2000, search: 500 } });
    for (let round = 0; round < 3; round += 1)
      await expect(asked.port.find('ada', never)).rejects.toThrow(/no answer within/);
    expect(up(asked)).toEqual([false]);
  });
});
