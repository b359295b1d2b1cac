/**
 * PURE. The one reader of entries. An attribute is absent, has one value or several; nobody else looks at the difference.
 */
import { type Fold, parseDn } from '../../protocol/distinguished-name.ts';
import type { RawEntry } from './answers.ts';
import { textOf } from './ber.ts';

/** An entry lacks what the registration says that every entry has, or holds it in a form that cannot be used. */
export class EntryProblem extends Error {
  readonly code = 'entry_problem';
}

export interface EntryReader {
  /** As the directory gave it: not empty, readable. */
  readonly dn: string;
  /** Values that are text without NUL; an attribute whose values are bytes has none. */
  texts(attribute: string): readonly string[];
  /** The value that names the entry where there are several; `null` when there is none. `fold`: how the directory compares names. */
  name(attribute: string, fold: Fold): string | null;
  /** @throws EntryProblem when there is none, several, or what is no text */
  one(attribute: string): string;
  bytes(attribute: string): readonly Buffer[];
  /** What it shows: attributes in lower case, with their options. */
  readonly types: readonly string[];
  /** Whether only some of its values are here (`;range=`), so that nobody knows them all. */
  inParts(attribute: string): boolean;
}

/** @throws EntryProblem */
export function readEntry(raw: RawEntry): EntryReader {
  const name = raw.dn === '' ? null : parseDn(raw.dn);
  if (name === null) throw new EntryProblem('an entry has no readable DN');
  const attributes = new Map<string, readonly Buffer[]>();
  for (const { type, values } of raw.attributes) {
    const key = type.toLowerCase();
    if (attributes.has(key)) throw new EntryProblem('an entry shows one attribute twice');
    attributes.set(key, values);
  }
  const bytes = (attribute: string) => attributes.get(attribute.toLowerCase()) ?? [];
  // NUL can be in a value and in no column of ours: somebody who names a group could shut its members out with it.
  const texts = (attribute: string) =>
    bytes(attribute).flatMap((value) => (value.includes(0) ? [] : (textOf(value) ?? [])));
  return {
    dn: raw.dn,
    bytes,
    types: [...attributes.keys()],
    inParts: (attribute) => [...attributes.keys()].some((key) => key.startsWith(`${attribute.toLowerCase()};range=`)),
    texts,
    name(attribute, fold) {
      const values = texts(attribute);
      if (values.length < 2) return values[0] ?? null;
      // Directories keep no order among values, but one of several stands in the entry's own name.
      const inName = name[0]?.find((part) => part.type === attribute.toLowerCase())?.value;
      if (inName !== undefined && values.includes(inName)) return inName;
      const named = inName === undefined ? undefined : values.find((value) => fold(value) === fold(inName));
      return named ?? values.toSorted()[0] ?? null;
    },
    one(attribute) {
      const values = bytes(attribute);
      const value = values.length === 1 ? texts(attribute)[0] : undefined;
      if (value === undefined || value === '') {
        throw new EntryProblem(`an entry has ${values.length === 0 ? 'no' : 'no single readable'} ${attribute}`);
      }
      return value;
    },
  };
}

const uuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;
/** Attributes whose values are bytes although nothing in their name says so. */
const binaryIds: ReadonlySet<string> = new Set(['objectguid', 'objectsid', 'guid']);

export function isBinaryId(attribute: string): boolean {
  const name = attribute.toLowerCase();
  return binaryIds.has(name) || name.endsWith(';binary');
}

/**
 * The immutable id as text: bytes as hex, a UUID in lower case, anything else as it stands.
 *
 * @throws EntryProblem
 */
export function entryIdOf(entry: EntryReader, attribute: string): string {
  if (!isBinaryId(attribute)) {
    const text = entry.one(attribute);
    return uuid.test(text) ? text.toLowerCase() : text;
  }
  const [value, ...more] = entry.bytes(attribute);
  if (value === undefined || value.length === 0 || more.length > 0)
    throw new EntryProblem(`an entry has no single ${attribute}`);
  return value.toString('hex');
}

/** What to look for to find the id again. `null`: no id of this kind looks like that. */
export function idValue(attribute: string, entryId: string): string | Buffer | null {
  if (entryId === '') return null;
  if (!isBinaryId(attribute)) return entryId;
  return /^(?:[\da-f]{2})+$/.test(entryId) ? Buffer.from(entryId, 'hex') : null;
}
