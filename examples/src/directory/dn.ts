/** Distinguished names (RFC 4514) in the one form in which they are compared: lower case, spaces squeezed, escapes undone. */

const longest = 1024;

/** Compared without regard to case, width and runs of spaces (RFC 4518, as far as a sample needs it). */
export function foldText(value: string): string {
  return value.normalize('NFKC').toLowerCase().trim().replaceAll(/\s+/gu, ' ');
}

/**
 * The comparable parts of a DN, leaf first; the root is `[]`. `null`: no DN (RFC 4514 §3), or longer than 1024 characters.
 * Quoted and `#hex` values are refused: nothing here writes them.
 */
export function parseDn(text: string): readonly string[] | null {
  if (text.length > longest) return null;
  if (text.trim() === '') return [];
  const parts: string[] = [];
  for (const rdn of splitUnescaped(text, ',')) {
    const pairs: string[] = [];
    for (const pair of splitUnescaped(rdn, '+')) {
      const match = /^\s*([a-z][a-z0-9-]*|\d+(?:\.\d+)+)\s*=(.*)$/is.exec(pair);
      const value = match === null ? null : unescapeValue(match[2] ?? '');
      if (match === null || value === null || value === '') return null;
      pairs.push(`${(match[1] ?? '').toLowerCase()}=${foldText(value)}`);
    }
    // The comma is escaped again, so that two different names never become one text.
    parts.push(
      pairs
        .map((pair) => pair.replaceAll(/[\\,+]/g, '\\$&'))
        .sort()
        .join('+'),
    );
  }
  return parts;
}

/** One comparable text of a DN, or `null` where {@link parseDn} says so. */
export function foldDn(text: string): string | null {
  return parseDn(text)?.join(',') ?? null;
}

function splitUnescaped(text: string, separator: ',' | '+'): readonly string[] {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === separator) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

function unescapeValue(text: string): string | null {
  const raw = text.trimStart().replace(/(?<!\\) +$/, '');
  if (raw.startsWith('#') || /(^|[^\\])["<>;]/.test(raw)) return null;
  const bytes: Buffer[] = [];
  for (let at = 0; at < raw.length; at += 1) {
    if (raw[at] !== '\\') {
      const plain = /^[^\\]+/.exec(raw.slice(at))?.[0] ?? '';
      bytes.push(Buffer.from(plain));
      at += plain.length - 1;
      continue;
    }
    const hex = /^[0-9a-f]{2}/i.exec(raw.slice(at + 1))?.[0];
    const special = raw[at + 1];
    if (hex !== undefined) bytes.push(Buffer.from(hex, 'hex'));
    else if (special !== undefined && ' "#+,;<=>\\'.includes(special)) bytes.push(Buffer.from(special));
    else return null;
    at += hex === undefined ? 1 : 2;
  }
  return Buffer.concat(bytes).toString('utf8');
}
