import { describe, expect, it } from 'vitest';
import {
  type KindController,
  type Reconciled,
  reconcileKey,
  type Tools,
} from '../../../operator/src/controllers/kind.ts';
import { Polling } from '../../../operator/src/controllers/polling.ts';
import { isSameStatus } from '../../../operator/src/controllers/same-status.ts';
import type { World } from '../../../operator/src/controllers/world.ts';
import { ApiError } from '../../../operator/src/runtime/kubernetes-api.ts';
import { ReferenceIndex } from '../../../operator/src/runtime/reference-index.ts';
import type { Observed } from '../../../operator/src/sources/source.ts';
import { Rows } from './fake-registry.ts';
import { fakeWorld } from './fake-world.ts';
import { aStored, observed } from './resources.ts';

const at = '2026-05-01T00:00:00Z';
const condition = (type: string, more: Record<string, unknown> = {}) => ({
  type,
  status: 'True' as 'True' | 'False' | 'Unknown',
  reason: type,
  message: `about ${type}`,
  observedGeneration: 1,
  lastTransitionTime: at,
  ...more,
});

const fine: Reconciled<'Client'> = {
  conditions: ['ResolvedRefs', 'Accepted', 'Programmed'].map((type) => condition(type)),
  status: { clientId: 'shop.web' },
  readyMessage: 'Served',
  outcome: { outcome: 'done' },
  pending: false,
  registry: undefined,
  references: [],
};

const toolsOf = (world: World): Tools => ({
  world,
  references: new ReferenceIndex(),
  wake: () => undefined,
  heardAt: () => 0,
  onTransition: () => undefined,
});

async function pass(client: Observed<'Client'>, result: Partial<Reconciled<'Client'>> = {}) {
  const fake = fakeWorld({ resources: [client] });
  const controller: KindController<'Client'> = {
    kind: 'Client',
    reconcile: () => {
      fake.steps.push('reconcile');
      return Promise.resolve({ ...fine, ...result });
    },
    cleanUp: () => Promise.resolve(),
  };
  await reconcileKey(controller, toolsOf(fake.world), 'shop/web');
  return { steps: fake.steps, status: fake.statuses[0]?.status as Observed<'Client'>['status'] | undefined };
}

const statusOf = async (client: Observed<'Client'>) => {
  const { status } = await pass(client);
  if (status === undefined) throw new Error('no status was written');
  return status;
};

/** Ids that stay registered where a server that invites nobody meets a refusal, of that step. */
async function leftAfter(refusing: 'hold' | 'writeStatus'): Promise<readonly string[]> {
  const client = observed('Client', 'web');
  const { uid, namespace, name } = client;
  const rows = new Rows('auth/main', [aStored('shop.web', { source: 'test', namespace, name, uid })]);
  const nobody = { allowedClients: { namespaces: { from: 'Same' } } };
  const server = observed('AuthorizationServer', 'main', nobody, { namespace: 'auth' });
  const { world } = fakeWorld({ resources: [client, server], registries: { 'auth/main': rows } });
  const failure = new ApiError('PATCH 403', { status: 403 });
  Object.assign(world.source, {
    glance: () => ({ uid, version: '1' }),
    [refusing]: () => Promise.reject(failure),
  });
  const controller: KindController<'Client'> = {
    kind: 'Client',
    reconcile: () => Promise.resolve(fine),
    cleanUp: () => Promise.resolve(),
  };
  await expect(reconcileKey(controller, toolsOf(world), 'shop/web')).rejects.toBe(failure);
  return [...rows.rows.values()].map(({ id }) => id);
}

describe('a pass', () => {
  it('that could not look has nothing left with a server that does not invite it; one that only could not tell has', async () => {
    expect(await leftAfter('hold')).toEqual(['self']);
    // It was withdrawn, and its secrets and grants are there if the server invites it again.
    expect(await leftAfter('writeStatus')).toEqual(['self', 'shop.web']);
  });

  it('holds the resource before anything is written, and writes its status last, once', async () => {
    expect((await pass(observed('Client', 'web'))).steps).toEqual(['hold web', 'reconcile', 'status web']);
  });

  it('writes nothing when all is said, in whatever order an API server keeps it', async () => {
    const said = await statusOf(observed('Client', 'web'));
    const kept = { ...said, conditions: [...said.conditions].reverse() };
    expect((await pass(observed('Client', 'web', {}, { status: kept }))).steps).toEqual(['hold web', 'reconcile']);
  });

  it('echoes an annotation that asks for something, once', async () => {
    const annotations = { 'auth.nauthera.io/reconcile': 'now', other: 'x' };
    const said = await statusOf(observed('Client', 'web', {}, { annotations }));
    expect(said.lastHandled).toEqual({ 'auth.nauthera.io/reconcile': 'now' });
    expect((await pass(observed('Client', 'web', {}, { annotations, status: said }))).steps).not.toContain(
      'status web',
    );
  });

  it('what does not pass today’s rules stays registered: only its acceptance is another', async () => {
    const before = {
      observedGeneration: 1,
      clientId: 'shop.web',
      conditions: ['Ready', 'ResolvedRefs', 'Accepted', 'Programmed'].map((type) => condition(type)),
    };
    const client = observed('Client', 'web', {}, { generation: 2, status: before });
    const refused = { ...client, spec: undefined, refused: 'spec.pkce: must be Required' };
    const { steps, status } = await pass(refused);
    expect(steps).toEqual(['hold web', 'status web']);
    expect(status).toMatchObject({ observedGeneration: 2, clientId: 'shop.web' });
    const words = status?.conditions.map(({ type, status: is, reason, observedGeneration }) =>
      [type, is, reason, observedGeneration].join(' '),
    );
    expect(words).toEqual([
      'Ready False InvalidSpec 2',
      'Stalled True InvalidSpec 2',
      'ResolvedRefs True ResolvedRefs 1',
      'Accepted False InvalidSpec 2',
      'Programmed True Programmed 1',
    ]);
    // Once more: nothing to say.
    expect((await pass({ ...refused, status: status ?? before })).steps).toEqual(['hold web']);
  });

  it('what never passed waits for its author', async () => {
    const client = { ...observed('Client', 'web'), spec: undefined, refused: 'spec.pkce: must be Required' };
    const { status } = await pass(client);
    expect(status?.conditions.map(({ type, reason, message }) => [type, reason, message])).toEqual([
      ['Ready', 'InvalidSpec', 'spec.pkce: must be Required'],
      ['Stalled', 'InvalidSpec', 'spec.pkce: must be Required'],
      ['ResolvedRefs', 'Blocked', 'waits for Accepted'],
      ['Accepted', 'InvalidSpec', 'spec.pkce: must be Required'],
      ['Programmed', 'Blocked', 'waits for Accepted'],
    ]);
  });
});

describe('two statuses', () => {
  it.each([
    ['the order of members', { a: 1, b: [1] }, { b: [1], a: 1 }, true],
    ['the order of a list', { list: [{ type: 'A' }, { type: 'B' }] }, { list: [{ type: 'B' }, { type: 'A' }] }, true],
    ['what is left out', { a: 1, b: undefined }, { a: 1 }, true],
    ['another value', { a: 1 }, { a: 2 }, false],
    ['one more', { list: ['x'] }, { list: ['x', 'y'] }, false],
    ['one twice', { list: ['x', 'x', 'y'] }, { list: ['x', 'y', 'y'] }, false],
  ])('%s', (_, one, other, same) => expect(isSameStatus(one, other)).toBe(same));
});

describe('what nobody tells of', () => {
  const looked = (found: unknown) => [{ kind: 'Secret', namespace: 'shop', name: 'login', found } as const];

  it('is looked at after 5 s, then ever later, until it changes; 5 min at last', () => {
    let now = 0;
    const { world } = fakeWorld({ secrets: { watched: () => false }, now: () => now });
    const polling = new Polling(world);
    const delays: (number | undefined)[] = [];
    for (let look = 0; look < 10; look += 1) {
      const delay = polling.next('shop/web', looked('one'));
      delays.push(delay);
      now += delay ?? 0;
    }
    const seconds = delays.map((delay) => (delay ?? 0) / 1000);
    expect(seconds).toEqual([5, 5, 10, 20, 40, 80, 160, 300, 300, 300]);
    expect(polling.next('shop/web', looked('two'))).toBe(5000);
    expect(polling.next('shop/other', looked('two'))).toBe(5000);
  });

  it('is not looked at where somebody does', () => {
    const { world } = fakeWorld({ secrets: { watched: () => true } });
    expect(new Polling(world).next('shop/web', looked('one'))).toBeUndefined();
    expect(new Polling(world).next('shop/web', [])).toBeUndefined();
  });
});
