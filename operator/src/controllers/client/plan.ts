/** What a Client comes to, pure: registration, Secret, conditions. */
import { isDeepStrictEqual } from 'node:util';
import { builtInScopes, type ClientStatus, durationSeconds, nearest } from '@nauthera/crds';
import type { Registration, StoredRegistration } from '@nauthera/server/registry';
import { clientIdOf, hasUsers, registerClient, responseTypesOf } from '../../registrations/client.ts';
import { blocked, type ConditionDraft } from '../../runtime/conditions.ts';
import type { Secret } from '../../sources/source.ts';
import {
  type Attachment,
  nameOf,
  type ServerResource,
  serverInStatus,
  unresolvedAction,
  type WithSpec,
} from '../attachment.ts';
import type { NamespaceFacts } from '../invitation.ts';
import { isOwner } from '../ownership.ts';
import { type Demand, firstRefusal, refusalMessage } from '../policy.ts';
import type { Intent } from '../registering.ts';
import { type Adopted, adoptedNameOf, planAdopted, readAdopted } from './adopted-secret.ts';
import { hasSecret, planSecret, type SecretInputs, type SecretPlan } from './secret.ts';
import { secretNameOf } from './secret-values.ts';

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

const resolved = (message: string): ConditionDraft => ({
  type: 'ResolvedRefs',
  status: 'True',
  reason: 'ResolvedRefs',
  message,
});
const unresolved = (reason: string, message: string): ConditionDraft => ({
  type: 'ResolvedRefs',
  status: 'False',
  reason,
  message,
});
const accepted: ConditionDraft = { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'Accepted' };
const refused = (reason: string, message: string): ConditionDraft => ({
  type: 'Accepted',
  status: 'False',
  reason,
  message,
});

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
  const refs = references(inputs, server, adopted);
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
  const value = registerClient({
    namespace,
    name,
    spec,
    scopes: spec.scopes.filter((scope) => isBuiltIn(scope) || scopes.get(scope) === 'open'),
    secretDigests: secret?.digests ?? keptDigests(inputs),
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
      ...(secret === undefined
        ? keptSecret(status)
        : { binding: { name: secret.name }, secrets: [...secret.accepted] }),
    },
    readyMessage: (served) => readyMessage(inputs, served, clientId),
  };
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

/** Whoever deletes a Client and makes it anew under its name has ended its secrets: by uid, not by name. */
function ownDigests({ client, stored }: ClientInputs): readonly string[] {
  return stored?.owner.uid === client.uid ? stored.secretDigests : [];
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

function references(inputs: ClientInputs, server: ServerResource, adopted: Adopted | undefined): ConditionDraft {
  const { client, scopes, namespace, secret } = inputs;
  if (adopted?.outcome === 'unusable') return unresolved(adopted.reason, adopted.message);
  if (
    adopted === undefined &&
    secret !== undefined &&
    !(secret.owner?.kind === 'Client' && secret.owner.uid === client.uid)
  )
    return unresolved(
      'SecretNotOwned',
      `Secret "${secretNameOf(client)}" exists and was not made for this Client. Choose another spec.secret.name, or use it unchanged with spec.secret.adopt`,
    );
  // Without its database nobody knows which scopes there are.
  const wanted = inputs.serverHolds === 'not yet' ? [] : client.spec.scopes.filter((scope) => !isBuiltIn(scope));
  const missing = wanted.find((scope) => !scopes.has(scope));
  if (missing !== undefined) return unresolved('ScopeNotFound', scopeNotFound('spec.scopes', missing, server, scopes));
  const closed = wanted.find((scope) => scopes.get(scope) === 'closed');
  if (closed !== undefined)
    return unresolved(
      'ScopeNotAllowed',
      `spec.scopes: Scope "${closed}" is not open to namespace ${namespace.name}. Its owner can add it in spec.allowedClients.namespaces`,
    );
  return resolved(`AuthorizationServer ${nameOf(server)}`);
}

/** Suggests only what the namespace may request. */
export function scopeNotFound(
  field: string,
  missing: string,
  server: ServerResource,
  scopes: ReadonlyMap<string, 'open' | 'closed'>,
): string {
  const open = [...scopes].filter(([, state]) => state === 'open').map(([name]) => name);
  const meant = nearest(missing, [...open, ...builtInScopes]);
  const hint = meant === undefined ? '' : ` Did you mean "${meant}"?`;
  return `${field}: no Scope "${missing}" on ${nameOf(server)}.${hint} Waiting for it`;
}

export function isBuiltIn(scope: string): boolean {
  return builtInScopes.some((name) => name === scope);
}

function accept(inputs: ClientInputs, server: ServerResource): ConditionDraft {
  const { client, namespace, stored, source } = inputs;
  const ground = {
    policies: server.spec.clientPolicies ?? [],
    owner: server.namespace,
    namespace,
    secondsOf: durationSeconds,
  };
  const refusal = firstRefusal(ground, demandsOf(client));
  if (refusal !== undefined) return refused('PolicyViolation', refusalMessage(refusal, nameOf(server)));
  if (inputs.withoutCluster === true && client.spec.authentication.method === 'kubernetes_service_account')
    return refused(
      'PolicyViolation',
      'spec.authentication.method: kubernetes_service_account trusts the ServiceAccounts of a cluster, and these resources come from a folder. Use private_key_jwt or client_secret_basic',
    );
  const { signingAlgorithm } = client.spec.idToken;
  if (!server.spec.signing.algorithms.includes(signingAlgorithm))
    return refused(
      'PolicyViolation',
      `spec.idToken.signingAlgorithm: "${signingAlgorithm}" is not among spec.signing.algorithms of ${nameOf(server)} (${server.spec.signing.algorithms.join(', ')}). Change it or ask the owner of that server`,
    );
  if (stored !== null && !isOwner(stored.owner, source, client))
    return refused('Conflict', conflictMessage(stored.owner, inputs));
  return accepted;
}

/** Names an older owner only inside its own namespace. */
export function conflictMessage(
  owner: { readonly source: string; readonly namespace: string; readonly name: string },
  { client, source }: Pick<ClientInputs, 'client' | 'source'>,
): string {
  const where =
    owner.source === source && owner.namespace === client.namespace && owner.name !== client.name
      ? ` in this namespace: ${owner.name}`
      : '';
  return `client id "${clientIdOf(client)}" belongs to an older Client${where}. Choose another spec.clientId`;
}

function demandsOf(client: WithSpec<'Client'>): Demand[] {
  const { spec } = client;
  const clientId = clientIdOf(client);
  const lifetime = (
    field: string,
    name: 'accessToken' | 'refreshToken.idle' | 'refreshToken.absolute',
    value: string | undefined,
  ): Demand[] =>
    value === undefined
      ? []
      : [{ field, member: 'maxLifetimes', lifetime: name, value, seconds: durationSeconds(value) }];
  return [
    { field: 'spec.clientId', member: 'clientIds', value: clientId },
    ...spec.grantTypes.map((value): Demand => ({ field: 'spec.grantTypes', member: 'grantTypes', value })),
    ...responseTypesOf(spec).map((value): Demand => ({ field: 'spec.responseTypes', member: 'responseTypes', value })),
    { field: 'spec.authentication.method', member: 'authenticationMethods', value: spec.authentication.method },
    { field: 'spec.consent.mode', member: 'consentModes', value: spec.consent.mode },
    ...(spec.redirectUris ?? []).map(
      (uri, index): Demand => ({ field: `spec.redirectUris[${index}]`, member: 'redirectHosts', value: hostOf(uri) }),
    ),
    ...spec.scopes
      .filter((scope) => !isBuiltIn(scope))
      .map((value): Demand => ({ field: 'spec.scopes', member: 'scopes', value })),
    // A token for the client itself needs nobody's leave.
    ...(spec.accessToken?.audiences ?? [])
      .filter((audience) => audience !== clientId)
      .map((value): Demand => ({ field: 'spec.accessToken.audiences', member: 'audiences', value })),
    ...lifetime('spec.accessToken.lifetime', 'accessToken', spec.accessToken?.lifetime),
    ...lifetime('spec.refreshToken.idle', 'refreshToken.idle', spec.refreshToken?.idle),
    ...lifetime('spec.refreshToken.absolute', 'refreshToken.absolute', spec.refreshToken?.absolute),
  ];
}

/** Host of a web address; the scheme with its colon of any other; nothing where there is none: the server says so. */
function hostOf(uri: string): string {
  const url = URL.parse(uri);
  if (url === null) return '';
  return url.protocol === 'https:' || url.protocol === 'http:' ? url.hostname : url.protocol;
}
