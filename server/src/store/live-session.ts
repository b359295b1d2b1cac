/**
 * The one condition under which a session row counts. Expiry is decided here, by the database's clock, never by whether
 * the sweep has passed.
 *
 * @param row alias of the sessions row.
 */
export function liveSession(row: string): string {
  return `${row}.ended_at IS NULL AND ${row}.expires_at > now() AND ${row}.last_seen_at + make_interval(secs => ${row}.idle_seconds) > now()`;
}

/** As {@link liveSession}, for a grants row: it is not ended, and neither is the session that it ends with, if any. */
export function liveGrant(row: string): string {
  return `${row}.ended_at IS NULL AND ${row}.expires_at > now() AND (${row}.session_id IS NULL OR EXISTS (
    SELECT FROM sessions live WHERE live.id = ${row}.session_id AND ${liveSession('live')}))`;
}
