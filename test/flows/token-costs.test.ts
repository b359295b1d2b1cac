/** What it costs to ask about tokens, to revoke them, and to issue those that only we can read; the same on both databases. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bothDatabases } from '../support/both-databases.ts';
import type { CostName } from '../support/costs.ts';
import { answerDevice, basic, deviceApp, poll, startDevice } from '../support/devices.ts';
import { introspect, machineToken, revoke, tokenClients, tokenScopes, tokensOf, userinfo } from '../support/tokens.ts';
import { authorize, codeFields, refreshFields, World, webApp } from '../support/world.ts';

describe.each(bothDatabases())('on %s', (_name, backend) => {
  let world: World;
  let turn = 0;
  let username = '';
  beforeAll(async () => {
    world = await World.open({
      counting: true,
      ...(await backend()),
      clients: [
        ...tokenClients,
        webApp('shop.signed', { userinfo_signed_response_alg: 'ES256' }),
        deviceApp('tv.opaque', { access_token_format: 'opaque' }),
      ],
      scopes: tokenScopes,
    });
  });
  afterAll(() => world?.stop());
  beforeEach(() => {
    username = `user${++turn}`;
    world.memory.add(username);
  });
  const expectCost = <T>(name: CostName, action: () => Promise<T>) => world.counters.expectCost(name, action);
  const granted = (clientId: string, scope = 'openid orders') => tokensOf(world, clientId, { scope, username });

  it('introspection of a JWT: one verification, and none for one that was seen, whoever asks', async () => {
    const { access_token: token } = await granted('shop.web');
    const ask = (caller?: string) => introspect(world, token, caller);
    expect((await expectCost('introspection', () => ask())).body.active).toBe(true);
    for (const caller of ['api.orders', 'api.stock', 'shop.web'])
      await expectCost('introspection_seen', () => ask(caller));
  });

  it('introspection of an opaque token: one statement, and none for one that was seen, whoever asks', async () => {
    const { access_token: token } = await granted('shop.opaque');
    const ask = (caller?: string) => introspect(world, token, caller);
    expect((await expectCost('introspection_opaque', () => ask())).body.active).toBe(true);
    for (const caller of ['api.orders', 'api.stock', 'shop.opaque']) {
      await expectCost('introspection_seen', () => ask(caller));
    }
  });

  it('introspection of a refresh token or of an unknown handle: one statement', async () => {
    const { refresh_token: token } = await granted('shop.web');
    await expectCost('introspection_opaque', () => introspect(world, token, 'shop.web'));
    await expectCost('introspection_opaque', () => introspect(world, 'A'.repeat(43)));
    await expectCost('introspection_seen', () => introspect(world, 'nothing like a token'));
  });

  it('userinfo: opaque, and signed', async () => {
    const { access_token: opaque } = await granted('shop.opaque', 'openid');
    expect((await expectCost('userinfo_opaque', () => userinfo(world, opaque))).status).toBe(200);
    const { access_token: jwt } = await granted('shop.signed', 'openid');
    await userinfo(world, jwt);
    expect((await expectCost('userinfo_signed', () => userinfo(world, jwt))).status).toBe(200);
  });

  it('revocation: one statement', async () => {
    const [web, opaque, other] = [await granted('shop.web'), await granted('shop.opaque'), await granted('shop.web')];
    await expectCost('revocation', () => revoke(world, web.refresh_token, 'shop.web'));
    await expectCost('revocation_ignored', () => revoke(world, web.refresh_token, 'shop.web'));
    await expectCost('revocation', () => revoke(world, opaque.access_token, 'shop.opaque'));
    await expectCost('revocation_jwt', () => revoke(world, other.access_token, 'shop.web'));
    const single = await machineToken(world, 'shop.job');
    await expectCost('revocation_single', () => revoke(world, single, 'shop.job'));
    await expectCost('revocation_ignored', () => revoke(world, 'A'.repeat(43), 'shop.web'));
  });

  it('opaque access tokens: a row each, and no signature', async () => {
    await expectCost('client_credentials_opaque', () => machineToken(world, 'shop.job-opaque'));
    const { code } = await authorize(world.browser(), { client_id: 'shop.opaque' }, username);
    const first = await expectCost('code_exchange_opaque', () => world.token(codeFields(code), 'shop.opaque'));
    const refresh = () => world.token(refreshFields(first.body.refresh_token), 'shop.opaque');
    const second = await expectCost('refresh_opaque', refresh);
    const repeated = await expectCost('refresh_retry_opaque', refresh);
    expect(repeated.body.refresh_token).toBe(second.body.refresh_token);
    const tokens = [first, second, repeated].map(({ body }) => body.access_token ?? '');
    expect(new Set(tokens).size).toBe(3);
    for (const token of tokens) expect((await userinfo(world, token)).status).toBe(200);
  });

  it('an opaque access token for a device', async () => {
    const device = await startDevice(world, { scope: 'openid' }, basic('tv.opaque'));
    await answerDevice(world.browser(), device, 'allow', username);
    const { status, body } = await expectCost('device_exchange_opaque', () => poll(world, device, 'tv.opaque'));
    expect(status).toBe(200);
    expect((await userinfo(world, body.access_token)).status).toBe(200);
  });
});
