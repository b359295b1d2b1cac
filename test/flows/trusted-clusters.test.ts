/** ServiceAccounts of several clusters that call themselves alike: the key that verifies a token says where it is from. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aClient } from '../support/builders.ts';
import { makeAuthority } from '../support/certificates.ts';
import { type Claims, type SigningKey, serviceAccountClaims, signed, signingKey } from '../support/client-keys.ts';
import { answerDevice, deviceApp } from '../support/devices.ts';
import { openTlsSink, type TlsSink } from '../support/tls-sink.ts';
import { authorize, codeFields, issuer, refreshFields, type TokenAnswer, World, webApp } from '../support/world.ts';

const sameIssuer = 'https://kubernetes.default.svc.cluster.local';
const host = 'keys.west.example.com';
const here = signingKey('RS256', { kid: 'here' });
const east = signingKey('RS256', { kid: 'east' });
const west = signingKey('ES256', { kid: 'west' });
const common = signingKey('ES256', { kid: 'common' });
const commonToo = signingKey('ES256', { kid: 'common' });
const shared = signingKey('ES256', { kid: 'shared' });
const sharedToo = signingKey('ES256', { kid: 'shared' });
const batch = { namespace: 'shop', name: 'batch' };
const machine = aClient('shop.here')
  .machine('unused')
  .with({ scopes: ['orders'], default_scopes: ['orders'] });
const at = (clientId: string, ...clusters: readonly (string | undefined)[]) =>
  machine
    .withServiceAccounts(...clusters.map((cluster) => (cluster === undefined ? batch : { ...batch, cluster })))
    .with({ client_id: clientId })
    .build();
const { grant_types, scopes, default_scopes, redirect_uris } = webApp();
const { grant_types: deviceGrants, default_scopes: deviceScopes } = deviceApp();

let sink: TlsSink;
let world: World;
beforeAll(async () => {
  const [authority, another] = [await makeAuthority(), await makeAuthority()];
  sink = await openTlsSink(await authority.issue({ names: [host] }));
  sink.answer = (_request, response) => response.end(JSON.stringify({ keys: [west.jwk, here.jwk, sharedToo.jwk] }));
  const url = `https://${host}:${sink.port}/openid/v1/jwks`;
  world = await World.open({
    server: {
      outbound_allowed: ['127.0.0.1/32'],
      grant_types_supported: [...new Set([...grant_types, ...deviceGrants, 'client_credentials' as const])],
      kubernetes: {
        jwks: { keys: [here.jwk, common.jwk] },
        clusters: [
          { name: 'east', issuer: sameIssuer, jwks: { keys: [east.jwk, commonToo.jwk, shared.jwk] } },
          { name: 'west', issuer: sameIssuer, jwks_uri: url, ca: authority.pem },
          { name: 'stranger', issuer: sameIssuer, jwks_uri: url, ca: another.pem },
        ],
      },
    },
    clients: [
      at('shop.here', undefined),
      at('shop.east', 'east'),
      at('shop.west', 'west'),
      at('shop.both', undefined, 'west'),
      at('shop.stranger', 'stranger'),
      at('shop.nowhere', 'north'),
      aClient()
        .withServiceAccounts({ ...batch, cluster: 'west' })
        .with({ grant_types, scopes, default_scopes, redirect_uris })
        .build(),
      aClient('tv.pod')
        .withServiceAccounts({ ...batch, cluster: 'east' })
        .with({
          grant_types: deviceGrants,
          response_types: [],
          redirect_uris: [],
          scopes: deviceScopes,
          default_scopes: deviceScopes,
        })
        .build(),
    ],
    options: { seams: { outbound: { resolve: () => Promise.resolve(['127.0.0.1']) } } },
  });
});
afterAll(async () => {
  await world?.stop();
  await sink?.close();
});
type Fields = Readonly<Record<string, string>>;
const token = (key: SigningKey, claims: Claims = {}, header: Claims = {}) =>
  signed(key, serviceAccountClaims('shop/batch', issuer, { iss: sameIssuer, ...claims }), header);
const asserted = async (clientId: string, assertion: Promise<string>): Promise<Fields> => ({
  client_id: clientId,
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  client_assertion: await assertion,
});
async function send(clientId: string, assertion: Promise<string>, more: Fields = {}): Promise<TokenAnswer> {
  const fields = { grant_type: 'client_credentials', ...(await asserted(clientId, assertion)), ...more };
  return world.tokenForm(fields, { 'x-forwarded-for': '203.0.113.7' });
}
const status = async (...args: Parameters<typeof send>) => (await send(...args)).status;

describe('clusters that call themselves alike', () => {
  it.each([
    ['this one', 'shop.here', here],
    ['one whose keys are listed', 'shop.east', east],
    ['one whose keys are fetched', 'shop.west', west],
    ['one of two that the client names', 'shop.both', here],
    ['the other of these', 'shop.both', west],
  ] as const)('%s is told by its key', async (_, clientId, key) => {
    expect(await status(clientId, token(key))).toBe(200);
  });

  it.each<[string, string, SigningKey, Claims?, Claims?]>([
    ['the same name in a cluster that the client does not name', 'shop.here', east],
    ['the same, the other way round', 'shop.east', here],
    ['a cluster that another client names', 'shop.east', west],
    ['A39: the same name in another namespace there', 'shop.west', west, { sub: 'system:serviceaccount:bank:batch' }],
    ['another issuer than that of the cluster', 'shop.east', east, { iss: 'https://other.example' }],
    ['a token for somebody else', 'shop.east', east, { aud: 'https://other.example' }],
    ['no key id: that can only be of this cluster', 'shop.east', east, {}, { kid: undefined }],
    ['a cluster that is not trusted', 'shop.nowhere', east],
    ['keys that answer under another authority', 'shop.stranger', west],
  ])('%s is refused', async (_, clientId, key, claims, header) => {
    expect(await status(clientId, token(key, claims, header))).toBe(401);
  });

  it('a key id that two trusted clusters have speaks for neither', async () => {
    expect(await status('shop.west', token(west))).toBe(200);
    expect(await status('shop.east', token(shared))).toBe(401);
    expect(await status('shop.west', token(sharedToo))).toBe(401);
  });

  it('a trusted cluster that publishes our keys, or their ids, locks nobody out here, and lets nobody in', async () => {
    expect(await status('shop.west', token(west))).toBe(200);
    expect(await status('shop.here', token(here))).toBe(200);
    expect(await status('shop.here', token(common))).toBe(200);
    for (const clientId of ['shop.here', 'shop.east']) expect(await status(clientId, token(commonToo))).toBe(401);
    for (const key of [here, common]) expect(await status('shop.west', token(key))).toBe(401);
  });
});

describe('every grant', () => {
  it('code and refresh, by a pod in another cluster', async () => {
    const { code } = await authorize(world.browser(), { scope: 'openid offline_access' });
    expect(await status('shop.web', token(east), codeFields(code))).toBe(401);
    const exchange = await send('shop.web', token(west), codeFields(code));
    expect(exchange.status).toBe(200);
    expect(await status('shop.web', token(west), refreshFields(exchange.body.refresh_token))).toBe(200);
  });

  it('device, introspection and revocation', async () => {
    const post = async (path: string, more: Fields): Promise<Response> =>
      world.fetch(`${issuer}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ ...(await asserted('tv.pod', token(east))), ...more }).toString(),
      });
    const started = (await (await post('/device_authorization', { scope: 'openid' })).json()) as Parameters<
      typeof answerDevice
    >[1];
    await answerDevice(world.browser(), started, 'allow', 'ada');
    const grant = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: started.device_code };
    expect(await status('tv.pod', token(here), grant)).toBe(401);
    const { body } = await send('tv.pod', token(east), grant);
    const asked = await post('/introspect', { token: String(body.access_token) });
    expect(await asked.json()).toMatchObject({ active: true, client_id: 'tv.pod' });
    expect((await post('/revoke', { token: String(body.access_token) })).status).toBe(200);
  });
});
