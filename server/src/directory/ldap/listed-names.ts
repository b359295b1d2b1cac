/** PURE. Whose a group is that was found for many at once: told by what it lists. */
import { foldDn } from '../../protocol/distinguished-name.ts';
import type { RawEntry } from './answers.ts';
import { EntryProblem, type EntryReader, readEntry } from './entry.ts';
import type { ListedName } from './groups.ts';

/** Indexes of names. */
export interface Listed {
  readonly sure: ReadonlySet<number>;
  /** Something like them is listed, and only the directory knows whether it is the same. */
  readonly unsure: ReadonlySet<number>;
}

export interface ListedNames {
  /** `null`: nobody can tell, as its list is not shown as a whole, or shows none of them. */
  in(group: RawEntry): Listed | null;
}

/** A name with an identifier of its own (RFC 4517 §3.3.21). Whether it stands for the bare name, servers do not agree. */
const withIdentifier = /#'[01]*'B$/;

/** @param holders attributes in which groups list names */
export function listedNames(names: readonly ListedName[], holders: readonly string[]): ListedNames {
  const written = indexBy(names, ({ text }) => text);
  const folded = indexBy(names, ({ text }) => foldDn(text));
  const look = (value: string, sure: Set<number>, unsure: Set<number>) => {
    for (const index of written.get(value) ?? []) sure.add(index);
    const bare = value.replace(withIdentifier, '');
    for (const index of folded.get(foldDn(bare)) ?? []) {
      if (names[index]?.isDn === true && bare === value) sure.add(index);
      else if (!sure.has(index)) unsure.add(index);
    }
  };
  return {
    in(group) {
      const entry = readable(group);
      if (entry === null || holders.some((holder) => entry.inParts(holder))) return null;
      const [sure, unsure] = [new Set<number>(), new Set<number>()];
      for (const holder of holders) for (const value of entry.texts(holder)) look(value, sure, unsure);
      for (const index of sure) unsure.delete(index);
      return sure.size + unsure.size === 0 ? null : { sure, unsure };
    },
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

function indexBy(
  names: readonly ListedName[],
  keyOf: (name: ListedName) => string,
): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, number[]>();
  for (const [index, name] of names.entries()) {
    const key = keyOf(name);
    const before = found.get(key);
    if (before === undefined) found.set(key, [index]);
    else before.push(index);
  }
  return found;
}
