/** Applications without a secret: real tokens of real ServiceAccounts, in every grant, through a rotation of the cluster's keys. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browser } from '../support/browser.ts';
import { Scene } from '../support/cluster-scene.ts';
import { startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorHere } from '../support/operator-here.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';
import type { Replica } from '../support/replica.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { authorizePath, codeFields, refreshFields } from '../support/world.ts';

const issuer = 'http://127.0.0.1:9';
const callback = 'https://shop.example.com/cb';
const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

let cluster: TestCluster;
let postgres: TestPostgres;
let slapd: Slapd;
let scene: Scene;
let operator: OperatorHere;
let replica: Replica;
beforeAll(async () => {
  [cluster, postgres, slapd] = await Promise.all([startCluster(), startPostgres('newest'), startSlapd()]);
  scene = await Scene.make({ cluster, postgres });
  await scene.apply(scene.aServer());
  await scene.apply(scene.aScope());
  operator = await OperatorHere.start(scene, { clusterKeysEvery: 300 });
  replica = await scene.replica();
  await scene.untilReason('AuthorizationServer', 'auth', 'main');
});
afterAll(async () => {
  await operator?.stop();
  await replica?.stop();
  await Promise.all([cluster?.stop(), postgres?.stop(), slapd?.close()]);
});

const accounts = (...names: readonly string[]) => ({
  authentication: { method: 'kubernetes_service_account', serviceAccounts: names.map((name) => ({ name })) },
});
const idOf = (client: string) => `${scene.namespaces.shop}.${client}`;

interface Answer {
  readonly status: number;
  readonly error?: string;
  readonly access_token?: string;
  readonly refresh_token?: string;
  readonly id_token?: string;
}

async function ask(client: string, assertion: string, more: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const fields = { grant_type: 'client_credentials', ...more };
  const response = await fetch(`${replica.url}/token`, {
    method: 'POST',
    // As behind a proxy that is not trusted: 20 times the tries, which waiting for a rotation needs.
    headers: { 'x-forwarded-for': '203.0.113.7' },
    body: new URLSearchParams({
      ...fields,
      client_id: idOf(client),
      client_assertion_type: type,
      client_assertion: assertion,
    }),
  });
  return { status: response.status, ...((await response.json()) as object) };
}

const token = (account = 'batch', namespace = scene.namespaces.shop, audiences = [issuer], expirationSeconds = 3600) =>
  cluster.serviceAccountToken(namespace, account, { audiences, expirationSeconds });
const refused = { status: 401, error: 'invalid_client' };
const keysInRow = async (): Promise<readonly string[]> => {
  const [row] = await scene.sql(`SELECT body FROM registry WHERE kind = 'server'`);
  const body = row?.['body'] as { kubernetes?: { jwks: { keys: { kid: string }[] } } } | undefined;
  return (body?.kubernetes?.jwks.keys ?? []).map(({ kid }) => kid);
};

describe('kubernetes_service_account', () => {
  it('a pod gets tokens with the token of its ServiceAccount, again and again', async () => {
    await scene.apply(scene.aClient('batch', accounts('batch', 'nightly')));
    await scene.untilReason('Client', 'shop', 'batch');
    const one = await token();
    for (let turn = 0; turn < 3; turn += 1) expect(await ask('batch', one)).toMatchObject({ status: 200 });
    expect(await ask('batch', await token('nightly'))).toMatchObject({ status: 200 });
    const day = await token('batch', scene.namespaces.shop, [issuer], 86_400);
    expect(await ask('batch', day)).toMatchObject({ status: 200 });
    // Its Secret says how to reach the server, and holds no secret.
    const secret = (await scene.secret('shop', 'batch-oauth2')) ?? {};
    expect(secret).toMatchObject({ 'client-id': idOf('batch'), 'issuer-uri': issuer });
    expect(secret).not.toHaveProperty('client-secret');
  });

  it.each<[string, () => Promise<string>]>([
    ['A39: the same name in another namespace', () => token('batch', scene.namespaces.auth)],
    ['a ServiceAccount that is not listed', () => token('default')],
    ['a token for the API server', () => cluster.serviceAccountToken(scene.namespaces.shop, 'batch')],
    ['a token for another issuer', () => token('batch', scene.namespaces.shop, ['https://other.example'])],
    ['a token for two', () => token('batch', scene.namespaces.shop, [issuer, 'https://other.example'])],
    ['a token of more than a day', () => token('batch', scene.namespaces.shop, [issuer], 100_000)],
  ])('%s is refused', async (_name, make) => expect(await ask('batch', await make())).toMatchObject(refused));

  it('what the Client lists no more is refused, without a restart', async () => {
    await scene.apply(scene.aClient('edited', accounts('batch')));
    await scene.untilReason('Client', 'shop', 'edited');
    expect(await ask('edited', await token())).toMatchObject({ status: 200 });
    await scene.apply(scene.aClient('edited', accounts('nightly')));
    await scene.untilReason('Client', 'shop', 'edited');
    expect(await ask('edited', await token())).toMatchObject(refused);
    expect(await ask('edited', await token('nightly'))).toMatchObject({ status: 200 });
  });

  it('a web application without a secret: code flow and refresh', async () => {
    await directory();
    const web = { grantTypes: ['authorization_code', 'refresh_token'], redirectUris: [callback] };
    const scopes = ['openid', 'profile', 'email', 'offline_access'];
    await scene.apply(scene.aClient('web', { ...web, scopes, ...accounts('web') }));
    await scene.untilReason('Client', 'shop', 'web');
    const browser = new Browser({ issuer, servers: [replica.url] });
    const path = authorizePath({ client_id: idOf('web'), redirect_uri: callback, scope: 'openid offline_access' });
    let page = await browser.submit(await browser.get(path), {
      username: 'ada',
      password: 'ada-password',
      'sign-in': '1',
    });
    if (page.name === 'consent') page = await browser.submit(page, { decision: 'allow' });
    const { code } = page.response;
    const pod = await token('web');
    expect(await ask('web', await token('batch'), codeFields(code))).toMatchObject(refused);
    const tokens = await ask('web', pod, codeFields(code));
    expect(tokens).toMatchObject({ status: 200, id_token: expect.any(String) as string });
    expect(await ask('web', pod, refreshFields(tokens.refresh_token))).toMatchObject({ status: 200 });
  });

  it('I11: the cluster changes its keys: both count, then the new one alone', async () => {
    const before = await token();
    const [first = ''] = await keysInRow();
    await cluster.rotateServiceAccountKeys();
    await until('both keys are registered', async () => (await keysInRow()).length === 2);
    expect(await keysInRow()).toContain(first);
    const after = await token();
    await until('the new key counts', async () => (await ask('batch', after)).status === 200);
    expect(await ask('batch', before)).toMatchObject({ status: 200 });
    // The old keys go, and with them the operator's own credentials: it comes back with new ones.
    await operator.stop();
    await cluster.rotateServiceAccountKeys({ keepOld: false });
    operator = await OperatorHere.start(scene, { clusterKeysEvery: 300 });
    const last = await token();
    await until('the last key counts', async () => (await ask('batch', last)).status === 200);
    expect(await keysInRow()).toHaveLength(1);
    for (const old of [before, after]) expect(await ask('batch', old)).toMatchObject(refused);
  });

  it('F29: while the API server is away, and when it is back, the last keys count', async () => {
    const one = await token();
    await cluster.killApiServer();
    expect(await ask('batch', one)).toMatchObject({ status: 200 });
    await cluster.startApiServer();
    await until('it is asked again', async () => (await keysInRow()).length === 1);
    expect(await ask('batch', one)).toMatchObject({ status: 200 });
  });
});

async function directory(): Promise<void> {
  const namespace = scene.namespaces.shop;
  const labels = { 'auth.nauthera.io/watch': 'true' };
  const of = (kind: string, name: string) => ({ apiVersion: 'v1', kind, metadata: { name, namespace, labels } });
  await scene.apply({ ...of('ConfigMap', 'directory-ca'), data: { 'ca.crt': slapd.caPem } });
  await scene.apply({ ...of('Secret', 'directory'), stringData: { password: slapd.bindPassword } });
  const binding = scene.aBinding('people', {
    servers: [{ url: slapd.url }],
    tls: { caBundleRef: { name: 'directory-ca' } },
    bind: { dn: slapd.bindDn, passwordSecretRef: { name: 'directory' } },
    userSearch: {
      base: `ou=people,${slapd.baseDn}`,
      filter: '(&(objectClass=inetOrgPerson)(uid={}))',
      attributes: { username: 'uid', subject: 'entryUUID', displayName: 'displayName' },
    },
  });
  await scene.apply(binding);
  await scene.untilReason('LdapBinding', 'shop', 'people');
}
