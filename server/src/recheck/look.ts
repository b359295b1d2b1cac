/** Asking a directory about one lot of users. */
import { type DirectoryPort, DirectoryUnavailable, type LookedUp } from '../directory/directory.ts';
import type { ConsentRules } from '../directory/verify-consent.ts';
import type { Snapshot } from '../registry/snapshot.ts';
import { type Held, userMayLoseByGroups } from './judge.ts';

/** Milliseconds for one question about a hundred users, their groups included. */
const longestLook = 10_000;
/** Milliseconds for all questions about a lot; its lease lasts a little longer. */
const longestLot = 25_000;
/** So often a lot as a whole was no use: then it is asked about in parts. */
export const apartAfter = 2;
/** Questions without any answer, after which nobody is there to answer. */
const mostInVain = 12;

export interface Seen {
  /** By entry id. */
  readonly found: ReadonlyMap<string, LookedUp>;
  /** Nobody has a group that shows, nor does anybody else in the directory. */
  readonly groupsHidden: boolean;
  /** Why something is not known of some of them. */
  readonly problem: DirectoryUnavailable | undefined;
}

export interface Asked {
  readonly directory: string;
  readonly rules: ConsentRules;
  readonly current: Pick<Snapshot, 'client'>;
  /** Looks at the directory that came to nothing, one after the other until now. */
  readonly failures: number;
  readonly signal: AbortSignal;
}

export type LookPort = Pick<DirectoryPort, 'lookupMany' | 'showsGroups'>;

type Ask = (some: readonly string[]) => Promise<ReadonlyMap<string, LookedUp>>;

/** @throws DirectoryUnavailable when it said nothing at all */
export async function lookAt(port: LookPort, asked: Asked, users: readonly Held[]): Promise<Seen> {
  if (users.length === 0) return { found: new Map(), groupsHidden: false, problem: undefined };
  const { directory, failures } = asked;
  const ids = users.map(({ entryId }) => entryId);
  const signal = AbortSignal.any([asked.signal, AbortSignal.timeout(longestLot)]);
  const ask: Ask = (some) =>
    port.lookupMany(directory, some, AbortSignal.any([signal, AbortSignal.timeout(longestLook)]));
  const { found, problem } =
    failures < apartAfter
      ? { found: await ask(ids), problem: undefined }
      : await lookApart(ask, ids, { directory, signal });
  if (!(await hidesGroups(port, { ...asked, signal }, users, found))) return { found, groupsHidden: false, problem };
  // A service account that may no longer read groups looks as if everybody had left all of them.
  return { found, groupsHidden: true, problem: new DirectoryUnavailable(directory, 'it shows no group at all') };
}

/**
 * One entry that no answer can hold must not keep the others from being looked at: halves, and halves of those that fail. An
 * id that fails alone, while others are answered, is `unreadable`; so is whoever's turn does not come in time, which is
 * somebody else each time. Where
 * the directory says of each that it cannot tell, that is an answer too, so one lot does not hold up the round.
 */
async function lookApart(
  ask: Ask,
  ids: readonly string[],
  { directory, signal }: Pick<Asked, 'directory' | 'signal'>,
): Promise<Pick<Seen, 'found' | 'problem'>> {
  const found = new Map<string, LookedUp>();
  const waiting = halvesOf(shuffled(ids));
  let answers = 0;
  let failed = 0;
  let problem: DirectoryUnavailable | undefined;
  for (let some = waiting.shift(); some !== undefined; some = waiting.shift()) {
    const isInVain = signal.aborted || (answers === 0 && failed >= mostInVain);
    try {
      if (isInVain) problem ??= new DirectoryUnavailable(directory, 'no time was left');
      else {
        for (const [id, one] of await ask(some)) found.set(id, one);
        answers += 1;
        continue;
      }
    } catch (error) {
      if (!(error instanceof DirectoryUnavailable)) throw error;
      problem = error;
      if (error.isOfQuestion) answers += 1;
      else failed += 1;
    }
    if (!isInVain && some.length > 1) waiting.unshift(...halvesOf(some));
    else for (const id of some) found.set(id, 'unreadable');
  }
  if (answers === 0 && problem !== undefined) throw problem;
  return { found, problem };
}

function halvesOf(ids: readonly string[]): (readonly string[])[] {
  const middle = Math.ceil(ids.length / 2);
  return [ids.slice(0, middle), ids.slice(middle)].filter((half) => half.length > 0);
}

function shuffled(ids: readonly string[]): readonly string[] {
  return ids
    .map((id) => ({ id, at: Math.random() }))
    .toSorted((one, other) => one.at - other.at)
    .map(({ id }) => id);
}

/** Asked only where somebody would lose something by it: most directories without groups never had any. */
async function hidesGroups(
  port: LookPort,
  { directory, rules, current, signal }: Asked,
  users: readonly Held[],
  found: ReadonlyMap<string, LookedUp>,
): Promise<boolean> {
  const there = [...found.values()].filter((one) => one !== 'unreadable');
  const [first] = there;
  if (first === undefined || there.some(({ groups }) => groups.length > 0)) return false;
  if (!users.some((held) => userMayLoseByGroups(held, rules, current))) return false;
  return !(await port.showsGroups({ directory, server: first.server }, signal));
}
