/** What a Scope comes to, pure: registration and conditions. Its references are reported under `Accepted`. */
import { durationSeconds, type ScopeStatus } from '@nauthera/crds';
import type { StoredRegistration } from '@nauthera/server/registry';
import { registerScope, scopeNameOf } from '../../registrations/scope.ts';
import type { ConditionDraft } from '../../runtime/conditions.ts';
import { type Attachment, nameOf, serverInStatus, unresolvedAction, type WithSpec } from '../attachment.ts';
import type { NamespaceFacts } from '../invitation.ts';
import { isOwner } from '../ownership.ts';
import { type Demand, firstRefusal, refusalMessage } from '../policy.ts';
import type { Intent } from '../registering.ts';

export interface ScopeInputs {
  readonly source: string;
  readonly scope: WithSpec<'Scope'>;
  readonly namespace: NamespaceFacts;
  readonly attachment: Attachment;
  readonly serverHolds: 'yes' | 'not yet' | 'other';
  /** The row that has the scope's name. */
  readonly stored: StoredRegistration | null;
}

export interface ScopePlan extends Intent {
  readonly scope: string;
  readonly accepted: ConditionDraft;
  readonly status: Omit<ScopeStatus, 'conditions' | 'observedGeneration' | 'lastHandled'>;
}

export function planScope(inputs: ScopeInputs): ScopePlan {
  const { scope: resource, attachment, source, serverHolds } = inputs;
  const { namespace, name, uid } = resource;
  const scope = scopeNameOf(resource);
  const accepted = accept(inputs);
  const server = attachment.outcome === 'unresolved' ? undefined : attachment.server;
  const intent = ((): Pick<Intent, 'action' | 'blockedBy'> => {
    if (accepted.reason === 'Conflict') return { action: 'leave', blockedBy: 'Accepted' };
    if (attachment.outcome === 'unresolved') return { action: unresolvedAction(attachment), blockedBy: 'Accepted' };
    if (accepted.status !== 'True' || server === undefined) return { action: 'withdraw', blockedBy: 'Accepted' };
    if (serverHolds === 'yes') return { action: 'put', blockedBy: '' };
    return {
      action: serverHolds === 'other' ? 'withdraw' : 'leave',
      blockedBy: `AuthorizationServer ${nameOf(server)}`,
    };
  })();
  return {
    ...intent,
    registration: {
      kind: 'scope',
      id: scope,
      owner: { source, namespace, name, uid },
      value: registerScope(resource),
      withdrawn: intent.action === 'withdraw',
    },
    scope,
    accepted,
    // Whoever is refused is shown no name as if it were its own.
    status: { ...(accepted.status === 'True' ? { name: scope } : {}), ...serverInStatus(resource, attachment) },
  };
}

const refused = (reason: string, message: string): ConditionDraft => ({
  type: 'Accepted',
  status: 'False',
  reason,
  message,
});

const consentField = 'spec.consent';

function accept(inputs: ScopeInputs): ConditionDraft {
  const { attachment, scope, namespace, stored, source } = inputs;
  if (attachment.outcome === 'unresolved') return refused(attachment.reason, attachment.message);
  if (attachment.outcome === 'uninvited') return refused('NotAllowedByServer', attachment.message);
  const { server } = attachment;
  const ground = {
    policies: server.spec.clientPolicies ?? [],
    owner: server.namespace,
    namespace,
    secondsOf: durationSeconds,
  };
  const refusal = firstRefusal(ground, demandsOf(scope, server.namespace));
  if (refusal !== undefined) {
    const inWords = refusal.field === consentField ? { ...refusal, allowed: 'Required' } : refusal;
    return refused('PolicyViolation', refusalMessage(inWords, nameOf(server)));
  }
  if (stored !== null && !isOwner(stored.owner, source, scope))
    return refused('Conflict', scopeConflict(stored.owner, inputs));
  return {
    type: 'Accepted',
    status: 'True',
    reason: 'Accepted',
    message: `Accepted by AuthorizationServer ${nameOf(server)}`,
  };
}

/** @param owner namespace of the server, which decides for itself about consent. */
function demandsOf(scope: WithSpec<'Scope'>, owner: string): Demand[] {
  const { consent } = scope.spec;
  return [
    {
      field: scope.spec.name === undefined ? 'metadata.name' : 'spec.name',
      member: 'scopeNames',
      value: scopeNameOf(scope),
    },
    ...(scope.spec.audiences ?? []).map((value): Demand => ({ field: 'spec.audiences', member: 'audiences', value })),
    // Whoever writes both, a Client and a Scope that asks nobody, would do without the consent page.
    ...(consent === 'Implicit' && scope.namespace !== owner
      ? [{ field: consentField, member: 'consentModes', value: consent } as const]
      : []),
  ];
}

/** Names an older owner only inside its own namespace. */
export function scopeConflict(
  owner: { readonly source: string; readonly namespace: string; readonly name: string },
  { scope, source }: Pick<ScopeInputs, 'scope' | 'source'>,
): string {
  const where =
    owner.source === source && owner.namespace === scope.namespace && owner.name !== scope.name
      ? ` in this namespace: ${owner.name}`
      : '';
  return `scope "${scopeNameOf(scope)}" belongs to an older Scope${where}. Choose another spec.name`;
}
