/** Reads LDIF content records (RFC 2849): comments, folded lines, base64. Change records and URLs are refused. */

export interface LdifEntry {
  readonly dn: string;
  /** In the order of the file; a name may repeat. */
  readonly attributes: readonly { readonly name: string; readonly value: Buffer }[];
}

const largest = 1024 * 1024;
/** An entry fits into one answer whose BER length takes two bytes. */
const largestEntry = 32 * 1024;

/** @throws Error naming the line, when the text is no LDIF or larger than 1 MiB (an entry: 32 KiB). */
export function readLdif(text: string): readonly LdifEntry[] {
  if (text.length > largest) throw new Error('LDIF: larger than 1 MiB');
  const entries: LdifEntry[] = [];
  let open: { dn: string; attributes: { name: string; value: Buffer }[] } | undefined;
  for (const { line, number } of unfold(text)) {
    if (line === '') {
      if (open !== undefined) entries.push(open);
      open = undefined;
      continue;
    }
    const { name, value } = readLine(line, number);
    if (name === 'version' && open === undefined) continue;
    if (name === 'dn') {
      if (open !== undefined) throw new Error(`LDIF line ${number}: dn inside an entry; an empty line ends one`);
      open = { dn: value.toString('utf8'), attributes: [] };
      continue;
    }
    if (open === undefined) throw new Error(`LDIF line ${number}: an entry begins with dn:`);
    if (name === 'changetype') throw new Error(`LDIF line ${number}: change records are not read`);
    open.attributes.push({ name, value });
    if (open.attributes.reduce((sum, one) => sum + one.value.length, 0) > largestEntry) {
      throw new Error(`LDIF line ${number}: ${open.dn} is larger than 32 KiB`);
    }
  }
  return entries;
}

function unfold(text: string): readonly { line: string; number: number }[] {
  const lines: { line: string; number: number; comment: boolean }[] = [];
  for (const [index, raw] of [...text.split(/\r?\n/), ''].entries()) {
    const last = lines.at(-1);
    if (raw.startsWith(' ') && last !== undefined && last.line !== '') last.line += raw.slice(1);
    else lines.push({ line: raw, number: index + 1, comment: raw.startsWith('#') });
  }
  return lines.filter((one) => !one.comment);
}

function readLine(line: string, number: number): { name: string; value: Buffer } {
  const match = /^([a-z][a-z0-9-]*)(::?|:<)[ ]*(.*)$/i.exec(line);
  if (match === null) throw new Error(`LDIF line ${number}: not "name: value"`);
  const [, name = '', separator = '', rest = ''] = match;
  if (separator === ':<') throw new Error(`LDIF line ${number}: values from URLs are not read`);
  return { name, value: Buffer.from(rest, separator === '::' ? 'base64' : 'utf8') };
}
