/** What a Client comes to, pure: registration, Secret, conditions. */
import { isDeepStrictEqual } from 'node:util';
import type { ClientSpec, ClientStatus } from '@nauthera/crds';
import type { Registration } from '@nauthera/server/registry';
import { clientIdOf, hasUsers, registerClient, responseTypesOf, sectorOf } from '../../registrations/client.ts';
import { mutualTlsUrlOf } from '../../registrations/mutual-tls.ts';
import { blocked, type ConditionDraft } from '../../runtime/conditions.ts';
import type { NewSecret } from '../../sources/source.ts';
import { nameOf, serverInStatus, unresolvedAction, type WithSpec } from '../attachment.ts';
import { type Logo, readLogo } from '../logo.ts';
import type { Intent } from '../registering.ts';
import { accept, judgeClient, refused } from './acceptance.ts';
import { type Adopted, adoptedNameOf, planAdopted, planRevokedAdopted, readAdopted } from './adopted-secret.ts';
import type { ClientInputs } from './client-inputs.ts';
import { effectiveOf, lifetimesOf } from './effective.ts';
import { isBuiltIn, references, resolved, unresolved } from './references.ts';
import { retainedIn, withOwner } from './retaining.ts';
import { planSecret } from './secret.ts';
import { keptSecrets, ownNotes, type SecretFacts, secretFacts } from './secret-facts.ts';
import type { Blocked, SecretPlan } from './secret-terms.ts';
import { authorityKeyOf } from './secret-values.ts';

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
  const { attachment } = inputs;
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
  const facts = secretFacts(inputs);
  const endsAdopted = adopted !== undefined && facts.requests.revokeAll !== undefined && inputs.serverHolds === 'yes';
  const wanted = { adopted: endsAdopted ? readWanted(inputs, 'all') : adopted, logo: logoOf(inputs) };
  const refs = references(inputs, server, wanted);
  const acceptance = accept(inputs, server);
  const conditions = [refs, acceptance];
  if (acceptance.reason === 'Conflict') return compose(inputs, { action: 'leave', conditions, blockedBy: 'Accepted' });
  if (acceptance.status !== 'True') return compose(inputs, { action: 'withdraw', conditions, blockedBy: 'Accepted' });
  const { issuer } = inputs;
  if (!endsAdopted && (adopted?.outcome === 'unusable' || refs.reason === 'SecretNotOwned'))
    return compose(inputs, { action: 'leave', conditions, blockedBy: 'ResolvedRefs' });
  if (inputs.serverHolds !== 'yes' || issuer === undefined) {
    const action = inputs.serverHolds === 'other' ? 'withdraw' : 'leave';
    return compose(inputs, { action, conditions, blockedBy: `AuthorizationServer ${nameOf(server)}` });
  }
  const secret = planSecretOf(inputs, { issuer, facts, adopted });
  return compose(inputs, {
    action: 'put',
    conditions: secret.blocked === undefined ? conditions : [...conditions, rotationBlocked(secret.blocked)],
    blockedBy: '',
    secret,
  });
}

function logoOf({ client: { spec, namespace }, logo }: ClientInputs): Logo | undefined {
  return readLogo('spec.logo', spec.logo, { namespace, configMap: logo });
}

function readWanted(
  inputs: ClientInputs,
  revoked: readonly string[] | 'all' = ownNotes(inputs)?.revoked ?? [],
): Adopted | undefined {
  const { client, secret } = inputs;
  const name = adoptedNameOf(client.spec);
  if (name === undefined) return undefined;
  return readAdopted(client, name, secret, revoked);
}

interface SecretGround {
  readonly issuer: string;
  readonly facts: SecretFacts;
  readonly adopted: Adopted | undefined;
}

function planSecretOf(inputs: ClientInputs, { issuer, facts, adopted }: SecretGround): SecretPlan {
  if (adopted === undefined) return planGenerated(inputs, issuer, facts);
  if (adopted.outcome === 'usable' && facts.requests.revokeAll === undefined) return planAdopted(facts, adopted);
  return planRevokedAdopted(facts, adoptedNameOf(inputs.client.spec) ?? '', adopted);
}

function planGenerated(
  { client, secret, fresh, trust, attachment }: ClientInputs,
  issuer: string,
  facts: SecretFacts,
): SecretPlan {
  const mutualTls = attachment.outcome === 'attached' ? mutualTlsUrlOf(attachment.server.spec, issuer) : undefined;
  const owner = { ...client, mutualTls, ...(trust === undefined ? {} : { trust }) };
  const plan = withOwner(client, secret, planSecret({ ...facts, client: owner, issuer, target: secret, fresh }));
  const repair = plan.events.length === 0 && repairs(client, issuer, plan);
  return repair ? { ...plan, events: [{ reason: 'DriftRepaired', note: driftNote(plan.name) }] } : plan;
}

const driftNote = (name: string): string => `Secret "${name}" was edited and has been put back`;

/** What it holds was right for this generation, and nobody but an editor of the Secret can have changed it. */
function repairs(
  { spec, status, generation }: WithSpec<'Client'>,
  issuer: string,
  { name, writes }: SecretPlan,
): boolean {
  if (status.observedGeneration !== generation || status.issuer !== issuer || status.binding?.name !== name)
    return false;
  return writes.some(
    (one) => one.write === 'update' && !isDeepStrictEqual(ownValues(spec, one.before), ownValues(spec, one.next)),
  );
}

/** Without the authority of the issuer's certificate: that one moves by itself. */
function ownValues(spec: ClientSpec, { data }: NewSecret): Readonly<Record<string, string>> {
  const { [authorityKeyOf(spec)]: _authority, ...values } = data;
  return values;
}

function rotationBlocked({ reason, message }: Blocked): ConditionDraft {
  return { type: 'RotationBlocked', status: 'True', reason, message };
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
  const effective = effectiveIn(inputs);
  const value = registerClient({
    namespace,
    name,
    spec,
    scopes: spec.scopes.filter((scope) => isBuiltIn(scope) || scopes.get(scope) === 'open'),
    ...(secret === undefined ? keptSecrets(inputs) : { secretDigests: secret.digests, secretNotes: secret.notes }),
    logo: logo?.outcome === 'found' ? logo.picture : undefined,
    ...(effective === undefined ? {} : { lifetimes: lifetimesOf(effective) }),
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
      allowedBy: { generation: client.specGeneration, policy: effective?.policy },
    },
    status: {
      ...(isAccepted(decision) ? identityOf(clientId, inputs.issuer) : {}),
      ...serverInStatus(client, attachment),
      responseTypes: [...responseTypesOf(spec)],
      ...(effective !== undefined && isAccepted(decision) ? { effective } : {}),
      ...sectorInStatus(spec),
      ...(secret === undefined
        ? keptSecret(status)
        : { binding: { name: secret.name }, secrets: [...secret.accepted], ...retainedInStatus(inputs) }),
    },
    readyMessage: (served) => readyMessage(inputs, served, clientId),
  };
}

function effectiveIn(inputs: ClientInputs): ClientStatus['effective'] {
  const { attachment, client } = inputs;
  if (attachment.outcome !== 'attached') return undefined;
  const judgement = judgeClient(inputs, attachment.server);
  return judgement.refusal === undefined ? effectiveOf(client.spec, attachment.server, judgement.policy) : undefined;
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

function keptSecret(status: ClientStatus): Pick<ClientStatus, 'binding' | 'secrets' | 'retained'> {
  const { binding, secrets, retained } = status;
  return {
    ...(binding === undefined ? {} : { binding }),
    ...(secrets === undefined ? {} : { secrets }),
    ...(retained === undefined ? {} : { retained }),
  };
}

function retainedInStatus({ client, secret }: ClientInputs): Pick<ClientStatus, 'retained'> {
  const retained = retainedIn(client, secret);
  return retained === undefined ? {} : { retained };
}

function readyMessage({ client, hasDirectory }: ClientInputs, served: string, clientId: string): string {
  const { grantTypes } = client.spec;
  if (!hasUsers(client.spec) || hasDirectory) return `${served} as ${clientId}`;
  const works = grantTypes.includes('client_credentials') ? ' (client_credentials works)' : '';
  return `Ready; no LdapBinding yet, so users cannot sign in${works}`;
}
