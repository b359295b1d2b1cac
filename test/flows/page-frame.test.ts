import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../server/src/store/database.ts';
import type { Browser, Page } from '../support/browser.ts';
import { aScope } from '../support/builders.ts';
import { png } from '../support/png.ts';
import { authorizePath, signIn, World, webApp } from '../support/world.ts';

/** What surrounds every page: its language, its owner's picture, colours, links and words. */
let world: World;
const logo = png(300, 60);
const clientLogo = png(48, 48, 200);
const base64 = (bytes: Buffer) => bytes.toString('base64');
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const scopes = ['openid', 'profile', 'email', 'groups', 'offline_access', 'shop:orders'];

beforeAll(async () => {
  world = await World.open({
    counting: true,
    server: {
      display_name: 'Acme',
      branding: {
        logo: base64(logo),
        colors: { light: '#ffee00' },
        links: { help: 'https://acme.example/help', privacy: 'https://acme.example/privacy' },
        texts: { username_label: 'Staff number', username_hint: 'On your badge', footer: 'Acme Ltd' },
      },
    },
    scopes: [
      aScope('shop:orders', {
        display_name: 'Change orders',
        description: 'Change and cancel them.',
        translations: {
          de: { display_name: 'Bestellungen ändern', description: 'Ändern und stornieren.' },
          pt: { display_name: 'Alterar pedidos' },
        },
      }),
    ],
    clients: [webApp('shop.web', { scopes, logo: base64(clientLogo), client_name: 'Order Desk' }), webApp('shop.bare')],
  });
});
afterAll(() => world?.stop());

/** A file as it goes over the wire. */
const bytesAt = async (path: string, accepted?: string): Promise<{ body: Buffer; headers: IncomingHttpHeaders }> => {
  const headers = accepted === undefined ? {} : { 'accept-encoding': accepted };
  const asked = request(new URL(path, world.urls[0]), { headers }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return { body: Buffer.concat(await response.toArray()), headers: response.headers };
};

const lang = (page: Page) => /<html lang="([^"]*)"/.exec(page.html)?.[1];
/** What the pick of a language below the page sends: with the page's own form, or by the page's address. */
const languageForm = (page: Page): Readonly<Record<string, string>> | undefined => {
  if (page.html.includes('form="request-form" formaction="/language" formnovalidate')) return page.form.fields;
  const to = /<input type="hidden" name="to" value="([^"]*)">/.exec(page.html)?.[1];
  return to === undefined ? undefined : { to: to.replaceAll('&amp;', '&') };
};
const pick = (browser: Browser, page: Page, language: string, typed: Readonly<Record<string, string>> = {}) =>
  browser.post('/language', { ...languageForm(page), ...typed, language });

describe('language', () => {
  it('ui_locales wins for a request, then the person’s pick, then Accept-Language, then English', async () => {
    const browser = world.browser();
    browser.headers.set('accept-language', 'xx');
    const first = await browser.get(authorizePath());
    expect(lang(first)).toBe('en');
    browser.headers.set('accept-language', 'fr;q=0.5, it');
    expect(lang(await browser.get(authorizePath()))).toBe('it');
    const picked = await pick(browser, first, 'uk');
    expect(lang(picked)).toBe('uk');
    expect(lang(await browser.get(authorizePath()))).toBe('uk');
    const asked = await browser.get(authorizePath({ ui_locales: 'xx pl' }));
    expect([lang(asked), languageForm(asked)]).toEqual(['pl', undefined]);
    expect(lang(await browser.get(authorizePath({ ui_locales: 'xx' })))).toBe('uk');
  });

  it('a pick keeps the request: the same page is shown again, and the sign-in goes on', async () => {
    const browser = world.browser();
    const login = await browser.get(authorizePath({ state: 'kept', prompt: 'consent' }));
    const wrong = await browser.submit(login, { username: 'ada', password: 'wrong', 'sign-in': '1' });
    const again = await pick(browser, wrong, 'de');
    expect([again.name, again.problem]).toEqual(['login', 'Benutzername oder Passwort stimmt nicht.']);
    const fields = { username: 'ada', password: 'password-of-ada', 'sign-in': '1' };
    const consent = await browser.submit(again, fields);
    expect([consent.name, lang(consent)]).toEqual(['consent', 'de']);
    expect((await browser.submit(consent, { decision: 'allow' })).response).toMatchObject({ state: 'kept' });
  });

  it('what was typed stays, but for the password; with a problem and without', async () => {
    const browser = world.browser();
    const login = await browser.get(authorizePath({ login_hint: 'from-the-app' }));
    const typed = { username: 'ada <"& ', password: 'password-of-ada' };
    const german = await pick(browser, login, 'de', typed);
    expect([german.name, lang(german), german.problem]).toEqual(['login', 'de', undefined]);
    expect(german.form.fields).toMatchObject({ username: typed.username, password: '' });
    const wrong = await browser.submit(german, { ...typed, password: 'wrong', 'sign-in': '1' });
    const french = await pick(browser, wrong, 'fr', { username: 'adb', password: 'x' });
    expect([french.name, lang(french), french.form.fields.username]).toEqual(['login', 'fr', 'adb']);
    expect(french.problem).not.toBeUndefined();
    expect(french.html).not.toContain('password-of-ada');
    expect(french.url).not.toContain('password');
  });

  it('is offered on the account page’s sign-in, the page of accounts and consent, which come again as they were', async () => {
    const browser = world.browser();
    const login = await pick(browser, await browser.get('/account'), 'nl', { username: 'ada' });
    expect([login.name, lang(login), login.form.fields.username]).toEqual(['login', 'nl', 'ada']);
    await browser.submit(login, { username: 'ada', password: 'password-of-ada', 'sign-in': '1' });
    for (const [prompt, name] of [
      ['select_account', 'choose-account'],
      ['consent', 'consent'],
    ] as const) {
      const page = await browser.get(authorizePath({ prompt }));
      const again = await pick(browser, page, 'es');
      expect([page.name, again.name, lang(again)]).toEqual([name, name, 'es']);
    }
  });

  it('A19: a request of another browser, or none of ours, is shown to nobody, and nothing is picked', async () => {
    const browser = world.browser();
    const fields = languageForm(await browser.get(authorizePath())) ?? {};
    const other = world.browser();
    await other.get(authorizePath());
    for (const [who, sent] of [
      [other, fields],
      [browser, { ...fields, token: 'x' }],
      [browser, { ...fields, request: `A${fields.request ?? ''}` }],
    ] as const) {
      const response = await who.postOnly('/language', { ...sent, language: 'de' });
      expect([response.status, response.headers.getSetCookie()]).toEqual([400, []]);
    }
  });

  it('a state of 8 KiB stands in the page once, within 14 KB on the wire, and is no reason to offer no language', async () => {
    const state = randomBytes(6144).toString('base64url');
    const browser = world.browser();
    const page = await browser.get(authorizePath({ state }));
    expect(page.html).not.toContain(state.slice(0, 16));
    const css = /<link rel="stylesheet" href="([^"]*)">/.exec(page.html)?.[1] ?? '';
    expect(Buffer.byteLength(page.html) + (await bytesAt(css, 'gzip')).body.length).toBeLessThanOrEqual(14 * 1024);
    const again = await pick(browser, page, 'uk', { username: 'ada' });
    expect([again.name, lang(again)]).toEqual(['login', 'uk']);
    const done = await browser.submit(again, { username: 'ada', password: 'password-of-ada', 'sign-in': '1' });
    const end = done.name === 'consent' ? await browser.submit(done, { decision: 'allow' }) : done;
    expect(end.response.state).toBe(state);
    // The page that goes on has to hold it. Its link leads to the same response through us.
    expect([end.name, end.html.split(state).length - 1]).toEqual(['continue', 1]);
    expect(Buffer.byteLength(end.html) + (await bytesAt(css, 'gzip')).body.length).toBeLessThanOrEqual(14 * 1024);
    const link = end.link('continue') ?? '';
    expect(link).toMatch(/^\/continue\?/);
    // No header holds it, which proxies have less room for, and nothing goes on by itself once more.
    const still = await browser.get(link);
    expect([still.name, still.status, still.wayOut]).toEqual(['continue', 200, undefined]);
    expect([still.link('continue'), still.html.split(state).length - 1]).toEqual([end.wayOut?.href, 1]);
    expect(JSON.stringify([...still.headers])).not.toContain(state.slice(0, 16));
    expect((await world.browser().get(link)).name).toMatch(/^error:/);
  });

  it.each([
    '//evil.example/',
    '/\\evil.example/',
    '/%09/evil.example\t',
    'https://evil.example/',
    'javascript:alert(1)',
    '/login\r\nset-cookie: a=b',
    '',
  ])('A13: it leads to a page of ours and nowhere else: %j', async (to) => {
    const response = await world.browser().postOnly('/language', { to, language: 'de' });
    expect([response.status, response.headers.get('location'), response.headers.getSetCookie()]).toEqual([
      400,
      null,
      [],
    ]);
  });

  it.each([
    [{ language: 'tlh' }, {}],
    [{ language: 'de; Domain=example' }, {}],
    [{ language: 'de' }, { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
  ])('nothing is picked by %j with %j', async (fields, headers) => {
    const response = await world.browser().postOnly('/language', { to: '/account', ...fields }, headers);
    expect([response.status, response.headers.getSetCookie()]).toEqual([400, []]);
  });

  it('A19: an altered cookie is no pick', async () => {
    const browser = world.browser();
    for (const value of ['tlh', '"><script>', '../en', 'x'.repeat(5000)]) {
      browser.cookies.set('__Host-nauthera_language', value);
      expect(lang(await browser.get('/nowhere'))).toBe('en');
    }
  });

  it('costs no statement', async () => {
    const browser = world.browser();
    await world.counters.expectCost('document', () =>
      browser.postOnly('/language', { to: '/account', language: 'de' }),
    );
  });
});

describe('branding', () => {
  it('the picture, the links and the words of the owner; what is left out is not there', async () => {
    const { html } = await world.browser().get(authorizePath());
    expect(html).toContain(`<img src="/logos/${sha256(logo)}" alt="Acme">`);
    expect(html).toContain('<a id="help" href="https://acme.example/help"');
    expect(html).toContain('<a id="get-help" href="https://acme.example/help"');
    expect(html).not.toContain('id="terms"');
    for (const text of ['Staff number', 'On your badge', 'Acme Ltd']) expect(html).toContain(text);
  });

  it('pictures are served by us, for ever, as what they are', async () => {
    const consent = await signIn(world.browser(), authorizePath({ prompt: 'consent' }));
    const paths = [...consent.html.matchAll(/<img src="([^"]*)"/g)].map(([, path = '']) => path);
    expect(paths).toEqual([`/logos/${sha256(logo)}`, `/logos/${sha256(clientLogo)}?client_id=shop.web`]);
    for (const [path, bytes] of [
      [paths[0], logo],
      [paths[1], clientLogo],
    ] as const) {
      const response = await world.counters.expectCost('document', () => fetch(`${world.urls[0]}${path}`));
      expect(response.status).toBe(200);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'content-type': 'image/png',
        'cache-control': 'public, max-age=31536000, immutable',
        'x-content-type-options': 'nosniff',
      });
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
    }
  });

  it.each([
    '/logos/',
    `/logos/${'0'.repeat(64)}`,
    `/logos/${sha256(clientLogo)}`,
    `/logos/${sha256(clientLogo)}?client_id=shop.bare`,
    `/logos/${sha256(clientLogo)}?client_id=nobody`,
    `/logos/..%2f${sha256(logo)}`,
    '/assets/0000000000000000-ff0000-none.css',
    '/assets/x.css',
  ])('there is nothing at %s', async (path) => {
    const response = await fetch(`${world.urls[0]}${path}`);
    expect(response.status).toBe(404);
  });

  it.each([
    [undefined, false],
    ['identity', false],
    ['gzip;q=0', false],
    ['br, deflate', false],
    ['gzip', true],
    ['deflate, GZIP, br', true],
  ])('Accept-Encoding %j: the style sheet comes gzipped: %j, and is the same', async (accepted, isGzipped) => {
    const { html } = await world.browser().get(authorizePath());
    const path = /href="(\/assets\/[0-9a-f]{16}\.css)"/.exec(html)?.[1] ?? '';
    const { body, headers } = await bytesAt(path, accepted);
    expect(headers).toMatchObject({ vary: 'accept-encoding', 'content-type': 'text/css; charset=utf-8' });
    expect(headers['content-encoding']).toBe(isGzipped ? 'gzip' : undefined);
    expect(`/assets/${sha256(isGzipped ? gunzipSync(body) : body).slice(0, 16)}.css`).toBe(path);
  });

  it('the accent is a style sheet of ours; the text on it is the one of black and white that can be read', async () => {
    const { html } = await world.browser().get(authorizePath());
    const path = /href="(\/assets\/[0-9a-f]{16}-ffee00-none\.css)"/.exec(html)?.[1];
    const response = await fetch(`${world.urls[0]}${path}`);
    expect(response.headers.get('cache-control')).toContain('immutable');
    expect(await response.text()).toBe(
      '@media (prefers-color-scheme:light) and (forced-colors:none){:root{--accent:#ffee00;--on-accent:#000}}',
    );
  });
});

describe('scopes in their owner’s words', () => {
  it.each([
    ['de', 'Bestellungen ändern', 'Ändern und stornieren.'],
    ['pt-BR', 'Alterar pedidos', undefined],
    ['fr', 'Change orders', 'Change and cancel them.'],
  ])('in %s', async (language, name, description) => {
    const browser = world.browser();
    browser.headers.set('accept-language', language);
    const { html } = await signIn(browser, authorizePath({ scope: 'openid shop:orders', prompt: 'consent' }));
    expect(html).toContain(name);
    if (description === undefined) expect(html).not.toContain('Change and cancel them.');
    else expect(html).toContain(description);
  });
});

describe('no LdapBinding yet', () => {
  it('the sign-in page says so in plain words, asks for no password, and leads back', async () => {
    const bare = await World.open({ directories: {} });
    try {
      const browser = bare.browser();
      const page = await browser.get(authorizePath());
      expect(page.name).toBe('login');
      expect(page.html).toContain('Nobody can sign in here yet.');
      expect(page.html).not.toContain('type="password"');
      expect((await browser.submit(page, { cancel: '1' })).response).toMatchObject({ error: 'access_denied' });
    } finally {
      await bare.stop();
    }
  });
});

describe('a page that cannot be made now', () => {
  it('offers the same request once more, and nothing that was posted', async () => {
    const away = (database: Database, use: 'request' | 'background'): Database => ({
      kind: database.kind,
      kysely: database.kysely,
      run: (statement, values) =>
        use === 'request'
          ? Promise.reject(Object.assign(new Error('away'), { code: 'database_unavailable' }))
          : database.run(statement, values),
      transaction: (work) => database.transaction(work),
      listen: (channel, onNotify) => database.listen(channel, onNotify),
      alone: (work) => database.alone(work),
      close: () => database.close(),
    });
    const down = await World.open({ options: { seams: { database: away } } });
    try {
      const browser = down.browser();
      browser.cookies.set('__Host-nauthera_session', 'h'.repeat(43));
      browser.cookies.set('__Host-nauthera_browser', 'b'.repeat(43));
      const page = await browser.get('/account?ask=remove-all');
      expect([page.name, page.status]).toEqual(['error:temporarily_unavailable', 503]);
      expect(page.link('retry')).toBe('/account?ask=remove-all');
      expect((await browser.post('/account', {})).link('retry')).toBeUndefined();
    } finally {
      await down.stop();
    }
  });
});
