/** One kind of resources as it stands in the cluster: what is known of it, what is gone, and what this process writes. */
import type { Kind } from '@nauthera/crds';
import type { Known } from '../runtime/reflected.ts';
import { Ghosts } from './kubernetes-ghosts.ts';
import { type KeptObjects, PassingObjects, WholeObjects } from './kubernetes-kept.ts';
import {
  collectionPath,
  ghost,
  idOf,
  type ObservedObject,
  observe,
  type ResourceObject,
  slim,
  tellsOfOthers,
} from './kubernetes-objects.ts';
import { type ClusterView, Reflectors } from './kubernetes-reflectors.ts';
import { ResourceWriter } from './kubernetes-writer.ts';
import type { Glance, Observed } from './source.ts';
import { WritesUnderWay } from './writes-under-way.ts';

/** Bytes of objects that wait for somebody to look at them: some 4,000 Clients. Those beyond are read again. */
const passingLimit = 8 * 1024 * 1024;

export class ClusterKind<K extends Kind> {
  readonly kind: K;
  readonly #tell: (namespace: string, name: string) => void;
  readonly #reflectors: Reflectors<ResourceObject>;
  readonly #kept: KeptObjects;
  /** What was made of objects: their validation costs more than all else. */
  readonly #observed = new WeakMap<ResourceObject, ObservedObject<K>>();
  /** All of them, until one moves. */
  #all: readonly Observed<K>[] | undefined;
  #moves = 0;
  readonly #ghosts = new Ghosts<K>();
  readonly #writes = new WritesUnderWay<ResourceObject>((object) => this.#take(object));
  readonly #writer: ResourceWriter<K>;

  /** @param tell runs for every change that this process did not make */
  constructor(kind: K, view: ClusterView, tell: (namespace: string, name: string) => void) {
    this.kind = kind;
    this.#tell = tell;
    this.#kept = kind === 'Client' ? new PassingObjects(passingLimit) : new WholeObjects();
    this.#writer = new ResourceWriter<K>({
      api: view.api,
      writes: this.#writes,
      onWritten: (resource, answer) => this.#noteWritten(resource, answer),
      onDone: (what) => view.onWrite?.(kind, what),
    });
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

  knows(namespace: string): boolean {
    return this.#reflectors.knows(namespace);
  }

  isShut(namespace: string): boolean {
    return this.#reflectors.isShut(namespace);
  }

  async get(namespace: string, name: string): Promise<Observed<K> | undefined> {
    const gone = this.#ghosts.first(idOf({ namespace, name }));
    if (gone !== undefined) return gone;
    const known = this.#reflectors.get(namespace, name);
    return known === undefined ? undefined : this.#observe(known);
  }

  glance(namespace: string, name: string): Glance | undefined {
    if (this.#ghosts.first(idOf({ namespace, name })) !== undefined) return undefined;
    const known = this.#reflectors.get(namespace, name);
    return known === undefined ? undefined : { uid: known.uid, version: known.resourceVersion };
  }

  passOver(namespace: string, name: string): void {
    if (this.kind === 'Client') this.#kept.delete(idOf({ namespace, name }));
  }

  async list(): Promise<readonly Observed<K>[]> {
    if (this.#all !== undefined) return this.#all;
    const moves = this.#moves;
    const found = await Promise.all([...this.#reflectors.entries()].map((known) => this.#observe(known)));
    const all = found.filter((one) => one !== undefined);
    if (moves === this.#moves) this.#all = all;
    return all;
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
  hold(resource: Observed<K>): Promise<void> {
    return this.#writer.hold(resource);
  }

  async release(resource: Observed<K>): Promise<void> {
    if (this.#ghosts.release(resource)) {
      this.#tell(resource.namespace, resource.name);
      return;
    }
    if (!resource.deleting) return;
    this.#ghosts.expect(resource.uid);
    try {
      await this.#writer.release(resource);
    } catch (error) {
      this.#ghosts.unexpect(resource.uid);
      throw error;
    }
  }

  writeStatus(resource: Observed<K>, status: unknown): Promise<void> {
    return this.#writer.writeStatus(resource, status);
  }

  #noteWritten(resource: Observed<K>, answer: ResourceObject): void {
    const { namespace, name, uid } = resource;
    if (this.#reflectors.get(namespace, name)?.uid !== uid) return;
    this.#reflectors.noteWritten(answer);
    this.#keep(idOf(resource), answer);
    if (tellsOfOthers(resource, slim(answer))) this.#tell(namespace, name);
  }

  async #observe(known: Known): Promise<Observed<K> | undefined> {
    const object = this.#kept.get(idOf(known)) ?? (await this.#read(known));
    // Another one of that name, or none: the reflector is about to say so, and wakes whoever asks.
    if (object?.metadata.uid !== known.uid) return undefined;
    const observed = this.#observed.get(object) ?? observe(this.kind, object);
    this.#observed.set(object, observed);
    return observed;
  }

  async #read({ namespace, name }: Known): Promise<ResourceObject | undefined> {
    const object = await this.#writer.read({ kind: this.kind, namespace, name });
    const isKnown = object?.metadata.uid === this.#reflectors.get(namespace, name)?.uid;
    if (object === undefined) return undefined;
    if (!isKnown || this.kind === 'Client') return slim(object);
    return this.#keep(idOf({ namespace, name }), object);
  }

  #keep(id: string, object: ResourceObject): ResourceObject {
    const slender = slim(object);
    this.#kept.put(id, slender);
    this.#moved();
    return slender;
  }

  #moved(): void {
    this.#all = undefined;
    this.#moves += 1;
  }

  #take(object: ResourceObject): void {
    const { namespace, name } = placeOf(object);
    this.#keep(idOf({ namespace, name }), object);
    this.#tell(namespace, name);
  }

  #lose(known: Known): void {
    const id = idOf(known);
    const last = this.#kept.get(id);
    this.#kept.delete(id);
    this.#moved();
    this.#writes.forget(id);
    const since = `${new Date().toISOString().slice(0, 19)}Z`;
    const isLeft = this.#ghosts.add(ghost(this.kind, known, last, since));
    // A server that went by our own word leaves nothing, and is missed: others named it, or could not choose because of it.
    if (isLeft || this.kind === 'AuthorizationServer') this.#tell(known.namespace, known.name);
  }
}

function placeOf({ metadata: { namespace = '', name } }: ResourceObject) {
  return { namespace, name };
}
