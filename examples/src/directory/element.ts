/** One BER element at a time, each bounded by the one around it. `ldapts` reads tags and lengths but trusts both. */
import { BerReader } from 'ldapts';

/** The peer sent what is no LDAP: the connection ends, nothing else. */
export class MalformedMessage extends Error {
  readonly code = 'malformed_message';
}

export interface Element {
  readonly tag: number;
  readonly value: Buffer;
}

export function elementsOf(content: Buffer): BerReader {
  return new BerReader(content);
}

/** @throws MalformedMessage when there is none, when it leaves the bytes around it, or when its tag is not `expected`. */
export function readElement(reader: BerReader, expected?: number): Element {
  const tag = reader.peek();
  if (tag === null) throw new MalformedMessage('an element is missing');
  if (expected !== undefined && tag !== expected) {
    throw new MalformedMessage(`expected tag 0x${expected.toString(16)}, found 0x${tag.toString(16)}`);
  }
  const value = reader.readString(tag, true);
  // A four byte length with its top bit set comes out negative, and would send the reader backwards.
  if (value === null || reader.length < 0 || value.length !== reader.length) {
    throw new MalformedMessage('a length leaves the message');
  }
  return { tag, value };
}

/** An INTEGER or ENUMERATED of at most four bytes, not negative (RFC 4511 §4: 0 to 2³¹−1). */
export function readNumber(reader: BerReader, tag: 0x02 | 0x0a): number {
  const { value } = readElement(reader, tag);
  if (value.length < 1 || value.length > 4) throw new MalformedMessage('a number of unusual size');
  const number = value.readIntBE(0, value.length);
  if (number < 0) throw new MalformedMessage('a negative number');
  return number;
}
