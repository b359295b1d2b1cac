/**
 * Children of AuthorizationServers in a Kubernetes API, by server-side apply with a field manager of our own. Each kind is
 * watched by our labels; what has a server as its owner is kept, a few for each. Labels anybody can write: of what carries
 * them and belongs to no server, a name is kept. What is unchanged is not written.
 */
import { ApiError, type ApiRequest, apiPath } from '../runtime/kubernetes-api.ts';
import type { Known } from '../runtime/reflected.ts';
import {
  type ApplyResult,
  type Child,
  type ChildKind,
  type ChildOwner,
  ChildRefused,
  type Children,
  ChildTaken,
  childKinds,
  childLabel,
  type JsonObject,
  type Manifest,
  managedBy,
  managedByLabel,
} from './children.ts';
import { asAnswered, difference } from './children-compare.ts';
import { childrenPath, discoveryPath, places } from './children-kinds.ts';
import { appliedAnnotation, bodyOf, type ChildObject, childOf, isOwned, slim } from './children-objects.ts';
import { isNewer } from './kubernetes-objects.ts';
import { type ClusterView, Reflectors } from './kubernetes-reflectors.ts';

export interface KubernetesChildrenOptions extends ClusterView {
  /** A child of that server was made, changed or deleted by somebody. Must not throw. */
  onChange(namespace: string, server: string): void;
  /** Milliseconds between two looks for kinds that the cluster does not know yet. Default 1 min. */
  readonly lookEvery?: number;
}

interface Kept {
  readonly object: ChildObject;
  /** `false`: its metadata. */
  readonly whole: boolean;
}

const fieldManager = 'nauthera-operator';
const selector = `${managedByLabel}=${managedBy},${childLabel}`;

export class KubernetesChildren implements Children {
  readonly #options: KubernetesChildrenOptions;
  readonly #reflectors = new Map<ChildKind, Reflectors<ChildObject>>();
  /** By kind, namespace and name. */
  readonly #objects = new Map<string, Kept>();
  /** By the same id, what carries our labels and belongs to no server: its uid, and the server that it names. */
  readonly #strangers = new Map<string, { readonly uid: string; readonly server: string }>();
  /** Ids of those that vanished without our doing: when made again, they were repaired. */
  readonly #lost = new Set<string>();
  /** By id, where the API server answered something else than what was sent. */
  readonly #answers = new Map<string, { readonly wish: string; readonly body: JsonObject }>();
  /** Uids of those that go by our own word. */
  readonly #removed = new Set<string>();
  #looking: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: KubernetesChildrenOptions) {
    this.#options = options;
  }

  /** Resolves when every child of a kind that the cluster knows is known. */
  async start(): Promise<void> {
    await Promise.all(childKinds.filter((kind) => places[kind].optional !== true).map((kind) => this.#watch(kind)));
    await this.#lookForMore();
    this.#looking = setInterval(() => void this.#lookForMore(), this.#options.lookEvery ?? 60_000).unref();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#looking);
    await Promise.all([...this.#reflectors.values()].map((reflectors) => reflectors.stop()));
  }

  /** Milliseconds; `undefined`: not everything is known yet. */
  sinceLastSync(): number | undefined {
    let longest = 0;
    for (const kind of childKinds) {
      // What only some clusters know may be taken away again.
      if (places[kind].optional === true) continue;
      const silent = this.#reflectors.get(kind)?.sinceLastSync();
      if (silent === undefined) return undefined;
      longest = Math.max(longest, silent);
    }
    return longest;
  }

  offers(kind: ChildKind): boolean {
    return this.#reflectors.has(kind);
  }

  get(kind: ChildKind, namespace: string, name: string): Child | undefined {
    const kept = this.#objects.get(idOf(kind, namespace, name));
    return kept === undefined ? undefined : childOf(kind, kept.object);
  }

  ownedBy({ namespace, name, uid }: ChildOwner): readonly Child[] {
    return this.#all().filter(
      (child) => child.namespace === namespace && child.owner === uid && child.labels[childLabel] === name,
    );
  }

  deployments(): readonly Child[] {
    return this.#all('Deployment');
  }

  async apply(owner: ChildOwner, manifest: Manifest): Promise<ApplyResult> {
    const { kind, name } = manifest;
    const { namespace } = owner;
    const id = idOf(kind, namespace, name);
    const known = await this.#find(kind, namespace, name);
    if (known !== undefined && known.owner !== owner.uid)
      throw new ChildTaken(
        `${kind} "${name}" exists in namespace ${namespace} and was not made for this AuthorizationServer. Delete or rename it; it is left alone`,
      );
    if (known?.deleting === true) return 'waiting';
    const { wish, body } = bodyOf(owner, manifest);
    const wasWanted = known?.annotations[appliedAnnotation] === wish;
    const answered = this.#answers.get(id);
    const expected = answered?.wish === wish ? answered.body : body;
    if (known !== undefined && wasWanted && difference(expected, known.object) === undefined) return 'unchanged';
    const answer = await this.#write(kind, name, {
      method: 'PATCH',
      path: `${childrenPath(kind, namespace)}${apiPath(name)}`,
      // Only what is known to be ours is taken back from others.
      query: { fieldManager, force: known !== undefined },
      contentType: 'application/apply-patch+yaml',
      body: known === undefined ? body : { ...body, metadata: { ...body.metadata, uid: known.uid } },
    });
    this.#keep(kind, answer, true);
    if (difference(body, answer) === undefined) this.#answers.delete(id);
    else this.#answers.set(id, { wish, body: asAnswered(body, answer) });
    this.#reflectors.get(kind)?.noteWritten(answer);
    if (known === undefined) return this.#lost.delete(id) ? 'repaired' : 'created';
    return wasWanted ? 'repaired' : 'changed';
  }

  async remove({ kind, namespace, name, uid }: Child): Promise<void> {
    this.#removed.add(uid);
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background', preconditions: { uid } };
    const path = `${childrenPath(kind, namespace)}${apiPath(name)}`;
    await this.#options.api.request({ method: 'DELETE', path, body }).catch((error: unknown) => {
      if (!isStatus(error, 404) && !isStatus(error, 409)) throw error;
    });
    this.#objects.delete(idOf(kind, namespace, name));
  }

  async pods(namespace: string, labels: Readonly<Record<string, string>>): Promise<readonly JsonObject[]> {
    const labelSelector = Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(',');
    const { items = [] } = await this.#options.api.request<{ readonly items?: readonly JsonObject[] }>({
      method: 'GET',
      path: apiPath('api', 'v1', 'namespaces', namespace, 'pods'),
      query: { labelSelector, limit: 200 },
    });
    return items;
  }

  *#entries(): Generator<Child> {
    for (const [id, { object }] of this.#objects) {
      const kind = childKinds.find((one) => id.startsWith(`${one}/`));
      if (kind !== undefined) yield childOf(kind, object);
    }
  }

  #all(kind?: ChildKind): readonly Child[] {
    return [...this.#entries()].filter((child) => kind === undefined || child.kind === kind);
  }

  async #lookForMore(): Promise<void> {
    for (const kind of childKinds) {
      if (this.#stopped || this.#reflectors.has(kind) || !(await this.#isKnown(kind))) continue;
      void this.#watch(kind);
    }
  }

  async #isKnown(kind: ChildKind): Promise<boolean> {
    try {
      const { resources = [] } = await this.#options.api.request<{
        readonly resources?: readonly { readonly name: string }[];
      }>({ method: 'GET', path: discoveryPath(kind) });
      return resources.some(({ name }) => name === places[kind].plural);
    } catch {
      // Absent, or nobody can say at the moment: the next look tells.
      return false;
    }
  }

  #watch(kind: ChildKind): Promise<void> {
    const reflectors = new Reflectors<ChildObject>(
      this.#options,
      {
        path: (namespace) => childrenPath(kind, namespace),
        query: () => ({ labelSelector: selector }),
        metadataOnly: places[kind].bulky === true,
      },
      { onUpsert: (object) => this.#take(kind, object), onGone: (known) => this.#lose(kind, known) },
    );
    this.#reflectors.set(kind, reflectors);
    return reflectors.start();
  }

  #take(kind: ChildKind, object: ChildObject): void {
    const { namespace = '', name, uid, labels } = object.metadata;
    const id = idOf(kind, namespace, name);
    const server = labels?.[childLabel] ?? '';
    if (isOwned(object)) {
      this.#strangers.delete(id);
      if (!this.#keep(kind, object, places[kind].bulky !== true)) return;
    } else {
      // It may be of before one of ours took its place.
      if (this.#objects.get(id)?.object.metadata.uid === uid) this.#objects.delete(id);
      this.#strangers.set(id, { uid, server });
    }
    this.#tell(namespace, server);
  }

  /** `false`: something newer is known. */
  #keep(kind: ChildKind, object: ChildObject, whole: boolean): boolean {
    const { namespace = '', name } = object.metadata;
    const id = idOf(kind, namespace, name);
    const before = this.#objects.get(id);
    if (before !== undefined && isNewer(before.object, object)) return false;
    // An event may come after the answer that showed the same.
    const isSame = before?.object.metadata.resourceVersion === object.metadata.resourceVersion;
    if (!(isSame && before?.whole === true)) this.#objects.set(id, { object: slim(kind, object), whole });
    return true;
  }

  #lose(kind: ChildKind, { namespace, name, uid }: Known): void {
    const id = idOf(kind, namespace, name);
    const isRemoved = this.#removed.delete(uid);
    const stranger = this.#strangers.get(id);
    if (stranger?.uid === uid) {
      this.#strangers.delete(id);
      this.#tell(namespace, stranger.server);
      return;
    }
    const object = this.#objects.get(id)?.object;
    if (object === undefined || object.metadata.uid !== uid) return;
    this.#objects.delete(id);
    if (!isRemoved) this.#lost.add(id);
    this.#tell(namespace, object.metadata.labels?.[childLabel] ?? '');
  }

  #tell(namespace: string, server: string): void {
    if (server !== '') this.#options.onChange(namespace, server);
  }

  /** Whole. */
  async #find(kind: ChildKind, namespace: string, name: string): Promise<Child | undefined> {
    const id = idOf(kind, namespace, name);
    const kept = this.#objects.get(id);
    if (kept?.whole === true) return childOf(kind, kept.object);
    const object = await this.#read(kind, namespace, name);
    if (object === undefined) return undefined;
    // One that is gone meanwhile does not come back by this.
    const isKept = this.#objects.get(id)?.object.metadata.uid === object.metadata.uid;
    if (isKept && isOwned(object)) this.#keep(kind, object, true);
    return childOf(kind, object);
  }

  /** One without our labels is not among what is watched. */
  async #read(kind: ChildKind, namespace: string, name: string): Promise<ChildObject | undefined> {
    const path = `${childrenPath(kind, namespace)}${apiPath(name)}`;
    try {
      return slim(kind, await this.#options.api.request<ChildObject>({ method: 'GET', path }));
    } catch (error) {
      if (isStatus(error, 404)) return undefined;
      throw refusal(kind, name, error);
    }
  }

  async #write(kind: ChildKind, name: string, request: ApiRequest): Promise<ChildObject> {
    try {
      return await this.#options.api.request<ChildObject>(request);
    } catch (error) {
      throw refusal(kind, name, error);
    }
  }
}

/** What only somebody else can change; an overloaded or absent API server is met by coming again. */
function refusal(kind: ChildKind, name: string, error: unknown): unknown {
  if (!(error instanceof ApiError) || error.status >= 500 || error.status === 429) return error;
  return new ChildRefused(`${kind} "${name}": ${error.says === '' ? error.message : error.says}`, { cause: error });
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof ApiError && error.status === status;
}

function idOf(kind: ChildKind, namespace: string, name: string): string {
  return `${kind}/${namespace}/${name}`;
}
