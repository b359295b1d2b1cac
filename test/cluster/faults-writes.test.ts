/** The API server answers writes with 429 or 500: nothing is lost, order is kept, and it is asked again ever more slowly. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ApiProxy, type CallMatch, type FalseAnswer, on, startApiProxy } from '../support/api-proxy.ts';
import { Scene } from '../support/cluster-scene.ts';
import type { EndState } from '../support/cluster-state.ts';
import { startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorHere } from '../support/operator-here.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';

let cluster: TestCluster;
let postgres: TestPostgres;
let proxy: ApiProxy;
/** What there is where nothing is refused. */
let undisturbed: EndState;
beforeAll(async () => {
  [cluster, postgres] = await Promise.all([startCluster(), startPostgres('newest')]);
  proxy = await startApiProxy(cluster);
  const scene = await prepared();
  await using operator = await OperatorHere.start(scene);
  for (const name of ['batch', 'other']) await scene.untilReason('Client', 'shop', name, 'NoReplica');
  await operator.idle();
  undisturbed = await scene.settled();
});
afterAll(async () => {
  await proxy?.close();
  await cluster?.stop();
  await postgres?.stop();
});
afterEach(() => proxy.disarm());

async function prepared(): Promise<Scene> {
  const scene = await Scene.make({ cluster, postgres });
  for (const one of [scene.aServer(), scene.aScope(), scene.aClient(), scene.aClient('other')]) await scene.apply(one);
  return scene;
}

const busy: FalseAnswer = { status: 429, headers: { 'retry-after': '1' } };
const broken: FalseAnswer = { status: 500 };
const clients = { group: 'auth.nauthera.io', resource: 'clients' };

describe('the API server refuses writes', () => {
  it.each([
    ['the finalizer, by server-side apply', { ...clients, verb: 'patch', subresource: '' }],
    ['a status', { ...clients, verb: 'patch', subresource: 'status' }],
    ['a Secret', { resource: 'secrets', verb: 'create' }],
    ['every write', { mutating: true }],
  ])('%s: 429 with Retry-After, then 500: the end state is that of an undisturbed API server', async (_, filter) => {
    const scene = await prepared();
    const mine: CallMatch = (call) => call.namespace === scene.namespaces.shop && on(filter)(call);
    const first = proxy.answer(mine, busy, 5);
    const then = proxy.answer((call) => first.fired === 5 && mine(call), broken, 4);
    await using operator = await OperatorHere.start(scene, { proxy });
    expect(await scene.stateLike(undisturbed)).toEqual(undisturbed);
    expect([first.fired, then.fired]).toEqual([5, 4]);
    expect(operator.ended).toBeUndefined();
  });

  it('edits of one Client are registered in their order, and the last one stays', async () => {
    const scene = await prepared();
    await using operator = await OperatorHere.start(scene, { proxy });
    for (const name of ['batch', 'other']) await scene.untilReason('Client', 'shop', name, 'NoReplica');
    await operator.idle();
    await scene.sql('CREATE TABLE seen (at serial, id text, name text)');
    await scene.sql(`CREATE FUNCTION note_seen() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO seen (id, name) VALUES (NEW.id, NEW.body->>'client_name'); RETURN NULL; END $$`);
    await scene.sql('CREATE TRIGGER seen AFTER INSERT OR UPDATE ON registry FOR EACH ROW EXECUTE FUNCTION note_seen()');
    // Each second status is refused, by turns with both.
    let asked = 0;
    const refused = (turn: number) => (call: Parameters<CallMatch>[0]) =>
      on({ ...clients, verb: 'patch', subresource: 'status', namespace: scene.namespaces.shop })(call) &&
      asked++ % 4 === turn;
    const rules = [proxy.answer(refused(1), broken), proxy.answer(refused(3), busy)];
    const edits = Array.from({ length: 12 }, (_, at) => `Edit ${String(at).padStart(2, '0')}`);
    for (const displayName of edits) await scene.apply(scene.aClient('batch', { displayName }));
    const id = `${scene.namespaces.shop}.batch`;
    const seen = async () => {
      const rows = await scene.sql('SELECT name FROM seen WHERE id = $1 ORDER BY at', [id]);
      return rows.map(({ name }) => String(name));
    };
    await until('the last edit is registered', async () => (await seen()).at(-1) === edits.at(-1));
    await scene.untilReason('Client', 'shop', 'batch', 'NoReplica');
    for (const rule of rules) rule.disarm();
    await operator.idle();
    const told = await seen();
    expect(told).toEqual(told.toSorted());
    expect(told.at(-1)).toBe(edits.at(-1));
  });

  it.each([
    // Half of 4 and 8 s at least. The first two tries may be followed at once by another: the registration is a change, too.
    ['500: each try waits longer than the one before', broken, { from: 3, to: 5 }, 6_000],
    [
      '429: nobody comes earlier than was said',
      { status: 429, headers: { 'retry-after': '3' } },
      { from: 1, to: 4 },
      9_000,
    ],
  ])('%s', async (_, answer, { from, to }, least) => {
    const scene = await prepared();
    await using operator = await OperatorHere.start(scene, { proxy });
    for (const name of ['batch', 'other']) await scene.untilReason('Client', 'shop', name, 'NoReplica');
    await operator.idle();
    const times: number[] = [];
    const rule = proxy.answer((call) => {
      const isIt =
        on({ ...clients, verb: 'patch', subresource: 'status', name: 'batch' })(call) &&
        call.namespace === scene.namespaces.shop;
      if (isIt) times.push(performance.now());
      return isIt;
    }, answer);
    await scene.apply(scene.aClient('batch', { displayName: 'Edited' }));
    await until(`it was tried ${to} times`, async () => times.length >= to);
    expect((times[to - 1] ?? 0) - (times[from - 1] ?? 0)).toBeGreaterThan(least - 200);
    // Another one is not kept waiting by it.
    await scene.apply(scene.aClient('other', { displayName: 'Edited too' }));
    await scene.untilReason('Client', 'shop', 'other', 'NoReplica');
    rule.disarm();
    await scene.untilReason('Client', 'shop', 'batch', 'NoReplica');
  });
});
