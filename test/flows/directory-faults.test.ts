import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryUnavailable } from '../../server/src/directory/directory.ts';
import type { DirectoryRegistration } from '../../server/src/registry/registration.ts';
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
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn, seedPassword } from '../support/slapd-seed.ts';

/**
 * Faults between us and a directory. Where a limit is what is tested, it is the only one that
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
