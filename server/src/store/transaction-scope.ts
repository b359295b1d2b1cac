/**
 * Holds the rule that work inside a transaction uses the transaction's own handle. PGlite has one connection: the root
 * handle would wait for the transaction, which waits for it, for ever. On Postgres the statement would quietly run outside
 * of the transaction. So both refuse.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

export class TransactionHandleRequired extends Error {
  readonly code = 'transaction_handle_required';
  constructor() {
    super('inside transaction(work) use the handle that work was given, not the database');
    this.name = 'TransactionHandleRequired';
  }
}

interface Scope {
  open: boolean;
}

export class TransactionScope {
  readonly #storage = new AsyncLocalStorage<Scope>();

  /** @throws TransactionHandleRequired within {@link run} of the same database. */
  refuseInside(): void {
    if (this.#storage.getStore()?.open === true) throw new TransactionHandleRequired();
  }

  /** Timers and listeners that `work` leaves behind keep its context; they are free once it has ended. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const scope = { open: true };
    try {
      return await this.#storage.run(scope, work);
    } finally {
      scope.open = false;
    }
  }
}
