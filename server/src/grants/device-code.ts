/**
 * A device code for tokens (RFC 8628 §3.4, §3.5). The person's yes was verified in the directory when it was given, so
 * nobody is asked here; whoever leaves before the device comes is ended by the sweep or by the first refresh.
 */
import { claimsForIdToken } from '../protocol/claims.ts';
import type { AuthenticatedClient } from '../protocol/client.ts';
import { jsonError, type ProtocolError } from '../protocol/errors.ts';
import { remainingTargets, targets } from '../protocol/resources.ts';
import { stillOpen } from '../protocol/scope.ts';
import { deviceCodeGrant } from '../protocol/terms.ts';
import { epochSeconds } from '../protocol/time.ts';
import type { ServerRegistration } from '../registry/registration.ts';
import type {
  DeviceCodeStore,
  DeviceRedemption,
  PolledCode,
  PresentedDeviceCode,
  RedeemedDeviceCode,
} from '../store/device-codes.ts';
import type { AuditEvent } from '../telemetry/audit.ts';
import type { EmitAudit } from '../telemetry/audit-log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { audiencesOf } from '../tokens/access-token.ts';
import type { Issuance } from '../tokens/issue.ts';
import { grantLifetime } from '../tokens/lifetimes.ts';
import type { Grant, GrantContext, RequestOf } from './grant.ts';
import { issuedEvent } from './issued-event.ts';
import { newRefreshToken } from './new-refresh-token.ts';
import { newOpaqueToken, opaquely } from './opaque-token.ts';

export interface DeviceCodePorts {
  readonly codes: Pick<DeviceCodeStore, 'poll' | 'redeem' | 'replayed'>;
  readonly server: () => ServerRegistration;
  readonly audit: EmitAudit;
  readonly metrics: Metrics;
  readonly audiencesOfScope: (scope: string) => readonly string[];
  readonly claimsOfScope: (scope: string) => readonly string[];
}

export function deviceCode(ports: DeviceCodePorts): Grant<typeof deviceCodeGrant> {
  return {
    grantType: deviceCodeGrant,
    async redeem(request, client, context) {
      const presented = presentedBy(request, client);
      const polled = await ports.codes.poll(presented);
      if (polled?.used === true) return replayed(ports, presented, client, context);
      const approved = requireOpen(client, requireApproved(ports, polled));
      // Before anything is spent.
      const audiences = requireAudiences(ports, client, approved, request.resources);
      const redemption = redemptionOf(ports, presented, client, { ...approved, audiences });
      const event = issuedEvent(client, context, deviceCodeGrant);
      const code = await ports.codes.redeem(redemption, event);
      // Somebody was faster with the same code, or the person has left since.
      if (code === null) return replayed(ports, presented, client, context);
      ports.audit({ ...event, ...factsOf(code) });
      return issuanceOf(code, client, redemption, request.resources);
    },
  };
}

function presentedBy(
  { deviceCode: code }: RequestOf<typeof deviceCodeGrant>,
  { registration, uid }: AuthenticatedClient,
): PresentedDeviceCode {
  return { deviceCode: code, clientId: registration.client_id, clientUid: uid };
}

function redemptionOf(
  ports: DeviceCodePorts,
  presented: PresentedDeviceCode,
  client: AuthenticatedClient,
  { scopes, audiences }: { readonly scopes: readonly string[]; readonly audiences: readonly string[] },
): DeviceRedemption {
  const { registration } = client;
  const server = ports.server();
  const refreshes = registration.grant_types.includes('refresh_token');
  return {
    ...presented,
    scopes,
    claimNames: scopes.flatMap(ports.claimsOfScope),
    grantLifetime: grantLifetime(registration, server),
    accessToken: newOpaqueToken(client, server, { audiences }),
    ...(refreshes ? { refreshToken: newRefreshToken(client, server) } : {}),
  };
}

function requireApproved({ metrics }: DeviceCodePorts, polled: PolledCode | null): PolledCode {
  const problem = problemOf(polled);
  if (problem === null && polled !== null) return polled;
  if (problem?.code === 'slow_down') metrics.deviceAuthorizations.inc({ outcome: 'slow_down' });
  if (problem?.code === 'expired_token') metrics.deviceAuthorizations.inc({ outcome: 'expired' });
  throw problem ?? invalid('unknown');
}

/** What was taken from the client since the yes is not given, however late the device comes. */
function requireOpen({ registration }: AuthenticatedClient, approved: PolledCode): PolledCode {
  const scopes = stillOpen(registration, approved.scopes);
  if (scopes === null) throw jsonError('access_denied', 'nothing that was allowed is open to the client any more');
  return { ...approved, scopes };
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

/** What the tokens shall be for, of what was authorized and is still allowed (RFC 8707 §2.2). */
function requireAudiences(
  { audiencesOfScope }: DeviceCodePorts,
  { registration }: AuthenticatedClient,
  { scopes, resources }: PolledCode,
  asked: readonly string[] | undefined,
): readonly string[] {
  const authorized = remainingTargets(audiencesOf(registration, scopes.flatMap(audiencesOfScope)), resources);
  const audiences = authorized === null ? null : targets(authorized, asked);
  if (audiences === null) throw jsonError('invalid_target', 'a resource is not among those that were authorized');
  return audiences;
}

/** Never returns: a spent code that comes again ends what it gave. */
async function replayed(
  { codes, audit, metrics }: DeviceCodePorts,
  presented: PresentedDeviceCode,
  client: AuthenticatedClient,
  context: GrantContext,
): Promise<never> {
  const event: AuditEvent = {
    ...issuedEvent(client, context, deviceCodeGrant),
    event: 'replay.detected',
    outcome: 'refused',
    reason: 'device_code',
  };
  if (await codes.replayed(presented, event)) {
    audit(event);
    metrics.grantsEnded.inc({ cause: 'replay' });
  }
  throw invalid('used');
}

function factsOf({ subject, username, directory, grantId, scopes }: RedeemedDeviceCode): Partial<AuditEvent> {
  return { userId: subject, userName: username, directory, grantId, scopes };
}

function issuanceOf(
  code: RedeemedDeviceCode,
  { registration, boundTo }: AuthenticatedClient,
  { refreshToken, accessToken }: DeviceRedemption,
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
    certificate: boundTo,
    ...opaquely(accessToken),
    ...(refreshToken === undefined ? {} : { refreshToken: refreshToken.token }),
  };
}
