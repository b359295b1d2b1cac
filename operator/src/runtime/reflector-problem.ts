/** What goes wrong while a reflector lists and watches, and how long it rests after it. */
import { ApiError, ApiUnreadable } from './kubernetes-api.ts';

export interface ReflectorProblem {
  readonly path: string;
  readonly during: 'list' | 'watch' | 'handler';
  readonly reason: 'expired' | 'refused' | 'unavailable' | 'unreadable' | 'stale' | 'handler';
  readonly error: unknown;
  /** Milliseconds; 0: at once. */
  readonly retryIn: number;
}

export class StaleList extends Error {}

/** What is asked for is no longer kept (410): the version of a watch, or the rest of a paged list. */
export function isExpired(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 410 || error.reason === 'Expired' || error.reason === 'Gone');
}

export function reasonOf(error: unknown): ReflectorProblem['reason'] {
  if (error instanceof StaleList) return 'stale';
  if (isExpired(error)) return 'expired';
  if (error instanceof ApiError) return 'refused';
  return error instanceof ApiUnreadable ? 'unreadable' : 'unavailable';
}

/**
 * `shortest` to twice that, then doubled with each failure up to `longest`, half of it at random; longer where the API
 * server asks for it. Milliseconds.
 */
export function delayAfter(
  error: unknown,
  failures: number,
  limits: { readonly shortest: number; readonly longest: number; readonly random: number },
): number {
  const full = Math.min(limits.longest, limits.shortest * 2 ** (Math.min(failures, 20) + 1));
  const asked = error instanceof ApiError ? (error.retryAfter ?? 0) * 1000 : 0;
  return Math.max((full / 2) * (1 + limits.random), Math.min(asked, 2 * limits.longest));
}
