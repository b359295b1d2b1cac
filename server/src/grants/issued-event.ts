/** The audit row of a grant that a code was redeemed for, as far as it is known before the statement that writes it. */
import type { AuthenticatedClient } from '../protocol/client.ts';
import type { TokenGrantType } from '../protocol/token-request.ts';
import { type AuditEvent, auditedClient } from '../telemetry/audit.ts';
import { uuidV7 } from '../telemetry/audit-log.ts';
import type { GrantContext } from './grant.ts';

export function issuedEvent(
  { registration, uid, allowedBy }: AuthenticatedClient,
  { requestId, clientAddress }: GrantContext,
  grantType: TokenGrantType,
): AuditEvent {
  return {
    id: uuidV7(),
    event: 'token.issued',
    outcome: 'success',
    requestId,
    clientAddress,
    ...auditedClient(registration, uid, allowedBy),
    grantType,
  };
}
