/** An abort signal with a time limit that can be pushed on, and the caller's own signal behind it. */
import { ApiUnavailable } from './kubernetes-api.ts';

export class Deadline {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #outer: AbortSignal | undefined;
  readonly #onOuter = (): void => this.#controller.abort(new ApiUnavailable('given up'));

  /** `says`: why, when the time is up. */
  constructor(outer: AbortSignal | undefined, milliseconds: number, says: string) {
    this.#outer = outer;
    this.#timer = setTimeout(() => this.#controller.abort(new ApiUnavailable(says)), milliseconds);
    if (outer?.aborted === true) this.#onOuter();
    else outer?.addEventListener('abort', this.#onOuter, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The whole time again, from now. */
  renew(): void {
    this.#timer.refresh();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#onOuter);
  }

  /** For what knows no signal: it goes on, but nobody waits for it. */
  async race<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    // Before anything is thrown: nobody else would hear of its failure.
    work.catch(() => undefined);
    signal.throwIfAborted();
    let onAbort: (() => void) | undefined;
    const aborted = new Promise<never>((_resolve, reject) => {
      onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
    });
    try {
      return await Promise.race([work, aborted]);
    } finally {
      if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
    }
  }
}
