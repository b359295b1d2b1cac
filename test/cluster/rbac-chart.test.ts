/** What the chart grants, as helm renders it: the golden lists, and what must be in none of them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chartFolder, helm, renderChart, renderWholeChart, rightsOf, rightsTable } from '../support/chart.ts';
import { objectsOf } from '../support/kube-cluster.ts';

const modes = [
  { mode: 'cluster-wide', set: [] },
  { mode: 'listed-namespaces', set: ['watchNamespaces={identity,shop}'] },
] as const;

const groups = [
  '',
  'apps',
  'auth.nauthera.io',
  'autoscaling',
  'batch',
  'coordination.k8s.io',
  'events.k8s.io',
  'gateway.networking.k8s.io',
  'monitoring.coreos.com',
  'networking.k8s.io',
  'policy',
];

describe('the chart', () => {
  it('helm lint finds nothing', async () => {
    const said = await helm('lint', chartFolder, '--strict', '--quiet');
    expect(said.trim()).toBe('');
  });

  it.each(modes)('A74 F40 the rights are exactly those of the golden list: $mode', async ({ mode, set }) => {
    const table = rightsTable(rightsOf(await renderChart({ set })));
    expect(table).toBe(await readFile(join(import.meta.dirname, `rights.${mode}.txt`), 'utf8'));
  });

  it.each(modes)('A74 no wildcard, no granting, no acting as others, no way into pods: $mode', async ({ set }) => {
    const rights = rightsOf(await renderChart({ set }));
    expect(rights.length).toBeGreaterThan(20);
    for (const { group, resource, name, verb } of rights) {
      expect([group, resource, name, verb].join(' ')).not.toContain('*');
      expect(['escalate', 'bind', 'impersonate', 'deletecollection', 'approve', 'sign']).not.toContain(verb);
      expect(resource).not.toMatch(/^(nodes|users|groups|userextras)/);
      // Why a pod does not run is read; nothing is run in one, and no token is made.
      if (resource.startsWith('pods')) expect(`${verb} ${resource}`).toBe('list pods');
      expect(resource).not.toMatch(/^serviceaccounts\//);
      expect(groups).toContain(group);
    }
  });

  it('A77 with listed namespaces nothing but reading by name, and public keys, is cluster-wide', async () => {
    const rights = rightsOf(await renderChart({ set: ['watchNamespaces={identity,shop}'] }));
    const everywhere = rights.filter(({ namespace }) => namespace === undefined);
    expect(everywhere.map(({ resource, name, verb }) => `${verb} ${resource} ${name}`).toSorted()).toEqual([
      'get /openid/v1/jwks undefined',
      'get namespaces kube-system',
      'list namespaces identity',
      'list namespaces shop',
      'watch namespaces identity',
      'watch namespaces shop',
    ]);
    expect(new Set(rights.map(({ namespace }) => namespace))).toEqual(
      new Set([undefined, 'identity', 'shop', 'nauthera-system']),
    );
    // In its own namespace, which is not listed here, only the Lease.
    const own = rights.filter(({ namespace }) => namespace === 'nauthera-system');
    expect(new Set(own.map(({ resource }) => resource))).toEqual(new Set(['leases']));
  });

  it('without watchSecrets it neither lists nor watches Secrets', async () => {
    const rights = rightsOf(await renderChart({ set: ['watchSecrets=false'] }));
    const verbs = rights.filter(({ resource }) => resource === 'secrets').map(({ verb }) => verb);
    expect(verbs).toContain('get');
    expect(verbs).not.toContain('list');
    expect(verbs).not.toContain('watch');
  });

  it('two renderings are the same bytes, and two releases share no name', async () => {
    expect(await renderChart()).toBe(await renderChart());
    const clusterWide = (text: string) =>
      objectsOf(text)
        .filter(({ metadata }) => metadata.namespace === undefined)
        .map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    const own = async (namespace: string) => clusterWide(await renderChart({ namespace }));
    const [first, second] = [await own('one'), await own('two')];
    expect(first.filter((name) => second.includes(name))).toEqual([]);
    // The kinds are the cluster's; roles for people carry the name of the release.
    const whole = async (release: string) =>
      clusterWide(await renderWholeChart({ release, namespace: release, set: ['crds.enabled=false'] }));
    const [one, other] = [await whole('nauthera'), await whole('another')];
    expect(one).toContain('ClusterRole nauthera-client-editor');
    expect(one.filter((name) => other.includes(name))).toEqual([]);
  });

  it('rights or the ServiceAccount can be left to somebody else', async () => {
    const unbound = await renderWholeChart({ set: ['rbac.create=false'] });
    expect(objectsOf(unbound).map(({ kind }) => kind)).toContain('ServiceAccount');
    expect(rightsOf(unbound)).toEqual([]);
    const given = await renderWholeChart({ set: ['serviceAccount.create=false', 'serviceAccount.name=mine'] });
    expect(objectsOf(given).map(({ kind }) => kind)).not.toContain('ServiceAccount');
    expect(new Set(rightsOf(given).map(({ subject }) => subject))).toEqual(
      new Set(['ServiceAccount nauthera-system/mine']),
    );
  });

  it.each([
    ['a misspelt value', 'watchNamespace={shop}', /watchNamespace/],
    ['a name that is none', 'watchNamespaces={Shop}', /watchNamespaces\/0/],
    ['a wildcard', 'watchNamespaces={*}', /watchNamespaces\/0/],
    ['a namespace twice', 'watchNamespaces={shop,shop}', /watchNamespaces/],
    ['nobody to bind', 'serviceAccount.create=false', /serviceAccount\/name/],
  ])('refuses %s', async (_, value, said) => {
    await expect(renderChart({ set: [value] })).rejects.toThrow(said);
  });
});
