/**
 * A registry as the controllers use it: writes of one moment go out as one statement, and what every Client looks up again
 * (the server, scopes) is remembered until the registry says that it moved.
 */
import {
  mostAtOnce,
  type PutResult,
  type Registration,
  type RegistrationKind,
  type Registry,
  type Revision,
  type StoredRegistration,
} from '@nauthera/server/registry';

interface Waiting {
  readonly registration: Registration;
  readonly resolve: (result: PutResult) => void;
  readonly reject: (error: unknown) => void;
}

/** Milliseconds that a write waits for others. */
const gather = 20;

export type Changed = readonly { readonly kind: RegistrationKind; readonly id: string }[] | 'all';

export class RegistryHandle {
  readonly registry: Registry;
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;
  readonly #known = new Map<string, Promise<StoredRegistration | null>>();

  constructor(registry: Registry) {
    this.registry = registry;
  }

  put(registration: Registration): Promise<PutResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ registration, resolve, reject });
      if (this.#waiting.length >= mostAtOnce) void this.#flush();
      else this.#timer ??= setTimeout(() => void this.#flush(), gather);
    });
  }

  delete(kind: RegistrationKind, uid: string): Promise<Revision | null> {
    return this.registry.delete(kind, uid);
  }

  get(kind: RegistrationKind, id: string): Promise<StoredRegistration | null> {
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
