/** What the registry keeps for a source that has no API server: uid, generation, last accepted content, status. */
import { pendingStatus } from '@nauthera/crds';
import { canonical } from '../runtime/content-version.ts';
import type { Held } from './acceptance.ts';
import { isRecord } from './documents.ts';
import { isKind } from './object.ts';

export interface StoredIdentity {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly accepted: unknown;
}

/** The part of the registry that this needs. */
export interface IdentityStore {
  identities(): Promise<readonly StoredIdentity[]>;
  putIdentity(identity: StoredIdentity): Promise<void>;
  deleteIdentity(identity: Pick<StoredIdentity, 'kind' | 'namespace' | 'name'>): Promise<void>;
}

interface IdentitiesOptions {
  current(): Iterable<Held>;
  onError(error: unknown): void;
}

/** How often the stored rows are compared with what should stand there (somebody may edit the table by hand). */
const compareEvery = 5000;
const retryEvery = 1000;

const idOf = ({ kind, namespace, name }: Pick<StoredIdentity, 'kind' | 'namespace' | 'name'>) =>
  `${kind}/${namespace}/${name}`;

export class Identities {
  readonly #store: IdentityStore;
  readonly #options: IdentitiesOptions;
  readonly #unsaved = new Set<string>();
  #queue: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #planned = false;
  #stopped = false;

  constructor(store: IdentityStore, options: IdentitiesOptions) {
    this.#store = store;
    this.#options = options;
  }

  async load(): Promise<readonly Held[]> {
    return (await this.#store.identities()).flatMap((stored) => fromStored(stored) ?? []);
  }

  start(): void {
    this.#plan(compareEvery);
  }

  /** Saves what could not be saved before. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#alone(() => this.#saveAll()).catch((error: unknown) => this.#options.onError(error));
  }

  save(held: Held): Promise<void> {
    return this.#alone(() => this.#store.putIdentity(toStored(held)));
  }

  forget(held: Held): Promise<void> {
    return this.#alone(async () => {
      this.#unsaved.delete(idOf(held));
      await this.#store.deleteIdentity(held);
    });
  }

  /** A status: lost in a crash it is computed again, so nobody waits for it. */
  saveSoon(id: string): void {
    this.#unsaved.add(id);
    if (this.#planned) return;
    this.#planned = true;
    void this.#alone(() => this.#saveAll()).catch((error: unknown) => this.#options.onError(error));
  }

  async #saveAll(): Promise<void> {
    this.#planned = false;
    for (const held of this.#options.current()) {
      if (!this.#unsaved.has(idOf(held))) continue;
      await this.#store.putIdentity(toStored(held));
      this.#unsaved.delete(idOf(held));
    }
    this.#unsaved.clear();
  }

  #plan(delay: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#alone(() => this.#compare()).then(
        () => this.#plan(compareEvery),
        (error: unknown) => {
          this.#options.onError(error);
          this.#plan(retryEvery);
        },
      );
    }, delay);
  }

  async #compare(): Promise<void> {
    await this.#saveAll();
    const stored = new Map((await this.#store.identities()).map((one) => [idOf(one), one]));
    for (const held of this.#options.current()) {
      const wanted = toStored(held);
      const found = stored.get(idOf(wanted));
      if (found === undefined || canonical(found) !== canonical(wanted)) await this.#store.putIdentity(wanted);
    }
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

function toStored(held: Held): StoredIdentity {
  const {
    kind,
    namespace,
    name,
    uid,
    generation,
    spec,
    labels,
    annotations,
    specGeneration,
    seen,
    createdAt,
    status,
    deleting,
  } = held;
  return {
    kind,
    namespace,
    name,
    uid,
    generation,
    accepted: { spec, labels, annotations, specGeneration, seen, createdAt, status, deleting },
  };
}

/** Trusts nothing in the row beyond its shape: what is missing is computed again. */
function fromStored({ kind, namespace, name, uid, generation, accepted }: StoredIdentity): Held | undefined {
  if (!isKind(kind)) return undefined;
  const kept = isRecord(accepted) ? accepted : {};
  const status =
    isRecord(kept.status) && Array.isArray(kept.status.conditions) ? kept.status : structuredClone(pendingStatus);
  return {
    kind,
    namespace,
    name,
    uid,
    generation,
    createdAt: typeof kept.createdAt === 'string' ? kept.createdAt : '1970-01-01T00:00:00Z',
    labels: texts(kept.labels),
    annotations: texts(kept.annotations),
    seen: typeof kept.seen === 'string' ? kept.seen : '',
    spec: (isRecord(kept.spec) ? kept.spec : undefined) as Held['spec'],
    specGeneration: typeof kept.specGeneration === 'number' ? kept.specGeneration : 0,
    refused: undefined,
    status: status as unknown as Held['status'],
    deleting: kept.deleting === true,
    document: undefined,
  };
}

function texts(value: unknown): Readonly<Record<string, string>> {
  if (!isRecord(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
