/** From `kubectl apply` to a token and back, with operator and servers as processes of their own. */
import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { everyLine, lineFields } from '../../server/src/telemetry/log-fields.ts';
import { isOfProcess, namesIn, ownMetricsOf } from '../monitoring/metrics.ts';
import { root } from '../rules/sources.ts';
import { calm } from '../support/calm.ts';
import { renderChart } from '../support/chart.ts';
import { untilGranted } from '../support/granted.ts';
import { TestCluster } from '../support/kube-cluster.ts';
import { OperatorProcess } from '../support/operator-process.ts';
import { png } from '../support/png.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';
import { Replica } from '../support/replica.ts';

const example = async (file: string) => readFile(join(root, 'examples/resources', file), 'utf8');

describe('the operator of a cluster', () => {
  let cluster: TestCluster;
  let postgres: TestPostgres;
  let databaseUrl: string;
  let operator: OperatorProcess;
  const replicas: Replica[] = [];

  const apply = (text: string | object | object[]) => cluster.apply(text as string);
  const wait = async (what: string, namespace: string, condition = 'Ready') => {
    const { code, stderr } = await cluster.kubectl([
      'wait',
      `--for=condition=${condition}`,
      '--timeout=180s',
      '-n',
      namespace,
      what,
    ]);
    if (code !== 0) throw new Error(`${stderr}${await described(what, namespace)}${operator.log}`);
  };
  const described = async (what: string, namespace: string) =>
    (await cluster.kubectl(['describe', '-n', namespace, what])).stdout;
  const secret = async (namespace: string, name: string): Promise<Readonly<Record<string, string>>> => {
    const { data } = await cluster.call('GET', `/api/v1/namespaces/${namespace}/secrets/${name}`);
    return Object.fromEntries(
      Object.entries(data as Record<string, string>).map(([key, value]) => [
        key,
        Buffer.from(value, 'base64').toString(),
      ]),
    );
  };
  const token = async (replica: Replica, credentials: Readonly<Record<string, string>>) => {
    const basic = Buffer.from(`${credentials['client-id']}:${credentials['client-secret']}`).toString('base64');
    const body = new URLSearchParams({ grant_type: 'client_credentials' });
    const answer = await fetch(`${replica.url}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${basic}` },
      body,
    });
    return { status: answer.status, body: (await answer.json()) as Readonly<Record<string, unknown>> };
  };
  /** Whether that redirect URI is registered on that replica: otherwise nobody is sent anywhere, and told so. */
  const takes = async (replica: Replica, redirectUri: string) => {
    const query = new URLSearchParams({
      client_id: 'orders.order-desk',
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: 'openid',
      code_challenge: createHash('sha256').update('x'.repeat(43)).digest('base64url'),
      code_challenge_method: 'S256',
    });
    const answer = await fetch(`${replica.url}/authorize?${query.toString()}`, { redirect: 'manual' });
    return answer.status < 400;
  };

  beforeAll(async () => {
    [cluster, postgres] = await Promise.all([TestCluster.start(), startPostgres('newest')]);
    databaseUrl = await postgres.createDatabase();
    const named = ['nauthera', 'identity', 'orders', 'finance'].map((name) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name },
    }));
    await apply(named);
    const chart = await renderChart({ namespace: 'nauthera' });
    await apply(chart);
    await untilGranted(cluster, chart);
    const kubeconfig = await cluster.serviceAccountKubeconfig('nauthera', 'nauthera-operator');
    operator = await OperatorProcess.start({ kubeconfig });
    await operator.live();
  });
  afterAll(async () => {
    await Promise.all([operator?.stop(), ...replicas.map((replica) => replica.kill())]);
    await Promise.all([cluster?.stop(), postgres?.stop()]);
  });

  it('says what it waits for, until the database Secret comes', async () => {
    const server = parse(await example('authorization-server.yaml')) as { spec: object };
    await apply({ ...server, spec: { ...server.spec, database: { secretRef: { name: 'pg' } } } });
    for (const file of ['scopes.yaml', 'night-report.yaml', 'order-desk.yaml', 'ledger.yaml'])
      await apply(await example(file));
    await until('the server says so', async () =>
      (await described('nas/demo', 'identity')).includes('Secret "pg" named in spec.database.secretRef does not exist'),
    );
    // In the operator's own namespace alone a default counts: elsewhere a Client names its server.
    const ref = JSON.stringify({ spec: { authorizationServerRef: { name: 'demo', namespace: 'identity' } } });
    for (const [namespace, what] of [
      ['orders', 'nclient/night-report'],
      ['orders', 'nclient/order-desk'],
      ['finance', 'nclient/ledger'],
      ['orders', 'nscope/read'],
      ['orders', 'nscope/write'],
    ] as const)
      expect((await cluster.kubectl(['patch', '-n', namespace, what, '--type=merge', '-p', ref])).code).toBe(0);
    await apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'pg', namespace: 'identity', labels: { 'auth.nauthera.io/watch': 'true' } },
      stringData: { uri: databaseUrl },
    });
    await wait('nas/demo', 'identity', 'DatabaseReady');
  });

  it('makes the key-encryption key, of nobody, with which three servers begin', async () => {
    const key = await until('the key', async () =>
      secret('identity', 'demo-key-encryption-key').catch(() => undefined),
    );
    const { metadata } = await cluster.call('GET', '/api/v1/namespaces/identity/secrets/demo-key-encryption-key');
    expect(metadata.ownerReferences).toBeUndefined();
    expect(metadata.labels).toMatchObject({ 'auth.nauthera.io/authorization-server': 'demo' });
    const keyFile = join(cluster.folder, `${randomBytes(4).toString('hex')}.key`);
    await writeFile(keyFile, key['key-encryption-key'] ?? '', { mode: 0o600 });
    replicas.push(
      ...(await Promise.all([1, 2, 3].map(() => Replica.start({ databaseUrl, keyFile, nodeOptions: calm })))),
    );
    await wait('nas/demo', 'identity');
    // Ready as soon as all that report serve; the last one may report later.
    const seen = async () => {
      const path = '/apis/auth.nauthera.io/v1alpha1/namespaces/identity/authorizationservers/demo';
      return (await cluster.call('GET', path)).status as unknown;
    };
    await expect
      .poll(seen, { timeout: 60_000 })
      .toMatchObject({ issuer: 'https://demo.identity.svc', replicas: 3, readyReplicas: 3 });
  });

  it('Ready means that the next request works, on every server process', async () => {
    await wait('nclient/night-report', 'orders');
    const credentials = await secret('orders', 'night-report-oauth2');
    expect(credentials['issuer-uri']).toBe('https://demo.identity.svc');
    for (const replica of replicas)
      expect(await token(replica, credentials)).toMatchObject({ status: 200, body: { token_type: 'Bearer' } });
  });

  it('a new redirect URI works at once on every server process', async () => {
    await wait('nclient/order-desk', 'orders');
    const added = 'https://orders.example.com/callback';
    expect(await Promise.all(replicas.map((replica) => takes(replica, added)))).toEqual([false, false, false]);
    const patch = JSON.stringify({ spec: { redirectUris: ['http://127.0.0.1:9500/callback', added] } });
    await cluster.kubectl(['patch', '-n', 'orders', 'nclient/order-desk', '--type=merge', '-p', patch]);
    await until('the new generation is Ready', async () => {
      const { metadata, status } = await cluster.call(
        'GET',
        '/apis/auth.nauthera.io/v1alpha1/namespaces/orders/clients/order-desk',
      );
      const programmed = status.conditions.find((one: { type: string }) => one.type === 'Programmed');
      return status.observedGeneration === metadata.generation && programmed?.status === 'True';
    });
    expect(await Promise.all(replicas.map((replica) => takes(replica, added)))).toEqual([true, true, true]);
  });

  it('a logo is shown once its ConfigMap is there, and one that breaks is told at once: the Client is served all the while', async () => {
    const message = async () => {
      const { status } = await cluster.call(
        'GET',
        '/apis/auth.nauthera.io/v1alpha1/namespaces/orders/clients/order-desk',
      );
      return (status.conditions as { type: string; message: string }[]).find(({ type }) => type === 'Ready')?.message;
    };
    const logo = (picture: string) =>
      apply({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'order-desk-logo', namespace: 'orders', labels: { 'auth.nauthera.io/watch': 'true' } },
        binaryData: { 'logo.png': picture },
      });
    const patch = JSON.stringify({ spec: { logo: { configMapRef: { name: 'order-desk-logo' } } } });
    const patched = await cluster.kubectl(['patch', '-n', 'orders', 'nclient/order-desk', '--type=merge', '-p', patch]);
    expect(patched.code).toBe(0);
    await until('it is missed', async () => (await message())?.startsWith('ConfigMap "order-desk-logo" named in'));
    const served = 'http://127.0.0.1:9500/callback';
    for (const replica of replicas) expect(await takes(replica, served)).toBe(true);
    const picture = png(16, 16);
    await logo(picture.toString('base64'));
    await wait('nclient/order-desk', 'orders');
    const path = `/logos/${createHash('sha256').update(picture).digest('hex')}?client_id=orders.order-desk`;
    for (const replica of replicas) expect((await fetch(`${replica.url}${path}`)).status).toBe(200);
    await logo(Buffer.from('<svg/>').toString('base64'));
    await until('it is refused', async () => (await message())?.includes('is no PNG file'));
    await until('it is gone', async () => {
      const answers = await Promise.all(replicas.map((replica) => fetch(`${replica.url}${path}`)));
      return answers.every(({ status }) => status === 404);
    });
    for (const replica of replicas) expect(await takes(replica, served)).toBe(true);
  });

  it('a Client that is deleted is refused by every server process', async () => {
    const credentials = await secret('orders', 'night-report-oauth2');
    const { code } = await cluster.kubectl(['delete', '-n', 'orders', 'nclient/night-report', '--timeout=180s']);
    expect(code).toBe(0);
    for (const replica of replicas)
      await until('it is refused', async () => {
        const { status, body } = await token(replica, credentials);
        return status === 401 && body.error === 'invalid_client';
      });
  });

  it('tells in its log which resource, of which uid and generation, and in which pass', async () => {
    const lines = operator.log
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
    const told = lines.findLast(({ msg }) => msg === 'Ready has another reason');
    expect(told).toMatchObject({
      'service.name': 'nauthera-operator',
      'service.version': expect.any(String) as string,
      logger: 'main',
      'k8s.namespace.name': expect.any(String) as string,
      'nauthera.kind': expect.stringMatching(/^(?:AuthorizationServer|Client|Scope|LdapBinding)$/) as string,
      'nauthera.name': expect.any(String) as string,
      'nauthera.uid': expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      'nauthera.generation': expect.any(Number) as number,
      'nauthera.reason': expect.any(String) as string,
      'reconcile.id': expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    });
    const known = { ...everyLine, ...lineFields };
    expect(lines.flatMap((line) => Object.keys(line)).filter((name) => !(name in known))).toEqual([]);
  });

  it('tells what happened in Events, one a change', async () => {
    const { items } = await cluster.call('GET', '/apis/events.k8s.io/v1/namespaces/identity/events');
    const told = (items as { reason: string; type: string; reportingController: string }[]).filter(
      ({ reportingController }) => reportingController === 'auth.nauthera.io/operator',
    );
    const reasons = told.map(({ reason }) => reason);
    expect(reasons).toEqual(
      expect.arrayContaining(['SecretNotFound', 'MigrationStarted', 'MigrationCompleted', 'SecretCreated', 'Ready']),
    );
    expect(reasons.filter((reason) => reason === 'MigrationCompleted')).toHaveLength(1);
  });

  it('counts what it does, and what it puts right', async () => {
    const edit = JSON.stringify({ stringData: { 'client-id': 'edited' } });
    const patch = ['patch', 'secret', '-n', 'orders', 'order-desk-oauth2', '--type=merge', '-p', edit];
    expect((await cluster.kubectl(patch)).code).toBe(0);
    await until('the repair is counted', async () =>
      (await operator.metrics()).includes('nauthera_drift_repairs_total{object="Secret"} 1\n'),
    );
    const lines = [
      /^nauthera_build_info\{component="operator",version="[^"]+",revision="[^"]+"\} 1$/m,
      /^leader_election_master_status\{name="nauthera-operator"\} 1$/m,
      /^controller_runtime_reconcile_total\{controller="Client",result="success"\} [1-9]/m,
      /^workqueue_adds_total\{name="Scope",controller="Scope"\} [1-9]/m,
      /^workqueue_depth\{name="LdapBinding",controller="LdapBinding"\} 0$/m,
      /^rest_client_requests_total\{code="200",method="GET",host="[^"]+:[0-9]+"\} [1-9]/m,
      /^process_resident_memory_bytes [1-9]/m,
      /^workqueue_queue_duration_seconds_count\{name="Client",controller="Client"\} [1-9]/m,
      /^workqueue_work_duration_seconds_count\{name="Client",controller="Client"\} [1-9]/m,
      /^controller_runtime_max_concurrent_reconciles\{controller="Client"\} [1-9]/m,
      /^nauthera_resources\{kind="AuthorizationServer",ready="true",reason="Ready"\} 1$/m,
      /^nauthera_resources\{kind="Client",ready="true",reason="Ready"\} [1-9]/m,
      /^nauthera_programmed_duration_seconds_count\{kind="Client"\} [1-9]/m,
      /^nauthera_registry_writes_total\{kind="Client",operation="put"\} [1-9]/m,
      // One was deleted above.
      /^nauthera_registry_writes_total\{kind="Client",operation="delete"\} 1$/m,
      /^nauthera_finalizers_released_total\{kind="Client"\} 1$/m,
      /^nauthera_status_writes_total\{kind="Scope"\} [1-9]/m,
      ...['AuthorizationServer', 'Client', 'Scope', 'LdapBinding', 'Namespace', 'Secret', 'ConfigMap'].map(
        (kind) => new RegExp(`^nauthera_watch_seconds_since_last_sync\\{kind="${kind}"\\} [0-9]`, 'm'),
      ),
    ];
    let text = '';
    // How many are Ready changes while a replica is late.
    await expect
      .poll(async () => {
        text = await operator.metrics();
        return lines.filter((line) => !line.test(text)).map(String);
      })
      .toEqual([]);
    // What alerts and the dashboard may ask for, each with its name and no other.
    const own = (told: string) => namesIn(told).filter((name) => !isOfProcess(name));
    expect(own(text)).toEqual(ownMetricsOf('operator'));
    for (const replica of replicas) expect(own(await replica.metrics())).toEqual(ownMetricsOf('server'));
    for (const name of ['order-desk', 'orders', 'night-report']) expect(text).not.toContain(name);
  });

  it('tells of keys that were asked for, and of a server whose processes are gone and come back', async () => {
    const told = async () => {
      const { items } = await cluster.call('GET', '/apis/events.k8s.io/v1/namespaces/identity/events');
      return (items as { type: string; reason: string; note: string; regarding: { name: string } }[])
        .filter(({ regarding }) => regarding.name === 'demo')
        .map(({ type, reason, note }) => `${type} ${reason}: ${note}`);
    };
    const untilTold = (what: RegExp) =>
      expect.poll(told, { timeout: 60_000 }).toContainEqual(expect.stringMatching(what));
    const wishes = ['auth.nauthera.io/rotate-keys=now', 'auth.nauthera.io/revoke-key=no-such-key'];
    expect((await cluster.kubectl(['annotate', '-n', 'identity', 'nas/demo', ...wishes])).code).toBe(0);
    await untilTold(/^Normal KeyRotated: the next signing keys are published/);
    await untilTold(/^Warning KeyRevoked: there is no signing key no-such-key; nothing was revoked$/);

    const [first, ...others] = replicas;
    await Promise.all(others.map((replica) => replica.stop()));
    expect((await told()).filter((one) => one.includes('ServerDegraded'))).toEqual([]);
    await first?.stop();
    await untilTold(/^Warning ServerDegraded: no replica serves any more; \d did/);
    await first?.restart();
    await untilTold(/^Normal ServerRecovered: 1 replica serves again$/);
    expect((await told()).filter((one) => one.includes('ServerDegraded'))).toHaveLength(1);
    await wait('nas/demo', 'identity');
  });

  it('a server that goes takes its rows with it, and leaves the key', async () => {
    // It has Clients still, whom their owners lose with it.
    const confirm = ['annotate', '-n', 'identity', 'nas/demo', 'auth.nauthera.io/confirm-deletion=now'];
    expect((await cluster.kubectl(confirm)).code).toBe(0);
    const { code } = await cluster.kubectl(['delete', '-n', 'identity', 'nas/demo', '--timeout=180s']);
    expect(code).toBe(0);
    expect(await secret('identity', 'demo-key-encryption-key')).toHaveProperty('key-encryption-key');
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    const { rows } = await client.query(`SELECT id FROM registry WHERE kind = 'server'`);
    await client.end();
    expect(rows).toEqual([]);
  });

  it('A78: the password of the database and the keys stand in no log, status or Event', async () => {
    const key = (await secret('identity', 'demo-key-encryption-key'))['key-encryption-key'] ?? '';
    const everything = `${operator.log}${(await cluster.kubectl(['get', 'nauthera,events', '-A', '-o', 'yaml'])).stdout}`;
    expect(everything).not.toContain(databaseUrl);
    expect(everything).not.toContain(key.trim());
  });
});
