/** PURE. What the directory's word about a user means for the sessions and grants that hang off them. */
import { isDeepStrictEqual } from 'node:util';
import { type DirectoryUser, knownClaims, type LookedUp } from '../directory/directory.ts';
import { type ConsentRules, hasLeft, verifyConsent } from '../directory/verify-consent.ts';
import { hasGroups, mayLoseByGroups, questionAbout, releasedAgain } from '../grants/regrant.ts';
import type { EpochSeconds } from '../protocol/time.ts';
import type { ClientRegistration } from '../registry/registration.ts';
import type { Registered, Snapshot } from '../registry/snapshot.ts';
import type { Bucket, HeldGrant, HeldSession, Leaver, Renewals } from '../store/rechecks.ts';
import { type AuditEvent, auditedClient } from '../telemetry/audit.ts';

/** A user with all that hangs off them. */
export interface Held {
  readonly subject: string;
  readonly entryId: string;
  readonly username: string;
  readonly sessions: readonly HeldSession[];
  readonly grants: readonly HeldGrant[];
}

/** A grant that the rules allow no longer, with what is told of it. */
export interface RuledOut {
  readonly grantId: string;
  readonly event: AuditEvent;
}

export interface Judgement {
  readonly leavers: readonly Leaver[];
  /** Users of whom nothing is known: their entry cannot be read, or is another person's by now. */
  readonly unknown: number;
  readonly renewals: Renewals;
  readonly ruledOut: readonly RuledOut[];
}

export interface Facts {
  readonly directory: string;
  readonly rules: ConsentRules;
  readonly current: Pick<Snapshot, 'client' | 'scope'>;
  /** When the directory was asked. */
  readonly askedAt: EpochSeconds;
  /** It shows no group at all: nobody knows who is in which, so nothing is renewed and no rule is asked. */
  readonly groupsHidden: boolean;
}

/** Everybody of a lot, once. */
export function usersOf({ sessions, grants }: Bucket): readonly Held[] {
  const users = new Map<string, Held & { sessions: HeldSession[]; grants: HeldGrant[] }>();
  const userOf = ({ subject, entryId, username }: HeldSession | HeldGrant) => {
    const user = users.get(subject) ?? { subject, entryId, username, sessions: [], grants: [] };
    users.set(subject, user);
    return user;
  };
  for (const session of sessions) userOf(session).sessions.push(session);
  for (const grant of grants) userOf(grant).grants.push(grant);
  return [...users.values()];
}

/** @param found by entry id, as a complete search found them */
export function judge(users: readonly Held[], found: ReadonlyMap<string, LookedUp>, facts: Facts): Judgement {
  const leavers: Leaver[] = [];
  const sessions: Renewals['sessions'][number][] = [];
  const grants: Renewals['grants'][number][] = [];
  const events: AuditEvent[] = [];
  const ruledOut: RuledOut[] = [];
  let unknown = 0;
  for (const held of users) {
    const now = found.get(held.entryId);
    const { subject, username } = held;
    if (now === undefined) leavers.push({ subject, username, reason: 'gone' });
    else if (now === 'unreadable' || now.subject !== subject) unknown += 1;
    else if (hasLeft(now.account)) leavers.push({ subject, username, reason: now.account });
    else if (now.account === 'active' && facts.groupsHidden) unknown += 1;
    else if (now.account === 'active') {
      sessions.push(...changedSessions(held, now));
      for (const grant of held.grants) {
        const outcome = regrant(grant, now, facts);
        if (outcome === null) continue;
        if ('ruledOut' in outcome) ruledOut.push(outcome.ruledOut);
        else grants.push(outcome.renewed);
        if ('event' in outcome && outcome.event !== undefined) events.push(outcome.event);
      }
    }
  }
  return { leavers, unknown, renewals: { sessions, grants, events }, ruledOut };
}

function changedSessions({ sessions }: Held, user: DirectoryUser): Renewals['sessions'] {
  const claims = knownClaims(user);
  return sessions
    .filter((session) => session.name !== user.name || !isDeepStrictEqual(session.claims, asStored(claims)))
    .map(({ id }) => ({ id, claims, name: user.name }));
}

type Regrant =
  | { readonly ruledOut: RuledOut }
  | { readonly renewed: Renewals['grants'][number]; readonly event: AuditEvent | undefined };

/** `null`: all is as it was, or its client is not there just now: what becomes of it then is decided elsewhere. */
function regrant(grant: HeldGrant, user: DirectoryUser, { rules, current, askedAt }: Facts): Regrant | null {
  const client = current.client(grant.clientId);
  if (client === undefined || client.owner.uid !== grant.clientUid) return null;
  const registration = client.value;
  const scopes = grant.scopes.filter((scope) => registration.scopes.includes(scope));
  if (scopes.length === 0) return null;
  const verification = verifyConsent(user, rules, questionAbout(grant, registration, current, { scopes, askedAt }));
  const told = eventAbout(grant, user, client);
  const lost = (refused: readonly { readonly scope: string; readonly rules: readonly string[] }[]) => {
    const asked = [...new Set(refused.flatMap((one) => one.rules))];
    return {
      ...(asked.length === 0 ? {} : { rule: asked.join(', ') }),
      scopesRefused: refused.map(({ scope }) => scope),
    };
  };
  if (verification.outcome === 'refused') {
    const { reason, refused } = verification;
    return { ruledOut: { grantId: grant.id, event: { ...told, event: 'grant.ended', reason, ...lost(refused) } } };
  }
  const { consent } = verification;
  const released = releasedAgain(grant, registration, current, consent);
  const next = {
    scopes: grant.scopes.filter((scope) => consent.scopes.includes(scope) || !scopes.includes(scope)),
    ...released,
  };
  const { claims, idTokenClaims, asked } = grant;
  if (isDeepStrictEqual(asStored(next), asStored({ scopes: grant.scopes, claims, idTokenClaims, asked }))) return null;
  const { refused } = consent;
  const event: AuditEvent | undefined =
    refused.length === 0
      ? undefined
      : { ...told, event: 'consent.verified', reason: 'scope_refused', scopes: next.scopes, ...lost(refused) };
  return { renewed: { id: grant.id, was: grant.scopes, ...next }, event };
}

function eventAbout(
  grant: HeldGrant,
  user: DirectoryUser,
  client: Registered<ClientRegistration>,
): Omit<AuditEvent, 'event' | 'reason'> {
  return {
    outcome: 'refused',
    userId: grant.subject,
    userName: grant.username,
    directory: grant.directory,
    directoryServer: user.server,
    ...auditedClient(client.value, grant.clientUid, client.allowedBy),
    grantId: grant.id,
    scopes: grant.scopes,
  };
}

/** Somebody in a group, as far as is known, or with a grant that a group may have given. */
export function userMayLoseByGroups(
  { sessions, grants }: Held,
  rules: ConsentRules,
  current: Pick<Snapshot, 'client'>,
): boolean {
  const accessGroupsOf = ({ clientId }: HeldGrant) => current.client(clientId)?.value.access_groups ?? [];
  return (
    sessions.some(({ claims }) => hasGroups(claims)) ||
    grants.some((grant) => mayLoseByGroups(grant, rules, accessGroupsOf(grant)))
  );
}

/** As it comes back from a jsonb column. */
function asStored(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
