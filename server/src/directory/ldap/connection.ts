/**
 * One LDAP connection that lives as long as its TLS connection and is never opened again behind anybody's back: a search
 * on it is bound for certain. One operation at a time; whatever goes wrong ends it.
 */
import type { Socket } from 'node:net';
import { BindRequest, type Control, type Filter, PasswordPolicyControl, SearchRequest } from 'ldapts';
import { type Answer, MessageStream, type PolicyError, type RawEntry, readAnswer } from './answers.ts';
import { MalformedAnswer } from './ber.ts';

export type LostReason = 'timeout' | 'closed' | 'malformed' | 'stopped';

/** The operation has no result, and the connection has ended. Nothing is known of what the server did. */
export class ConnectionLost extends Error {
  readonly code = 'connection_lost';
  readonly reason: LostReason;
  constructor(reason: LostReason, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.name = 'ConnectionLost';
    this.reason = reason;
  }
}

export interface BindAnswer {
  readonly code: number;
  readonly policy: PolicyError | null;
}

export interface SearchCommand {
  readonly base: string;
  readonly scope: 'base' | 'one' | 'sub';
  readonly filter: Filter;
  readonly attributes: readonly string[];
  /** The server is asked for so many entries at most; more than that is malformed. */
  readonly sizeLimit: number;
}

export interface SearchAnswer {
  readonly code: number;
  readonly entries: readonly RawEntry[];
  /** Referrals are counted and never followed. */
  readonly references: number;
}

export interface OperationLimits {
  readonly milliseconds: number;
  readonly signal: AbortSignal;
}

export interface Connection {
  /** `false` once it has ended. */
  readonly open: boolean;
  /** @throws ConnectionLost; TypeError for an empty DN or password */
  bind(dn: string, password: string, limits: OperationLimits, withPolicy?: boolean): Promise<BindAnswer>;
  /** @throws ConnectionLost; TypeError on a connection that has not bound with success */
  search(command: SearchCommand, limits: OperationLimits): Promise<SearchAnswer>;
  /** Ends it at once. */
  destroy(): void;
  /** Runs once when it ends, however that comes. */
  onEnd(listener: () => void): void;
}

/** Bytes that a server may send during one operation. */
export const bytesPerOperation = 4 * 1024 * 1024;

interface Pending {
  readonly id: number;
  /** `true`: the operation is complete. */
  take(answer: Answer): boolean;
  settle(error?: ConnectionLost): void;
}

export function openConnection(socket: Socket): Connection {
  const stream = new MessageStream(bytesPerOperation);
  const listeners: (() => void)[] = [];
  let pending: Pending | null = null;
  let open = true;
  let bound = false;
  let lastId = 0;

  const end = (reason: LostReason, detail: string, cause?: unknown) => {
    if (!open) return;
    open = false;
    bound = false;
    socket.destroy();
    const waiting = pending;
    pending = null;
    waiting?.settle(new ConnectionLost(reason, detail, { cause }));
    for (const listener of listeners.splice(0)) listener();
  };

  const receive = (answer: Answer) => {
    if (answer.kind === 'notice') return end('closed', 'the server closes the connection');
    if (pending === null || answer.id !== pending.id) throw new MalformedAnswer('an answer to no question');
    if (!pending.take(answer)) return;
    const done = pending;
    pending = null;
    done.settle();
  };

  socket.on('data', (chunk: Buffer) => {
    try {
      for (const message of stream.push(chunk)) if (open) receive(readAnswer(message));
    } catch (error) {
      if (!(error instanceof MalformedAnswer)) throw error;
      end('malformed', error.message, error);
    }
  });
  socket.on('error', (error) => end('closed', 'the connection broke', error));
  socket.on('end', () => end('closed', 'the server closed the connection'));
  socket.on('close', () => end('closed', 'the connection was closed'));
  if (socket.destroyed) end('closed', 'the connection was closed');

  const run = (message: (id: number) => Buffer, take: Pending['take'], { milliseconds, signal }: OperationLimits) =>
    new Promise<void>((resolve, reject) => {
      if (pending !== null) throw new TypeError('one operation at a time');
      if (!open) return reject(new ConnectionLost('closed', 'the connection had been closed'));
      if (signal.aborted) {
        end('stopped', 'stopped before it was asked');
        return reject(new ConnectionLost('stopped', 'stopped before it was asked'));
      }
      const timer = setTimeout(() => end('timeout', `no answer within ${milliseconds} ms`), milliseconds);
      const stopped = () => end('stopped', 'stopped while it was asked');
      signal.addEventListener('abort', stopped, { once: true });
      lastId = lastId >= 0x7fffffff ? 1 : lastId + 1;
      pending = {
        id: lastId,
        take,
        settle(error) {
          clearTimeout(timer);
          signal.removeEventListener('abort', stopped);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      stream.restart();
      socket.write(message(lastId));
    });

  return {
    get open() {
      return open;
    },
    async bind(dn, password, limits, withPolicy = false) {
      // RFC 4513 §5.1.2: with either of them empty a server may call an anonymous bind a success.
      if (dn === '' || password === '') throw new TypeError('a bind needs a name and a password');
      bound = false;
      let result: BindAnswer | null = null;
      const controls: Control[] = withPolicy ? [new PasswordPolicyControl()] : [];
      await run(
        (messageId) => new BindRequest({ messageId, dn, password, controls }).write(),
        (answer) => {
          if (answer.kind !== 'bind') throw new MalformedAnswer('no answer to a bind');
          result = { code: answer.code, policy: answer.policy };
          return true;
        },
        limits,
      );
      const answered = resultOf<BindAnswer>(result);
      bound = answered.code === 0;
      return answered;
    },
    async search(command, limits) {
      if (open && !bound) throw new TypeError('a search needs a bound connection');
      const entries: RawEntry[] = [];
      let references = 0;
      let code: number | null = null;
      await run(
        (messageId) =>
          new SearchRequest({
            messageId,
            baseDN: command.base,
            scope: command.scope,
            filter: command.filter,
            attributes: [...command.attributes],
            sizeLimit: command.sizeLimit,
            timeLimit: Math.ceil(limits.milliseconds / 1000),
          }).write(),
        (answer) => {
          if (answer.kind === 'entry') entries.push(answer.entry);
          else if (answer.kind === 'reference') references += 1;
          else if (answer.kind === 'done') code = answer.code;
          else throw new MalformedAnswer('no answer to a search');
          if (entries.length > command.sizeLimit) throw new MalformedAnswer('more entries than were asked for');
          return code !== null;
        },
        limits,
      );
      return { code: resultOf<number>(code), entries, references };
    },
    destroy: () => end('closed', 'we closed the connection'),
    onEnd(listener) {
      if (open) listeners.push(listener);
      else listener();
    },
  };
}

/** An operation that settled without an error has a result. */
function resultOf<T>(result: T | null): T {
  if (result === null) throw new TypeError('an operation ended without a result');
  return result;
}
