/**
 * The policies that decide how long passwords and accounts of a directory hold, kept for minutes, so that few requests
 * wait for one. Where one cannot be read, what the entry itself says counts alone.
 */
import { EqualityFilter, OrFilter, PresenceFilter } from 'ldapts';
import type { RawEntry } from './answers.ts';
import { entriesOf } from './ask.ts';
import { SearchFailed } from './blame.ts';
import { EntryProblem, type EntryReader, readEntry } from './entry.ts';
import type { Searcher } from './server.ts';

/** Where a kind of directory has them. */
export interface PolicyPlace {
  /** Attribute of the user's entry that names its policy. */
  readonly namedBy: string;
  /** What every policy has: one that does not show it cannot be read. */
  readonly shows: string;
  readonly attributes: readonly string[];
}

/** Minutes after a change every replica goes by it. */
const keptFor = 120;
/** Of a question, those first that were never read or were read longest ago: the others are read by the next one. */
const mostAtOnce = 10;
const mostKept = 1000;

/** Nothing there, no right to it, no such name (RFC 4511 appendix A.1). */
const notReadable: ReadonlySet<number> = new Set([10, 32, 34, 50]);

interface Kept {
  /** `null`: it could not be read. */
  readonly policy: EntryReader | null;
  /** Of all questions about policies, the how many-th this was an answer to. */
  readonly question: number;
  readonly until: number;
}

export interface PolicyPorts {
  readonly place: PolicyPlace | null;
  /** DN of the policy of users whose entry names none. */
  readonly byDefault: string | undefined;
  /** Epoch seconds. */
  readonly time: () => number;
  /** Said once of each, until it can be read again. */
  readonly onUnreadable: () => void;
}

export class Policies {
  readonly #ports: PolicyPorts;
  readonly #kept = new Map<string, Kept>();
  /** Those of which it was said. */
  readonly #unreadable = new Set<string>();
  #questions = 0;
  /** What was asked up to here may have been answered before the change that was noticed. */
  #doubtedUpTo = 0;

  constructor(ports: PolicyPorts) {
    this.#ports = ports;
  }

  /** As it was read last. `null`: the entry has none, or it is not known. */
  of(entry: EntryReader): EntryReader | null {
    const name = this.#nameFor(entry);
    return name === undefined ? null : (this.#kept.get(name)?.policy ?? null);
  }

  /** What the directory did shows that one of them is another now: each counts until it is read again, and is due at once. */
  doubt(): void {
    this.#doubtedUpTo = this.#questions;
    for (const [name, kept] of this.#kept) this.#kept.set(name, { ...kept, until: 0 });
  }

  /** Reads those that entries need and that are not known, or not any more. @throws what searching throws */
  async readFor(searcher: Searcher, entries: readonly RawEntry[]): Promise<void> {
    const { place, time } = this.#ports;
    if (place === null) return;
    const names = new Set(entries.flatMap((raw) => this.#nameIn(raw) ?? []));
    const due = [...names].map((name) => ({ name, until: this.#kept.get(name)?.until ?? -1 }));
    const first = due.filter(({ until }) => until <= time()).toSorted((one, other) => one.until - other.until);
    for (const { name } of first.slice(0, mostAtOnce)) {
      this.#questions += 1;
      const question = this.#questions;
      const asked = time();
      const policy = await readPolicy(searcher, place, name);
      // Somebody who asked later was answered sooner.
      if ((this.#kept.get(name)?.question ?? 0) > question) continue;
      this.#keep(name, { policy, question, until: question > this.#doubtedUpTo ? asked + keptFor : 0 }, names);
      if (policy !== null) this.#unreadable.delete(name);
      else if (!this.#unreadable.has(name)) {
        this.#unreadable.add(name);
        this.#ports.onUnreadable();
      }
    }
  }

  /** None that this question needs makes room. */
  #keep(name: string, kept: Kept, needed: ReadonlySet<string>): void {
    this.#kept.delete(name);
    this.#kept.set(name, kept);
    if (this.#kept.size <= mostKept) return;
    const oldest = [...this.#kept.keys()].find((one) => !needed.has(one));
    if (oldest === undefined) return;
    this.#kept.delete(oldest);
    this.#unreadable.delete(oldest);
  }

  #nameIn(raw: RawEntry): string | undefined {
    try {
      return this.#nameFor(readEntry(raw));
    } catch (error) {
      if (error instanceof EntryProblem) return undefined;
      throw error;
    }
  }

  #nameFor(entry: EntryReader): string | undefined {
    const { place, byDefault } = this.#ports;
    return place === null ? undefined : (entry.texts(place.namedBy)[0] ?? byDefault);
  }
}

/** `null`: nothing there that can be read as a policy. @throws what searching throws */
export async function readPolicy(searcher: Searcher, place: PolicyPlace, base: string): Promise<EntryReader | null> {
  // Some are of a kind that a search shows only when asked for it.
  const filters = [
    new PresenceFilter({ attribute: 'objectClass' }),
    new EqualityFilter({ attribute: 'objectClass', value: 'ldapSubEntry' }),
  ];
  const attributes = [place.shows, ...place.attributes];
  try {
    const command = { base, scope: 'base', filter: new OrFilter({ filters }), attributes, sizeLimit: 1 } as const;
    const [raw] = (await entriesOf(searcher, command)).entries;
    if (raw === undefined) return null;
    const policy = readEntry(raw);
    return policy.texts(place.shows).length === 0 ? null : policy;
  } catch (error) {
    if (error instanceof EntryProblem || (error instanceof SearchFailed && notReadable.has(error.resultCode)))
      return null;
    throw error;
  }
}
