/**
 * F56 with an operator, in the order of docs/how-to/back-up-and-restore.md: the database, the key-encryption key and the
 * authority are lost with the operator and every server, and come back from what was kept.
 */
import { writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Scene } from '../support/cluster-scene.ts';
import { runServerCommand } from '../support/command.ts';
import { startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { MountedSecret } from '../support/mounted-secret.ts';
import { OperatorHere } from '../support/operator-here.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { dump, restoreDump } from '../support/postgres-backup.ts';
import { until } from '../support/product.ts';
import { Replica } from '../support/replica.ts';
import { StandIn } from '../support/stand-in.ts';

const soon = 120_000;
type Values = Readonly<Record<string, string>>;

let cluster: TestCluster;
let postgres: TestPostgres;
let scene: Scene;
let operator: OperatorHere | undefined;
let replica: Replica | undefined;
beforeAll(async () => {
  [cluster, postgres] = await Promise.all([startCluster(), startPostgres('oldest')]);
  scene = await Scene.make({ cluster, postgres });
});
afterAll(async () => {
  await operator?.stop();
  await replica?.stop();
  await postgres?.stop();
  await cluster?.stop();
});

const serverImage = 'registry.example.com/nauthera:1.0.0';
const secretOf = (name: string, namespace: 'auth' | 'shop' = 'auth') =>
  until(`there is a Secret ${name}`, () => scene.secret(namespace, name), soon);
const authorityOf = async (): Promise<unknown> => (await scene.get('configmaps', 'auth', 'main-ca'))?.data?.['ca.crt'];

/** As a pod would: with what stands in the Secrets. */
async function serve(databaseUrl: string, name: string): Promise<Replica> {
  const { 'tls.crt': certificate = '', 'tls.key': key = '' } = await secretOf('main-generated-tls');
  const mounted = new MountedSecret(join(cluster.folder, name), { 'tls.crt': certificate, 'tls.key': key });
  const keyFile = join(cluster.folder, `${name}.key-encryption-key`);
  const { 'key-encryption-key': sealing = '' } = await secretOf('main-key-encryption-key');
  await writeFile(keyFile, sealing, { mode: 0o600 });
  return Replica.start({ databaseUrl, keyFile, environment: { NAUTHERA_TLS_FOLDER: mounted.folder } });
}

/** As an application that trusts the authority in its own Secret alone. */
function ask(path: string, credentials: Values, fields?: Values): Promise<Readonly<Record<string, unknown>>> {
  const basic = Buffer.from(`${credentials['client-id']}:${credentials['client-secret']}`).toString('base64');
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: '127.0.0.1',
        port: new URL(replica?.url ?? '').port,
        path,
        servername: `main.${scene.namespaces.auth}.svc`,
        ca: credentials['ca.crt'],
        agent: false,
        method: fields === undefined ? 'GET' : 'POST',
        headers: { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' },
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk;
        });
        response.once('end', () => resolve(JSON.parse(body) as Readonly<Record<string, unknown>>));
      },
    );
    asked.once('error', reject).end(fields === undefined ? undefined : new URLSearchParams(fields).toString());
  });
}
const token = async (credentials: Values) => {
  const { access_token: given, error } = await ask('/token', credentials, { grant_type: 'client_credentials' });
  return typeof given === 'string' ? `given ${given}` : String(error);
};
const given = expect.stringMatching(/^given /);

/** As `kubectl get secret … -o yaml` shows it, without what only the cluster that has it knows. */
async function kept(name: string): Promise<string> {
  const { stdout, code } = await cluster.kubectl(['get', 'secret', name, '-n', scene.namespaces.auth, '-o', 'yaml']);
  expect(code).toBe(0);
  return stdout.replaceAll(/^ +(?:uid|resourceVersion): .*\n/gm, '');
}

it('F56: database, key-encryption key and authority come back from what was kept; the registry is as the resources say', async () => {
  operator = await OperatorHere.start(scene, { serverImage });
  // What it gives lives longer than all of this takes: it ends with the restore, or not at all.
  const lasting = scene.aClient('batch', { accessToken: { lifetime: '1h' } });
  for (const one of [scene.aServer({ issuer: undefined }), scene.aScope(), lasting, scene.aClient('ended')])
    await scene.apply(one);
  const stand = new StandIn(scene);
  await stand.runJob(await stand.untilJob());
  await stand.rollOut();
  replica = await serve(scene.databaseUrl, 'first');
  for (const name of ['batch', 'ended']) await scene.untilReason('Client', 'shop', name);
  const [batch, ended] = await Promise.all([secretOf('batch-oauth2', 'shop'), secretOf('ended-oauth2', 'shop')]);
  const old = (await token(batch)).replace('given ', '');
  const { keys } = await ask('/jwks', batch);
  const authority = await authorityOf();
  expect(batch['ca.crt']).toBe(authority);

  const file = join(cluster.folder, 'backup');
  await dump(scene.databaseUrl, file);
  const secrets = await Promise.all(['main-key-encryption-key', 'main-generated-ca'].map(kept));
  // Since then: a Client that the backup does not know, and one that it knows as served.
  await scene.apply(scene.aClient('since'));
  await scene.untilReason('Client', 'shop', 'since');
  const since = await secretOf('since-oauth2', 'shop');
  await scene.patch('Client', 'shop', 'ended', { spec: { suspend: true } });
  await scene.untilReason('Client', 'shop', 'ended', 'Suspended');

  await replica.stop();
  await operator.stop();
  for (const name of ['main-key-encryption-key', 'main-generated-ca', 'main-generated-tls'])
    await scene.delete('secrets', 'auth', name);
  await scene.delete('configmaps', 'auth', 'main-ca');

  const restored = await postgres.createDatabase();
  await restoreDump(file, restored);
  for (const text of secrets)
    expect(await cluster.kubectl(['apply', '-f', '-'], { stdin: text })).toMatchObject({ code: 0 });
  expect(await runServerCommand(['restore', '--yes'], { NAUTHERA_DATABASE: restored })).toMatchObject({ code: 0 });
  await scene.putDatabaseSecret(restored);

  operator = await OperatorHere.start(scene, { serverImage });
  replica = await serve(restored, 'second');
  await scene.untilReason('Client', 'shop', 'since');
  await until('all is served', async () => (await token(since)).startsWith('given '), soon);
  expect(await token(batch)).toEqual(given);
  await until('what ended since has ended', async () => (await token(ended)) === 'invalid_client', soon);
  const credentials = await secretOf('batch-oauth2', 'shop');
  expect(credentials).toEqual(batch);
  expect(await authorityOf()).toBe(authority);
  expect((await ask('/jwks', batch))['keys']).toEqual(keys);
  // What the first operator said stands there still: this one is to look.
  const reconcile = 'auth.nauthera.io/reconcile';
  await scene.patch('AuthorizationServer', 'auth', 'main', { metadata: { annotations: { [reconcile]: 'restored' } } });
  const looked = async () => (await scene.get('AuthorizationServer', 'auth', 'main'))?.status?.lastHandled?.[reconcile];
  await until('the second operator has looked', async () => (await looked()) === 'restored', soon);
  await until(
    'the keys are those that were kept',
    async () => (await scene.condition('AuthorizationServer', 'auth', 'main', 'KeysReady'))?.reason === 'KeysReady',
    soon,
  );
  const fresh = (await token(batch)).replace('given ', '');
  expect(await ask('/introspect', batch, { token: fresh })).toMatchObject({ active: true });
  expect(await ask('/introspect', batch, { token: old })).toEqual({ active: false });
});
