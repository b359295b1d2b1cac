/** PURE. Whose a group is that was found for many at once: told by what it lists. */
import type { RawEntry } from './answers.ts';
import { EntryProblem, type EntryReader, readEntry } from './entry.ts';
import type { ListedName } from './groups.ts';
import { keysOf, wideText } from './name-keys.ts';

/** Indexes of names. */
export interface Listed {
  readonly sure: ReadonlySet<number>;
  /** Something like them is listed, and only the directory knows whether it is the same. */
  readonly unsure: ReadonlySet<number>;
}

export interface ListedNames {
  /** `null`: nobody can tell, as its list is not shown as a whole, or not to be read as a whole, or shows none of them. */
  in(group: RawEntry): Listed | null;
}

/** A name with an identifier of its own (RFC 4517 §3.3.21). Whether it stands for the bare name, servers do not agree. */
const withIdentifier = /#'[01]*'B$/;

/**
 * @param holders attributes in which groups list names
 * @param asked all attributes that were asked for
 */
export function listedNames(
  names: readonly ListedName[],
  holders: readonly string[],
  asked: readonly string[],
): ListedNames {
  const look = lookFor(names);
  const lower = (some: readonly string[]) => new Set(some.map((one) => one.toLowerCase()));
  const [lists, wanted] = [lower(holders), lower(asked)];
  // `member;x-option`, or what a schema derives from `member`: a search finds by it, and we do not read it.
  const isElsewhere = (type: string) => {
    const [bare = ''] = type.split(';');
    return !wanted.has(type) && (lists.has(bare) || !wanted.has(bare));
  };
  return {
    in(group) {
      const entry = readable(group);
      if (entry === null || entry.types.some(isElsewhere)) return null;
      const found = { sure: new Set<number>(), unsure: new Set<number>() };
      for (const holder of holders) {
        const values = entry.texts(holder);
        if (values.length < entry.bytes(holder).length) return null;
        if (!values.every((value) => look(value, found))) return null;
      }
      if (found.sure.size + found.unsure.size === 0) return null;
      for (const index of found.sure) found.unsure.delete(index);
      return found;
    },
  };
}

interface Finding {
  readonly sure: Set<number>;
  readonly unsure: Set<number>;
}

/** `false`: nobody can tell whose the value is. */
function lookFor(names: readonly ListedName[]): (value: string, found: Finding) => boolean {
  const keys = names.map(({ text, isDn }) => (isDn ? keysOf(text) : null));
  const written = indexBy(names, ({ text }) => text);
  const narrow = indexBy(keys, (key) => key?.narrow);
  const wide = indexBy(keys, (key) => key?.wide);
  const texts = indexBy(names, ({ text, isDn }) => (isDn ? undefined : wideText(text)));
  const hasDns = names.some(({ isDn }) => isDn);
  const isTold = names.every(({ isDn }, index) => !isDn || keys[index] !== null);
  return (value, { sure, unsure }) => {
    const same = written.get(value) ?? [];
    for (const index of same) sure.add(index);
    const bare = value.replace(withIdentifier, '');
    if (texts.size > 0) for (const index of texts.get(wideText(bare)) ?? []) unsure.add(index);
    // Every name but that of the root has one.
    if (!hasDns || !bare.includes('=')) return true;
    const key = keysOf(bare);
    if (key === null || !isTold) return same.length > 0;
    const alike = narrow.get(key.narrow) ?? [];
    // Two that differ in case alone are two where the directory says so.
    const isSure = bare === value && alike.length === 1;
    for (const index of alike) (isSure ? sure : unsure).add(index);
    for (const index of wide.get(key.wide) ?? []) unsure.add(index);
    return true;
  };
}

function readable(group: RawEntry): EntryReader | null {
  try {
    return readEntry(group);
  } catch (error) {
    if (error instanceof EntryProblem) return null;
    throw error;
  }
}

function indexBy<T>(all: readonly T[], keyOf: (one: T) => string | undefined): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, number[]>();
  for (const [index, one] of all.entries()) {
    const key = keyOf(one);
    if (key === undefined) continue;
    const before = found.get(key);
    if (before === undefined) found.set(key, [index]);
    else before.push(index);
  }
  return found;
}
