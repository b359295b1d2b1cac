/** Secrets as the Kubernetes API keeps them, pure. */
import { apiVersion } from '@nauthera/crds';
import type { KubernetesObject, ObjectMeta } from '../runtime/reflected.ts';
import type { NewSecret, Secret, SecretOwner } from './secret.ts';

export interface SecretObject extends KubernetesObject {
  readonly type?: string;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
  readonly immutable?: boolean;
}

/** Bytes that are no UTF-8 become U+FFFD: such a value never equals one of ours, and no rule for secrets lets it pass. */
export function readSecret({ metadata, type = 'Opaque', data = {}, immutable }: SecretObject): Secret {
  const { namespace = '', name, labels = {}, annotations = {}, uid, resourceVersion } = metadata;
  return {
    namespace,
    name,
    type,
    labels,
    annotations,
    owner: ownerOf(metadata),
    uid,
    ...(controllerOf(metadata) !== undefined && ownerOf(metadata) === undefined ? { controlled: true as const } : {}),
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, text(value)])),
    version: `${uid}/${resourceVersion}`,
    ...(immutable === true ? { immutable } : {}),
  };
}

/** The controller, where it is a resource of ours. Labels and annotations say nothing: everybody can write those. */
export function ownerOf(metadata: ObjectMeta): SecretOwner | undefined {
  const controller = controllerOf(metadata);
  if (controller?.apiVersion !== apiVersion) return undefined;
  const { kind, name, uid } = controller;
  return { kind, name, uid };
}

function controllerOf({ ownerReferences = [] }: ObjectMeta) {
  return ownerReferences.find((reference) => reference.controller === true);
}

export function newSecretObject(secret: NewSecret): object {
  const { namespace, name, labels, annotations, owner, type, data } = secret;
  const ownerReferences = owner === undefined ? [] : [referenceTo(owner)];
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace, name, labels, annotations, ...(ownerReferences.length === 0 ? {} : { ownerReferences }) },
    type,
    data: encoded(data),
  };
}

/**
 * The object to be put in place of `raw`, which was read as `before`. What `before` had and `next` lacks goes; what neither
 * speaks of (finalizers, other owners) stays, and so do the bytes of values that are the same.
 */
export function changedSecretObject(raw: SecretObject, before: Secret, next: NewSecret): object {
  const data = Object.entries(next.data).map(([key, value]) => {
    const kept = before.data[key] === value ? raw.data?.[key] : undefined;
    return [key, kept ?? base64(value)] as const;
  });
  return {
    ...raw,
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      ...raw.metadata,
      labels: next.labels,
      annotations: next.annotations,
      ownerReferences: ownersOf(raw.metadata, before.owner, next.owner),
    },
    data: Object.fromEntries(data),
  };
}

function ownersOf(
  { ownerReferences = [] }: ObjectMeta,
  before: SecretOwner | undefined,
  next: SecretOwner | undefined,
) {
  if (before?.uid === next?.uid) return ownerReferences;
  const others = ownerReferences.filter(({ uid }) => uid !== before?.uid);
  return next === undefined ? others : [...others, referenceTo(next)];
}

function referenceTo(owner: SecretOwner) {
  return { apiVersion, ...owner, controller: true, blockOwnerDeletion: true };
}

function encoded(data: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, base64(value)]));
}

function base64(value: string): string {
  return Buffer.from(value, 'utf8').toString('base64');
}

function text(value: string): string {
  return Buffer.from(value, 'base64').toString('utf8');
}
