/** Carrying out a plan's registration, alike for every kind that attaches to a server. */
import {
  type ClientRegistration,
  DatabaseUnavailable,
  type PutResult,
  type Registration,
  type RegistrationKind,
  type Registry,
  type StoredRegistration,
} from '@nauthera/server/registry';
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
  world: World,
  registry: RegistryHandle | undefined,
  stored: StoredRegistration | null,
  intent: Intent,
): Promise<Registered> {
  const { action, blockedBy, registration } = intent;
  const nothing: Registered = { written: { outcome: 'blocked', by: blockedBy } };
  if (registry === undefined || registration === undefined || action === 'leave') return nothing;
  const own = stored !== null && isOwner(stored.owner, world.source.name, registration.owner) ? stored : null;
  if (action === 'withdraw') {
    if (own !== null) await put(world, registry, registration, own);
    return nothing;
  }
  try {
    return { written: await put(world, registry, registration, own) };
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
  { tracing }: World,
  registry: RegistryHandle,
  registration: Registration,
  own: StoredRegistration | null,
): Promise<PutResult> {
  noteRow(registry, registration.owner.uid);
  // Nearly always, and after a restart for all of them: nothing is to be asked of the database.
  if (own !== null && registry.stands(registration, own)) return { outcome: 'unchanged', revision: own.revision };
  // So that the replica that loads the row can tell what led to it.
  const traceparent = tracing?.traceparent();
  const result = await registry.put(traceparent === undefined ? registration : { ...registration, traceparent });
  if (result.outcome === 'invalid' && registration.withdrawn === true && own !== null)
    await registry.delete(own.kind, own.owner.uid);
  return result;
}

/**
 * Ends what a resource has on servers that it does not belong to, or no longer. Which these are is asked of the registries:
 * a status that says so could be forged by its own author, who would be served on where he is not invited any more.
 *
 * @param now the registry of the server that it belongs to
 * @param intent `undefined` server: a `withdraw` keeps the rows, served to nobody, until it is known where they belong
 */
export async function leaveOtherServers(
  world: World,
  resource: { readonly uid: string },
  now: { readonly registry: RegistryHandle | undefined; readonly resolved: boolean },
  { action, registration }: Intent,
): Promise<void> {
  if (registration === undefined || (!now.resolved && action === 'leave')) return;
  for (const registry of world.registries()) {
    if (registry === now.registry) continue;
    try {
      const uids = await rowsOf(registry);
      if (!uids.has(resource.uid) || !(await isItsOwn(world, registry))) continue;
      if (now.resolved) {
        await registry.delete(registration.kind, resource.uid);
        uids.delete(resource.uid);
      } else await withdraw(world, registry, registration);
    } catch (failure) {
      // A database that comes back wakes everybody who may have something there.
      if (!(failure instanceof DatabaseUnavailable)) throw failure;
    }
  }
}

/** Not the database of another server, which this one only names too: what stands there is none of its business. */
async function isItsOwn({ source }: World, registry: RegistryHandle): Promise<boolean> {
  if (registry.name === '') return true;
  const owner = (await registry.get('server', 'self'))?.owner;
  return owner?.source === source.name && `${owner.namespace}/${owner.name}` === registry.name;
}

/** Served to nobody, and nothing of it is lost: it may come back. */
async function withdraw(world: World, registry: RegistryHandle, registration: Registration): Promise<void> {
  const stored = await registry.get(registration.kind, registration.id);
  if (stored === null || stored.withdrawn || !isOwner(stored.owner, world.source.name, registration.owner)) return;
  const kept: Registration =
    registration.kind === 'client'
      ? { ...registration, value: { ...registration.value, ...storedSecrets(stored) } }
      : registration;
  await put(world, registry, { ...kept, withdrawn: true }, stored);
}

/** As the registration says them. */
export function storedSecrets({
  secretDigests,
  secretNotes,
}: StoredRegistration): Pick<ClientRegistration, 'client_secret_digests' | 'secret_notes'> {
  return {
    client_secret_digests: [...secretDigests],
    ...(secretNotes === undefined ? {} : { secret_notes: secretNotes }),
  };
}

/** Uids with a row in a registry. Read once: from then on nobody else writes there for this source. */
const rows = new WeakMap<Registry, Promise<Set<string>>>();

export function rowsOf({ registry }: RegistryHandle): Promise<Set<string>> {
  return knowRows(registry);
}

/** Reads them, unless they are known. */
export function knowRows(registry: Registry): Promise<Set<string>> {
  const known = rows.get(registry);
  if (known !== undefined) return known;
  const reading = readRows(registry);
  rows.set(registry, reading);
  reading.catch(() => rows.delete(registry));
  return reading;
}

/** Others came to be this source's: they are read anew when somebody asks. */
export function forgetRows(handle: RegistryHandle): void {
  if (handle.isOpen) rows.delete(handle.registry);
}

async function readRows(registry: Registry): Promise<Set<string>> {
  const uids = new Set<string>();
  for await (const { owner } of registry.scanOwners()) uids.add(owner.uid);
  return uids;
}

function noteRow(handle: RegistryHandle, uid: string): void {
  if (!handle.isOpen) return;
  void rows.get(handle.registry)?.then(
    (uids) => uids.add(uid),
    () => undefined,
  );
}

/** The registration may still be there: these servers' databases are away. */
export class StillRegistered extends Error {
  readonly code = 'still_registered';
  /** `<namespace>/<name>` */
  readonly servers: readonly string[];
  constructor(servers: readonly string[]) {
    super(`the database of ${servers.join(', ')} is away`);
    this.servers = servers;
  }
}

/**
 * Removes what a resource registered, wherever that is: a status that says where may not have been written. A database that
 * is away is waited for only where the resource belongs, and only while it can come back; rows elsewhere are retired when
 * their database is back, as nobody stands behind them.
 *
 * @param belongs `<namespace>/<name>` of the servers that it may belong to, as far as it says so itself
 * @throws StillRegistered
 */
export async function unregister(
  world: World,
  kind: RegistrationKind,
  { uid }: { readonly uid: string },
  belongs: readonly string[] = [],
): Promise<void> {
  const away: string[] = [];
  const awaited = new Map(belongs.map((name) => [world.registryOf(name), name]));
  for (const registry of new Set([...awaited.keys(), ...world.registries()])) {
    if (registry === undefined) continue;
    try {
      // Where it has nothing it does not wait either: the database of somebody else may be slow on purpose.
      if (!awaited.has(registry) && !(await rowsOf(registry)).has(uid)) continue;
      await registry.delete(kind, uid);
    } catch (failure) {
      if (!(failure instanceof DatabaseUnavailable)) throw failure;
      const server = awaited.get(registry);
      if (server !== undefined && !(await isGone(world, server))) away.push(server);
    }
  }
  if (away.length > 0) throw new StillRegistered(away);
}

/** Nothing is left that could bring the database back: the server's resource, or the Secret that says where it is. */
async function isGone({ source, secrets, deployment }: World, name: string): Promise<boolean> {
  const servers = await source.list('AuthorizationServer');
  const server = servers.find((one) => `${one.namespace}/${one.name}` === name);
  if (server === undefined) return true;
  if (deployment.database === 'given' || server.spec === undefined) return false;
  const ref = server.spec.database?.operatorSecretRef ?? server.spec.database?.secretRef;
  return ref === undefined || (await secrets.read(server.namespace, ref.name)) === undefined;
}
