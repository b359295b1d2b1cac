/** Remembered consent: the yes of one user to one client, until it expires. A re-created client has another uid and none. */

export interface Consent {
  readonly subject: string;
  readonly clientId: string;
  readonly clientUid: string;
  readonly scopes: readonly string[];
  /** Seconds. */
  readonly rememberFor: number;
}

const record = 'subject text, client_id text, client_uid text, scopes text[], remember integer';

/**
 * `INSERT INTO consents …` for the consent in the jsonb parameter (NULL: none). A later yes adds to an earlier one that
 * still holds.
 *
 * @param source a CTE that must have a row.
 */
export function upsertConsent(parameter: string, source: string): string {
  return `INSERT INTO consents AS old (subject, client_id, client_uid, scopes, given_at, expires_at)
    SELECT c.subject, c.client_id, c.client_uid, c.scopes, now(), now() + make_interval(secs => c.remember)
    FROM ${source}, jsonb_to_record(${parameter}::jsonb) AS c(${record}) WHERE c.subject IS NOT NULL
    ON CONFLICT (subject, client_uid) DO UPDATE SET given_at = now(), expires_at = EXCLUDED.expires_at,
      scopes = CASE WHEN old.expires_at <= now() THEN EXCLUDED.scopes
        ELSE ARRAY(SELECT DISTINCT scope FROM unnest(old.scopes || EXCLUDED.scopes) AS scope ORDER BY scope) END`;
}

export function consentJson(consent: Consent): string {
  return JSON.stringify({
    subject: consent.subject,
    client_id: consent.clientId,
    client_uid: consent.clientUid,
    scopes: consent.scopes,
    remember: consent.rememberFor,
  });
}
