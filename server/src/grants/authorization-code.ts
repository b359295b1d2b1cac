/**
 * A code for tokens (RFC 6749 §4.1.3, RFC 7636 §4.6). One statement decides; only when it got nothing is it found out why.
 */

import { claimsForIdToken } from '../protocol/claims.ts';
import type { AuthenticatedClient } from '../protocol/client.ts';
import { jsonError } from '../protocol/errors.ts';
import { s256Challenge } from '../protocol/pkce.ts';
import { epochSeconds } from '../protocol/time.ts';
import type { ServerRegistration } from '../registry/registration.ts';
import type { AuthorizationCodeStore, RedeemedCode, Redemption } from '../store/authorization-codes.ts';
import type { AuditEvent } from '../telemetry/audit.ts';
import type { EmitAudit } from '../telemetry/audit-log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { openNonce } from '../tokens/code-nonce.ts';
import type { Issuance } from '../tokens/issue.ts';
import { grantLifetime } from '../tokens/lifetimes.ts';
import type { Grant, GrantContext, RequestOf } from './grant.ts';
import { issuedEvent } from './issued-event.ts';
import { newRefreshToken } from './new-refresh-token.ts';
import { newOpaqueToken, opaquely } from './opaque-token.ts';

export interface AuthorizationCodePorts {
  readonly codes: Pick<AuthorizationCodeStore, 'redeem' | 'explain'>;
  readonly server: () => ServerRegistration;
  readonly audit: EmitAudit;
  readonly metrics: Metrics;
}

export function authorizationCode(ports: AuthorizationCodePorts): Grant<'authorization_code'> {
  return {
    grantType: 'authorization_code',
    async redeem(request, client, context) {
      const redemption = redemptionOf(request, client, ports.server());
      const event = issuedEvent(client, context, 'authorization_code');
      const code = await ports.codes.redeem(redemption, event);
      if (code === null) return refuse(ports, redemption, client, context);
      ports.audit({ ...event, ...factsOf(code) });
      return issuanceOf(code, client, redemption);
    },
  };
}

function redemptionOf(
  { code, redirectUri, codeVerifier, resources }: RequestOf<'authorization_code'>,
  client: AuthenticatedClient,
  server: ServerRegistration,
): Redemption {
  const { registration, uid } = client;
  const refreshes = registration.grant_types.includes('refresh_token');
  return {
    code,
    clientId: registration.client_id,
    clientUid: uid,
    redirectUri,
    challenge: codeVerifier === undefined ? undefined : s256Challenge(codeVerifier),
    resources,
    grantLifetime: grantLifetime(registration, server),
    accessToken: newOpaqueToken(client, server),
    ...(refreshes ? { refreshToken: newRefreshToken(client, server) } : {}),
  };
}

/** Never returns: to the client every reason is the same. */
async function refuse(
  { codes, audit, metrics }: AuthorizationCodePorts,
  redemption: Redemption,
  client: AuthenticatedClient,
  context: GrantContext,
): Promise<never> {
  const event: AuditEvent = {
    ...issuedEvent(client, context, 'authorization_code'),
    event: 'replay.detected',
    outcome: 'refused',
    reason: 'code',
  };
  const reason = await codes.explain(redemption, event);
  if (reason === 'replayed') {
    audit(event);
    metrics.grantsEnded.inc({ cause: 'replay' });
  }
  if (reason === 'untargeted') {
    throw jsonError('invalid_target', 'a resource is not among those that were authorized');
  }
  throw jsonError('invalid_grant', 'the code is not valid', { detail: `code: ${reason}` });
}

function factsOf({ subject, username, grantId, scopes, sessionId }: RedeemedCode): Partial<AuditEvent> {
  return { userId: subject, userName: username, grantId, scopes, sessionId };
}

function issuanceOf(
  code: RedeemedCode,
  { registration, boundTo }: AuthenticatedClient,
  { code: handle, refreshToken, accessToken, resources }: Redemption,
): Issuance {
  return {
    client: registration,
    subject: code.subject,
    scopes: code.scopes,
    resources: resources ?? code.resources,
    user: {
      grantId: code.grantId,
      sessionId: code.offline ? undefined : code.sessionId,
      outlivedSessionId: code.offline ? code.sessionId : undefined,
      authTime: epochSeconds(code.authTime),
      nonce: code.nonce === undefined ? undefined : openNonce(handle, code.nonce),
      idTokenClaims: { ...claimsForIdToken(registration.id_token_claims, code.claims), ...code.idTokenClaims },
      context: code.asked?.context,
    },
    endsIn: code.endsIn,
    certificate: boundTo,
    ...opaquely(accessToken),
    ...(refreshToken === undefined ? {} : { refreshToken: refreshToken.token }),
  };
}
