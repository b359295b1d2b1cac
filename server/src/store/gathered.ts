interface Waiting<T, R> {
  readonly one: T;
  readonly resolve: (answer: R) => void;
  readonly reject: (error: unknown) => void;
}

/** More are asked by several statements at once. */
const together = 64;

/**
 * Statements under way at once: what comes meanwhile waits for one of them to end, and goes with the others that wait. Two,
 * so that the database has the next one while it answers the last. Without a bound the statements of a load are many and
 * small, and cost the database and us a quarter more.
 */
const underWay = 2;

/**
 * What is asked for in one turn of the event loop, or while {@link underWay} statements are on their way, is asked by one
 * statement: a statement each would cost several times what all the rest of their requests does. One that fails fails for
 * all of them.
 *
 * @param ask answers each, in their order
 */
export function gathered<T, R>(ask: (batch: readonly T[]) => Promise<readonly R[]>): (one: T) => Promise<R> {
  const waiting: Waiting<T, R>[] = [];
  let sent = 0;
  let isArmed = false;

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
  const flush = (): void => {
    isArmed = false;
    while (waiting.length > 0 && sent < underWay) void send(waiting.splice(0, together));
  };
  /** At the end of the turn, when all that it brings has come. */
  const arm = (): void => {
    if (isArmed || waiting.length === 0 || sent >= underWay) return;
    isArmed = true;
    setImmediate(flush);
  };
  return (one) =>
    new Promise((resolve, reject) => {
      waiting.push({ one, resolve, reject });
      arm();
    });
}
