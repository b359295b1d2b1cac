/**
 * When a folder is looked at: on each hint of the file system, after a writer had time to settle, and every few seconds
 * all the same, because a hint can be lost (network mounts, a full inotify queue). One look at a time.
 */
import { watch } from 'chokidar';
import type { FolderReader, Scan } from './folder-reader.ts';

export interface FolderWatchOptions {
  readonly folder: string;
  readonly reader: Pick<FolderReader, 'scan'>;
  /** Handles one look. May ask for another one in so many milliseconds. A rejection is told to `onError` and tried again. */
  onScan(scan: Scan): Promise<{ readonly lookAgainIn?: number }>;
  onError(error: unknown): void;
  /** Milliseconds between looks without a hint. Default 2000. */
  readonly interval?: number;
}

/** From the first hint to the look: an editor's save is several events. */
const gather = 20;
/** A file that is being written is looked at again after this. */
const settleAgain = 60;
const retryAfterError = 1000;
/** A file that is written without a pause does not hold up the start for longer. */
const longestStart = 2000;

export class FolderWatch {
  readonly #options: FolderWatchOptions;
  #watcher: ReturnType<typeof watch> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #due = Number.POSITIVE_INFINITY;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(options: FolderWatchOptions) {
    this.#options = options;
  }

  /** Looks until nothing is being written, then goes on by itself. Rejects when a first look fails. */
  async start(): Promise<void> {
    const watcher = watch(this.#options.folder, {
      ignoreInitial: true,
      followSymlinks: false,
      ignored: (path) => path !== this.#options.folder && /(^|[/\\])\.[^/\\]*$/.test(path),
    });
    this.#watcher = watcher;
    watcher.on('all', () => this.lookSoon());
    watcher.on('error', (error) => this.#options.onError(error));
    // Looking before the watcher is armed would miss a change in between.
    await new Promise<void>((resolve) => watcher.once('ready', resolve));
    const first = this.#firstLooks();
    this.#running = first.then(
      () => undefined,
      () => undefined,
    );
    this.#plan(await first);
  }

  async #firstLooks(): Promise<number> {
    const deadline = performance.now() + longestStart;
    let look = await this.#look();
    // What a process before this one wrote a moment ago must not count as absent.
    while (look.settling && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, settleAgain));
      look = await this.#look();
    }
    return look.lookAgainIn;
  }

  /** Looks again at the next occasion. */
  lookSoon(delay: number = gather): void {
    if (this.#stopped) return;
    const due = performance.now() + delay;
    if (due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#due = Number.POSITIVE_INFINITY;
      this.#running = (this.#running ?? Promise.resolve()).then(() => this.#again());
    }, delay);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#watcher?.close();
    await this.#running;
  }

  async #again(): Promise<void> {
    if (this.#stopped) return;
    try {
      const { lookAgainIn } = await this.#look();
      this.#plan(lookAgainIn);
    } catch (error) {
      this.#options.onError(error);
      this.lookSoon(retryAfterError);
    }
  }

  async #look(): Promise<{ readonly lookAgainIn: number; readonly settling: boolean }> {
    const scan = await this.#options.reader.scan();
    const result = await this.#options.onScan(scan);
    const settling = scan.files.some((file) => file.state === 'settling');
    const none = Number.POSITIVE_INFINITY;
    return { lookAgainIn: Math.min(settling ? settleAgain : none, result.lookAgainIn ?? none), settling };
  }

  #plan(lookAgainIn: number): void {
    this.lookSoon(Math.min(lookAgainIn, this.#options.interval ?? 2000));
  }
}
