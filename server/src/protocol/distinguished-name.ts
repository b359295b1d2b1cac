/**
 * PURE. Distinguished names as values (RFC 4514): read strictly, compared part by part, never as text. What a directory
 * returns is read here with the same distrust as what a resource says.
 */

/** One `type=value` of an RDN; the type in lower case, the value without escapes. */
export interface NamePart {
  readonly type: string;
  readonly value: string;
}

/** RDNs from the entry up to the root; an RDN may have several parts. */
export type DistinguishedName = readonly (readonly NamePart[])[];

const longest = 1024;
const attributeType = /^(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)$/;

/** `null` when the text is no DN or longer than 1 KiB. The empty text is the root's name. */
export function parseDn(text: string): DistinguishedName | null {
  if (text.length > longest) return null;
  const rdns: NamePart[][] = [];
  let at = 0;
  while (at < text.length) {
    const rdn: NamePart[] = [];
    for (;;) {
      const part = readPart(text, at);
      if (part === null) return null;
      rdn.push({ type: part.type, value: part.value });
      at = part.end;
      if (text[at] !== '+') break;
      at += 1;
    }
    rdns.push(rdn);
    if (at === text.length) return rdns;
    // readPart stops at `,` or `+` only; a name that ends in a comma lacks an RDN.
    at += 1;
    if (at === text.length) return null;
  }
  return rdns;
}

function readPart(text: string, start: number): (NamePart & { readonly end: number }) | null {
  const equals = text.indexOf('=', start);
  if (equals === -1) return null;
  const type = text.slice(start, equals).trim();
  if (!attributeType.test(type)) return null;
  const value = readValue(text, equals + 1);
  return value === null ? null : { type: type.toLowerCase(), ...value };
}

function readValue(text: string, start: number): { readonly value: string; readonly end: number } | null {
  const bytes: number[] = [];
  let at = start;
  while (text[at] === ' ') at += 1;
  if (text[at] === '#') return readHexValue(text, at + 1);
  // Unescaped spaces at the end belong to the separator.
  let solid = 0;
  for (; at < text.length && text[at] !== ',' && text[at] !== '+'; at += 1) {
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
    if (/["<>;\0]/.test(character)) return null;
    if (character !== '\\') {
      bytes.push(...Buffer.from(character));
      at += character.length - 1;
      if (character !== ' ') solid = bytes.length;
      continue;
    }
    const hex = /^[\dA-Fa-f]{2}/.exec(text.slice(at + 1, at + 3))?.[0];
    const plain = /^[ "#+,;<=>\\]/.exec(text.slice(at + 1, at + 2))?.[0];
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else if (plain !== undefined) bytes.push(plain.charCodeAt(0));
    else return null;
    at += hex === undefined ? 1 : 2;
    solid = bytes.length;
  }
  const value = strictText(Buffer.from(bytes.slice(0, solid)));
  return value === null ? null : { value, end: at };
}

/** `#` and hex: the BER of a value. It is kept as it is, so it equals only itself. */
function readHexValue(text: string, start: number): { readonly value: string; readonly end: number } | null {
  const hex = /^(?:[\dA-Fa-f]{2})+(?= *(?:[,+]|$))/.exec(text.slice(start))?.[0];
  if (hex === undefined) return null;
  let end = start + hex.length;
  while (text[end] === ' ') end += 1;
  return { value: `#${hex.toLowerCase()}`, end };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** `null`: no UTF-8, or NUL in it, which nothing of ours can keep. */
function strictText(bytes: Uint8Array): string | null {
  if (bytes.includes(0)) return null;
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}

/** Names and values without regard to case, as directories compare them by default (RFC 4518 §2: map, normalise, spaces). */
export function foldText(text: string): string {
  return text.normalize('NFKC').toLowerCase().normalize('NFKC').replaceAll(/\s+/g, ' ').trim();
}

const folded = (rdn: readonly NamePart[]): string =>
  JSON.stringify(
    rdn.map(({ type, value }) => [type, foldText(value)]).sort((a, b) => (a.join('=') < b.join('=') ? -1 : 1)),
  );

export function sameDn(one: DistinguishedName, other: DistinguishedName): boolean {
  return one.length === other.length && one.every((rdn, index) => folded(rdn) === folded(other[index] ?? []));
}

/** Without any of these a name is written in one way only, but for the case of its letters. */
const writtenInManyWays = /[\\"#+;]|\s[,=]|[,=]\s|^\s|\s$/;

/** The same text for names that {@link sameDn} calls the same, for looking one up among many; of other text, {@link foldText}. */
export function foldDn(text: string): string {
  const name = writtenInManyWays.test(text) ? parseDn(text) : null;
  if (name === null) return foldText(text);
  const written = ({ type, value }: NamePart) => `${type}=${foldText(value).replaceAll(/[\\,+]/g, '\\$&')}`;
  return name.map((rdn) => rdn.map(written).toSorted().join('+')).join(',');
}

/** Whether `name` is `base` or stands below it. */
export function isUnder(name: DistinguishedName, base: DistinguishedName): boolean {
  return name.length >= base.length && sameDn(name.slice(name.length - base.length), base);
}
