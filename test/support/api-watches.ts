/** The watch streams that run through an {@link ApiProxy}: silenced, ended, changed event by event. */
import type { ServerResponse } from 'node:http';
import type { ApiCall, CallMatch } from './api-call.ts';

export interface WatchEvent {
  /** `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK`, `ERROR`. */
  readonly type: string;
  // oxlint-disable-next-line no-explicit-any
  readonly object: Record<string, any>;
}

/** What becomes of one event: nothing, itself, several. */
export type EventChange = (event: WatchEvent, stream: object) => readonly WatchEvent[];

/** The event by which the API says that a watch is too old. */
export const goneEvent: WatchEvent = {
  type: 'ERROR',
  object: {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'too old resource version: 1 (2)',
    reason: 'Expired',
    code: 410,
  },
};

export class WatchStream {
  readonly call: ApiCall;
  readonly #answer: ServerResponse;
  readonly #changes: () => readonly EventChange[];
  #rest = '';
  isSilent = false;

  constructor(call: ApiCall, answer: ServerResponse, changes: () => readonly EventChange[]) {
    this.call = call;
    this.#answer = answer;
    this.#changes = changes;
  }

  /** Bytes from the API server. */
  take(chunk: Buffer): void {
    if (this.isSilent) return;
    const lines = (this.#rest + chunk.toString()).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      let events: readonly WatchEvent[] = [JSON.parse(line) as WatchEvent];
      for (const change of this.#changes()) events = events.flatMap((event) => change(event, this));
      for (const event of events) this.send(event);
    }
  }

  send(event: WatchEvent): void {
    if (!this.isSilent) this.#answer.write(`${JSON.stringify(event)}\n`);
  }

  /** As the API server ends it when its time is up. */
  end(): void {
    if (!this.isSilent) this.#answer.end();
  }
}

export class Watches {
  readonly #open = new Set<WatchStream>();

  add(stream: WatchStream): void {
    this.#open.add(stream);
  }

  remove(stream: WatchStream): void {
    this.#open.delete(stream);
  }

  /** Those that carry events, not the silent ones. */
  matching(match: CallMatch): readonly WatchStream[] {
    return [...this.#open].filter((stream) => !stream.isSilent && match(stream.call));
  }
}
