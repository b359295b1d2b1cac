/**
 * PURE. What an error says of the server that was asked, and whether another one is to be asked. Whoever types a name must
 * not be able to shut a server out for everybody: what comes of the question alone opens no circuit.
 */
import { ConnectionLost } from './connection.ts';
import { PoolBusy } from './pool.ts';
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

export interface Circumstances {
  /** Searches that the server had completed for this question before. */
  readonly answers: number;
  /** Milliseconds since it was asked. */
  readonly age: number;
  /** Milliseconds within which it answers any one operation, or has failed. */
  readonly patience: number;
  /** Nobody waits for an answer any more. */
  readonly aborted: boolean;
}

export interface Blame {
  /** `doubted`: it answers, only not this: others come first, and its circuit stays closed. `left`: it is not to blame. */
  readonly server: 'failed' | 'doubted' | 'left';
  /** `false`: another one would say the same. */
  readonly askNext: boolean;
}

/** RFC 4511 appendix A.1. */
const timeLimitExceeded = 3;
const tooMuchAsked: ReadonlySet<number> = new Set([4, 11]);

export function blameFor(error: unknown, circumstances: Circumstances): Blame {
  if (error instanceof ServiceBindRefused || !isOutage(error)) return { server: 'left', askNext: false };
  if (isOurs(error, circumstances)) return { server: 'left', askNext: true };
  if (isLost(error, 'oversized')) return { server: 'doubted', askNext: false };
  const { answers } = circumstances;
  if (error instanceof SearchFailed) {
    if (error.resultCode === timeLimitExceeded) return { server: 'doubted', askNext: true };
    // Of the first search it is a limit of that server; of a later one, the entry that was found has too much of something.
    if (tooMuchAsked.has(error.resultCode)) return { server: 'doubted', askNext: answers === 0 };
  }
  const late = isLost(error, 'timeout') || isLost(error, 'stopped');
  return { server: late && answers > 0 ? 'doubted' : 'failed', askNext: true };
}

/** Mistakes of ours are no outage. */
export function isOutage(error: unknown): error is Error {
  const mistake = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
  return error instanceof Error && !mistake;
}

/**
 * The server did nothing wrong: we had no connection free, or no time left. One that had the time of a whole operation did
 * not use it.
 */
function isOurs(error: Error, { age, patience, aborted }: Circumstances): boolean {
  if (error instanceof PoolBusy && !error.opening) return true;
  const stopped = error instanceof PoolBusy || isLost(error, 'stopped');
  return stopped && aborted && age < patience;
}

function isLost(error: unknown, reason: ConnectionLost['reason']): boolean {
  return error instanceof ConnectionLost && error.reason === reason;
}
