import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DirectoryRegistration } from '../../server/src/registry/registration.ts';
import type { DirectoryServerProbe } from '../../server/src/registry/report.ts';
import { bindAnswer, doneAnswer } from '../support/ber.ts';
import { makeAuthority } from '../support/certificates.ts';
import { openDirectories, openLedger, registrationOf, type TestDirectories } from '../support/directories.ts';
import { startFaultProxy } from '../support/proxy.ts';
import { startScriptedLdap } from '../support/scripted-ldap.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn, seedPassword, seedSuffix } from '../support/slapd-seed.ts';

/** What a replica reports about each server of a directory, in the words that its resource will show. */
let slapd: Slapd;
let people: TestDirectories;

beforeAll(async () => {
  slapd = await startSlapd();
});
afterAll(() => slapd?.close());
beforeEach(() => {
  people = openDirectories({ people: registrationOf(slapd) });
});
afterEach(async () => people[Symbol.asyncDispose]());

type Change = Partial<DirectoryRegistration>;

/** What is found for a registration, once it was looked at. */
async function probe(
  change: Change = {},
  more: Parameters<typeof openDirectories>[1] = {},
): Promise<readonly DirectoryServerProbe[]> {
  await using looking = openDirectories({ people: registrationOf(slapd, change) }, more);
  looking.port.start();
  await expect.poll(() => looking.port.probes()).toHaveLength(1);
  return looking.port.probes()[0]?.servers ?? [];
}

async function probeOne(change: Change = {}): Promise<DirectoryServerProbe | undefined> {
  return (await probe(change))[0];
}

const ok = { ok: true };
const place = () => `localhost:${slapd.port}`;

describe('the report', () => {
  it('names directory, owner, what was probed, and each server step by step', async () => {
    people.port.start();
    await expect.poll(() => people.port.probes()).toHaveLength(1);
    expect(people.port.probes()).toEqual([
      {
        directory: 'shop/people',
        uid: 'uid-of-people',
        fingerprint: 'fingerprint-of-people',
        servers: [{ url: slapd.url, tls: ok, bind: ok, searchBase: ok }],
      },
    ]);
  });

  it('comes at once after a change, and tells who listens', async () => {
    let told = 0;
    people.port.onProbe(() => {
      told += 1;
    });
    people.port.start();
    await expect.poll(() => told).toBe(1);
    people.snapshots.set({ people: registrationOf(slapd, { servers: ['ldaps://127.0.0.1:1'] }) });
    await expect.poll(() => people.port.probes()[0]?.servers[0]?.tls?.ok).toBe(false);
    people.snapshots.set({});
    expect(people.port.probes()).toEqual([]);
  });

  it('looks at every server, whichever is in use', async () => {
    const servers = [slapd.url, `ldaps://127.0.0.1:${slapd.port}`, 'ldaps://127.0.0.1:1'];
    const found = await probe({ servers });
    expect(found.map(({ url, tls, searchBase }) => [url, tls?.ok, searchBase?.ok])).toEqual([
      [servers[0], true, true],
      [servers[1], true, true],
      [servers[2], false, undefined],
    ]);
  });
});

describe('TLSReady', () => {
  const tls = async (change: Change) => (await probeOne(change))?.tls;

  it('ConnectFailed: nothing listens, and nothing is told of later steps', async () => {
    expect(await probeOne({ servers: ['ldaps://127.0.0.1:1'] })).toEqual({
      url: 'ldaps://127.0.0.1:1',
      tls: {
        ok: false,
        reason: 'ConnectFailed',
        message:
          '127.0.0.1:1 cannot be reached over TLS (ECONNREFUSED). Check spec.servers, the network between, and that it speaks TLS 1.2 or newer',
      },
    });
  });
  it('ConnectFailed: what is no server', async () => {
    expect(await tls({ servers: ['ldap://localhost'] })).toEqual({
      ok: false,
      reason: 'ConnectFailed',
      message: 'spec.servers: write ldaps://host or ldaps://host:port and nothing more',
    });
  });
  it('ConnectFailed: a name that does not exist', async () => {
    expect(await tls({ servers: ['ldaps://nowhere.invalid'] })).toMatchObject({
      reason: 'ConnectFailed',
      message: expect.stringMatching(/^nowhere\.invalid:636 cannot be reached over TLS \((ENOTFOUND|EAI_AGAIN)\)/),
    });
  });
  it('ConnectFailed: silence', async () => {
    await using proxy = await startFaultProxy(slapd.port);
    proxy.blackHole('new');
    const timeouts = { connect: 300, bind: 300, search: 300 };
    expect(await tls({ servers: [`ldaps://localhost:${proxy.port}`], timeouts })).toMatchObject({
      reason: 'ConnectFailed',
      message: expect.stringContaining('(no answer in time)'),
    });
  });
  it('M17 CertificateUntrusted names the issuer, which is what is missing from the bundle', async () => {
    expect(await tls({ ca_bundle: (await makeAuthority('Another CA')).pem })).toEqual({
      ok: false,
      reason: 'CertificateUntrusted',
      message: `${place()}: its certificate, issued by "Test CA", is not trusted. Add that CA to the bundle named in spec.tls.caBundleRef`,
    });
  });
  it('CertificateUntrusted: a bundle without a certificate', async () => {
    for (const ca_bundle of ['none', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n']) {
      expect(await tls({ ca_bundle })).toMatchObject({
        reason: 'CertificateUntrusted',
        message: expect.stringMatching(/^spec\.tls\.caBundleRef: /),
      });
    }
  });

  const withCertificate = async (request: Parameters<Slapd['authority']['issue']>[0], change: Change = {}) => {
    await slapd.stop();
    await slapd.start(await slapd.authority.issue(request));
    try {
      return await tls(change);
    } finally {
      await slapd.stop();
      await slapd.start(await slapd.authority.issue());
    }
  };
  it('CertificateNameMismatch names what the certificate is for', async () => {
    expect(await withCertificate({ names: ['ldap.example.org'], addresses: [] })).toEqual({
      ok: false,
      reason: 'CertificateNameMismatch',
      message: `${place()}: its certificate is not issued for "localhost" but for ldap.example.org. Use a name from the certificate in spec.servers`,
    });
  });
  it('CertificateNameMismatch for an address too', async () => {
    expect(await withCertificate({ addresses: [] }, { servers: [`ldaps://127.0.0.1:${slapd.port}`] })).toMatchObject({
      reason: 'CertificateNameMismatch',
    });
  });
  it('CertificateExpired', async () => {
    expect(await withCertificate({ days: -1 })).toEqual({
      ok: false,
      reason: 'CertificateExpired',
      message: `${place()}: its certificate has expired. Have the directory's administrator renew it`,
    });
  });
  it('looking for the issuer sends nothing', async () => {
    await slapd.clearLog();
    await tls({ ca_bundle: (await makeAuthority()).pem });
    expect(await slapd.operations()).toMatchObject({ binds: [], searches: [] });
  });
});

describe('BindSucceeded', () => {
  it('M18 BindRejected: the account, not its password; it is not tried again', async () => {
    await using kept = await openLedger();
    await slapd.clearLog();
    const more = { serviceBinds: kept.ledger };
    const expected = {
      url: slapd.url,
      tls: ok,
      bind: {
        ok: false,
        reason: 'BindRejected',
        message: `${place()} refused the service account "${slapd.bindDn}" (invalid credentials). Check spec.bind.dn and Secret "{secret}"`,
      },
    };
    for (let round = 0; round < 3; round += 1) {
      expect(await probe({ bind_password: 'not this one' }, more)).toEqual([expected]);
    }
    expect((await slapd.operations()).binds).toEqual([slapd.bindDn]);
    expect(JSON.stringify(expected)).not.toContain('not this one');
  });

  it('BindFailed: another result', async () => {
    await using server = await startScriptedLdap();
    server.answer(({ id, socket }) => void socket.write(bindAnswer(id, 53)));
    expect((await probeOne({ servers: [server.url], ca_bundle: server.caPem }))?.bind).toEqual({
      ok: false,
      reason: 'BindFailed',
      message: `localhost:${server.port} did not let the service account sign in (result code 53). Check spec.bind.dn and the directory`,
    });
  });
  it('BindFailed: no answer', async () => {
    await using server = await startScriptedLdap();
    server.answer(() => undefined);
    const timeouts = { connect: 20_000, bind: 200, search: 200 };
    expect((await probeOne({ servers: [server.url], ca_bundle: server.caPem, timeouts }))?.bind).toMatchObject({
      reason: 'BindFailed',
      message: expect.stringContaining('(no answer within 200 ms)'),
    });
  });
});

describe('SearchBaseFound', () => {
  const search = (change: Partial<DirectoryRegistration['user_search']>) => ({
    user_search: { ...registrationOf(slapd).user_search, ...change },
  });
  const base = async (change: Change) => (await probeOne(change))?.searchBase;

  it('M18 SearchBaseNotFound says what there is', async () => {
    expect(await base(search({ base: 'ou=people,dc=elsewhere' }))).toEqual({
      ok: false,
      reason: 'SearchBaseNotFound',
      message: `search base "ou=people,dc=elsewhere" does not exist on localhost. It offers: ${seedSuffix}`,
    });
    expect(await base(search({ base: `ou=nobody,${seedSuffix}` }))).toMatchObject({ reason: 'SearchBaseNotFound' });
  });
  it.each<[string, Change, RegExp]>([
    [
      'user filter',
      { user_search: { filter: '(uid=*{}*)' } as never },
      /^spec\.userSearch\.filter: \{\} must be the whole value/,
    ],
    [
      'group filter',
      { group_search: { filter: '(member=x)' } as never },
      /^spec\.groupSearch\.filter: \{\} is missing/,
    ],
    [
      'rule filter',
      { consent_rules: [{ name: 'r', scopes: ['a'], groups: [], filter: '(a>=1)' }] },
      /^spec\.consentRules "r", filter: use equality/,
    ],
    [
      'two rules of one name',
      { consent_rules: ['r', 'r'].map((name) => ({ name, scopes: ['a'], groups: [] })) },
      /same name/,
    ],
    ['base', { user_search: { base: 'people' } as never }, /^spec\.userSearch\.base: it is no DN/],
    ['reserved claim', { claims: { sub: 'uid' } }, /^spec\.claims: "sub"/],
    ['attribute', { claims: { x: 'a b' } }, /no name of an attribute/],
  ])('InvalidFilter: %s', async (_title, change, message) => {
    const whole = registrationOf(slapd);
    const merged: Change = {
      ...change,
      ...(change.user_search === undefined ? {} : { user_search: { ...whole.user_search, ...change.user_search } }),
      ...(change.group_search === undefined
        ? {}
        : { group_search: { ...whole.group_search, ...change.group_search } as never }),
    };
    expect(await base(merged)).toMatchObject({
      ok: false,
      reason: 'InvalidFilter',
      message: expect.stringMatching(message),
    });
    await using unusable = openDirectories({ people: registrationOf(slapd, merged) });
    await expect(unusable.user('ada')).rejects.toThrow(message.source.startsWith('^') ? /spec/ : message);
  });
  it('SearchNotPermitted: the base may not be read', async () => {
    await using server = await startScriptedLdap();
    server.answer(({ id, operation, socket }) => {
      if (operation === 'bind') socket.write(bindAnswer(id, 0));
      if (operation === 'search') socket.write(doneAnswer(id, 50));
    });
    expect(await base({ servers: [server.url], ca_bundle: server.caPem })).toMatchObject({
      reason: 'SearchNotPermitted',
      message: expect.stringContaining('(result code 50)'),
    });
  });
  it('SearchNotPermitted: an attribute that every user must show stays hidden', async () => {
    await using closed = await startSlapd({ settings: ['access to attrs=entryUUID by * none'] });
    const [found] = await probe({ servers: [closed.url], ca_bundle: closed.caPem });
    expect(found?.searchBase).toMatchObject({
      reason: 'SearchNotPermitted',
      message: expect.stringMatching(/but an entry has no entryUUID\. Let it read the attributes named in/),
    });
  });
  it('no users yet is no problem', async () => {
    expect(await base(search({ base: `ou=services,${seedSuffix}` }))).toEqual(ok);
  });
});

describe('the policy that the registration names', () => {
  const named = (name: string): Change => ({ default_policy: name });

  it('is read, and its absence leaves the server well', async () => {
    expect(await probeOne(named(`cn=default,ou=policies,${seedSuffix}`))).toMatchObject({ searchBase: ok, policy: ok });
    const found = await probeOne(named(`cn=nowhere,ou=policies,${seedSuffix}`));
    expect(found).toMatchObject({ searchBase: ok });
    expect(found?.policy).toEqual({
      ok: false,
      reason: 'PolicyNotReadable',
      message:
        'spec.accountStatus.defaultPolicy: localhost shows the service account no policy of that name, so it counts for nobody. Correct the name, or give the right to read the policy',
    });
  });

  it('PolicyNotReadable: the service account may not read it', async () => {
    const policy = `cn=default,ou=policies,${seedSuffix}`;
    await using closed = await startSlapd({ settings: [`access to dn.base="${policy}" by * none`] });
    const [found] = await probe({ ...named(policy), servers: [closed.url], ca_bundle: closed.caPem });
    expect(found?.policy).toMatchObject({ reason: 'PolicyNotReadable' });
  });

  it('is none of a kind of directory that has no such policies', async () => {
    expect(await probeOne({ ...named('cn=any'), vendor: 'generic' })).not.toHaveProperty('policy');
  });
});

describe('messages', () => {
  it('are one line of at most 250 characters', async () => {
    const long = `ou=${'x'.repeat(600)},dc=elsewhere`;
    const found = await probeOne({ user_search: { ...registrationOf(slapd).user_search, base: long } });
    const step = found?.searchBase;
    const message = step?.ok === false ? step.message : '';
    expect(message.length).toBe(250);
    expect(message.endsWith('…')).toBe(true);
  });
});

describe('beside requests', () => {
  it('a probe uses connections of its own and ends them', async () => {
    await people.login('ada', seedPassword('ada'));
    people.forget();
    people.port.start();
    await expect.poll(() => people.port.probes()).toHaveLength(1);
    expect(people.operations.map((one) => `${one.purpose} ${one.operation}`)).toEqual([
      'probe connect',
      'probe bind',
      'probe search',
      'probe search',
    ]);
    await people.login('ada', seedPassword('ada'));
    expect(people.operations.filter((one) => one.operation === 'connect')).toHaveLength(1);
    expect((await slapd.operations()).binds).toContain(seedDn('ada'));
  });
});
