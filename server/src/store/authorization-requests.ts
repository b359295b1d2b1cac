/**
 * Authorization requests that travel by id, where a redirect between two pages of ours must carry one. The row holds the
 * request sealed for one browser, so an id without its cookie opens nothing.
 */

export interface StoredRequest {
  /** The grant id that the request would give. */
  readonly id: string;
  readonly clientUid: string;
  readonly sealed: Buffer;
  /** Seconds. */
  readonly lifetime: number;
}

/** At most this many at once for one browser; beyond it nothing is stored, and the sealed request travels itself. */
const maxOpenRequests = 20;

const record = 'id uuid, browser text, client_uid text, sealed text, lifetime integer';

/**
 * `INSERT INTO authorization_requests … RETURNING id` for the request in the jsonb parameter (NULL: none). The same
 * request again (a form sent twice) replaces what was stored.
 *
 * @param source a CTE that must have a row.
 */
export function insertRequest(parameter: string, source: string): string {
  return `INSERT INTO authorization_requests (id, browser, client_uid, sealed, expires_at)
    SELECT r.id, decode(r.browser, 'hex'), r.client_uid, decode(r.sealed, 'hex'), now() + make_interval(secs => r.lifetime)
    FROM ${source}, jsonb_to_record(${parameter}::jsonb) AS r(${record})
    WHERE r.id IS NOT NULL AND ${maxOpenRequests} > (
      SELECT count(*) FROM authorization_requests o WHERE o.browser = decode(r.browser, 'hex') AND o.expires_at > now())
    ON CONFLICT (id) DO UPDATE SET sealed = EXCLUDED.sealed, expires_at = EXCLUDED.expires_at RETURNING id`;
}

export function requestJson(request: StoredRequest, browser: Buffer): string {
  return JSON.stringify({
    id: request.id,
    browser: browser.toString('hex'),
    client_uid: request.clientUid,
    sealed: request.sealed.toString('hex'),
    lifetime: request.lifetime,
  });
}
