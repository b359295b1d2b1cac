/** From the sign-in page on an authorization request travels sealed: nobody reads in an address or a cookie what was asked. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Browser, Page } from '../support/browser.ts';
import { authorizePath, challenge, World, webApp } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.open({ clients: [webApp()] });
});
afterAll(() => world?.stop());

const secrets = { state: 'state-that-nobody-reads', nonce: 'nonce-that-nobody-reads' };
const asked = { ...secrets, claims: '{"id_token":{"email":null}}', max_age: '471108150' };
const readable = [...Object.values(secrets), challenge, 'id_token', '471108150', 'shop.example.com'];

/** Of the form that a page posts, and of what it is answered with. */
async function post(browser: Browser, page: Page, fields: Readonly<Record<string, string>>): Promise<string> {
  const response = await browser.postOnly(page.form.action, { ...page.form.fields, ...fields });
  expect(response.status).toBe(303);
  const { headers } = response;
  return [page.form.action, headers.get('location') ?? '', ...headers.getSetCookie()].join('\n');
}

it('A20: no parameter of a request is readable in an address or a cookie of ours', async () => {
  const browser = world.browser();
  const login = await browser.get(authorizePath(asked));
  const seen = [Object.values(login.form.fields).join('\n')];
  const sent = { username: 'ada', password: 'password-of-ada' };
  for (const fields of [
    { ...sent, password: 'wrong', 'sign-in': '1' },
    { cancel: '1' },
    { restart: '1' },
    { 'use-another': '1' },
    { ...sent, 'sign-in': '1' },
  ]) {
    seen.push(await post(browser, login, fields));
  }
  const consent = await browser.get(authorizePath({ ...asked, prompt: 'consent' }));
  expect(consent.name).toBe('consent');
  seen.push(Object.values(consent.form.fields).join('\n'));
  world.memory.down = true;
  seen.push(await post(browser, consent, { decision: 'allow' }));
  world.memory.down = false;
  for (const fields of [{ 'use-another': '1' }, { decision: 'deny' }]) seen.push(await post(browser, consent, fields));
  seen.push([...browser.cookies.values()].join('\n'));
  for (const text of seen) {
    expect(text.length).toBeGreaterThan(20);
    expect(readable.filter((one) => text.includes(one) || text.includes(encodeURIComponent(one)))).toEqual([]);
    const plain = text.split(/[^A-Za-z0-9_-]+/).map((one) => Buffer.from(one, 'base64url').toString('latin1'));
    expect(readable.filter((one) => plain.some((text) => text.includes(one)))).toEqual([]);
  }
});

it.each([
  ['the sign-in page', { username: 'ada', password: 'wrong', 'sign-in': '1' }, 'login'],
  ['the page of another account', { 'use-another': '1' }, 'login'],
  ['the page that goes back after Cancel', { cancel: '1' }, 'continue'],
])('A16: %s opens in its own browser alone', async (_what, fields, name) => {
  const browser = world.browser();
  const login = await browser.get(authorizePath(asked));
  const { headers } = await browser.postOnly(login.form.action, { ...login.form.fields, ...fields });
  const address = headers.get('location') ?? '';
  const stranger = world.browser();
  expect((await stranger.get(address)).name).toBe('error:cookie_missing');
  await stranger.get(authorizePath());
  const page = await stranger.get(address);
  expect([page.name, page.status]).toEqual(['error:invalid_request', 400]);
  expect(readable.filter((one) => page.html.includes(one))).toEqual([]);
  expect((await browser.get(address)).name).toBe(name);
});
