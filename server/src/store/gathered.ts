import { AsyncLocalStorage } from 'node:async_hooks';

interface Waiting<T, R> {
  readonly one: T;
  readonly resolve: (answer: R) => void;
  readonly reject: (error: unknown) => void;
}

/** A statement asks for no more. */
const together = 64;

/**
 * Statements on their way, above which what comes waits for one of them to end. Two, so that the database has the next one
 * while it answers the last. Without a bound the statements of a load are many and small, which costs us two fifths more.
 */
const enough = 2;

/** Milliseconds: nobody waits longer for statements of others. A database that is slow or silent must not hold up in turn. */
const patience = 100;

/**
 * What is asked for in one turn of the event loop, or while {@link enough} statements are on their way, is asked for by as few
 * statements as can be: a statement each would cost several times what all the rest of their requests does. One that fails
 * fails for all who asked by it.
 *
 * @param ask answers each, in their order; called in the context of who waited first
 */
export function gathered<T, R>(ask: (batch: readonly T[]) => Promise<readonly R[]>): (one: T) => Promise<R> {
  let waiting: Waiting<T, R>[] = [];
  let within = AsyncLocalStorage.snapshot();
  let sent = 0;
  let isArmed = false;
  let overdue: NodeJS.Timeout | undefined;

  const send = async (batch: readonly Waiting<T, R>[]): Promise<void> => {
    sent += 1;
    try {
      const answers = await ask(batch.map(({ one }) => one));
      if (answers.length !== batch.length) throw new Error('not everybody was answered');
      for (const [place, answer] of answers.entries()) batch[place]?.resolve(answer);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      sent -= 1;
      arm();
    }
  };
  const sendAll = (): void => {
    clearTimeout(overdue);
    overdue = undefined;
    const all = waiting;
    waiting = [];
    within(() => {
      for (let from = 0; from < all.length; from += together) void send(all.slice(from, from + together));
    });
  };
  const flush = (): void => {
    isArmed = false;
    if (sent < enough) sendAll();
    else arm();
  };
  /** At the end of the turn, when all that it brings has come. */
  const arm = (): void => {
    if (isArmed || waiting.length === 0) return;
    if (sent >= enough) {
      overdue ??= setTimeout(sendAll, patience);
      return;
    }
    isArmed = true;
    setImmediate(flush);
  };
  return (one) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) within = AsyncLocalStorage.snapshot();
      waiting.push({ one, resolve, reject });
      arm();
    });
}
