/**
 * Rows of this source that no resource stands behind. One whose owner is gone is retired after ten minutes, and never many
 * at once: a list that was read wrong must not empty a registry. One that a living resource never declared (somebody
 * changed its kind by hand) goes at once, and so does one of a namespace that shuts the operator out and is not invited.
 */
import { type Kind, kindNames } from '@nauthera/crds';
import type { RegistrationKind, Registry, StoredOwner } from '@nauthera/server/registry';
import type { ResourceSource } from '../sources/source.ts';
import { isInvited } from './shut-namespace.ts';

/** Milliseconds. */
export interface OrphanTimes {
  /** From one look at every row to the next. Default 5 min. */
  readonly every?: number;
  /** How long a row stays that no resource stands behind. Default 10 min. */
  readonly patience?: number;
}

export interface OrphansOptions extends OrphanTimes {
  readonly registry: Registry;
  readonly source: ResourceSource;
  onError(error: unknown): void;
  /** {@link Orphans.held} changed. */
  onHeld?(): void;
  /** Milliseconds since anything. Default: a clock that nobody can put forward, as ten minutes are the whole protection. */
  readonly now?: () => number;
}

/** At most so many, and at most 5 % of the rows, are retired at once. */
const fewEnough = 10;
/** Rows that wait to be looked at, at most. */
const mostStrays = 1_000;
const share = 0.05;

const kindOf: Readonly<Record<RegistrationKind, Kind>> = {
  server: 'AuthorizationServer',
  client: 'Client',
  scope: 'Scope',
  directory: 'LdapBinding',
};

interface Row {
  readonly kind: RegistrationKind;
  readonly id: string;
}

export class Orphans {
  readonly #options: OrphansOptions;
  readonly #since = new Map<string, number>();
  readonly #strays = new Map<string, Row>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;
  #held = 0;
  #confirmed = false;

  constructor(options: OrphansOptions) {
    this.#options = options;
  }

  /** Rows that are not retired because they are too many. */
  get held(): number {
    return this.#held;
  }

  start(): void {
    this.#next(0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** A row moved that nothing here knows. */
  look({ kind, id }: Row): void {
    // Of very many the next sweep takes care.
    if (this.#strays.size >= mostStrays) return;
    this.#strays.set(`${kind}/${id}`, { kind, id });
    if (this.#strays.size === 1) this.#alone(() => this.#lookAtStrays());
  }

  async #lookAtStrays(): Promise<void> {
    const strays = [...this.#strays.values()];
    this.#strays.clear();
    const uids = await this.#uids();
    for (const { kind, id } of strays) {
      if (this.#stopped) return;
      const stored = await this.#options.registry.get(kind, id);
      if (stored !== null) await this.#removeStray(stored, uids);
    }
  }

  /** Those that are held back may go after all, this once. */
  confirm(): void {
    if (this.#held === 0) return;
    this.#confirmed = true;
    this.#alone(() => this.sweep());
  }

  /** One look at every row. */
  async sweep(): Promise<void> {
    const { registry, source, patience = 600_000, now = () => performance.now() } = this.#options;
    const uids = await this.#uids();
    const gone = new Map<string, StoredOwner>();
    const invited = new Map<string, boolean | undefined>();
    let rows = 0;
    for await (const stored of registry.scanOwners()) {
      rows += 1;
      // Of a namespace that cannot be looked at, or no longer is, nothing counts as gone.
      if (!source.knows(stored.owner.namespace)) {
        await this.#removeUninvited(stored, invited);
        continue;
      }
      if (!uids.has(stored.owner.uid)) gone.set(`${stored.kind}/${stored.owner.uid}`, stored);
      else await this.#removeStray(stored, uids);
    }
    for (const key of this.#since.keys()) if (!gone.has(key)) this.#since.delete(key);
    for (const key of gone.keys()) if (!this.#since.has(key)) this.#since.set(key, now());
    const due = [...gone].filter(([key]) => now() - (this.#since.get(key) ?? now()) >= patience);
    const many = due.length > fewEnough && due.length > rows * share;
    const held = many && !this.#confirmed ? due.length : 0;
    if (held !== this.#held) {
      this.#held = held;
      this.#options.onHeld?.();
    }
    if (this.#held > 0) return;
    for (const [, { kind, owner }] of due) await registry.delete(kind, owner.uid);
    this.#confirmed = false;
  }

  /**
   * Of a namespace that shut this process out before it began, nobody comes by to see that the server invites it no more.
   *
   * @param invited what is known of it, by kind and namespace
   */
  async #removeUninvited(
    { kind, withdrawn, owner: { namespace, uid } }: StoredOwner,
    invited: Map<string, boolean | undefined>,
  ): Promise<void> {
    const { registry, source } = this.#options;
    const resource = kindOf[kind];
    if (resource === 'AuthorizationServer' || withdrawn || source.isShut?.(resource, namespace) !== true) return;
    const key = `${kind}/${namespace}`;
    if (!invited.has(key)) invited.set(key, await isInvited(source, registry, resource, namespace));
    if (invited.get(key) === false) await registry.delete(kind, uid);
  }

  async #removeStray({ kind, owner }: StoredOwner, uids: ReadonlyMap<string, Kind>): Promise<void> {
    const { registry, source } = this.#options;
    const known = uids.get(owner.uid);
    if (owner.source === source.name && known !== undefined && known !== kindOf[kind])
      await registry.delete(kind, owner.uid);
  }

  async #uids(): Promise<Map<string, Kind>> {
    const uids = new Map<string, Kind>();
    for (const kind of kindNames) for (const { uid } of await this.#options.source.keys(kind)) uids.set(uid, kind);
    return uids;
  }

  #alone(work: () => Promise<void>): void {
    this.#running = this.#running.then(work).catch((error: unknown) => this.#options.onError(error));
  }

  #next(delay: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#alone(() => this.sweep());
      this.#next(this.#options.every ?? 300_000);
    }, delay);
  }
}
