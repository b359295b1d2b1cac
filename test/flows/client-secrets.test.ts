/** A secret that leaked: it and everything that was obtained with it are refused by every replica within seconds. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientRegistration } from '../../server/src/registry/registration.ts';
import { anOwner, digestOf } from '../support/builders.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { basicOf, introspect, tokenClients, tokenScopes, tokensOf, userinfo } from '../support/tokens.ts';
import { refreshFields, World, webApp } from '../support/world.ts';

let postgres: TestPostgres;
let world: World;
beforeAll(async () => {
  postgres = await startPostgres('newest');
  world = await World.open({
    databaseUrl: await postgres.createDatabase(),
    replicas: 3,
    clients: [...tokenClients],
    scopes: tokenScopes,
    counting: true,
  });
});
afterAll(async () => {
  await world?.stop();
  await postgres?.stop();
});

const leaked = (clientId: string) => `secret-of-${clientId}`;
const next = (clientId: string) => `next-${clientId}`;

/** `both`: a rotation is under way; `new`: the leaked one was revoked. */
async function register(clientId: string, secrets: 'leaked' | 'both' | 'new', more: Partial<ClientRegistration>) {
  const digests = { leaked: [leaked(clientId)], both: [next(clientId), leaked(clientId)], new: [next(clientId)] };
  const value = webApp(clientId, {
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    scopes: ['openid', 'orders'],
    ...more,
    client_secret_digests: digests[secrets].map(digestOf),
  });
  await world.served({ kind: 'client', id: clientId, owner: anOwner(clientId), value });
}

async function machineTokens(clientId: string, secret: string): Promise<readonly (string | number)[]> {
  const answers = world.urls.map(async (url) => {
    const response = await fetch(`${url}/token`, {
      method: 'POST',
      headers: basicOf(clientId, secret),
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'orders' }),
    });
    const body = (await response.json()) as { access_token?: string };
    return body.access_token ?? response.status;
  });
  return Promise.all(answers);
}

const isActive = async (token: string): Promise<number> => {
  const answers = await Promise.all(world.urls.map((url) => introspect(world, token, 'api.orders', {}, url)));
  return answers.filter(({ body }) => body.active === true).length;
};

describe('on three replicas', () => {
  it.each([
    ['jwt', {}],
    ['opaque', { access_token_format: 'opaque' as const }],
    ['jwt, pairwise subjects', { subject_type: 'pairwise' as const, sector_identifier: 'shop.example.com' }],
  ])('the old secret ends with its access and refresh tokens; the new one works on: %s', async (format, more) => {
    const clientId = `leak.${format.replaceAll(/\W/g, '')}`;
    await register(clientId, 'leaked', more);
    const user = await tokensOf(world, clientId, { scope: 'openid orders' });
    const token = user.access_token ?? '';
    const [machine = ''] = await machineTokens(clientId, leaked(clientId));
    await register(clientId, 'both', more);
    expect((await machineTokens(clientId, leaked(clientId))).every((token) => typeof token === 'string')).toBe(true);
    expect([await isActive(token), await isActive(String(machine))]).toEqual([3, 3]);

    const { uid } = anOwner(clientId);
    await world.registry.revokeTokens(uid);
    await register(clientId, 'new', more);
    // What a replica gave meanwhile.
    await world.registry.revokeTokens(uid);

    expect(await machineTokens(clientId, leaked(clientId))).toEqual([401, 401, 401]);
    for (const one of [token, String(machine)]) await expect.poll(() => isActive(one)).toBe(0);
    for (const url of world.urls) expect((await userinfo(world, token, url)).status).toBe(401);
    const headers = basicOf(clientId, next(clientId));
    for (const url of world.urls) {
      const refreshed = await fetch(`${url}/token`, {
        method: 'POST',
        headers,
        body: new URLSearchParams(refreshFields(user.refresh_token)),
      });
      expect([refreshed.status, await refreshed.json()]).toMatchObject([400, { error: 'invalid_grant' }]);
    }
    // A token carries whole seconds: one of the same second is refused with the others.
    await expect.poll(async () => isActive(String((await machineTokens(clientId, next(clientId)))[0]))).toBe(3);
    // Nobody else’s ended.
    const { access_token: other = '' } = await tokensOf(world, 'shop.web', { scope: 'openid orders' });
    expect(await isActive(other)).toBe(3);
  });
});

describe('while two secrets are accepted', () => {
  it('the use of the older one alone is told, once, and costs a request no statement', async () => {
    const clientId = 'leak.counted';
    await register(clientId, 'both', {});
    const used = async (secret: string) => world.count('secret_uses', `digest = '${digestOf(secret)}'`);
    await machineTokens(clientId, next(clientId));
    const before = world.counters.statements;
    await machineTokens(clientId, leaked(clientId));
    expect(world.counters.statements).toBe(before);
    await expect.poll(() => used(leaked(clientId))).toBe(1);
    expect(await used(next(clientId))).toBe(0);
  });
});
