import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bothDatabases } from '../support/both-databases.ts';
import type { Browser, Page } from '../support/browser.ts';
import { aClient } from '../support/builders.ts';
import { authorize, codeFields, issuer, refreshFields, signIn, World, webApp } from '../support/world.ts';

/** People and what is theirs: sessions, grants, remembered consents. */
describe.each(bothDatabases())('the account page on %s', (_name, backend) => {
  let world: World;
  let turn = 0;
  let username = '';

  beforeAll(async () => {
    world = await World.open({
      counting: true,
      ...(await backend()),
      clients: [
        webApp('shop.web', { client_name: 'Order Desk' }),
        webApp('shop.other', { client_name: 'Other Desk' }),
        aClient('shop.plain').build(),
      ],
    });
  });
  afterAll(() => world?.stop());
  beforeEach(() => {
    username = `user${++turn}`;
    world.memory.add(username);
  });

  const chrome =
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';
  const firefox = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0';

  function browserOf(userAgent = chrome): Browser {
    const browser = world.browser();
    browser.headers.set('user-agent', userAgent);
    return browser;
  }

  /** Signed in for the account page itself, without a client. */
  async function visiting(userAgent = chrome, who = username): Promise<{ browser: Browser; page: Page }> {
    const browser = browserOf(userAgent);
    return { browser, page: await signIn(browser, '/account', who) };
  }

  /** Its first letter is another one, whichever that was. */
  const altered = (token = '') => `${token.startsWith('x') ? 'y' : 'x'}${token.slice(1)}`;
  const text = (page: Page) =>
    page.html
      .replaceAll(/<[^>]*>/g, ' ')
      .replaceAll(/\s+/g, ' ')
      .trim();
  /** Values of the buttons of that name, in order. */
  const values = (page: Page, name: string) =>
    [...page.html.matchAll(new RegExp(`<button name="${name}" value="([^"]*)"`, 'g'))].map(([, value = '']) => value);
  const scope = 'openid profile offline_access';
  const granted = async (browser: Browser, clientId = 'shop.web') => {
    const { code } = await authorize(browser, { client_id: clientId, scope, prompt: 'consent' }, username);
    return (await world.token(codeFields(code), clientId)).body;
  };
  const auditOf = (event: string) =>
    world.rows<Record<string, string>>('SELECT * FROM audit WHERE event = $1 AND user_name = $2 ORDER BY time', [
      event,
      username,
    ]);

  it('names what an application asked for by name, from the yes and from what it was given', async () => {
    const browser = browserOf();
    const claims = JSON.stringify({ userinfo: { nickname: null }, id_token: { email: null, acr: null } });
    const { code } = await authorize(browser, { scope: 'openid', claims, prompt: 'consent' }, username);
    const shown = 'See these details about you ( E-mail address , Nickname )';
    expect(text(await browser.get('/account'))).toContain(shown);
    await world.token(codeFields(code));
    await world.rows(`DELETE FROM consents WHERE client_id = 'shop.web'`);
    expect(text(await browser.get('/account'))).toContain(shown);
  });

  it('asks a stranger to sign in, and then shows where they are signed in', async () => {
    const { page } = await visiting();
    expect(page.name).toBe('account');
    expect(text(page)).toMatch(/Chrome on Linux , since .*, last used now This browser Sign out/);
    expect(text(page)).toContain('No application has access.');
    expect(values(page, 'sign-out')).toHaveLength(1);
  });

  it('says honestly what it does not know of a browser, and stores no more than 256 characters of it', async () => {
    const { page } = await visiting(`curl/8.0 <script>${'x'.repeat(1000)}`);
    expect(text(page)).toContain('A browser on an unknown system');
    const [row] = await world.rows<{ length: number }>(
      'SELECT length(user_agent) AS length FROM sessions WHERE username = $1',
      [username],
    );
    expect(row?.length).toBe(256);
  });

  it('shows each application with access once: its name, scopes in words, since when, last used', async () => {
    const { browser } = await visiting();
    await granted(browser);
    await granted(browser);
    await granted(browser, 'shop.other');
    const page = await browser.get('/account');
    expect(values(page, 'remove')).toHaveLength(2);
    expect(page.html).toContain('aria-label="Remove access of Order Desk"');
    const words = ['Know who you are', 'See your profile', 'Keep this access while you are away'];
    const places = words.map((word) => text(page).indexOf(word));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((one, other) => one - other));
  });

  it('removes the access of one application: its refresh token is refused, its next request asks again', async () => {
    const { browser } = await visiting();
    const first = await granted(browser);
    const other = await granted(browser, 'shop.other');
    const page = await browser.get('/account');
    const [row] = await world.rows<{ client_uid: string }>(
      `SELECT client_uid FROM grants WHERE client_id = 'shop.web' AND username = $1`,
      [username],
    );
    const asked = await browser.submit(page, { remove: row?.client_uid ?? '' });
    const question = /Remove access of Order Desk ?\?/;
    expect(text(asked)).toMatch(question);
    expect(text(asked)).not.toContain('Other Desk');
    // Asking, and the address of the question, end nothing; nor is anything asked about what has no access.
    expect(text(await browser.get(asked.url))).toMatch(question);
    expect(values(await browser.get('/account'), 'remove')).toHaveLength(2);
    expect(values(await browser.get('/account?remove=nobody'), 'remove')).toHaveLength(2);
    const after = await browser.submit(asked, { remove: row?.client_uid ?? '' });
    expect(after.name).toBe('account');
    expect(text(after)).toContain('Order Desk no longer has access.');
    expect(values(after, 'remove')).toHaveLength(1);
    expect(text(after)).toContain('Other Desk');
    expect((await world.token(refreshFields(first.refresh_token))).body.error).toBe('invalid_grant');
    expect((await world.token(refreshFields(other.refresh_token), 'shop.other')).status).toBe(200);
    expect((await browser.get(authorizeAgain())).name).toBe('consent');
    expect(await auditOf('consent.withdrawn')).toMatchObject([{ reason: 'user', client_id: 'shop.web' }]);
    expect(await auditOf('grant.ended')).toMatchObject([{ reason: 'user', client_id: 'shop.web' }]);
    await expect
      .poll(async () => {
        const headers = { authorization: `Bearer ${first.access_token}` };
        return (await world.fetch(`${issuer}/userinfo`, { headers })).status;
      })
      .toBe(401);
  });

  const authorizeAgain = () =>
    `/authorize?${new URLSearchParams({
      client_id: 'shop.web',
      redirect_uri: 'https://shop.example.com/cb',
      response_type: 'code',
      scope: 'openid profile',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    }).toString()}`;

  it('a code that was said yes to and not fetched yet gives nothing afterwards', async () => {
    const { browser } = await visiting();
    const { code } = await authorize(browser, { scope }, username);
    const page = await browser.get('/account');
    await browser.submit(page, { remove: values(page, 'remove')[0] ?? '', confirmed: 'yes' });
    expect((await world.token(codeFields(code))).body.error).toBe('invalid_grant');
  });

  it('removes all access only after it was asked once more', async () => {
    const { browser } = await visiting();
    await granted(browser);
    await granted(browser, 'shop.other');
    const asked = await browser.submit(await browser.get('/account'), { 'remove-all': 'ask' });
    expect(text(asked)).toContain('Remove all access?');
    expect(values(await browser.get('/account'), 'remove')).toHaveLength(2);
    const after = await browser.submit(asked, { 'remove-all': 'yes' });
    expect(text(after)).toContain('No application has access.');
    expect(await auditOf('grant.ended')).toHaveLength(2);
  });

  it('signs out another browser, and leaves this one', async () => {
    const { browser: old } = await visiting(firefox);
    const { browser } = await visiting();
    const page = await browser.get('/account');
    expect(text(page)).toContain('Firefox on Windows');
    const [theirs] = await world.rows<{ id: string }>(
      `SELECT id FROM sessions WHERE username = $1 AND user_agent LIKE '%Firefox%'`,
      [username],
    );
    const after = await browser.submit(page, { 'sign-out': theirs?.id ?? '' });
    expect(text(after)).toContain('The other browser is signed out.');
    expect(values(after, 'sign-out')).toHaveLength(1);
    expect((await old.get('/account')).name).toBe('login');
    expect(await auditOf('session.ended')).toMatchObject([{ session_id: theirs?.id, reason: 'account_page' }]);
  });

  it('says what was done to whoever did it, and to nobody who follows a link', async () => {
    const { browser } = await visiting();
    await granted(browser);
    const [uid = ''] = values(await browser.get('/account'), 'remove');
    const said = await browser.submit(await browser.get('/account'), { remove: uid, confirmed: 'yes' });
    expect(text(said)).toContain('Order Desk no longer has access.');
    const { search, searchParams } = new URL(said.url, issuer);
    expect(text(await browser.get(`/account${search}`))).toContain('Order Desk no longer has access.');
    const token = searchParams.get('token') ?? '';
    const forged = [
      `removed=${uid}&client=shop.web`,
      `removed=${uid}&client=shop.other&token=${token}`,
      `removed=${uid}&token=${token}`,
      `signed-out=${uid}&token=${token}`,
      'signed-out=anything',
    ];
    for (const query of forged) expect((await browser.get(`/account?${query}`)).html).not.toContain('id="done"');
    const { browser: other } = await visiting(firefox);
    expect((await other.get(`/account${search}`)).html).not.toContain('id="done"');
    await granted(browser);
    expect((await browser.get(`/account${search}`)).html).not.toContain('id="done"');
  });

  it('signs out everywhere only after it was asked once more; access that outlives a session stays', async () => {
    const { browser: old } = await visiting(firefox);
    const { browser } = await visiting();
    const tokens = await granted(browser);
    const asked = await browser.submit(await browser.get('/account'), { 'sign-out-all': 'ask' });
    expect(text(asked)).toContain('Sign out everywhere?');
    expect((await old.get('/account')).name).toBe('account');
    const after = await browser.submit(asked, { 'sign-out-all': 'yes' });
    expect(after.name).toBe('signed-out');
    expect((await old.get('/account')).name).toBe('login');
    expect((await browser.get('/account')).name).toBe('login');
    expect((await world.token(refreshFields(tokens.refresh_token))).status).toBe(200);
  });

  it('A40: a user ends only own sessions and grants', async () => {
    const { browser: victim } = await visiting(chrome);
    const tokens = await granted(victim);
    const victimName = username;
    const [session] = await world.rows<{ id: string }>('SELECT id FROM sessions WHERE username = $1', [victimName]);
    const [grant] = await world.rows<{ client_uid: string }>('SELECT client_uid FROM grants WHERE username = $1', [
      victimName,
    ]);
    username = `${username}-attacker`;
    world.memory.add(username);
    const { browser, page } = await visiting(firefox);
    expect(text(page)).not.toContain('Chrome');
    for (const fields of [
      { 'sign-out': session?.id ?? '' },
      { remove: grant?.client_uid ?? '', confirmed: 'yes' },
      { 'remove-all': 'yes' },
      { 'sign-out-all': 'yes' },
    ]) {
      const mine = await browser.get('/account');
      await browser.submit(mine.name === 'account' ? mine : await signIn(browser, '/account', username), fields);
    }
    expect((await victim.get('/account')).name).toBe('account');
    expect((await world.token(refreshFields(tokens.refresh_token))).status).toBe(200);
  });

  it.each<[string, (page: Page) => Readonly<Record<string, string>>, Readonly<Record<string, string>>]>([
    [
      'from another origin',
      (page) => page.form.fields,
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
    ],
    ['without its token', () => ({}), {}],
    ['with an altered token', (page) => ({ token: altered(page.form.fields.token) }), {}],
  ])('CSRF: a form %s ends nothing', async (_, fields, headers) => {
    const { browser, page } = await visiting();
    await browser.post('/account', { ...fields(page), 'sign-out-all': 'yes', 'remove-all': 'yes' }, headers);
    expect((await browser.get('/account')).name).toBe('account');
  });

  it('a form made for another session ends nothing: the page is shown anew', async () => {
    const { browser, page } = await visiting();
    username = `${username}-again`;
    world.memory.add(username);
    await signIn(browser, authorizeAgain().concat('&prompt=login'), username);
    const after = await browser.submit(page, { 'sign-out-all': 'yes' });
    expect(after.name === 'account' || after.name === 'login').toBe(true);
    expect(await auditOf('session.ended')).toEqual([]);
  });

  it('what it costs', async () => {
    const { browser } = await visiting();
    await granted(browser);
    const expectCost = world.counters.expectCost.bind(world.counters);
    const page = await expectCost('account_page', () => browser.get('/account'));
    await expectCost('account_access_removed', () =>
      browser.postOnly('/account', { ...page.form.fields, remove: values(page, 'remove')[0] ?? '', confirmed: 'yes' }),
    );
    const { browser: other } = await visiting(firefox);
    const own = await other.get('/account');
    const [first] = await world.rows<{ id: string }>(
      `SELECT id FROM sessions WHERE username = $1 AND user_agent LIKE '%Chrome%'`,
      [username],
    );
    // As if no application had taken part: each would be owed a logout token.
    await world.rows(`UPDATE authorization_codes SET outcome = 'denied' WHERE username = $1`, [username]);
    await expectCost('account_signed_out', () =>
      other.postOnly('/account', { ...own.form.fields, 'sign-out': first?.id ?? '' }),
    );
  });
});
