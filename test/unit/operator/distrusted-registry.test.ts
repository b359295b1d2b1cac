import { describe, expect, it } from 'vitest';
import { explainFailure } from '../../../operator/src/controllers/database-failure.ts';
import { distrusted } from '../../../operator/src/controllers/distrusted-registry.ts';
import { DatabaseUnavailable, type Registry, RegistryFenced } from '../../../server/src/registry/index.ts';
import { aStored } from './resources.ts';

const owner = { uid: 'u', namespace: 'shop', name: 'web' };

function failing(error: unknown): Registry {
  const fail = () => Promise.reject(error instanceof Error ? error : new Error('x'));
  return {
    put: fail,
    putMany: fail,
    delete: fail,
    get: fail,
    reports: fail,
    clock: fail,
    follow: fail,
    identities: fail,
    putIdentity: fail,
    deleteIdentity: fail,
    // oxlint-disable-next-line require-yield
    async *scanOwners() {
      await fail();
    },
  } as unknown as Registry;
}

/** As a database whose functions were replaced answers a scan. */
const endless = {
  async *scanOwners() {
    for (;;) yield await Promise.resolve(aStored('x', owner));
  },
} as unknown as Registry;

async function all(registry: Registry): Promise<number> {
  let rows = 0;
  for await (const _ of registry.scanOwners()) rows += 1;
  return rows;
}

const calls: readonly (readonly [string, (registry: Registry) => Promise<unknown>])[] = [
  ['put', (registry) => registry.put({} as never)],
  ['putMany', (registry) => registry.putMany([])],
  ['delete', (registry) => registry.delete('client', 'u')],
  ['get', (registry) => registry.get('client', 'x')],
  ['reports', (registry) => registry.reports()],
  ['clock', (registry) => registry.clock()],
  ['follow', (registry) => registry.follow(() => undefined)],
  ['identities', (registry) => registry.identities()],
  ['scanOwners', (registry) => all(registry)],
];

describe('a registry in the database of a tenant', () => {
  it.each(calls)('%s: whatever goes wrong there, it is a database that is away', async (_, call) => {
    const odd = Object.assign(new Error('raised'), { code: 'P0001', severity: 'ERROR' });
    for (const error of [odd, new RegistryFenced('forged'), new TypeError('x')])
      await expect(call(distrusted(failing(error)))).rejects.toBeInstanceOf(DatabaseUnavailable);
  });

  it('that says that a newer leader wrote there ends no process: its own server is told', async () => {
    const failure: unknown = await distrusted(failing(new RegistryFenced('forged')))
      .delete('client', 'u')
      .catch((error: unknown) => error);
    expect(failure).not.toBeInstanceOf(RegistryFenced);
    expect(explainFailure(failure, 'pg')).toMatchObject({ reason: 'DatabaseInUse' });
  });

  it.each([Number.NaN, -1, 0.5, 253_402_300_800_000])('whose clock says %d tells no time', async (time) => {
    const registry = { clock: () => Promise.resolve(time) } as unknown as Registry;
    await expect(distrusted(registry).clock()).rejects.toBeInstanceOf(DatabaseUnavailable);
  });

  it.each([
    ['rows', { rows: 1_000, time: 60_000 }],
    ['time', { rows: Number.POSITIVE_INFINITY, time: 50 }],
  ])('is not read without an end: %s', async (_, limits) => {
    await expect(all(distrusted(endless, limits))).rejects.toBeInstanceOf(DatabaseUnavailable);
  });
});
