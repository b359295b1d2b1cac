/** Objects that were seen and may be looked at, instead of one more request. */
import { isNewer, type ResourceObject } from './kubernetes-objects.ts';

export interface KeptObjects {
  /**
   * Takes the place of what is kept. Where that is newer (an answer to a write of ours overtook an event; or etcd was
   * restored), neither counts: whoever looks asks the API server.
   */
  put(id: string, object: ResourceObject): void;
  get(id: string): ResourceObject | undefined;
  delete(id: string): void;
}

/** Of a kind of which there are few: every object, always. */
export class WholeObjects implements KeptObjects {
  readonly #objects = new Map<string, ResourceObject>();

  put(id: string, object: ResourceObject): void {
    const before = this.#objects.get(id);
    if (before === undefined || !isNewer(before, object)) this.#objects.set(id, object);
    else this.#objects.delete(id);
  }

  get(id: string): ResourceObject | undefined {
    return this.#objects.get(id);
  }

  delete(id: string): void {
    this.#objects.delete(id);
  }
}

/**
 * Of a kind of which there may be very many: each object for one look, and no more bytes than given. The oldest give way.
 * They are kept as JSON: as objects they would take three times as much, and be copied by every collection of garbage.
 */
export class PassingObjects implements KeptObjects {
  readonly #objects = new Map<string, string>();
  readonly #limit: number;
  #bytes = 0;

  /** @param limit bytes of JSON */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get bytes(): number {
    return this.#bytes;
  }

  put(id: string, object: ResourceObject): void {
    const before = this.get(id);
    if (before !== undefined && isNewer(before, object)) return;
    const text = JSON.stringify(object);
    if (text.length > this.#limit) return;
    this.#objects.set(id, text);
    this.#bytes += text.length;
    for (const oldest of this.#objects.keys()) {
      if (this.#bytes <= this.#limit) break;
      this.delete(oldest);
    }
  }

  get(id: string): ResourceObject | undefined {
    const text = this.#objects.get(id);
    this.delete(id);
    return text === undefined ? undefined : (JSON.parse(text) as ResourceObject);
  }

  delete(id: string): void {
    const text = this.#objects.get(id);
    if (text === undefined) return;
    this.#objects.delete(id);
    this.#bytes -= text.length;
  }
}
