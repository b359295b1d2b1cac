/** Prints the table of resources when it changed, not more often than people can read. */
import { type StatusView, statusTable } from './status-view.ts';

export class StatusPrinter {
  readonly #status: () => StatusView;
  readonly #print: (table: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #printed = '';
  #stopped = false;

  constructor(status: () => StatusView, print: (table: string) => void) {
    this.#status = status;
    this.#print = print;
  }

  soon(): void {
    if (!this.#stopped) this.#timer ??= setTimeout(() => this.#look(), 250);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #look(): void {
    this.#timer = undefined;
    const view = this.#status();
    // At one moment in time for all: the column Age alone is no change.
    const comparable = statusTable(view, 0);
    if (comparable === this.#printed) return;
    this.#printed = comparable;
    this.#print(statusTable(view, Date.now()));
  }
}
