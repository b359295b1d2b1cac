/**
 * A full life of resources under an operator that has the rights of the chart and no others: nothing is forbidden to it, and
 * no right is there that it never uses. The API server also checks owner references (as OpenShift's does).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Right, renderChart, rightsOf } from '../support/chart.ts';
import { untilGranted } from '../support/granted.ts';
import { type AuditEvent, filterAudit } from '../support/kube-audit.ts';
import { type AnyObject, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorProcess } from '../support/operator-process.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';
import { StandIn } from '../support/stand-in.ts';

const home = 'nauthera-system';
const namespaces = ['identity', 'shop'] as const;
const group = '/apis/auth.nauthera.io/v1alpha1';
const mergePatch = 'application/merge-patch+json';

/** Rights that leave no mark of their own in the audit log, or wait for what no quiet day brings. */
const unmarked: Readonly<Record<string, string>> = {
  'update authorizationservers/finalizers': 'asked by the admission of owner references, which is no request',
  'update clients/finalizers': 'asked by the admission of owner references, which is no request',
  'get authorizationservers': 'after a write that met a namesake: a race',
  'get scopes': 'after a write that met a namesake: a race',
  'get ldapbindings': 'after a write that met a namesake: a race',
  ...Object.fromEntries(
    [
      'configmaps',
      'deployments',
      'horizontalpodautoscalers',
      'httproutes',
      'ingresses',
      'jobs',
      'networkpolicies',
      'poddisruptionbudgets',
      'serviceaccounts',
      'servicemonitors',
      'services',
    ].map((resource) => [`create ${resource}`, 'asked by a server-side apply that makes an object, which is a patch']),
  ),
};

const image = 'registry.example.com/nauthera:1.0.0';

/** Kinds that only some clusters know. */
const foreignKinds = [
  { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', plural: 'httproutes' },
  { group: 'monitoring.coreos.com', kind: 'ServiceMonitor', plural: 'servicemonitors' },
];

function foreignCrd({ group: ofKind, kind, plural }: (typeof foreignKinds)[number]): AnyObject {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${ofKind}`,
      annotations: { 'api-approved.kubernetes.io': 'https://example.com/stands-in-for-a-test' },
    },
    spec: {
      group: ofKind,
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase() },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  };
}

let cluster: TestCluster;
let postgres: TestPostgres;
beforeAll(async () => {
  [cluster, postgres] = await Promise.all([
    startCluster({ apiServerArgs: ['--enable-admission-plugins=OwnerReferencesPermissionEnforcement'] }),
    startPostgres('newest'),
  ]);
  for (const name of [home, ...namespaces, 'elsewhere'])
    await cluster.call('POST', '/api/v1/namespaces', { body: { metadata: { name, labels: { team: name } } } });
  await cluster.apply(foreignKinds.map(foreignCrd));
  for (const { group: ofKind, plural } of foreignKinds)
    await until(
      `${plural} are served`,
      async () => (await cluster.request('GET', `/apis/${ofKind}/v1/${plural}`)).status === 200,
    );
});
afterAll(() => Promise.all([cluster?.stop(), postgres?.stop()]));

const what = ({ verb, resource }: Pick<Right, 'verb' | 'resource'>) => `${verb} ${resource}`;

function used(events: readonly AuditEvent[], right: Right): boolean {
  const [resource = '', subresource = ''] = right.resource.startsWith('/') ? [''] : right.resource.split('/');
  return events.some(
    (event) =>
      event.verb === right.verb &&
      (right.resource.startsWith('/')
        ? event.uri.split('?')[0] === right.resource
        : event.group === right.group && event.resource === resource && event.subresource === subresource) &&
      (right.namespace === undefined || event.namespace === right.namespace || event.resource === 'namespaces') &&
      (right.name === undefined || event.name === right.name),
  );
}

const modes = [
  { mode: 'cluster-wide', release: 'wide', listed: false },
  { mode: 'listed namespaces', release: 'narrow', listed: true },
] as const;

describe.each(modes)('A74 A77 F40 a full life with the rights of the chart, $mode', ({ release, listed }) => {
  let rights: readonly Right[];
  let events: readonly AuditEvent[];
  let user: string;

  beforeAll(async () => {
    const set = listed ? [`watchNamespaces={${namespaces.join(',')}}`] : [];
    const rendered = await renderChart({ release, set });
    await cluster.apply(rendered);
    await untilGranted(cluster, rendered);
    rights = rightsOf(rendered);
    const account = `${release}-nauthera-operator`;
    user = `system:serviceaccount:${home}:${account}`;
    const kubeconfig = await cluster.serviceAccountKubeconfig(home, account);
    await live(kubeconfig, listed ? namespaces : undefined);
    events = filterAudit(await cluster.auditEvents(), { user });
  }, 1_200_000);

  it('nothing was forbidden', () => {
    expect(events.length).toBeGreaterThan(50);
    expect(events.filter(({ code }) => code === 401 || code === 403).map(({ verb, uri }) => `${verb} ${uri}`)).toEqual(
      [],
    );
  });

  it('every right was used', () => {
    const unused = rights.filter((right) => unmarked[what(right)] === undefined && !used(events, right));
    expect(unused).toEqual([]);
  });

  if (listed)
    it('A77 elsewhere it asked for nothing, and touched nothing', async () => {
      const touched = events.filter(({ namespace, resource, name }) =>
        resource === 'namespaces' ? name === 'elsewhere' : ![home, ...namespaces, ''].includes(namespace),
      );
      expect(touched.map(({ verb, uri }) => `${verb} ${uri}`)).toEqual([]);
      // Lists and watches without a namespace would be of the whole cluster.
      const everywhere = events.filter(({ namespace, uri }) => namespace === '' && /^\/(api|apis)\//.test(uri));
      const asked = everywhere.map(({ resource, uri }) => (resource === '' ? uri : resource));
      // Which kinds the cluster knows stands in no namespace.
      const kinds = foreignKinds.map(({ group: ofKind }) => `/apis/${ofKind}/v1`);
      expect(new Set(asked)).toEqual(new Set(['namespaces', ...kinds]));
      const client = await cluster.call('GET', `${group}/namespaces/elsewhere/clients/unseen`);
      expect(client.metadata.finalizers).toBeUndefined();
      expect(client.status.observedGeneration).toBe(-1);
      expect((await cluster.call('GET', '/api/v1/namespaces/elsewhere/secrets')).items).toEqual([]);
    });
});

/** Every child is made, and what can be done without is taken away. */
async function deploy(stand: StandIn, name: string, edit: (body: AnyObject) => Promise<unknown>): Promise<void> {
  const first = await stand.untilJob(name);
  await stand.failJob(first, 'no');
  await edit({ metadata: { annotations: { 'auth.nauthera.io/reconcile': 'again' } } });
  await until(`${name}: another Job`, async () =>
    (await stand.jobs(name)).find(({ metadata }) => metadata.uid !== first.metadata.uid),
  ).then((job) => stand.runJob(job));
  await stand.beginRollOut(`${name}-server`);
  const there = async (group: string, plural: string) =>
    (await stand.get(group, plural, `${name}-server`)) !== undefined;
  const optional = [
    ['autoscaling/v2', 'horizontalpodautoscalers'],
    ['gateway.networking.k8s.io/v1', 'httproutes'],
    ['monitoring.coreos.com/v1', 'servicemonitors'],
    ['networking.k8s.io/v1', 'networkpolicies'],
  ] as const;
  for (const [ofKind, plural] of optional) await until(`${name}: ${plural}`, () => there(ofKind, plural));
  await edit({
    spec: {
      autoscaling: null,
      exposure: { mode: 'Ingress' },
      monitoring: { serviceMonitor: 'Disabled' },
      networkPolicy: { mode: 'Disabled' },
    },
  });
  for (const [ofKind, plural] of optional)
    await until(`${name}: no ${plural}`, async () => !(await there(ofKind, plural)));
  await until(`${name}: ingresses`, () => there('networking.k8s.io/v1', 'ingresses'));
  await edit({ spec: { exposure: { mode: 'None' } } });
  await until(`${name}: no ingresses`, async () => !(await there('networking.k8s.io/v1', 'ingresses')));
  // Behind a proxy that ends TLS the pods show no certificate, and nobody needs its authority.
  const authority = () => stand.get('', 'configmaps', `${name}-ca`);
  await until(`${name}: an authority`, authority);
  await edit({ spec: { exposure: { mode: 'Ingress' } } });
  await until(`${name}: no authority`, async () => (await authority()) === undefined);
  await stand.rollOut(`${name}-server`);
}

/** Everything that resources go through, once. */
async function live(kubeconfig: string, watchNamespaces: readonly string[] | undefined): Promise<void> {
  const post = (path: string, body: AnyObject) => cluster.call('POST', path, { body });
  const patch = (path: string, body: AnyObject) => cluster.call('PATCH', path, { body, contentType: mergePatch });
  const core = (namespace: string, plural: string) => `/api/v1/namespaces/${namespace}/${plural}`;
  const ours = (namespace: string, plural: string) => `${group}/namespaces/${namespace}/${plural}`;
  const resource = (kind: string, name: string, spec: AnyObject) => ({
    apiVersion: 'auth.nauthera.io/v1alpha1',
    kind,
    metadata: { name },
    spec,
  });
  const watched = { 'auth.nauthera.io/watch': 'true' };
  const secret = (name: string, stringData: AnyObject) => ({ metadata: { name, labels: watched }, stringData });
  const reason = (path: string, type: string, wanted: string) =>
    until(
      () => `${path}: ${type} is ${wanted}; the operator says:\n${operator.log}`,
      async () => {
        const { metadata, status } = await cluster.call('GET', path);
        const found = (status.conditions as AnyObject[]).find((one) => one.type === type);
        return (
          status.observedGeneration === metadata.generation && (found?.reason === wanted || found?.status === wanted)
        );
      },
    );
  const gone = (path: string) =>
    until(`${path} is gone`, async () => (await cluster.request('GET', path)).status === 404);

  if (watchNamespaces !== undefined)
    await post(ours('elsewhere', 'clients'), resource('Client', 'unseen', { grantTypes: ['client_credentials'] }));
  // Of the operator before this one.
  await cluster.request('DELETE', `/apis/coordination.k8s.io/v1/namespaces/${home}/leases/nauthera-operator`);
  const args = ['--namespace', home, '--server-image', image];
  let operator = await OperatorProcess.start({
    kubeconfig,
    args,
    ...(watchNamespaces === undefined ? {} : { watchNamespaces }),
  });
  try {
    await operator.ready();
    const ref = { authorizationServerRef: { name: 'main', namespace: 'identity' } };
    // Both namespaces have one of each: with listed namespaces each has rights of its own.
    for (const space of namespaces) {
      const name = space === 'identity' ? 'main' : 'second';
      const databaseUrl = await postgres.createDatabase();
      await post(core(space, 'secrets'), secret('database', { uri: databaseUrl }));
      const all = { namespaces: { from: 'All' } };
      await post(
        ours(space, 'authorizationservers'),
        resource('AuthorizationServer', name, {
          issuer: `https://${name}.example`,
          database: { secretRef: { name: 'database' } },
          allowedClients: all,
          allowedScopes: all,
          allowedLdapBindings: all,
          autoscaling: {},
          exposure: { mode: 'HTTPRoute', httpRoute: { parentRefs: [{ name: 'public' }] } },
        }),
      );
      const stand = new StandIn({ cluster, databaseUrl, namespaces: { auth: space } });
      await deploy(stand, name, (body) => patch(`${ours(space, 'authorizationservers')}/${name}`, body));
      await reason(`${ours(space, 'authorizationservers')}/${name}`, 'DatabaseReady', 'True');
    }
    for (const space of namespaces) {
      await post(
        ours(space, 'scopes'),
        resource('Scope', 'read', { ...ref, displayName: 'Read', name: `${space}:read` }),
      );
      await post(
        ours(space, 'clients'),
        resource('Client', 'batch', { ...ref, grantTypes: ['client_credentials'], scopes: [`${space}:read`] }),
      );
      await post(core(space, 'secrets'), secret('reader', { password: 'whatever-it-is' }));
      await post(core(space, 'configmaps'), { metadata: { name: 'ca', labels: watched }, data: { 'ca.crt': 'none' } });
      await post(
        ours(space, 'ldapbindings'),
        resource('LdapBinding', 'people', {
          ...ref,
          vendor: 'OpenLDAP',
          servers: [{ url: 'ldaps://127.0.0.1:9' }],
          tls: { caBundleRef: { name: 'ca' } },
          bind: { dn: 'cn=reader,dc=example', passwordSecretRef: { name: 'reader' } },
          userSearch: { base: 'dc=example' },
        }),
      );
      const client = `${ours(space, 'clients')}/batch`;
      await reason(client, 'Accepted', 'True');
      await until(
        `${space}: the Secret`,
        async () => (await cluster.request('GET', `${core(space, 'secrets')}/batch-oauth2`)).status === 200,
      );
      // A deleted Secret is written again; twice the same Event is one that counts.
      for (const time of ['first', 'second']) {
        const { uid } = (await cluster.call('GET', `${core(space, 'secrets')}/batch-oauth2`)).metadata;
        await cluster.call('DELETE', `${core(space, 'secrets')}/batch-oauth2`);
        await until(`${space}: the Secret is written again, the ${time} time`, async () => {
          const { status, body } = await cluster.request('GET', `${core(space, 'secrets')}/batch-oauth2`);
          return status === 200 && body.metadata.uid !== uid;
        });
      }
      // Looked at twice without a change of its own, a Client is read by name.
      let words = 0;
      await until(`${space}: the Client is read by name`, async () => {
        words += 1;
        await patch(`${ours(space, 'scopes')}/read`, { spec: { displayName: `Read ${words}` } });
        await sleep(500);
        const read = { verb: 'get', resource: 'clients', namespace: space, subresource: '' };
        return filterAudit(await cluster.auditEvents(), read).some(({ user }) => user.endsWith('nauthera-operator'));
      });
      await patch(`${core(space, 'secrets')}/batch-oauth2`, { stringData: { 'client-id': 'wrong' } });
      await until('the Secret is repaired', async () => {
        const { body } = await cluster.request('GET', `${core(space, 'secrets')}/batch-oauth2`);
        return Buffer.from(String(body.data?.['client-id']), 'base64').toString() === `${space}.batch`;
      });
    }
    for (const space of namespaces) {
      const { uid } = (await cluster.call('GET', `${ours(space, 'clients')}/batch`)).metadata;
      await until(`${space}: an Event that counts`, async () => {
        const { items } = await cluster.call('GET', `/apis/events.k8s.io/v1/namespaces/${space}/events`);
        return (items as AnyObject[]).some(({ regarding, series }) => regarding.uid === uid && series?.count > 1);
      });
    }
    for (const space of namespaces) {
      await cluster.call('DELETE', `${ours(space, 'clients')}/batch`);
      await gone(`${ours(space, 'clients')}/batch`);
      await cluster.call('DELETE', `${ours(space, 'scopes')}/read`);
      await gone(`${ours(space, 'scopes')}/read`);
      await cluster.call('DELETE', `${ours(space, 'ldapbindings')}/people`);
    }
    // Another one leads after this one.
    await operator.stop();
    operator = await OperatorProcess.start({
      kubeconfig,
      args,
      ...(watchNamespaces === undefined ? {} : { watchNamespaces }),
    });
    await operator.ready();
    for (const space of namespaces) {
      const name = space === 'identity' ? 'main' : 'second';
      await cluster.call('DELETE', `${ours(space, 'authorizationservers')}/${name}`);
      await gone(`${ours(space, 'authorizationservers')}/${name}`);
      for (const one of ['secrets/database', 'secrets/reader', 'configmaps/ca'])
        await cluster.call('DELETE', `/api/v1/namespaces/${space}/${one}`);
    }
  } finally {
    await operator.stop();
  }
}
