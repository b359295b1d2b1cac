import { AsyncLocalStorage } from 'node:async_hooks';

interface Waiting<T, R> {
  readonly one: T;
  readonly resolve: (answer: R) => void;
  readonly reject: (error: unknown) => void;
  /** Of whoever asked. */
  readonly within: (work: () => void) => void;
}

/** A statement asks for no more. */
const together = 64;

/**
 * Statements under way, above which what comes waits for one of them to end. Two, so that the database has the next one while
 * it answers the last. Without a bound the statements of a load are many and small, which costs us two fifths more.
 */
const enough = 2;

/** Milliseconds after which a statement does not count as under way: behind a slow or silent database nobody queues. */
const patience = 100;

/**
 * What is asked for in one turn of the event loop, or while {@link enough} statements are under way, is asked for by as few
 * statements as can be: a statement each would cost several times what all the rest of their requests does. One that fails
 * fails for all who asked by it.
 *
 * @param ask answers each, in their order; called in the context of the first of them
 */
export function gathered<T, R>(ask: (batch: readonly T[]) => Promise<readonly R[]>): (one: T) => Promise<R> {
  const waiting: Waiting<T, R>[] = [];
  let underWay = 0;
  let isArmed = false;

  const send = async (batch: readonly Waiting<T, R>[]): Promise<void> => {
    let counts = true;
    const end = (): void => {
      if (!counts) return;
      counts = false;
      clearTimeout(tooLong);
      underWay -= 1;
      arm();
    };
    const tooLong = setTimeout(end, patience);
    underWay += 1;
    try {
      const answers = await ask(batch.map(({ one }) => one));
      if (answers.length !== batch.length) throw new Error('not everybody was answered');
      for (const [place, answer] of answers.entries()) batch[place]?.resolve(answer);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      end();
    }
  };
  const flush = (): void => {
    isArmed = false;
    while (waiting.length > 0 && underWay < enough) {
      const batch = waiting.splice(0, together);
      batch[0]?.within(() => void send(batch));
    }
  };
  /** At the end of the turn, when all that it brings has come. */
  const arm = (): void => {
    if (isArmed || waiting.length === 0 || underWay >= enough) return;
    isArmed = true;
    setImmediate(flush);
  };
  return (one) =>
    new Promise((resolve, reject) => {
      waiting.push({ one, resolve, reject, within: AsyncLocalStorage.snapshot() });
      arm();
    });
}
