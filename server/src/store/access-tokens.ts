/** Opaque access tokens: a row each until they expire. Their digests alone are stored. */
import type { Database, Statement } from './database.ts';
import { gathered } from './gathered.ts';
import { hexDigest } from './handles.ts';
import { liveGrant } from './live-session.ts';

export interface NewAccessToken {
  /** Plain; only its digest is stored. */
  readonly token: string;
  /** Its id, a UUID: names it, opens nothing. */
  readonly id: string;
  readonly clientId: string;
  readonly clientUid: string;
  /** Left out: no user is involved, or the statement that issues knows the grant. */
  readonly grantId?: string;
  /** Left out where the statement that issues knows them. */
  readonly scopes?: readonly string[];
  /** At least one; left out where the statement that issues knows them. */
  readonly audiences?: readonly string[];
  /** Thumbprint of the certificate that it is bound to; left out: it is of whoever bears it. */
  readonly certificate?: string | undefined;
  /** Seconds. */
  readonly lifetime: number;
}

const record = `hash text, id uuid, client_id text, client_uid text, grant_id uuid, scopes text[], audiences text[], certificate text, lifetime integer`;

/**
 * `INSERT INTO access_tokens …` for the token in the jsonb parameter (NULL: none); part of the statement that issues it.
 *
 * @param source a CTE that must have a row.
 * @param known columns that the source knows better than the caller, as SQL expressions; `ends_at`: it lives no longer.
 */
export function insertAccessToken(
  parameter: string,
  source: string,
  known: Partial<Record<'grant_id' | 'scopes' | 'audiences' | 'session_id' | 'ends_at', string>> = {},
): string {
  const { grant_id: grant = 'a.grant_id', scopes = 'a.scopes', audiences = 'a.audiences' } = known;
  const { session_id: session = 'NULL', ends_at: end = 'NULL' } = known;
  return `INSERT INTO access_tokens (hash, id, client_id, client_uid, grant_id, session_id, scopes, audiences, certificate, expires_at)
    SELECT decode(a.hash, 'hex'), a.id, a.client_id, a.client_uid, ${grant}, ${session}, ${scopes}, ${audiences}, a.certificate,
      LEAST(now() + make_interval(secs => a.lifetime), ${end})
    FROM ${source}, jsonb_to_record(${parameter}::jsonb) AS a(${record}) WHERE a.hash IS NOT NULL`;
}

/**
 * As {@link insertAccessToken}, for the token that goes through the browser with the code in the jsonb parameter, once `code`
 * and `granted` have their rows. It ends with the session, also where the code will give a grant that does not.
 */
export function insertAccessTokenWith(parameter: string): string {
  return insertAccessToken(`(${parameter}::jsonb -> 'access_token')`, 'code, granted', {
    grant_id: 'code.grant_id',
    session_id: 'code.session_id',
    scopes: 'code.scopes',
    audiences: 'COALESCE(code.resources, code.audiences)',
  });
}

/** The value of the parameter; `undefined` (the token is a JWT): SQL NULL. */
export function accessTokenJson(token: NewAccessToken | undefined): string | null {
  return token === undefined ? null : JSON.stringify(accessTokenRecord(token));
}

export function accessTokenRecord(token: NewAccessToken): Readonly<Record<string, unknown>> {
  return {
    hash: hexDigest(token.token),
    id: token.id,
    client_id: token.clientId,
    client_uid: token.clientUid,
    grant_id: token.grantId,
    scopes: token.scopes,
    audiences: token.audiences,
    certificate: token.certificate,
    lifetime: token.lifetime,
  };
}

// One that a crash loses is refused, and its client asks for another: so it does not wait for the disk.
const insert: Statement = {
  name: 'access_token_insert',
  text: `WITH soft AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
    token AS (
      INSERT INTO access_tokens (hash, id, client_id, client_uid, grant_id, scopes, audiences, certificate, expires_at)
      SELECT decode(a.hash, 'hex'), a.id, a.client_id, a.client_uid, a.grant_id, a.scopes, a.audiences, a.certificate,
        now() + make_interval(secs => a.lifetime)
      FROM soft, jsonb_to_recordset($1::jsonb) AS a(${record})
      WHERE a.grant_id IS NULL OR EXISTS (SELECT FROM grants g WHERE g.id = a.grant_id AND ${liveGrant('g')})
      RETURNING id)
    SELECT id FROM token`,
};

export interface AccessTokenStore {
  /**
   * A token beside no other change: a client's own, or one more of a grant that holds. Those that are asked for together are
   * inserted by one statement.
   *
   * @returns `false`: its grant has ended; nothing was written.
   */
  insert(token: NewAccessToken): Promise<boolean>;
}

export function accessTokenStore(database: Database): AccessTokenStore {
  return {
    insert: gathered(async (tokens: readonly NewAccessToken[]) => {
      const { rows } = await database.run<{ id: string }>(insert, [JSON.stringify(tokens.map(accessTokenRecord))]);
      const inserted = new Set(rows.map(({ id }) => id));
      return tokens.map(({ id }) => inserted.has(id));
    }),
  };
}
