import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryUnavailable } from '../../server/src/directory/directory.ts';
import type { DirectoryRegistration } from '../../server/src/registry/registration.ts';
import {
  bindAnswer,
  doneAnswer,
  element,
  entryAnswer,
  message,
  noticeAnswer,
  referenceAnswer,
} from '../support/ber.ts';
import { makeAuthority } from '../support/certificates.ts';
import { selfSigned, x509 } from '../support/client-certificates.ts';
import {
  inEarnest,
  never,
  openDirectories,
  registrationOf,
  type TestDirectories,
  type TestDirectoriesOptions,
} from '../support/directories.ts';
import { type FaultProxy, startFaultProxy } from '../support/proxy.ts';
import { type ScriptedRequest, type ScriptedServer, startScriptedLdap } from '../support/scripted-ldap.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn, seedPassword } from '../support/slapd-seed.ts';

/**
 * Faults between us and a directory, and directories that mean harm. Where a limit is what is tested, it is the only one that
 * could end the wait before {@link endless}: what comes {@link soon} was ended by it, on however slow a machine.
 */
const soon = 30_000;
const endless = 90_000;
const endlessly = { connect: endless, bind: endless, search: endless } as const;
const noLimits = { login: endless, lookup: endless } as const;
/** No server in health misses them, and whoever waits for them to pass waits for little. */
const patiently = { connect: 5000, bind: 5000, search: 5000 } as const;

let slapd: Slapd;
let proxy: FaultProxy;
let people: TestDirectories;

const through = (port: number, change: Partial<DirectoryRegistration> = {}) =>
  registrationOf(slapd, { servers: [`ldaps://localhost:${port}`], timeouts: patiently, ...change });
/** Through the proxy, with time-outs and limits of its own. */
const asking = (timeouts: DirectoryRegistration['timeouts'], limits: TestDirectoriesOptions['limits'] = noLimits) =>
  openDirectories({ people: through(proxy.port, { timeouts }) }, { limits });

beforeAll(async () => {
  slapd = await startSlapd();
});
afterAll(() => slapd?.close());
beforeEach(async () => {
  proxy = await startFaultProxy(slapd.port);
  people = openDirectories({ people: through(proxy.port) });
});
afterEach(async () => {
  await people[Symbol.asyncDispose]();
  await proxy.close();
});

/** It throws {@link DirectoryUnavailable}, and {@link soon}. */
async function unavailable(work: Promise<unknown>): Promise<void> {
  const start = performance.now();
  await expect(work).rejects.toThrow(DirectoryUnavailable);
  expect(performance.now() - start).toBeLessThan(soon);
}

/** What the short limits of earnest may cut off on a slow machine, once more. */
async function unlessSlow<T>(work: () => Promise<T>): Promise<T> {
  for (const deadline = performance.now() + 60_000; ; await sleep(100)) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DirectoryUnavailable) || performance.now() > deadline) throw error;
    }
  }
}

describe('F09: connections that end between searches', () => {
  it.each(['reset', 'end'] as const)('%s: no answer ever comes from an unbound connection', async (how) => {
    const { entryId } = await people.user('ada');
    const locked = (await people.user('zoe')).entryId;
    await slapd.lock(seedDn('zoe'));
    let answers = 0;
    for (let round = 0; round < 500; round += 1) {
      const asking = Promise.allSettled([
        people.port.lookup({ directory: 'shop/people', entryId }, never),
        people.port.lookup({ directory: 'shop/people', entryId: locked }, never),
      ]);
      if (round % 2 === 0) proxy[how]();
      const [active, inactive] = await asking;
      if (round % 2 === 1) proxy[how]();
      // Nobody is told that an entry which is there were not; one that is locked is never anything else.
      for (const [one, account] of [
        [active, 'active'],
        [inactive, 'locked'],
      ] as const) {
        if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(DirectoryUnavailable);
        else expect(one.value).toMatchObject({ account });
        if (one.status === 'fulfilled') answers += 1;
      }
    }
    await slapd.unlock(seedDn('zoe'));
    expect(answers).toBeGreaterThan(250);
    expect(proxy.accepted).toBeGreaterThan(250);
    expect(slapd.log()).not.toMatch(/BIND dn="" /);
  });

  it('a frame cut in the middle spoils its own connection alone', async () => {
    await people.user('ada');
    proxy.cutAfter(100);
    await Promise.allSettled([people.user('ada')]);
    expect(await people.user('ada')).toMatchObject({ username: 'ada' });
  });

  it('a server that closes idle connections is asked on new ones', async () => {
    await using idle = await startSlapd({ globalSettings: ['idletimeout 1'] });
    await using asked = openDirectories({ people: registrationOf(idle) });
    await asked.login('ada', seedPassword('ada'));
    await expect.poll(() => idle.log()).toMatch(/idletimeout/);
    await sleep(50);
    expect(await asked.login('ada', seedPassword('ada'))).toMatchObject({ outcome: 'accepted' });
  });
});

describe('F10: a directory that is silent, slow or away', () => {
  it('silent on open connections: unavailable within the time of a lookup, and back at once', async () => {
    await using asked = asking(endlessly, inEarnest.limits);
    const { entryId } = await unlessSlow(() => asked.user('ada'));
    proxy.blackHole('all');
    await unavailable(asked.port.lookup({ directory: 'shop/people', entryId }, never));
    proxy.pass();
    const again = () => asked.port.lookup({ directory: 'shop/people', entryId }, never);
    expect(await unlessSlow(again)).toMatchObject({ username: 'ada' });
  });

  it('silent on new connections: unavailable within the time of a lookup', async () => {
    await using asked = asking(endlessly, inEarnest.limits);
    proxy.blackHole('new');
    await unavailable(asked.user('ada'));
  });

  it.each(['connect', 'search'] as const)('silent, and only the time-out of %s ends it: unavailable', async (limit) => {
    await using asked = asking({ ...endlessly, [limit]: 1000 });
    proxy.blackHole('new');
    if (limit === 'search') {
      proxy.pass();
      await unlessSlow(() => asked.user('ada'));
      proxy.blackHole('existing');
    }
    await unavailable(asked.user('ada'));
  });

  it('stopped in the middle (SIGSTOP): a whole login ends within its time', async () => {
    await using asked = asking(endlessly, inEarnest.limits);
    const candidate = await unlessSlow(async () => {
      await asked.login('ada', seedPassword('ada'));
      return asked.port.find('ada', never);
    });
    await slapd.pause();
    try {
      await unavailable(asked.port.authenticate(candidate, seedPassword('ada'), never));
      await unavailable(asked.login('ada', seedPassword('ada')));
    } finally {
      slapd.resume();
    }
    expect(await unlessSlow(() => asked.login('ada', seedPassword('ada')))).toMatchObject({ outcome: 'accepted' });
  });

  it('refusing: unavailable at once', async () => {
    await using asked = asking(endlessly);
    proxy.refuse();
    await unavailable(asked.user('ada'));
  });

  it('away and back: asked again without a wait, and told as down meanwhile', async () => {
    const up = () => people.port.servers().map((server) => server.up);
    await people.user('ada');
    await slapd.stop();
    for (let round = 0; round < 6; round += 1) await unavailable(people.user('ada'));
    expect(up()).toEqual([false]);
    await slapd.start();
    expect(await people.user('ada')).toMatchObject({ username: 'ada' });
    expect(up()).toEqual([true]);
  });

  it('slower than the limit of a search: unavailable, and its connections are not kept', async () => {
    await people.user('ada');
    proxy.delay(patiently.search + 1000);
    await unavailable(people.user('ada'));
    proxy.pass();
    people.forget();
    await people.user('ada');
    expect(people.counted()).toMatch(/^connect 1, service bind 1, search \d$/);
  });

  it('what the caller no longer wants ends at once', async () => {
    await using asked = asking(endlessly);
    await asked.user('ada');
    proxy.blackHole('all');
    const stop = new AbortController();
    const waiting = asked.port.find('ada', stop.signal);
    setTimeout(() => stop.abort(), 50);
    await unavailable(waiting);
  });

  it('64 wait, for half a second; everybody else hears so at once', async () => {
    await people.user('ada');
    proxy.delay(300);
    const all = await Promise.allSettled(Array.from({ length: 100 }, () => people.user('ada')));
    const refused = all.filter((one) => one.status === 'rejected').map((one) => String(one.reason));
    expect(refused.filter((one) => /too many wait/.test(one))).toHaveLength(100 - 4 - 64);
    expect(refused.filter((one) => /in time/.test(one)).length).toBeGreaterThan(50);
    proxy.pass();
    expect(await people.user('ada')).toMatchObject({ username: 'ada' });
  });
});

describe('several servers of one directory', () => {
  it('the next one answers when the preferred one is away, and the bind goes to who answered', async () => {
    await using second = await startFaultProxy(slapd.port);
    const servers = [`ldaps://localhost:${proxy.port}`, `ldaps://localhost:${second.port}`];
    people.snapshots.set({ people: through(0, { servers }) });
    expect((await people.user('ada')).server).toBe(servers[0]);
    proxy.refuse();
    proxy.reset();
    expect((await people.user('ada')).server).toBe(servers[1]);
    people.forget();
    await people.login('ada', seedPassword('ada'));
    expect(
      people.operations.filter((one) => one.operation === 'bind' && one.purpose === 'bind').map((one) => one.server),
    ).toEqual([servers[1]]);
  });

  it('one that failed is left alone, and preferred again when a look at it has found it well', async () => {
    await using second = await startFaultProxy(slapd.port);
    const servers = [`ldaps://localhost:${proxy.port}`, `ldaps://localhost:${second.port}`];
    people.snapshots.set({ people: through(0, { servers }) });
    proxy.refuse();
    await people.user('ada');
    people.forget();
    for (let round = 0; round < 3; round += 1) await people.user('ada');
    expect(people.operations.every((one) => one.server === servers[1])).toBe(true);
    proxy.pass();
    people.port.start();
    await expect.poll(() => people.port.probes()).toHaveLength(1);
    expect((await people.user('ada')).server).toBe(servers[0]);
  });

  it('a wrong password is an answer: no other server is asked', async () => {
    await using second = await startFaultProxy(slapd.port);
    people.snapshots.set({
      people: through(0, { servers: [`ldaps://localhost:${proxy.port}`, `ldaps://localhost:${second.port}`] }),
    });
    await people.login('grace', 'wrong');
    expect(second.accepted).toBe(0);
  });

  it('a black hole is followed by another server only if time is left', async () => {
    await using second = await startFaultProxy(slapd.port);
    proxy.blackHole('new');
    const servers = [`ldaps://localhost:${proxy.port}`, `ldaps://localhost:${second.port}`];
    people.snapshots.set({ people: through(0, { servers, timeouts: { ...endlessly, connect: 3000 } }) });
    expect((await people.user('ada')).server).toBe(servers[1]);
    const before = second.accepted;
    const registration = through(0, { servers, timeouts: endlessly });
    await using hurried = openDirectories({ people: registration }, { limits: inEarnest.limits });
    await unavailable(hurried.user('ada'));
    expect(second.accepted).toBe(before);
  });
});

describe('F11, A59: certificates', () => {
  const login = async (change: Partial<DirectoryRegistration>) => {
    people.snapshots.set({ people: registrationOf(slapd, change) });
    await slapd.clearLog();
    await expect(people.login('ada', seedPassword('ada'))).rejects.toThrow(DirectoryUnavailable);
    // Whatever came on a connection was read before it is closed.
    const open = async () => {
      const { connections, closed } = await slapd.operations();
      return connections === 0 ? 'none came' : connections - closed;
    };
    await expect.poll(open).toBe(0);
    // Not one byte of a password: nothing at all was asked.
    expect(await slapd.operations()).toMatchObject({ binds: [], searches: [] });
  };
  const withCertificate = async (certificate: Parameters<Slapd['start']>[0], work: () => Promise<void>) => {
    await slapd.stop();
    await slapd.start(certificate);
    try {
      await work();
    } finally {
      await slapd.stop();
      await slapd.start(await slapd.authority.issue());
    }
  };

  it('of another authority: refused', async () => login({ ca_bundle: (await makeAuthority()).pem }));
  it('trusted by nobody named here: refused', () => login({ ca_bundle: undefined } as never));
  it('self-signed: refused', async () => {
    const { cert, key } = await selfSigned({
      subject: 'CN=localhost',
      names: [{ type: 'dns', value: 'localhost' }],
      usages: [x509.ExtendedKeyUsage.serverAuth],
    });
    await withCertificate({ certificatePem: cert, privateKeyPem: key }, () => login({}));
  });
  it('for another name: refused', async () =>
    withCertificate(await slapd.authority.issue({ names: ['other.example'], addresses: [] }), () => login({})));
  it('for a name, reached by an address: refused', async () =>
    withCertificate(await slapd.authority.issue({ addresses: [] }), () =>
      login({ servers: [`ldaps://127.0.0.1:${slapd.port}`] }),
    ));
  it('for an address, reached by it: taken', async () => {
    people.snapshots.set({ people: registrationOf(slapd, { servers: [`ldaps://127.0.0.1:${slapd.port}`] }) });
    expect(await people.login('ada', seedPassword('ada'))).toMatchObject({ outcome: 'accepted' });
  });
  it('expired: refused', async () => withCertificate(await slapd.authority.issue({ days: -1 }), () => login({})));
  it('ldap:// without TLS: refused, also where a row says so', async () => {
    people.snapshots.set({ people: registrationOf(slapd, { servers: [`ldap://localhost:${slapd.port}`] }) });
    await expect(people.user('ada')).rejects.toThrow(/ldaps/);
  });
  it.each(['ldaps://user:secret@localhost', 'ldaps://localhost/dc=x', 'ldaps://localhost?x', 'ldapi:///', 'ldaps://'])(
    'no server: %s',
    async (url) => {
      people.snapshots.set({ people: registrationOf(slapd, { servers: [url] }) });
      await expect(people.user('ada')).rejects.toThrow(DirectoryUnavailable);
    },
  );
});

describe('A45, F53: a directory that means harm', () => {
  let hostile: ScriptedServer;
  let asked: TestDirectories;
  beforeEach(async () => {
    hostile = await startScriptedLdap();
    asked = openDirectories({
      people: through(hostile.port, {
        ca_bundle: hostile.caPem,
        group_search: undefined,
        timeouts: endlessly,
      } as never),
    });
  });
  afterEach(async () => {
    await asked[Symbol.asyncDispose]();
    await hostile[Symbol.asyncDispose]();
  });

  const bindsSucceed = (search: (request: ScriptedRequest) => void) =>
    hostile.answer((request) => {
      if (request.operation === 'bind') request.socket.write(bindAnswer(request.id, 0));
      if (request.operation === 'search') search(request);
    });
  const write = (...bytes: ((id: number) => Buffer)[]) =>
    bindsSucceed(({ id, socket }) => void socket.write(Buffer.concat(bytes.map((make) => make(id)))));
  const ada = (id: number) =>
    entryAnswer(id, seedDn('ada'), { uid: ['ada'], entryUUID: ['8bd2720e-7d3a-1041-83a3-bb91e64e8f7d'] });
  const done = (code: number) => (id: number) => doneAnswer(id, code);

  it('is understood while it behaves', async () => {
    write(ada, done(0));
    expect(await asked.user('ada')).toMatchObject({ username: 'ada' });
  });

  const wrong: Readonly<Record<string, ((id: number) => Buffer)[]>> = {
    'an attribute list that its parser never leaves': [
      (id) => message(id, element(0x64, Buffer.from('0400301330 0104'.replace(' ', ''), 'hex'))),
    ],
    'an answer to another question': [(id) => doneAnswer(id + 1, 0)],
    'an answer to a bind': [(id) => bindAnswer(id, 0)],
    'a notice of disconnection': [() => noticeAnswer()],
    'a length of 2 GB': [() => Buffer.from('30847fffffff', 'hex')],
    'plain text': [() => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    'an entry without an id': [(id) => entryAnswer(id, seedDn('ada'), { uid: ['ada'] }), done(0)],
    'an entry without a name': [(id) => entryAnswer(id, seedDn('ada'), { entryUUID: ['1'] }), done(0)],
    'an entry with an empty DN': [(id) => entryAnswer(id, '', { uid: ['ada'], entryUUID: ['1'] }), done(0)],
    'an entry called EXTERNAL': [(id) => entryAnswer(id, 'EXTERNAL', { uid: ['ada'], entryUUID: ['1'] }), done(0)],
    'one entry, then busy': [ada, done(51)],
    'one entry and a size limit of its own': [ada, done(4)],
    'no entry and a size limit of its own': [done(4)],
    'no such base': [done(32)],
    'a referral as result': [done(10)],
    'success with an error code of -1': [(id) => message(id, element(0x65, Buffer.from('0a01ff04000400', 'hex')))],
    'a password policy that does not fit': [
      (id) =>
        message(
          id,
          element(0x65, Buffer.from('0a010004000400', 'hex')),
          Buffer.from('a0053003040178', 'hex'),
          Buffer.from('05', 'hex'),
        ),
    ],
  };
  it.each(Object.entries(wrong))('%s: unavailable, never an answer', async (_title, bytes) => {
    write(...bytes);
    await unavailable(asked.port.find('ada', never));
  });

  it('more entries than were asked for: of several nobody is meant, and the server is as well as before', async () => {
    write(ada, ada, ada, done(0));
    expect(await asked.port.find('ada', never)).toMatchObject({ known: false });
    expect(asked.port.servers().map(({ up }) => up)).toEqual([true]);
  });

  it('referrals are counted and not followed; a search that brings nothing else found nobody by that name', async () => {
    await using elsewhere = await startScriptedLdap();
    write((id) => referenceAnswer(id, elsewhere.url), done(0));
    asked.forget();
    expect(await asked.port.find('ada', never)).toMatchObject({ known: false });
    expect(elsewhere.requests).toEqual([]);
    const counted = asked.operations.filter(({ operation }) => operation === 'search').map((one) => one.references);
    expect(counted[0]).toBe(1);
  });

  it('referrals: nobody can say that an entry behind one is gone', async () => {
    write((id) => referenceAnswer(id, 'ldaps://elsewhere.example'), done(0));
    await expect(asked.port.lookup({ directory: 'shop/people', entryId: 'x' }, never)).rejects.toThrow(
      DirectoryUnavailable,
    );
  });

  it('never ending entries: cut off at 4 MiB, memory stays', async () => {
    let sent = 0;
    const big = 'x'.repeat(60_000);
    bindsSucceed(({ id, socket }) => {
      const next = () => {
        if (socket.destroyed || sent > 64 * 1024 * 1024) return;
        const bytes = referenceAnswer(id, big);
        sent += bytes.length;
        socket.write(bytes, next);
      };
      next();
    });
    const before = process.memoryUsage().rss;
    await unavailable(asked.user('ada'));
    expect(sent).toBeLessThan(32 * 1024 * 1024);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  });

  it('one octet at a time: cut off in time', async () => {
    asked.snapshots.set({
      people: through(hostile.port, {
        ca_bundle: hostile.caPem,
        group_search: undefined,
        timeouts: { ...endlessly, search: 2000 },
      } as never),
    });
    bindsSucceed(({ id, socket }) => {
      const bytes = ada(id);
      let at = 0;
      const timer = setInterval(() => {
        if (socket.destroyed || at >= bytes.length) return clearInterval(timer);
        socket.write(bytes.subarray(at, at + 1));
        at += 1;
      }, 50);
    });
    // What takes six seconds on a fast machine.
    await unavailable(asked.user('ada'));
  });

  it('a right answer among random bytes changes nobody else', async () => {
    let seed = 7;
    const random = () => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
      return seed;
    };
    bindsSucceed(({ id, socket }) => {
      const bytes = Buffer.concat([ada(id), doneAnswer(id, 0)]);
      for (let change = 0; change < 3; change += 1) bytes[random() % bytes.length] = random() & 0xff;
      socket.end(bytes);
    });
    for (let round = 0; round < 100; round += 1) {
      const [outcome] = await Promise.allSettled([asked.port.find('ada', never)]);
      if (outcome?.status === 'rejected') expect(outcome.reason).toBeInstanceOf(DirectoryUnavailable);
    }
    write(ada, done(0));
    expect(await asked.user('ada')).toMatchObject({ username: 'ada' });
  });

  it('a peer that leaves when it is asked again is asked once more, on a new connection', async () => {
    const served = new Map<unknown, number>();
    const right = ({ id, socket }: ScriptedRequest) => socket.write(Buffer.concat([ada(id), doneAnswer(id, 0)]));
    bindsSucceed((request) => {
      const before = served.get(request.socket) ?? 0;
      served.set(request.socket, before + 1);
      if (before === 0) right(request);
      else request.socket.destroy();
    });
    for (let round = 0; round < 3; round += 1)
      expect(await asked.port.find('ada', never)).toMatchObject({ user: { username: 'ada' } });
    expect(served.size).toBe(3);
    // One that leaves on a new connection has given its answer.
    bindsSucceed(({ socket }) => void socket.destroy());
    await unavailable(asked.user('ada'));
  });

  it('answers nobody asked for end an idle connection', async () => {
    let kept: ScriptedRequest | undefined;
    bindsSucceed((request) => {
      kept = request;
      request.socket.write(Buffer.concat([ada(request.id), doneAnswer(request.id, 0)]));
    });
    await asked.user('ada');
    kept?.socket.write(doneAnswer(99, 0));
    await expect.poll(() => kept?.socket.destroyed).toBe(true);
    expect(await asked.user('ada')).toMatchObject({ username: 'ada' });
  });

  const bindCodes: readonly (readonly [number, string])[] = [
    [19, 'credentials'],
    [32, 'credentials'],
    [34, 'credentials'],
    [48, 'credentials'],
    [49, 'credentials'],
    [50, 'credentials'],
    [53, 'credentials'],
    [1, 'unavailable'],
    [2, 'unavailable'],
    [3, 'unavailable'],
    [8, 'unavailable'],
    [10, 'unavailable'],
    [11, 'unavailable'],
    [13, 'unavailable'],
    [14, 'unavailable'],
    [51, 'unavailable'],
    [52, 'unavailable'],
    [80, 'unavailable'],
    [255, 'unavailable'],
  ];
  it.each(bindCodes)(
    'a user bind that ends with %i: %s; only 0 and 49 leave a connection behind',
    async (code, expected) => {
      hostile.answer((request) => {
        const { id, operation, name, socket } = request;
        if (operation === 'bind') socket.write(bindAnswer(id, name === seedDn('ada') ? code : 0));
        if (operation === 'search') socket.write(Buffer.concat([ada(id), doneAnswer(id, 0)]));
      });
      const login = () =>
        asked.login('ada', 'x').then(
          (one) => (one.outcome === 'rejected' ? one.reason : one.outcome),
          (error) => {
            expect(error).toBeInstanceOf(DirectoryUnavailable);
            return 'unavailable';
          },
        );
      expect(await login()).toBe(expected);
      asked.forget();
      await login();
      expect(asked.operations.filter((one) => one.operation === 'connect')).toHaveLength(code === 49 ? 0 : 1);
    },
  );
});
