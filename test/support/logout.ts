/** Signing out, for tests: applications that take part in it, on three replicas, and people who are signed in. */
import { afterAll, beforeAll, expect } from 'vitest';
import type { Browser } from './browser.ts';
import { aClient } from './builders.ts';
import { userinfo as openedBy } from './tokens.ts';
import { authorize, codeFields, World, webApp } from './world.ts';

export const asks = { mode: 'implicit', remember_for: 1, on_refused_scope: 'drop' } as const;
export const bye = 'https://shop.example.com/bye';
export const byeFrom = `${bye}?from=shop`;
export const front = 'https://shop.example.com/front?app=1';

/** There once {@link useLogout} has been called and its hook has run; one for each test file. */
export let world: World;

/** Opens the world before the tests of the file, and stops it after them. */
export function useLogout(): void {
  beforeAll(async () => {
    world = await World.open({
      replicas: 3,
      // An ID token that has run out is what applications usually have at hand.
      server: {
        lifetimes: {
          authorization_code: 60,
          access_token: 300,
          id_token: 1,
          refresh_token_idle: 1_209_600,
          refresh_token_absolute: 7_776_000,
          session_idle: 7200,
          session_absolute: 43_200,
        },
      },
      clients: [
        webApp('shop.web', { consent: asks, post_logout_redirect_uris: [bye, byeFrom] }),
        webApp('shop.other', {
          client_name: 'The other',
          consent: asks,
          post_logout_redirect_uris: ['https://other.example.com/bye'],
          backchannel_logout_uri: 'https://other.example.com/out',
        }),
        webApp('shop.framed', {
          client_name: 'Framed',
          consent: asks,
          post_logout_redirect_uris: [bye],
          frontchannel_logout_uri: front,
        }),
        webApp('shop.home', { client_name: 'Home', consent: asks, client_uri: 'https://shop.example.com/' }),
        webApp('shop.opaque', { consent: asks, access_token_format: 'opaque' }),
        webApp('shop.gone', { consent: asks, post_logout_redirect_uris: [bye] }),
        aClient('shop.phone')
          .public()
          .with({ redirect_uris: ['com.example.app:/cb'], post_logout_redirect_uris: ['com.example.app:/bye'] })
          .build(),
      ],
    });
  });
  afterAll(() => world?.stop());
}

export interface SignedIn {
  readonly browser: Browser;
  readonly idToken: string;
  readonly accessToken: string;
  readonly refreshToken: string;
}

let people = 0;
export async function signedIn(
  clientId = 'shop.web',
  browser = world.browser(),
  scope = 'openid profile',
): Promise<SignedIn> {
  const username = `person${++people}`;
  world.memory.add(username);
  const { code } = await authorize(browser, { client_id: clientId, scope }, username);
  const { status, body } = await world.token(codeFields(code), clientId);
  expect(status).toBe(200);
  return {
    browser,
    idToken: body.id_token ?? '',
    accessToken: body.access_token ?? '',
    refreshToken: body.refresh_token ?? '',
  };
}
/** Who signed in last by {@link signedIn}. */
export const lastPerson = (): string => `person${people}`;
export const logoutPath = (parameters: Readonly<Record<string, string>>) =>
  `/logout?${new URLSearchParams(parameters).toString()}`;
export const silently = async (browser: Browser) => (await authorize(browser, { prompt: 'none' })).error ?? 'signed in';
export const userinfo = async (token: string) => (await openedBy(world, token)).status;

const session = 'nauthera_session';
export const cookieOf = (browser: Browser) => [...browser.cookies].find(([name]) => name.endsWith(session));
