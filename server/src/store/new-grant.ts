/** The row of a grant, made from that of its code: by the redemption, or by the answer whose tokens hang off it at once. */

const copied = `client_id, client_uid, subject, directory, entry_id, username, scopes, claims, id_token_claims, asked, agreed, resources, auth_time`;

/**
 * `INSERT INTO grants … RETURNING expires_at`. A grant that is there already (tokens came with the code) goes on with what
 * the code gives; one that has ended stays ended, and then there is no row.
 *
 * @param source a CTE with whole rows of codes, called `code`; more of FROM may follow it.
 * @param sessionId the session that the grant ends with, as SQL.
 * @param lifetime its seconds, as SQL; NULL: no grant.
 */
export function insertGrant(source: string, sessionId: string, lifetime: string): string {
  const columns = copied.split(', ');
  return `INSERT INTO grants (id, session_id, expires_at, ${copied})
    SELECT code.grant_id, ${sessionId}, now() + make_interval(secs => ${lifetime}), ${columns.map((name) => `code.${name}`).join(', ')}
    FROM ${source} WHERE ${lifetime} IS NOT NULL
    ON CONFLICT (id) DO UPDATE SET session_id = EXCLUDED.session_id, expires_at = GREATEST(grants.expires_at, EXCLUDED.expires_at)
      WHERE grants.ended_at IS NULL
    RETURNING expires_at`;
}

/** As {@link insertGrant}, for the code in the jsonb parameter once `code` has inserted it. */
export function insertGrantWith(parameter: string): string {
  // Whoever holds a token of the front channel is a browser: it ends with the session, whatever the code will give.
  const source = `code, jsonb_to_record(${parameter}::jsonb) AS with_tokens(grant_lifetime integer)`;
  return insertGrant(source, 'code.session_id', 'with_tokens.grant_lifetime');
}
