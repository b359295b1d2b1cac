/** Brings the children of an AuthorizationServer to what they should be, and tells how far the cluster is with them. */
import type { ConditionDraft } from '../../../runtime/conditions.ts';
import { type Child, ChildRefused, type Children, ChildTaken } from '../../../sources/children.ts';
import { asks, pausedAnnotation, reconcileAnnotation, restartAnnotation } from '../../annotations.ts';
import type { ServerResource } from '../../attachment.ts';
import type { DatabaseState } from '../../registries.ts';
import type { World } from '../../world.ts';
import type { ServerCertificate } from '../tls/certificates.ts';
import { applyChild, applyChildren } from './apply-children.ts';
import { type DeploymentContext, names, type PodSettings, selectorOf } from './context.ts';
import { deployment, migratedAnnotation, templateAnnotation } from './deployment.ts';
import { type Migrated, migratedDigest, migrateFirst } from './migrating.ts';
import type { MigrationSlots } from './migration-slots.ts';
import { replicasOf, rolloutOf, scaleOf } from './rollout.ts';
import type { Turns } from './turns.ts';

/** Where servers run as pods that the operator makes. */
export interface PodDeployment {
  readonly children: Children;
  readonly settings: PodSettings;
  readonly turns: Turns;
  readonly slots: MigrationSlots;
}

export interface DeployInputs {
  readonly server: ServerResource;
  readonly issuer: string;
  readonly database: DatabaseState;
  readonly certificate: Pick<ServerCertificate, 'usable' | 'bundle'>;
  /** Uids of all AuthorizationServers that there are. */
  readonly servers: ReadonlySet<string>;
}

export interface DeployedPods {
  /** Instead of what the database says of itself. */
  readonly databaseReady: ConditionDraft | undefined;
  /** What keeps `Deployed` from True; `undefined`: the newest pods run. */
  readonly deployed: ConditionDraft | undefined;
  readonly paused: boolean;
  /** Pods that there are. */
  readonly replicas: number;
  /** Of what was asked for last; `undefined`: its image says none. */
  readonly version: string | undefined;
  /** Annotations that were acted upon. */
  readonly acted: readonly string[];
  /** Milliseconds: what happens to pods is not told. */
  readonly lookAgainAfter: number | undefined;
}

/** Milliseconds between two looks at pods that do not run yet. */
const lookEvery = 5_000;

export async function deployPods(world: World, pods: PodDeployment, inputs: DeployInputs): Promise<DeployedPods> {
  const { server } = inputs;
  const before = deploymentOf(pods, server);
  const paused = server.annotations[pausedAnnotation] === 'true';
  const context: DeploymentContext = {
    server,
    issuer: inputs.issuer,
    settings: pods.settings,
    databasePorts: inputs.database.ports ?? [5432],
    databaseRoles: inputs.database.roles,
    scaledTo: before === undefined ? undefined : scaleOf(before),
    bundle: inputs.certificate.bundle,
    restart: server.annotations[restartAnnotation]?.slice(0, 256) ?? server.status.lastHandled?.[restartAnnotation],
  };
  const applied = await (paused ? keepTables : applyAll)(world, pods, inputs, context, before);
  const standing = await standingOf(pods, server, applied.problem);
  const now = deploymentOf(pods, server);
  return {
    databaseReady: applied.databaseReady,
    deployed: standing,
    paused,
    replicas: now === undefined ? 0 : replicasOf(now),
    version: now?.labels['app.kubernetes.io/version'],
    acted: applied.acted,
    lookAgainAfter: standing === undefined && applied.databaseReady === undefined ? undefined : lookEvery,
  };
}

interface AppliedPods {
  readonly databaseReady: ConditionDraft | undefined;
  readonly problem: ConditionDraft | undefined;
  readonly acted: readonly string[];
}

const nothing: AppliedPods = { databaseReady: undefined, problem: undefined, acted: [] };

async function applyAll(
  world: World,
  pods: PodDeployment,
  inputs: DeployInputs,
  context: DeploymentContext,
  before: Child | undefined,
): Promise<AppliedPods> {
  return told(async () => {
    await applyChildren(world, pods.children, context);
    const migrated = await migrateTables(world, pods, inputs, context, before);
    if (!migrated.ready) return { ...nothing, databaseReady: migrated.condition };
    return applyDeployment(world, pods, inputs, context, before);
  });
}

/**
 * Of a server that is paused nothing is touched, but what its pods serve is decided by the operator, which keeps it in tables
 * of its own version: pausing must not dodge a policy. Without pods its database may be on its way back from a backup.
 */
async function keepTables(
  world: World,
  pods: PodDeployment,
  inputs: DeployInputs,
  context: DeploymentContext,
  before: Child | undefined,
): Promise<AppliedPods> {
  if (inputs.database.tables !== 'missing' || before === undefined || replicasOf(before) === 0) return nothing;
  return told(async () => {
    const migrated = await migrateTables(world, pods, inputs, context, before);
    return migrated.ready ? nothing : { ...nothing, databaseReady: migrated.condition };
  });
}

async function told(apply: () => Promise<AppliedPods>): Promise<AppliedPods> {
  try {
    return await apply();
  } catch (error) {
    if (!(error instanceof ChildTaken || error instanceof ChildRefused)) throw error;
    return { ...nothing, problem: no('ApplyFailed', error.message) };
  }
}

function migrateTables(
  world: World,
  { children, slots }: PodDeployment,
  { server, database }: DeployInputs,
  context: DeploymentContext,
  before: Child | undefined,
): Promise<Migrated> {
  const anew = asks(server, restartAnnotation) || asks(server, reconcileAnnotation);
  return migrateFirst(
    {
      children,
      slots,
      events: world.events,
      patience: world.patience,
      onEnded: () => world.databases.migrated(server),
    },
    context,
    { database, before: before?.annotations[migratedAnnotation], anew },
  );
}

async function applyDeployment(
  world: World,
  pods: PodDeployment,
  { server, database, certificate, servers }: DeployInputs,
  context: DeploymentContext,
  before: Child | undefined,
): Promise<AppliedPods> {
  // Pods that miss a Secret would only be stuck.
  if (!certificate.usable) return nothing;
  if (before === undefined && !isOpenToPods(database)) return nothing;
  const manifest = deployment(context, migratedDigest(context));
  const isNewTemplate = before?.annotations[templateAnnotation] !== manifest.annotations?.[templateAnnotation];
  if (before !== undefined && isNewTemplate) {
    const all = pods.children.deployments().filter(({ owner }) => owner !== undefined && servers.has(owner));
    if (!pods.turns.take(server, all)) return { ...nothing, problem: no('RollingOut', waitsForTurn) };
  }
  try {
    const result = await applyChild(world, pods.children, server, manifest);
    if (before?.annotations[migratedAnnotation] !== manifest.annotations?.[migratedAnnotation] && result !== 'waiting')
      world.events.record(server, {
        type: 'Normal',
        reason: 'MigrationCompleted',
        note: 'the database is up to date for the pods that follow',
      });
    return { ...nothing, acted: asks(server, restartAnnotation) ? [restartAnnotation] : [] };
  } finally {
    pods.turns.done(server.uid);
  }
}

/** Whether first pods would come to serve: they would have nothing but the key that is there now. */
function isOpenToPods({ ready, keyProblem, isKeyAnother }: DatabaseState): boolean {
  return ready.status === 'True' && keyProblem === undefined && isKeyAnother !== true;
}

const waitsForTurn =
  'the pods of another AuthorizationServer are being replaced. Waiting for a turn; each takes 10 minutes at most';

async function standingOf(
  pods: PodDeployment,
  server: ServerResource,
  problem: ConditionDraft | undefined,
): Promise<ConditionDraft | undefined> {
  if (problem !== undefined) return problem;
  const found = deploymentOf(pods, server);
  if (found === undefined) return no('RollingOut', 'there are no pods yet. Waiting');
  const early = rolloutOf(found, []);
  if (early.state === 'complete') return undefined;
  const rollout = rolloutOf(found, await pods.children.pods(server.namespace, selectorOf(server, 'server')));
  switch (rollout.state) {
    case 'complete':
      return undefined;
    case 'rolling':
      return no('RollingOut', rollout.message);
    case 'stuck':
      return no('RolloutStuck', rollout.message);
    case 'refused':
      return no('ApplyFailed', rollout.message);
  }
}

function no(reason: 'ApplyFailed' | 'RollingOut' | 'RolloutStuck', message: string): ConditionDraft {
  return { type: 'Deployed', status: 'False', reason, message };
}

function deploymentOf({ children }: PodDeployment, server: ServerResource): Child | undefined {
  const found = children.get('Deployment', server.namespace, names.server(server));
  return found?.owner === server.uid ? found : undefined;
}
