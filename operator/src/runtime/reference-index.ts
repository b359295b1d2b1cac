/**
 * Who depends on what: a change of a thing finds the keys of those that name it. What somebody looks at is known only after
 * the look; what moved meanwhile is remembered, so that nobody who looked too early goes unheard.
 */

export interface References {
  /** What very many name, each in the same words: kept once for all of them. */
  readonly shared: readonly string[];
  readonly own: readonly string[];
}

/** Between a dependent and what it shares with others stands a group, which is a name of theirs and depends like them. */
const group = '\n';

export class ReferenceIndex {
  /** Of each name: nearly always one. */
  readonly #dependents = new Map<string, string | Set<string>>();
  readonly #names = new Map<string, readonly string[]>();
  /** By what they share. */
  readonly #groups = new Map<string, string>();
  #lastGroup = 0;
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
  record(
    dependent: string,
    names: readonly string[] | References,
    look = Number.POSITIVE_INFINITY,
    told?: string,
  ): boolean {
    const { shared, own } = 'own' in names ? names : { shared: [], own: names };
    const missed = this.#moved.size > 0 && this.#hasMissed(dependent, [...shared, ...own], look, told);
    const others = own.filter((name) => !shared.includes(name));
    this.#replace(dependent, new Set(shared.length === 0 ? others : [this.#groupOf(shared), ...others]));
    return missed;
  }

  #hasMissed(dependent: string, next: readonly string[], look: number, told: string | undefined): boolean {
    const before = this.#names.get(dependent) ?? [];
    const had = new Set(before.flatMap((name) => (isGroup(name) ? (this.#names.get(name) ?? []) : [name])));
    return next.some((name) => name !== told && !had.has(name) && (this.#moved.get(name) ?? 0) > look);
  }

  #groupOf(shared: readonly string[]): string {
    const key = keyOf(shared);
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    this.#lastGroup += 1;
    const made = `${group}${this.#lastGroup}`;
    this.#groups.set(key, made);
    this.#replace(made, new Set(shared));
    return made;
  }

  #replace(dependent: string, next: ReadonlySet<string>): void {
    const before = this.#names.get(dependent) ?? [];
    // As nearly always: the texts that are held stay the only ones.
    if (before.length === next.size && before.every((name) => next.has(name))) return;
    for (const name of next) this.#add(name, dependent);
    if (next.size === 0) this.#names.delete(dependent);
    else this.#names.set(dependent, [...next]);
    for (const name of before) if (!next.has(name)) this.#drop(name, dependent);
  }

  #add(name: string, dependent: string): void {
    const by = this.#dependents.get(name);
    if (by === undefined) this.#dependents.set(name, dependent);
    else if (typeof by !== 'string') by.add(dependent);
    else if (by !== dependent) this.#dependents.set(name, new Set([by, dependent]));
  }

  #drop(name: string, dependent: string): void {
    const by = this.#dependents.get(name);
    if (typeof by === 'object') {
      by.delete(dependent);
      if (by.size > 0) return;
    }
    this.#dependents.delete(name);
    if (!isGroup(name)) return;
    this.#groups.delete(keyOf(this.#names.get(name) ?? []));
    this.#replace(name, new Set());
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
    const by = this.#dependents.get(name) ?? [];
    const all = typeof by === 'string' ? [by] : [...by];
    return all.flatMap((one) => (isGroup(one) ? this.dependents(one) : [one]));
  }
}

const isGroup = (name: string): boolean => name.startsWith(group);

const keyOf = (shared: readonly string[]): string => [...new Set(shared)].join(group);
