/** What a Client comes to, pure: registration, Secret, conditions. */
import { isDeepStrictEqual } from 'node:util';
import type { ClientSpec, ClientStatus } from '@nauthera/crds';
import type { Registration, StoredRegistration } from '@nauthera/server/registry';
import { clientIdOf, hasUsers, registerClient, responseTypesOf, sectorOf } from '../../registrations/client.ts';
import { blocked, type ConditionDraft } from '../../runtime/conditions.ts';
import type { ConfigMap, Secret } from '../../sources/source.ts';
import { type Attachment, nameOf, serverInStatus, unresolvedAction, type WithSpec } from '../attachment.ts';
import type { NamespaceFacts } from '../invitation.ts';
import { type Logo, readLogo } from '../logo.ts';
import { isOwner } from '../ownership.ts';
import type { Intent } from '../registering.ts';
import { accept, refused } from './acceptance.ts';
import { type Adopted, adoptedNameOf, planAdopted, readAdopted } from './adopted-secret.ts';
import { isBuiltIn, references, resolved, unresolved } from './references.ts';
import { hasSecret, planSecret, type SecretInputs, type SecretPlan } from './secret.ts';

/** Read by `inputs.ts`, all of it before anything is decided. */
export interface ClientInputs {
  readonly source: string;
  readonly client: WithSpec<'Client'>;
  readonly namespace: NamespaceFacts;
  readonly attachment: Attachment;
  /** Whether the server has its database: `other`: another AuthorizationServer has it. */
  readonly serverHolds: 'yes' | 'not yet' | 'other';
  readonly issuer: string | undefined;
  /** Scopes of that server which are registered: open to this namespace or not. */
  readonly scopes: ReadonlyMap<string, 'open' | 'closed'>;
  /** Of the name to write, or to adopt. */
  readonly secret: Secret | undefined;
  /** Made for this Client, under other names. */
  readonly otherSecrets: readonly Secret[];
  /** The one that `spec.logo` names. */
  readonly logo?: ConfigMap | undefined;
  /** The row that has the client id. */
  readonly stored: StoredRegistration | null;
  readonly hasDirectory: boolean;
  /** The resources come from a folder: there is no cluster whose ServiceAccounts could be meant. */
  readonly withoutCluster?: boolean;
  readonly fresh: string;
  readonly now: number;
}

export interface ClientPlan {
  readonly clientId: string;
  readonly action: Intent['action'];
  readonly registration: Registration;
  readonly secret: SecretPlan | undefined;
  /** `ResolvedRefs`, `Accepted`, and what stands only while True. */
  readonly conditions: readonly ConditionDraft[];
  readonly blockedBy: string;
  readonly status: Omit<ClientStatus, 'conditions' | 'observedGeneration' | 'lastHandled'>;
  /** Message of a True `Ready`, given who serves it. */
  readyMessage(served: string): string;
}

export function planClient(inputs: ClientInputs): ClientPlan {
  const { attachment, client } = inputs;
  if (attachment.outcome === 'unresolved') {
    const conditions = [unresolved(attachment.reason, attachment.message), blocked('Accepted', 'ResolvedRefs')];
    return compose(inputs, { action: unresolvedAction(attachment), conditions, blockedBy: 'ResolvedRefs' });
  }
  const { server } = attachment;
  // Whoever is not invited learns nothing about the scopes of that server.
  if (attachment.outcome === 'uninvited') {
    const conditions = [
      resolved(`AuthorizationServer ${nameOf(server)}`),
      refused('NotAllowedByServer', attachment.message),
    ];
    return compose(inputs, { action: 'withdraw', conditions, blockedBy: 'Accepted' });
  }
  const adopted = readWanted(inputs);
  const refs = references(inputs, server, { adopted, logo: logoOf(inputs) });
  const acceptance = accept(inputs, server);
  const conditions = [refs, acceptance];
  if (acceptance.reason === 'Conflict') return compose(inputs, { action: 'leave', conditions, blockedBy: 'Accepted' });
  if (acceptance.status !== 'True') return compose(inputs, { action: 'withdraw', conditions, blockedBy: 'Accepted' });
  if (adopted?.outcome === 'unusable' || refs.reason === 'SecretNotOwned')
    return compose(inputs, { action: 'leave', conditions, blockedBy: 'ResolvedRefs' });
  const { issuer } = inputs;
  if (inputs.serverHolds !== 'yes' || issuer === undefined) {
    const action = inputs.serverHolds === 'other' ? 'withdraw' : 'leave';
    return compose(inputs, { action, conditions, blockedBy: `AuthorizationServer ${nameOf(server)}` });
  }
  const facts = {
    others: inputs.otherSecrets,
    storedDigests: ownDigests(inputs),
    known: client.status.secrets ?? [],
    now: inputs.now,
  };
  const secret = adopted === undefined ? planGenerated(inputs, issuer, facts) : planAdopted(facts, adopted);
  return compose(inputs, {
    action: 'put',
    conditions: secret.blocked === undefined ? conditions : [...conditions, immutable(secret.blocked)],
    blockedBy: '',
    secret,
  });
}

function logoOf({ client: { spec, namespace }, logo }: ClientInputs): Logo | undefined {
  return readLogo('spec.logo', spec.logo, { namespace, configMap: logo });
}

function readWanted({ client, secret }: ClientInputs): Adopted | undefined {
  const name = adoptedNameOf(client.spec);
  return name === undefined ? undefined : readAdopted(client, name, secret);
}

function planGenerated(
  { client, secret, fresh }: ClientInputs,
  issuer: string,
  facts: Pick<SecretInputs, 'others' | 'storedDigests' | 'known' | 'now'>,
): SecretPlan {
  const plan = planSecret({ ...facts, client, issuer, target: secret, fresh });
  const repair = plan.event === undefined && repairs(client, issuer, plan);
  return repair ? { ...plan, event: { reason: 'DriftRepaired', note: driftNote(plan.name) } } : plan;
}

const driftNote = (name: string): string => `Secret "${name}" was edited and has been put back`;

/** What it holds was right for this generation, and nobody but an editor of the Secret can have changed it. */
function repairs({ status, generation }: WithSpec<'Client'>, issuer: string, { name, writes }: SecretPlan): boolean {
  if (status.observedGeneration !== generation || status.issuer !== issuer || status.binding?.name !== name)
    return false;
  return writes.some((one) => one.write === 'update' && !isDeepStrictEqual(one.before.data, one.next.data));
}

function immutable(message: string): ConditionDraft {
  return { type: 'RotationBlocked', status: 'True', reason: 'SecretImmutable', message };
}

type Decision = Pick<ClientPlan, 'action' | 'conditions' | 'blockedBy'> & { readonly secret?: SecretPlan };

function compose(inputs: ClientInputs, decision: Decision): ClientPlan {
  const { client, attachment, source, scopes } = inputs;
  const { namespace, name, uid, spec, status } = client;
  const { secret } = decision;
  // Whatever keeps the rest waiting: what is suspended is served to nobody. Another owner's row is not ours to touch.
  const action = decision.action === 'leave' && spec.suspend ? 'withdraw' : decision.action;
  const clientId = clientIdOf(client);
  const logo = logoOf(inputs);
  const value = registerClient({
    namespace,
    name,
    spec,
    scopes: spec.scopes.filter((scope) => isBuiltIn(scope) || scopes.get(scope) === 'open'),
    secretDigests: secret?.digests ?? keptDigests(inputs),
    logo: logo?.outcome === 'found' ? logo.picture : undefined,
  });
  return {
    ...decision,
    action,
    secret,
    clientId,
    registration: {
      kind: 'client',
      id: clientId,
      owner: { source, namespace, name, uid },
      value,
      withdrawn: action === 'withdraw' || spec.suspend,
    },
    status: {
      ...(isAccepted(decision) ? identityOf(clientId, inputs.issuer) : {}),
      ...serverInStatus(client, attachment),
      responseTypes: [...responseTypesOf(spec)],
      ...sectorInStatus(spec),
      ...(secret === undefined
        ? keptSecret(status)
        : { binding: { name: secret.name }, secrets: [...secret.accepted] }),
    },
    readyMessage: (served) => readyMessage(inputs, served, clientId),
  };
}

function sectorInStatus(spec: ClientSpec): Pick<ClientStatus, 'sectorIdentifier'> {
  const sectorIdentifier = sectorOf(spec);
  return sectorIdentifier === undefined ? {} : { sectorIdentifier };
}

/** Whoever is refused, or not yet judged, is shown no client id as if it were its own. */
function isAccepted({ conditions }: Decision): boolean {
  return conditions.some(({ type, status }) => type === 'Accepted' && status === 'True');
}

function identityOf(clientId: string, issuer: string | undefined): Pick<ClientStatus, 'clientId' | 'issuer'> {
  return { clientId, ...(issuer === undefined ? {} : { issuer }) };
}

function keptDigests(inputs: ClientInputs): readonly string[] {
  return hasSecret(inputs.client.spec) ? ownDigests(inputs) : [];
}

/**
 * Whoever deletes a Client and makes it anew under its name has ended its secrets: by uid, not by name. What was taken over
 * from a cluster that is gone is claimed by name.
 */
function ownDigests({ client, stored, source }: ClientInputs): readonly string[] {
  if (stored === null) return [];
  const claims = stored.adopted === true && isOwner(stored.owner, source, client);
  return claims || stored.owner.uid === client.uid ? stored.secretDigests : [];
}

function keptSecret({ binding, secrets }: ClientStatus): Pick<ClientStatus, 'binding' | 'secrets'> {
  return { ...(binding === undefined ? {} : { binding }), ...(secrets === undefined ? {} : { secrets }) };
}

function readyMessage({ client, hasDirectory }: ClientInputs, served: string, clientId: string): string {
  const { grantTypes } = client.spec;
  if (!hasUsers(client.spec) || hasDirectory) return `${served} as ${clientId}`;
  const works = grantTypes.includes('client_credentials') ? ' (client_credentials works)' : '';
  return `Ready; no LdapBinding yet, so users cannot sign in${works}`;
}
