/** How far the pods of a Deployment are, pure: from what the cluster says about it and about them. */
import { type Child, isObject, type Json, type JsonObject } from '../../../sources/children.ts';

export type Rollout =
  | { readonly state: 'complete' }
  | { readonly state: 'rolling'; readonly message: string }
  /** Nothing moves until somebody acts. */
  | { readonly state: 'stuck'; readonly message: string }
  /** The cluster makes no pods: quota, admission. */
  | { readonly state: 'refused'; readonly message: string };

interface DeploymentStatus {
  readonly observed: boolean;
  readonly wanted: number;
  readonly all: number;
  readonly updated: number;
  readonly available: number;
  readonly conditions: readonly JsonObject[];
}

export function rolloutOf(deployment: Child, pods: readonly JsonObject[]): Rollout {
  const status = readStatus(deployment);
  const { wanted, updated, available } = status;
  const refused = conditionOf(status.conditions, 'ReplicaFailure');
  if (refused?.['status'] === 'True')
    return { state: 'refused', message: `no pod can be made: ${text(refused, 'message')}` };
  if (isComplete(status)) return { state: 'complete' };
  const progressing = conditionOf(status.conditions, 'Progressing');
  const isLate = status.observed && progressing?.['status'] === 'False';
  const problem = podProblem(newest(pods), isLate);
  if (problem !== undefined) return { state: 'stuck', message: problem };
  const message = `${updated} of ${wanted} pods are of the newest version, ${available} are available`;
  return isLate
    ? { state: 'stuck', message: `${message}, and none has come for minutes` }
    : { state: 'rolling', message: `${message}. Waiting` };
}

/** Whether pods are being replaced or made at this moment. */
export function isRolling(deployment: Child): boolean {
  const status = readStatus(deployment);
  const progressing = conditionOf(status.conditions, 'Progressing');
  return !isComplete(status) && !(status.observed && progressing?.['status'] === 'False');
}

export function replicasOf(deployment: Child): number {
  return readStatus(deployment).all;
}

/** As many pods as are wanted. */
export function scaleOf(deployment: Child): number {
  return readStatus(deployment).wanted;
}

/** One that lost a pod afterwards is no rollout: the pods that are left serve. */
function isComplete({ observed, wanted, all, updated, available, conditions }: DeploymentStatus): boolean {
  const done = conditionOf(conditions, 'Progressing')?.['reason'] === 'NewReplicaSetAvailable';
  return observed && updated === wanted && all === wanted && (done || available === wanted);
}

function readStatus({ object, generation }: Child): DeploymentStatus {
  const status = member(object, 'status');
  const conditions = status['conditions'];
  return {
    observed: count(status, 'observedGeneration') >= generation,
    wanted: count(member(object, 'spec'), 'replicas'),
    all: count(status, 'replicas'),
    updated: count(status, 'updatedReplicas'),
    available: count(status, 'availableReplicas'),
    conditions: Array.isArray(conditions) ? conditions.filter(isObject) : [],
  };
}

/** Pods that are still being made wait like this for a moment too; these do not pass by themselves. */
const hopeless = new Set([
  'ImagePullBackOff',
  'ErrImagePull',
  'ErrImageNeverPull',
  'InvalidImageName',
  'CrashLoopBackOff',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
]);

/**
 * The first pod that cannot run, and why; `undefined`: none.
 *
 * @param isLate one that no node takes is a problem too
 */
export function podProblem(pods: readonly JsonObject[], isLate: boolean): string | undefined {
  const sorted = [...pods].sort((one, other) => (ageOf(one) < ageOf(other) ? -1 : 1));
  for (const pod of sorted) {
    const problem = containerProblem(pod) ?? (isLate ? unscheduled(pod) : undefined);
    if (problem !== undefined) return `pod ${nameOf(pod)}: ${problem}`;
  }
  return undefined;
}

function containerProblem(pod: JsonObject): string | undefined {
  for (const container of containersOf(pod)) {
    const waiting = member(member(container, 'state'), 'waiting');
    const reason = text(waiting, 'reason');
    if (!hopeless.has(reason)) continue;
    const said = lastLine(container) ?? text(waiting, 'message');
    return said === '' ? reason : `${reason}: ${said}`;
  }
  return undefined;
}

function unscheduled(pod: JsonObject): string | undefined {
  const conditions = member(pod, 'status')['conditions'];
  const scheduled = conditionOf(Array.isArray(conditions) ? conditions.filter(isObject) : [], 'PodScheduled');
  return scheduled?.['status'] === 'False' ? `${text(scheduled, 'reason')}: ${text(scheduled, 'message')}` : undefined;
}

/** What the first pod that failed said last; `undefined`: nothing is known. */
export function lastWords(pods: readonly JsonObject[]): string | undefined {
  const newestFirst = [...pods].sort((one, other) => (ageOf(one) < ageOf(other) ? 1 : -1));
  return newestFirst
    .flatMap(containersOf)
    .map(lastLine)
    .find((line) => line !== undefined);
}

function lastLine(container: JsonObject): string | undefined {
  for (const state of ['state', 'lastState']) {
    const terminated = member(member(container, state), 'terminated');
    if (count(terminated, 'exitCode') === 0) continue;
    const line = text(terminated, 'message')
      .split('\n')
      .findLast((one) => one.trim() !== '');
    if (line !== undefined) return line.trim();
  }
  return undefined;
}

function containersOf(pod: JsonObject): readonly JsonObject[] {
  const status = member(pod, 'status');
  return ['initContainerStatuses', 'containerStatuses'].flatMap((list) => {
    const all = status[list];
    return Array.isArray(all) ? all.filter(isObject) : [];
  });
}

/** Those of the newest template: older ones may fail because of what the newest repairs. */
function newest(pods: readonly JsonObject[]): readonly JsonObject[] {
  const templateOf = (pod: JsonObject) => text(member(member(pod, 'metadata'), 'labels'), 'pod-template-hash');
  const last = [...pods].sort((one, other) => (ageOf(one) < ageOf(other) ? -1 : 1)).at(-1);
  return last === undefined ? [] : pods.filter((pod) => templateOf(pod) === templateOf(last));
}

export function conditionOf(conditions: readonly JsonObject[], type: string): JsonObject | undefined {
  return conditions.find((one) => one['type'] === type);
}

const nameOf = (pod: JsonObject) => text(member(pod, 'metadata'), 'name');
const ageOf = (pod: JsonObject) => `${text(member(pod, 'metadata'), 'creationTimestamp')} ${nameOf(pod)}`;

export function member(object: JsonObject, name: string): JsonObject {
  const value: Json | undefined = object[name];
  return isObject(value) ? value : {};
}

export function text(object: JsonObject, name: string): string {
  const value = object[name];
  return typeof value === 'string' ? value : '';
}

function count(object: JsonObject, name: string): number {
  const value = object[name];
  return typeof value === 'number' ? value : 0;
}
