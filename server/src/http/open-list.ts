interface Link<T> {
  readonly value: T;
  before: Link<T> | undefined;
  after: Link<T> | undefined;
}

/**
 * What is open, the oldest first. No `Set` or `Map`: their tables are replaced as they churn, each refers to its successor, and
 * one that the garbage collector has moved to the old generation keeps alive whatever its successors held, requests and
 * all, until the next full collection.
 */
export class OpenList<T> implements Iterable<T> {
  #oldest: Link<T> | undefined;
  #newest: Link<T> | undefined;

  /** @returns how it is taken off again, once */
  add(value: T): () => void {
    const link: Link<T> = { value, before: this.#newest, after: undefined };
    if (link.before === undefined) this.#oldest = link;
    else link.before.after = link;
    this.#newest = link;
    return () => this.#remove(link);
  }

  *[Symbol.iterator](): Generator<T> {
    for (let link = this.#oldest; link !== undefined; ) {
      // It may be taken off meanwhile.
      const { after } = link;
      yield link.value;
      link = after;
    }
  }

  #remove(link: Link<T>): void {
    const { before, after } = link;
    if (before === undefined) this.#oldest = after;
    else before.after = after;
    if (after === undefined) this.#newest = before;
    else after.before = before;
    link.before = undefined;
    link.after = undefined;
  }
}
