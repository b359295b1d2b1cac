/** Objects of the Kubernetes API as the controllers see them, and what is sent for them, pure. */
import {
  apiGroup,
  apiVersion,
  type Kind,
  kinds,
  pendingStatus,
  type ResourceByKind,
  validate,
  version,
} from '@nauthera/crds';
import { apiPath } from '../runtime/kubernetes-api.ts';
import type { Known, KubernetesObject } from '../runtime/reflected.ts';
import { isRecord } from './documents.ts';
import type { Observed, ResourceKey } from './source.ts';

/** An object of ours as it comes from the API server. */
export interface ResourceObject extends KubernetesObject {
  readonly spec?: unknown;
  readonly status?: unknown;
}

const origin = Symbol('origin');

/** What the source knows of a resource beyond what controllers see: one for all copies of the resource. */
export interface Origin {
  /** It carries our finalizer. */
  held: boolean;
  /** The newest that is known to this pass. */
  resourceVersion: string;
  /** Nothing but what this pass wrote lies between that and what was read. */
  exact: boolean;
}

export interface ObservedObject<K extends Kind = Kind> extends Observed<K> {
  readonly [origin]?: Origin;
}

/** Keeps a resource until what it left is removed. An LdapBinding leaves nothing that outlives its absence. */
export const finalizers: Readonly<Record<Kind, string | undefined>> = {
  AuthorizationServer: `${apiGroup}/server`,
  Client: `${apiGroup}/registration`,
  Scope: `${apiGroup}/registration`,
  LdapBinding: undefined,
};

/** @param namespace left out: of all namespaces */
export function collectionPath(kind: Kind, namespace?: string): string {
  const { plural } = kinds[kind];
  return namespace === undefined
    ? apiPath('apis', apiGroup, version, plural)
    : apiPath('apis', apiGroup, version, 'namespaces', namespace, plural);
}

export function objectPath({ kind, namespace, name }: ResourceKey): string {
  return `${collectionPath(kind, namespace)}${apiPath(name)}`;
}

export function idOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}

/** Validated anew: a resource may be older than a rule. What only a newer version knows is left out. */
export function observe<K extends Kind>(kind: K, object: ResourceObject): ObservedObject<K> {
  const { metadata, spec, status } = object;
  const { name, namespace = '', uid, generation = 0, deletionTimestamp } = metadata;
  const whole = { apiVersion, kind, metadata: { name, namespace }, spec, status };
  const verdict = validate(kind, whole, undefined, 'dropped');
  const finalizer = finalizers[kind];
  return {
    kind,
    namespace,
    name,
    uid,
    createdAt: metadata.creationTimestamp,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    generation,
    spec: verdict.ok ? verdict.resource.spec : undefined,
    specGeneration: verdict.ok ? generation : 0,
    refused: verdict.ok ? undefined : refusal(verdict.problems),
    ...(verdict.ok && verdict.dropped !== undefined ? { unknownFields: verdict.dropped } : {}),
    status: verdict.ok ? verdict.resource.status : soundStatus<K>(status),
    deleting: deletionTimestamp !== undefined,
    ...(deletionTimestamp === undefined ? {} : { deletingSince: deletionTimestamp }),
    ...((metadata.finalizers ?? []).includes('foregroundDeletion') ? { deletingWhole: true as const } : {}),
    [origin]: {
      held: finalizer !== undefined && (metadata.finalizers ?? []).includes(finalizer),
      resourceVersion: metadata.resourceVersion,
      exact: true,
    },
  };
}

/** `undefined`: not read from here. */
export function originOf(resource: ObservedObject): Origin | undefined {
  return resource[origin];
}

/** @param since RFC 3339 */
export function ghost<K extends Kind>(
  kind: K,
  known: Known,
  last: ResourceObject | undefined,
  since: string,
): Observed<K> {
  return {
    kind,
    namespace: known.namespace,
    name: known.name,
    uid: known.uid,
    createdAt: last?.metadata.creationTimestamp ?? since,
    labels: last?.metadata.labels ?? {},
    annotations: last?.metadata.annotations ?? {},
    generation: last?.metadata.generation ?? 0,
    spec: undefined,
    specGeneration: 0,
    refused: undefined,
    status: soundStatus<K>(last?.status),
    deleting: true,
    deletingSince: since,
  };
}

/** Whether both are of one object, and the first a later state of it. */
export function isNewer({ metadata: one }: KubernetesObject, { metadata: other }: KubernetesObject): boolean {
  const [mine, theirs] = [one.resourceVersion, other.resourceVersion];
  // Decimal numbers of any length.
  return one.uid === other.uid && (mine.length === theirs.length ? mine > theirs : mine.length > theirs.length);
}

/** Annotations of ours on an object, and characters of a value, that are kept. There are fewer, and 256 count. */
const most = { annotations: 32, value: 1024 };

/**
 * Without what nobody here reads, and what takes as much room as the rest: what one namespace writes on its resources must
 * not fill the memory of everybody's operator.
 */
export function slim(object: ResourceObject): ResourceObject {
  const metadata: ResourceObject['metadata'] & { readonly managedFields?: unknown } = object.metadata;
  const { managedFields: _, labels: __, ownerReferences: ___, annotations = {}, ...rest } = metadata;
  const ours = Object.entries(annotations)
    .filter(([name]) => name.startsWith(`${apiGroup}/`))
    .slice(0, most.annotations)
    .map(([name, value]) => [name, value.slice(0, most.value)] as const);
  return { ...object, metadata: ours.length === 0 ? rest : { ...rest, annotations: Object.fromEntries(ours) } };
}

/** Whether the answer to a write of ours shows that somebody else wrote as well since the resource was read. */
export function tellsOfOthers(resource: Observed, { metadata }: ResourceObject): boolean {
  return (
    metadata.generation !== resource.generation ||
    (metadata.deletionTimestamp !== undefined) !== resource.deleting ||
    !isEqual(metadata.labels ?? {}, resource.labels) ||
    !isEqual(metadata.annotations ?? {}, resource.annotations)
  );
}

export interface Applied {
  readonly finalizers?: readonly string[];
  readonly status?: unknown;
  readonly resourceVersion?: string;
}

/** Body of a server-side apply. With a uid nothing is created. */
export function applied({ kind, namespace, name, uid }: Observed, { status, ...metadata }: Applied) {
  return {
    apiVersion,
    kind,
    metadata: { namespace, name, uid, ...metadata },
    ...(status === undefined ? {} : { status }),
  };
}

export function isEqual(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}

function refusal(
  problems: readonly { readonly path: string; readonly message: string; readonly found?: string }[],
): string {
  const [first, ...more] = problems;
  if (first === undefined) return '';
  const { path, message, found } = first;
  const line = `${path === '' ? '' : `${path}: `}${found === undefined ? '' : `${found}: `}${message}`;
  return more.length === 0 ? line : `${line} (and ${more.length} more)`;
}

/** As the API server keeps it by its schema. One that cannot be read counts as none. */
function soundStatus<K extends Kind>(status: unknown): ResourceByKind[K]['status'] {
  if (isRecord(status) && Array.isArray(status.conditions) && status.conditions.every(isRecord)) {
    const sound: unknown = { ...pendingStatus, ...status };
    return sound as ResourceByKind[K]['status'];
  }
  const pending: unknown = structuredClone(pendingStatus);
  return pending as ResourceByKind[K]['status'];
}
