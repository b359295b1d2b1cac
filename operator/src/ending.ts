/** How the process ends: a code and a sentence, after a signal or a surprise. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '@nauthera/server/log';

/** Ends the program with this code after one line on standard error. */
export class Exit extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** A surprise ends the process: what it left half done is unknown. A second for what is in flight and for the log's reader. */
export function exitOnSurprises(log: Log, end: Ending): void {
  const surprise = (error: unknown): void => {
    log.error('unexpected error, the process ends', sketchOf(error));
    end.now(new Exit(1, 'an unexpected error ends this process'));
    setTimeout(() => process.exit(1), 1000);
  };
  process.on('unhandledRejection', surprise);
  process.on('uncaughtException', surprise);
}

/** Of a stranger's error its kind and where it was: its message may hold a URL or a row. */
export function sketchOf(error: unknown): { readonly 'error.type': string; readonly 'error.stack'?: string } {
  if (!(error instanceof Error)) return { 'error.type': typeof error };
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line)) ?? [];
  const type = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return { 'error.type': type, ...(frames.length === 0 ? {} : { 'error.stack': frames.slice(0, 12).join('\n') }) };
}

interface Stoppable {
  stop(): Promise<void>;
}

/** Waits for a signal; a second one exits at once. */
export class Ending {
  #resolve: (reason: Exit | undefined) => void = () => undefined;
  readonly #ended = new Promise<Exit | undefined>((resolve) => {
    this.#resolve = resolve;
  });

  constructor() {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        for (const again of ['SIGTERM', 'SIGINT'] as const) process.on(again, () => process.exit(130));
        this.#resolve(undefined);
      });
    }
  }

  now(reason: Exit): void {
    this.#resolve(reason);
  }

  /** What has started, unless the end comes first: a start may wait a minute for its database, and nobody else should. */
  async unless<T extends Stoppable>(starting: Promise<T>): Promise<T> {
    const ended = this.#ended.then((reason) => ({ reason }));
    const first = await Promise.race([starting, ended]);
    if (!('reason' in first)) return first;
    console.error('stopping');
    // Whatever was half done is done again by the next start.
    const stopped = starting.then((started) => started.stop()).catch(() => undefined);
    await Promise.race([stopped, sleep(2000)]);
    if (first.reason !== undefined) console.error(first.reason.message);
    process.exit(first.reason?.code ?? 0);
  }

  /** @param tell says that it stops */
  async wait(started: Stoppable, tell: () => void): Promise<void> {
    const reason = await this.#ended;
    tell();
    await started.stop();
    if (reason !== undefined) throw reason;
  }
}
