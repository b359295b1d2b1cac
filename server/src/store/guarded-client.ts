/**
 * A connection to a database that may answer anything: what cannot be read, or is too much, ends that connection and
 * nothing else. pg reads answers inside an event of the socket, where an error would end the process, and collects an
 * answer of any length.
 */
import type { Duplex } from 'node:stream';
import pg from 'pg';

export interface AnswerLimits {
  /** Of everything that comes between two statements that are sent, in bytes. */
  readonly largest: number;
  /** Of all answers together that are being collected on connections of this process with such a limit, in bytes. */
  readonly together: number;
}

/** A row, a notice or a notification takes about so much memory beside its bytes. */
const overhead = 256;
const collected = ['dataRow', 'notice', 'notification', 'parameterStatus', 'rowDescription'];

/** Bytes that are being collected on all connections with limits. */
let together = 0;

class Answer {
  readonly #limits: AnswerLimits | undefined;
  #sinceSent = 0;
  #collected = 0;

  constructor(limits: AnswerLimits | undefined) {
    this.#limits = limits;
  }

  sent(): void {
    this.#sinceSent = 0;
  }

  add(bytes: number): void {
    if (this.#limits === undefined) return;
    this.#sinceSent += bytes;
    this.#collected += bytes;
    together += bytes;
  }

  /** What was collected is handed over, or thrown away. */
  drop(): void {
    together -= this.#collected;
    this.#collected = 0;
  }

  /** Where all together are too many, small answers still come through. */
  isTooMuch(): boolean {
    if (this.#limits === undefined) return false;
    const { largest, together: most } = this.#limits;
    return this.#sinceSent > largest || (together > most && this.#collected > largest / 16);
  }
}

type Listener = (value: Buffer) => void;

interface Streaming {
  attachListeners(stream: Pick<Duplex, 'on'>): void;
}

function isStreaming(connection: object): connection is Streaming {
  return 'attachListeners' in connection && typeof connection.attachListeners === 'function';
}

function guard(connection: pg.Connection, limits: AnswerLimits | undefined): void {
  if (!isStreaming(connection)) throw new Error('pg reads answers in another way than it did');
  const answer = new Answer(limits);
  const attach = connection.attachListeners.bind(connection);
  connection.attachListeners = (stream: Duplex) => {
    const guarded = (listener: Listener) => (chunk: Buffer) => {
      if (stream.destroyed) return;
      answer.add(chunk.length);
      try {
        listener(chunk);
      } catch {
        stream.destroy(broken('the database sent what cannot be read', 'EBADMSG'));
      }
      if (answer.isTooMuch()) stream.destroy(broken('the answer of the database is too long', 'EMSGSIZE'));
    };
    stream.once('close', () => answer.drop());
    const on = (event: string, listener: Listener) => stream.on(event, event === 'data' ? guarded(listener) : listener);
    attach({ on } as Pick<Duplex, 'on'>);
  };
  if (limits === undefined) return;
  for (const event of collected) connection.on(event, () => answer.add(overhead));
  connection.on('readyForQuery', () => answer.drop());
  const query = connection.query.bind(connection);
  const bind = connection.bind.bind(connection);
  connection.query = (...args) => {
    answer.sent();
    query(...args);
  };
  connection.bind = (...args) => {
    answer.sent();
    bind(...args);
  };
}

function broken(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}

/** @param limits Default: none, for a database that is trusted */
export function guardedClient(limits?: AnswerLimits): typeof pg.Client {
  return class extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      super(config);
      guard(this.connection, limits);
    }
  };
}
