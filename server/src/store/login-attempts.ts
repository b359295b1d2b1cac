/**
 * Failed sign-ins, counted for all replicas. A try is charged before the bind: guesses in flight at once on several
 * replicas would otherwise all pass before one of them is counted. A success gives the entry's counter back.
 */
import type { AuditEvent } from '../telemetry/audit.ts';
import { auditJson, insertAudit } from './audit.ts';
import { type Remembered, type RememberedRow, rememberedColumns, rememberedOf } from './consents.ts';
import type { Database, Statement } from './database.ts';
import { digest } from './handles.ts';
import { liveSession } from './live-session.ts';

/** Tries at one directory entry before it slows down to one a minute; ten quiet minutes forgive. */
export const triesPerEntry = 5;
/** Tries from one address in a minute. */
export const triesPerAddress = 20;

/** A row comes back where the try is one of those that are allowed; `$1` is the key. */
const countAddress = (most: string): string => `
      INSERT INTO login_attempts AS a (key, attempts, first_at, last_at) VALUES ($1, 1, now(), now())
      ON CONFLICT (key) DO UPDATE SET last_at = now(),
        attempts = CASE WHEN a.first_at <= now() - interval '1 minute' THEN 1 ELSE a.attempts + 1 END,
        first_at = CASE WHEN a.first_at <= now() - interval '1 minute' THEN now() ELSE a.first_at END
      WHERE a.attempts < ${most} OR a.first_at <= now() - interval '1 minute'
      RETURNING 1`;

const charge: Statement = {
  name: 'login_charge',
  // The address is charged first, and only then the entry: who is over the first limit cannot move the second. The same
  // order everywhere also means that two of these never wait for each other in a circle.
  text: `WITH address AS (${countAddress('$3::integer')}),
    entry AS (
      INSERT INTO login_attempts AS a (key, attempts, first_at, last_at) SELECT $2::bytea, 1, now(), now() FROM address
      ON CONFLICT (key) DO UPDATE SET last_at = now(),
        attempts = CASE WHEN a.last_at <= now() - interval '10 minutes' THEN 1 ELSE a.attempts + 1 END
      WHERE a.attempts < ${triesPerEntry} OR a.last_at <= now() - interval '1 minute'
      RETURNING 1)
    SELECT EXISTS (SELECT FROM address) AS address, EXISTS (SELECT FROM entry) AS entry,
      ${rememberedColumns('c')}, s.id AS session_id, s.subject AS session_subject
    FROM (VALUES (1)) AS always(one)
    LEFT JOIN consents c ON c.subject = $4::text AND c.client_uid = $5::text AND c.expires_at > now()
    LEFT JOIN sessions s ON s.handle = $6 AND s.browser = $7 AND ${liveSession('s')}`,
};

const chargeAddress: Statement = {
  name: 'login_charge_address',
  text: `WITH address AS (${countAddress('$2::integer')})
    SELECT EXISTS (SELECT FROM address) AS allowed,
      (SELECT extract(epoch FROM a.first_at + interval '1 minute' - now())::float8 FROM login_attempts a WHERE a.key = $1) AS left`,
};

const failed: Statement = {
  name: 'login_failed',
  text: insertAudit('$1'),
};

export interface Charge {
  readonly address: string;
  /** How often {@link triesPerAddress} fits into the limit of this address. */
  readonly limitFactor: number;
  readonly throttleKey: string;
  readonly subject: string | undefined;
  /** Left out: the sign-in is for a page of ours. */
  readonly clientUid?: string | undefined;
  /** Plain cookies. */
  readonly handle: string | undefined;
  readonly browser: string;
}

/** Who has somebody searched for. */
export type Asking = Pick<Charge, 'address' | 'limitFactor'>;

export interface Charged {
  readonly allowed: boolean;
  /** What said no. */
  readonly limiter?: 'login_account' | 'login_address';
  /** What the found user allowed this client before. */
  readonly consented: Remembered | null;
  /** The live session that this browser has now. */
  readonly session: { readonly id: string; readonly subject: string } | null;
}

export interface LoginAttemptStore {
  /**
   * A search that brought no answer, so that there is no entry to charge. `false`: over the limit of its address, which this
   * replica remembers until it is forgiven. Sign-ins are counted apart: who could not be asked about has guessed nothing.
   */
  chargeFailedSearch(one: Asking): Promise<boolean>;
  /**
   * Whether failed searches brought the address over its limit: it is to be refused before another one. Once in two seconds it is
   * not, so that somebody finds out when the directory is back.
   */
  isShut(one: Asking): boolean;
  /** A search of this address brought an answer: it is not shut any more. */
  answered(one: Asking): void;
  charge(charge: Charge): Promise<Charged>;
  failed(audit: AuditEvent): Promise<void>;
}

interface ChargedRow extends RememberedRow {
  address: boolean;
  entry: boolean;
  session_id: string | null;
  session_subject: string | null;
}

/** Addresses that are remembered; beyond them the oldest is forgotten, which costs a search. */
const mostShut = 10_000;

/** Milliseconds between two searches of an address that is shut. */
const searchAgainAfter = 2000;

/** @param now milliseconds, monotonic */
export function loginAttemptStore(database: Database, now: () => number = () => performance.now()): LoginAttemptStore {
  /** Until when each is shut, and when it may search again. */
  const shut = new Map<string, { readonly until: number; again: number }>();
  // A limit is that of a request: another one from the same address may have a higher one.
  const keyOf = ({ address, limitFactor }: Asking): string => `${limitFactor} ${address}`;
  return {
    async chargeFailedSearch(one) {
      const values = [attemptKey('search_address', one.address), triesPerAddress * one.limitFactor];
      const { rows } = await database.run<{ allowed: boolean; left: number | null }>(chargeAddress, values);
      const { allowed = false, left = null } = rows[0] ?? {};
      if (allowed) return true;
      const [oldest] = shut.keys();
      if (shut.size >= mostShut && oldest !== undefined) shut.delete(oldest);
      shut.set(keyOf(one), { until: now() + (left ?? 60) * 1000, again: now() + searchAgainAfter });
      return false;
    },
    isShut(one) {
      const found = shut.get(keyOf(one));
      if (found === undefined) return false;
      const at = now();
      if (at >= found.until) shut.delete(keyOf(one));
      else if (at < found.again) return true;
      found.again = at + searchAgainAfter;
      return false;
    },
    answered(one) {
      shut.delete(keyOf(one));
    },
    async charge(one) {
      const { rows } = await database.run<ChargedRow>(charge, [
        attemptKey('address', one.address),
        attemptKey('entry', one.throttleKey),
        triesPerAddress * one.limitFactor,
        one.subject ?? null,
        one.clientUid ?? null,
        one.handle === undefined ? null : digest(one.handle),
        digest(one.browser),
      ]);
      const row = rows[0];
      // No row can only mean that something is badly wrong: then nobody gets in.
      if (row === undefined) return { allowed: false, limiter: 'login_address', consented: null, session: null };
      const session =
        row.session_id === null || row.session_subject === null
          ? null
          : { id: row.session_id, subject: row.session_subject };
      const consented = rememberedOf(row);
      if (row.address && row.entry) return { allowed: true, consented, session };
      const limiter = row.address ? 'login_account' : 'login_address';
      return { allowed: false, limiter, consented, session };
    },
    async failed(audit) {
      await database.run(failed, [auditJson(audit)]);
    },
  };
}

/** Typed names end up here too, and people type passwords into the name field: only a digest is kept. */
export function attemptKey(
  kind: 'entry' | 'address' | 'search_address' | 'user_code_person' | 'user_code_address' | 'password_form',
  value: string,
): Buffer {
  return digest(`${kind}\0${value}`);
}
