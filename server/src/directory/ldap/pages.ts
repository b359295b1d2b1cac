/**
 * Answers longer than a server gives at once, in pages (RFC 2696). Only what it has cut off is asked for like this: an answer
 * that comes whole takes one search, and a server that knows no pages is as it was without them.
 */
import type { RawEntry } from './answers.ts';
import { SearchFailed } from './blame.ts';
import { bytesPerOperation, ConnectionLost, type SearchAnswer, type SearchCommand } from './connection.ts';
import type { Searcher } from './server.ts';

/** Entries of one page at most; fewer where the server had given fewer. */
const largestPage = 500;

/** An empty page is no last one, so a server could go on without end. */
export const mostPages = 100;

/** RFC 4511 appendix A.1. */
const resultCode = { success: 0, sizeLimit: 4, adminLimit: 11, unavailableCriticalExtension: 12, unwilling: 53 };

/** That it knows no pages, gives nobody any, or has another limit on all of them, leaves its first word standing. */
const noMoreThanBefore: ReadonlySet<number> = new Set([
  resultCode.sizeLimit,
  resultCode.adminLimit,
  resultCode.unavailableCriticalExtension,
  resultCode.unwilling,
]);

/**
 * A limit of the server's own ended the search: on the entries of an answer, or on what it looks through for one (389 Directory
 * Server has another limit for pages there).
 */
export function isCutOff({ code, entries }: SearchAnswer): boolean {
  return code === resultCode.adminLimit || (code === resultCode.sizeLimit && entries.length > 0);
}

/**
 * The first entries alone, as many as the command's limit says.
 *
 * @throws what searching throws
 */
export async function firstOf(searcher: Searcher, command: SearchCommand): Promise<SearchAnswer> {
  if (command.limitsByPage !== true) return searcher.search(command);
  const answer = await searcher.search(command, { size: command.sizeLimit, cookie: null });
  if (answer.cookie !== null) await searcher.search(command, { size: 0, cookie: answer.cookie });
  return answer;
}

/**
 * @param cut the answer that was cut off
 * @returns all entries, `sizeLimit` of them at most
 * @throws SearchFailed, ConnectionLost: also when all pages together bring more than one operation may
 */
export async function allPages(
  searcher: Searcher,
  command: SearchCommand,
  cut: SearchAnswer,
): Promise<{ readonly entries: readonly RawEntry[]; readonly elsewhere: boolean }> {
  // What it looked through for says nothing of how much it gives.
  const given = cut.code === resultCode.sizeLimit ? cut.entries.length : largestPage;
  const mostAtOnce = Math.min(largestPage, given);
  const entries: RawEntry[] = [];
  let [cookie, elsewhere, bytes]: [Buffer | null, boolean, number] = [null, false, 0];
  for (let pages = 0; pages < mostPages; pages += 1) {
    const size = Math.min(mostAtOnce, command.sizeLimit - entries.length);
    // What is left over a server would keep until the connection ends.
    const page = await searcher.search(command, { size, cookie });
    if (size === 0) return { entries, elsewhere };
    if (page.code !== resultCode.success)
      throw new SearchFailed(noMoreThanBefore.has(page.code) ? cut.code : page.code);
    entries.push(...page.entries);
    elsewhere ||= page.references > 0;
    bytes += octetsOf(page.entries);
    if (bytes > bytesPerOperation)
      throw new ConnectionLost('oversized', 'pages of more bytes than one operation may bring');
    cookie = page.cookie;
    if (cookie === null) return { entries, elsewhere };
  }
  throw new SearchFailed(cut.code);
}

function octetsOf(entries: readonly RawEntry[]): number {
  const valuesOf = ({ attributes }: RawEntry) => attributes.flatMap(({ values }) => values);
  return entries.reduce((sum, entry) => valuesOf(entry).reduce((one, { length }) => one + length, sum), 0);
}
