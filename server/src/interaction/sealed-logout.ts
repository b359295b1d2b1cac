/**
 * PURE, given a {@link Sealer}. A logout on its way from page to page, sealed for one browser as authorization requests are.
 * Whoever opens it compares it anew with what is registered then.
 */
import type { Sealer } from '../keys/keys.ts';
import type { LogoutReturn } from '../protocol/logout-request.ts';
import type { EpochSeconds } from '../protocol/time.ts';

/** Seconds for which a page of it may stay open. */
export const logoutLifetime = 30 * 60;

interface Logout {
  readonly startedAt: EpochSeconds;
  /** Id and owner's uid of the client that wants it. */
  readonly client?: { readonly id: string; readonly uid: string };
  readonly returnTo?: LogoutReturn;
  readonly uiLocales?: string;
}

/** Not done yet: the person is asked about this session. */
export interface AskedLogout extends Logout, SessionOfLogout {}

/** Done; without a session nobody was signed in. */
export interface DoneLogout extends Logout {
  readonly session?: SessionOfLogout;
}

export interface SessionOfLogout {
  readonly sessionId: string;
  /** Clients that the browser has to load something of, by id and owner's uid. */
  readonly framed: readonly { readonly id: string; readonly uid: string }[];
  /** Others are called, or these too. */
  readonly called: boolean;
}

export interface LogoutByStage {
  asked: AskedLogout;
  done: DoneLogout;
}

export function sealLogout<S extends keyof LogoutByStage>(
  sealer: Sealer,
  stage: S,
  logout: LogoutByStage[S],
  browser: string,
): string {
  return sealer.seal(Buffer.from(JSON.stringify(logout)), placeOf(stage, browser)).toString('base64url');
}

/** `null`: altered, another browser's, of the other stage, or too old. */
export function openLogout<S extends keyof LogoutByStage>(
  sealer: Sealer,
  stage: S,
  text: string | undefined,
  browser: string,
  now: EpochSeconds,
): LogoutByStage[S] | null {
  if (text === undefined || !/^[A-Za-z0-9_-]{1,32768}$/.test(text)) return null;
  const plain = sealer.open(Buffer.from(text, 'base64url'), placeOf(stage, browser));
  if (plain === null) return null;
  const logout = JSON.parse(plain.toString()) as LogoutByStage[S];
  return now - logout.startedAt > logoutLifetime ? null : logout;
}

function placeOf(stage: keyof LogoutByStage, browser: string): readonly string[] {
  return ['logout', stage, browser];
}
