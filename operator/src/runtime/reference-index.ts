/** A thing, and who names it: nearly always one. */
interface Named {
  readonly name: string;
  by: string | Set<string>;
}

/**
 * Who depends on what: a change of a thing finds the keys of those that name it. What somebody looks at is known only after
 * the look; what moved meanwhile is remembered, so that nobody who looked too early goes unheard.
 */
export class ReferenceIndex {
  readonly #named = new Map<string, Named>();
  /** Each name is one text for all: 100,000 Clients name a dozen things each. */
  readonly #names = new Map<string, readonly Named[]>();
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
   *
   * @param told a name of whose moves it hears in another way
   */
  record(dependent: string, names: Iterable<string>, look = Number.POSITIVE_INFINITY, told?: string): boolean {
    const before = this.#names.get(dependent) ?? [];
    const next = new Set(names);
    const missed = this.#moved.size > 0 && this.#hasMissed(before, next, look, told);
    for (const named of before) if (!next.has(named.name)) this.#drop(named, dependent);
    const things: Named[] = [];
    for (const name of next) things.push(this.#add(name, dependent));
    if (things.length === 0) this.#names.delete(dependent);
    else this.#names.set(dependent, things);
    return missed;
  }

  #hasMissed(before: readonly Named[], next: ReadonlySet<string>, look: number, told: string | undefined): boolean {
    const had = new Set(before.map(({ name }) => name));
    return [...next].some((name) => name !== told && !had.has(name) && (this.#moved.get(name) ?? 0) > look);
  }

  #add(name: string, dependent: string): Named {
    const known = this.#named.get(name);
    if (known === undefined) {
      const named = { name, by: dependent };
      this.#named.set(name, named);
      return named;
    }
    if (typeof known.by !== 'string') known.by.add(dependent);
    else if (known.by !== dependent) known.by = new Set([known.by, dependent]);
    return known;
  }

  #drop(named: Named, dependent: string): void {
    if (typeof named.by !== 'string') named.by.delete(dependent);
    if (typeof named.by === 'string' || named.by.size === 0) this.#named.delete(named.name);
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
    const by = this.#named.get(name)?.by ?? [];
    return typeof by === 'string' ? [by] : [...by];
  }
}
