/** Tokens of Kubernetes ServiceAccounts in place of an assertion: the same wire, other rules, and the keys of a cluster. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aClient, anOwner, aServer } from '../support/builders.ts';
import {
  type Claims,
  ownClaims,
  type SigningKey,
  secondsNow,
  serviceAccountClaims,
  signed,
  signingKey,
} from '../support/client-keys.ts';
import { authorize, codeFields, issuer, refreshFields, type TokenAnswer, World, webApp } from '../support/world.ts';

const cluster = signingKey('RS256', { kid: 'cluster' });
const clusterEc = signingKey('ES256', { kid: 'cluster-ec' });
const next = signingKey('RS256', { kid: 'next' });
const strange = signingKey('RS256', { kid: 'cluster' });
const own = signingKey('ES256', { kid: 'own' });
const accounts = [
  { namespace: 'shop', name: 'batch' },
  { namespace: 'shop', name: 'web' },
];
const machine = aClient('shop.pod')
  .machine('unused')
  .with({ scopes: ['orders'], default_scopes: ['orders'] });
const { grant_types, scopes, default_scopes } = webApp();

let world: World;
beforeAll(async () => {
  world = await World.open({
    counting: true,
    server: { kubernetes: { jwks: { keys: [cluster.jwk, clusterEc.jwk] } } },
    clients: [
      machine.withServiceAccounts(...accounts).build(),
      machine.withServiceAccounts({ namespace: 'shop', name: 'other' }).with({ client_id: 'shop.other' }).build(),
      machine.withKeys(own.jwk).with({ client_id: 'shop.job' }).build(),
      aClient()
        .withServiceAccounts(...accounts)
        .with({ grant_types, scopes, default_scopes })
        .build(),
    ],
  });
});
afterAll(() => world?.stop());

type Fields = Readonly<Record<string, string>>;

function send(token: string, more: Fields = {}, clientId: string | null = 'shop.pod'): Promise<TokenAnswer> {
  const fields = {
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: token,
    ...(clientId === null ? {} : { client_id: clientId }),
    ...more,
  };
  return world.tokenForm(fields, { 'x-forwarded-for': '203.0.113.7' });
}
const token = (claims: Claims = {}, key: SigningKey = cluster, account = 'shop/batch', header: Claims = {}) =>
  signed(key, serviceAccountClaims(account, issuer, claims), header);

async function reasons(): Promise<Readonly<Record<string, number>>> {
  const text = await (await fetch(`${world.servers[0]?.managementUrl}/metrics`)).text();
  const counts: Record<string, number> = {};
  for (const [, reason = '', value = ''] of text.matchAll(/auth_failures_total\{[^}]*reason="(\w+)"[^}]*\} (\d+)/g))
    counts[reason] = (counts[reason] ?? 0) + Number(value);
  return counts;
}

describe('kubernetes_service_account', () => {
  it.each([
    ['RS256', () => token()],
    ['ES256', () => token({}, clusterEc)],
    ['another listed ServiceAccount', () => token({}, cluster, 'shop/web')],
    ['the audience as text', () => token({ aud: issuer })],
    ['a day long', () => token({ exp: secondsNow() + 86_400 })],
    ['whatever the issuer calls itself', () => token({ iss: 'https://another.example' })],
    ['without jti', () => token({ jti: undefined })],
  ])('%s is accepted', async (_name, make) => {
    const { status, body } = await send(await make());
    expect([status, body.scope]).toEqual([200, 'orders']);
  });

  it('it is not one-time: a pod presents the same until it ends', async () => {
    const one = await token();
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(one)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  });

  it.each<[string, string, () => Promise<string>, (string | null)?]>([
    ['another namespace', 'wrong_claims', () => token({}, cluster, 'evil/batch')],
    ['another ServiceAccount', 'wrong_claims', () => token({}, cluster, 'shop/default')],
    ['a name that only begins so', 'wrong_claims', () => token({ sub: 'system:serviceaccount:shop:batch:x' })],
    ['that of another client', 'wrong_claims', () => token({}, cluster, 'shop/other')],
    ['a node, not a ServiceAccount', 'wrong_claims', () => token({ sub: 'system:node:batch' })],
    ['another key under the same kid', 'wrong_signature', () => token({}, strange)],
    ['a key of no cluster', 'unknown_key', () => token({}, next)],
    ['F20: another algorithm of the key', 'unknown_key', () => token({}, { ...cluster, algorithm: 'PS256' })],
    ['the audience of the API server', 'wrong_audience', () => token({ aud: ['https://kubernetes.default.svc'] })],
    ['a second audience', 'wrong_audience', () => token({ aud: [issuer, 'https://kubernetes.default.svc'] })],
    ['no audience', 'wrong_audience', () => token({ aud: undefined })],
    ['ended', 'expired', () => token({ iat: secondsNow() - 700, nbf: undefined, exp: secondsNow() - 11 })],
    ['no end, as old Secrets hold', 'wrong_claims', () => token({ exp: undefined })],
    ['more than a day', 'too_long_lived', () => token({ exp: secondsNow() + 86_500 })],
    ['no iat', 'wrong_claims', () => token({ iat: undefined })],
    ['not yet', 'not_yet_valid', () => token({ nbf: secondsNow() + 61 })],
    ['no client_id beside it', 'malformed', () => token(), null],
    ['F19: for a client with keys of its own', 'unknown_key', () => token(), 'shop.job'],
    ['F19: an assertion in its place', 'unknown_key', () => signed(own, ownClaims('shop.pod', issuer))],
    [
      'F20: an access token of ours in its place',
      'malformed',
      () => token({}, cluster, 'shop/batch', { typ: 'at+jwt' }),
    ],
  ])('%s: %s', async (_name, reason, make, clientId) => {
    const before = await reasons();
    const answer = await send(await make(), {}, clientId === undefined ? 'shop.pod' : clientId);
    expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client']);
    expect((await reasons())[reason]).toBe((before[reason] ?? 0) + 1);
  });

  it('a secretless web application: code flow and refresh', async () => {
    const { code } = await authorize(world.browser(), { scope: 'openid offline_access' });
    const exchange = await send(await token(), codeFields(code), 'shop.web');
    expect(exchange.status).toBe(200);
    const fields = refreshFields(exchange.body.refresh_token);
    expect((await send(await token({}, cluster, 'evil/batch'), fields, 'shop.web')).status).toBe(401);
    expect((await send(await token({}, clusterEc, 'shop/web'), fields, 'shop.web')).status).toBe(200);
  });

  it('costs one verification and nothing in the database', async () => {
    const one = await token();
    const { status } = await world.counters.expectCost('client_credentials_service_account', () => send(one));
    expect(status).toBe(200);
  });

  it('I11: the keys of the cluster rotate: the new one counts beside the old one, then alone', async () => {
    const declare = (...keys: readonly SigningKey[]) =>
      world.served({
        kind: 'server',
        id: 'self',
        owner: anOwner('server'),
        value: aServer({ issuer, kubernetes: { jwks: { keys: keys.map(({ jwk }) => jwk) } } }),
      });
    const statuses = async () => [(await send(await token())).status, (await send(await token({}, next))).status];
    expect(await statuses()).toEqual([200, 401]);
    await declare(cluster, next);
    expect(await statuses()).toEqual([200, 200]);
    await declare(next);
    expect(await statuses()).toEqual([401, 200]);
    // No cluster any more.
    await world.served({ kind: 'server', id: 'self', owner: anOwner('server'), value: aServer({ issuer }) });
    expect(await statuses()).toEqual([401, 401]);
  });
});
