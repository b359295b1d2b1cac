/**
 * One LDAP connection that lives as long as its TLS connection and is never opened again behind anybody's back: a search
 * on it is bound for certain. One operation at a time; whatever goes wrong ends it.
 */
import type { Socket } from 'node:net';
import { BindRequest, Control, type Filter, PagedResultsControl, PasswordPolicyControl, SearchRequest } from 'ldapts';
import {
  type Answer,
  MessageStream,
  type PolicyError,
  type PolicyWarning,
  type RawEntry,
  readAnswer,
} from './answers.ts';
import { MalformedAnswer, OversizedAnswer } from './ber.ts';
import { type PasswordCommand, passwordRequest } from './password-request.ts';

/** `oversized`: a search brought more than {@link bytesPerOperation}; anything else that does is malformed. */
export type LostReason = 'timeout' | 'closed' | 'malformed' | 'oversized' | 'stopped';

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
  readonly warning: PolicyWarning | null;
  /** The server's own words, for programs alone. */
  readonly diagnostic: string;
}

export interface ModifyAnswer {
  readonly code: number;
  readonly policy: PolicyError | null;
  /** The server's own words, for programs alone. */
  readonly diagnostic: string;
}

export interface SearchCommand {
  readonly base: string;
  readonly scope: 'base' | 'one' | 'sub';
  readonly filter: Filter;
  readonly attributes: readonly string[];
  /** The server is asked for so many entries at most; what it gives over that is dropped, as if it had kept to it. */
  readonly sizeLimit: number;
  /** It is asked to name no other places where more may be (MS-ADTS §3.1.1.3.4.1.4). Default `false`. */
  readonly domainScope?: boolean;
  /** Where the server's own limit is smaller, the answer may be asked for in pages. Default `false`. */
  readonly mayBePaged?: boolean;
  /** The limit is asked for as the size of a page: the server may know no other. Default `false`. */
  readonly limitsByPage?: boolean;
}

/** A part of an answer (RFC 2696). */
export interface SearchPage {
  /** Entries at most; 0: the rest is not wanted. */
  readonly size: number;
  /** From the page before; `null`: the first. */
  readonly cookie: Buffer | null;
}

export interface SearchAnswer {
  readonly code: number;
  readonly entries: readonly RawEntry[];
  /** Referrals are counted and never followed. */
  readonly references: number;
  /** Where the next page begins; `null`: there is none. */
  readonly cookie: Buffer | null;
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
  search(command: SearchCommand, limits: OperationLimits, page?: SearchPage): Promise<SearchAnswer>;
  /**
   * Asks for a new password for the one as whom it is bound.
   *
   * @throws ConnectionLost; TypeError for an empty password, and on a connection that has not bound with success
   */
  changePassword(command: PasswordCommand, limits: OperationLimits): Promise<ModifyAnswer>;
  /** Ends it at once. */
  destroy(): void;
  /** Runs once when it ends, however that comes. */
  onEnd(listener: () => void): void;
}

/** Bytes that a server may send during one operation. */
export const bytesPerOperation = 4 * 1024 * 1024;

const domainScopeControl = '1.2.840.113556.1.4.1339';

export function openConnection(socket: Socket): Connection {
  return new LdapConnection(socket);
}

/** Takes an answer; `undefined` as long as the operation is not complete. @throws MalformedAnswer */
type Take<T> = (answer: Answer) => T | undefined;

interface Pending {
  readonly id: number;
  readonly searches: boolean;
  /** `true`: the operation is complete. */
  take(answer: Answer): boolean;
  lose(error: ConnectionLost): void;
}

class LdapConnection implements Connection {
  readonly #socket: Socket;
  readonly #stream = new MessageStream(bytesPerOperation);
  readonly #listeners: (() => void)[] = [];
  #pending: Pending | null = null;
  #open = true;
  #bound = false;
  #lastId = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#end('closed', 'the connection broke', error));
    socket.on('end', () => this.#end('closed', 'the server closed the connection'));
    socket.on('close', () => this.#end('closed', 'the connection was closed'));
    if (socket.destroyed) this.#end('closed', 'the connection was closed');
  }

  get open(): boolean {
    return this.#open;
  }

  async bind(dn: string, password: string, limits: OperationLimits, withPolicy = false): Promise<BindAnswer> {
    // RFC 4513 §5.1.2: with either of them empty a server may call an anonymous bind a success.
    if (dn === '' || password === '') throw new TypeError('a bind needs a name and a password');
    this.#bound = false;
    const controls = withPolicy ? [new PasswordPolicyControl()] : [];
    const answer = await this.#run<BindAnswer>(
      (messageId) => new BindRequest({ messageId, dn, password, controls }).write(),
      (one) => {
        if (one.kind !== 'bind') throw new MalformedAnswer('no answer to a bind');
        const { code, policy, warning, diagnostic } = one;
        return { code, policy, warning, diagnostic };
      },
      limits,
    );
    this.#bound = answer.code === 0;
    return answer;
  }

  async search(command: SearchCommand, limits: OperationLimits, page?: SearchPage): Promise<SearchAnswer> {
    if (this.#open && !this.#bound) throw new TypeError('a search needs a bound connection');
    const { base: baseDN, scope, filter, attributes, domainScope = false } = command;
    const controls = domainScope ? [new Control(domainScopeControl)] : [];
    if (page !== undefined) controls.push(pageControl(page));
    // A limit beside pages is one on all of them, which some servers then measure by their own.
    const sizeLimit = page === undefined ? command.sizeLimit : 0;
    const timeLimit = Math.ceil(limits.milliseconds / 1000);
    const what = { baseDN, scope, filter, attributes: [...attributes], sizeLimit, timeLimit, controls };
    const request = (messageId: number) => new SearchRequest({ messageId, ...what }).write();
    return this.#run(request, takeSearch(page?.size ?? sizeLimit, page !== undefined), limits, true);
  }

  async changePassword(command: PasswordCommand, limits: OperationLimits): Promise<ModifyAnswer> {
    if (this.#open && !this.#bound) throw new TypeError('a change of a password needs a bound connection');
    // RFC 3062 §2: without a new password the server makes one up.
    if (command.current === '' || command.next === '') throw new TypeError('a password cannot be empty');
    return this.#run<ModifyAnswer>(
      (messageId) => passwordRequest(messageId, command),
      (one) => {
        if (one.kind !== 'modified') throw new MalformedAnswer('no answer to a modification');
        const { code, policy, diagnostic } = one;
        return { code, policy, diagnostic };
      },
      limits,
    );
  }

  destroy(): void {
    this.#end('closed', 'we closed the connection');
  }

  onEnd(listener: () => void): void {
    if (this.#open) this.#listeners.push(listener);
    else listener();
  }

  #run<T>(
    request: (id: number) => Buffer,
    take: Take<T>,
    { milliseconds, signal }: OperationLimits,
    searches = false,
  ): Promise<T> {
    if (this.#pending !== null) return Promise.reject(new TypeError('one operation at a time'));
    if (signal.aborted) this.#end('stopped', 'stopped before it was asked');
    if (!this.#open) return Promise.reject(new ConnectionLost('closed', 'the connection had been closed'));
    const id = this.#nextId();
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => this.#end('timeout', `no answer within ${milliseconds} ms`), milliseconds);
      const stopped = () => this.#end('stopped', 'stopped while it was asked');
      signal.addEventListener('abort', stopped, { once: true });
      const settled = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', stopped);
      };
      this.#pending = {
        id,
        searches,
        take(answer) {
          const value = take(answer);
          if (value === undefined) return false;
          settled();
          resolve(value);
          return true;
        },
        lose(error) {
          settled();
          reject(error);
        },
      };
      this.#stream.restart();
      this.#socket.write(request(id));
    });
  }

  #nextId(): number {
    this.#lastId = this.#lastId >= 0x7fffffff ? 1 : this.#lastId + 1;
    return this.#lastId;
  }

  #receive(chunk: Buffer): void {
    try {
      for (const message of this.#stream.push(chunk)) if (this.#open) this.#take(readAnswer(message));
    } catch (error) {
      if (!(error instanceof MalformedAnswer)) throw error;
      const oversized = error instanceof OversizedAnswer && this.#pending?.searches === true;
      this.#end(oversized ? 'oversized' : 'malformed', error.message, error);
    }
  }

  #take(answer: Answer): void {
    if (answer.kind === 'notice') return this.#end('closed', 'the server closes the connection');
    if (this.#pending?.id !== answer.id) throw new MalformedAnswer('an answer to no question');
    if (this.#pending.take(answer)) this.#pending = null;
  }

  #end(reason: LostReason, detail: string, cause?: unknown): void {
    if (!this.#open) return;
    this.#open = false;
    this.#bound = false;
    this.#socket.destroy();
    const waiting = this.#pending;
    this.#pending = null;
    waiting?.lose(new ConnectionLost(reason, detail, { cause }));
    for (const listener of this.#listeners.splice(0)) listener();
  }
}

/** Critical: a server that knows no pages must say so, and not answer as if it had not been asked for them. */
function pageControl({ size, cookie }: SearchPage): Control {
  const value = { size, ...(cookie === null ? {} : { cookie }) };
  return new PagedResultsControl({ critical: true, value });
}

/** Some servers (Samba) give everything, whatever the limit: what is over it is cut off here. All of them keep to pages. */
function takeSearch(limit: number, isPage: boolean): Take<SearchAnswer> {
  const entries: RawEntry[] = [];
  let [references, isCut] = [0, false];
  return (answer) => {
    switch (answer.kind) {
      case 'entry':
        if (entries.length < limit) entries.push(answer.entry);
        else if (isPage) throw new MalformedAnswer('more entries than were asked for');
        else isCut = true;
        return undefined;
      case 'reference':
        references += 1;
        return undefined;
      case 'done':
        // As sizeLimitExceeded (RFC 4511 appendix A.1).
        return { code: answer.code || (isCut ? 4 : 0), entries, references, cookie: answer.cookie ?? null };
      case 'bind':
      case 'modified':
      case 'notice':
        throw new MalformedAnswer('no answer to a search');
    }
  };
}
