/**
 * F19, A15: everything that this server hands out, presented at every place that takes something. Each is taken in its own
 * place alone, by nobody but its own client, and all those wrong turns neither spend nor end it.
 */
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deviceCodeGrant, grantTypes, responseTypes } from '../../server/src/protocol/terms.ts';
import type { ClientRegistration } from '../../server/src/registry/registration.ts';
import type { Browser } from '../support/browser.ts';
import { aClient } from '../support/builders.ts';
import { ownClaims, secondsNow, signed, signingKey } from '../support/client-keys.ts';
import { basic, deviceFields, startDevice } from '../support/devices.ts';
import { postForm } from '../support/tokens.ts';
import { authorize, authorizePath, codeFields, issuer, refreshFields, World } from '../support/world.ts';

const key = signingKey('ES256');
const everything: Partial<ClientRegistration> = {
  grant_types: ['authorization_code', 'implicit', 'refresh_token', deviceCodeGrant],
  response_types: [...responseTypes],
  scopes: ['openid', 'profile', 'email', 'offline_access'],
};
const scope = 'openid email offline_access';
let world: World;
beforeAll(async () => {
  world = await World.open({
    server: { grant_types_supported: [...grantTypes], response_types_supported: [...responseTypes] },
    clients: [
      aClient('jwt').with(everything).build(),
      aClient('opaque')
        .with({ ...everything, access_token_format: 'opaque' })
        .build(),
      aClient('stranger').with(everything).build(),
      // One for each case: wrong assertions of one client are limited.
      ...['keyed.jwt', 'keyed.opaque'].map((id) => aClient(id).machine('unused').withKeys(key.jwk).build()),
    ],
  });
});
afterAll(() => world?.stop());

const cookie = '__Host-nauthera_session';
const counted = async () =>
  JSON.stringify([
    await world.count('grants', 'ended_at IS NOT NULL'),
    await world.count('revocations'),
    await world.count('sessions', 'ended_at IS NOT NULL'),
  ]);

interface Place {
  /** Whether it was taken for what belongs here. */
  readonly takes: (artefact: string, clientId: string, browser: Browser) => Promise<boolean>;
}
const atToken = (fields: (artefact: string) => Readonly<Record<string, string>>): Place => ({
  takes: async (artefact, clientId) => {
    const { status, body } = await world.token(fields(artefact), clientId);
    expect([200, 400]).toContain(status);
    if (status === 400) expect(['invalid_grant', 'authorization_pending']).toContain(body.error);
    return body.error !== 'invalid_grant';
  },
});
const changing = (ask: (artefact: string, clientId: string, browser: Browser) => Promise<unknown>): Place => ({
  takes: async (artefact, clientId, browser) => {
    const before = await counted();
    await ask(artefact, clientId, browser);
    return (await counted()) !== before;
  },
});

const places: Readonly<Record<string, Place>> = {
  code: atToken(codeFields),
  refresh_token: atToken(refreshFields),
  device_code: atToken(deviceFields),
  userinfo: {
    takes: async (artefact) => {
      const headers = { authorization: `Bearer ${artefact}` };
      return (await world.fetch(`${issuer}/userinfo`, { headers })).status === 200;
    },
  },
  introspection: {
    takes: async (artefact, clientId) =>
      (await postForm(world, '/introspect', { token: artefact }, basic(clientId))).body.active === true,
  },
  revocation: changing((artefact, clientId) => postForm(world, '/revoke', { token: artefact }, basic(clientId))),
  user_code: {
    takes: async (artefact, _clientId, browser) => {
      await world.rows('DELETE FROM login_attempts');
      const page = await browser.get('/device');
      return (
        (await browser.submit(page, { user_code: artefact.slice(0, 2000), continue: '1' })).name === 'device-confirm'
      );
    },
  },
  'hint at the authorization endpoint': {
    takes: async (artefact, clientId, browser) => {
      const asked = { client_id: clientId, scope: 'openid', prompt: 'none', id_token_hint: artefact };
      return (await browser.get(authorizePath(asked))).response.code !== undefined;
    },
  },
  'hint at the sign-out': changing((artefact, _clientId, browser) =>
    browser.get(`/logout?${new URLSearchParams({ id_token_hint: artefact }).toString()}`),
  ),
  'client assertion': {
    takes: async (artefact, clientId) => {
      const fields = {
        grant_type: 'client_credentials',
        client_id: `keyed.${clientId}`,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: artefact,
      };
      return (await world.tokenForm(fields)).status === 200;
    },
  },
  session: {
    takes: async (artefact, clientId, browser) => {
      const thief = browser.clone();
      thief.cookies.set(cookie, artefact);
      const page = await thief.get(authorizePath({ client_id: clientId, scope: 'openid', prompt: 'none' }));
      return page.response.code !== undefined;
    },
  },
  'form token': {
    takes: async (artefact, clientId, browser) => {
      const page = await browser.get(authorizePath({ client_id: clientId, prompt: 'consent', scope }));
      const answer = await browser.submit(page, { token: artefact, decision: 'deny' });
      return answer.name === 'continue' || answer.name === 'left';
    },
  },
  'code in a request': {
    takes: async (artefact, _clientId, browser) =>
      ['login', 'consent', 'continue', 'left'].includes(
        (await browser.get(`/consent?${new URLSearchParams({ request: artefact }).toString()}`)).name,
      ),
  },
};

interface Artefacts {
  readonly browser: Browser;
  /** Each with the places where it belongs, the one that uses it up last. */
  readonly all: readonly (readonly [name: string, artefact: string, belongs: readonly string[]])[];
}

async function handedOut(clientId: string, username: string): Promise<Artefacts> {
  world.memory.add(username);
  const browser = world.browser();
  const first = await authorize(browser, { client_id: clientId, scope }, username);
  const { body } = await world.token(codeFields(first.code), clientId);
  const hybrid = await authorize(browser, { client_id: clientId, scope, response_type: 'code id_token token' });
  // It must outlast all of the wrong turns.
  await world.rows(`UPDATE authorization_codes SET expires_at = now() + interval '1 hour' WHERE username = $1`, [
    username,
  ]);
  const device = await startDevice(world, { scope }, basic(clientId));
  const consent = await browser.get(authorizePath({ client_id: clientId, prompt: 'consent', scope }));
  const { sid = '', jti = '' } = decodeJwt(body.id_token ?? '') as { sid?: string; jti?: string };
  const [grant] = await world.rows<{ id: string }>('SELECT id FROM grants WHERE username = $1 LIMIT 1', [username]);
  const tokenPlaces = ['userinfo', 'introspection', 'revocation'];
  const all = [
    ['a code', hybrid.code, ['code']],
    ['a device code', device.device_code, ['device_code']],
    ['a user code', device.user_code, ['user_code']],
    [
      'a client assertion',
      await signed(key, ownClaims(`keyed.${clientId}`, issuer, { exp: secondsNow() + 1800 })),
      ['client assertion'],
    ],
    ['a token of another form', consent.form.fields.token, []],
    ['a session cookie', browser.cookies.get(cookie), ['session']],
    ['a browser cookie', browser.cookies.get('__Host-nauthera_browser'), []],
    ['the id of a session', sid, []],
    ['the id of a token', jti === '' ? decodeId(body.access_token) : jti, []],
    ['the id of a grant', grant?.id, []],
    ['an ID token of the front channel', hybrid.id_token, ['hint at the authorization endpoint']],
    ['an access token of the front channel', hybrid.access_token, tokenPlaces],
    ['an access token', body.access_token, ['userinfo', 'introspection']],
    ['a refresh token', body.refresh_token, ['introspection']],
    ['an ID token', body.id_token, ['hint at the authorization endpoint', 'hint at the sign-out']],
  ] as const;
  return { browser, all: all.map(([name, artefact, belongs]) => [name, artefact ?? '', belongs] as const) };
}
const decodeId = (token: string | undefined) => (token?.includes('.') ? (decodeJwt(token).jti ?? '') : 'x'.repeat(36));
/** Where asking ends or spends something, if it is taken. */
const using = new Set([
  'code',
  'refresh_token',
  'device_code',
  'revocation',
  'hint at the sign-out',
  'client assertion',
]);

describe('F19, A15: each artefact at each place', () => {
  it.each(['jwt', 'opaque'])('of a client with %s access tokens', async (clientId) => {
    const { browser, all } = await handedOut(clientId, `holder.${clientId}`);
    for (const [name, artefact] of all) expect([name, artefact.length >= 8]).toEqual([name, true]);
    const wrong: string[] = [];
    for (const [name, artefact, belongs] of all) {
      for (const [place, { takes }] of Object.entries(places)) {
        // What revokes, or answers about its own tokens, is its own place too: asked below, last.
        const own = belongs.includes(place) || ownsAlso(name, place);
        if (!own && (await takes(artefact, clientId, browser))) wrong.push(`${name} as ${place}`);
      }
    }
    expect(wrong).toEqual([]);

    const byStrangers: string[] = [];
    for (const [name, artefact] of all) {
      for (const place of ['code', 'refresh_token', 'device_code', 'introspection', 'revocation']) {
        if (await places[place]?.takes(artefact, 'stranger', browser)) byStrangers.push(`${name} as ${place}`);
      }
    }
    expect(byStrangers).toEqual([]);

    // None of it was spent: each is still good where it belongs.
    const missed: string[] = [];
    for (const last of [false, true]) {
      for (const [name, artefact, belongs] of all) {
        for (const place of belongs.filter((one) => using.has(one) === last)) {
          if (!(await places[place]?.takes(artefact, clientId, browser))) missed.push(`${name} as ${place}`);
        }
      }
    }
    expect(missed).toEqual([]);
  });
});

/** Taken there too, and not asked while it must stay whole. */
function ownsAlso(name: string, place: string): boolean {
  if (name === 'a refresh token') return place === 'refresh_token' || place === 'revocation';
  if (name === 'an access token') return place === 'revocation';
  if (name === 'an ID token of the front channel') return place === 'hint at the sign-out';
  return false;
}
