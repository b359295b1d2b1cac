/**
 * TLS out of the box, on a real Kubernetes API with the rights of the chart: the operator issues, publishes, renews and
 * repairs; a server process shows what stands in the Secret to a client that trusts only what its own Secret says.
 */

import { randomUUID, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { namesOf } from '../../operator/src/certificates/inspect.ts';
import { issueServing } from '../../operator/src/certificates/issue.ts';
import { lifetimes, validityFrom } from '../../operator/src/certificates/lifecycle.ts';
import { makeAuthority } from '../support/certificates.ts';
import { Scene } from '../support/cluster-scene.ts';
import { type AnyObject, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { MountedSecret } from '../support/mounted-secret.ts';
import { OperatorHere } from '../support/operator-here.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';
import { Replica } from '../support/replica.ts';
import { StandIn } from '../support/stand-in.ts';

const day = 86_400_000;
const watched = { 'auth.nauthera.io/watch': 'true' };

let cluster: TestCluster;
let postgres: TestPostgres;
let scene: Scene;
let stand: StandIn;
let operator: OperatorHere;
let replica: Replica;
let mounted: MountedSecret;
/** What the operator's own clock is ahead: two months at first, so that what it makes before it knows better is of the future. */
let ahead = 61 * day;

beforeAll(async () => {
  [cluster, postgres] = await Promise.all([startCluster(), startPostgres('newest')]);
  scene = await Scene.make({ cluster, postgres });
  stand = new StandIn(scene);
  operator = await OperatorHere.start(scene, {
    serverImage: 'registry.example.com/nauthera:1.0.0',
    now: () => Date.now() + ahead,
  });
  await scene.apply(scene.aServer({ issuer: undefined }));
  await scene.apply(scene.aScope());
  await scene.apply(scene.aClient());
  await stand.runJob(await stand.untilJob());
  await stand.rollOut();
  await stands('the clock of the database is heard', async () => (await leaf()).validFromDate.getTime() < Date.now());
  ahead = 0;
  const files = await secretOf('main-generated-tls');
  const key = await secretOf('main-key-encryption-key');
  mounted = new MountedSecret(join(cluster.folder, 'tls'), filesOf(files));
  const keyFile = join(cluster.folder, 'tls.key-encryption-key');
  await writeFile(keyFile, key['key-encryption-key'] ?? '', { mode: 0o600 });
  replica = await Replica.start({
    databaseUrl: scene.databaseUrl,
    keyFile,
    environment: { NAUTHERA_TLS_FOLDER: mounted.folder },
  });
  await scene.untilReason('Client', 'shop', 'batch');
});
afterAll(async () => {
  await operator?.stop();
  await replica?.stop();
  await postgres?.stop();
  await cluster?.stop();
});

const secretOf = async (name: string, namespace: 'auth' | 'shop' = 'auth') =>
  until(`there is a Secret ${name}`, () => scene.secret(namespace, name));
const filesOf = (data: Readonly<Record<string, string>>) => ({
  'tls.crt': data['tls.crt'] ?? '',
  'tls.key': data['tls.key'] ?? '',
});
const leaf = async () => new X509Certificate((await secretOf('main-generated-tls'))['tls.crt'] ?? '');
const versions = async () =>
  Promise.all(
    ['main-generated-ca', 'main-generated-tls'].map(
      async (name) => (await scene.get('secrets', 'auth', name))?.metadata.resourceVersion as string,
    ),
  );
const bundle = async (): Promise<string | undefined> =>
  (await scene.get('configmaps', 'auth', 'main-ca'))?.data?.['ca.crt'] as string | undefined;
const ofClient = async () => (await secretOf('batch-oauth2', 'shop'))['ca.crt'];
const events = async (): Promise<readonly string[]> => {
  const { items } = await cluster.call('GET', `/apis/events.k8s.io/v1/namespaces/${scene.namespaces.auth}/events`);
  return (items as AnyObject[]).map(({ reason, note }) => `${reason}: ${note}`);
};
const told = async (reason: string) =>
  (await events()).some((one) => one.startsWith(`${reason}: Secret "main-generated-tls"`));
/** Resolves when a pass that began after the call has ended. */
async function look(): Promise<void> {
  const asked = randomUUID();
  const reconcile = 'auth.nauthera.io/reconcile';
  await scene.patch('AuthorizationServer', 'auth', 'main', { metadata: { annotations: { [reconcile]: asked } } });
  await stands('the server was looked at', async () => {
    const server = await scene.get('AuthorizationServer', 'auth', 'main');
    return server?.status.lastHandled?.[reconcile] === asked;
  });
}
const stands = (what: string, holds: () => Promise<unknown>) =>
  until(
    () => `${what}: ${JSON.stringify(operator.failures.map(({ error }) => String(error)))}`,
    async () => Boolean(await holds()),
  );

interface Reached {
  readonly status: number;
  readonly body: string;
  readonly shown: string;
}

/** As an application in the cluster: by the name of the Service, trusting `ca` alone. */
const reach = (ca: string | undefined, path: string, form?: string, basic?: string): Promise<Reached> =>
  new Promise((resolve, reject) => {
    const { port } = new URL(replica.url);
    const asked = request(
      {
        host: '127.0.0.1',
        port,
        path,
        servername: `main.${scene.namespaces.auth}.svc`,
        ca,
        agent: false,
        method: form === undefined ? 'GET' : 'POST',
        headers: {
          ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
          ...(basic === undefined ? {} : { authorization: `Basic ${Buffer.from(basic).toString('base64')}` }),
        },
      },
      (response) => {
        const socket = response.socket as TLSSocket;
        const shown = socket.getPeerX509Certificate()?.toString() ?? '';
        let body = '';
        response.on('data', (chunk: Buffer) => {
          body += chunk.toString();
        });
        response.once('end', () => resolve({ status: response.statusCode ?? 0, body, shown }));
      },
    );
    asked.once('error', reject).end(form);
  });

describe('a generated certificate', () => {
  it('reaches the pods, the Service and every Client', async () => {
    const { spec } = (await stand.deployment())?.spec.template ?? {};
    expect(spec.containers[0].env).toContainEqual({ name: 'NAUTHERA_TLS_FOLDER', value: '/var/run/nauthera/tls' });
    expect(spec.volumes).toContainEqual({
      name: 'tls',
      secret: { secretName: 'main-generated-tls', defaultMode: 0o440 },
    });
    const service = await stand.get('', 'services', 'main');
    expect(service?.spec.ports).toEqual([expect.objectContaining({ name: 'https', port: 443, targetPort: 'https' })]);
    expect(await bundle()).toBe((await secretOf('main-generated-ca'))['tls.crt']);
    expect(await ofClient()).toBe(await bundle());
    expect((await scene.get('configmaps', 'auth', 'main-ca'))?.metadata.ownerReferences).toHaveLength(1);
  });

  it('an application that trusts only its own ca.crt gets a token at the default issuer', async () => {
    const mine = await secretOf('batch-oauth2', 'shop');
    expect(mine['issuer-uri']).toBe(`https://main.${scene.namespaces.auth}.svc`);
    const path = new URL(mine['token-uri'] ?? '').pathname;
    const basic = `${mine['client-id']}:${mine['client-secret']}`;
    const { status, body } = await reach(mine['ca.crt'], path, 'grant_type=client_credentials', basic);
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ token_type: 'Bearer' });
    await expect(reach(undefined, path)).rejects.toThrow(/certificate/);
    await expect(reach((await makeAuthority()).pem, path)).rejects.toThrow(/certificate/);
  });

  it('nothing is written when nothing is due', async () => {
    const before = await versions();
    await look();
    expect(await versions()).toEqual(before);
  });

  it.each<[string, number]>([
    ['two months ahead', 61 * day],
    ['past the end of its authority', 11 * 365 * day],
    ['right again', 0],
  ])('the operator’s own clock is %s: nothing is made by it, and applications get on', async (_name, jump) => {
    const [before, mine] = [await versions(), await ofClient()];
    ahead = jump;
    await look();
    expect([await versions(), await bundle(), await ofClient()]).toEqual([before, mine, mine]);
    expect((await reach(mine, '/jwks')).status).toBe(200);
  });

  it('is renewed when it is due; a running server shows it, and the bundle of before still fits', async () => {
    const mine = await ofClient();
    const authority = await secretOf('main-generated-ca');
    const signing = { certificate: authority['tls.crt'] ?? '', key: authority['tls.key'] ?? '' };
    const validity = validityFrom(Date.now() - 60.5 * day, lifetimes.serving);
    const due = await issueServing(signing, { name: 'main', names: namesOf(await leaf()), validity });
    await scene.patch('secrets', 'auth', 'main-generated-tls', {
      data: { 'tls.crt': btoa(due.certificate), 'tls.key': btoa(due.key) },
    });
    const isNew = async () => Date.now() - (await leaf()).validFromDate.getTime() < day;
    await stands('the certificate is renewed', async () => (await isNew()) && (await told('SecretRotated')));
    const after = await secretOf('main-generated-tls');
    mounted.write(filesOf(after));
    await stands('it is shown', async () => (await reach(mine, '/jwks')).shown === after['tls.crt']);
    expect(await bundle()).toBe(mine);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['the ConfigMap is deleted', () => scene.delete('configmaps', 'auth', 'main-ca')],
    ['the ConfigMap is edited', () => scene.patch('configmaps', 'auth', 'main-ca', { data: { 'ca.crt': 'x' } })],
    [
      'the Client’s copy is edited',
      () => scene.patch('secrets', 'shop', 'batch-oauth2', { data: { 'ca.crt': 'eA==' } }),
    ],
  ])('drift: %s', async (_name, drift) => {
    const before = await bundle();
    await drift();
    await stands('it is as before', async () => (await bundle()) === before && (await ofClient()) === before);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['deleted', () => scene.delete('secrets', 'auth', 'main-generated-tls')],
    ['edited', () => scene.patch('secrets', 'auth', 'main-generated-tls', { data: { 'tls.crt': 'eA==' } })],
  ])('drift: the certificate is %s: there is another one, of the same authority', async (_name, drift) => {
    const before = (await secretOf('main-generated-tls'))['tls.crt'];
    const trusted = await bundle();
    await drift();
    await stands('there is another one', async () => {
      const now = (await scene.secret('auth', 'main-generated-tls'))?.['tls.crt'];
      return now !== undefined && now !== before && now.startsWith('-----BEGIN');
    });
    expect(await bundle()).toBe(trusted);
    mounted.write(filesOf(await secretOf('main-generated-tls')));
  });

  it('its authority is lost: the new one is published beside the old one, everywhere, and what is shown stays trusted', async () => {
    const shown = await secretOf('main-generated-tls');
    const before = (await bundle()) ?? '';
    await scene.delete('secrets', 'auth', 'main-generated-ca');
    await stands('both are published', async () => {
      const now = (await bundle()) ?? '';
      return now !== before && now.endsWith(before) && (await ofClient()) === now;
    });
    expect((await secretOf('main-generated-tls'))['tls.crt']).toBe(shown['tls.crt']);
    expect((await reach(await ofClient(), '/jwks')).status).toBe(200);
    await stands('people are told', async () =>
      (await events()).some((one) => one.startsWith('SecretRecreated: the certificate authority')),
    );
  });

  it('no key is in status, an Event or the log', async () => {
    const keys = (await Promise.all(['main-generated-ca', 'main-generated-tls'].map((name) => secretOf(name)))).map(
      (data) => data['tls.key']?.split('\n')[1] ?? '?',
    );
    const { status } = (await scene.get('AuthorizationServer', 'auth', 'main')) ?? {};
    const said = [JSON.stringify(status), ...(await events()), ...operator.log, replica.log].join('\n');
    for (const key of keys) expect(said).not.toContain(key);
  });
});

describe('a certificate in a Secret', () => {
  const bought = (data: Readonly<Record<string, string>>) =>
    scene.apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'bought', namespace: scene.namespaces.auth, labels: watched },
      type: 'kubernetes.io/tls',
      stringData: data,
    });
  const says = async (reason: string, words: RegExp) => {
    let seen: AnyObject | undefined;
    await until(
      () => `Deployed is ${reason}: ${JSON.stringify(seen)}`,
      async () => {
        seen = await scene.condition('AuthorizationServer', 'auth', 'main', 'Deployed');
        return seen?.reason === reason && words.test(String(seen.message));
      },
    );
  };

  it('is waited for, judged, and taken with its authority once it is good', async () => {
    const authority = await makeAuthority();
    const host = `main.${scene.namespaces.auth}.svc`;
    const generated = await bundle();
    await scene.patch('AuthorizationServer', 'auth', 'main', {
      spec: { tls: { mode: 'Secret', secretRef: { name: 'bought' } } },
    });
    await says('SecretNotFound', /"bought" named in spec.tls.secretRef does not exist/);
    const before = (await stand.deployment())?.spec.template.spec.volumes;
    await bought(filesOfServing(await authority.issue({ names: ['elsewhere.example.com'] })));
    await says('CertificateNameMismatch', /is for 127\.0\.0\.1, elsewhere\.example\.com, not for main\./);
    await bought(filesOfServing(await authority.issue({ names: [host], days: -1 })));
    await says('CertificateExpired', /expired on/);
    const one = await authority.issue({ names: [host] });
    await bought({ 'tls.crt': one.certificatePem, 'tls.key': (await authority.issue()).privateKeyPem });
    await says('SecretInvalid', /is not the key of the first certificate/);
    await bought({ ...filesOfServing(one), 'ca.crt': authority.pem });
    await stands(
      'its authority is published',
      async () => (await bundle()) === authority.pem && (await ofClient()) === authority.pem,
    );
    const volumes = (await stand.deployment())?.spec.template.spec.volumes as AnyObject[];
    expect(volumes.find(({ name }) => name === 'tls')?.secret.secretName).toBe('bought');
    expect(before).not.toEqual(volumes);

    await scene.patch('AuthorizationServer', 'auth', 'main', { spec: { tls: null } });
    await stands('the generated one is back', async () => (await ofClient()) === generated);
  });
});

function filesOfServing({
  certificatePem,
  privateKeyPem,
}: {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}) {
  return { 'tls.crt': certificatePem, 'tls.key': privateKeyPem };
}
