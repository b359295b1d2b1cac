/**
 * The sweep for leavers: who is looked at, by whom, and what is decided when all of a directory's users were. A round gives
 * out a hundred users at a time; each lot is looked at by one replica, whose lease ends by itself. Ending waits for the whole
 * round: only then it is known whether many seem to have left.
 */
import type { AuditEvent } from '../telemetry/audit.ts';
import { auditJson, insertAudit } from './audit.ts';
import type { Database, Statement } from './database.ts';
import type { Grant } from './grants.ts';
import { liveGrant, liveSession } from './live-session.ts';

/** Users of one lot, who are found by one search. */
export const bucketSize = 100;
/** Seconds after which another replica looks; longer than any look lasts. */
const lease = 30;
/** As many may leave in one round unasked, whatever part of all they are. */
export const alwaysAllowed = 10;

const mine = (row: string): string => `${row}.directory = $1`;
const between = (row: string): string =>
  `${row}.subject > taken.after AND ${row}.subject <= taken.upto AND ${mine(row)}`;
const subjectsAfter = (table: 'sessions' | 'grants', live: string): string =>
  `(SELECT DISTINCT u.subject FROM ${table} u WHERE u.subject > fresh.after AND ${mine('u')} AND ${live} ORDER BY u.subject LIMIT ${bucketSize})`;

const ensure: Statement = {
  name: 'recheck_ensure',
  // The word that is there already was said of something else: of what a row told that is there no more.
  text: `INSERT INTO recheck_rounds (directory, confirmed) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
};

const claim: Statement = {
  name: 'recheck_claim',
  // Whoever holds the directory's row gives out; nobody waits for it.
  text: `WITH r AS MATERIALIZED (
      SELECT d.*, d.state = 'done' AND d.began_at <= now() - make_interval(secs => $2::float8) AS anew
      FROM recheck_rounds d WHERE d.directory = $1 FOR UPDATE SKIP LOCKED),
    lost AS (
      UPDATE recheck_buckets b SET lease = $3::uuid, leased_until = now() + interval '${lease} seconds' FROM r
      WHERE b.directory = $1 AND b.round = r.round AND r.state = 'looking' AND b.looked_at IS NULL AND b.leased_until <= now()
        AND b.number = (SELECT min(x.number) FROM recheck_buckets x
          WHERE x.directory = $1 AND x.round = r.round AND x.looked_at IS NULL AND x.leased_until <= now())
      RETURNING b.number, b.after, b.upto),
    fresh AS MATERIALIZED (
      SELECT anew, CASE WHEN anew THEN round + 1 ELSE round END AS round, CASE WHEN anew THEN 0 ELSE buckets END AS buckets,
        CASE WHEN anew THEN '' ELSE reached END AS after
      FROM r WHERE (anew OR (state = 'looking' AND reached IS NOT NULL)) AND NOT EXISTS (SELECT FROM lost)),
    span AS MATERIALIZED (
      SELECT count(*)::int AS users, max(n.subject) AS upto FROM fresh, LATERAL (
        SELECT either.subject FROM (
          ${subjectsAfter('sessions', liveSession('u'))}
          UNION
          ${subjectsAfter('grants', liveGrant('u'))}) AS either
        ORDER BY either.subject LIMIT ${bucketSize}) AS n),
    moved AS (
      UPDATE recheck_rounds d SET round = fresh.round, state = 'looking', buckets = fresh.buckets + (span.users > 0)::int,
        began_at = CASE WHEN fresh.anew THEN now() ELSE d.began_at END,
        reached = CASE WHEN span.users = ${bucketSize} THEN span.upto END
      FROM fresh, span WHERE d.directory = $1),
    made AS (
      INSERT INTO recheck_buckets AS b (directory, number, round, after, upto, lease, leased_until)
      SELECT $1, fresh.buckets + 1, fresh.round, fresh.after, span.upto, $3::uuid, now() + interval '${lease} seconds'
      FROM fresh, span WHERE span.users > 0
      ON CONFLICT (directory, number) DO UPDATE SET round = EXCLUDED.round, after = EXCLUDED.after, upto = EXCLUDED.upto,
        lease = EXCLUDED.lease, leased_until = EXCLUDED.leased_until, looked_at = NULL, users = 0, leavers = '[]'
      RETURNING b.number, b.after, b.upto),
    taken AS MATERIALIZED (SELECT * FROM lost UNION ALL SELECT * FROM made)
    SELECT COALESCE(fresh.round, r.round) AS round, CASE WHEN fresh.round IS NULL THEN r.state ELSE 'looking' END AS state,
      CASE WHEN fresh.round IS NULL THEN r.reached IS NULL ELSE span.users < ${bucketSize} END AS "allGiven",
      (SELECT count(*)::int FROM recheck_buckets b WHERE b.directory = $1 AND b.round = r.round AND b.looked_at IS NULL) AS unlooked,
      extract(epoch FROM r.finished_at)::float8 AS "finishedAt", r.halted_users AS "haltedUsers", r.halted_leavers AS "haltedLeavers",
      CASE WHEN r.state = 'done' THEN GREATEST(0, extract(epoch FROM r.began_at - now())::float8 + $2::float8) ELSE 0 END AS "dueIn",
      taken.number,
      (SELECT jsonb_agg(jsonb_build_object('id', s.id, 'subject', s.subject, 'entryId', s.entry_id, 'username', s.username,
          'name', s.name, 'claims', s.claims))
        FROM sessions s WHERE ${between('s')} AND ${liveSession('s')}) AS sessions,
      (SELECT jsonb_agg(jsonb_build_object('id', g.id, 'subject', g.subject, 'entryId', g.entry_id, 'username', g.username,
          'directory', g.directory, 'clientId', g.client_id, 'clientUid', g.client_uid, 'scopes', g.scopes, 'claims', g.claims,
          'idTokenClaims', g.id_token_claims, 'asked', g.asked, 'agreed', g.agreed))
        FROM grants g WHERE ${between('g')} AND ${liveGrant('g')}) AS grants
    FROM r CROSS JOIN span LEFT JOIN fresh ON true LEFT JOIN taken ON true`,
};

// A lease that ran out has another holder, who speaks for the lot now.
const settle: Statement = {
  name: 'recheck_settle',
  text: `UPDATE recheck_buckets SET looked_at = now(), lease = NULL, users = $3, leavers = $4::jsonb
    WHERE directory = $1 AND lease = $2::uuid AND looked_at IS NULL`,
};

const handBack: Statement = {
  name: 'recheck_hand_back',
  text: `UPDATE recheck_buckets SET lease = NULL, leased_until = now() + make_interval(secs => $3::float8)
    WHERE directory = $1 AND lease = $2::uuid AND looked_at IS NULL`,
};

const decide: Statement = {
  name: 'recheck_decide',
  // A word is used up by the first verdict that knows it: one that waited would let another fault end everybody, unasked.
  text: `WITH r AS MATERIALIZED (
      SELECT * FROM recheck_rounds WHERE directory = $1 AND state = 'looking' AND reached IS NULL FOR UPDATE SKIP LOCKED),
    sums AS MATERIALIZED (
      SELECT COALESCE(sum(b.users), 0)::int AS users, COALESCE(sum(jsonb_array_length(b.leavers)), 0)::int AS leavers
      FROM r JOIN recheck_buckets b ON b.directory = $1 AND b.round = r.round
      HAVING count(*) FILTER (WHERE b.looked_at IS NOT NULL) = (SELECT buckets FROM r)),
    verdict AS MATERIALIZED (
      SELECT users, leavers, many, many AND $2::text IS NOT NULL AND $2::text IS DISTINCT FROM confirmed AS allowed,
        halted_at IS NULL AS anew
      FROM r, sums, LATERAL (SELECT leavers > ${alwaysAllowed} AND leavers * 5 > users AS many) AS m),
    done AS (
      UPDATE recheck_rounds d SET
        state = CASE WHEN leavers = 0 OR (many AND NOT allowed) THEN 'done' ELSE 'ending' END,
        finished_at = CASE WHEN leavers = 0 THEN now() ELSE d.finished_at END,
        confirmed = COALESCE($2::text, d.confirmed),
        halted_at = CASE WHEN many AND NOT allowed THEN COALESCE(d.halted_at, now()) END,
        halted_users = CASE WHEN many AND NOT allowed THEN users END,
        halted_leavers = CASE WHEN many AND NOT allowed THEN leavers END
      FROM verdict WHERE d.directory = $1),
    halted AS (SELECT FROM verdict WHERE many AND NOT allowed AND anew),
    audit_row AS (${insertAudit('$3', 'halted')})
    SELECT users, leavers, many AND NOT allowed AS halted, anew FROM verdict`,
};

const renew: Statement = {
  name: 'recheck_renew',
  // Only what the round saw is written over: a refresh that came in between knows better.
  text: `WITH sessions_renewed AS (
      UPDATE sessions s SET claims = n.claims, name = n.name
      FROM jsonb_to_recordset($1::jsonb) AS n(id text, claims jsonb, name text) WHERE s.id = n.id AND s.ended_at IS NULL),
    renewed AS (
      UPDATE grants g SET scopes = n.scopes, claims = n.claims, id_token_claims = n.id_token_claims, asked = n.asked
      FROM jsonb_to_recordset($2::jsonb)
        AS n(id uuid, was text[], scopes text[], claims jsonb, id_token_claims jsonb, asked jsonb)
      WHERE g.id = n.id AND g.scopes = n.was AND g.ended_at IS NULL
      RETURNING g.id)
    ${insertAudit('$3', 'renewed')} WHERE event.grant_id = renewed.id`,
};

export type HeldGrant = Pick<
  Grant,
  | 'id'
  | 'subject'
  | 'entryId'
  | 'username'
  | 'directory'
  | 'clientId'
  | 'clientUid'
  | 'scopes'
  | 'claims'
  | 'idTokenClaims'
  | 'asked'
  | 'agreed'
>;

export interface HeldSession {
  readonly id: string;
  readonly subject: string;
  readonly entryId: string;
  readonly username: string;
  readonly name: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Users whom nobody else looks at for as long as the lease lasts, with all that hangs off them. */
export interface Bucket {
  readonly sessions: readonly HeldSession[];
  readonly grants: readonly HeldGrant[];
}

export interface Standing {
  readonly state: 'looking' | 'ending' | 'done';
  /** Every user was given out to somebody. */
  readonly allGiven: boolean;
  /** Lots that nobody has looked at yet. */
  readonly unlooked: number;
  /** Epoch seconds of the end of the last round that ended as it should; before the first, when the directory was first seen. */
  readonly finishedAt: number;
  /** The last round would have ended too many. */
  readonly halted: { readonly users: number; readonly leavers: number } | undefined;
  /** Seconds until the next round. */
  readonly dueIn: number;
  readonly bucket: Bucket | undefined;
}

export interface Leaver {
  readonly subject: string;
  readonly username: string;
  /** `gone`, or the state of the account. */
  readonly reason: string;
}

export interface Renewals {
  readonly sessions: readonly Pick<HeldSession, 'id' | 'claims' | 'name'>[];
  /** `was`: the scopes as they were read. */
  readonly grants: readonly (Pick<Grant, 'id' | 'scopes' | 'claims' | 'idTokenClaims' | 'asked'> & {
    readonly was: readonly string[];
  })[];
  /** One for each grant that lost a scope. */
  readonly events: readonly AuditEvent[];
}

export interface Verdict {
  readonly users: number;
  readonly leavers: number;
  readonly halted: boolean;
  /** It was not halted before. */
  readonly anew: boolean;
}

export interface RecheckStore {
  /**
   * A directory that is registered; may be repeated.
   *
   * @param confirmed as {@link decide} takes it. What is there before the first round lets none go on
   */
  ensure(directory: string, confirmed: string | undefined): Promise<void>;
  /**
   * Begins a round that is due, and takes the next lot of it. `null`: another replica is at it this very moment.
   *
   * @param period seconds from the beginning of a round to that of the next
   * @param lease a UUID of this claim alone
   */
  claim(directory: string, period: number, lease: string): Promise<Standing | null>;
  /** `false`: the lease ran out before; somebody else looks. */
  settle(directory: string, lease: string, users: number, leavers: readonly Leaver[]): Promise<boolean>;
  /** The directory could not be asked: whoever comes in so many seconds tries again. */
  handBack(directory: string, lease: string, againIn: number): Promise<void>;
  /**
   * What a round comes to that was looked at as a whole: its leavers are ended, or nobody is. `null`: not all was, or it is decided.
   *
   * @param confirmed the word of an administrator, which lets one round go on that would end many: the first that knows it, or
   *   none
   */
  decide(directory: string, confirmed: string | undefined, event: AuditEvent): Promise<Verdict | null>;
  renew(renewals: Renewals): Promise<void>;
}

interface ClaimRow extends Omit<Standing, 'halted' | 'bucket'> {
  haltedUsers: number | null;
  haltedLeavers: number | null;
  number: number | null;
  sessions: HeldSession[] | null;
  grants: HeldGrant[] | null;
}

export function recheckStore(database: Database): RecheckStore {
  return {
    async ensure(directory, confirmed) {
      await database.run(ensure, [directory, confirmed ?? null]);
    },
    async claim(directory, period, leaseId) {
      const { rows } = await database.run<ClaimRow>(claim, [directory, period, leaseId]);
      const [row] = rows;
      if (row === undefined) return null;
      const { haltedUsers, haltedLeavers, number, sessions, grants, ...standing } = row;
      return {
        ...standing,
        halted: haltedUsers === null ? undefined : { users: haltedUsers, leavers: haltedLeavers ?? 0 },
        bucket: number === null ? undefined : { sessions: sessions ?? [], grants: grants ?? [] },
      };
    },
    async settle(directory, leaseId, users, leavers) {
      return (await database.run(settle, [directory, leaseId, users, JSON.stringify(leavers)])).count === 1;
    },
    async handBack(directory, leaseId, againIn) {
      await database.run(handBack, [directory, leaseId, againIn]);
    },
    async decide(directory, confirmed, event) {
      const { rows } = await database.run<Verdict>(decide, [directory, confirmed ?? null, auditJson(event)]);
      return rows[0] ?? null;
    },
    async renew({ sessions, grants, events }) {
      const renewed = grants.map(({ idTokenClaims, ...grant }) => ({ ...grant, id_token_claims: idTokenClaims }));
      await database.run(renew, [JSON.stringify(sessions), JSON.stringify(renewed), auditJson(...events)]);
    },
  };
}
