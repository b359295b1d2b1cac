/** The seven response types, for tests: applications that may use all of them, and a person of its own for each test. */
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { gives } from '../../server/src/protocol/response-type.ts';
import type { ResponseType } from '../../server/src/protocol/terms.ts';
import type { Browser, Page } from './browser.ts';
import { aClient, aScope } from './builders.ts';
import { authorizePath, issuer, World } from './world.ts';

const app = (id: string, more = {}) =>
  aClient(id)
    .everyResponseType()
    .with({ scopes: ['openid', 'profile', 'email', 'offline_access', 'shop:api'], ...more })
    .build();
/** There once {@link useFrontChannel} has been called and its hook has run; one for each test file. */
export let world: World;
/** Of the person who is there for the test that runs. */
export let username = '';
let turn = 0;

/** Opens the world before the tests of the file and stops it after them; each test gets a person in the group staff. */
export function useFrontChannel(): void {
  beforeAll(async () => {
    world = await World.open({
      clients: [
        app('shop.web'),
        app('shop.other'),
        app('shop.spa', { token_endpoint_auth_method: 'none', client_secret_digests: [] }),
        app('shop.long', { access_token_lifetime: 3600 }),
        app('shop.short', { access_token_lifetime: 60 }),
        app('shop.wants', { id_token_claims: ['email'] }),
        app('shop.staff', { access_groups: ['staff'] }),
        app('shop.strict', { consent: { mode: 'remember', remember_for: 1000, on_refused_scope: 'deny' } }),
      ],
      scopes: [aScope('shop:api', { audiences: ['https://api.shop.example.com'] })],
      server: {
        response_types_supported: ['code', 'id_token', 'code id_token'],
        grant_types_supported: ['authorization_code', 'implicit', 'refresh_token', 'client_credentials'],
      },
    });
  });
  afterAll(() => world?.stop());
  beforeEach(() => {
    username = `user${++turn}`;
    world.memory.add(username, { groups: ['staff'] });
  });
  afterEach(() => {
    world.memory.down = false;
  });
}

export type Change = Readonly<Record<string, string | undefined>>;
export const credentials = () => ({ username, password: `password-of-${username}`, 'sign-in': '1' });

/** To the end of the interaction, with a yes. */
export async function byPage(browser: Browser, change: Change): Promise<Page> {
  const login = await browser.get(authorizePath(change));
  const consent = await browser.submit(login, credentials());
  return consent.name === 'consent' ? browser.submit(consent, { decision: 'allow' }) : consent;
}
export const silently = (browser: Browser, change: Change) => browser.get(authorizePath({ ...change, prompt: 'none' }));
export const userinfo = async (token: string | undefined) => {
  const response = await world.fetch(`${issuer}/userinfo`, { headers: { authorization: `Bearer ${token ?? ''}` } });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};
export const issued = async () => [
  await world.count('authorization_codes', `outcome = 'issued'`),
  await world.count('grants'),
  await world.count('consents'),
  await world.count('refresh_tokens'),
];

export const front: readonly ResponseType[] = [
  'token',
  'id_token',
  'id_token token',
  'code id_token',
  'code token',
  'code id_token token',
];
export const withToken = front.filter((type) => gives(type, 'token'));
export const hybrid = front.filter((type) => gives(type, 'code'));
