/** The objects of the recorded API server: kept, changed and deleted as Kubernetes does it, and told to whoever watches. */
import type { ServerResponse } from 'node:http';
import type { AnyObject } from '../../support/kube-cluster.ts';
import { uidOf } from './recorded-objects.ts';

interface Stored {
  object: string;
  version: number;
}

export class Collection {
  readonly objects = new Map<string, Stored>();
  readonly watches = new Set<{ readonly answer: ServerResponse; readonly metadataOnly: boolean }>();
  /** What happened, for watches that begin at an older version. */
  readonly past: { readonly version: number; readonly type: string; readonly text: string }[] = [];
  #keys: readonly string[] | undefined;

  put(key: string, object: string, version: number): boolean {
    const isNew = !this.objects.has(key);
    if (isNew) this.#keys = undefined;
    this.objects.set(key, { object, version });
    return isNew;
  }

  delete(key: string): void {
    if (this.objects.delete(key)) this.#keys = undefined;
  }

  /** In the order in which etcd keeps them. */
  get keys(): readonly string[] {
    this.#keys ??= [...this.objects.keys()].sort();
    return this.#keys;
  }
}

export const collections = new Map<string, Collection>();
let version = 10_000_000;
/** Watches that begin before it are refused. */
let forgotten = 0;

export const currentVersion = (): number => version;

/** What was before this moment, nobody is told any more. */
export function forget(): void {
  forgotten = version;
  for (const { past } of collections.values()) past.length = 0;
}

export const isForgotten = (from: number): boolean => from < forgotten;

export function collectionOf(path: string): Collection {
  let found = collections.get(path);
  if (found === undefined) collections.set(path, (found = new Collection()));
  return found;
}

export interface Place {
  /** Of all namespaces. */
  readonly collection: string;
  readonly namespace: string;
  /** Empty: the collection. */
  readonly name: string;
  readonly sub: string;
}

export function placeOf(path: string): Place {
  const parts = path.split('/').slice(1).map(decodeURIComponent);
  const root = parts.splice(0, parts[0] === 'api' ? 2 : 3);
  const [first = '', second = ''] = parts;
  // A namespace itself, or what lies in one.
  const within = first === 'namespaces' && parts.length > 2;
  if (within) parts.splice(0, 2);
  const [plural = '', name = '', sub = ''] = parts;
  return { collection: `/${[...root, plural].join('/')}`, namespace: within ? second : '', name, sub };
}

/** As `PartialObjectMetadata`. */
export function metadataOf(text: string): string {
  const { metadata } = JSON.parse(text) as AnyObject;
  return JSON.stringify({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata });
}

export function isWatched(collection: string, text: string): boolean {
  return !/\/(secrets|configmaps)$/.test(collection) || text.includes('"auth.nauthera.io/watch":"true"');
}

export function lineOf(
  { type, text }: { readonly type: string; readonly text: string },
  metadataOnly: boolean,
): string {
  return `{"type":"${type}","object":${metadataOnly ? metadataOf(text) : text}}\n`;
}

function tellWatches(collection: string, type: string, text: string): void {
  if (!isWatched(collection, text)) return;
  const { watches, past } = collectionOf(collection);
  past.push({ version, type, text });
  if (past.length > 50_000) past.shift();
  for (const { answer: to, metadataOnly } of watches) to.write(lineOf({ type, text }, metadataOnly));
}

export function store({ collection, namespace }: Place, object: AnyObject): string {
  version += 1;
  object.metadata.resourceVersion = String(version);
  const text = JSON.stringify(object);
  const isNew = collectionOf(collection).put(`${namespace}/${object.metadata.name}`, text, version);
  tellWatches(collection, isNew ? 'ADDED' : 'MODIFIED', text);
  return text;
}

/** With the Secrets that belonged to it. */
function remove({ collection, namespace }: Place, object: AnyObject): string {
  version += 1;
  object.metadata.resourceVersion = String(version);
  const text = JSON.stringify(object);
  collectionOf(collection).delete(`${namespace}/${object.metadata.name}`);
  tellWatches(collection, 'DELETED', text);
  if (collection.endsWith('/clients'))
    for (const [key, { object: found }] of collectionOf('/api/v1/secrets').objects) {
      if (!key.startsWith(`${namespace}/`) || !found.includes(object.metadata.uid)) continue;
      const secret = JSON.parse(found) as AnyObject;
      const owners = (secret.metadata.ownerReferences ?? []) as AnyObject[];
      const place = { collection: '/api/v1/secrets', namespace, name: secret.metadata.name, sub: '' };
      if (owners.some(({ uid }) => uid === object.metadata.uid)) remove(place, secret);
    }
  return text;
}

/** Status and body, or the reason of a refusal. */
export type Outcome = readonly [status: number, text: string];

const isHeld = ({ metadata }: AnyObject): boolean => (metadata.finalizers ?? []).length > 0;

export function create(place: Place, body: AnyObject): Outcome {
  const { collection, namespace } = place;
  const key = `${namespace}/${body.metadata?.name ?? ''}`;
  if (collectionOf(collection).objects.has(key)) return [409, 'AlreadyExists'];
  if (collection.endsWith('/events')) return [201, JSON.stringify(body)];
  const given = { uid: uidOf(`${key} ${version}`), creationTimestamp: new Date().toISOString(), generation: 1 };
  return [201, store(place, { ...body, metadata: { ...body.metadata, ...given } })];
}

/** An apply knows of a status and of finalizers; a merge patch of a spec, which it changes field by field. */
export function change(method: string, place: Place, body: AnyObject): Outcome {
  const { collection, namespace, name, sub } = place;
  const stored = collectionOf(collection).objects.get(`${namespace}/${name}`);
  if (stored === undefined) return [404, 'NotFound'];
  const before = JSON.parse(stored.object) as AnyObject;
  const { uid, resourceVersion, finalizers = before.metadata.finalizers } = body.preconditions ?? body.metadata ?? {};
  const isOther = (wanted: unknown, found: unknown) => wanted !== undefined && wanted !== found;
  if (isOther(uid, before.metadata.uid) || isOther(resourceVersion, before.metadata.resourceVersion))
    return [409, 'Conflict'];
  const { metadata } = before;
  if (method === 'DELETE') {
    if (!isHeld(before)) return [200, remove(place, before)];
    const deletionTimestamp = metadata.deletionTimestamp ?? new Date().toISOString();
    return [200, store(place, { ...before, metadata: { ...metadata, deletionTimestamp } })];
  }
  if (method === 'PUT') return [200, store(place, { ...before, ...body })];
  const edited = body.spec === undefined ? {} : { spec: { ...before.spec, ...body.spec } };
  const generation = metadata.generation + (body.spec === undefined || sub === 'status' ? 0 : 1);
  const told = sub === 'status' ? { status: body.status } : edited;
  const next: AnyObject = { ...before, ...told, metadata: { ...metadata, finalizers, generation } };
  return [200, metadata.deletionTimestamp !== undefined && !isHeld(next) ? remove(place, next) : store(place, next)];
}
