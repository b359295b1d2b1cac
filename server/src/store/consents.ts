/** Remembered consent: the yes of one user to one client, until it expires. A re-created client has another uid and none. */

export interface Consent {
  readonly subject: string;
  readonly clientId: string;
  readonly clientUid: string;
  readonly scopes: readonly string[];
  /** Claims that were asked for by name. */
  readonly claims: readonly string[];
  /** Seconds. */
  readonly rememberFor: number;
}

/** What is remembered of one user and one client. */
export interface Remembered {
  readonly scopes: readonly string[];
  /** Claims by name, beside those that the scopes stand for. */
  readonly claims: readonly string[];
}

const record = 'subject text, client_id text, client_uid text, scopes text[], claims text[], remember integer';

/** Both lists of a row that still holds, each once. */
function merged(column: 'scopes' | 'claims'): string {
  return `${column} = CASE WHEN old.expires_at <= now() THEN EXCLUDED.${column}
        ELSE ARRAY(SELECT DISTINCT one FROM unnest(old.${column} || EXCLUDED.${column}) AS one ORDER BY one) END`;
}

/**
 * `INSERT INTO consents …` for the consent in the jsonb parameter (NULL: none). A later yes adds to an earlier one that
 * still holds.
 *
 * @param source a CTE that must have a row.
 */
export function upsertConsent(parameter: string, source: string): string {
  return `INSERT INTO consents AS old (subject, client_id, client_uid, scopes, claims, given_at, expires_at)
    SELECT c.subject, c.client_id, c.client_uid, c.scopes, COALESCE(c.claims, '{}'), now(), now() + make_interval(secs => c.remember)
    FROM ${source}, jsonb_to_record(${parameter}::jsonb) AS c(${record}) WHERE c.subject IS NOT NULL
    ON CONFLICT (subject, client_uid) DO UPDATE SET given_at = now(), expires_at = EXCLUDED.expires_at,
      ${merged('scopes')}, ${merged('claims')}`;
}

/** Members of a query's row that {@link rememberedOf} reads. @param row alias of the consents row. */
export function rememberedColumns(row: string): string {
  return `${row}.scopes AS consented, ${row}.claims AS consented_claims`;
}

export interface RememberedRow {
  consented: string[] | null;
  consented_claims: string[] | null;
}

/** `null`: nothing is remembered. */
export function rememberedOf({ consented, consented_claims }: RememberedRow): Remembered | null {
  return consented === null ? null : { scopes: consented, claims: consented_claims ?? [] };
}

export function consentJson(consent: Consent): string {
  return JSON.stringify({
    subject: consent.subject,
    client_id: consent.clientId,
    client_uid: consent.clientUid,
    scopes: consent.scopes,
    claims: consent.claims,
    remember: consent.rememberFor,
  });
}
