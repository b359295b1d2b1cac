/**
 * A registry as the controllers use it: writes of one moment go out as one statement, and what every Client looks up again
 * (the server, scopes) is remembered until the registry says that it moved. What lies behind may be away, or be exchanged
 * for another connection, under the hands of passes that go on.
 */
import {
  type Check,
  DatabaseUnavailable,
  type LiveReport,
  mostAtOnce,
  type PutResult,
  type Registration,
  type RegistrationKind,
  type Registry,
  type Revision,
  type SecretUse,
  type StoredRegistration,
} from '@nauthera/server/registry';

interface Waiting {
  readonly registration: Registration;
  readonly resolve: (result: PutResult) => void;
  readonly reject: (error: unknown) => void;
}

/** Milliseconds that a write waits for others. */
const gather = 20;
/** Milliseconds that a check waits for others: nobody waits for it. */
const gatherChecks = 1_000;

/** Milliseconds for which a word about the time is carried on. */
const clockFor = 60_000;

export type Changed = readonly { readonly kind: RegistrationKind; readonly id: string }[] | 'all';

/** What the replicas report, and what is kept back, as it was read last. */
export interface RegistryFindings {
  readonly reports: readonly LiveReport[];
  /** Rows without a resource that are kept, because they are suspiciously many. */
  readonly retirementHeld: number;
}

const nothingFound: RegistryFindings = { reports: [], retirementHeld: 0 };

export class RegistryHandle {
  /** `<namespace>/<name>` of the server whose registry it is; empty: all servers share it. */
  readonly name: string;
  /** The newest attempt to open it came to nothing, or nobody says what there is to open. */
  isAway = false;
  #registry: Registry | undefined;
  #findings: RegistryFindings = nothingFound;
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;
  readonly #known = new Map<string, Promise<StoredRegistration | null>>();
  /** By id, the newest of each. */
  readonly #checks = new Map<string, Check>();
  #checksTimer: NodeJS.Timeout | undefined;
  /** `told`: what the database's clock is ahead of this process's own. */
  #clock: { readonly asked: number; readonly told: Promise<number> } | undefined;
  /** Milliseconds that the database's clock was ahead of this process's own when it was last told. */
  #ahead: number | undefined;
  /** Why bind passwords cannot be sealed. */
  #unsealed: string | undefined;

  /** @param registry `undefined`: not there yet, see {@link use} */
  constructor(registry: Registry | undefined, name = '') {
    this.#registry = registry;
    this.name = name;
  }

  /** From now on this one; a statement that was sent already goes on with the former. */
  use(registry: Registry | undefined, findings: RegistryFindings = nothingFound, unsealed?: string): void {
    this.#registry = registry;
    this.#findings = findings;
    this.#unsealed = unsealed;
    this.isAway = false;
    this.#clock = undefined;
    this.#known.clear();
  }

  get isOpen(): boolean {
    return this.#registry !== undefined;
  }

  /** @throws DatabaseUnavailable */
  get registry(): Registry {
    if (this.#registry === undefined) throw new DatabaseUnavailable('the database of the server is not open');
    return this.#registry;
  }

  get reports(): readonly LiveReport[] {
    return this.#findings.reports;
  }

  get retirementHeld(): number {
    return this.#findings.retirementHeld;
  }

  /** What moves with a row, for the index of references. */
  reference(kind: RegistrationKind, id: string): string {
    return `registration/${this.name}/${kind}/${id}`;
  }

  /** See {@link Registry.stands}. */
  stands(registration: Registration, stored: StoredRegistration): boolean {
    return this.#unsealed === undefined && this.#registry?.stands(registration, stored) === true;
  }

  put(registration: Registration): Promise<PutResult> {
    if (this.#unsealed !== undefined && registration.kind === 'directory')
      return Promise.reject(new DatabaseUnavailable(this.#unsealed));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ registration, resolve, reject });
      if (this.#waiting.length >= mostAtOnce) void this.#flush();
      else this.#timer ??= setTimeout(() => void this.#flush(), gather);
    });
  }

  async delete(kind: RegistrationKind, uid: string): Promise<Revision | null> {
    return this.registry.delete(kind, uid);
  }

  /** See {@link Registry.adopt}. */
  async adopt(...args: Parameters<Registry['adopt']>): ReturnType<Registry['adopt']> {
    return this.registry.adopt(...args).finally(() => this.forget('all'));
  }

  async get(kind: RegistrationKind, id: string): Promise<StoredRegistration | null> {
    if (kind === 'client' || kind === 'directory') return this.registry.get(kind, id);
    const key = `${kind}/${id}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const reading = this.registry.get(kind, id);
    this.#known.set(key, reading);
    reading.catch(() => {
      if (this.#known.get(key) === reading) this.#known.delete(key);
    });
    return reading;
  }

  /**
   * Epoch milliseconds by the database's clock, which is asked once a minute, carried on by one that nobody can put forward.
   *
   * @throws DatabaseUnavailable
   */
  async now(): Promise<number> {
    const { registry } = this;
    if (this.#clock === undefined || performance.now() - this.#clock.asked > clockFor) {
      const told = registry.clock().then((time) => (this.#ahead = time - performance.now()));
      const clock = { asked: performance.now(), told };
      this.#clock = clock;
      told.catch(() => {
        if (this.#clock === clock) this.#clock = undefined;
      });
    }
    return Math.floor((await this.#clock.told) + performance.now());
  }

  /** As {@link now}, by what was told last, however long ago; `undefined`: nothing ever was. */
  get lastTold(): number | undefined {
    return this.#ahead === undefined ? undefined : Math.floor(this.#ahead + performance.now());
  }

  async secretUse(digest: string): Promise<SecretUse> {
    return this.registry.secretUse(digest);
  }

  async revokeTokens(uid: string): Promise<void> {
    return this.registry.revokeTokens(uid);
  }

  /** Kept in a while; where that fails, a process that begins looks once more than it need. */
  noteCheck(check: Check): void {
    this.#checks.set(`${check.kind}/${check.id}`, check);
    if (this.#checks.size >= mostAtOnce) void this.flushChecks();
    else this.#checksTimer ??= setTimeout(() => void this.flushChecks(), gatherChecks).unref();
  }

  /** Resolves when what was noted is kept, or never will be. */
  async flushChecks(): Promise<void> {
    clearTimeout(this.#checksTimer);
    this.#checksTimer = undefined;
    const checks = [...this.#checks.values()];
    this.#checks.clear();
    if (checks.length > 0) await this.#registry?.noteChecks(checks).catch(() => undefined);
  }

  /** What moved is read anew. */
  forget(changed: Changed): void {
    if (changed === 'all') this.#known.clear();
    else for (const { kind, id } of changed) this.#known.delete(`${kind}/${id}`);
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#waiting.splice(0, mostAtOnce);
    if (this.#waiting.length > 0) this.#timer = setTimeout(() => void this.#flush(), 0);
    try {
      const registrations = batch.map(({ registration }) => registration);
      const results = await this.registry.putMany(registrations).finally(() => this.forget(registrations));
      for (const [index, { resolve, reject }] of batch.entries()) {
        const result = results[index];
        if (result === undefined) reject(new Error('the registry did not answer for every registration'));
        else resolve(result);
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}

/** What moves with everything in the registry of a server. */
export function registryReference(handle: RegistryHandle | undefined, server: string | undefined): readonly string[] {
  const name = handle?.name ?? server;
  return name === undefined ? [] : [`registry/${name}`];
}
