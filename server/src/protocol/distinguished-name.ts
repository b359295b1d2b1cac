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

/** `null` when the text is no DN or has more than `most` characters. The empty text is the root's name. */
export function parseDn(text: string, most = longest): DistinguishedName | null {
  if (text.length > most) return null;
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

/**
 * Names and values that somebody may take for the same, more widely than any directory: without case, whatever Unicode has for a
 * space as one. For what may be too wide; whether a group is the one meant is asked of the two below.
 */
export function foldText(text: string): string {
  return text.normalize('NFKC').toLowerCase().normalize('NFKC').replaceAll(/\s+/g, ' ').trim();
}

/** Letters whose case every directory knows, however old its tables: newer ones it holds apart that Unicode no longer does. */
const cased =
  /[A-Z\u00C0-\u012F\u0132-\u017D\u01A0\u01AF\u01CD-\u01DB\u0386-\u03AB\u0401-\u040C\u040E-\u042F\u0490-\u04BF\u0531-\u0556\u1E00-\u1E94\u1EA0-\u1EF8\uFF21-\uFF3A]/gu;

/**
 * As directories compare them that prepare nothing: without the case of letters. What looks alike and is written with other characters
 * (full width, ligatures, the sign for kelvin, letter and accent apart, any space beside a space) is something else.
 */
export function foldCase(text: string): string {
  return text.replaceAll(cased, (letter) => letter.toLowerCase());
}

/** What is prepared alike by tables of any age: the letters above with their accents, signs of Latin-1, spaces, ligatures, full width. */
const prepared =
  /[\u0300-\u0345\0-\u012F\u0131-\u017F\u01A0\u01A1\u01AF\u01B0\u01CD-\u01DC\u0386-\u03CE\u0401-\u040C\u040E-\u044F\u0451-\u045C\u045E\u045F\u0490-\u04BF\u0531-\u0556\u0561-\u0586\u1E00-\u1E99\u1EA0-\u1EF9\u2000-\u200A\u202F\u205F\u212A\u212B\u3000\uFB00-\uFB06\uFF01-\uFF5E]+/gu;

/**
 * As OpenLDAP prepares them (RFC 4518 §2): letters in lower case one by one, then NFKC, then spaces. A tab and whatever else is no
 * space after NFKC stays, and so does what came into Unicode later than its tables.
 */
export function foldPrepared(text: string): string {
  const prepare = (run: string) =>
    Array.from(run, (letter) => letter.toLowerCase())
      .join('')
      .normalize('NFKC');
  return text.replaceAll(prepared, prepare).replaceAll(/ +/g, ' ').replaceAll(/^ | $/g, '');
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
