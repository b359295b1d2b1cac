/** Who depends on what: a change of a thing finds the keys of those that name it. */
export class ReferenceIndex {
  readonly #named = new Map<string, Set<string>>();
  readonly #names = new Map<string, ReadonlySet<string>>();

  /** Replaces what `dependent` names. An empty list forgets it. */
  record(dependent: string, names: Iterable<string>): void {
    const next = new Set(names);
    for (const name of this.#names.get(dependent) ?? []) {
      if (next.has(name)) continue;
      const dependents = this.#named.get(name);
      dependents?.delete(dependent);
      if (dependents?.size === 0) this.#named.delete(name);
    }
    for (const name of next) {
      const dependents = this.#named.get(name);
      if (dependents === undefined) this.#named.set(name, new Set([dependent]));
      else dependents.add(dependent);
    }
    if (next.size === 0) this.#names.delete(dependent);
    else this.#names.set(dependent, next);
  }

  knows(dependent: string): boolean {
    return this.#names.has(dependent);
  }

  dependents(name: string): readonly string[] {
    return [...(this.#named.get(name) ?? [])];
  }
}
