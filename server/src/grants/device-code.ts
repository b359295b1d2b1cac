/**
 * A device code for tokens (RFC 8628 §3.4, §3.5). The person's yes was verified in the directory when it was given, so
 * nobody is asked here; whoever leaves before the device comes is ended by the sweep or by the first refresh.
 */
import { claimsForIdToken } from '../protocol/claims.ts';
import type { AuthenticatedClient } from '../protocol/client.ts';
import { jsonError, type ProtocolError } from '../protocol/errors.ts';
import { targets } from '../protocol/resources.ts';
import { deviceCodeGrant } from '../protocol/terms.ts';
import { epochSeconds } from '../protocol/time.ts';
import type { ServerRegistration } from '../registry/registration.ts';
import type { DeviceCodeStore, DeviceRedemption, PolledCode, RedeemedDeviceCode } from '../store/device-codes.ts';
import type { AuditEvent } from '../telemetry/audit.ts';
import { type EmitAudit, uuidV7 } from '../telemetry/audit-log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { audiencesOf } from '../tokens/access-token.ts';
import { newHandle } from '../tokens/handle.ts';
import type { Issuance } from '../tokens/issue.ts';
import { grantLifetime, refreshTokenIdle } from '../tokens/lifetimes.ts';
import type { Grant, GrantContext, RequestOf } from './grant.ts';
import { newOpaqueToken, opaquely } from './opaque-token.ts';

export interface DeviceCodePorts {
  readonly codes: Pick<DeviceCodeStore, 'poll' | 'redeem' | 'replayed'>;
  readonly server: () => ServerRegistration;
  readonly audit: EmitAudit;
  readonly metrics: Metrics;
  readonly audiencesOfScope: (scope: string) => readonly string[];
}

export function deviceCode(ports: DeviceCodePorts): Grant<typeof deviceCodeGrant> {
  return {
    grantType: deviceCodeGrant,
    async redeem(request, client, context) {
      const redemption = redemptionOf(request, client, ports.server());
      const polled = await ports.codes.poll(redemption);
      if (polled?.used === true) return replayed(ports, redemption, client, context);
      const problem = problemOf(polled);
      if (problem !== null) {
        countPoll(ports.metrics, problem);
        throw problem;
      }
      const audiences = polled === null ? [] : requireTargets(ports, client, polled, request.resources);
      const accessToken = newOpaqueToken(client, ports.server(), { audiences });
      const event = issued(client, context);
      const code = await ports.codes.redeem({ ...redemption, accessToken }, event);
      // Somebody was faster with the same code, or the person has left since.
      if (code === null) return replayed(ports, redemption, client, context);
      ports.audit({ ...event, ...factsOf(code) });
      return { ...issuanceOf(code, client, redemption, request.resources), ...opaquely(accessToken) };
    },
  };
}

function redemptionOf(
  { deviceCode: code }: RequestOf<typeof deviceCodeGrant>,
  { registration, uid }: AuthenticatedClient,
  server: ServerRegistration,
): DeviceRedemption {
  const refreshes = registration.grant_types.includes('refresh_token');
  return {
    deviceCode: code,
    clientId: registration.client_id,
    clientUid: uid,
    grantLifetime: grantLifetime(registration, server),
    ...(refreshes ? { refreshToken: { token: newHandle(), idle: refreshTokenIdle(registration, server) } } : {}),
  };
}

/** `null`: it is approved. To the client an unknown code and another client's are the same. */
function problemOf(polled: PolledCode | null): ProtocolError | null {
  if (polled === null) return invalid('unknown');
  if (polled.outcome === 'denied' || polled.outcome === 'refused') {
    return jsonError('access_denied', 'the request was denied');
  }
  if (polled.expired) return jsonError('expired_token', 'the device code has expired');
  if (polled.outcome === 'approved') return null;
  return polled.inTime
    ? jsonError('authorization_pending', 'nobody has answered yet')
    : jsonError('slow_down', 'wait five seconds more between two polls');
}

function invalid(reason: string): ProtocolError {
  return jsonError('invalid_grant', 'the device code is not valid', { detail: `device code: ${reason}` });
}

/** Before anything is spent: which audiences of what was authorized the tokens shall be for (RFC 8707 §2.2). */
function requireTargets(
  { audiencesOfScope }: DeviceCodePorts,
  { registration }: AuthenticatedClient,
  { scopes, resources }: PolledCode,
  asked: readonly string[] | undefined,
): readonly string[] {
  const audiences = targets(resources ?? audiencesOf(registration, scopes.flatMap(audiencesOfScope)), asked);
  if (audiences !== null) return audiences;
  throw jsonError('invalid_target', 'a resource is not among those that were authorized');
}

function countPoll(metrics: Metrics, { code }: ProtocolError): void {
  if (code === 'slow_down') metrics.deviceAuthorizations.inc({ outcome: 'slow_down' });
  if (code === 'expired_token') metrics.deviceAuthorizations.inc({ outcome: 'expired' });
}

/** Never returns: a spent code that comes again ends what it gave. */
async function replayed(
  { codes, audit, metrics }: DeviceCodePorts,
  redemption: DeviceRedemption,
  client: AuthenticatedClient,
  context: GrantContext,
): Promise<never> {
  const event: AuditEvent = {
    ...issued(client, context),
    event: 'replay.detected',
    outcome: 'refused',
    reason: 'device_code',
  };
  if (await codes.replayed(redemption, event)) {
    audit(event);
    metrics.grantsEnded.inc({ cause: 'replay' });
  }
  throw invalid('used');
}

function issued({ registration, uid }: AuthenticatedClient, { requestId, clientAddress }: GrantContext): AuditEvent {
  return {
    id: uuidV7(),
    event: 'token.issued',
    outcome: 'success',
    requestId,
    clientAddress,
    clientId: registration.client_id,
    clientUid: uid,
    grantType: deviceCodeGrant,
  };
}

function factsOf({ subject, username, directory, grantId, scopes }: RedeemedDeviceCode): Partial<AuditEvent> {
  return { userId: subject, userName: username, directory, grantId, scopes };
}

function issuanceOf(
  code: RedeemedDeviceCode,
  { registration }: AuthenticatedClient,
  { refreshToken }: DeviceRedemption,
  resources: readonly string[] | undefined,
): Issuance {
  return {
    client: registration,
    subject: code.subject,
    scopes: code.scopes,
    resources: resources ?? code.resources,
    user: {
      grantId: code.grantId,
      // The browser in which somebody said yes is not where the tokens live: they do not end with its session.
      sessionId: undefined,
      authTime: epochSeconds(code.authTime),
      nonce: undefined,
      idTokenClaims: claimsForIdToken(registration.id_token_claims, code.claims),
    },
    ...(refreshToken === undefined ? {} : { refreshToken: refreshToken.token }),
  };
}
