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

/** Neither escaped nor anything that ends or spoils a value. */
const plainRun = /[^\\,+"<>;\0]+/y;
const hexRun = /(?:\\[\dA-Fa-f]{2})+/y;
const escapedCharacter = /\\[ "#+,;<=>\\]/y;

function readValue(text: string, start: number): { readonly value: string; readonly end: number } | null {
  let at = start;
  while (text[at] === ' ') at += 1;
  if (text[at] === '#') return readHexValue(text, at + 1);
  let value = '';
  // Unescaped spaces at the end belong to the separator.
  let solid = 0;
  while (at < text.length && text[at] !== ',' && text[at] !== '+') {
    const isEscaped = text[at] === '\\';
    const run = isEscaped ? runAt(hexRun, text, at) || runAt(escapedCharacter, text, at) : runAt(plainRun, text, at);
    const read = isEscaped ? unescaped(run) : run.toWellFormed();
    if (run === '' || read === null) return null;
    value += read;
    at += run.length;
    if (isEscaped) solid = value.length;
    else for (let end = value.length; end > solid; end -= 1) if (value[end - 1] !== ' ') solid = end;
  }
  return { value: value.slice(0, solid), end: at };
}

function unescaped(run: string): string | null {
  return /^\\[\dA-Fa-f]/.test(run) ? strictText(Buffer.from(run.replaceAll('\\', ''), 'hex')) : run.slice(1);
}

function runAt(run: RegExp, text: string, at: number): string {
  run.lastIndex = at;
  return run.exec(text)?.[0] ?? '';
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

/**
 * As directories compare them that prepare nothing: without the case of letters that have two. What looks alike and is written with
 * other characters (full width, ligatures, the sign for kelvin, letter and accent apart) is something else.
 */
export function foldCase(text: string): string {
  const lower = (letter: string) => (letter.toLowerCase().toUpperCase() === letter ? letter.toLowerCase() : letter);
  return Array.from(text, lower).join('').replaceAll(/ +/g, ' ').trim();
}

/** Texts are the same where what it makes of them is. */
export type Fold = (text: string) => string;

const folded = (rdn: readonly NamePart[], fold: Fold): string =>
  JSON.stringify(
    rdn.map(({ type, value }) => [type, fold(value)]).sort((a, b) => (a.join('=') < b.join('=') ? -1 : 1)),
  );

export function sameDn(one: DistinguishedName, other: DistinguishedName, fold: Fold = foldText): boolean {
  const isSame = (rdn: readonly NamePart[], index: number) => folded(rdn, fold) === folded(other[index] ?? [], fold);
  return one.length === other.length && one.every(isSame);
}

/** Whether `name` is `base` or stands below it. */
export function isUnder(name: DistinguishedName, base: DistinguishedName, fold: Fold = foldText): boolean {
  return name.length >= base.length && sameDn(name.slice(name.length - base.length), base, fold);
}
