/**
 * A cluster is lost and built anew on the database that it had: everything comes back, ids, secrets and grants included.
 * The lost one, which is only deaf here, then stands for another cluster whose ServiceAccounts are trusted.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browser } from '../support/browser.ts';
import { Scene } from '../support/cluster-scene.ts';
import { askForToken } from '../support/cluster-tokens.ts';
import { startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorHere } from '../support/operator-here.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';
import type { Replica } from '../support/replica.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { authorizePath, codeFields, refreshFields } from '../support/world.ts';

const issuer = 'http://127.0.0.1:9';
const callback = 'https://shop.example.com/cb';
const adoptFrom = 'auth.nauthera.io/adopt-from';
const confirm = 'auth.nauthera.io/confirm-retirement';
const lost = Array.from({ length: 12 }, (_, at) => `lost-${at}`);
const web = {
  grantTypes: ['authorization_code', 'refresh_token'],
  redirectUris: [callback],
  scopes: ['openid', 'offline_access'],
};

let clusters: readonly TestCluster[];
let postgres: TestPostgres;
let slapd: Slapd;
let old: Scene;
let scene: Scene;
let operator: OperatorHere;
let replica: Replica;
/** Of the lost cluster. */
let source: string;
let secrets: { readonly web: Readonly<Record<string, string>>; readonly batch: Readonly<Record<string, string>> };
let refreshToken: string | undefined;

beforeAll(async () => {
  const [first, second, ...others] = await Promise.all([
    startCluster(),
    startCluster(),
    startPostgres('newest'),
    startSlapd(),
  ]);
  clusters = [first, second];
  [postgres, slapd] = others;
  old = await Scene.make({ cluster: first, postgres });
  await old.apply(old.aServer());
  await furnish(old);
  for (const name of lost) await old.apply(old.aClient(name));
  const before = await OperatorHere.start(old);
  replica = await old.replica();
  await old.untilReason('LdapBinding', 'shop', 'people');
  for (const name of ['web', 'batch', ...lost]) await old.untilReason('Client', 'shop', name);
  secrets = { web: await secretOf(old, 'web'), batch: await secretOf(old, 'batch') };
  refreshToken = await signIn();
  source = (await first.call('GET', '/api/v1/namespaces/kube-system')).metadata.uid;
  await before.stop();
  scene = await Scene.make({ cluster: second, postgres, like: old });
});
afterAll(async () => {
  await operator?.stop();
  await replica?.stop();
  await Promise.all([...(clusters ?? []).map((one) => one.stop()), postgres?.stop(), slapd?.close()]);
});

async function furnish(at: Scene): Promise<void> {
  await at.apply(at.aScope());
  await at.apply(at.aClient('web', web));
  await at.apply(at.aClient('batch'));
  const namespace = at.namespaces.shop;
  const labels = { 'auth.nauthera.io/watch': 'true' };
  const of = (kind: string, name: string) => ({ apiVersion: 'v1', kind, metadata: { name, namespace, labels } });
  await at.apply({ ...of('ConfigMap', 'directory-ca'), data: { 'ca.crt': slapd.caPem } });
  await at.apply({ ...of('Secret', 'directory'), stringData: { password: slapd.bindPassword } });
  await at.apply(
    at.aBinding('people', {
      servers: [{ url: slapd.url }],
      tls: { caBundleRef: { name: 'directory-ca' } },
      bind: { dn: slapd.bindDn, passwordSecretRef: { name: 'directory' } },
      userSearch: {
        base: `ou=people,${slapd.baseDn}`,
        filter: '(&(objectClass=inetOrgPerson)(uid={}))',
        attributes: { username: 'uid', subject: 'entryUUID', displayName: 'displayName' },
      },
    }),
  );
}

const secretOf = (at: Scene, client: string) =>
  until(`the Secret of ${client}`, () => at.secret('shop', `${client}-oauth2`));

async function ask(fields: Readonly<Record<string, string>>, credentials: Readonly<Record<string, string>>) {
  const basic = Buffer.from(`${credentials['client-id']}:${credentials['client-secret']}`).toString('base64');
  const response = await fetch(`${replica.url}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${basic}` },
    body: new URLSearchParams(fields),
  });
  return { status: response.status, ...((await response.json()) as { refresh_token?: string; error?: string }) };
}

async function signIn(): Promise<string | undefined> {
  const browser = new Browser({ issuer, servers: [replica.url] });
  const asked = { client_id: `${old.namespaces.shop}.web`, redirect_uri: callback, scope: 'openid offline_access' };
  const login = await browser.get(authorizePath(asked));
  let page = await browser.submit(login, { username: 'ada', password: 'ada-password', 'sign-in': '1' });
  if (page.name === 'consent') page = await browser.submit(page, { decision: 'allow' });
  return (await ask(codeFields(page.response.code), secrets.web)).refresh_token;
}

const server = () => scene.get('AuthorizationServer', 'auth', 'main');
const rowsOf = async (name: string) =>
  scene.sql(`SELECT source, uid, identity FROM registry WHERE kind = 'client' AND name = $1`, [name]);

describe('a cluster that was built anew on the database of a lost one', () => {
  it('says whose the database is, and changes nothing', async () => {
    const key = await old.get('secrets', 'auth', 'main-key-encryption-key');
    const { namespace, name, labels } = key?.metadata ?? {};
    const restored = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name, labels }, data: key?.data };
    await scene.apply(restored);
    await scene.apply(scene.aServer());
    await furnish(scene);
    operator = await OperatorHere.start(scene, { orphans: { every: 500, patience: 3_000 } });
    const { message } = await scene.untilReason('AuthorizationServer', 'auth', 'main', 'DatabaseInUse');
    expect(message).toContain(`of source "${source}"`);
    expect(message).toContain(adoptFrom);
    expect(await askForToken(replica.url, secrets.batch)).toBe('200');
    expect(await rowsOf('web')).toMatchObject([{ source, identity: null }]);
  });

  it('takes over ids, secrets and grants when its owner says so', async () => {
    const [before] = await rowsOf('web');
    await scene.patch('AuthorizationServer', 'auth', 'main', { metadata: { annotations: { [adoptFrom]: source } } });
    await scene.untilReason('AuthorizationServer', 'auth', 'main');
    expect((await server())?.status.lastHandled).toMatchObject({ [adoptFrom]: source });
    for (const name of ['web', 'batch']) await scene.untilReason('Client', 'shop', name);
    expect((await scene.get('Client', 'shop', 'web'))?.status.clientId).toBe(secrets.web['client-id']);
    const { uid } = (await scene.get('Client', 'shop', 'web'))?.metadata ?? {};
    expect(await rowsOf('web')).toMatchObject([{ uid, identity: before?.['uid'] }]);
    // A new secret, as only digests were kept; the pods of before have the old one.
    for (const name of ['web', 'batch'] as const) {
      const fresh = await secretOf(scene, name);
      expect(fresh['client-secret']).not.toBe(secrets[name]['client-secret']);
      expect((await scene.get('Client', 'shop', name))?.status.secrets).toHaveLength(2);
    }
    expect(await askForToken(replica.url, secrets.batch)).toBe('200');
    expect(await askForToken(replica.url, await secretOf(scene, 'batch'))).toBe('200');
    const refreshed = await ask(refreshFields(refreshToken), await secretOf(scene, 'web'));
    expect(refreshed).toMatchObject({ status: 200 });
    expect(await ask(refreshFields(refreshed.refresh_token), secrets.web)).toMatchObject({ status: 200 });
  });

  it('retires what does not come back, but never so many at once without a yes', async () => {
    const held = async () =>
      ((await server())?.status.conditions as readonly { type: string; message: string }[] | undefined)?.find(
        ({ type }) => type === 'RetirementHeld',
      );
    const condition = await until('the retirement is held back', held);
    expect(condition.message).toMatch(/^12 registrations have no resource any more/);
    expect(await rowsOf('lost-0')).toHaveLength(1);
    await scene.patch('AuthorizationServer', 'auth', 'main', { metadata: { annotations: { [confirm]: 'yes' } } });
    await until('they are retired', async () => (await rowsOf('lost-0')).length === 0);
    await until('nothing is held back', async () => (await held()) === undefined);
    await expect.poll(async () => (await server())?.status.lastHandled).toMatchObject({ [confirm]: 'yes' });
    expect(await rowsOf('web')).toHaveLength(1);
  });

  it('F38 A39 a Client made anew afterwards inherits nothing', async () => {
    await scene.delete('Client', 'shop', 'web');
    await scene.untilGone('Client', 'shop', 'web');
    await scene.apply(scene.aClient('web', web));
    await scene.untilReason('Client', 'shop', 'web');
    expect(await rowsOf('web')).toMatchObject([{ identity: null }]);
    const fresh = await secretOf(scene, 'web');
    expect(await ask(refreshFields(refreshToken), fresh)).toMatchObject({ status: 400, error: 'invalid_grant' });
    expect(await askForToken(replica.url, secrets.web)).toBe('401 invalid_client');
  });
});

describe('two real clusters that call themselves alike', () => {
  const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  const tokenOf = (at: Scene, account = 'pod') =>
    at.cluster.serviceAccountToken(at.namespaces.shop, account, { audiences: [issuer] });
  const answer = async (client: string, assertion: string): Promise<number> => {
    const fields = { grant_type: 'client_credentials', client_id: `${scene.namespaces.shop}.${client}` };
    const body = new URLSearchParams({ ...fields, client_assertion_type: type, client_assertion: assertion });
    return (await fetch(`${replica.url}/token`, { method: 'POST', body })).status;
  };
  const podOf = (name: string, ...clusterNames: readonly (string | undefined)[]) =>
    scene.aClient(name, {
      authentication: {
        method: 'kubernetes_service_account',
        serviceAccounts: clusterNames.map((cluster) => ({
          name: 'pod',
          ...(cluster === undefined ? {} : { cluster }),
        })),
      },
    });

  it('each ServiceAccount speaks where its cluster is named', async () => {
    await scene.apply(podOf('there', 'lost'));
    const refused = await scene.untilReason('Client', 'shop', 'there', 'PolicyViolation');
    expect(refused.message).toBe(
      `spec.authentication.serviceAccounts[0].cluster: "lost" is not among spec.trustedClusters of ${scene.namespaces.auth}/main. Change it or ask the owner of that server`,
    );
    const { issuer: theirs } = await old.cluster.call('GET', '/.well-known/openid-configuration');
    const mine = (await scene.cluster.call('GET', '/.well-known/openid-configuration')).issuer;
    expect(theirs).toBe(mine);
    const { keys } = await old.cluster.call('GET', '/openid/v1/jwks');
    await scene.apply(
      scene.aServer({ trustedClusters: [{ name: 'lost', issuer: theirs, jwks: { keys } }] }, { [adoptFrom]: source }),
    );
    await scene.apply(podOf('here', undefined));
    await scene.apply(podOf('both', undefined, 'lost'));
    for (const name of ['here', 'there', 'both']) await scene.untilReason('Client', 'shop', name);
    const [local, remote] = [await tokenOf(scene), await tokenOf(old)];
    const answers = async (name: string) => [await answer(name, local), await answer(name, remote)];
    expect(await answers('here')).toEqual([200, 401]);
    expect(await answers('there')).toEqual([401, 200]);
    expect(await answers('both')).toEqual([200, 200]);
    expect(await answer('there', await tokenOf(old, 'other'))).toBe(401);
  });
});
