/** LDAP messages (RFC 4511 §4): requests read into values, answers written. */
import { BerWriter } from 'ldapts';
import { elementsOf, MalformedMessage, readElement, readNumber } from './element.ts';
import { type Filter, readFilter } from './filter.ts';

/** The codes of RFC 4511 appendix A that this directory answers with. */
export const ResultCode = {
  success: 0,
  protocolError: 2,
  sizeLimitExceeded: 4,
  authMethodNotSupported: 7,
  unavailableCriticalExtension: 12,
  noSuchObject: 32,
  invalidDnSyntax: 34,
  invalidCredentials: 49,
  insufficientAccessRights: 50,
  unwillingToPerform: 53,
} as const;
export type ResultCode = (typeof ResultCode)[keyof typeof ResultCode];

export interface SearchRequest {
  readonly op: 'search';
  readonly base: string;
  readonly scope: 'base' | 'one' | 'sub' | 'children';
  /** Entries; 0: as many as the server allows. */
  readonly sizeLimit: number;
  readonly typesOnly: boolean;
  readonly filter: Filter;
  readonly attributes: readonly string[];
}

export type Request =
  | { readonly op: 'bind'; readonly version: number; readonly name: string; readonly password: Buffer | 'sasl' }
  | SearchRequest
  | { readonly op: 'unbind' }
  | { readonly op: 'abandon' }
  | { readonly op: 'extended'; readonly name: string }
  /** Understood as an operation, offered by nobody here (writes, compare). */
  | { readonly op: 'refused'; readonly answer: number };

export interface Message {
  readonly id: number;
  readonly request: Request;
  /** A control marked critical came along; none is implemented. */
  readonly criticalControl: boolean;
}

/** Answers of the operations that are refused, by the tag of the request: modify, add, delete, rename, compare. */
const refused: Readonly<Record<number, number>> = { 0x66: 0x67, 0x68: 0x69, 0x4a: 0x6b, 0x6c: 0x6d, 0x6e: 0x6f };
const scopes = ['base', 'one', 'sub', 'children'] as const;

/** @throws MalformedMessage (or an error of the BER reader) for anything else than one whole LDAPMessage. */
export function readMessage(frame: Buffer): Message {
  const outer = elementsOf(readElement(elementsOf(frame), 0x30).value);
  const id = readNumber(outer, 0x02);
  const { tag, value } = readElement(outer);
  const request = readRequest(tag, value);
  const criticalControl = outer.remain > 0 && hasCriticalControl(readElement(outer, 0xa0).value);
  return { id, request, criticalControl };
}

function readRequest(tag: number, content: Buffer): Request {
  switch (tag) {
    case 0x60: {
      const reader = elementsOf(content);
      const version = readNumber(reader, 0x02);
      const name = readElement(reader, 0x04).value.toString('utf8');
      const how = readElement(reader);
      if (how.tag !== 0x80 && how.tag !== 0xa3) throw new MalformedMessage('unknown kind of authentication');
      return { op: 'bind', version, name, password: how.tag === 0x80 ? how.value : 'sasl' };
    }
    case 0x42:
      return { op: 'unbind' };
    case 0x50:
      return { op: 'abandon' };
    case 0x63:
      return readSearch(content);
    case 0x77:
      return { op: 'extended', name: readElement(elementsOf(content), 0x80).value.toString('utf8') };
    default: {
      const answer = refused[tag];
      if (answer === undefined) throw new MalformedMessage(`no request has tag 0x${tag.toString(16)}`);
      return { op: 'refused', answer };
    }
  }
}

function readSearch(content: Buffer): SearchRequest {
  const reader = elementsOf(content);
  const base = readElement(reader, 0x04).value.toString('utf8');
  const scope = scopes[readNumber(reader, 0x0a)];
  if (scope === undefined) throw new MalformedMessage('unknown search scope');
  if (readNumber(reader, 0x0a) > 3) throw new MalformedMessage('unknown alias rule');
  const sizeLimit = readNumber(reader, 0x02);
  readNumber(reader, 0x02); // the time limit: no search here takes a second
  const typesOnly = readElement(reader, 0x01).value[0] !== 0;
  const filter = readFilter(reader);
  const list = elementsOf(readElement(reader, 0x30).value);
  const attributes: string[] = [];
  while (list.remain > 0) attributes.push(readElement(list, 0x04).value.toString('utf8'));
  return { op: 'search', base, scope, sizeLimit, typesOnly, filter, attributes };
}

function hasCriticalControl(content: Buffer): boolean {
  const controls = elementsOf(content);
  let critical = false;
  while (controls.remain > 0) {
    const control = elementsOf(readElement(controls, 0x30).value);
    readElement(control, 0x04);
    if (control.peek() === 0x01 && readElement(control).value[0] !== 0) critical = true;
  }
  return critical;
}

export interface Result {
  readonly code: ResultCode;
  /** The nearest entry that exists, where the base does not (RFC 4511 §4.1.9). */
  readonly matchedDn?: string;
  /** For people who debug; says nothing about passwords or existence. */
  readonly text?: string;
}

export const responseTag = { bind: 0x61, searchDone: 0x65, extended: 0x78 } as const;

export function writeResult(id: number, tag: number, result: Result): Buffer {
  return write(id, (writer) => {
    writer.startSequence(tag);
    writer.writeEnumeration(result.code);
    writer.writeString(result.matchedDn ?? '');
    writer.writeString(result.text ?? '');
    writer.endSequence();
  });
}

/** Notice of Disconnection (RFC 4511 §4.4.1): the last message on a connection that broke the protocol. */
export function writeDisconnection(): Buffer {
  return write(0, (writer) => {
    writer.startSequence(responseTag.extended);
    writer.writeEnumeration(ResultCode.protocolError);
    writer.writeString('');
    writer.writeString('this is no LDAP');
    writer.writeString('1.3.6.1.4.1.1466.20036', 0x8a);
    writer.endSequence();
  });
}

export interface SentAttribute {
  readonly name: string;
  readonly values: readonly Buffer[];
}

export function writeEntry(id: number, dn: string, attributes: readonly SentAttribute[]): Buffer {
  return write(id, (writer) => {
    writer.startSequence(0x64);
    writer.writeString(dn);
    writer.startSequence();
    for (const { name, values } of attributes) {
      writer.startSequence();
      writer.writeString(name);
      writer.startSequence(0x31);
      for (const value of values) writer.writeBuffer(value, 0x04);
      writer.endSequence();
      writer.endSequence();
    }
    writer.endSequence();
    writer.endSequence();
  });
}

function write(id: number, body: (writer: BerWriter) => void): Buffer {
  const writer = new BerWriter();
  writer.startSequence();
  writer.writeInt(id);
  body(writer);
  writer.endSequence();
  return Buffer.from(writer.buffer);
}
