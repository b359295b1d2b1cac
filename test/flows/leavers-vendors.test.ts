/**
 * I2, F08, T_off: whoever is switched off or deleted in a real directory of each kind, or whose password expires, is out within the
 * interval, by the sweep alone.
 */
import { afterAll, beforeAll, describe, it, vi } from 'vitest';
import type { DirectoryRegistration } from '../../server/src/registry/registration.ts';
import { registrationOf } from '../support/directories.ts';
import { type Directory389, startDirectory389 } from '../support/directory-389.ts';
import { dn389, person389 } from '../support/directory-389-seed.ts';
import { replaced } from '../support/ldap-changes.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { type Samba, startSamba } from '../support/samba.ts';
import { domainDn, domainPerson, domainSuffix } from '../support/samba-seed.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn, seedPassword, seedSuffix } from '../support/slapd-seed.ts';
import { registrationOf389, registrationOfSamba } from '../support/vendor-registrations.ts';
import { authorizePath, codeFields, issuer, refreshFields, signIn, World, webApp } from '../support/world.ts';

// Longer than the sum of all that a test of this file waits for.
vi.setConfig({ testTimeout: 600_000 });

const patience = { timeout: 120_000, interval: 250 };
const often = { recheck: { every: 10 } };
let slapd: Slapd;
let samba: Samba;
let directory389: Directory389;
let postgres: TestPostgres;
let world: World;

const seedPerson = (uid: string) =>
  `dn: ${seedDn(uid)}\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: ${uid}\nsn: ${uid}\ndisplayName: ${uid}\nuserPassword: ${seedPassword(uid)}\n\n`;

const policyDn = `cn=moment,ou=policies,${seedSuffix}`;
const policy = `dn: ${policyDn}
objectClass: person
objectClass: pwdPolicy
cn: moment
sn: moment
pwdAttribute: userPassword
pwdMaxAge: 1
`;
/** Of their people no password that is as young as those of a test has expired. */
const twoDays = '-1728000000000';

/** Their people have passwords of the same form. */
const vendors = {
  OpenLDAP: {
    id: 'shop/people',
    directory: () => slapd,
    person: seedPerson,
    dn: seedDn,
    off: (uid: string) => replaced(seedDn(uid), 'pwdAccountLockedTime', '000001010000Z'),
    // It notes the age of a password that is set while passwords grow old.
    expire: (uid: string) =>
      slapd.modify(
        replaced(seedDn(uid), 'pwdPolicySubentry', policyDn) + replaced(seedDn(uid), 'userPassword', seedPassword(uid)),
      ),
    reason: 'locked',
    suffix: '',
  },
  'Active Directory': {
    id: 'shop/domain',
    directory: () => samba,
    person: (name: string) => domainPerson(name, name),
    dn: domainDn,
    off: (name: string) => replaced(domainDn(name), 'userAccountControl', '514'),
    expire: (name: string) => samba.agePassword(domainDn(name), 3),
    reason: 'disabled',
    suffix: '',
  },
  '389 Directory Server': {
    id: 'shop/389',
    directory: () => directory389,
    person: (uid: string) => person389(uid, uid),
    dn: dn389,
    off: (uid: string) => replaced(dn389(uid), 'nsAccountLock', 'true'),
    expire: (uid: string) => directory389.modify(replaced(dn389(uid), 'passwordExpirationTime', '20200101000000Z')),
    reason: 'disabled',
    suffix: '',
  },
  'a directory whose entries tell the state': {
    id: 'shop/told',
    directory: () => slapd,
    person: (uid: string) => seedPerson(uid).replace('\n\n', '\ntitle: in use\n\n'),
    dn: seedDn,
    off: (uid: string) => replaced(seedDn(uid), 'title', 'left'),
    expire: (uid: string) => slapd.modify(replaced(seedDn(uid), 'title', 'too old')),
    reason: 'disabled',
    suffix: '-told',
  },
} as const;

beforeAll(async () => {
  [slapd, samba, directory389, postgres] = await Promise.all([
    startSlapd(),
    startSamba(),
    startDirectory389(),
    startPostgres('newest'),
  ]);
  await slapd.add(policy);
  await samba.modify(replaced(domainSuffix, 'maxPwdAge', twoDays));
  const told: Partial<DirectoryRegistration> = {
    ...often,
    vendor: 'generic',
    subject_namespace: 'shop/told',
    priority: 1,
    matches: { suffixes: ['-told'], names: [] },
    account_status: {
      attribute: 'title',
      values: [
        { value: 'in use', state: 'active' },
        { value: 'too old', state: 'password_expired' },
      ],
      other_values: 'disabled',
      without_value: 'disabled',
    },
  };
  world = await World.open({
    databaseUrl: await postgres.createDatabase(),
    clients: [webApp('shop.web', { backchannel_logout_uri: 'https://shop.example.com/logout' })],
    directory: 'registered',
    directories: {
      [vendors.OpenLDAP.id]: registrationOf(slapd, often),
      [vendors['Active Directory'].id]: registrationOfSamba(samba, often),
      [vendors['389 Directory Server'].id]: registrationOf389(directory389, often),
      'shop/told': registrationOf(slapd, told),
    },
    rechecks: true,
  });
});
afterAll(async () => {
  await world?.stop();
  await Promise.all([slapd?.close(), samba?.close(), directory389?.close(), postgres?.stop()]);
});

async function granted(name: string) {
  const browser = world.browser();
  const page = await signIn(browser, authorizePath({ scope: 'openid offline_access' }), name, seedPassword(name));
  const { response } = page.name === 'consent' ? await browser.submit(page, { decision: 'allow' }) : page;
  return (await world.token(codeFields(response.code))).body;
}

async function isActive(token: string | undefined): Promise<unknown> {
  const response = await world.fetch(`${issuer}/introspect`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from('shop.web:secret-of-shop.web').toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({ token: token ?? '' }).toString(),
  });
  return ((await response.json()) as { active?: unknown }).active;
}

interface Standing {
  readonly round: number;
  /** Sessions and grants. */
  readonly live: number;
}

/** One statement: what was ended in a round is ended in what this says of the next. */
async function standing(directory: string, name: string): Promise<Standing> {
  const [row] = await world.rows<Standing>(
    `SELECT d.round, (SELECT count(*) FROM sessions WHERE username = $2 AND ended_at IS NULL)::int
        + (SELECT count(*) FROM grants WHERE username = $2 AND ended_at IS NULL)::int AS live
      FROM recheck_rounds d WHERE d.directory = $1`,
    [directory, name],
  );
  return row ?? { round: 0, live: -1 };
}

const cases = Object.entries(vendors).flatMap(([title, vendor], index) => [
  { title, vendor, how: 'switched off', name: `off${index}${vendor.suffix}`, reason: vendor.reason },
  { title, vendor, how: 'deleted', name: `gone${index}${vendor.suffix}`, reason: 'gone' },
  { title, vendor, how: 'with an expired password', name: `old${index}${vendor.suffix}`, reason: 'password_expired' },
]);

describe('F08: a leaver', () => {
  it.concurrent.for(cases)(
    'of $title, $how: the next round ends sessions, grants and tokens, and applications are told',
    async ({ vendor: { id, directory, person, dn, off, expire }, how, name, reason }, { expect }) => {
      const other = `stays${name}`;
      await directory().add(person(name) + person(other));
      const [first, second] = [await granted(name), await granted(other)];
      expect(await isActive(first.access_token)).toBe(true);
      if (how === 'deleted') await directory().modify(`dn: ${dn(name)}\nchangetype: delete\n`);
      else await (how === 'switched off' ? directory().modify(off(name)) : expire(name));

      const { round } = await standing(id, name);
      let begun = 0;
      const left = async () => {
        const now = await standing(id, name);
        if (now.live > 0) begun = now.round - round;
        return now.live;
      };
      await expect.poll(left, patience).toBe(0);
      // The first that began after the directory had said so. An age of a second may pass in a round of its own.
      expect(begun).toBeLessThanOrEqual(reason === 'password_expired' ? 2 : 1);
      for (const table of ['sessions', 'grants'])
        expect(await world.rows(`SELECT ended_reason FROM ${table} WHERE username = $1`, [name])).toEqual([
          { ended_reason: 'leaver' },
        ]);
      expect(
        await world.rows(
          `SELECT l.client_id FROM logout_deliveries l JOIN sessions s ON s.id = l.session_id WHERE s.username = $1`,
          [name],
        ),
      ).toEqual([{ client_id: 'shop.web' }]);
      expect(
        await world.rows(`SELECT reason, directory FROM audit WHERE event = 'leaver.ended' AND user_name = $1`, [name]),
      ).toEqual([{ reason, directory: id }]);
      await expect.poll(() => isActive(first.access_token), patience).toBe(false);
      expect((await world.token(refreshFields(first.refresh_token))).body.error).toBe('invalid_grant');

      expect(await isActive(second.access_token)).toBe(true);
      expect((await world.token(refreshFields(second.refresh_token))).status).toBe(200);
    },
  );
});
