import type { ClientRegistration, RegistrationByKind, RegistrationKind } from './registration.ts';
import type { Registration } from './registry.ts';
import { ShardedMap, type ShardedMapDraft } from './sharded-map.ts';
import { frozen, SharedParts } from './shared-parts.ts';
import type { Registered, Revision, Snapshot } from './snapshot.ts';

type Maps = { readonly [K in RegistrationKind]: ShardedMap<Registered<RegistrationByKind[K]>> } & {
  /** How many clients list an origin: nobody walks 100,000 of them for a preflight. */
  readonly origins: ShardedMap<number>;
};
type Drafts = { readonly [K in RegistrationKind]: ShardedMapDraft<Registered<RegistrationByKind[K]>> } & {
  readonly origins: ShardedMapDraft<number>;
};

export class LoadedSnapshot implements Snapshot {
  readonly revision: Revision;
  /** A request asks for it half a dozen times. */
  readonly server: Registered<RegistrationByKind['server']> | undefined;
  readonly #maps: Maps;
  readonly #parts: SharedParts;

  private constructor(revision: Revision, maps: Maps, parts: SharedParts) {
    this.revision = revision;
    this.#parts = parts;
    this.server = maps.server.get('self');
    this.#maps = maps;
  }

  /** Of no database yet: its epoch equals none. */
  static empty(): LoadedSnapshot {
    const maps = {
      server: ShardedMap.empty<Registered<RegistrationByKind['server']>>(),
      client: ShardedMap.empty<Registered<RegistrationByKind['client']>>(),
      scope: ShardedMap.empty<Registered<RegistrationByKind['scope']>>(),
      directory: ShardedMap.empty<Registered<RegistrationByKind['directory']>>(),
      origins: ShardedMap.empty<number>(),
    };
    return new LoadedSnapshot({ epoch: '', n: 0 }, maps, new SharedParts());
  }

  client(clientId: string): Registered<RegistrationByKind['client']> | undefined {
    return this.#maps.client.get(clientId);
  }
  isAllowedOrigin(origin: string): boolean {
    return this.#maps.origins.get(origin) !== undefined;
  }
  scope(scope: string): Registered<RegistrationByKind['scope']> | undefined {
    return this.#maps.scope.get(scope);
  }
  scopes(): Iterable<Registered<RegistrationByKind['scope']>> {
    return this.#maps.scope.values();
  }
  directory(id: string): Registered<RegistrationByKind['directory']> | undefined {
    return this.#maps.directory.get(id);
  }
  directories(): Iterable<Registered<RegistrationByKind['directory']>> {
    return this.#maps.directory.values();
  }
  counts(): Readonly<Record<RegistrationKind, number>> {
    const { server, client, scope, directory } = this.#maps;
    return { server: server.size, client: client.size, scope: scope.size, directory: directory.size };
  }

  edit(): SnapshotDraft {
    const { server, client, scope, directory, origins } = this.#maps;
    const drafts = {
      server: server.edit(),
      client: client.edit(),
      scope: scope.edit(),
      directory: directory.edit(),
      origins: origins.edit(),
    };
    const parts = this.#parts;
    return new SnapshotDraft(drafts, parts, (revision, maps) => new LoadedSnapshot(revision, maps, parts));
  }
}

/** The next snapshot in the making. */
export class SnapshotDraft {
  readonly #drafts: Drafts;
  readonly #parts: SharedParts;
  readonly #finish: (revision: Revision, maps: Maps) => LoadedSnapshot;

  constructor(drafts: Drafts, parts: SharedParts, finish: (revision: Revision, maps: Maps) => LoadedSnapshot) {
    this.#drafts = drafts;
    this.#parts = parts;
    this.#finish = finish;
  }

  /** @param fingerprint of the row as it stands; asked for directories alone, as 100,000 clients would pay for it. */
  set(registration: Registration, fingerprint: () => string): void {
    const { owner } = registration;
    switch (registration.kind) {
      case 'server':
        return this.#drafts.server.set(registration.id, frozen({ owner, value: registration.value }));
      case 'client':
        this.#countOrigins(this.#drafts.client.get(registration.id)?.value, -1);
        this.#countOrigins(registration.value, 1);
        return this.#setClient(registration);
      case 'scope':
        return this.#drafts.scope.set(registration.id, frozen({ owner, value: registration.value }));
      case 'directory':
        return this.#drafts.directory.set(
          registration.id,
          frozen({ owner, value: registration.value, fingerprint: fingerprint() }),
        );
    }
  }

  remove(kind: RegistrationKind, id: string): void {
    if (kind === 'client') this.#countOrigins(this.#drafts.client.get(id)?.value, -1);
    this.#drafts[kind].delete(id);
  }

  done(revision: Revision): LoadedSnapshot {
    const { server, client, scope, directory, origins } = this.#drafts;
    const maps = {
      server: server.done(),
      client: client.done(),
      scope: scope.done(),
      directory: directory.done(),
      origins: origins.done(),
    };
    return this.#finish(revision, maps);
  }

  #countOrigins(client: ClientRegistration | undefined, change: 1 | -1): void {
    const { origins } = this.#drafts;
    for (const origin of client?.allowed_origins ?? []) {
      const count = (origins.get(origin) ?? 0) + change;
      if (count > 0) origins.set(origin, count);
      else origins.delete(origin);
    }
  }

  #setClient({ id, owner, value, allowedBy }: Extract<Registration, { kind: 'client' }>): void {
    const parts = this.#parts;
    const registered = { owner: parts.in(owner), value: parts.in(value) };
    this.#drafts.client.set(
      id,
      Object.freeze(allowedBy === undefined ? registered : { ...registered, allowedBy: parts.in(allowedBy) }),
    );
  }
}
