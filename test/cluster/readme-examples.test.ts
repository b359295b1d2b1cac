/** What lies in `examples/cluster`, applied with kubectl: the good is served, and each mistake says what is wrong. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pendingStatus } from '../../crds/src/status.ts';
import { judgedByArgo } from '../support/argo-health.ts';
import { judgedByKstatus } from '../support/kstatus.ts';
import type { AnyObject } from '../support/kube-cluster.ts';
import { steadyTable, untilGolden } from '../support/kubectl-table.ts';
import { until } from '../support/product.ts';
import { home, TenantsWorld } from './tenants-world.ts';

const folder = join(import.meta.dirname, '../../examples/cluster');

let world: TenantsWorld;
beforeAll(async () => {
  world = await TenantsWorld.start();
  const apply = async (...files: readonly string[]) => {
    const result = await world.cluster.kubectl(['apply', '--server-side', ...files.flatMap((file) => ['-f', file])]);
    expect(result.code, result.stderr).toBe(0);
  };
  await world.begin(async () => {
    await world.putSecret(home, 'database', { uri: world.databaseUrl });
    await apply(folder, join(folder, 'mistakes'));
  });
});
afterAll(() => world?.stop());

it.each([
  ['AuthorizationServer', home, 'main'],
  ['Scope', 'orders', 'read'],
  ['Scope', 'orders', 'write'],
  ['Client', 'orders', 'stock-take'],
  ['Client', 'shop', 'web'],
  ['Client', 'shop', 'price-checker'],
  ['Client', 'batch', 'night-report'],
  ['Client', 'batch', 'archive'],
])('%s %s/%s is ready', async (kind, namespace, name) => {
  await world.untilReason(kind, namespace, name, 'Ready', 'True');
});

it.each([
  ['Client', 'shop', 'kiosk', 'ScopeNotFound', 'Did you mean "orders:read"?'],
  ['Client', 'shop', 'widget', 'PolicyViolation', 'spec.grantTypes: "implicit" is refused by policy'],
  ['Client', 'shop', 'campaign', 'PolicyViolation', 'spring-sale.example.net'],
  ['Client', 'shop', 'borrowed', 'PolicyViolation', 'orders.stock-take'],
  ['Client', 'shop', 'lost', 'ServerNotFound', 'nauthera-system/mian'],
  ['Client', 'shop', 'moved', 'SecretNotFound', 'moved-credentials'],
  ['AuthorizationServer', 'shop', 'till', 'SecretNotFound', 'till-database'],
  ['Client', 'batch', 'dashboard', 'PolicyViolation', 'authorization_code'],
  ['Client', 'batch', 'returns', 'ScopeNotAllowed', 'orders:write'],
  ['Scope', 'batch', 'everything', 'PolicyViolation', 'orders:everything'],
  ['LdapBinding', 'batch', 'contractors', 'NotAllowedByServer', 'takes no LdapBindings'],
])('%s %s/%s says %s', async (kind, namespace, name, reason, says) => {
  expect((await world.untilReason(kind, namespace, name, 'Ready', reason)).message).toContain(says);
});

it('kubectl get tells it in columns, and kubectl diff has nothing to say', async () => {
  const table = (await world.cluster.kubectl(['get', 'nauthera', '-A'])).stdout;
  expect(table).toMatch(/shop +client\S*\/web +True +Ready +shop\.web +web-oauth2/);
  expect(table).toMatch(/batch +ldapbinding\S*\/contractors +False +NotAllowedByServer +OpenLDAP/);
  await expect.poll(async () => (await world.cluster.kubectl(['diff', '--server-side', '-f', folder])).stdout).toBe('');
  await until('kubectl describe shows the Event', async () =>
    (await world.cluster.kubectl(['describe', 'nclient/campaign', '-n', 'shop'])).stdout.includes(
      'Warning  PolicyViolation',
    ),
  );
});

it('kubectl get -A -o wide tells the whole story', async () => {
  const look = async () => {
    const { stdout } = await world.cluster.kubectl(['get', 'nas,nclient,nscope,nldap', '-A', '-o', 'wide']);
    return steadyTable(stdout, { masks: [] });
  };
  await untilGolden(join(import.meta.dirname, 'golden/examples.txt'), look, () => sleep(5_000));
});

it('GitOps: tools that apply the same again, by either side, find nothing to do, then and once the operator has seen it', async () => {
  const kubectl = (...args: readonly string[]) => world.cluster.kubectl([...args, '-f', folder]);
  // Argo CD compares three ways in the client, Flux by a dry run of the API server; each with a field manager of its own.
  const differences = async () => [
    (await kubectl('diff', '--field-manager=argocd-controller')).stdout,
    (await kubectl('diff', '--server-side', '--force-conflicts', '--field-manager=kustomize-controller')).stdout,
  ];
  for (const apply of [
    ['apply', '--field-manager=argocd-controller'],
    ['apply', '--server-side', '--force-conflicts', '--field-manager=kustomize-controller'],
  ]) {
    const result = await kubectl(...apply);
    expect(result.code, result.stderr).toBe(0);
    // What the operator writes between the two looks of a diff shows in it, once.
    await expect.poll(differences).toEqual(['', '']);
    await world.untilReason('Client', 'shop', 'web', 'Ready', 'True');
    await expect.poll(differences).toEqual(['', '']);
  }
});

it("GitOps: Argo CD's health check judges what stands in the cluster as the conditions mean it", async () => {
  const { stdout } = await world.cluster.kubectl(['get', 'nauthera', '-A', '-o', 'json']);
  const { items } = JSON.parse(stdout) as { items: AnyObject[] };
  const health = Object.fromEntries(
    items.map((one) => [`${one.kind} ${one.metadata.namespace}/${one.metadata.name}`, judgedByArgo(one)]),
  );
  const judged = Object.fromEntries(Object.entries(health).map(([name, [status]]) => [name, status]));
  expect(judged).toMatchObject({
    'AuthorizationServer nauthera-system/main': 'Healthy',
    'Scope orders/read': 'Healthy',
    'Client shop/web': 'Healthy',
    'Client shop/widget': 'Degraded',
    'Client batch/dashboard': 'Degraded',
    'Scope batch/everything': 'Degraded',
    // They may heal by themselves.
    'Client shop/kiosk': 'Progressing',
    'Client shop/lost': 'Progressing',
    'Client shop/moved': 'Progressing',
    'AuthorizationServer shop/till': 'Progressing',
  });
  expect(health['Client shop/campaign']?.[1]).toContain('spring-sale.example.net');
});

it('GitOps: Argo CD, and Flux and Helm by their library, judge each state as the manual says', async () => {
  const suspend = ['patch', 'nclient/stock-take', '-n', 'orders', '--type=merge', '-p', '{"spec":{"suspend":true}}'];
  expect((await world.cluster.kubectl(suspend)).code).toBe(0);
  await world.untilReason('Client', 'orders', 'stock-take', 'Ready', 'Suspended');
  const { stdout } = await world.cluster.kubectl(['get', 'nauthera', '-A', '-o', 'json']);
  const { items } = JSON.parse(stdout) as { items: AnyObject[] };
  const named = (...names: readonly string[]): readonly AnyObject[] =>
    names.map((name) => {
      const found = items.find(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}` === name);
      if (found === undefined) throw new Error(`no ${name}`);
      return found;
    });
  const good = named('AuthorizationServer nauthera-system/main', 'Scope orders/read', 'Client shop/web');
  const edited = (one: AnyObject) => ({
    ...one,
    metadata: { ...one.metadata, generation: (one.metadata.generation ?? 0) + 1 },
  });
  const states: readonly (readonly [state: string, argo: string, flux: string, objects: readonly object[]])[] = [
    ['is new', 'Progressing', 'InProgress', good.map((one) => ({ ...one, status: pendingStatus }))],
    ['was edited, and the operator has not seen it', 'Progressing', 'InProgress', good.map(edited)],
    ['is `Ready`', 'Healthy', 'Current', good],
    [
      'waits for what may come',
      'Progressing',
      'InProgress',
      named('AuthorizationServer shop/till', 'Client shop/kiosk', 'Client shop/lost', 'Client shop/moved'),
    ],
    [
      'is `Stalled`: only an edit helps',
      'Degraded',
      'Failed',
      named('Client shop/widget', 'Client shop/campaign', 'Client batch/dashboard', 'Scope batch/everything'),
    ],
    ['is a Client with `suspend`', 'Suspended', 'InProgress', named('Client orders/stock-take')],
    [
      'is being deleted',
      'Progressing',
      'Terminating',
      good.map((one) => ({ ...one, metadata: { ...one.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } })),
    ],
  ];
  const manual = await readFile(join(folder, '../../docs/how-to/use-gitops.md'), 'utf8');
  for (const [state, argo, flux, objects] of states) {
    expect(objects.map((one) => judgedByArgo(one)[0])).toEqual(objects.map(() => argo));
    expect((await judgedByKstatus(objects)).map(([status]) => status)).toEqual(objects.map(() => flux));
    expect(manual.replaceAll(/ +/g, ' ')).toContain(`\n| ${state} | ${argo} | ${flux} |\n`);
  }
  // What is said is what the team has to do.
  const [[, message] = []] = await judgedByKstatus(named('Client shop/campaign'));
  expect(message).toContain('spring-sale.example.net');
});
