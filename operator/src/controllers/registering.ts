/** Carrying out a plan's registration, alike for every kind that attaches to a server. */
import {
  DatabaseUnavailable,
  type PutResult,
  type Registration,
  type RegistrationKind,
  type StoredRegistration,
} from '@nauthera/server/registry';
import type { Observed } from '../sources/source.ts';
import { isOwner } from './ownership.ts';
import type { Written } from './programmed.ts';
import type { RegistryHandle } from './registry-handle.ts';
import type { World } from './world.ts';

/**
 * `put`; `withdraw`: what is registered is served to nobody, and nothing new is registered; `leave`: the registry stays as
 * it is. `blockedBy` says why it is not a `put`.
 */
export interface Intent {
  readonly action: 'put' | 'withdraw' | 'leave';
  readonly blockedBy: string;
  /** `undefined`: cannot be told from what is there. */
  readonly registration: Registration | undefined;
}

export interface Registered {
  readonly written: Written;
  /** To be thrown once the status says so. */
  readonly failure?: unknown;
}

export async function register(
  { source }: World,
  registry: RegistryHandle | undefined,
  stored: StoredRegistration | null,
  intent: Intent,
): Promise<Registered> {
  const { action, blockedBy, registration } = intent;
  const nothing: Registered = { written: { outcome: 'blocked', by: blockedBy } };
  if (registry === undefined || registration === undefined || action === 'leave') return nothing;
  const own = stored !== null && isOwner(stored.owner, source.name, registration.owner) ? stored : null;
  if (action === 'withdraw') {
    if (own !== null) await put(registry, registration, own);
    return nothing;
  }
  try {
    return { written: await put(registry, registration, own) };
  } catch (failure) {
    if (failure instanceof DatabaseUnavailable) return { written: { outcome: 'unreachable' }, failure };
    throw failure;
  }
}

/**
 * A row that the server would refuse is not written, and what stood there before is served on. Where nothing may be served
 * any more, that row goes instead: its id stays reserved for its namespace.
 */
async function put(
  registry: RegistryHandle,
  registration: Registration,
  own: StoredRegistration | null,
): Promise<PutResult> {
  const result = await registry.put(registration);
  if (result.outcome === 'invalid' && registration.withdrawn === true && own !== null)
    await registry.delete(own.kind, own.owner.uid);
  return result;
}

/** Removes what a resource registered on the server that it left. */
export async function leaveFormerServer(
  world: World,
  kind: RegistrationKind,
  resource: Observed & { readonly status: { readonly authorizationServer?: string } },
  now: RegistryHandle | undefined,
): Promise<void> {
  const before = resource.status.authorizationServer;
  const registry = before === undefined ? undefined : world.registryOf(before);
  if (registry !== undefined && now !== undefined && registry !== now) await registry.delete(kind, resource.uid);
}

/** Removes what a resource registered, wherever that is: a status that says where may not have been written. */
export async function unregister(
  world: World,
  kind: RegistrationKind,
  { uid }: { readonly uid: string },
): Promise<void> {
  for (const registry of world.registries()) await registry.delete(kind, uid);
}
