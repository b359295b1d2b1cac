/**
 * F09, F14, F15: a directory that locks accounts, set as docs/explanation/sign-in-limits.md tells, and strangers who guess on the
 * pages of two replicas from everywhere: nobody is locked through us, and nobody hears who exists. What happened is counted there.
 */
import { Client } from 'ldapts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { triesPerEntry } from '../../server/src/store/login-attempts.ts';
import type { Browser, Page } from '../support/browser.ts';
import { registrationOf } from '../support/directories.ts';
import { startDirectory389 } from '../support/directory-389.ts';
import { dn389, password389 } from '../support/directory-389-seed.ts';
import { replaced } from '../support/ldap-changes.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { startSamba } from '../support/samba.ts';
import { domainDn, domainPassword, domainSuffix } from '../support/samba-seed.ts';
import { startSlapd } from '../support/slapd.ts';
import { seedDn, seedPassword, seedSuffix } from '../support/slapd-seed.ts';
import { registrationOf389, registrationOfSamba } from '../support/vendor-registrations.ts';
import { authorizePath, World } from '../support/world.ts';

type Running = Awaited<ReturnType<(typeof vendors)[number]['start']>>['server'];

const policy = (attribute: string, value: string) => replaced(`cn=default,ou=policies,${seedSuffix}`, attribute, value);
const domain = (attribute: string, value: string) => replaced(domainSuffix, attribute, value);
const of389 = (attribute: string, value: string) => replaced('cn=config', attribute, value);
const minutes = (count: number) => String(-count * 600_000_000);

const same = 'Too many tries';
const nobody = 'Username or password is not right';

/** `window`: minutes after which the directory forgets a failure. `failures`: where it counts them. */
const vendors = [
  {
    name: 'OpenLDAP',
    start: async () => {
      const server = await startSlapd();
      await server.modify(policy('pwdMaxFailure', '11') + policy('pwdFailureCountInterval', '300'));
      const { user_search } = registrationOf(server);
      const filter = '(&(objectClass=inetOrgPerson)(|(uid={})(mail={})))';
      return { server, registration: registrationOf(server, { user_search: { ...user_search, filter } }) };
    },
    window: 5,
    tries: 1000,
    dn: seedDn,
    failures: 'pwdFailureTime',
    lock: 'pwdAccountLockedTime',
    password: seedPassword,
    spellings: {
      ADA: same,
      ' ada': same,
      'aDa  ': same,
      ａｄａ: same,
      'ada@example.org': same,
      'ADA@Example.org ': same,
      'EXAMPLE\\ada': nobody,
      [seedDn('ada')]: nobody,
    },
  },
  {
    name: 'Active Directory',
    start: async () => {
      const server = await startSamba();
      const lasts = domain('lockoutDuration', minutes(10)) + domain('lockOutObservationWindow', minutes(10));
      await server.modify(lasts + domain('lockoutThreshold', '16'));
      return { server, registration: registrationOfSamba(server) };
    },
    window: 10,
    tries: 220,
    dn: domainDn,
    failures: 'badPwdCount',
    lock: 'lockoutTime',
    password: domainPassword,
    spellings: {
      ADA: same,
      'aDa ': same,
      ａｄａ: nobody,
      'ada@ad.example.org': same,
      'ADA@AD.example.org': same,
      'ada@example.org': nobody,
      'AD\\ada': nobody,
      [domainDn('ada')]: nobody,
    },
  },
  {
    name: '389 Directory Server',
    start: async () => {
      const server = await startDirectory389();
      const forgets = of389('passwordResetFailureCount', '300') + of389('passwordMaxFailure', '11');
      await server.modify(of389('passwordLockout', 'on') + forgets);
      return { server, registration: registrationOf389(server) };
    },
    window: 5,
    tries: 240,
    dn: dn389,
    failures: 'passwordRetryCount',
    lock: 'accountUnlockTime',
    password: password389,
    spellings: {
      ADA: same,
      ' ada': same,
      'aDa  ': same,
      ａｄａ: nobody,
      'EXAMPLE\\ada': nobody,
      [dn389('ada')]: nobody,
    },
  },
] as const;

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres('newest');
});
afterAll(() => postgres?.stop());

describe.each(vendors)('$name', ({ start, window, tries, dn, failures, lock, password, spellings }) => {
  let server: Running;
  let world: World;
  let page: Page;
  let browser: Browser;
  beforeAll(async () => {
    const started = await start();
    server = started.server;
    world = await World.open({
      databaseUrl: await postgres.createDatabase(),
      server: { trusted_proxies: { cidrs: ['127.0.0.0/8'], header: 'x-forwarded-for' } },
      directory: 'registered',
      directories: { 'shop/people': started.registration },
      replicas: 2,
    });
  });
  afterAll(async () => {
    await world?.stop();
    await server?.close();
  });
  beforeEach(async () => {
    await world.rows('DELETE FROM login_attempts');
    browser = world.browser();
    page = await browser.get(authorizePath());
  });

  let guesses = 0;
  /** From an address of its own, by the other replica than the last one. */
  const enter = async (username: string, typed: string): Promise<Page> => {
    guesses += 1;
    browser.headers.set('x-forwarded-for', `10.${guesses >> 16}.${(guesses >> 8) & 255}.${guesses & 255}`);
    return browser.submit(page, { username, password: typed, 'sign-in': '1' });
  };
  const guess = async (username: string) => (await enter(username, `guess-${guesses}`)).problem?.split('.')[0];
  const moveOn = () => world.rows(`UPDATE login_attempts SET last_at = last_at - interval '61 seconds'`);
  /** As fast as they are taken, for as long as the directory remembers; how often which words were the answer. */
  const guessOn = async (username: string) => {
    const told: Record<string, number> = {};
    for (let round = 0; round <= window; round += 1) {
      for (let left = tries / (window + 1); left > 0; left -= 1) {
        // However slow this machine is, no minute goes by but those below.
        if (Math.floor(left) % 25 === 0) await world.rows('UPDATE login_attempts SET last_at = now()');
        const words = (await guess(username)) ?? '';
        told[words] = (told[words] ?? 0) + 1;
      }
      await moveOn();
    }
    return told;
  };
  const counted = async (username: string) => {
    const client = new Client({ url: server.url, tlsOptions: { ca: server.caPem }, timeout: 60_000 });
    await client.bind(server.bindDn, server.bindPassword);
    const found = await client.search(dn(username), { scope: 'base', attributes: [failures, lock] });
    await client.unbind();
    const [values, locked] = [failures, lock].map((name) => [found.searchEntries[0]?.[name] ?? []].flat().map(String));
    const failed = failures === 'pwdFailureTime' ? values?.length : Number(values?.[0] ?? 0);
    return { failed, locked: locked?.filter((value) => value !== '0') };
  };

  it('is never made to lock anybody; a name that nobody has hears the same words as often', async () => {
    const told = await guessOn('grace');
    const most = triesPerEntry + window;
    expect(await counted('grace')).toEqual({ failed: most, locked: [] });
    expect(told).toEqual({ [nobody]: most, [same]: Math.ceil(tries / (window + 1)) * (window + 1) - most });
    expect(await guessOn('nobody-at-all')).toEqual(told);
    expect((await enter('grace', password('grace'))).name).toBe('consent');
  });

  it('one account however its name is spelled, on either replica', async () => {
    for (let round = 0; round < triesPerEntry; round += 1) expect(await guess('ada')).toBe(nobody);
    const told: Record<string, unknown> = {};
    for (const spelling of Object.keys(spellings)) told[spelling] = await guess(spelling);
    expect(told).toEqual(spellings);
    expect(await counted('ada')).toEqual({ failed: triesPerEntry, locked: [] });
  });
});
