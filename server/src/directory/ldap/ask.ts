/** Asking a directory's servers in order of preference, as long as time is left. */
import { DirectoryUnavailable } from '../directory.ts';
import type { RawEntry } from './answers.ts';
import { ConnectionLost, type SearchCommand } from './connection.ts';
import { PoolBusy } from './pool.ts';
import type { LdapServer, Searcher } from './server.ts';
import { ServiceBindRefused } from './service-bind.ts';

/** A search ended with a result that is neither complete nor "no such entry". */
export class SearchFailed extends Error {
  readonly code = 'search_failed';
  readonly resultCode: number;
  constructor(resultCode: number) {
    super(`a search ended with result code ${resultCode}`);
    this.resultCode = resultCode;
  }
}

export interface Question {
  readonly directory: string;
  readonly servers: readonly LdapServer[];
  /** URL of the server to ask first, e.g. the one that answered before. */
  readonly preferred?: string;
  readonly signal: AbortSignal;
}

/** @throws DirectoryUnavailable when none of them answered */
export async function askServers<T>(question: Question, ask: (server: LdapServer) => Promise<T>): Promise<T> {
  const { directory, signal } = question;
  let last: unknown = new Error('it has no servers');
  for (const server of inOrder(question)) {
    try {
      const answer = await ask(server);
      server.noteSuccess();
      return answer;
    } catch (error) {
      last = error;
      if (error instanceof ServiceBindRefused || !isOutage(error)) break;
      if (!isOurs(error, signal)) server.noteFailure();
      if (signal.aborted) break;
    }
  }
  if (!isOutage(last)) throw last;
  throw new DirectoryUnavailable(directory, wordsOf(last), { cause: last });
}

/** One that failed repeatedly is asked after the others, but it is asked: it may be the only one that is back. */
function inOrder({ servers, preferred }: Question): readonly LdapServer[] {
  const rank = (server: LdapServer) => (server.skipped ? 2 : 0) + (server.url === preferred ? 0 : 1);
  return servers.toSorted((one, other) => rank(one) - rank(other));
}

/** Mistakes of ours are no outage. */
function isOutage(error: unknown): error is Error {
  const mistake = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
  return error instanceof Error && !mistake;
}

/** Trying several addresses of a name ends in an error without words of its own. */
function wordsOf(error: Error): string {
  if (error.message !== '') return error.message;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

/** The server did nothing wrong: we had no connection free, or no time left. */
function isOurs(error: unknown, signal: AbortSignal): boolean {
  return error instanceof PoolBusy || (signal.aborted && error instanceof ConnectionLost && error.reason === 'stopped');
}

const resultCode = { success: 0, sizeLimitExceeded: 4 };

export interface FoundEntries {
  readonly entries: readonly RawEntry[];
  /** The directory named another one where more may be; it is not followed. */
  readonly elsewhere: boolean;
}

/**
 * Entries of a complete search. A search that the size limit ended is complete as far as we asked only when it brought
 * that many; a server's own smaller limit is no answer.
 *
 * @throws SearchFailed, ConnectionLost
 */
export async function entriesOf(searcher: Searcher, command: SearchCommand): Promise<FoundEntries> {
  const { code, entries, references } = await searcher.search(command);
  const full = code === resultCode.sizeLimitExceeded && entries.length === command.sizeLimit;
  if (code !== resultCode.success && !full) throw new SearchFailed(code);
  return { entries, elsewhere: references > 0 };
}
