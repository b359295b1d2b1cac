declare const unit: unique symbol;

/** A length of time in whole seconds. */
export type Seconds = number & { readonly [unit]: 'seconds' };
/** A length of time in milliseconds. */
export type Milliseconds = number & { readonly [unit]: 'milliseconds' };
/** A point in time: whole seconds since 1970-01-01T00:00:00Z (RFC 7519 NumericDate). */
export type EpochSeconds = number & { readonly [unit]: 'epoch seconds' };

/** Where "now" comes from; tests pass their own. Expiry of stored things is decided by the database's `now()` instead. */
export interface Clock {
  now(): EpochSeconds;
}

/** @throws RangeError unless `value` is a finite whole number ≥ 0. */
export function seconds(value: number): Seconds {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a length of time in seconds: ${value}`);
  return value as Seconds;
}

/** @throws RangeError unless `value` is a finite number ≥ 0. */
export function milliseconds(value: number): Milliseconds {
  if (!Number.isFinite(value) || value < 0) throw new RangeError(`not a length of time in milliseconds: ${value}`);
  return value as Milliseconds;
}

/** @throws RangeError unless `value` is a finite whole number. */
export function epochSeconds(value: number): EpochSeconds {
  if (!Number.isSafeInteger(value)) throw new RangeError(`not a point in time: ${value}`);
  return value as EpochSeconds;
}

/**
 * Our clock minus another's in seconds, positive when ours is ahead. The other clock was read somewhere between `before` and
 * `after` by ours, so whatever lies between them is no difference: an answer that came late must not look like a wrong clock.
 */
export function clockSkew(
  ours: { readonly before: EpochSeconds; readonly after: EpochSeconds },
  theirs: EpochSeconds,
): number {
  if (theirs < ours.before) return ours.before - theirs;
  return theirs > ours.after ? ours.after - theirs : 0;
}

export function after(start: EpochSeconds, duration: Seconds): EpochSeconds {
  return (start + duration) as EpochSeconds;
}
