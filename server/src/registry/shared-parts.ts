/**
 * What many clients say alike is held once: their lists of scopes and grant types, how they ask for consent, the namespace
 * they live in. Such parts are half of a client, and with 100,000 of them most of what a server holds.
 */

/** What is remembered begins anew then: parts of one client alone must not be kept for ever, and common ones are soon back. */
const mostKnown = 1_024;
/** Characters; what is longer is hardly ever said twice, such as keys and pictures. */
const longest = 512;

export class SharedParts {
  readonly #texts = new Map<string, string>();
  /** By their JSON. */
  readonly #objects = new Map<string, object>();

  /** Each text and object in it is replaced by an equal one that was here before; nobody may change any of them then. */
  in<T extends object>(whole: T): T {
    const members = whole as Record<string, unknown>;
    for (const name of Object.keys(members)) {
      const member = members[name];
      if (typeof member === 'string') members[name] = this.#remembered(this.#texts, member, () => member);
      else if (typeof member === 'object' && member !== null) {
        members[name] = this.#remembered(this.#objects, JSON.stringify(member), () => frozen(member));
      }
    }
    return Object.freeze(whole);
  }

  #remembered<V>(known: Map<string, V>, key: string, make: () => V): V {
    if (key.length > longest) return make();
    const before = known.get(key);
    if (before !== undefined) return before;
    if (known.size === mostKnown) known.clear();
    const made = make();
    known.set(key, made);
    return made;
  }
}

/** Requests share it: nobody may change it for the others. */
export function frozen<T extends object>(value: T): T {
  for (const member of Object.values(value)) if (typeof member === 'object' && member !== null) frozen(member);
  return Object.freeze(value);
}
