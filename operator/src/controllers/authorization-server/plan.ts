/** What an AuthorizationServer comes to, pure: settings of its server, and conditions from what became of them. */
import { type AuthorizationServerSpec, type AuthorizationServerStatus, deviceCodeGrant } from '@nauthera/crds';
import { endpointUrl, type LiveReport, type Registration } from '@nauthera/server/registry';
import { grantTypesSupported, registerServer } from '../../registrations/server.ts';
import { blocked, type ConditionDraft } from '../../runtime/conditions.ts';
import type { ClusterKey } from '../../sources/cluster-keys.ts';
import type { ConfigMap } from '../../sources/source.ts';
import { adoptFromAnnotation, confirmRetirementAnnotation } from '../annotations.ts';
import { nameOf, type ServerResource } from '../attachment.ts';
import { hasReached, olderReplicaMessage, type Written } from '../programmed.ts';
import type { Intent } from '../registering.ts';
import type { DatabaseState } from '../registries.ts';
import type { Deployment } from '../world.ts';
import { brandingConditions, type ShownBranding, showBranding } from './branding.ts';
import { type ClientAuthorities, clientAuthoritiesOf } from './client-authorities.ts';
import type { DeployedPods } from './deployment/deploy.ts';
import { type TrustedClusters, trustedClustersOf } from './trusted-clusters.ts';

export interface ServerInputs {
  readonly source: string;
  readonly server: ServerResource;
  readonly deployment: Deployment;
  readonly issuer: { readonly issuer: string } | { readonly problem: string };
  /** Rows without a resource that are kept, because they are suspiciously many. */
  readonly retirementHeld: number;
  readonly database: DatabaseState;
  /** The ConfigMap that `spec.branding.logo` names. */
  readonly logo?: ConfigMap | undefined;
  /** Empty: there is no cluster, or its keys are not known. */
  readonly clusterKeys: readonly ClusterKey[];
  /** Of the pods of this server, where the operator makes them. */
  readonly pods?: Pick<DeployedPods, 'deployed' | 'paused' | 'replicas' | 'version'> | undefined;
  /** The ConfigMap with the authorities of applications' certificates. */
  readonly clientAuthorities?: ConfigMap | undefined;
  /** ConfigMaps with the authorities of trusted clusters, by name. */
  readonly clusterBundles?: ReadonlyMap<string, ConfigMap | undefined>;
  readonly others: readonly {
    readonly createdAt: string;
    readonly name: string;
    readonly issuer: string | undefined;
  }[];
}

export interface ServerPlan extends Intent {
  readonly databaseReady: ConditionDraft;
  /** Decided already, or `undefined`: as the replicas report. */
  readonly deployed: ConditionDraft | undefined;
  readonly issuer: string | undefined;
  readonly branding: ShownBranding;
  readonly trusted: TrustedClusters;
  readonly authorities: ClientAuthorities;
}

type Type = 'DatabaseReady' | 'Deployed' | 'KeysReady';
const no = (type: Type, reason: string, message: string): ConditionDraft => ({
  type,
  status: 'False',
  reason,
  message,
});
const yes = (type: Type, reason: string, message: string): ConditionDraft => ({
  type,
  status: 'True',
  reason,
  message,
});

export function planServer(inputs: ServerInputs): ServerPlan {
  const { server } = inputs;
  const databaseReady = inputs.database.ready;
  const issuer = 'issuer' in inputs.issuer ? inputs.issuer.issuer : undefined;
  const deployed = planDeployment(inputs);
  const { namespace, name, uid, spec } = server;
  const branding = showBranding(spec, { namespace, logo: inputs.logo });
  const trusted = trustedClustersOf(spec, inputs.clusterBundles ?? new Map());
  const authorities = clientAuthoritiesOf(spec, inputs.clientAuthorities);
  const found = { databaseReady, deployed, issuer, branding, trusted, authorities };
  if (databaseReady.status !== 'True')
    return { action: 'leave', blockedBy: 'DatabaseReady', registration: undefined, ...found };
  if (deployed !== undefined || issuer === undefined)
    return { action: 'leave', blockedBy: 'Deployed', registration: undefined, ...found };
  const registration: Registration = {
    kind: 'server',
    id: 'self',
    owner: { source: inputs.source, namespace, name, uid },
    value: registerServer(spec, issuer, {
      clusterKeys: inputs.clusterKeys,
      trustedClusters: [...trusted.clusters],
      clientAuthorities: authorities.ca,
      ...branding,
    }),
  };
  return { action: 'put', blockedBy: '', registration, ...found };
}

export function planDeployment({ server, issuer, others }: ServerInputs): ConditionDraft | undefined {
  if ('problem' in issuer) return no('Deployed', 'InvalidSpec', issuer.problem);
  const namespace = namespaceOfIssuer(issuer.issuer, server.namespace);
  if (namespace !== server.namespace)
    return no(
      'Deployed',
      'InvalidSpec',
      `spec.issuer: ${issuer.issuer} names a service of namespace ${namespace}, and belongs to that namespace. Make another AuthorizationServer with an issuer of your own`,
    );
  const older = others.find(
    (one) => one.issuer === issuer.issuer && isOlder(one, { createdAt: server.createdAt, name: nameOf(server) }),
  );
  if (older === undefined) return undefined;
  return no(
    'Deployed',
    'Conflict',
    `issuer ${issuer.issuer} is that of an older AuthorizationServer. Give this one another spec.issuer`,
  );
}

/** A name of a Service, `<name>.<namespace>.svc`, belongs to its namespace: nobody else may stand in its way. */
export function namespaceOfIssuer(issuer: string, other: string): string {
  return /^https?:\/\/[^./]+\.([^./]+)\.svc(?:\.[^/:]*)?(?:[:/]|$)/.exec(issuer)?.[1] ?? other;
}

function isOlder(
  one: { readonly createdAt: string; readonly name: string },
  other: { readonly createdAt: string; readonly name: string },
): boolean {
  return one.createdAt === other.createdAt ? one.name < other.name : one.createdAt < other.createdAt;
}

export interface ServerOutcome {
  readonly conditions: readonly ConditionDraft[];
  readonly status: Omit<AuthorizationServerStatus, 'conditions' | 'observedGeneration' | 'lastHandled'>;
  readonly readyMessage: string;
  readonly pending: boolean;
}

/** Given what became of the write and what the replicas report. */
export function concludeServer(
  inputs: ServerInputs,
  plan: ServerPlan,
  written: Written,
  reports: readonly LiveReport[],
  /** Why a database that is `unreachable` is. */
  away = { reason: 'DatabaseUnreachable', message: 'the database does not answer. Waiting for it' },
): ServerOutcome {
  // In the database of another server only that one's replicas report.
  const live = reports.filter((report) => report.live && written.outcome !== 'conflict');
  const databaseReady = databaseAfter(inputs, plan, written, away);
  const holds = written.outcome === 'written' || written.outcome === 'unchanged';
  const serving = holds ? live.filter((report) => hasReached(report.revision, written.revision)) : [];
  const deployed =
    databaseReady.status === 'True'
      ? (plan.deployed ?? deployedAfter(inputs, written, { live: live.length, serving: serving.length }))
      : (plan.deployed ?? refusedOf(inputs) ?? blocked('Deployed', 'DatabaseReady'));
  const keysReady = keysAfter(inputs, { databaseReady, deployed }, serving);
  const conditions = [databaseReady, deployed, keysReady];
  const known =
    holds && plan.issuer !== undefined
      ? { issuer: plan.issuer, endpoints: endpointsOf(plan.issuer, inputs.server.spec) }
      : {};
  return {
    conditions: [...conditions, ...extras(inputs, live), ...brandingConditions(plan.branding)],
    status: {
      ...known,
      version: inputs.pods?.version ?? inputs.deployment.version,
      replicas: inputs.pods?.replicas ?? live.length,
      // Of those that are about to serve the newest settings, too: they serve the ones before meanwhile.
      readyReplicas: live.filter(({ keys }) => hasKeys(keys)).length,
    },
    readyMessage: [
      `Serving as ${plan.issuer ?? ''}`,
      ...plan.trusted.problems,
      ...(plan.authorities.problem === undefined ? [] : [plan.authorities.problem]),
    ].join('; '),
    pending: holds && conditions.some(({ status }) => status !== 'True'),
  };
}

const pausedMessage =
  'annotation auth.nauthera.io/paused: pods, Service and everything beside them are left as they are. Remove it to go on';

/** What somebody must repair in the cluster, whatever the database does. */
function refusedOf({ pods }: ServerInputs): ConditionDraft | undefined {
  return pods?.deployed?.reason === 'RollingOut' ? undefined : pods?.deployed;
}

/** Leave `Ready` alone. */
function extras({ retirementHeld, pods }: ServerInputs, live: readonly LiveReport[]): ConditionDraft[] {
  const extra = (type: ConditionDraft['type'], reason: string, message: string): ConditionDraft => ({
    type,
    status: 'True',
    reason,
    message,
  });
  const unknown = live.some(({ untrustedProxy }) => untrustedProxy)
    ? [extra('ClientAddressUnknown', 'ProxyNotTrusted', proxyMessage)]
    : [];
  const held = retirementHeld === 0 ? [] : [extra('RetirementHeld', 'TooManyOrphans', heldMessage(retirementHeld))];
  const paused = pods?.paused === true ? [extra('Paused', 'PausedByAnnotation', pausedMessage)] : [];
  return [...unknown, ...held, ...paused];
}

const proxyMessage =
  'requests come through a proxy that is not trusted, so limits per address are 20 times as high. Put its network into spec.trustedProxies, with the header that names the client';

const heldMessage = (held: number): string =>
  `${held} registrations have no resource any more. They are kept because they are many: bring the resources back, or give them up with a new value of the annotation ${confirmRetirementAnnotation}`;

function databaseAfter(
  { source }: ServerInputs,
  plan: ServerPlan,
  written: Written,
  away: { readonly reason: string; readonly message: string },
): ConditionDraft {
  switch (written.outcome) {
    case 'conflict':
      return no(
        'DatabaseReady',
        'DatabaseInUse',
        `the database ${written.reserved ? 'served' : 'serves'} another AuthorizationServer${
          written.owner.source === source
            ? '. Give this one a database of its own'
            : `, of source "${written.owner.source.slice(0, 64)}". Give this one a database of its own; if that cluster is gone for good, annotate this one with ${adoptFromAnnotation}: that source`
        }`,
      );
    case 'unreachable':
      return no('DatabaseReady', away.reason, away.message);
    case 'written':
    case 'unchanged':
    case 'invalid':
    case 'held':
    case 'blocked':
      return plan.databaseReady;
  }
}

function deployedAfter(
  { deployment: { reason }, pods }: ServerInputs,
  written: Written,
  { live, serving }: { readonly live: number; readonly serving: number },
): ConditionDraft {
  if (written.outcome === 'invalid')
    return no('Deployed', 'InvalidSpec', `the server would refuse these settings: ${written.problem}`);
  if (pods?.deployed !== undefined) return pods.deployed;
  if (written.outcome === 'held') return no('Deployed', 'RollingOut', olderReplicaMessage);
  if (live > 0 && serving === live)
    return yes(
      'Deployed',
      reason,
      reason === 'Standalone' ? 'the server runs in this process' : `${live} replicas serve the newest settings`,
    );
  const waiting =
    live === 0 ? 'no server process reports yet' : `${serving} of ${live} replicas serve the newest settings`;
  return no('Deployed', 'RollingOut', `${waiting}. Waiting`);
}

function keysAfter(
  { database }: ServerInputs,
  { databaseReady, deployed }: { readonly databaseReady: ConditionDraft; readonly deployed: ConditionDraft },
  serving: readonly LiveReport[],
): ConditionDraft {
  const type = 'KeysReady';
  if (databaseReady.status !== 'True') return blocked(type, 'DatabaseReady');
  if (database.keyProblem !== undefined) return no(type, 'KeyEncryptionKeyNotFound', database.keyProblem);
  if (database.isKeyAnother === true) return no(type, 'KeyEncryptionKeyMismatch', mismatchMessage);
  if (deployed.status !== 'True') return blocked(type, 'Deployed');
  if (serving.some(({ keys }) => keys === 'key_encryption_key_mismatch'))
    return no(type, 'KeyEncryptionKeyMismatch', mismatchMessage);
  if (!serving.every(({ keys }) => hasKeys(keys)))
    return no(type, 'KeysPending', 'signing keys are being made. Waiting');
  if (serving.some(({ keys }) => keys === 'rotation_overdue')) return no(type, 'RotationOverdue', overdueMessage);
  return yes(type, type, 'signing keys are published and in use');
}

const mismatchMessage =
  'the database holds keys that this key-encryption key cannot open. Give back the key that was used before';

const overdueMessage =
  'the next signing key is overdue by more than an hour, and the one before signs on. No replica could store it: see that the database takes what the servers write';

/** Whether it can sign. */
function hasKeys(keys: LiveReport['keys']): boolean {
  return keys === 'ready' || keys === 'rotation_overdue';
}

/** Those that there are: devices are served where a policy allows them. */
function endpointsOf(
  issuer: string,
  spec: AuthorizationServerSpec,
): NonNullable<AuthorizationServerStatus['endpoints']> {
  const devices = grantTypesSupported(spec).includes(deviceCodeGrant);
  return {
    discovery: endpointUrl(issuer, 'openidConfiguration'),
    authorization: endpointUrl(issuer, 'authorization'),
    token: endpointUrl(issuer, 'token'),
    userinfo: endpointUrl(issuer, 'userinfo'),
    jwks: endpointUrl(issuer, 'jwks'),
    ...(devices ? { deviceAuthorization: endpointUrl(issuer, 'deviceAuthorization') } : {}),
    introspection: endpointUrl(issuer, 'introspection'),
    revocation: endpointUrl(issuer, 'revocation'),
    endSession: endpointUrl(issuer, 'endSession'),
  };
}
