/** What the API server grants the operator's ServiceAccount once the chart's roles are applied, and what it does not. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Right, renderChart, rightsOf } from '../support/chart.ts';
import { untilGranted } from '../support/granted.ts';
import { startCluster, type TestCluster } from '../support/kube-cluster.ts';

const home = 'nauthera-system';
const listed = ['identity', 'shop'];

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
  for (const name of [home, ...listed, 'elsewhere'])
    await cluster.call('POST', '/api/v1/namespaces', { body: { metadata: { name } } });
});
afterAll(() => cluster?.stop());

/** What one asks: may it? `namespace` left out: in every one. */
type Question = Omit<Right, 'subject'>;

/** The API server's own answer to the one who asks. */
async function may(token: string, { namespace, group, resource, name, verb }: Question): Promise<boolean> {
  const [plural, subresource] = resource.split('/');
  const spec = resource.startsWith('/')
    ? { nonResourceAttributes: { path: resource, verb } }
    : { resourceAttributes: { namespace, group, resource: plural, subresource, name, verb } };
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  return (await cluster.call('POST', path, { body: { spec }, token })).status.allowed === true;
}

const question = (verb: string, resource: string, more: Partial<Question> = {}): Question => ({
  verb,
  resource,
  group: '',
  namespace: undefined,
  name: undefined,
  ...more,
});

const ours = { group: 'auth.nauthera.io' };
const rbac = { group: 'rbac.authorization.k8s.io' };

/** Whatever the mode. */
const never: readonly Question[] = [
  question('*', '*', { group: '*' }),
  question('*', 'secrets'),
  question('deletecollection', 'secrets', { namespace: 'shop' }),
  question('create', 'pods', { namespace: home }),
  question('get', 'pods', { namespace: home }),
  question('create', 'pods/exec', { namespace: home }),
  question('create', 'serviceaccounts/token', { namespace: home }),
  question('impersonate', 'serviceaccounts', { namespace: home }),
  question('impersonate', 'users'),
  question('impersonate', 'groups'),
  question('escalate', 'clusterroles', rbac),
  question('bind', 'clusterroles', rbac),
  question('create', 'rolebindings', { ...rbac, namespace: 'shop' }),
  question('update', 'roles', { ...rbac, namespace: home }),
  question('create', 'clients', { ...ours, namespace: 'shop' }),
  question('update', 'clients', { ...ours, namespace: 'shop' }),
  question('delete', 'clients', { ...ours, namespace: 'shop' }),
  question('patch', 'ldapbindings', { ...ours, namespace: 'shop' }),
  question('create', 'authorizationservers', { ...ours, namespace: home }),
  question('patch', 'namespaces', { name: 'shop' }),
  question('update', 'configmaps', { namespace: 'shop' }),
  question('get', 'leases', { group: 'coordination.k8s.io', namespace: home, name: 'kube-scheduler' }),
  question('update', 'leases', { group: 'coordination.k8s.io', namespace: 'kube-system', name: 'kube-scheduler' }),
  question('delete', 'leases', { group: 'coordination.k8s.io', namespace: home, name: 'nauthera-operator' }),
  question('get', 'customresourcedefinitions', { group: 'apiextensions.k8s.io' }),
  question('patch', 'mutatingwebhookconfigurations', { group: 'admissionregistration.k8s.io' }),
  question('get', '/metrics'),
  question('get', '/logs'),
];

/** With listed namespaces also none of these. */
const neverElsewhere: readonly Question[] = [undefined, 'elsewhere', 'default', 'kube-system'].flatMap((namespace) => [
  question('get', 'secrets', { namespace }),
  question('list', 'secrets', { namespace }),
  question('create', 'secrets', { namespace }),
  question('delete', 'secrets', { namespace }),
  question('get', 'configmaps', { namespace }),
  question('list', 'clients', { ...ours, namespace }),
  question('watch', 'clients', { ...ours, namespace }),
  question('patch', 'clients/status', { ...ours, namespace }),
  question('create', 'events', { group: 'events.k8s.io', namespace }),
]);

const modes = [
  { mode: 'cluster-wide', release: 'wide', set: [], refused: never },
  {
    mode: 'listed namespaces',
    release: 'narrow',
    set: [`watchNamespaces={${listed.join(',')}}`],
    refused: [
      ...never,
      ...neverElsewhere,
      question('list', 'namespaces'),
      question('get', 'namespaces', { name: 'elsewhere' }),
    ],
  },
] as const;

describe.each(modes)('A74 F40 rights on a real API server, $mode', ({ release, set, refused }) => {
  let token: string;
  let rights: readonly Right[];
  beforeAll(async () => {
    const rendered = await renderChart({ release, set });
    await cluster.apply(rendered);
    await untilGranted(cluster, rendered);
    rights = rightsOf(rendered);
    token = await cluster.serviceAccountToken(home, `${release}-nauthera-operator`);
  });

  it('has every right of the list', async () => {
    const missing: Question[] = [];
    for (const right of rights) if (!(await may(token, right))) missing.push(right);
    expect(missing).toEqual([]);
  });

  it('A73 has none of those that it must not have', async () => {
    const granted: Question[] = [];
    for (const one of refused) if (await may(token, one)) granted.push(one);
    expect(granted).toEqual([]);
  });

  it('kubectl auth can-i says the same', async () => {
    const kubeconfig = await cluster.writeKubeconfig(cluster, token, 'shop');
    const canI = async (...args: string[]) =>
      (await cluster.kubectl(['auth', 'can-i', ...args], { kubeconfig })).stdout.trim();
    expect(await canI('patch', 'clients.auth.nauthera.io', '--subresource=status')).toBe('yes');
    expect(await canI('watch', 'secrets')).toBe('yes');
    expect(await canI('create', 'pods', '--subresource=exec')).toBe('no');
    expect(await canI('list', 'secrets', '--all-namespaces')).toBe(release === 'wide' ? 'yes' : 'no');
    expect(await canI('*', '*')).toBe('no');
  });

  it('grants itself nothing', async () => {
    const path = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' };
    const subjects = [{ kind: 'ServiceAccount', namespace: home, name: `${release}-nauthera-operator` }];
    const body = { metadata: { name: 'grab' }, roleRef, subjects };
    expect((await cluster.request('POST', path, { token, body })).status).toBe(403);
    const role = `/apis/rbac.authorization.k8s.io/v1/clusterroles/${release}-nauthera-operator-${home}`;
    expect(
      (await cluster.request('PATCH', role, { token, body: {}, contentType: 'application/merge-patch+json' })).status,
    ).toBe(403);
  });
});
