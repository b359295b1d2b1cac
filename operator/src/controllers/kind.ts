/**
 * What the controllers of all kinds do alike around their `plan`: deletion, refused content, an unreachable database,
 * conditions, and the one status write of a pass.
 */
import { type Condition, type Kind, type ResourceByKind, readyOrder, standing } from '@nauthera/crds';
import { DatabaseUnavailable } from '@nauthera/server/registry';
import { blocked, type ConditionDraft, deriveConditions, rfc3339 } from '../runtime/conditions.ts';
import type { Outcome } from '../runtime/controller.ts';
import { newPass, type Pass } from '../runtime/pass.ts';
import type { ReferenceIndex, References } from '../runtime/reference-index.ts';
import type { Observed, ResourceKey } from '../sources/source.ts';
import { handled } from './annotations.ts';
import type { WithSpec } from './attachment.ts';
import { letGo } from './deletion.ts';
import { newerFields } from './newer-fields.ts';
import type { RegistryHandle } from './registry-handle.ts';
import { isSameStatus } from './same-status.ts';
import { leaveUninviting } from './shut-namespace.ts';
import { tellDegradation } from './told-degradation.ts';
import type { World } from './world.ts';

/** What those depend on whose first pass met a database that is away. */
export const anyDatabase = 'database/away';

export interface Reconciled<K extends Kind> {
  /** The kind's own conditions in causal order. */
  readonly conditions: readonly ConditionDraft[];
  readonly status: Omit<ResourceByKind[K]['status'], 'conditions' | 'observedGeneration' | 'lastHandled'>;
  /** Message of a True `Ready`. */
  readonly readyMessage: string;
  /** What `Ready` copies instead of the first condition that is not True. */
  readonly ready?: ConditionDraft;
  readonly outcome: Outcome;
  /** Another report of a replica may change something. */
  readonly pending: boolean;
  /** Where it is registered. */
  readonly registry: RegistryHandle | undefined;
  /** Annotations that this pass acted upon, beside `reconcile`: echoed in `status.lastHandled`. */
  readonly acted?: readonly string[];
  /** Everything that was looked at, for the index of references. */
  readonly references: readonly string[] | References;
  /** Told, when all is written, the version at which the resource stands then, where there is one. */
  readonly check?: (version: string) => void;
  /** Thrown once the status is written: the pass comes again with back-off. */
  readonly failure?: unknown;
}

export interface KindController<K extends Kind> {
  readonly kind: K;
  reconcile(resource: WithSpec<K>): Promise<Reconciled<K>>;
  /**
   * Ends what the resource registered.
   *
   * @throws StillRegistered, DatabaseUnavailable: it comes again, for ten minutes
   */
  cleanUp(resource: Observed<K>): Promise<void>;
  /** Why one that is deleting stays at work for now, in words for its author; `undefined`: it goes. */
  keeps?(resource: Observed<K>): Promise<string | undefined>;
  /** Removes what else it left, after the registration; it is released afterwards. */
  discard?(resource: Observed<K>): Promise<void>;
}

export interface Tools {
  readonly world: World;
  readonly references: ReferenceIndex;
  /** Has `<kind>/<namespace>/<name>` looked at once more. */
  wake(this: void, dependent: string): void;
  /** `performance.now()` when what brought a key to its worker was heard. */
  heardAt(this: void, kind: Kind, key: string): number;
  /** `Ready` changed its status or reason. */
  onTransition(
    resource: ResourceKey & { readonly uid: string },
    to: { readonly status: string; readonly reason: string; readonly message: string },
    pass: Pass,
  ): void;
}

/** One pass over one key of a kind. */
export async function reconcileKey<K extends Kind>(
  controller: KindController<K>,
  tools: Tools,
  key: string,
  pass: Pass = newPass(),
): Promise<Outcome> {
  try {
    return await passOverKey(controller, tools, key, pass);
  } catch (failure) {
    const [namespace = '', name = ''] = key.split('/');
    if (pass.carriedOut !== true)
      await leaveUninviting(tools.world, { kind: controller.kind, namespace, name }, failure);
    throw failure;
  }
}

async function passOverKey<K extends Kind>(
  controller: KindController<K>,
  tools: Tools,
  key: string,
  pass: Pass,
): Promise<Outcome> {
  const { world, references } = tools;
  const { kind } = controller;
  const dependent = `${kind}/${key}`;
  const [namespace = '', name = ''] = key.split('/');
  const resource = await world.source.get(kind, namespace, name);
  if (resource !== undefined) pass.resource = { uid: resource.uid, generation: resource.generation };
  const kept = resource?.deleting === true ? await controller.keeps?.(resource) : undefined;
  if (resource?.deleting === true && kept === undefined) return letGo(controller, tools, resource);
  if (resource === undefined) {
    references.record(dependent, []);
    world.pend(dependent, undefined);
    world.patience.over(dependent);
    world.resourceCounts?.gone(kind, key);
    return { outcome: 'done' };
  }
  // Before anything is written anywhere: whatever a crash leaves is found and removed when the resource goes.
  if (kept === undefined) await world.source.hold(resource);
  const passed = await lookAndPass(controller, tools, resource);
  pass.carriedOut = true;
  const result = kept === undefined ? passed : staying(passed, kept);
  world.pend(dependent, result.pending ? result.registry : undefined);
  await writeStatus(tools, resource, result, pass);
  if (result.failure !== undefined) throw result.failure;
  const version = result.check === undefined ? undefined : world.source.versionOf?.(resource);
  if (version !== undefined) result.check?.(version);
  return result.outcome;
}

/** Milliseconds after which one that stays although it is deleted is looked at again. */
const nextLook = 10_000;

/** At work as ever, but for what it says. */
function staying<K extends Kind>(passed: Passed<K>, message: string): Passed<K> {
  return {
    ...passed,
    ready: { type: 'Ready', status: 'False', reason: 'Deleting', message },
    outcome: { outcome: 'waiting', on: 'those that it serves', lookAgainAfter: nextLook },
  };
}

async function lookAndPass<K extends Kind>(
  controller: KindController<K>,
  { references, wake }: Tools,
  resource: Observed<K>,
): Promise<Passed<K>> {
  const dependent = `${resource.kind}/${resource.namespace}/${resource.name}`;
  const look = references.beginLook();
  try {
    const result = await passOver(controller, resource);
    // What it looked at for the first time may have moved since, and nobody knew whom to tell.
    if (result.references !== undefined && references.record(dependent, result.references, look)) wake(dependent);
    // What it depends on is not known: whatever database comes back, it may be this one.
    if (result.references === undefined && result.failure !== undefined && !references.knows(dependent))
      references.record(dependent, [anyDatabase]);
    return result;
  } finally {
    references.endLook(look);
  }
}

type Passed<K extends Kind> = Omit<Reconciled<K>, 'references'> & { readonly references?: Reconciled<K>['references'] };

async function passOver<K extends Kind>(controller: KindController<K>, resource: Observed<K>): Promise<Passed<K>> {
  const { kind, spec, refused } = resource;
  if (spec === undefined) return neverAccepted(resource);
  try {
    const result = await controller.reconcile({ ...resource, spec });
    if (refused === undefined) return result;
    // What was accepted stays in force; the edit that was refused is what its author must hear of.
    const draft = invalid(kind, refused);
    const conditions = result.conditions.map((condition) => (condition.type === draft.type ? draft : condition));
    return { ...result, conditions, ready: draft };
  } catch (failure) {
    if (!(failure instanceof DatabaseUnavailable)) throw failure;
    return unavailable(resource, failure);
  }
}

/** The condition that says that the content cannot be used. */
function invalid(kind: Kind, message: string): ConditionDraft {
  return {
    type: kind === 'AuthorizationServer' ? 'Deployed' : 'Accepted',
    status: 'False',
    reason: 'InvalidSpec',
    message,
  };
}

/**
 * What was accepted in its time and does not pass today's rules: its registration stays, and what is known about it too.
 */
function neverAccepted<K extends Kind>({ kind, refused, status }: Observed<K>): Passed<K> {
  const draft = invalid(kind, refused ?? 'nothing of it was ever accepted');
  const order: readonly string[] = readyOrder[kind];
  const served = status.conditions.some(({ type, status: is }) => type === order.at(-1) && is === 'True');
  const conditions = order.map((type) => {
    const before = status.conditions.find((condition) => condition.type === type);
    if (type === draft.type) return draft;
    return before?.status === 'True' || (served && before !== undefined) ? before : blocked(type, draft.type);
  });
  return {
    conditions,
    status,
    readyMessage: '',
    ready: draft,
    outcome: { outcome: 'waiting', on: 'an edit' },
    pending: false,
    registry: undefined,
  };
}

/** A database outage shows on the AuthorizationServer, and where nothing is known yet; it rewrites nothing else. */
function unavailable<K extends Kind>({ kind, status }: Observed<K>, failure: unknown): Passed<K> {
  const [type, reason] =
    kind === 'AuthorizationServer' ? ['DatabaseReady', 'DatabaseUnreachable'] : ['Programmed', 'DatabaseUnavailable'];
  const order: readonly string[] = readyOrder[kind];
  const kept = status.conditions.filter((condition) => !['Ready', 'Reconciling', 'Stalled'].includes(condition.type));
  const served =
    kind !== 'AuthorizationServer' && kept.some((condition) => condition.type === type && condition.status === 'True');
  const message = 'the database does not answer. Waiting for it';
  const draft: ConditionDraft = { type, status: kind === 'AuthorizationServer' ? 'False' : 'Unknown', reason, message };
  const conditions = served
    ? kept
    : order.map((one) =>
        one === type ? draft : (kept.find((condition) => condition.type === one) ?? blocked(one, type)),
      );
  const ready = status.conditions.find((condition) => condition.type === 'Ready');
  return {
    conditions,
    status,
    readyMessage: ready?.message ?? '',
    outcome: { outcome: 'waiting', on: 'the database' },
    pending: false,
    registry: undefined,
    failure,
  };
}

async function writeStatus<K extends Kind>(
  tools: Tools,
  resource: Observed<K>,
  result: Passed<K>,
  pass: Pass,
): Promise<void> {
  const { kind, generation } = resource;
  const rules = { order: readyOrder[kind], standing: (type: string, reason: string) => standing(kind, type, reason) };
  const conditions = deriveConditions(rules, {
    previous: resource.status.conditions,
    drafts: [
      ...result.conditions.filter(({ type }) => type !== 'UnknownFields'),
      ...newerFields(resource, tools.world),
    ],
    generation,
    readyMessage: result.readyMessage,
    ...(result.ready === undefined ? {} : { ready: result.ready }),
    now: rfc3339(tools.world.now()),
  });
  const own = Object.fromEntries(
    Object.entries(result.status).filter(([member]) => member !== 'conditions' && member !== 'lastHandled'),
  );
  const lastHandled = handled(resource, result.acted);
  const status = {
    ...own,
    ...(lastHandled === undefined ? {} : { lastHandled }),
    observedGeneration: generation,
    conditions: [...conditions],
  } as ResourceByKind[K]['status'];
  if (!isSameStatus(status, resource.status)) {
    await tools.world.source.writeStatus(resource, status);
    tellDegradation(tools.world, resource, status);
  }
  noteConclusion(tools, resource, conditions);
  const before = resource.status.conditions.find((condition) => condition.type === 'Ready');
  const after = conditions.find((condition) => condition.type === 'Ready');
  if (after !== undefined && (before?.status !== after.status || before.reason !== after.reason))
    tools.onTransition(resource, after, pass);
}

/** For the metrics: how it stands now. */
export function noteConclusion<K extends Kind>(
  { world, heardAt }: Tools,
  { kind, namespace, name, generation, status }: Observed<K>,
  after: readonly Condition[],
): void {
  const key = `${namespace}/${name}`;
  const conclusion = { generation, before: status.conditions, after, heardAt: heardAt(kind, key) };
  world.resourceCounts?.concluded(kind, key, conclusion);
}
