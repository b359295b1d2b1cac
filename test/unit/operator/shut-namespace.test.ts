/** What of a namespace that lets the operator look no more is ended, and what is not. */
import { expect, it } from 'vitest';
import { leaveUninviting } from '../../../operator/src/controllers/shut-namespace.ts';
import { ApiError } from '../../../operator/src/runtime/kubernetes-api.ts';
import { Rows } from './fake-registry.ts';
import { fakeWorld } from './fake-world.ts';
import { aStored, observed } from './resources.ts';

const refused = new ApiError('GET 403', { status: 403 });
const shop = { source: 'test', namespace: 'shop', name: 'web', uid: 'uid-web' };

async function left({
  from = 'Same',
  failure = refused,
  uid = 'uid-web',
}: {
  from?: string;
  failure?: unknown;
  uid?: string;
} = {}): Promise<readonly string[]> {
  const rows = new Rows('auth/main', [aStored('shop.web', shop, { kind: 'client' })]);
  const server = observed(
    'AuthorizationServer',
    'main',
    { allowedClients: { namespaces: { from } } },
    { namespace: 'auth' },
  );
  const { world } = fakeWorld({ resources: [server], registries: { 'auth/main': rows } });
  Object.assign(world.source, { glance: () => ({ uid, version: '1' }) });
  await leaveUninviting(world, { kind: 'Client', namespace: 'shop', name: 'web' }, failure);
  return [...rows.rows.keys()];
}

it('a server that invites the namespace no more has nothing of it', async () => {
  expect(await left()).toEqual(['server/self']);
});

it.each([
  ['the server still invites it', { from: 'All' }],
  ['the API server failed otherwise', { failure: new ApiError('GET 500', { status: 500 }) }],
  ['something else failed', { failure: new Error('x') }],
  ['what is registered is of another', { uid: 'uid-other' }],
])('it stays where %s', async (_, what) => {
  expect(await left(what)).toEqual(['server/self', 'client/shop.web']);
});

const main = (from: string) =>
  observed('AuthorizationServer', 'main', { allowedClients: { namespaces: { from } } }, { namespace: 'auth' });
const web = () => aStored('shop.web', shop, { kind: 'client' });

it('another server that only names the database, and invites nobody, has no say in it', async () => {
  const thief = new Rows('evil/thief', [web()]);
  thief.rows.set('server/self', new Rows('auth/main').rows.get('server/self') ?? aStored('self'));
  const evil = observed(
    'AuthorizationServer',
    'thief',
    { allowedClients: { namespaces: { from: 'Same' } } },
    { namespace: 'evil' },
  );
  const { world } = fakeWorld({ resources: [main('All'), evil], registries: { 'evil/thief': thief } });
  Object.assign(world.source, { glance: () => ({ uid: 'uid-web', version: '1' }) });
  await leaveUninviting(world, { kind: 'Client', namespace: 'shop', name: 'web' }, refused);
  expect([...thief.rows.keys()]).toContain('client/shop.web');
});

it('a database of somebody else that is away keeps nothing served', async () => {
  const [away, rows] = [new Rows('shop/away'), new Rows('auth/main', [web()])];
  away.away = true;
  const { world } = fakeWorld({ resources: [main('Same')], registries: { 'shop/away': away, 'auth/main': rows } });
  Object.assign(world.source, { glance: () => ({ uid: 'uid-web', version: '1' }) });
  await leaveUninviting(world, { kind: 'Client', namespace: 'shop', name: 'web' }, refused);
  expect([...rows.rows.keys()]).toEqual(['server/self']);
});
