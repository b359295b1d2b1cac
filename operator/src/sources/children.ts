/**
 * What the operator makes in a cluster for an AuthorizationServer, as its controller sees it. Adapter: the Kubernetes API
 * (`children-kubernetes.ts`). A folder has none: nothing is deployed there.
 */
import { hash } from 'node:crypto';
import type { ResourceKey } from './source.ts';

export const childKinds = [
  'ServiceAccount',
  'ConfigMap',
  'Service',
  'NetworkPolicy',
  'PodDisruptionBudget',
  'HorizontalPodAutoscaler',
  'Ingress',
  'HTTPRoute',
  'ServiceMonitor',
  'Job',
  'Deployment',
] as const;
export type ChildKind = (typeof childKinds)[number];

/** Labels by which children are watched: each has both, the second with the name of its server. */
export const managedByLabel = 'app.kubernetes.io/managed-by';
export const managedBy = 'nauthera-operator';
export const childLabel = 'auth.nauthera.io/authorization-server';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [member: string]: Json };
export type JsonObject = { readonly [member: string]: Json };

/** What is applied, whole: what a later one leaves out is taken back. Namespace and owner are added. */
export interface Manifest {
  readonly kind: ChildKind;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Everything beside `apiVersion`, `kind` and `metadata`: `spec`, `data`, … */
  readonly content: JsonObject;
}

/** A child as it stands. */
export interface Child {
  readonly kind: ChildKind;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly deleting: boolean;
  readonly generation: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Uid of its controller; `undefined`: it has none. */
  readonly owner: string | undefined;
  /** The whole object, without `managedFields`. */
  readonly object: JsonObject;
}

/** The AuthorizationServer that children belong to. */
export type ChildOwner = ResourceKey<'AuthorizationServer'> & { readonly uid: string };

/**
 * `repaired`: nothing else was wanted than before, and somebody else had changed or deleted it. `waiting`: it is being
 * deleted, and is made again when it is gone.
 */
export type ApplyResult = 'unchanged' | 'created' | 'changed' | 'repaired' | 'waiting';

export interface Children {
  /** Whether the cluster knows that kind. */
  offers(kind: ChildKind): boolean;
  /** Among what carries our labels; `undefined`: there is none. */
  get(kind: ChildKind, namespace: string, name: string): Child | undefined;
  /** What belongs to that very server. */
  ownedBy(owner: ChildOwner): readonly Child[];
  /** All Deployments of all servers. */
  deployments(): readonly Child[];
  /**
   * Server-side apply, where something differs; other managers' fields stay.
   *
   * @throws ChildTaken, ChildRefused
   */
  apply(owner: ChildOwner, manifest: Manifest): Promise<ApplyResult>;
  /** With what belongs to it. It may be gone already. */
  remove(child: Child): Promise<void>;
  /** Pods with these labels, at this moment. */
  pods(namespace: string, labels: Readonly<Record<string, string>>): Promise<readonly JsonObject[]>;
}

/** An object of that name is not ours, and is left alone. */
export class ChildTaken extends Error {
  readonly code = 'child_taken';
}

/** The API server refuses it: its words, for a condition. */
export class ChildRefused extends Error {
  readonly code = 'child_refused';
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Of what is wanted: another one means that something else is wanted. */
export function digestOf(wanted: Json): string {
  return hash('sha256', JSON.stringify(sorted(wanted))).slice(0, 16);
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
}
