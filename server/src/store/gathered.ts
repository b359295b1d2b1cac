interface Waiting<T, R> {
  readonly one: T;
  readonly resolve: (answer: R) => void;
  readonly reject: (error: unknown) => void;
}

/** More of one turn are asked by several statements at once. */
const together = 64;

/**
 * What one turn of the event loop asks for is asked by one statement: a statement each would cost several times what all the
 * rest of their requests does. One that fails fails for all of them.
 *
 * @param ask answers each, in their order
 */
export function gathered<T, R>(ask: (batch: readonly T[]) => Promise<readonly R[]>): (one: T) => Promise<R> {
  let waiting: Waiting<T, R>[] = [];

  const send = async (batch: readonly Waiting<T, R>[]): Promise<void> => {
    try {
      const answers = await ask(batch.map(({ one }) => one));
      if (answers.length !== batch.length) throw new Error('not everybody was answered');
      for (const [place, answer] of answers.entries()) batch[place]?.resolve(answer);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  };
  const flush = (): void => {
    const all = waiting;
    waiting = [];
    for (let from = 0; from < all.length; from += together) void send(all.slice(from, from + together));
  };
  return (one) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(flush);
      waiting.push({ one, resolve, reject });
    });
}
