/** OpenID Connect RP-Initiated Logout 1.0, and signing out in general: who is asked, where people end, what is over then. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as oidc from 'openid-client';
import { describe, expect, it } from 'vitest';
import type { Page } from '../support/browser.ts';
import { anOwner } from '../support/builders.ts';
import {
  asks,
  bye,
  byeFrom,
  cookieOf,
  lastPerson,
  logoutPath,
  signedIn,
  silently,
  useLogout,
  userinfo,
  world,
} from '../support/logout.ts';
import { introspect, userinfo as openedBy } from '../support/tokens.ts';
import { authorize, authorizePath, codeFields, issuer, refreshFields, World, webApp } from '../support/world.ts';

useLogout();

/** Nothing on the page, and nothing in the answer, leads anywhere but to us. */
const leadsNowhere = (page: Page) => {
  expect(page.leftTo).toBeUndefined();
  expect(page.wayOut).toBeUndefined();
  expect(page.link('back')).toBeUndefined();
  expect(page.html).not.toMatch(/evil/);
};

describe('with an ID token of this session', () => {
  it('the session ends without a question, and everything that hangs off it; state comes back', async () => {
    const { browser, idToken, accessToken, refreshToken } = await signedIn();
    expect(await userinfo(accessToken)).toBe(200);
    const before = browser.clone();
    const page = await browser.get(
      logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: bye, state: 'st at&e=#ü' }),
    );
    expect(page.status).toBe(303);
    expect(page.leftTo?.href).toBe(`${bye}?${new URLSearchParams({ state: 'st at&e=#ü' }).toString()}`);
    expect(cookieOf(browser)).toBeUndefined();
    expect(await silently(browser)).toBe('login_required');
    // A30: the cookie as it was.
    expect(cookieOf(before)).toBeDefined();
    expect(await silently(before)).toBe('login_required');
    expect((await before.get('/account')).name).toBe('login');
    expect((await world.token(refreshFields(refreshToken))).body.error).toBe('invalid_grant');
    // Ended by itself, not only while somebody looks at its session, too.
    const left = 'ended_at IS NULL AND session_id IN (SELECT id FROM sessions WHERE ended_at IS NOT NULL)';
    expect(await world.count('grants', left)).toBe(0);
    // F52: everywhere within a second.
    await expect.poll(() => userinfo(accessToken)).toBe(401);
  });

  it.each(['shop.web', 'shop.opaque'])(
    'F52: within a second its access tokens open nothing on any replica: %s',
    async (clientId) => {
      const { browser, idToken, accessToken } = await signedIn(clientId);
      const ask = async (url: string) => [
        (await introspect(world, accessToken, clientId, {}, url)).body.active,
        (await openedBy(world, accessToken, url)).status,
      ];
      // Seen before by each, so that nothing is remembered wrongly.
      for (const url of world.urls) expect(await ask(url)).toEqual([true, 200]);
      await browser.get(logoutPath({ id_token_hint: idToken }));
      for (const url of world.urls) {
        await expect.poll(() => ask(url), { interval: 50 }).toEqual([false, 401]);
      }
    },
  );

  it('offline access goes on, and its ID token names the session all the same', async () => {
    const { browser, idToken, refreshToken } = await signedIn('shop.web', world.browser(), 'openid offline_access');
    expect((await browser.get(logoutPath({ id_token_hint: idToken }))).name).toBe('signed-out');
    expect(await silently(browser)).toBe('login_required');
    expect((await world.token(refreshFields(refreshToken))).status).toBe(200);
  });

  it('a code that was not redeemed yet is worth nothing', async () => {
    const { browser, idToken } = await signedIn();
    const { code } = await authorize(browser, { prompt: 'none' });
    await browser.get(logoutPath({ id_token_hint: idToken }));
    expect((await world.token(codeFields(code))).body.error).toBe('invalid_grant');
  });

  it('an expired one is as good', async () => {
    const { browser, idToken } = await signedIn();
    await sleep(2100);
    const page = await browser.get(logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: bye }));
    expect(page.leftTo?.href).toBe(bye);
    expect(await silently(browser)).toBe('login_required');
  });

  it.each([
    ['no state', {}, ''],
    ['an empty state', { state: '' }, ''],
    ['a state of 8 KiB', { state: 's'.repeat(8192) }, `state=${'s'.repeat(8192)}`],
  ])('%s', async (_case, more, query) => {
    const { browser, idToken } = await signedIn();
    for (const [uri, separator] of [
      [bye, '?'],
      [byeFrom, '&'],
    ] as const) {
      const page = await browser.get(logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: uri, ...more }));
      expect(page.leftTo?.href).toBe(query === '' ? uri : `${uri}${separator}${query}`);
    }
  });

  it('without an address the page says that it is done, and leads back to the application if that has a page', async () => {
    const home = await signedIn('shop.home');
    const page = await home.browser.get(logoutPath({ id_token_hint: home.idToken, state: 'unused' }));
    expect([page.name, page.status, page.link('back'), page.wayOut]).toEqual([
      'signed-out',
      200,
      'https://shop.example.com/',
      undefined,
    ]);
    const web = await signedIn();
    const plain = await web.browser.get(logoutPath({ id_token_hint: web.idToken }));
    expect([plain.link('back'), plain.link('sign-in-again')]).toEqual([undefined, '/account']);
  });

  it('logout_hint, ui_locales and unknown parameters change nothing', async () => {
    const { browser, idToken } = await signedIn();
    const page = await browser.get(
      logoutPath({
        id_token_hint: idToken,
        logout_hint: 'somebody',
        ui_locales: 'xx de',
        client_id: 'shop.web',
        foo: 'bar',
      }),
    );
    expect(page.name).toBe('signed-out');
    expect(page.html).toContain('<html lang="de"');
  });

  it("another site's form brings no cookie: the same request comes again as a GET", async () => {
    const { browser, idToken } = await signedIn();
    const fields = { id_token_hint: idToken, post_logout_redirect_uri: bye, state: 'a b' };
    const headers = { origin: 'https://shop.example.com', 'sec-fetch-site': 'cross-site', cookie: '-' };
    const first = await browser.postOnly('/logout', fields, headers);
    expect([first.status, first.headers.get('location')]).toEqual([303, logoutPath(fields)]);
    expect((await browser.post('/logout', fields, headers)).leftTo?.href).toBe(`${bye}?state=a+b`);
    expect(await silently(browser)).toBe('login_required');
  });

  it('openid-client builds such a request', async () => {
    const { browser, idToken } = await signedIn();
    const configuration = await world.relyingParty();
    const url = oidc.buildEndSessionUrl(configuration, {
      id_token_hint: idToken,
      post_logout_redirect_uri: bye,
      state: 'x',
    });
    expect(url.origin + url.pathname).toBe(`${issuer}/logout`);
    expect((await browser.get(url.pathname + url.search)).leftTo?.href).toBe(`${bye}?state=x`);
  });

  it('a native application may register a private-use scheme', async () => {
    const page = await world
      .browser()
      .get(logoutPath({ client_id: 'shop.phone', post_logout_redirect_uri: 'com.example.app:/bye' }));
    expect(page.leftTo?.href).toBe('com.example.app:/bye');
  });
});

describe('A token of another session', () => {
  it('asks, and the answer decides', async () => {
    const one = await signedIn();
    const other = await signedIn();
    const parameters = { id_token_hint: one.idToken, post_logout_redirect_uri: bye, state: 'x' };
    const page = await other.browser.get(logoutPath(parameters));
    expect(page.name).toBe('sign-out');
    expect(await silently(other.browser)).toBe('signed in');
    const done = await other.browser.submit(page, { 'sign-out': '1' });
    expect([done.name, done.wayOut?.href]).toEqual(['signed-out', `${bye}?state=x`]);
    expect(await silently(other.browser)).toBe('login_required');
    expect(await silently(one.browser)).toBe('signed in');
  });

  it('one without a session (refreshed offline) is about whoever it names', async () => {
    const one = await signedIn('shop.web', world.browser(), 'openid offline_access');
    const refreshed = (await world.token(refreshFields(one.refreshToken))).body.id_token ?? '';
    const stranger = await signedIn();
    expect((await stranger.browser.get(logoutPath({ id_token_hint: refreshed }))).name).toBe('sign-out');
    expect((await one.browser.get(logoutPath({ id_token_hint: refreshed }))).name).toBe('signed-out');
    expect(await silently(one.browser)).toBe('login_required');
  });
});

describe('without an ID token', () => {
  it('asks who is signed in, and says who else will hear of it', async () => {
    const { browser } = await signedIn();
    await authorize(browser, { client_id: 'shop.other' });
    const page = await browser.get('/logout');
    expect(page.name).toBe('sign-out');
    expect(page.html).toContain('Sign out?');
    expect(page.html).toContain(`You are signed in as <bdi>${lastPerson()} of the shop</bdi>.`);
    expect(page.html).toContain('You will also be signed out of: <bdi>The other</bdi>.');
    const done = await browser.submit(page, { 'sign-out': '1' });
    expect([done.name, done.status]).toEqual(['signed-out', 200]);
    leadsNowhere(done);
    expect(await silently(browser)).toBe('login_required');
  });

  it('the POST answers 303, and a form sent twice ends on the same page', async () => {
    const { browser } = await signedIn('shop.framed');
    const page = await browser.get(logoutPath({ client_id: 'shop.framed', post_logout_redirect_uri: bye }));
    const again = browser.clone();
    const fields = { ...page.form.fields, 'sign-out': '1' };
    expect((await browser.clone().postOnly('/sign-out', { ...fields, 'sign-out': '' })).status).toBe(303);
    const first = await browser.postOnly('/sign-out', fields);
    expect([first.status, first.headers.get('location')?.startsWith('/signed-out?')]).toEqual([303, true]);
    const second = await again.post('/sign-out', fields);
    const shown = await browser.get(first.headers.get('location') ?? '');
    for (const one of [shown, second]) {
      expect([one.name, one.wayOut?.href, one.html.includes('<iframe')]).toEqual(['signed-out', bye, true]);
    }
  });

  it('"stay" ends nothing and leads to no application', async () => {
    const { browser } = await signedIn();
    const page = await browser.get(logoutPath({ client_id: 'shop.web', post_logout_redirect_uri: bye }));
    const stayed = await browser.submit(page, { stay: '1' });
    expect(stayed.name).toBe('account');
    expect(await silently(browser)).toBe('signed in');
  });

  it('state alone leads nowhere', async () => {
    const { browser } = await signedIn();
    const done = await browser.submit(await browser.get(logoutPath({ state: 'x' })), { 'sign-out': '1' });
    expect(done.name).toBe('signed-out');
    leadsNowhere(done);
  });

  it('a registered address of the named client is gone to after the answer', async () => {
    const { browser } = await signedIn();
    const page = await browser.get(
      logoutPath({ client_id: 'shop.web', post_logout_redirect_uri: byeFrom, state: 'é' }),
    );
    expect(page.name).toBe('sign-out');
    const done = await browser.submit(page, { 'sign-out': '1' });
    // By the page, not by a redirect: the policy for forms covers the whole chain behind one.
    expect([done.name, done.wayOut?.href, done.link('back')]).toEqual([
      'signed-out',
      `${byeFrom}&state=%C3%A9`,
      `${byeFrom}&state=%C3%A9`,
    ]);
    expect(done.headers.get('content-security-policy')).toContain("form-action 'self'");
  });

  it('an address that was withdrawn meanwhile is gone to by nobody', async () => {
    const { browser } = await signedIn();
    const page = await browser.get(logoutPath({ client_id: 'shop.gone', post_logout_redirect_uri: bye }));
    const value = webApp('shop.gone', { consent: asks, post_logout_redirect_uris: [] });
    await world.served({ kind: 'client', id: 'shop.gone', owner: anOwner('shop.gone'), value });
    const done = await browser.submit(page, { 'sign-out': '1' });
    expect(done.name).toBe('signed-out');
    leadsNowhere(done);
  });
});

describe('nobody is signed in', () => {
  it.each([
    ['nothing sent', {}, undefined],
    ['state alone', { state: 'x' }, undefined],
    ['a client', { client_id: 'shop.web' }, undefined],
    [
      'a client and its address',
      { client_id: 'shop.web', post_logout_redirect_uri: bye, state: 'x' },
      `${bye}?state=x`,
    ],
  ])('%s', async (_case, parameters, to) => {
    const page = await world.browser().get(logoutPath(parameters));
    if (to === undefined) {
      expect([page.name, page.status]).toEqual(['signed-out', 200]);
      leadsNowhere(page);
    } else expect(page.leftTo?.href).toBe(to);
  });

  it('an ID token of a session that ended before', async () => {
    const { browser, idToken } = await signedIn();
    const path = logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: bye });
    await browser.get(path);
    expect((await browser.get(path)).leftTo?.href).toBe(bye);
    expect((await world.browser().get(path)).leftTo?.href).toBe(bye);
  });
});

describe('A31', () => {
  it('the sign-in page takes back the cookie of a session that is over', async () => {
    const { browser } = await signedIn();
    await world.rows(`UPDATE sessions SET ended_at = now() WHERE ended_at IS NULL AND username = '${lastPerson()}'`);
    expect(cookieOf(browser)).toBeDefined();
    expect((await browser.get(authorizePath())).name).toBe('login');
    expect(cookieOf(browser)).toBeUndefined();
  });

  it('asking somebody again who they are keeps it', async () => {
    const { browser } = await signedIn();
    expect((await browser.get(authorizePath({ prompt: 'login' }))).name).toBe('login');
    expect(await silently(browser)).toBe('signed in');
  });
});

describe('the database does not answer', () => {
  it('A23: nobody reads that they are signed out', async () => {
    const { browser, idToken } = await signedIn();
    const broken = await World.open({ clients: [webApp('shop.web', { consent: asks })] });
    const { browser: own, idToken: hint } = { browser: broken.browser(), idToken };
    for (const [name, value] of browser.cookies) own.cookies.set(name, value);
    await broken.database.close();
    const page = await own.get(logoutPath({ id_token_hint: hint }));
    expect(page.status).toBeGreaterThanOrEqual(400);
    expect(page.name).not.toBe('signed-out');
    await broken.stop().catch(() => undefined);
  });
});

describe('the audit trail', () => {
  it('has one row of the end, by name', async () => {
    const { browser, idToken } = await signedIn();
    await browser.get(logoutPath({ id_token_hint: idToken }));
    const rows = await world.rows(
      `SELECT event, outcome, reason, session_id IS NOT NULL AS session FROM audit WHERE user_name = '${lastPerson()}' AND event = 'session.ended'`,
    );
    expect(rows).toEqual([{ event: 'session.ended', outcome: 'success', reason: 'logout', session: true }]);
  });
});
