/**
 * PURE. DER (X.690 §10), read as strictly as certificates need it: definite lengths in their shortest form, nothing left
 * over. What a stranger sends is read here before anything of it is believed.
 */

export interface DerElement {
  /** The identifier octet; tags above 30 are not read. */
  readonly tag: number;
  readonly content: Uint8Array;
}

/** @throws RangeError when the bytes are not exactly one element */
export function readDer(bytes: Uint8Array): DerElement {
  const { element, end } = elementAt(bytes, 0);
  if (end !== bytes.length) throw malformed();
  return element;
}

/** What a constructed element holds. @throws RangeError */
export function elementsIn({ content }: DerElement): readonly DerElement[] {
  const elements: DerElement[] = [];
  for (let at = 0; at < content.length; ) {
    const { element, end } = elementAt(content, at);
    elements.push(element);
    at = end;
  }
  return elements;
}

/** @throws RangeError unless the element has that tag */
export function expectTag(element: DerElement | undefined, tag: number): DerElement {
  if (element?.tag !== tag) throw malformed();
  return element;
}

/** An OBJECT IDENTIFIER with dots. @throws RangeError */
export function objectIdentifier(element: DerElement | undefined): string {
  const { content } = expectTag(element, 0x06);
  const arcs: bigint[] = [];
  let arc = 0n;
  let begins = true;
  for (const [index, byte] of content.entries()) {
    if (begins && byte === 0x80) throw malformed();
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    begins = byte < 0x80;
    if (!begins && index === content.length - 1) throw malformed();
    if (!begins) continue;
    arcs.push(arc);
    arc = 0n;
  }
  const [first, ...rest] = arcs;
  if (first === undefined) throw malformed();
  const root = first < 80n ? first / 40n : 2n;
  return [root, first - root * 40n, ...rest].join('.');
}

function elementAt(bytes: Uint8Array, at: number): { readonly element: DerElement; readonly end: number } {
  const tag = bytes[at];
  const short = bytes[at + 1];
  if (tag === undefined || short === undefined || (tag & 0x1f) === 0x1f) throw malformed();
  let length = short;
  let start = at + 2;
  if (short >= 0x80) {
    const count = short & 0x7f;
    // Certificates are far below 16 MiB; a zero count is an indefinite length.
    if (count === 0 || count > 3 || start + count > bytes.length) throw malformed();
    length = bytes.subarray(start, start + count).reduce((sum, byte) => sum * 256 + byte, 0);
    if (length < 0x80 || length < 256 ** (count - 1)) throw malformed();
    start += count;
  }
  const end = start + length;
  if (end > bytes.length) throw malformed();
  return { element: { tag, content: bytes.subarray(start, end) }, end };
}

function malformed(): RangeError {
  return new RangeError('not DER');
}
