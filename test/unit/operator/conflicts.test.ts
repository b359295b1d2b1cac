import { describe, expect, it } from 'vitest';
import { gatherServer } from '../../../operator/src/controllers/authorization-server/inputs.ts';
import { clientController } from '../../../operator/src/controllers/client/controller.ts';
import { RegistryHandle } from '../../../operator/src/controllers/registry-handle.ts';
import { scopeController } from '../../../operator/src/controllers/scope/controller.ts';
import type { Registry } from '../../../server/src/registry/index.ts';
import { fakeWorld } from './fake-world.ts';
import { aServerResource, aStored, observed } from './resources.ts';

/** Free as far as anybody can read, and reserved for another namespace. */
function aReservingRegistry(): RegistryHandle {
  const own = { source: 'test', namespace: 'auth', name: 'main', uid: 'uid-AuthorizationServer-auth-main' };
  const owner = { source: 'test', namespace: 'bank', name: 'portal', uid: 'uid-portal' };
  const registry = {
    get: (kind: string) => Promise.resolve(kind === 'server' ? aStored('self', own, { kind: 'server' }) : null),
    putMany: (all: readonly unknown[]) =>
      Promise.resolve(all.map(() => ({ outcome: 'conflict', owner, reserved: true }))),
    delete: () => Promise.resolve(null),
    clock: () => Promise.resolve(Date.now()),
    // biome-ignore lint/correctness/useYield: there are no rows
    async *scanOwners() {},
  } as unknown as Registry;
  return new RegistryHandle(registry, 'auth/main');
}

function aWorld() {
  const { world } = fakeWorld({
    resources: [aServerResource()],
    secrets: { create: () => Promise.resolve(undefined) } as never,
  });
  const registry = aReservingRegistry();
  return {
    ...world,
    registryOf: () => registry,
    registries: () => [registry],
    clusterKeys: () => undefined,
  };
}

describe('a name that the registry keeps for somebody else', () => {
  it('is not shown as that of the Client that asked for it', async () => {
    const { conditions, status } = await clientController(aWorld()).reconcile(observed('Client', 'web'));
    expect(conditions).toContainEqual(
      expect.objectContaining({ type: 'Accepted', status: 'False', reason: 'Conflict' }),
    );
    expect(status).not.toHaveProperty('clientId');
    expect(status).not.toHaveProperty('issuer');
  });

  it('is not shown as that of the Scope that asked for it', async () => {
    const scope = observed('Scope', 'read', { name: 'shop:read' });
    const { conditions, status } = await scopeController(aWorld()).reconcile(scope);
    expect(conditions).toContainEqual(
      expect.objectContaining({ type: 'Accepted', status: 'False', reason: 'Conflict' }),
    );
    expect(status).not.toHaveProperty('name');
  });
});

describe('the issuer of an AuthorizationServer', () => {
  const victim = aServerResource({ issuer: 'https://id.example.com' });
  const issuersBeside = async (beside: ReturnType<typeof aServerResource>) => {
    const { world } = fakeWorld({ resources: [victim, beside] });
    const databases = { look: () => Promise.resolve({ ready: {}, keyProblem: undefined, looked: [] }) } as never;
    const issuerOf = ({ spec }: typeof victim) => ({ issuer: spec.issuer ?? 'https://nobody.example' });
    const { inputs } = await gatherServer({ ...world, databases, issuerOf, clusterKeys: () => undefined }, victim);
    return inputs.others.map(({ issuer }) => issuer);
  };
  const other = { name: 'other', namespace: 'mallory', createdAt: '2020-01-01T00:00:00Z' } as const;

  it('is denied to it by no status that somebody forged on an older one', async () => {
    const older = aServerResource({ issuer: 'https://mallory.example' }, other);
    const forged = { ...older, status: { ...older.status, issuer: 'https://id.example.com' } };
    expect(await issuersBeside(forged)).toEqual(['https://mallory.example']);
  });

  it('is claimed by what an older one says in its content, though its status hides it', async () => {
    expect(await issuersBeside(aServerResource({ issuer: 'https://id.example.com' }, other))).toEqual([
      'https://id.example.com',
    ]);
  });
});
