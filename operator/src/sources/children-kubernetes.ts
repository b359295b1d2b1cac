/**
 * Children of AuthorizationServers in a Kubernetes API, by server-side apply with a field manager of our own. Each kind is
 * watched by our labels and kept whole: there are a few for each server. What is unchanged is not written.
 */
import { apiVersion } from '@nauthera/crds';
import { ApiError, type ApiRequest, apiPath } from '../runtime/kubernetes-api.ts';
import type { Known, KubernetesObject } from '../runtime/reflected.ts';
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
  digestOf,
  isObject,
  type JsonObject,
  type Manifest,
  managedBy,
  managedByLabel,
} from './children.ts';
import { asAnswered, difference } from './children-compare.ts';
import { apiVersionOf, childrenPath, discoveryPath, places } from './children-kinds.ts';
import { isNewer } from './kubernetes-objects.ts';
import { type ClusterView, Reflectors } from './kubernetes-reflectors.ts';

export interface KubernetesChildrenOptions extends ClusterView {
  /** A child of that server was made, changed or deleted by somebody. Must not throw. */
  onChange(namespace: string, server: string): void;
  /** Milliseconds between two looks for kinds that the cluster does not know yet. Default 1 min. */
  readonly lookEvery?: number;
}

type ChildObject = KubernetesObject & JsonObject & { readonly metadata: KubernetesObject['metadata'] };

const fieldManager = 'nauthera-operator';
const selector = `${managedByLabel}=${managedBy},${childLabel}`;
/** What was wanted when it was last applied. */
const appliedAnnotation = 'auth.nauthera.io/applied';

export class KubernetesChildren implements Children {
  readonly #options: KubernetesChildrenOptions;
  readonly #reflectors = new Map<ChildKind, Reflectors<ChildObject>>();
  /** By kind, namespace and name. */
  readonly #objects = new Map<string, ChildObject>();
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
    const object = this.#objects.get(idOf(kind, namespace, name));
    return object === undefined ? undefined : childOf(kind, object);
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
    const known = this.get(kind, namespace, name) ?? (await this.#read(kind, namespace, name));
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
    this.#keep(kind, answer);
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
    for (const [id, object] of this.#objects) {
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
      { path: (namespace) => childrenPath(kind, namespace), query: () => ({ labelSelector: selector }) },
      { onUpsert: (object) => this.#take(kind, object), onGone: (known) => this.#lose(kind, known) },
    );
    this.#reflectors.set(kind, reflectors);
    return reflectors.start();
  }

  #take(kind: ChildKind, object: ChildObject): void {
    if (this.#keep(kind, object)) this.#tell(object);
  }

  /** `false`: something newer is known. */
  #keep(kind: ChildKind, object: ChildObject): boolean {
    const { namespace = '', name } = object.metadata;
    const id = idOf(kind, namespace, name);
    const before = this.#objects.get(id);
    if (before !== undefined && isNewer(before, object)) return false;
    this.#objects.set(id, slim(kind, object));
    return true;
  }

  #lose(kind: ChildKind, { namespace, name, uid }: Known): void {
    const id = idOf(kind, namespace, name);
    const object = this.#objects.get(id);
    if (object === undefined || object.metadata.uid !== uid) return;
    this.#objects.delete(id);
    if (!this.#removed.delete(uid)) this.#lost.add(id);
    this.#tell(object);
  }

  #tell({ metadata }: ChildObject): void {
    const server = metadata.labels?.[childLabel];
    if (server !== undefined) this.#options.onChange(metadata.namespace ?? '', server);
  }

  /** One without our labels is not among what is watched. */
  async #read(kind: ChildKind, namespace: string, name: string): Promise<Child | undefined> {
    const path = `${childrenPath(kind, namespace)}${apiPath(name)}`;
    try {
      return childOf(kind, slim(kind, await this.#options.api.request<ChildObject>({ method: 'GET', path })));
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

function bodyOf(owner: ChildOwner, { kind, name, labels, annotations, content }: Manifest) {
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

function childOf(kind: ChildKind, object: ChildObject): Child {
  const { metadata } = object;
  const controller = metadata.ownerReferences?.find((one) => one.controller === true);
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
function slim(kind: ChildKind, object: ChildObject): ChildObject {
  const metadata: ChildObject['metadata'] & { readonly managedFields?: unknown } = object.metadata;
  const { managedFields: _, ...rest } = metadata;
  return { ...object, apiVersion: apiVersionOf(kind), kind, metadata: rest };
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
