/** Children as the Kubernetes API keeps them, pure. */
import { apiVersion } from '@nauthera/crds';
import type { KubernetesObject, ObjectMeta } from '../runtime/reflected.ts';
import {
  type Child,
  type ChildKind,
  type ChildOwner,
  childLabel,
  digestOf,
  isObject,
  type JsonObject,
  type Manifest,
  managedBy,
  managedByLabel,
} from './children.ts';
import { apiVersionOf } from './children-kinds.ts';

export type ChildObject = KubernetesObject & JsonObject & { readonly metadata: KubernetesObject['metadata'] };

/** What was wanted when it was last applied. */
export const appliedAnnotation = 'auth.nauthera.io/applied';

/** By an AuthorizationServer. */
export function isOwned({ metadata }: ChildObject): boolean {
  const controller = controllerOf(metadata);
  return controller?.apiVersion === apiVersion && controller.kind === 'AuthorizationServer';
}

function controllerOf({ ownerReferences }: ObjectMeta) {
  return ownerReferences?.find((one) => one.controller === true);
}

/** What is applied, and the digest of what is wanted by it. */
export function bodyOf(owner: ChildOwner, { kind, name, labels, annotations, content }: Manifest) {
  const reference = { apiVersion, kind: owner.kind, name: owner.name, uid: owner.uid };
  const metadata = {
    name,
    namespace: owner.namespace,
    labels: { ...labels, [managedByLabel]: managedBy, [childLabel]: owner.name },
    ownerReferences: [{ ...reference, controller: true, blockOwnerDeletion: true }],
  };
  const wish = digestOf({ ...without(content, kind), metadata: { ...metadata, annotations: { ...annotations } } });
  return {
    wish,
    body: {
      apiVersion: apiVersionOf(kind),
      kind,
      metadata: { ...metadata, annotations: { ...annotations, [appliedAnnotation]: wish } },
      ...content,
    },
  };
}

/** The number of pods may be an autoscaler's, and is followed: it is compared as a value, and is no other wish. */
function without(content: JsonObject, kind: ChildKind): JsonObject {
  if (kind !== 'Deployment' || !isObject(content['spec'])) return content;
  const { replicas: _, ...spec } = content['spec'];
  return { ...content, spec };
}

export function childOf(kind: ChildKind, object: ChildObject): Child {
  const { metadata } = object;
  const controller = controllerOf(metadata);
  return {
    kind,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    createdAt: metadata.creationTimestamp,
    deleting: metadata.deletionTimestamp !== undefined,
    generation: metadata.generation ?? 0,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    owner: controller?.apiVersion === apiVersion ? controller.uid : undefined,
    object,
  };
}

/** Items of a list do not say what they are. */
export function slim(kind: ChildKind, object: ChildObject): ChildObject {
  const metadata: ChildObject['metadata'] & { readonly managedFields?: unknown } = object.metadata;
  const { managedFields: _, ...rest } = metadata;
  return { ...object, apiVersion: apiVersionOf(kind), kind, metadata: rest };
}
