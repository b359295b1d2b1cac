/** What one connection may do and is answered: the bound name is its whole state. No sockets here. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { parseDn } from './dn.ts';
import type { Entries } from './entries.ts';
import {
  type Message,
  type Request,
  type Result,
  ResultCode,
  responseTag,
  writeEntry,
  writeResult,
} from './message.ts';
import { type RootDse, searchRootDse } from './root-dse.ts';

/** One answered request, for people who watch: never a password. */
export interface DirectoryEvent {
  readonly op: 'bind' | 'search' | 'extended' | 'refused';
  /** The DN that binds, or the base of a search. */
  readonly dn: string;
  readonly code: ResultCode;
  /** Entries sent. */
  readonly entries: number;
}

export interface Session {
  /** Bytes to send, or `end` after an unbind. */
  handle(message: Message): readonly Buffer[] | 'end';
}

type Bind = Extract<Request, { op: 'bind' }>;
type Search = Extract<Request, { op: 'search' }>;

export function openSession(entries: Entries, rootDse: RootDse, report: (event: DirectoryEvent) => void): Session {
  let bound = '';

  function bind(id: number, request: Bind): readonly Buffer[] {
    // Whatever comes of it, the connection is nobody's until it succeeds (RFC 4511 §4.2.1).
    bound = '';
    const result = checkBind(entries, request);
    if (result.code === ResultCode.success) bound = request.name;
    report({ op: 'bind', dn: request.name, code: result.code, entries: 0 });
    return [writeResult(id, responseTag.bind, result)];
  }

  function search(id: number, request: Search): readonly Buffer[] {
    const base = parseDn(request.base);
    const isRootDse = base?.length === 0 && request.scope === 'base';
    // Strangers learn nothing of the tree, not even which names exist.
    const hidden = bound === '' && base !== null;
    const outcome = isRootDse
      ? searchRootDse(rootDse, request)
      : hidden
        ? { code: ResultCode.noSuchObject, entries: [] }
        : entries.search(request);
    report({ op: 'search', dn: request.base, code: outcome.code, entries: outcome.entries.length });
    return [
      ...outcome.entries.map((entry) => writeEntry(id, entry.dn, entry.attributes)),
      writeResult(id, responseTag.searchDone, outcome),
    ];
  }

  function refuse(id: number, op: 'extended' | 'refused', answer: number, code: ResultCode): readonly Buffer[] {
    report({ op, dn: bound, code, entries: 0 });
    return [writeResult(id, answer, { code })];
  }

  return {
    handle({ id, request, criticalControl }) {
      switch (request.op) {
        case 'unbind':
          return 'end';
        case 'abandon':
          // Every request is answered before the next one is read, so there is nothing left to abandon.
          return [];
        case 'bind':
          return criticalControl ? refuseControl(id, responseTag.bind) : bind(id, request);
        case 'search':
          return criticalControl ? refuseControl(id, responseTag.searchDone) : search(id, request);
        case 'extended':
          return refuse(id, 'extended', responseTag.extended, ResultCode.protocolError);
        case 'refused':
          return refuse(id, 'refused', request.answer, ResultCode.unwillingToPerform);
      }
    },
  };
}

function refuseControl(id: number, answer: number): readonly Buffer[] {
  return [writeResult(id, answer, { code: ResultCode.unavailableCriticalExtension })];
}

function checkBind(entries: Entries, { version, name, password }: Bind): Result {
  if (version !== 3) return { code: ResultCode.protocolError, text: 'LDAP version 3 only' };
  if (password === 'sasl') return { code: ResultCode.authMethodNotSupported };
  if (parseDn(name) === null) return { code: ResultCode.invalidDnSyntax };
  if (name === '') return { code: password.length === 0 ? ResultCode.success : ResultCode.invalidCredentials };
  if (password.length === 0) {
    return { code: ResultCode.unwillingToPerform, text: 'a name without a password proves nothing' };
  }
  const entry = entries.find(name);
  const locked = entry?.attributes.has('pwdAccountLockedTime') ?? true;
  const known = entry?.attributes.get('userPassword')?.values ?? [];
  const right = known.some((one) => timingSafeEqual(digest(one), digest(password)));
  return { code: right && !locked ? ResultCode.success : ResultCode.invalidCredentials };
}

function digest(value: Buffer): Buffer {
  return createHash('sha256').update(value).digest();
}
