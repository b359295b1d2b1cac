/**
 * Who depends on what: a change of a thing finds the keys of those that name it. What somebody looks at is known only after
 * the look; what moved meanwhile is remembered, so that nobody who looked too early goes unheard.
 */
export class ReferenceIndex {
  readonly #named = new Map<string, Set<string>>();
  readonly #names = new Map<string, ReadonlySet<string>>();
  /** Looks under way, the oldest first. */
  readonly #looks = new Set<number>();
  /** When a thing moved last, in the order in which they moved; those before the oldest look are forgotten. */
  readonly #moved = new Map<string, number>();
  #moment = 0;

  /** Somebody begins to look at things; to be given back to {@link endLook}. */
  beginLook(): number {
    this.#moment += 1;
    this.#looks.add(this.#moment);
    return this.#moment;
  }

  endLook(look: number): void {
    this.#looks.delete(look);
    const [oldest = Number.POSITIVE_INFINITY] = this.#looks;
    for (const [name, at] of this.#moved) {
      if (at > oldest) break;
      this.#moved.delete(name);
    }
  }

  /**
   * Replaces what `dependent` names. An empty list forgets it. True: something that it did not name before has moved since
   * it began to look, and it was not told.
   */
  record(dependent: string, names: Iterable<string>, look = Number.POSITIVE_INFINITY): boolean {
    const next = new Set(names);
    const before = this.#names.get(dependent);
    const missed = [...next].some((name) => before?.has(name) !== true && (this.#moved.get(name) ?? 0) > look);
    for (const name of before ?? []) {
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
    return missed;
  }

  knows(dependent: string): boolean {
    return this.#names.has(dependent);
  }

  /** Whom to tell that it moved. */
  moved(name: string): readonly string[] {
    if (this.#looks.size > 0) {
      this.#moment += 1;
      this.#moved.delete(name);
      this.#moved.set(name, this.#moment);
    }
    return this.dependents(name);
  }

  dependents(name: string): readonly string[] {
    return [...(this.#named.get(name) ?? [])];
  }
}
