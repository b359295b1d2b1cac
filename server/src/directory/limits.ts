/** PURE. How long whoever asks waits for directories, however long each of their operations may take. */

export interface Limits {
  /** Milliseconds of a whole sign-in: of the search, and of what the password is for. */
  readonly login: number;
  /** Milliseconds of one look: for a name, or at an entry that is known. */
  readonly lookup: number;
}

export const defaultLimits: Limits = { login: 3000, lookup: 2000 };

/** Milliseconds that are left of a sign-in whose search took so many. */
export function leftOf({ login }: Limits, spent: number): number {
  return Math.max(0, login - spent);
}
