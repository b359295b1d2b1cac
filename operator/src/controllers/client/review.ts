/**
 * Looking at many Clients when nothing is known to have moved: after a start, or when a database is back. What is noted beside
 * their rows is read in pages and compared with what the lists have told; a pass is for those that differ. A Client that is
 * passed over costs no request and no statement of its own.
 */
import { setImmediate } from 'node:timers/promises';
import type { LiveReport, StoredCheck } from '@nauthera/server/registry';
import type { ReferenceIndex, References } from '../../runtime/reference-index.ts';
import type { Observed } from '../../sources/source.ts';
import { nameOf, type ServerResource } from '../attachment.ts';
import { hasDirectoryOn, namespaceFacts, openScopes, serverHolds } from '../look-up.ts';
import { rowsOf } from '../registering.ts';
import type { RegistryHandle } from '../registry-handle.ts';
import type { World } from '../world.ts';
import { type ClientCheck, differenceOf, readCheck } from './check.ts';
import { groundOf } from './ground.ts';
import { clientReferences, trustOf } from './inputs.ts';

export interface ReviewTools {
  readonly world: World;
  readonly references: ReferenceIndex;
  /** A pass, later, in milliseconds; `0`: at once, as something moved. */
  wake(this: void, key: string, delay: number): void;
}

/** Milliseconds that a slice of it keeps everything else of this process waiting. */
const slice = 5;
/** A timer cannot be set for much longer. */
const longestSleep = 86_400_000;

/** Milliseconds after which the rest of a registry is looked at: its database may be slow, and others wait for the end. */
const longest = 20_000;

/** @param passedOver takes the keys (`<namespace>/<name>`) of the Clients of that registry that need no pass, up to a failure */
export async function reviewClients(
  tools: ReviewTools,
  handle: RegistryHandle,
  passedOver: Set<string>,
): Promise<void> {
  const { references } = tools;
  const end = performance.now() + longest;
  const look = references.beginLook();
  try {
    const review = await Review.begin(tools, handle, look);
    if (review === undefined) return;
    let began = performance.now();
    for await (const page of handle.registry.scanChecks()) {
      for (const one of page) {
        if (one.kind === 'client' && (await review.passes(one)))
          passedOver.add(`${one.owner.namespace}/${one.owner.name}`);
        if (performance.now() - began < slice) continue;
        await setImmediate();
        began = performance.now();
      }
      if (performance.now() > end) return;
    }
  } finally {
    references.endLook(look);
  }
}

interface Shared {
  readonly ground: (users: boolean) => string | undefined;
  readonly scopes: ReadonlyMap<string, 'open' | 'closed'>;
}

class Review {
  readonly #tools: ReviewTools;
  readonly #handle: RegistryHandle;
  readonly #look: number;
  readonly #server: ServerResource;
  readonly #servers: readonly Observed<'AuthorizationServer'>[];
  /** Uids with a row elsewhere. */
  readonly #elsewhere: readonly ReadonlySet<string>[];
  /** As `<id> <uid>`. */
  readonly #rejected: ReadonlySet<string>;
  readonly #shared = new Map<string, Shared | undefined>();

  private constructor(
    tools: ReviewTools,
    handle: RegistryHandle,
    found: {
      readonly look: number;
      readonly server: ServerResource;
      readonly servers: readonly Observed<'AuthorizationServer'>[];
      readonly elsewhere: readonly ReadonlySet<string>[];
    },
  ) {
    this.#tools = tools;
    this.#handle = handle;
    this.#look = found.look;
    this.#server = found.server;
    this.#servers = found.servers;
    this.#elsewhere = found.elsewhere;
    this.#rejected = new Set(handle.reports.flatMap(rejectedBy));
  }

  /** `undefined`: everything of this registry is to be looked at. */
  static async begin(tools: ReviewTools, handle: RegistryHandle, look: number): Promise<Review | undefined> {
    const { world } = tools;
    if (world.program === undefined || world.rotation !== undefined || world.source.glance === undefined)
      return undefined;
    const servers = await world.source.list('AuthorizationServer');
    const server = servers.find((one) => nameOf(one) === handle.name);
    if (server?.spec === undefined) return undefined;
    if ((await serverHolds(world, handle, { ...server, spec: server.spec })) !== 'yes') return undefined;
    const others = [...world.registries()].filter((one) => one !== handle);
    const elsewhere = await Promise.all(others.map((one) => rowsOf(one)));
    return new Review(tools, handle, { look, server: { ...server, spec: server.spec }, servers, elsewhere });
  }

  async passes({ id, owner, state }: StoredCheck): Promise<boolean> {
    const { world, references } = this.#tools;
    const { namespace, name, uid } = owner;
    const known = world.source.glance?.('Client', namespace, name);
    const check = known?.uid === uid ? readCheck(state) : undefined;
    const shared = check === undefined ? undefined : await this.#sharedIn(namespace);
    if (known === undefined || check === undefined || shared === undefined) return false;
    const owned = world.secrets.ownedNames?.({ namespace, name, uid });
    const now = await this.#handle.now();
    const difference = differenceOf(check, {
      version: known.version,
      ground: shared.ground(check.users),
      isOpen: (scope) => shared.scopes.get(scope) === 'open',
      secretVersion: (secret) => world.secrets.toldVersion?.(namespace, secret),
      owned: owned ?? [],
      rejected: this.#rejected.has(`${id} ${uid}`),
      elsewhere: this.#elsewhere.some((uids) => uids.has(uid)),
      now,
    });
    if (owned === undefined || difference !== undefined) return false;
    const names = this.#referencesOf(check, { id, owner });
    // Whoever has everything of a registry looked at asks for another review.
    const told = `registry/${this.#handle.name}`;
    if (references.record(`Client/${namespace}/${name}`, names, this.#look, told)) return false;
    world.source.passOver?.('Client', namespace, name);
    world.resourceCounts?.concluded('Client', `${namespace}/${name}`, concluded);
    if (check.due !== undefined) this.#tools.wake(`${namespace}/${name}`, Math.min(check.due - now, longestSleep));
    return true;
  }

  #referencesOf(
    { users, secrets, scopes }: ClientCheck,
    { id, owner: { namespace } }: Pick<StoredCheck, 'id' | 'owner'>,
  ): References {
    const serverName = this.#handle.name;
    return clientReferences(this.#tools.world, {
      namespace,
      clientId: id,
      serverName,
      registry: this.#handle,
      servers: this.#servers,
      users,
      secrets: Object.keys(secrets),
      logo: undefined,
      scopes,
    });
  }

  async #sharedIn(namespace: string): Promise<Shared | undefined> {
    if (this.#shared.has(namespace)) return this.#shared.get(namespace);
    const shared = await this.#readShared(namespace);
    this.#shared.set(namespace, shared);
    return shared;
  }

  async #readShared(name: string): Promise<Shared> {
    const { world } = this.#tools;
    const namespace = await namespaceFacts(world, name);
    const server = this.#server;
    const issuer = world.issuerOf(server);
    const facts = {
      program: world.program ?? '',
      source: world.source.name,
      namespace,
      servers: this.#servers,
      server: nameOf(server),
      defaultServerNamespace: world.defaultServerNamespace,
      issuer: 'issuer' in issuer ? issuer.issuer : undefined,
      trust: trustOf(world, nameOf(server)),
      withoutCluster: world.clusterKeys() === undefined,
    };
    const [withUsers, without] = [
      groundOf({ ...facts, hasDirectory: await hasDirectoryOn(world, server) }),
      groundOf({ ...facts, hasDirectory: undefined }),
    ];
    return {
      ground: (users) => (users ? withUsers : without),
      scopes: await openScopes(world, this.#handle, server, namespace),
    };
  }
}

function rejectedBy({ live, rejected }: LiveReport): readonly string[] {
  return live ? rejected.filter(({ kind }) => kind === 'client').map(({ id, uid }) => `${id} ${uid}`) : [];
}

const said = { message: '', observedGeneration: 0, lastTransitionTime: '' };
const conditions = [
  { type: 'Ready', status: 'True' as const, reason: 'Ready', ...said },
  { type: 'Programmed', status: 'True' as const, reason: 'Programmed', ...said },
];
/** For the counts: it stands as it stood. */
const concluded = { generation: 0, before: conditions, after: conditions, heardAt: 0 };
