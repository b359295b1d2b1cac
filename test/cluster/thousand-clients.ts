/** What is counted of a thousand Clients that are Ready: a restart, and a storm of changes. Nothing here looks at a clock. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { type ApiProxy, on } from '../support/api-proxy.ts';
import type { Scene } from '../support/cluster-scene.ts';
import { filterAudit, writesOf } from '../support/kube-audit.ts';
import type { AnyObject } from '../support/kube-cluster.ts';
import { OperatorHere } from '../support/operator-here.ts';
import { until } from '../support/product.ts';

/** Counts of the log's line about what a start has found. */
function reviewOf(operator: OperatorHere): { readonly same: number; readonly differ: number } | undefined {
  const found = operator.log
    .map((line) => /(\d+) of \d+ Clients are as they were, (\d+) are looked at/.exec(line))
    .find((match) => match !== null);
  return found === undefined ? undefined : { same: Number(found[1]), differ: Number(found[2]) };
}

/**
 * Another operator finds all of them as they were: by the lists, and by what is noted in the registry. It asks for no Client
 * and for no Secret of one, and has nothing to write anywhere.
 *
 * @param others Clients that are not as they should be, which it looks at
 */
export async function restartWritesNothing(scene: Scene, names: readonly string[], others: number): Promise<void> {
  const { cluster } = scene;
  const before = (await cluster.auditEvents()).length;
  const revision = await scene.revision();
  const noted = () => scene.sql('SELECT id, n, state FROM registry_checks ORDER BY id');
  const checks = await noted();
  const operator = await OperatorHere.start(scene);
  await until('what it found is told', async () => reviewOf(operator) !== undefined, 120_000);
  const { same = 0, differ = 0 } = reviewOf(operator) ?? {};
  expect(same).toBeGreaterThanOrEqual(names.length);
  expect(differ).toBeLessThanOrEqual(others);
  // What it looks at waits for a worker already when it says so.
  await operator.idle();
  await operator.stop();
  const calls = filterAudit((await cluster.auditEvents()).slice(before), { user: scene.user });
  const wanted = new Set(names.flatMap((name) => [name, `${name}-oauth2`]));
  const own = calls.filter(({ name }) => name !== undefined && wanted.has(name));
  expect(own.map(({ verb, resource, name }) => `${verb} ${resource} ${name}`)).toEqual([]);
  const writes = writesOf(calls).filter(({ resource }) => resource !== 'leases');
  expect(writes.map(({ verb, resource, name }) => `${verb} ${resource} ${name}`)).toEqual([]);
  expect(await scene.revision()).toEqual(revision);
  expect(await noted()).toEqual(checks);
}

/**
 * What moved while nobody looked is found; nothing else is asked for or written, in the cluster or the registry.
 *
 * @param others Clients that are not as they should be, which it looks at
 */
export async function restartFindsWhatMoved(
  scene: Scene,
  [edited = '', drifted = '', ...rest]: readonly string[],
  others: number,
): Promise<void> {
  const { cluster } = scene;
  const before = (await scene.secret('shop', `${edited}-oauth2`)) ?? {};
  await cluster.call('PATCH', scene.path('secrets', 'shop', `${edited}-oauth2`), {
    body: { stringData: { 'issuer-uri': 'https://elsewhere.example.com' } },
    contentType: 'application/merge-patch+json',
  });
  await scene.sql(
    `UPDATE registry SET body = body || '{"client_name": "by hand"}' WHERE kind = 'client' AND name = $1`,
    [drifted],
  );
  const events = (await cluster.auditEvents()).length;
  const registered = () =>
    scene.sql(
      `SELECT kind, id, r.n, c.n AS checked, state FROM registry r LEFT JOIN registry_checks c USING (kind, id)
        WHERE kind <> 'client' OR name <> ALL ($1) ORDER BY kind, id`,
      [[edited, drifted]],
    );
  const rows = await registered();
  const operator = await OperatorHere.start(scene);
  await until(
    'both are put back',
    async () => {
      const secret = await scene.secret('shop', `${edited}-oauth2`);
      const row = (await rowsOf(scene)).get(drifted);
      return secret?.['issuer-uri'] === before['issuer-uri'] && row?.name !== 'by hand';
    },
    300_000,
  );
  await until('what it found is told', async () => reviewOf(operator) !== undefined, 120_000);
  const { same = 0, differ = 0 } = reviewOf(operator) ?? {};
  expect(same).toBeGreaterThanOrEqual(rest.length);
  expect(differ).toBeLessThanOrEqual(others + 2);
  // What it looks at waits for a worker already when it says so.
  await operator.idle();
  await operator.stop();
  const calls = filterAudit((await cluster.auditEvents()).slice(events), { user: scene.user });
  const untouched = new Set(rest.flatMap((name) => [name, `${name}-oauth2`]));
  const asked = calls.filter(({ name }) => name !== undefined && untouched.has(name));
  expect(asked.map(({ verb, resource, name }) => `${verb} ${resource} ${name}`)).toEqual([]);
  const moved = [edited, `${edited}-oauth2`, drifted, `${drifted}-oauth2`];
  const writes = writesOf(calls).filter(
    ({ resource, name }) => !['leases', 'events'].includes(resource) && !moved.includes(name ?? ''),
  );
  expect(writes.map(({ verb, resource, name }) => `${verb} ${resource} ${name}`)).toEqual([]);
  expect(await registered()).toEqual(rows);
}

const named = (name: string) => ({ spec: { displayName: name } });

async function changeAll(scene: Scene, names: readonly string[], displayName: string): Promise<void> {
  const left = [...names];
  const worker = async () => {
    for (let name = left.pop(); name !== undefined; name = left.pop())
      await scene.patch('Client', 'shop', name, named(displayName));
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

/** What is registered of each Client. */
async function rowsOf(scene: Scene): Promise<Map<string, { readonly name: unknown }>> {
  const rows = await scene.sql(`SELECT name, body ->> 'client_name' AS client FROM registry WHERE kind = 'client'`);
  return new Map(rows.map(({ name, client }) => [String(name), { name: client }]));
}

/**
 * One tenant changes every Client, the first hundred twice, and the operator hears of all of it at once. Whatever it asks for
 * one of them stays without an answer: all that this tenant may keep busy is busy. A change of another tenant arrives all the
 * same. Then all arrive, and the last change of each wins.
 */
export async function stormStarvesNobody(scene: Scene, proxy: ApiProxy, names: readonly string[]): Promise<void> {
  const other = scene.aClient('other', { scopes: [] });
  other.metadata.namespace = scene.namespaces.auth;
  await scene.create(other);
  const operator = await OperatorHere.start(scene, { proxy });
  await scene.untilReason('Client', 'auth', 'other', 'Ready', 120_000);

  const secrets = proxy.hold(on({ resource: 'secrets', namespace: scene.namespaces.shop, verb: 'get' }));
  await changeAll(scene, names.slice(0, 100), 'first');
  await changeAll(scene, names, 'last');
  await secrets.reached;
  await scene.patch('Client', 'auth', 'other', named('another'));
  await until(
    'the change of the other tenant is registered',
    async () => (await rowsOf(scene)).get('other')?.name === 'another',
  );
  const rows = await rowsOf(scene);
  expect(names.filter((name) => rows.get(name)?.name === 'last')).toEqual([]);
  secrets.release();
  await until(
    'every row and every status tells of the last change',
    async () => {
      await sleep(500);
      const now = await rowsOf(scene);
      if (!names.every((name) => now.get(name)?.name === 'last')) return false;
      const { items } = await scene.cluster.call('GET', scene.path('Client', 'shop'));
      const told = (items as AnyObject[]).filter(
        ({ metadata, spec, status }) =>
          spec.displayName === 'last' && status.observedGeneration === metadata.generation,
      );
      return told.length >= names.length;
    },
    300_000,
  );
  await operator.stop();
}
