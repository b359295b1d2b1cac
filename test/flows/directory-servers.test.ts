import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DirectoryUnavailable } from '../../server/src/directory/directory.ts';
import type { LdapOperation } from '../../server/src/directory/ldap/operation.ts';
import { bindAnswer, doneAnswer } from '../support/ber.ts';
import { makeAuthority } from '../support/certificates.ts';
import { never, openDirectories, registrationOf, type TestDirectories } from '../support/directories.ts';
import { type FaultProxy, startFaultProxy } from '../support/proxy.ts';
import { type ScriptedServer, startScriptedLdap } from '../support/scripted-ldap.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedPassword } from '../support/slapd-seed.ts';

/** Three servers of one directory, one of them broken. Attempts are counted; no time is measured. */
const positions = [0, 1, 2] as const;
let servers: readonly Slapd[] = [];
let stranger: ScriptedServer;
let busy: ScriptedServer;
let unavailable: ScriptedServer;

beforeAll(async () => {
  const authority = await makeAuthority();
  servers = await Promise.all(positions.map(() => startSlapd({ authority })));
  stranger = await startScriptedLdap();
  busy = await startScriptedLdap(authority);
  busy.answer(({ id, operation, socket }) => {
    if (operation === 'bind') socket.write(bindAnswer(id, 0));
    if (operation === 'search') socket.write(doneAnswer(id, 51));
  });
  unavailable = await startScriptedLdap(authority);
  unavailable.answer(({ id, operation, socket }) => {
    if (operation === 'bind') socket.write(bindAnswer(id, 52));
  });
});
afterAll(async () => {
  for (const server of [...servers, stranger, busy, unavailable]) await server?.[Symbol.asyncDispose]();
});

interface Stage extends AsyncDisposable {
  readonly proxies: readonly FaultProxy[];
  readonly people: TestDirectories;
  readonly url: (position: number) => string;
}

/** Long enough that no server in health misses it on a slow machine, short enough to wait for. */
const timeout = 5000;
const timeouts = { connect: timeout, bind: timeout, search: timeout };

async function openStage(limits?: { login: number; lookup: number }, ofEach = timeouts): Promise<Stage> {
  const [first] = servers;
  if (first === undefined) throw new Error('no server');
  const proxies = await Promise.all(servers.map(({ port }) => startFaultProxy(port)));
  const url = (position: number) => `ldaps://localhost:${proxies[position]?.port}`;
  const registration = registrationOf(first, { servers: positions.map(url), timeouts: ofEach });
  const people = openDirectories({ people: registration }, limits === undefined ? {} : { limits });
  return {
    proxies,
    people,
    url,
    async [Symbol.asyncDispose]() {
      await people[Symbol.asyncDispose]();
      for (const proxy of proxies) await proxy.close();
    },
  };
}

const faults: Readonly<Record<string, (proxy: FaultProxy) => void>> = {
  'dead, it refuses connections': (proxy) => {
    proxy.refuse();
    proxy.reset();
  },
  'hung, it accepts and is silent': (proxy) => proxy.blackHole('all'),
  'slow, each answer takes 5 s': (proxy) => proxy.delay(5000),
  'refusing TLS, with a certificate that nobody trusts': (proxy) => {
    proxy.retarget(stranger.port);
    proxy.reset();
  },
  'busy (51) at each search': (proxy) => {
    proxy.retarget(busy.port);
    proxy.reset();
  },
  'unavailable (52) at each bind': (proxy) => {
    proxy.retarget(unavailable.port);
    proxy.reset();
  },
};

const byLogins = ({ purpose }: LdapOperation) => purpose !== 'probe';
const table = Object.entries(faults).flatMap(([title, begin]) =>
  positions.flatMap((position) => [true, false].map((warm) => ({ title, begin, position, warm }))),
);

describe('F10: one of three servers is broken', () => {
  it.concurrent.each(table)(
    '$title, at position $position, open connections: $warm: the first login pays once, none after it',
    async ({ begin, position, warm }) => {
      await using stage = await openStage();
      const { proxies, people, url } = stage;
      const login = () => people.login('ada', seedPassword('ada'));
      const broken = proxies[position];
      if (broken === undefined) throw new Error('no such server');
      if (warm) await login();
      begin(broken);
      people.forget();
      expect(await login()).toMatchObject({ outcome: 'accepted' });
      const paid = people.operations.filter((one) => byLogins(one) && one.server === url(position));
      if (position === 0) expect(paid.length).toBeGreaterThan(0);
      else expect(paid).toEqual([]);
      people.forget();
      for (let round = 0; round < 5; round += 1) expect(await login()).toMatchObject({ outcome: 'accepted' });
      const asked = new Set(people.operations.filter(byLogins).map((one) => one.server));
      expect(asked).toEqual(new Set([url(position === 0 ? 1 : 0)]));
    },
  );

  it.concurrent.each(
    Object.entries(faults).flatMap(([title, begin]) => [true, false].map((warm) => ({ title, begin, warm }))),
  )(
    '$title, open connections: $warm: the first login costs its budget at most, however long one operation may take',
    async ({ begin, warm }) => {
      const endless = { connect: 90_000, bind: 90_000, search: 90_000 };
      await using stage = await openStage({ login: 9000, lookup: 6000 }, endless);
      const { proxies, people, url } = stage;
      const login = () => people.login('ada', seedPassword('ada'));
      if (warm) await login();
      const [broken] = proxies;
      if (broken === undefined) throw new Error('no such server');
      begin(broken);
      people.forget();
      const start = performance.now();
      const [first] = await Promise.allSettled([login()]);
      // Far more than its budget, on however slow a machine, and far less than one operation.
      expect(performance.now() - start).toBeLessThan(45_000);
      if (first?.status === 'rejected') expect(first.reason).toBeInstanceOf(DirectoryUnavailable);
      const paid = people.operations.filter((one) => byLogins(one) && one.server === url(0));
      // A connection from before may have been lost, which tells nothing of the server: once more, then.
      const most = warm ? 2 : 1;
      expect(paid.filter(({ outcome }) => outcome === 'failed').length).toBeLessThanOrEqual(most);
      for (const operation of ['connect', 'bind', 'search'])
        expect(paid.filter((one) => one.operation === operation).length).toBeLessThanOrEqual(most);
      people.forget();
      expect(await login()).toMatchObject({ outcome: 'accepted' });
      // A connection that the first one began may still come about.
      const isQuestion = ({ operation, purpose }: LdapOperation) => operation === 'search' || purpose === 'bind';
      const asked = people.operations.filter((one) => byLogins(one) && isQuestion(one));
      expect(new Set(asked.map((one) => one.server))).toEqual(new Set([url(1)]));
    },
  );

  it.concurrent.each(Object.entries(faults))(
    '%s: preferred again when a look from behind has found it well, and no login before',
    async (_title, begin) => {
      await using stage = await openStage();
      const { proxies, people, url } = stage;
      const [broken] = proxies;
      const [first] = servers;
      if (broken === undefined || first === undefined) throw new Error('no server');
      people.port.start();
      await expect.poll(() => people.port.probes()).toHaveLength(1);
      begin(broken);
      expect((await people.user('ada')).server).toBe(url(1));
      people.forget();
      broken.pass();
      broken.delay(0);
      broken.retarget(first.port);
      broken.reset();
      const server = async () => (await people.user('ada')).server;
      await expect.poll(server, { interval: 200 }).toBe(url(0));
      const here = people.operations.filter((one) => one.server === url(0));
      const proven = here.findIndex(({ purpose, operation }) => purpose === 'probe' && operation === 'search');
      expect(proven).not.toBe(-1);
      expect(here.findIndex(byLogins)).toBeGreaterThan(proven);
    },
  );
});

describe('a good server is kept', () => {
  it('one that failed once and is back at once is not asked before it has proven itself', async () => {
    await using stage = await openStage();
    const { proxies, people, url } = stage;
    proxies[0]?.refuse();
    await people.user('ada');
    proxies[0]?.pass();
    people.forget();
    for (let round = 0; round < 10; round += 1) expect((await people.user('ada')).server).toBe(url(1));
    expect(people.operations.filter(({ server }) => server === url(0))).toEqual([]);
  });

  it('connections from before a silence are not used after it', async () => {
    await using stage = await openStage();
    const { proxies, people, url } = stage;
    await Promise.all(Array.from({ length: 4 }, () => people.user('ada')));
    proxies[0]?.blackHole('existing');
    expect((await people.user('ada')).server).toBe(url(1));
    people.port.start();
    await expect.poll(() => people.port.probes()).toHaveLength(1);
    people.forget();
    const found = await Promise.all(Array.from({ length: 8 }, () => people.user('ada')));
    expect(found.map(({ server }) => server)).toEqual(Array.from({ length: 8 }, () => url(0)));
    expect(people.operations.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
  });
});

describe('no server answers', () => {
  it('an open circuit is tried by one at a time, and the others share what it finds out', async () => {
    const [first] = servers;
    await using stage = await openStage();
    const { proxies, people, url } = stage;
    const [only] = proxies;
    if (first === undefined || only === undefined) throw new Error('no server');
    people.snapshots.set({ people: registrationOf(first, { servers: [url(0)], timeouts }) });
    only.refuse();
    for (let round = 0; round < 3; round += 1) await expect(people.user('ada')).rejects.toThrow();
    expect(people.port.servers().map(({ up }) => up)).toEqual([false]);
    only.pass();
    only.blackHole('new');
    const before = only.accepted;
    const together = () => Promise.allSettled(Array.from({ length: 20 }, () => people.user('ada')));
    expect((await together()).map(({ status }) => status)).not.toContain('fulfilled');
    expect(only.accepted - before).toBe(1);
    only.pass();
    expect((await together()).map(({ status }) => status)).not.toContain('rejected');
    expect(people.port.servers().map(({ up }) => up)).toEqual([true]);
  });

  it('time that is up before the last of them is reached is not spent on the same ones again', async () => {
    await using stage = await openStage({ login: 3 * timeout, lookup: 2 * timeout });
    const { proxies, people, url } = stage;
    for (const position of [0, 1]) proxies[position]?.blackHole('all');
    // Two of three are silent, and there is time for two.
    await people.port.find('ada', never).catch(() => undefined);
    expect((await people.user('ada')).server).toBe(url(2));
    people.forget();
    expect(await people.login('ada', seedPassword('ada'))).toMatchObject({ outcome: 'accepted' });
    expect(new Set(people.operations.map(({ server }) => server))).toEqual(new Set([url(2)]));
  });
});
