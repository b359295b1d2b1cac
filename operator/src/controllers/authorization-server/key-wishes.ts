/**
 * Annotations about signing keys. The keys are the servers': the operator wishes in the registry, a server carries it out,
 * and once that is read there it is told and echoed.
 */
import { DatabaseUnavailable, type KeyWish } from '@nauthera/server/registry';
import { asks, revokeKeyAnnotation, rotateKeysAnnotation, valueOf } from '../annotations.ts';
import type { ServerResource } from '../attachment.ts';
import type { RegistryHandle } from '../registry-handle.ts';
import type { World } from '../world.ts';

export interface Wished {
  /** Annotations that were carried out. */
  readonly acted: readonly string[];
  /** Milliseconds after which to look whether a server has carried out the rest. */
  readonly lookAgainAfter: number | undefined;
}

const every = 1_000;
const wishes = [
  [rotateKeysAnnotation, 'rotate'],
  [revokeKeyAnnotation, 'revoke'],
] as const;

export async function wishKeys(world: World, registry: RegistryHandle, server: ServerResource): Promise<Wished> {
  const acted: string[] = [];
  let waiting = false;
  for (const [annotation, kind] of wishes) {
    const wish = valueOf(server, annotation);
    if (wish === undefined || wish === '' || !asks(server, annotation)) continue;
    const state = await stateOf(registry, {
      kind,
      wish: kind === 'revoke' ? wish : `${server.uid} ${wish}`.slice(0, 256),
    });
    if (state === 'pending') {
      waiting = true;
      continue;
    }
    world.events.record(server, eventOf(kind, wish, state));
    acted.push(annotation);
  }
  return { acted, lookAgainAfter: waiting ? every : undefined };
}

/** A database that is away is told by the pass itself. */
async function stateOf(registry: RegistryHandle, wish: KeyWish) {
  try {
    return await registry.registry.wishKeys(wish);
  } catch (failure) {
    if (failure instanceof DatabaseUnavailable) return 'pending';
    throw failure;
  }
}

function eventOf(kind: KeyWish['kind'], wish: string, state: 'done' | 'unknown') {
  if (kind === 'rotate') {
    const note = 'the next signing keys are published, and sign when everybody could have read them';
    return { type: 'Normal', reason: 'KeyRotated', note } as const;
  }
  const kid = wish.replaceAll(/[^A-Za-z0-9._~-]/g, '?').slice(0, 64);
  return state === 'done'
    ? ({ type: 'Normal', reason: 'KeyRevoked', note: `tokens signed with ${kid} are refused` } as const)
    : ({ type: 'Warning', reason: 'KeyRevoked', note: `there is no signing key ${kid}; nothing was revoked` } as const);
}
