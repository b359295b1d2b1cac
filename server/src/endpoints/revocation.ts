/**
 * Token revocation (RFC 7009): a client is done with a token. What hangs off a grant ends as a whole, whichever of its tokens
 * came; a token of a client alone ends by itself. The answer never tells whether there was such a token.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AuthenticateClient } from '../http/client-authentication.ts';
import { readClientRequest, takePostOnly } from '../http/client-request.ts';
import { answeredCode } from '../http/error-reply.ts';
import { noStore } from '../http/headers.ts';
import type { KeySet } from '../keys/keys.ts';
import { endpointPaths } from '../protocol/endpoints.ts';
import { jsonError } from '../protocol/errors.ts';
import type { PresentedTokenStore, RevocationTarget } from '../store/presented-tokens.ts';
import { type AuditEvent, auditedClient } from '../telemetry/audit.ts';
import { type EmitAudit, uuidV7 } from '../telemetry/audit-log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { accessTokenOf, accessTokenType } from '../tokens/access-token.ts';
import { isHandle } from '../tokens/handle.ts';

export interface RevocationPorts {
  readonly authenticate: AuthenticateClient;
  readonly keys: Pick<KeySet, 'verify'>;
  readonly tokens: Pick<PresentedTokenStore, 'revoke'>;
  readonly audit: EmitAudit;
  readonly metrics: Metrics;
}

export function mountRevocation(app: FastifyInstance, ports: RevocationPorts): void {
  const config = { errors: 'json', admission: 'token' } as const;
  app.post(endpointPaths.revocation, { config }, async (request, reply) => {
    try {
      const outcome = await revoke(ports, request);
      ports.metrics.revocations.inc({ outcome });
      return reply.headers(noStore).send('');
    } catch (error) {
      ports.metrics.revocations.inc({ outcome: answeredCode(error) });
      throw error;
    }
  });
  takePostOnly(app, endpointPaths.revocation);
}

async function revoke(ports: RevocationPorts, request: FastifyRequest): Promise<'revoked' | 'ignored'> {
  const { client, parameters, source } = await readClientRequest(ports.authenticate, request);
  const token = parameters.get('token');
  if (token === undefined) throw jsonError('invalid_request', 'token is missing');
  const { client_id: clientId } = client.registration;
  // RFC 7009 §2.1: a wrong `token_type_hint` must not hide a token, so none is needed.
  const target = isHandle(token) ? { handle: token } : targetOfJwt(ports, token, clientId);
  if (target === null) return 'ignored';
  const event: AuditEvent = {
    id: uuidV7(),
    event: 'token.revoked',
    outcome: 'success',
    reason: 'client',
    requestId: request.id,
    clientAddress: source.address,
    ...auditedClient(client.registration, client.uid, client.allowedBy),
  };
  const revoked = await ports.tokens.revoke(target, { id: clientId, uid: client.uid }, event);
  if (revoked === null) return 'ignored';
  ports.audit({ ...event, ...revoked });
  if (revoked.grantId !== undefined) ports.metrics.grantsEnded.inc({ cause: 'client' });
  return 'revoked';
}

/** `null`: none of ours, expired, or another client's; nothing happens then (RFC 7009 §2.2). */
function targetOfJwt({ keys }: RevocationPorts, jwt: string, clientId: string): RevocationTarget | null {
  const claims = keys.verify(jwt, accessTokenType);
  const token = claims === null ? null : accessTokenOf(claims);
  if (token === null || token.clientId !== clientId) return null;
  return token.grantId === undefined ? { tokenId: token.tokenId } : { grantId: token.grantId };
}
