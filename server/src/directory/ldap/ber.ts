/**
 * What a directory sends, read strictly: definite lengths that fit their surroundings, nothing left over. The parser of
 * the LDAP library never returns from an attribute list whose inner lengths do not add up, so bytes from outside meet
 * this reader alone.
 */

/** These bytes are no LDAP message that we can use. */
export class MalformedAnswer extends Error {
  readonly code = 'malformed_answer';
}

/** More than one operation may bring. The bytes may be right: an entry can be that large. */
export class OversizedAnswer extends MalformedAnswer {}

export interface Element {
  readonly tag: number;
  readonly value: Buffer;
}

/** One TLV at `start`; `null` while its header is incomplete. The value need not be there yet. */
export function readHeader(
  bytes: Buffer,
  start: number,
): { readonly tag: number; readonly valueAt: number; readonly end: number } | null {
  const tag = bytes[start];
  const first = bytes[start + 1];
  if (tag === undefined || first === undefined) return null;
  // High tag numbers (X.690 §8.1.2.4) do not occur in LDAP.
  if ((tag & 0x1f) === 0x1f) throw new MalformedAnswer('a tag of several octets');
  if (first < 0x80) return { tag, valueAt: start + 2, end: start + 2 + first };
  const octets = first & 0x7f;
  if (octets === 0 || octets > 4) throw new MalformedAnswer('a length that is indefinite or too long');
  if (bytes.length < start + 2 + octets) return null;
  const valueAt = start + 2 + octets;
  return { tag, valueAt, end: valueAt + bytes.readUIntBE(start + 2, octets) };
}

/** One TLV with a definite length. */
export function writeElement(tag: number, value: Buffer): Buffer {
  const { length } = value;
  const header = length < 0x80 ? [tag, length] : [tag, 0x82, length >>> 8, length & 0xff];
  if (length > 0xffff) throw new RangeError('more than is ever sent');
  return Buffer.concat([Buffer.from(header), value]);
}

/** The elements inside one constructed value, in order. */
export class Elements {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  get nextTag(): number | undefined {
    return this.#bytes[this.#at];
  }

  /** @throws MalformedAnswer when there is none, it has another tag, or it does not fit */
  read(tag?: number): Element {
    const header = readHeader(this.#bytes, this.#at);
    if (header === null || header.end > this.#bytes.length) throw new MalformedAnswer('an element that does not fit');
    if (tag !== undefined && header.tag !== tag) throw new MalformedAnswer(`tag ${header.tag} in place of ${tag}`);
    this.#at = header.end;
    return { tag: header.tag, value: this.#bytes.subarray(header.valueAt, header.end) };
  }

  /** A whole number of 1 to 4 octets that is not negative. */
  readNumber(tag: number): number {
    const { value } = this.read(tag);
    if (value.length < 1 || value.length > 4) throw new MalformedAnswer('a number of unusual length');
    const number = value.readIntBE(0, value.length);
    if (number < 0) throw new MalformedAnswer('a negative number');
    return number;
  }

  readText(tag = 0x04): string {
    const text = textOf(this.read(tag).value);
    if (text === null) throw new MalformedAnswer('text that is no UTF-8');
    return text;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** `null` when the bytes are no UTF-8. */
export function textOf(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}
