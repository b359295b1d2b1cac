import type { LookupFunction } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryUnavailable } from '../../server/src/directory/directory.ts';
import { tlsConnector } from '../../server/src/directory/ldap/target.ts';
import { makeAuthority } from '../support/certificates.ts';
import { openDirectories, registrationOf, type TestDirectories } from '../support/directories.ts';
import { type DnsServer, startDns } from '../support/dns.ts';
import { type FaultProxy, startFaultProxy } from '../support/proxy.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedPassword } from '../support/slapd-seed.ts';

/** Servers of a directory that DNS names: a real resolver, a little DNS server, real directory servers behind proxies. */
const domain = 'example.test';
const ldaps = `_ldaps._tcp.${domain}`;
let slapd: Slapd;
let other: Slapd;
let dns: DnsServer;
let proxies: readonly FaultProxy[] = [];
let people: TestDirectories;

beforeAll(async () => {
  const authority = await makeAuthority();
  const named = (name: string) => authority.issue({ names: [`${name}.${domain}`, 'dc.elsewhere.test'], addresses: [] });
  slapd = await startSlapd({ authority, certificate: await named('dc1') });
  other = await startSlapd({ authority, certificate: await named('dc2') });
});
afterAll(async () => {
  await slapd?.close();
  await other?.close();
});

/** Every name is this machine; whom it reaches, its port says. */
const here: LookupFunction = (_name, options, found) => {
  if (options.all === true) found(null, [{ address: '127.0.0.1', family: 4 }]);
  else found(null, '127.0.0.1', 4);
};

const proxy = (index: number): FaultProxy => {
  const found = proxies[index];
  if (found === undefined) throw new Error('no such proxy');
  return found;
};
const record = (name: string, index: number, priority = 10) => ({
  name,
  port: proxy(index).port,
  priority,
  weight: 0,
});
const url = (name: string, index: number) => `ldaps://${name}:${proxy(index).port}`;

beforeEach(async () => {
  dns = await startDns();
  proxies = [await startFaultProxy(slapd.port), await startFaultProxy(other.port), await startFaultProxy(other.port)];
});
afterEach(async () => {
  await people?.[Symbol.asyncDispose]();
  for (const one of proxies) await one.close();
  await dns[Symbol.asyncDispose]();
});

function open() {
  people = openDirectories(
    { people: registrationOf(slapd, { servers: [], srv_domain: domain }) },
    { connect: tlsConnector(here), resolveSrv: dns.resolveSrv, lookUpEvery: 100 },
  );
}
const urls = () => people.port.servers().map(({ server }) => server);

it('the first sign-in waits for DNS, and the lowest priority is asked first', async () => {
  dns.set({ [ldaps]: [record(`dc2.${domain}`, 1, 20), record(`dc1.${domain}`, 0, 10)] });
  open();
  expect(await people.login('ada', seedPassword('ada'))).toMatchObject({ outcome: 'accepted' });
  expect(urls()).toEqual([url(`dc1.${domain}`, 0), url(`dc2.${domain}`, 1)]);
  expect([proxy(0).accepted > 0, proxy(1).accepted]).toEqual([true, 0]);
  proxy(0).refuse();
  proxy(0).reset();
  expect((await people.user('ada')).server).toBe(url(`dc2.${domain}`, 1));
});

describe('A46: DNS is nobody to trust', () => {
  it('a server outside of the domain is not connected to, whatever its certificate says', async () => {
    dns.set({ [ldaps]: [record('dc.elsewhere.test', 1, 0), record(`dc1.${domain}`, 0, 10)] });
    open();
    expect((await people.user('ada')).server).toBe(url(`dc1.${domain}`, 0));
    proxy(0).refuse();
    proxy(0).reset();
    await expect(people.user('ada')).rejects.toThrow(DirectoryUnavailable);
    expect(proxy(1).accepted).toBe(0);
  });

  it('a server inside of it must have a certificate for the very name that DNS gave', async () => {
    dns.set({ [ldaps]: [record(`dc1.${domain}`, 1)] });
    open();
    await other.clearLog();
    await expect(people.login('ada', seedPassword('ada'))).rejects.toThrow(DirectoryUnavailable);
    expect(proxy(1).accepted).toBeGreaterThan(0);
    expect((await other.operations()).binds).toEqual([]);
  });
});

it('what cannot be reached is told with the field that says where the servers come from', async () => {
  dns.set({ [ldaps]: [record(`dc1.${domain}`, 0, 10), record(`dc1.${domain}`, 1, 20)] });
  proxy(0).refuse();
  open();
  people.port.start();
  await expect.poll(() => people.port.probes()).toHaveLength(1);
  const told = people.port.probes()[0]?.servers.map(({ tls }) => (tls?.ok === false ? tls.message : 'ok'));
  expect(told?.[0]).toMatch(/Check spec\.srv\.domain, the network between/);
  expect(told?.[1]).toMatch(/Use a name from the certificate in the SRV records of spec\.srv\.domain$/);
});

describe('as time goes by', () => {
  const lookedUp = async () => {
    const before = dns.asked.length;
    await expect.poll(() => dns.asked.length).toBeGreaterThan(before + 3);
  };

  it('a server that DNS names no more is left, one that it names anew is asked, one that stays keeps its connections', async () => {
    dns.set({ [ldaps]: [record(`dc1.${domain}`, 0, 10), record(`dc2.${domain}`, 1, 20)] });
    open();
    await people.user('ada');
    const accepted = proxy(0).accepted;
    dns.set({ [ldaps]: [record(`dc1.${domain}`, 0, 20), record(`dc2.${domain}`, 2, 10)] });
    await expect.poll(urls).toEqual([url(`dc2.${domain}`, 2), url(`dc1.${domain}`, 0)]);
    expect((await people.user('ada')).server).toBe(url(`dc2.${domain}`, 2));
    proxy(2).refuse();
    proxy(2).reset();
    expect((await people.user('ada')).server).toBe(url(`dc1.${domain}`, 0));
    expect(proxy(0).accepted).toBe(accepted);
  });

  it('other priorities are another order of the same servers', async () => {
    const [one, two] = [`dc1.${domain}`, `dc2.${domain}`];
    dns.set({ [ldaps]: [record(one, 0, 10), record(two, 1, 20)] });
    open();
    await people.user('ada');
    dns.set({ [ldaps]: [record(one, 0, 20), record(two, 1, 10)] });
    await expect.poll(urls).toEqual([url(two, 1), url(one, 0)]);
    expect((await people.user('ada')).server).toBe(url(two, 1));
  });

  it.each(['servfail', 'silent'] as const)('the last good answer holds while DNS gives none: %s', async (how) => {
    dns.set({ [ldaps]: [record(`dc1.${domain}`, 0)] });
    open();
    await people.user('ada');
    dns.fail(how);
    await lookedUp();
    expect(await people.login('ada', seedPassword('ada'))).toMatchObject({ outcome: 'accepted' });
  });

  it('and while the domain does not exist', async () => {
    dns.set({ [ldaps]: [record(`dc1.${domain}`, 0)] });
    open();
    await people.user('ada');
    dns.set({});
    await lookedUp();
    expect(await people.login('ada', seedPassword('ada'))).toMatchObject({ outcome: 'accepted' });
  });

  it('without any answer yet nobody is asked, the look at it says so, and it begins by itself', async () => {
    open();
    await expect(people.user('ada')).rejects.toThrow(/DNS names no server/);
    people.port.start();
    await expect
      .poll(() => people.port.probes())
      .toMatchObject([
        {
          servers: [
            {
              url: ldaps,
              tls: {
                ok: false,
                reason: 'ConnectFailed',
                message: `DNS names no server in ${ldaps} and _ldap._tcp.${domain} (ENOTFOUND). Check spec.srv.domain and DNS`,
              },
            },
          ],
        },
      ]);
    dns.set({ [ldaps]: [record(`dc1.${domain}`, 0)] });
    await expect.poll(urls).toEqual([url(`dc1.${domain}`, 0)]);
    expect(await people.login('ada', seedPassword('ada'))).toMatchObject({ outcome: 'accepted' });
  });
});
