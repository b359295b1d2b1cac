/** Asking a directory's servers in order of preference, as long as time is left. */
import { DirectoryUnavailable } from '../directory.ts';
import type { RawEntry } from './answers.ts';
import { blameFor, isOutage, SearchFailed } from './blame.ts';
import type { SearchCommand } from './connection.ts';
import type { Attempt } from './health.ts';
import { allPages, firstOf, isCutOff } from './pages.ts';
import type { LdapServer, Searcher } from './server.ts';

export interface Question {
  readonly directory: string;
  readonly servers: readonly LdapServer[];
  /** URL of the server to ask first, e.g. the one that answered before. */
  readonly preferred?: string;
  readonly signal: AbortSignal;
  /** A search of the same question was answered before, in a step of its own: what fails now comes of the entry that it found. */
  readonly goesOn?: true;
}

/**
 * @param ask tells of each search that was completed on the way, by its second argument
 * @throws DirectoryUnavailable when none of them answered, or one of them said what the others would say too
 */
export async function askServers<T>(
  question: Question,
  ask: (server: LdapServer, onAnswer: () => void) => Promise<T>,
): Promise<T> {
  const { directory, signal } = question;
  let last: unknown = new Error('it has no servers');
  let isOfQuestion = false;
  let wasAnswered = false;
  for (const server of inOrder(question)) {
    const attempt = await turnAt(server, signal);
    if (attempt === null) {
      last = new Error('its servers failed, and are tried by somebody else');
      continue;
    }
    let answers = question.goesOn === true ? 1 : 0;
    try {
      const answer = await ask(server, () => {
        answers += 1;
      });
      attempt.succeed();
      return answer;
    } catch (error) {
      last = error;
      const { patience } = server;
      const blame = blameFor(error, { answers, age: attempt.age, patience, aborted: signal.aborted });
      if (blame.server === 'failed') server.fail(attempt, error);
      if (blame.server === 'doubted') server.doubt(attempt);
      wasAnswered ||= blame.server === 'doubted';
      isOfQuestion = blame.server === 'doubted' && !blame.askNext;
      if (signal.aborted || !blame.askNext) break;
    } finally {
      attempt.leave();
    }
  }
  if (!isOutage(last)) throw last;
  throw new DirectoryUnavailable(directory, wordsOf(last), { cause: last, isOfQuestion, wasAnswered });
}

const ranks = { well: 0, doubted: 1, open: 2 } as const;

/**
 * Those that are well in order of preference, the preferred one before all. One that failed is asked after them until it
 * has proven itself, so that nobody pays for it twice; of several, the one whose failure is the longest ago: time that is
 * up before the last of them is reached must not be spent on the same ones again.
 */
function inOrder({ servers, preferred }: Question): readonly LdapServer[] {
  const rank = ({ url, health }: LdapServer) => ranks[health.state] * 2 + (url === preferred ? 0 : 1);
  const failedAt = ({ health }: LdapServer) => (health.state === 'well' ? 0 : health.failedAt);
  return servers.toSorted((one, other) => rank(one) - rank(other) || failedAt(one) - failedAt(other));
}

/** A server whose circuit is open is asked by one at a time; who comes meanwhile shares what that one finds out. */
async function turnAt(server: LdapServer, signal: AbortSignal): Promise<Attempt | null> {
  for (;;) {
    const attempt = server.health.begin();
    if (attempt !== null || signal.aborted) return attempt;
    const outcome = await orAborted(server.health.trial, signal);
    if (outcome === undefined || outcome === 'failed') return null;
  }
}

/** Trying several addresses of a name ends in an error without words of its own. */
function wordsOf(error: Error): string {
  if (error.message !== '') return error.message;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

function orAborted<T>(work: Promise<T> | null, signal: AbortSignal): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<T | undefined>();
  const stop = () => resolve(undefined);
  signal.addEventListener('abort', stop, { once: true });
  void work?.then(resolve, stop);
  return promise.finally(() => signal.removeEventListener('abort', stop));
}

const resultCode = { success: 0, sizeLimitExceeded: 4 };

export interface FoundEntries {
  readonly entries: readonly RawEntry[];
  /** The directory named another one where more may be; it is not followed. */
  readonly elsewhere: boolean;
}

/**
 * Entries of a complete search. A search that the size limit ended is complete as far as we asked only when it brought
 * that many; where a server's own limit is smaller, it is asked for the same in pages if the command allows that, and is no
 * answer otherwise.
 *
 * @throws SearchFailed, ConnectionLost
 */
export async function entriesOf(searcher: Searcher, command: SearchCommand): Promise<FoundEntries> {
  const answer = await firstOf(searcher, command);
  const { code, entries, references } = answer;
  const full = code === resultCode.sizeLimitExceeded && entries.length === command.sizeLimit;
  if (code === resultCode.success || full) return { entries, elsewhere: references > 0 };
  if (command.mayBePaged === true && isCutOff(answer)) return allPages(searcher, command, answer);
  throw new SearchFailed(code);
}
