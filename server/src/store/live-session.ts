/**
 * The one condition under which a session row counts. Expiry is decided here, by the database's clock, never by whether
 * the sweep has passed.
 *
 * @param row alias of the sessions row.
 */
export function liveSession(row: string): string {
  return `${row}.ended_at IS NULL AND ${row}.expires_at > now() AND ${row}.last_seen_at + make_interval(secs => ${row}.idle_seconds) > now()`;
}

/**
 * When a session ends by itself, as a timestamptz: idle, or at its absolute end. An access token that hangs off it is given no
 * longer life than that, so that whoever checks it, here or elsewhere, needs to ask nobody. Somebody who comes by later moves
 * the end on, and the next token with it.
 */
export function sessionEndsAt(row: string): string {
  return `LEAST(${row}.expires_at, ${row}.last_seen_at + make_interval(secs => ${row}.idle_seconds))`;
}

/** Whole seconds until then, at least one while it lives. @param at timestamptz; NULL: no end. */
export function secondsUntil(at: string): string {
  return `ceil(extract(epoch FROM ${at} - now()))::integer`;
}

/** As {@link sessionEndsAt}, for a grants row, which has an end of its own. */
export function grantEndsAt(row: string): string {
  return `LEAST(${row}.expires_at, (SELECT ${sessionEndsAt('ending')} FROM sessions ending WHERE ending.id = ${row}.session_id))`;
}

/** As {@link liveSession}, for a grants row: it is not ended, and neither is the session that it ends with, if any. */
export function liveGrant(row: string): string {
  return `${row}.ended_at IS NULL AND ${row}.expires_at > now() AND (${row}.session_id IS NULL OR EXISTS (
    SELECT FROM sessions live WHERE live.id = ${row}.session_id AND ${liveSession('live')}))`;
}
