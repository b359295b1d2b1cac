import { describe, expect, it } from 'vitest';
import { openScopes } from '../../../operator/src/controllers/look-up.ts';
import { type Intent, leaveOtherServers, unregister } from '../../../operator/src/controllers/registering.ts';
import type { Observed } from '../../../operator/src/sources/source.ts';
import { Rows } from './fake-registry.ts';
import { fakeWorld } from './fake-world.ts';
import { aServerResource, aStored, observed, shop } from './resources.ts';

const uid = 'uid-Client-shop-web';
const owner = { source: 'test', namespace: 'shop', name: 'web', uid };
const row = () => aStored('shop.web', owner, { secretDigests: ['d'] });
const intent: Intent = {
  action: 'withdraw',
  blockedBy: 'x',
  registration: { kind: 'client', id: 'shop.web', owner, value: { client_secret_digests: [] } as never },
};

describe('what a resource has on servers that it does not belong to', () => {
  it('goes when it belongs to another one, whatever its status says', async () => {
    const [here, there] = [new Rows('auth/here'), new Rows('auth/there', [row()])];
    const { world } = fakeWorld({ registries: { 'auth/here': here, 'auth/there': there } });
    await leaveOtherServers(world, { uid }, { registry: here.handle, resolved: true }, intent);
    expect(there.rows.has('client/shop.web')).toBe(false);
  });

  it('goes too while the new server has no database yet: he is served where he asked to be, or nowhere', async () => {
    const there = new Rows('auth/there', [row()]);
    const { world } = fakeWorld({ registries: { 'auth/there': there } });
    await leaveOtherServers(world, { uid }, { registry: undefined, resolved: true }, intent);
    expect(there.rows.has('client/shop.web')).toBe(false);
  });

  it('is withdrawn with its secrets while nobody knows where it belongs, and written once', async () => {
    const there = new Rows('auth/there', [row()]);
    const { world } = fakeWorld({ registries: { 'auth/there': there } });
    for (let pass = 0; pass < 3; pass += 1)
      await leaveOtherServers(world, { uid }, { registry: undefined, resolved: false }, intent);
    expect(there.rows.get('client/shop.web')).toMatchObject({ withdrawn: true, secretDigests: ['d'] });
    expect(there.calls.filter((call) => call.startsWith('put'))).toHaveLength(1);
  });

  it('stays when that server only cannot be read', async () => {
    const there = new Rows('auth/there', [row()]);
    const { world } = fakeWorld({ registries: { 'auth/there': there } });
    const leave = { ...intent, action: 'leave' } as const;
    await leaveOtherServers(world, { uid }, { registry: undefined, resolved: false }, leave);
    expect(there.calls).toEqual([]);
  });

  it('is looked for once: who has nothing elsewhere costs nothing', async () => {
    const [here, there] = [new Rows('auth/here'), new Rows('auth/there')];
    const { world } = fakeWorld({ registries: { 'auth/here': here, 'auth/there': there } });
    for (let pass = 0; pass < 3; pass += 1)
      await leaveOtherServers(world, { uid }, { registry: here.handle, resolved: true }, intent);
    expect([here.calls, there.calls]).toEqual([[], ['scan']]);
  });

  it('keeps nobody waiting whose database is away, and goes when it is back', async () => {
    const there = new Rows('auth/there', [row()]);
    const { world } = fakeWorld({ registries: { 'auth/there': there } });
    const leave = () => leaveOtherServers(world, { uid }, { registry: undefined, resolved: true }, intent);
    there.away = true;
    await leave();
    there.away = false;
    await leave();
    expect(there.rows.has('client/shop.web')).toBe(false);
  });

  it('in the database of a server that another one only names too, it stays', async () => {
    const here = new Rows('auth/here', [row()]);
    // The handle of one that points at the database of `auth/here`.
    const thief = new Rows('evil/thief', [row()]);
    thief.rows.set('server/self', here.rows.get('server/self') ?? aStored('self'));
    const { world } = fakeWorld({ registries: { 'auth/here': here, 'evil/thief': thief } });
    await leaveOtherServers(world, { uid }, { registry: here.handle, resolved: true }, intent);
    expect(thief.rows.has('client/shop.web')).toBe(true);
  });
});

describe('what a resource that goes has registered', () => {
  it('is asked for nowhere else: the database of another server, slow or broken, is in nobody’s way', async () => {
    const [here, there] = [new Rows('auth/here', [row()]), new Rows('evil/slow')];
    const { world } = fakeWorld({ registries: { 'auth/here': here, 'evil/slow': there } });
    await unregister(world, 'client', { uid }, ['auth/here']);
    expect(here.rows.has('client/shop.web')).toBe(false);
    expect(there.calls).toEqual(['scan']);
  });

  it('goes wherever it is', async () => {
    const there = new Rows('auth/there', [row()]);
    const { world } = fakeWorld({ registries: { 'auth/there': there } });
    await unregister(world, 'client', { uid }, []);
    expect(there.rows.has('client/shop.web')).toBe(false);
  });
});

describe('scopes that a Client may ask for', () => {
  const server = aServerResource({ allowedScopes: { namespaces: { from: 'Same' } } });
  const accepted = {
    type: 'Accepted',
    status: 'True' as const,
    reason: 'Accepted',
    message: 'x',
    observedGeneration: 9,
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  const forged = { status: { observedGeneration: 9, conditions: [accepted], authorizationServer: 'auth/main' } };
  const everyone = { namespaces: { from: 'All' } };
  const scope = (namespace: string, more: Partial<Observed<'Scope'>> = {}) =>
    observed('Scope', 'read', { name: `${namespace}:read`, allowedClients: everyone }, { namespace, ...more });
  const stored = (namespace: string, withdrawn: boolean) =>
    aStored(
      `${namespace}:read`,
      { source: 'test', namespace, name: 'read', uid: `uid-Scope-${namespace}-read` },
      { kind: 'scope', withdrawn },
    );

  it.each([
    ['registered', scope('auth'), stored('auth', false), ['auth:read']],
    ['accepted, and its row is about to be repaired', scope('auth'), undefined, ['auth:read']],
    ['accepted, though somebody withdrew its row', scope('auth'), stored('auth', true), ['auth:read']],
    ['not invited, though its status says that it is accepted', scope('evil', forged as never), undefined, []],
    [
      'not invited and withdrawn, though its status says otherwise',
      scope('evil', forged as never),
      stored('evil', true),
      [],
    ],
    ['going', scope('auth', { deleting: true }), stored('auth', false), []],
  ] as const)('%s', async (_, one, there, expected) => {
    const rows = new Rows('auth/main', there === undefined ? [] : [there]);
    const { world } = fakeWorld({ resources: [server, one], registries: { 'auth/main': rows } });
    expect([...(await openScopes(world, rows.handle, server, shop)).keys()]).toEqual(expected);
  });
});
