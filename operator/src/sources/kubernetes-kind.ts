/** One kind of resources as it stands in the cluster: what is known of it, what is gone, and what this process writes. */
import type { Kind } from '@nauthera/crds';
import { ApiError, type ApiRequest, type KubernetesApi } from '../runtime/kubernetes-api.ts';
import type { Known } from '../runtime/reflected.ts';
import { Ghosts } from './kubernetes-ghosts.ts';
import { type KeptObjects, PassingObjects, WholeObjects } from './kubernetes-kept.ts';
import {
  type Applied,
  applied,
  collectionPath,
  finalizers,
  ghost,
  idOf,
  type ObservedObject,
  objectPath,
  observe,
  originOf,
  type ResourceObject,
  slim,
  tellsOfOthers,
} from './kubernetes-objects.ts';
import { type ClusterView, Reflectors } from './kubernetes-reflectors.ts';
import { WritesUnderWay } from './kubernetes-writing.ts';
import type { Observed } from './source.ts';

/** The resource went, or another took its name, while something was about to be written: there is nothing to write to. */
export class ResourceMoved extends Error {
  readonly code = 'resource_moved';
}

/** Bytes of objects that wait for somebody to look at them. */
const passingLimit = 16 * 1024 * 1024;

/** Of one status write, against others that change the object. */
const mostAttempts = 4;

const finalizerManager = 'nauthera-operator-finalizer';

export class ClusterKind<K extends Kind> {
  readonly kind: K;
  readonly #api: KubernetesApi;
  readonly #tell: (namespace: string, name: string) => void;
  readonly #reflectors: Reflectors<ResourceObject>;
  readonly #kept: KeptObjects;
  readonly #ghosts = new Ghosts<K>();
  readonly #writes = new WritesUnderWay<ResourceObject>((object) => this.#take(object));

  /** @param tell runs for every change that this process did not make */
  constructor(kind: K, view: ClusterView, tell: (namespace: string, name: string) => void) {
    this.kind = kind;
    this.#api = view.api;
    this.#tell = tell;
    this.#kept = kind === 'Client' ? new PassingObjects(passingLimit) : new WholeObjects();
    this.#reflectors = new Reflectors<ResourceObject>(
      view,
      { path: (namespace) => collectionPath(kind, namespace) },
      {
        onUpsert: (object) => {
          if (!this.#writes.defer(idOf(placeOf(object)), object)) this.#take(object);
        },
        onGone: (known) => this.#lose(known),
      },
    );
  }

  start(): Promise<void> {
    return this.#reflectors.start();
  }

  stop(): Promise<void> {
    return this.#reflectors.stop();
  }

  sinceLastSync(): number | undefined {
    return this.#reflectors.sinceLastSync();
  }

  async get(namespace: string, name: string): Promise<Observed<K> | undefined> {
    const id = idOf({ namespace, name });
    const gone = this.#ghosts.first(id);
    if (gone !== undefined) return gone;
    const known = this.#reflectors.get(namespace, name);
    return known === undefined ? undefined : this.#observe(known);
  }

  async list(): Promise<readonly Observed<K>[]> {
    const found = await Promise.all([...this.#reflectors.entries()].map((known) => this.#observe(known)));
    return found.filter((one) => one !== undefined);
  }

  /** What is gone and not released is still somebody's. */
  keys(): { readonly kind: K; readonly namespace: string; readonly name: string; readonly uid: string }[] {
    const { kind } = this;
    return [...this.#reflectors.entries(), ...this.#ghosts.all()].map(({ namespace, name, uid }) => ({
      kind,
      namespace,
      name,
      uid,
    }));
  }

  /** @throws ResourceMoved */
  async hold(resource: ObservedObject<K>): Promise<void> {
    const finalizer = finalizers[this.kind];
    // Of what was never accepted nothing is written anywhere.
    if (finalizer === undefined || resource.deleting || resource.spec === undefined || originOf(resource)?.held) return;
    const answer = await this.#apply(resource, finalizerManager, { finalizers: [finalizer] }).catch(
      async (error: unknown) => {
        // Being deleted since it was read: nothing can hold it any more.
        if (error instanceof ApiError && error.status === 422 && (await this.#isGoing(resource))) return undefined;
        throw error;
      },
    );
    if (answer === undefined) throw new ResourceMoved(`${this.kind} ${idOf(resource)} went while it was looked at`);
    const origin = originOf(resource);
    if (origin !== undefined) Object.assign(origin, { held: true, resourceVersion: answer.metadata.resourceVersion });
  }

  async release(resource: ObservedObject<K>): Promise<void> {
    if (this.#ghosts.release(resource)) {
      this.#tell(resource.namespace, resource.name);
      return;
    }
    if (!resource.deleting) return;
    this.#ghosts.expect(resource.uid);
    if (finalizers[this.kind] === undefined || originOf(resource)?.held === false) return;
    try {
      const answer = await this.#apply(resource, finalizerManager, { finalizers: [] });
      if (answer !== undefined) await this.#removeForeign(resource, answer);
    } catch (error) {
      this.#ghosts.unexpect(resource.uid);
      throw error;
    }
  }

  /** Somebody else declared our finalizer too, in a manifest perhaps: it stands until both take it back. */
  async #removeForeign(resource: Observed<K>, { metadata }: ResourceObject): Promise<void> {
    const own = finalizers[this.kind];
    const all = metadata.finalizers ?? [];
    if (own === undefined || !all.includes(own)) return;
    const { uid, resourceVersion } = metadata;
    const left = all.filter((one) => one !== own);
    await this.#write(resource, {
      path: objectPath(resource),
      query: { fieldManager: finalizerManager },
      contentType: 'application/merge-patch+json',
      body: { metadata: { uid, resourceVersion, finalizers: left } },
    });
  }

  /**
   * The status subresource takes no notice of a uid, so the version must be the one that was read; a write to a namesake
   * would show what was found out about another object. Somebody else's change of this object is no obstacle.
   */
  async writeStatus(resource: ObservedObject<K>, status: unknown): Promise<void> {
    const { namespace, name, uid } = resource;
    let resourceVersion = originOf(resource)?.resourceVersion;
    for (let attempts = 1; ; attempts += 1) {
      if (resourceVersion === undefined) {
        const metadata = (await this.#read(namespace, name))?.metadata;
        if (metadata?.uid !== uid) return;
        ({ resourceVersion } = metadata);
      }
      try {
        const answer = await this.#apply(resource, 'nauthera-operator-status', { status, resourceVersion });
        const origin = originOf(resource);
        if (answer !== undefined && origin !== undefined) origin.resourceVersion = answer.metadata.resourceVersion;
        return;
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 409 || attempts >= mostAttempts) throw error;
        resourceVersion = undefined;
      }
    }
  }

  #apply(resource: Observed<K>, fieldManager: string, parts: Applied): Promise<ResourceObject | undefined> {
    const path = objectPath(resource);
    return this.#write(resource, {
      path: parts.status === undefined ? path : `${path}/status`,
      query: { fieldManager, force: true },
      contentType: 'application/apply-patch+yaml',
      body: applied(resource, parts),
    });
  }

  /** `undefined`: there is no such object any more. */
  #write(resource: Observed<K>, patch: Omit<ApiRequest, 'method'>): Promise<ResourceObject | undefined> {
    const id = idOf(resource);
    return this.#writes.run(id, async () => {
      try {
        const answer = await this.#api.request<ResourceObject>({ method: 'PATCH', ...patch });
        this.#noteWritten(id, resource, answer);
        return answer;
      } catch (error) {
        if (await this.#isGone(resource, error)) return undefined;
        throw error;
      }
    });
  }

  #noteWritten(id: string, resource: Observed<K>, answer: ResourceObject): void {
    const { namespace, name, uid } = resource;
    if (this.#reflectors.get(namespace, name)?.uid !== uid) return;
    this.#reflectors.noteWritten(answer);
    this.#kept.put(id, slim(answer));
    if (tellsOfOthers(resource, answer)) this.#tell(namespace, name);
  }

  async #observe({ namespace, name, uid }: Known): Promise<Observed<K> | undefined> {
    const id = idOf({ namespace, name });
    const object = this.#kept.get(id) ?? (await this.#readAndKeep(id, namespace, name));
    // Another one of that name, or none: the reflector is about to say so, and wakes whoever asks.
    return object?.metadata.uid === uid ? observe(this.kind, object) : undefined;
  }

  async #readAndKeep(id: string, namespace: string, name: string): Promise<ResourceObject | undefined> {
    const object = await this.#read(namespace, name);
    if (
      this.kind !== 'Client' &&
      object !== undefined &&
      object.metadata.uid === this.#reflectors.get(namespace, name)?.uid
    )
      this.#kept.put(id, slim(object));
    return object;
  }

  /** 409 is the answer for a namesake, and for a conflict that passes. */
  async #isGone({ namespace, name, uid }: Observed<K>, error: unknown): Promise<boolean> {
    if (!(error instanceof ApiError)) return false;
    if (error.status === 404) return true;
    return error.status === 409 && (await this.#read(namespace, name))?.metadata.uid !== uid;
  }

  async #isGoing({ namespace, name, uid }: Observed<K>): Promise<boolean> {
    const metadata = (await this.#read(namespace, name))?.metadata;
    return metadata?.uid !== uid || metadata.deletionTimestamp !== undefined;
  }

  async #read(namespace: string, name: string): Promise<ResourceObject | undefined> {
    const path = objectPath({ kind: this.kind, namespace, name });
    try {
      return await this.#api.request<ResourceObject>({ method: 'GET', path });
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  #take(object: ResourceObject): void {
    const { namespace, name } = placeOf(object);
    this.#kept.put(idOf({ namespace, name }), slim(object));
    this.#tell(namespace, name);
  }

  #lose(known: Known): void {
    const id = idOf(known);
    const last = this.#kept.get(id);
    this.#kept.delete(id);
    this.#writes.forget(id);
    const since = `${new Date().toISOString().slice(0, 19)}Z`;
    if (this.#ghosts.add(ghost(this.kind, known, last, since))) this.#tell(known.namespace, known.name);
  }
}

function placeOf({ metadata: { namespace = '', name } }: ResourceObject) {
  return { namespace, name };
}
