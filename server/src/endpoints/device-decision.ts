/** The click on a device's page. After a yes the directory is always asked, for this very request, and only then is anything given. */
import { DirectoryUnavailable, knownClaims } from '../directory/directory.ts';
import { hasLeft, type Verification, type VerifiedConsent, verifyConsent } from '../directory/verify-consent.ts';
import { departureOf } from '../http/departure.ts';
import { holds } from '../interaction/next-step.ts';
import { releasedClaims } from '../protocol/claims.ts';
import { deviceCodeGrant } from '../protocol/terms.ts';
import type { EpochSeconds } from '../protocol/time.ts';
import type { ClientRegistration } from '../registry/registration.ts';
import type { DeviceAnswer, DeviceAnswerStore } from '../store/device-answers.ts';
import type { Session } from '../store/sessions.ts';
import { type AuditEvent, auditedClient } from '../telemetry/audit.ts';
import { stepOf } from '../telemetry/tracing.ts';
import type { DeviceRequest } from './device-request.ts';
import { audited, type FlowPorts } from './flow.ts';
import { rulesOf } from './interaction.ts';
import type { Visit } from './visit.ts';

export interface DecisionPorts extends FlowPorts {
  readonly devices: DeviceAnswerStore;
}

/** One person before one device's request. */
export interface Deciding {
  readonly request: DeviceRequest;
  readonly client: ClientRegistration;
  readonly session: Session;
}

/** A No ends the request at once. What was answered before stays as it is. */
export async function deny(ports: DecisionPorts, visit: Visit, deciding: Deciding): Promise<void> {
  await refuse(ports, visit, deciding, { outcome: 'denied', reason: 'denied_by_user', refused: [] });
}

/** `unavailable`: the directory could not be asked, and nothing has changed. */
export async function allow(
  ports: DecisionPorts,
  visit: Visit,
  deciding: Deciding,
): Promise<'answered' | 'unavailable'> {
  const clickedAt = ports.clock.now();
  const verification = await stepOf(ports.tracing, 'consent.verify', () => verified(ports, visit, deciding, clickedAt));
  if (verification === null) return 'unavailable';
  if (verification.outcome === 'verified') await approve(ports, visit, deciding, verification.consent);
  else await refuse(ports, visit, deciding, { ...verification, outcome: 'refused' });
  return 'answered';
}

async function verified(
  ports: DecisionPorts,
  visit: Visit,
  { request, client, session }: Deciding,
  clickedAt: EpochSeconds,
): Promise<Verification | null> {
  try {
    const rules = rulesOf(visit, session.directory);
    const user = await ports.directory.lookup(session, departureOf(visit.reply));
    const verification = verifyConsent(user, rules, {
      grantId: request.grantId,
      clientId: client.client_id,
      accessGroups: client.access_groups,
      onRefusedScope: client.consent.on_refused_scope,
      scopes: request.scopes,
      claims: [],
      // Before the question went out: the answer is at least as old as that.
      askedAt: clickedAt,
    });
    if (verification.outcome === 'refused') return verification;
    const asked = { grantId: request.grantId, clientId: client.client_id, subject: session.subject, clickedAt };
    if (holds(verification.consent, asked, ports.clock.now())) return verification;
    throw new DirectoryUnavailable(session.directory, 'its answer is not about this person, or came too late');
  } catch (error) {
    if (!(error instanceof DirectoryUnavailable)) throw error;
    ports.emitAudit(
      audited({
        ...facts(visit, { request, client, session }),
        event: 'consent.verified',
        outcome: 'failure',
        reason: 'directory_unavailable',
      }),
    );
    ports.metrics.consents.inc({ outcome: 'unavailable' });
    return null;
  }
}

async function approve(
  ports: DecisionPorts,
  visit: Visit,
  deciding: Deciding,
  consent: VerifiedConsent,
): Promise<void> {
  const refused = consent.refused.map(({ scope }) => scope);
  const event = audited({
    ...facts(visit, deciding),
    event: 'device.approved',
    outcome: 'success',
    directoryServer: consent.user.server,
    ...(consent.rules.length === 0 ? {} : { rule: consent.rules.join(', ') }),
    scopes: consent.scopes,
    ...(refused.length === 0 ? {} : { scopesRefused: refused }),
  });
  const claims = releasedClaims(
    consent.scopes,
    (scope) => visit.snapshot.scope(scope)?.value.claims,
    knownClaims(consent.user),
    consent.withheld,
  );
  const agreed = deciding.request.claims;
  const answer = { ...answerOf(deciding, 'approved'), scopes: consent.scopes, claims, agreed };
  if (!(await ports.devices.answer(answer, event))) return;
  ports.emitAudit(event);
  ports.metrics.deviceAuthorizations.inc({ outcome: 'approved' });
  ports.metrics.consents.inc({ outcome: refused.length === 0 ? 'allowed' : 'partial' });
}

interface Refusal {
  readonly outcome: 'denied' | 'refused';
  readonly reason: 'denied_by_user' | Extract<Verification, { outcome: 'refused' }>['reason'];
  readonly refused: Extract<Verification, { outcome: 'refused' }>['refused'];
}

async function refuse(ports: DecisionPorts, visit: Visit, deciding: Deciding, refusal: Refusal): Promise<void> {
  const { outcome, reason, refused } = refusal;
  const scopes = refused.map(({ scope }) => scope);
  const rules = [...new Set(refused.flatMap((one) => one.rules))];
  const event = audited({
    ...facts(visit, deciding),
    event: 'device.denied',
    outcome: 'refused',
    reason,
    ...(rules.length === 0 ? {} : { rule: rules.join(', ') }),
    scopesRefused: scopes.length === 0 ? deciding.request.scopes : scopes,
  });
  const first = await ports.devices.answer(answerOf(deciding, outcome), event);
  if (first) {
    ports.emitAudit(event);
    ports.metrics.deviceAuthorizations.inc({ outcome: 'denied' });
    ports.metrics.consents.inc({ outcome });
  }
  if (hasLeft(reason)) await endLeaver(ports, deciding.session, event);
}

/** The directory said that this person has left: whatever else they gave ends too. */
async function endLeaver(ports: DecisionPorts, { subject }: Session, denied: AuditEvent): Promise<void> {
  const ended = audited({ ...denied, event: 'grant.ended', outcome: 'success' });
  await ports.grants.endSubject(subject, [ended]);
  ports.emitAudit(ended);
  ports.metrics.grantsEnded.inc({ cause: 'leaver' });
}

function answerOf({ request, session }: Deciding, outcome: DeviceAnswer['outcome']): DeviceAnswer {
  const { subject, directory, entryId, username, authTime } = session;
  const { grantId, clientUid } = request;
  return { grantId, clientUid, outcome, subject, directory, entryId, username, scopes: [], claims: {}, authTime };
}

function facts(visit: Visit, { request, client, session }: Deciding): Omit<AuditEvent, 'event' | 'outcome'> {
  return {
    requestId: visit.request.id,
    clientAddress: visit.source.address,
    userId: session.subject,
    userName: session.username,
    directory: session.directory,
    ...auditedClient(client, request.clientUid, visit.snapshot.client(client.client_id)?.allowedBy),
    grantId: request.grantId,
    grantType: deviceCodeGrant,
    scopes: request.scopes,
    sessionId: session.id,
  };
}
