/**
 * Values that a domain controller shows in parts (MS-ADTS §3.1.1.3.1.3.3): `memberOf;range=0-1499`, then the next when it is
 * asked for. To whoever asks for the attribute by its name the first part would look like no value at all.
 */
import { PresenceFilter } from 'ldapts';
import type { RawEntry } from './answers.ts';
import { entriesOf } from './ask.ts';
import { mostGroups } from './groups.ts';
import type { Searcher } from './server.ts';

interface Part {
  readonly values: readonly Buffer[];
  /** Index of the first value that is missing; `null`: none is. */
  readonly next: number | null;
}

/**
 * The entry with all values of one attribute under its plain name. As it came where they are more than anybody is judged by,
 * or the parts do not fit: then `EntryReader.inParts` says so.
 *
 * @throws what searching throws
 */
export async function withoutRanges(searcher: Searcher, entry: RawEntry, attribute: string): Promise<RawEntry> {
  let part = partOf(entry, attribute, 0);
  if (part === null) return entry;
  const values = [...part.values];
  while (part.next !== null) {
    if (values.length > mostGroups) return entry;
    const { entries } = await entriesOf(searcher, {
      base: entry.dn,
      scope: 'base',
      filter: new PresenceFilter({ attribute: 'objectClass' }),
      attributes: [`${attribute};range=${part.next}-*`],
      sizeLimit: 1,
    });
    const [again] = entries;
    const more: Part | null = again === undefined ? null : partOf(again, attribute, part.next);
    if (more === null) return entry;
    values.push(...more.values);
    part = more;
  }
  const plain = attribute.toLowerCase();
  const others = entry.attributes.filter(({ type }) => nameOf(type) !== plain);
  return { dn: entry.dn, attributes: [...others, { type: attribute, values }] };
}

const nameOf = (type: string): string => type.toLowerCase().replace(/;range=.*$/, '');

/** `null`: the attribute does not come in parts, or not in the one that begins there. */
function partOf({ attributes }: RawEntry, attribute: string, from: number): Part | null {
  const plain = attribute.toLowerCase();
  for (const { type, values } of attributes) {
    const match = /^(.*);range=(\d{1,9})-(\d{1,9}|\*)$/i.exec(type);
    if (match?.[1]?.toLowerCase() !== plain || Number(match[2]) !== from) continue;
    const last = match[3] === '*' ? null : Number(match[3]);
    // Values fewer than it says would be asked for without end.
    if (last !== null && last < from) return null;
    return { values, next: last === null ? null : last + 1 };
  }
  return null;
}
