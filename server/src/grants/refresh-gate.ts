/**
 * The directory's word before a refresh: the same gate as at the first consent. What it ends is ended here; what it allows is
 * for the grant to give.
 */
import { type DirectoryPort, DirectoryUnavailable, type DirectoryUser } from '../directory/directory.ts';
import {
  type ConsentRules,
  hasLeft,
  type Leaving,
  type VerifiedConsent,
  verifyConsent,
} from '../directory/verify-consent.ts';
import type { AuthenticatedClient } from '../protocol/client.ts';
import { jsonError, type ProtocolError } from '../protocol/errors.ts';
import type { Clock } from '../protocol/time.ts';
import type { SnapshotSource } from '../registry/snapshot.ts';
import type { GrantStore, Grant as UserGrant } from '../store/grants.ts';
import { type AuditEvent, auditedClient } from '../telemetry/audit.ts';
import { type EmitAudit, uuidV7 } from '../telemetry/audit-log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { stepOf, type Tracing } from '../telemetry/tracing.ts';
import type { GrantContext, RequestOf } from './grant.ts';
import { mayLoseByGroups, questionAbout } from './regrant.ts';

export interface RefreshGatePorts {
  readonly grants: Pick<GrantStore, 'end' | 'endSubject'>;
  readonly directory: Pick<DirectoryPort, 'lookup' | 'showsGroups'>;
  readonly snapshot: SnapshotSource;
  readonly clock: Clock;
  readonly audit: EmitAudit;
  readonly metrics: Metrics;
  /** `undefined`: nothing is traced. */
  readonly tracing: Tracing | undefined;
}

/** One request on its way. */
export interface Refreshing {
  readonly request: RequestOf<'refresh_token'>;
  readonly client: AuthenticatedClient;
  readonly context: GrantContext;
}

/** To the client every reason is the same. */
export function invalid(reason: string): ProtocolError {
  return jsonError('invalid_grant', 'the refresh token is not valid', { detail: `refresh token: ${reason}` });
}

/** The same gate as at the first consent. A definite no ends what it speaks of; an outage ends and spends nothing. */
export async function askDirectory(
  ports: RefreshGatePorts,
  refreshing: Refreshing,
  grant: UserGrant,
): Promise<VerifiedConsent> {
  const { registration } = refreshing.client;
  // A scope that was taken from the client since is gone before the directory is asked.
  const scopes = grant.scopes.filter((scope) => registration.scopes.includes(scope));
  if (scopes.length === 0) {
    await end(ports, refreshing, grant, { reason: 'scope_withdrawn' });
    throw invalid('none of its scopes is open to the client');
  }
  const askedAt = ports.clock.now();
  const verification = await stepOf(ports.tracing, 'consent.verify', async () => {
    const { rules, user } = await lookUp(ports, refreshing, grant);
    return verifyConsent(user, rules, questionAbout(grant, registration, ports.snapshot.current, { scopes, askedAt }));
  });
  if (verification.outcome === 'verified') return verification.consent;
  const { reason, refused } = verification;
  if (hasLeft(reason)) await endLeaver(ports, refreshing, grant, reason);
  // Nothing ends: the same token is good again when the hours of the account begin.
  else if (reason === 'outside_hours') {
    ports.audit(eventOf(refreshing, grant, { event: 'token.refused', outcome: 'refused', reason }));
  } else {
    const asked = [...new Set(refused.flatMap((one) => one.rules))];
    await end(ports, refreshing, grant, {
      reason,
      ...(asked.length === 0 ? {} : { rule: asked.join(', ') }),
      scopesRefused: refused.map(({ scope }) => scope),
    });
  }
  throw invalid(reason);
}

async function lookUp(
  { directory, snapshot, audit }: RefreshGatePorts,
  refreshing: Refreshing,
  grant: UserGrant,
): Promise<{ rules: ConsentRules; user: DirectoryUser | null }> {
  try {
    // A directory that is not registered now has not said that anybody left.
    const rules = snapshot.current.directory(grant.directory)?.value;
    if (rules === undefined) throw new DirectoryUnavailable(grant.directory, 'it is not registered');
    const reference = { directory: grant.directory, entryId: grant.entryId };
    const { signal } = refreshing.context;
    const user = await directory.lookup(reference, signal);
    // Its subjects were made anew: the entry is there, and it is not the person who allowed this.
    if (user !== null && user.subject !== grant.subject) {
      throw new DirectoryUnavailable(grant.directory, 'its subjects are not those of before');
    }
    // A service account that may no longer read groups is told that there are none: that ends nothing.
    if (user?.account === 'active' && user.groups.length === 0 && losesByGroups(refreshing, grant, rules)) {
      const shown = await directory.showsGroups({ directory: grant.directory, server: user.server }, signal);
      if (!shown) throw new DirectoryUnavailable(grant.directory, 'it shows no group at all');
    }
    return { rules, user };
  } catch (error) {
    if (!(error instanceof DirectoryUnavailable)) throw error;
    audit(eventOf(refreshing, grant, { event: 'token.refused', outcome: 'failure', reason: 'directory_unavailable' }));
    throw jsonError('temporarily_unavailable', 'the directory could not be asked, nothing was spent', { cause: error });
  }
}

function losesByGroups({ client }: Refreshing, grant: UserGrant, rules: ConsentRules): boolean {
  return mayLoseByGroups(grant, rules, client.registration.access_groups);
}

async function end(
  ports: RefreshGatePorts,
  refreshing: Refreshing,
  grant: UserGrant,
  why: Partial<AuditEvent>,
): Promise<void> {
  const event = eventOf(refreshing, grant, { event: 'grant.ended', outcome: 'refused', ...why });
  await ports.grants.end(grant.id, 'rule', event);
  ports.audit(event);
  ports.metrics.grantsEnded.inc({ cause: 'rule' });
}

async function endLeaver(
  ports: RefreshGatePorts,
  refreshing: Refreshing,
  grant: UserGrant,
  reason: Leaving,
): Promise<void> {
  const event = eventOf(refreshing, grant, { event: 'grant.ended', outcome: 'refused', reason });
  await ports.grants.endSubject(grant.subject, [event]);
  ports.audit(event);
  ports.metrics.grantsEnded.inc({ cause: 'leaver' });
}

export function eventOf(
  { client, context }: Refreshing,
  grant: UserGrant,
  event: Pick<AuditEvent, 'event' | 'outcome'> & Partial<AuditEvent>,
): AuditEvent {
  return {
    requestId: context.requestId,
    clientAddress: context.clientAddress,
    userId: grant.subject,
    userName: grant.username,
    directory: grant.directory,
    ...auditedClient(client.registration, client.uid, client.allowedBy),
    grantId: grant.id,
    grantType: 'refresh_token',
    scopes: grant.scopes,
    ...(grant.sessionId === undefined ? {} : { sessionId: grant.sessionId }),
    ...event,
    id: uuidV7(),
  };
}
