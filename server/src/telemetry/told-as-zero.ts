/**
 * Counters that are told as 0 before anything was counted: a rate over a series that begins with its first event does not
 * see that event, and an alert that waits for one would sleep through it. Only closed unions, and only where they are few.
 */
import { clientAuthenticationMethods, grantTypes } from '../protocol/terms.ts';
import { auditEvents } from './audit.ts';
import type { Metrics } from './metrics.ts';

/** What a token endpoint answers that is our own fault. */
const ownFaults = ['server_error', 'temporarily_unavailable'] as const;

export const grantEnds = ['user', 'client', 'replay', 'leaver', 'rule', 'expiry', 'admin'] as const;
export const consentOutcomes = ['allowed', 'remembered', 'denied', 'partial', 'refused', 'unavailable'] as const;
export const deviceOutcomes = ['started', 'approved', 'denied', 'expired', 'slow_down'] as const;
export const limiters = ['login_account', 'login_address', 'client_auth', 'user_code', 'address'] as const;
export const shedReasons = ['event_loop', 'in_flight', 'database'] as const;
export const reuseResults = ['grace', 'replay'] as const;
export const deliveryOutcomes = ['delivered', 'retried', 'gave_up'] as const;

export function tellZeros(metrics: Metrics): void {
  tellFaults(metrics);
  for (const cause of grantEnds) metrics.grantsEnded.inc({ cause }, 0);
  for (const outcome of consentOutcomes) metrics.consents.inc({ outcome }, 0);
  for (const outcome of deviceOutcomes) metrics.deviceAuthorizations.inc({ outcome }, 0);
  for (const limiter of limiters) metrics.rateLimited.inc({ limiter }, 0);
  for (const reason of shedReasons) metrics.requestsShed.inc({ reason }, 0);
  for (const result of reuseResults) metrics.refreshReuse.inc({ result }, 0);
  for (const outcome of deliveryOutcomes) metrics.logoutDeliveries.inc({ outcome }, 0);
  for (const event of auditEvents) metrics.auditEvents.inc({ event }, 0);
}

/** Before the client is known, and for every way in which one may ask. */
function tellFaults({ tokenRequests }: Metrics): void {
  for (const outcome of ownFaults) {
    tokenRequests.inc({ grant_type: 'unknown', client_auth_method: 'unknown', outcome }, 0);
    for (const client_auth_method of clientAuthenticationMethods) {
      for (const grant_type of grantTypes) {
        if (grant_type !== 'implicit') tokenRequests.inc({ grant_type, client_auth_method, outcome }, 0);
      }
    }
  }
}
