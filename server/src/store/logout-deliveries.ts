/**
 * The outbox of back-channel logout: who still has to hear that a session is over. Rows are inserted by the very statement
 * that ends the session ({@link insertDeliveries}); a worker of any replica takes them by lease.
 */
import type { Database, Statement } from './database.ts';

/**
 * The applications of a session: those that were given tokens for a sign-in (`openid`) in it, by the browser or for a code
 * that was redeemed, or still can be.
 * Whether their grant outlives the session (`offline_access`) does not matter: they know its `sid`.
 *
 * @param session SQL of the session's id.
 */
export function clientsOf(session: string): string {
  return `SELECT DISTINCT took.client_id, took.client_uid FROM authorization_codes took
    WHERE took.session_id = ${session} AND took.outcome = 'issued' AND 'openid' = ANY(took.scopes)
      AND (took.used_at IS NOT NULL OR took.front OR took.expires_at > now())`;
}

/** {@link clientsOf} as one jsonb value, `[{"client_id": …, "client_uid": …}]`. */
export function clientsJson(session: string): string {
  return `(SELECT COALESCE(jsonb_agg(to_jsonb(c) ORDER BY c.client_id), '[]'::jsonb) FROM (${clientsOf(session)}) AS c)`;
}

/**
 * `INSERT INTO logout_deliveries …` for the applications of each session in `source` that want to be told.
 *
 * @param source a CTE with the `id` and the `subject` of sessions that end in this statement.
 */
export function insertDeliveries(source: string): string {
  return `INSERT INTO logout_deliveries (session_id, client_uid, client_id, subject)
    SELECT ${source}.id, c.client_uid, c.client_id, ${source}.subject FROM ${source}, LATERAL (${clientsOf(`${source}.id`)}) AS c
    JOIN registry r ON r.kind = 'client' AND r.id = c.client_id AND coalesce(r.identity, r.uid) = c.client_uid AND r.body ? 'backchannel_logout_uri'
    ON CONFLICT DO NOTHING`;
}

/** Deliveries of one claim. */
export const deliveryBatch = 50;
/** Seconds after which another worker may take what was claimed; longer than any round of a worker lasts. */
export const deliveryLease = 45;

const claim: Statement = {
  name: 'logout_claim',
  text: `WITH claimed AS (
      UPDATE logout_deliveries d SET lease = $1, next_attempt_at = now() + interval '${deliveryLease} seconds'
      WHERE d.ctid = ANY(ARRAY(
        SELECT ctid FROM logout_deliveries WHERE next_attempt_at <= now() ORDER BY next_attempt_at LIMIT ${deliveryBatch}
        FOR UPDATE SKIP LOCKED))
      RETURNING d.session_id, d.client_uid, d.client_id, d.subject, d.attempts)
    SELECT (SELECT count(*)::int FROM logout_deliveries) AS pending,
      (SELECT extract(epoch FROM min(next_attempt_at) - now())::float8 FROM logout_deliveries WHERE next_attempt_at > now()) AS due_in,
      claimed.* FROM (VALUES (1)) AS always(one) LEFT JOIN claimed ON true`,
};

const settle: Statement = {
  name: 'logout_settle',
  // A lease that ran out has another holder, who speaks for the row now.
  text: `WITH told AS MATERIALIZED (SELECT * FROM jsonb_to_recordset($2::jsonb)
      AS told(session_id text, client_uid text, failed boolean, again_in integer)),
    gone AS (
      DELETE FROM logout_deliveries d USING told
      WHERE d.session_id = told.session_id AND d.client_uid = told.client_uid AND d.lease = $1 AND told.again_in IS NULL
      RETURNING 1),
    kept AS (
      UPDATE logout_deliveries d SET lease = NULL, attempts = d.attempts + told.failed::integer,
        next_attempt_at = now() + make_interval(secs => told.again_in)
      FROM told
      WHERE d.session_id = told.session_id AND d.client_uid = told.client_uid AND d.lease = $1 AND told.again_in IS NOT NULL
      RETURNING 1)
    SELECT (SELECT count(*)::int FROM gone) + (SELECT count(*)::int FROM kept) AS settled`,
};

const unreached: Statement = {
  name: 'logout_unreached',
  text: `SELECT client_id, client_uid FROM logout_deliveries WHERE session_id = $1 AND attempts > 0 ORDER BY client_id`,
};

export interface LogoutDelivery {
  readonly sessionId: string;
  readonly clientUid: string;
  readonly clientId: string;
  /** The user's own; what the client is told may be another. */
  readonly subject: string;
  /** Attempts that failed before this one. */
  readonly attempts: number;
}

export interface ClaimedDeliveries {
  /** At most {@link deliveryBatch}; nobody else has them for {@link deliveryLease} seconds. */
  readonly deliveries: readonly LogoutDelivery[];
  /** Rows in the outbox, these included. */
  readonly pending: number;
  /** Seconds until the next one is due; `undefined`: none is waiting. */
  readonly dueIn: number | undefined;
}

/** `againIn` in seconds; left out: the row goes, delivered or given up. `failed`: the attempt counts. */
export interface Settlement {
  readonly delivery: LogoutDelivery;
  readonly failed: boolean;
  readonly againIn?: number;
}

export interface LogoutDeliveryStore {
  /** @param lease a UUID of this claim alone. */
  claim(lease: string): Promise<ClaimedDeliveries>;
  settle(lease: string, settlements: readonly Settlement[]): Promise<number>;
  /** Clients that were called about the end of this session in vain, so far. */
  unreached(sessionId: string): Promise<readonly { readonly clientId: string; readonly clientUid: string }[]>;
}

interface ClaimedRow {
  pending: number;
  due_in: number | null;
  session_id: string | null;
  client_uid: string;
  client_id: string;
  subject: string;
  attempts: number;
}

export function logoutDeliveryStore(database: Database): LogoutDeliveryStore {
  return {
    async claim(lease) {
      const { rows } = await database.run<ClaimedRow>(claim, [lease]);
      return {
        deliveries: rows.flatMap(({ session_id, client_uid, client_id, subject, attempts }) =>
          session_id === null
            ? []
            : [{ sessionId: session_id, clientUid: client_uid, clientId: client_id, subject, attempts }],
        ),
        pending: rows[0]?.pending ?? 0,
        dueIn: rows[0]?.due_in ?? undefined,
      };
    },
    async settle(lease, settlements) {
      const told = settlements.map(({ delivery, failed, againIn }) => ({
        session_id: delivery.sessionId,
        client_uid: delivery.clientUid,
        failed,
        again_in: againIn ?? null,
      }));
      const { rows } = await database.run<{ settled: number }>(settle, [lease, JSON.stringify(told)]);
      return rows[0]?.settled ?? 0;
    },
    async unreached(sessionId) {
      const { rows } = await database.run<{ client_id: string; client_uid: string }>(unreached, [sessionId]);
      return rows.map(({ client_id, client_uid }) => ({ clientId: client_id, clientUid: client_uid }));
    },
  };
}
