import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Browser, Page } from '../support/browser.ts';
import { aScope } from '../support/builders.ts';
import { registrationOf } from '../support/directories.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn, seedPassword } from '../support/slapd-seed.ts';
import { authorizePath, codeFields, issuer, refreshFields, World, webApp } from '../support/world.ts';

/** Consent, verified by a real OpenLDAP: whatever was clicked or remembered, the directory has the last word. */
let slapd: Slapd;
let world: World;
const scopes = ['openid', 'profile', 'email', 'offline_access', 'shop:ledger', 'shop:engines'];
beforeAll(async () => {
  slapd = await startSlapd();
  world = await World.open({
    directory: 'registered',
    clients: [
      webApp('shop.web', { scopes }),
      webApp('shop.strict', { scopes, consent: { mode: 'remember', remember_for: 1000, on_refused_scope: 'deny' } }),
      webApp('shop.books', { scopes, access_groups: ['finance'] }),
      webApp('shop.implicit', { scopes, consent: { mode: 'implicit', remember_for: 1000, on_refused_scope: 'drop' } }),
    ],
    scopes: [
      aScope('shop:ledger', { display_name: 'Read the ledger' }),
      aScope('shop:engines', { display_name: 'Start the engines' }),
    ],
    directories: {
      'shop/people': registrationOf(slapd, {
        consent_rules: [
          { name: 'finance reads the ledger', scopes: ['shop:ledger'], groups: ['finance'] },
          {
            name: 'staff engineers',
            scopes: ['shop:engines'],
            groups: ['engineering'],
            filter: '(employeeType=staff)',
          },
        ],
      }),
    },
  });
});
afterAll(async () => {
  await world?.stop();
  await slapd?.close();
});

const groupDn = (name: string) => `cn=${name},ou=groups,${slapd.baseDn}`;
const member = (change: 'add' | 'delete', group: string, uid: string) =>
  slapd.modify(`dn: ${groupDn(group)}\nchangetype: modify\n${change}: member\nmember: ${seedDn(uid)}\n`);

type Change = Readonly<Record<string, string | undefined>>;
const toConsent = async (browser: Browser, uid: string, change: Change): Promise<Page> => {
  const login = await browser.get(authorizePath(change));
  expect(login.name).toBe('login');
  return browser.submit(login, { username: uid, password: seedPassword(uid), 'sign-in': '1' });
};
const allow = (browser: Browser, page: Page) => browser.submit(page, { decision: 'allow' });

interface Granted {
  readonly browser: Browser;
  readonly refreshToken: string;
  readonly scope: string | undefined;
}
async function granted(uid: string, change: Change): Promise<Granted> {
  const browser = world.browser();
  let page = await toConsent(browser, uid, change);
  if (page.name === 'consent') page = await allow(browser, page);
  if (page.name === 'consent-partial') page = await browser.get(page.link('continue') ?? '');
  const { status, body } = await world.token(codeFields(page.response.code), change.client_id);
  expect(status).toBe(200);
  return { browser, refreshToken: body.refresh_token ?? '', scope: body.scope };
}
const refresh = (token: string, clientId?: string) => world.token(refreshFields(token), clientId);

/** Counts of everything that could be issued. */
const issued = async () => [
  await world.count('authorization_codes', `outcome = 'issued'`),
  await world.count('grants'),
  await world.count('refresh_tokens'),
  await world.count('consents'),
];
let before: number[] = [];
beforeEach(async () => {
  await world.rows('DELETE FROM consents');
  await world.rows('DELETE FROM login_attempts');
  before = await issued();
});
const nothingIssued = async () => expect(await issued()).toEqual(before);

const lastAudit = async (event: string) => {
  const rows = await world.rows(
    `SELECT outcome, reason, user_name, client_id, directory, directory_server, rule, scopes, scopes_refused
      FROM audit WHERE event = $1 ORDER BY time DESC, id DESC LIMIT 1`,
    [event],
  );
  return rows[0];
};

describe('allowed', () => {
  it('rules hold: everything asked is given, and the row says who, what, by which rule, by which server', async () => {
    const { scope, refreshToken } = await granted('ada', { scope: 'openid shop:ledger shop:engines' });
    expect(scope).toBe('openid shop:ledger shop:engines');
    expect(await lastAudit('consent.given')).toEqual({
      outcome: 'success',
      reason: null,
      user_name: 'ada',
      client_id: 'shop.web',
      directory: 'shop/people',
      directory_server: slapd.url,
      rule: 'finance reads the ledger, staff engineers',
      scopes: ['openid', 'shop:ledger', 'shop:engines'],
      scopes_refused: null,
    });
    const again = await refresh(refreshToken);
    expect([again.status, again.body.scope]).toEqual([200, 'openid shop:ledger shop:engines']);
  });

  it('a remembered yes is verified too, silently', async () => {
    const { browser } = await granted('ada', { scope: 'openid shop:ledger' });
    const page = await browser.get(authorizePath({ scope: 'openid shop:ledger', prompt: 'none' }));
    expect(page.leftTo?.searchParams.get('code')).toBeTruthy();
    expect(await lastAudit('consent.verified')).toMatchObject({ outcome: 'success', reason: 'remembered' });
  });

  it('an implicit yes is verified by the sign-in’s own entry', async () => {
    await slapd.clearLog();
    const { scope } = await granted('alan', { client_id: 'shop.implicit', scope: 'openid shop:ledger' });
    expect(scope).toBe('openid');
    expect((await slapd.operations()).searches.filter((filter) => filter.includes('(uid=alan)'))).toHaveLength(1);
  });
});

describe('one scope refused', () => {
  it('drop: the person is told, the client gets the rest, and so does each refresh', async () => {
    const browser = world.browser();
    const consent = await toConsent(browser, 'alan', { scope: 'openid shop:engines shop:ledger' });
    const page = await allow(browser, consent);
    expect(page.name).toBe('consent-partial');
    // Alan is in engineering and no staff: the conditions of one rule must all hold.
    expect(page.html).toContain('Start the engines');
    expect(page.html).toContain('Read the ledger');
    const on = await browser.get(page.link('continue') ?? '');
    const { body } = await world.token(codeFields(on.response.code));
    expect(body.scope).toBe('openid');
    expect(await lastAudit('consent.given')).toMatchObject({
      scopes: ['openid'],
      scopes_refused: ['shop:engines', 'shop:ledger'],
    });
    const again = await refresh(body.refresh_token ?? '');
    expect([again.status, again.body.scope]).toEqual([200, 'openid']);
  });

  it('deny: access_denied, nothing issued', async () => {
    const browser = world.browser();
    const change = { client_id: 'shop.strict', scope: 'openid shop:ledger' };
    const page = await allow(browser, await toConsent(browser, 'alan', change));
    expect([page.name, page.status]).toEqual(['error:access_denied', 403]);
    expect(page.response).toMatchObject({ error: 'access_denied', state: 'the-state', iss: issuer });
    expect(await lastAudit('consent.verified')).toMatchObject({
      outcome: 'refused',
      reason: 'scope_refused',
      user_name: 'alan',
      rule: 'finance reads the ledger',
      scopes_refused: ['shop:ledger'],
    });
    await nothingIssued();
  });
});

describe('all refused', () => {
  it('nothing remains: access_denied although refused scopes are dropped', async () => {
    const browser = world.browser();
    const page = await allow(browser, await toConsent(browser, 'zoe', { scope: 'shop:ledger shop:engines' }));
    expect(page.name).toBe('error:access_denied');
    expect(page.response.error).toBe('access_denied');
    await nothingIssued();
  });

  it('not a member of access.groups: access_denied whatever is asked', async () => {
    const browser = world.browser();
    const change = { client_id: 'shop.books', scope: 'openid' };
    const page = await allow(browser, await toConsent(browser, 'alan', change));
    expect(page.name).toBe('error:access_denied');
    expect(await lastAudit('consent.verified')).toMatchObject({ reason: 'not_a_member', user_name: 'alan' });
    await nothingIssued();
  });
});

describe('locked between the sign-in and Allow', () => {
  afterEach(() => slapd.unlock(seedDn('grace')));

  it('access_denied, nothing issued; every session and grant of that person ends', async () => {
    const earlier = await granted('grace', { scope: 'openid' });
    const offline = await granted('grace', { client_id: 'shop.strict', scope: 'openid offline_access' });
    before = await issued();
    const browser = world.browser();
    const consent = await toConsent(browser, 'grace', { client_id: 'shop.books', scope: 'openid' });
    await slapd.lock(seedDn('grace'));
    const page = await allow(browser, consent);
    expect(page.name).toBe('error:access_denied');
    await nothingIssued();
    expect(await lastAudit('consent.verified')).toMatchObject({ outcome: 'refused', reason: 'locked' });
    expect(await lastAudit('grant.ended')).toMatchObject({ reason: 'locked', user_name: 'grace' });
    await slapd.unlock(seedDn('grace'));
    for (const one of [browser, earlier.browser, offline.browser]) {
      expect((await one.get(authorizePath({ scope: 'openid' }))).name).toBe('login');
    }
    expect((await refresh(earlier.refreshToken)).body.error).toBe('invalid_grant');
    expect((await refresh(offline.refreshToken, 'shop.strict')).body.error).toBe('invalid_grant');
  });

  it('A32: locked before a refresh: invalid_grant, and everything of that person ends', async () => {
    const one = await granted('grace', { scope: 'openid' });
    const other = await granted('grace', { client_id: 'shop.strict', scope: 'openid offline_access' });
    await slapd.lock(seedDn('grace'));
    expect((await refresh(one.refreshToken)).body.error).toBe('invalid_grant');
    await slapd.unlock(seedDn('grace'));
    expect((await refresh(other.refreshToken, 'shop.strict')).body.error).toBe('invalid_grant');
  });

  it('A32, A39: deleted and created anew under the same name: another person', async () => {
    const ldif = (password: string) => `dn: ${seedDn('temp')}
objectClass: inetOrgPerson
uid: temp
cn: Temp
sn: Temp
userPassword: ${password}
`;
    await slapd.add(ldif(seedPassword('temp')));
    const { refreshToken, browser } = await granted('temp', { scope: 'openid' });
    await slapd.modify(`dn: ${seedDn('temp')}\nchangetype: delete\n`);
    await slapd.add(ldif(seedPassword('temp')));
    expect(
      (await browser.get(authorizePath({ scope: 'openid', prompt: 'none' }))).leftTo?.searchParams.get('error'),
    ).toBe('access_denied');
    expect((await refresh(refreshToken)).body.error).toBe('invalid_grant');
    await granted('temp', { scope: 'openid' });
    const subjects = await world.rows(`SELECT DISTINCT subject FROM grants WHERE username = 'temp'`);
    expect(subjects).toHaveLength(2);
    await slapd.modify(`dn: ${seedDn('temp')}\nchangetype: delete\n`);
  });
});

describe('remembered, then the group is taken away', () => {
  afterEach(() => member('add', 'finance', 'grace').catch(() => undefined));

  it.each([
    ['deny', { client_id: 'shop.strict', scope: 'openid shop:ledger' }],
    ['nothing remains', { scope: 'shop:ledger' }],
    ['access.groups', { client_id: 'shop.books', scope: 'openid' }],
  ] as readonly [string, Change][])(
    '%s: prompt=none gives access_denied, nothing is issued, the grant ends at its refresh',
    async (_title, change) => {
      const { browser, refreshToken } = await granted('grace', change);
      const silent = await browser.get(authorizePath({ ...change, prompt: 'none' }));
      expect(silent.leftTo?.searchParams.get('code')).toBeTruthy();
      before = await issued();
      await member('delete', 'finance', 'grace');
      const page = await browser.get(authorizePath({ ...change, prompt: 'none' }));
      expect(Object.fromEntries(page.leftTo?.searchParams ?? [])).toMatchObject({
        error: 'access_denied',
        state: 'the-state',
        iss: issuer,
      });
      await nothingIssued();
      const clientId = change.client_id ?? 'shop.web';
      expect((await refresh(refreshToken, clientId)).body.error).toBe('invalid_grant');
      // Back in the group: the ended grant stays ended, the session lived on.
      await member('add', 'finance', 'grace');
      expect((await refresh(refreshToken, clientId)).body.error).toBe('invalid_grant');
      const again = await browser.get(authorizePath({ ...change, prompt: 'none' }));
      expect(again.leftTo?.searchParams.get('code')).toBeTruthy();
    },
  );

  it('drop: the scope leaves the grant at the next refresh, which says so', async () => {
    const { refreshToken } = await granted('grace', { scope: 'openid shop:ledger' });
    await member('delete', 'finance', 'grace');
    const second = await refresh(refreshToken);
    expect([second.status, second.body.scope]).toEqual([200, 'openid']);
    expect(await lastAudit('token.refreshed')).toMatchObject({ scopes: ['openid'], scopes_refused: ['shop:ledger'] });
  });
});

describe('a directory that stops between the sign-in and Allow', () => {
  it('issues nothing; refresh says 503 and spends nothing; "Try again" continues the same request', async () => {
    const earlier = await granted('ada', { scope: 'openid' });
    const browser = world.browser();
    const consent = await toConsent(browser, 'ada', { client_id: 'shop.books', scope: 'openid', state: 'kept' });
    before = await issued();
    const audits = await world.count('audit');
    await slapd.stop();
    let page: Page;
    try {
      page = await allow(browser, consent);
      expect([page.name, page.status]).toEqual(['error:temporarily_unavailable', 503]);
      expect(page.html).toContain('The directory does not answer');
      const refused = await refresh(earlier.refreshToken);
      expect([refused.status, refused.body.error]).toEqual([503, 'temporarily_unavailable']);
      const silent = await browser.get(authorizePath({ scope: 'openid', prompt: 'none' }));
      expect(silent.leftTo?.searchParams.get('error')).toBe('temporarily_unavailable');
      await nothingIssued();
      expect(await world.count('audit')).toBe(audits);
    } finally {
      await slapd.start();
    }
    // The server is skipped for some seconds after it failed.
    await expect
      .poll(
        async () => {
          if (page.name.startsWith('error:temporarily')) page = await browser.submit(page, { retry: '1' });
          return page.name;
        },
        { interval: 500 },
      )
      .toBe('continue');
    expect(page.response).toMatchObject({ state: 'kept', iss: issuer });
    expect((await world.token(codeFields(page.response.code), 'shop.books')).status).toBe(200);
    expect((await refresh(earlier.refreshToken)).status).toBe(200);
  });
});
