/**
 * Device codes (RFC 8628), as the device sees them: asked for, polled, redeemed once. What a person says about one in a
 * browser is in `device-answers.ts`.
 */
import { devicePollInterval } from '../protocol/terms.ts';
import type { AuditEvent } from '../telemetry/audit.ts';
import { accessTokenJson, insertAccessToken, type NewAccessToken } from './access-tokens.ts';
import { auditJson, insertAudit } from './audit.ts';
import type { Database, Statement } from './database.ts';
import { digest } from './handles.ts';
import { insertGrant } from './new-grant.ts';
import type { NewRefreshToken } from './refresh-tokens.ts';
import { revokeGrant } from './revocations.ts';

/** At most this many at once for one client: a loop in an application must not fill the table. */
export const maxDeviceCodes = 1000;
/** A second less than was agreed is let pass: the network is never even. */
const leastInterval = devicePollInterval - 1;

/** Nobody has answered yet. @param row alias of the device_codes row. */
export function waiting(row: string): string {
  return `${row}.outcome IS NULL AND ${row}.used_at IS NULL AND ${row}.expires_at > now()`;
}

const start: Statement = {
  name: 'device_start',
  text: `WITH soft AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
    full_up AS (SELECT count(*) >= ${maxDeviceCodes} AS yes FROM device_codes w
      WHERE w.client_uid = $5 AND w.used_at IS NULL AND w.expires_at > now()),
    code AS (
      INSERT INTO device_codes (hash, user_code, grant_id, client_id, client_uid, requested_scopes, resources, network, expires_at, keep_until)
      SELECT $1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $9::integer),
        now() + make_interval(secs => $9::integer) + interval '1 hour'
      FROM soft, full_up WHERE NOT full_up.yes
      ON CONFLICT (user_code) DO NOTHING RETURNING 1)
    SELECT EXISTS (SELECT FROM code) AS started, (SELECT yes FROM full_up) AS full`,
};

const poll: Statement = {
  name: 'device_poll',
  // A poll that comes too early writes nothing: a device in a loop costs one look into an index.
  text: `WITH soft AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
    code AS MATERIALIZED (
      SELECT d.hash, d.outcome, d.scopes, d.resources, d.used_at IS NOT NULL AS used, d.expires_at <= now() AS expired, ${waiting('d')} AS waiting,
        d.polled_at IS NULL OR d.polled_at <= now() - interval '${leastInterval} seconds' AS in_time
      FROM device_codes d WHERE d.hash = $1 AND d.client_id = $2 AND d.client_uid = $3),
    polled AS (
      UPDATE device_codes d SET polled_at = now() FROM code, soft
      WHERE d.hash = code.hash AND code.waiting AND code.in_time
        AND (d.polled_at IS NULL OR d.polled_at <= now() - interval '${leastInterval} seconds')
      RETURNING 1)
    SELECT outcome, COALESCE(scopes, '{}') AS scopes, resources, used, expired, EXISTS (SELECT FROM polled) AS in_time FROM code`,
};

const redeem: Statement = {
  name: 'device_redeem',
  // One statement decides who wins, and everything that follows from winning is in it. Whoever was said to have left since
  // the approval gets no grant of which that statement could not know.
  text: `WITH code AS (
      UPDATE device_codes d SET used_at = now(), keep_until = now() + make_interval(secs => $4::integer), scopes = $9::text[],
        claims = (SELECT COALESCE(jsonb_object_agg(known.key, known.value), '{}') FROM jsonb_each(d.claims) AS known
          WHERE known.key = ANY($10::text[]))
      WHERE d.hash = $1 AND d.client_id = $2 AND d.client_uid = $3
        AND d.outcome = 'approved' AND d.used_at IS NULL AND d.expires_at > now()
        AND NOT EXISTS (SELECT FROM revocations r
          WHERE r.kind = 'subject' AND r.value = d.subject AND r.revoked_at >= d.answered_at AND r.expires_at > now())
      RETURNING d.*, NULL::jsonb AS asked, '{}'::jsonb AS id_token_claims),
    granted AS (${insertGrant('code', 'NULL::text', '$4::integer')}),
    refresh AS (
      INSERT INTO refresh_tokens (hash, grant_id, expires_at, keep_until, certificate)
      SELECT $5::bytea, code.grant_id, LEAST(granted.expires_at, now() + make_interval(secs => $6::integer)), granted.expires_at, $11::text
      FROM code, granted WHERE $5::bytea IS NOT NULL),
    access AS (${insertAccessToken('$8', 'code, granted', { grant_id: 'code.grant_id', scopes: 'code.scopes' })}),
    audit_row AS (${insertAudit('$7', 'code', {
      user_id: 'code.subject',
      user_name: 'code.username',
      directory: 'code.directory',
      grant_id: 'code.grant_id',
      scopes: 'code.scopes',
    })})
    SELECT grant_id, subject, username, directory, scopes, claims, resources, extract(epoch FROM auth_time)::bigint AS auth_time FROM code`,
};

const replayed: Statement = {
  name: 'device_replayed',
  text: `WITH ended AS (
      UPDATE grants g SET ended_at = now(), ended_reason = 'code_replayed' FROM device_codes d
      WHERE d.hash = $1 AND d.client_id = $2 AND d.client_uid = $3 AND d.used_at IS NOT NULL AND g.id = d.grant_id AND g.ended_at IS NULL
      RETURNING g.id, g.subject, g.username, g.directory),
    revoked AS (${revokeGrant('ended')}),
    audit_row AS (${insertAudit('$4', 'ended', {
      user_id: 'ended.subject',
      user_name: 'ended.username',
      directory: 'ended.directory',
      grant_id: 'ended.id',
    })})
    SELECT count(*)::int AS ended FROM ended`,
};

export interface NewDeviceCode {
  /** Plain; only its digest is stored. */
  readonly deviceCode: string;
  /** Digest of the user code. */
  readonly userCode: Buffer;
  readonly grantId: string;
  readonly clientId: string;
  readonly clientUid: string;
  readonly scopes: readonly string[];
  /** `undefined`: none was named (RFC 8707). */
  readonly resources: readonly string[] | undefined;
  /** `undefined`: the address of whoever asked is not to be trusted. */
  readonly network: string | undefined;
  /** Seconds. */
  readonly lifetime: number;
}

/** `taken`: the user code is another's. `full`: {@link maxDeviceCodes} are waiting. */
export type Started = 'started' | 'taken' | 'full';

export interface PolledCode {
  readonly outcome: 'approved' | 'denied' | 'refused' | null;
  readonly used: boolean;
  readonly expired: boolean;
  /** It waits, and the last poll was long enough ago. */
  readonly inTime: boolean;
  /** What was allowed; empty until then. */
  readonly scopes: readonly string[];
  /** `undefined`: none was named. */
  readonly resources: readonly string[] | undefined;
}

/** The code of one client, as it presents it. */
export interface PresentedDeviceCode {
  readonly deviceCode: string;
  readonly clientId: string;
  readonly clientUid: string;
}

export interface DeviceRedemption extends PresentedDeviceCode {
  /** Those that were allowed and are still open to the client. */
  readonly scopes: readonly string[];
  /** What these release, of the claims that were confirmed. */
  readonly claimNames: readonly string[];
  /** Seconds that the grant can live. */
  readonly grantLifetime: number;
  /** Left out: no refresh token. */
  readonly refreshToken?: NewRefreshToken;
  /** Left out: the access token is a JWT. Grant and scopes are those of the code. */
  readonly accessToken?: NewAccessToken | undefined;
}

export interface RedeemedDeviceCode {
  readonly grantId: string;
  readonly subject: string;
  readonly username: string;
  readonly directory: string;
  readonly scopes: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
  readonly resources: readonly string[] | undefined;
  readonly authTime: number;
}

export interface DeviceCodeStore {
  start(code: NewDeviceCode): Promise<Started>;
  /** `null`: no such code of this client. */
  poll(code: PresentedDeviceCode): Promise<PolledCode | null>;
  /** `null`: it is not approved, or somebody was faster. Exactly one redemption of a code ever gets a value. */
  redeem(redemption: DeviceRedemption, audit: AuditEvent): Promise<RedeemedDeviceCode | null>;
  /** A code that was redeemed came again: its grant ends. @returns whether it still held */
  replayed(code: PresentedDeviceCode, audit: AuditEvent): Promise<boolean>;
}

interface PolledRow {
  outcome: PolledCode['outcome'];
  scopes: string[];
  resources: string[] | null;
  used: boolean;
  expired: boolean;
  in_time: boolean;
}

interface RedeemedRow {
  grant_id: string;
  subject: string;
  username: string;
  directory: string;
  scopes: string[];
  claims: Record<string, unknown>;
  resources: string[] | null;
  auth_time: number;
}

export function deviceCodeStore(database: Database): DeviceCodeStore {
  const presented = ({ deviceCode, clientId, clientUid }: PresentedDeviceCode): readonly [Buffer, string, string] => [
    digest(deviceCode),
    clientId,
    clientUid,
  ];
  return {
    async start(code) {
      const { rows } = await database.run<{ started: boolean; full: boolean }>(start, [
        digest(code.deviceCode),
        code.userCode,
        code.grantId,
        code.clientId,
        code.clientUid,
        code.scopes,
        code.resources ?? null,
        code.network ?? null,
        code.lifetime,
      ]);
      if (rows[0]?.started === true) return 'started';
      return rows[0]?.full === true ? 'full' : 'taken';
    },
    async poll(code) {
      const { rows } = await database.run<PolledRow>(poll, presented(code));
      return rows[0] === undefined ? null : polledOf(rows[0]);
    },
    async redeem(redemption, audit) {
      const { rows } = await database.run<RedeemedRow>(redeem, [
        ...presented(redemption),
        redemption.grantLifetime,
        redemption.refreshToken === undefined ? null : digest(redemption.refreshToken.token),
        redemption.refreshToken?.idle ?? 0,
        auditJson(audit),
        accessTokenJson(redemption.accessToken),
        redemption.scopes,
        redemption.claimNames,
        redemption.refreshToken?.certificate ?? null,
      ]);
      return rows[0] === undefined ? null : redeemedOf(rows[0]);
    },
    async replayed(code, audit) {
      const { rows } = await database.run<{ ended: number }>(replayed, [...presented(code), auditJson(audit)]);
      return rows[0]?.ended === 1;
    },
  };
}

function polledOf({ outcome, scopes, resources, used, expired, in_time: inTime }: PolledRow): PolledCode {
  return { outcome, used, expired, inTime, scopes, resources: resources ?? undefined };
}

function redeemedOf(row: RedeemedRow): RedeemedDeviceCode {
  return {
    grantId: row.grant_id,
    subject: row.subject,
    username: row.username,
    directory: row.directory,
    scopes: row.scopes,
    claims: row.claims,
    resources: row.resources ?? undefined,
    authTime: row.auth_time,
  };
}
