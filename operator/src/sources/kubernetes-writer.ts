/** What the operator writes to resources themselves: a finalizer and a status, and only to the object that was read. */
import type { Kind } from '@nauthera/crds';
import { ApiError, type ApiRequest, type KubernetesApi } from '../runtime/kubernetes-api.ts';
import {
  type Applied,
  applied,
  finalizers,
  idOf,
  type ObservedObject,
  objectPath,
  originOf,
  type ResourceObject,
} from './kubernetes-objects.ts';
import type { Observed } from './source.ts';
import type { WritesUnderWay } from './writes-under-way.ts';

/** The resource went, or another took its name, while something was about to be written: there is nothing to write to. */
export class ResourceMoved extends Error {
  readonly code = 'resource_moved';
}

export interface ResourceWriterOptions<K extends Kind> {
  readonly api: KubernetesApi;
  readonly writes: WritesUnderWay<ResourceObject>;
  /** How the object stands after a write. */
  readonly onWritten: (resource: Observed<K>, answer: ResourceObject) => void;
  /** A status was written, or a finalizer taken back. */
  readonly onDone?: (what: 'status' | 'released') => void;
}

/** Of one status write, against others that change the object. */
const mostAttempts = 4;

const finalizerManager = 'nauthera-operator-finalizer';
const statusManager = 'nauthera-operator-status';

export class ResourceWriter<K extends Kind> {
  readonly #options: ResourceWriterOptions<K>;

  constructor(options: ResourceWriterOptions<K>) {
    this.#options = options;
  }

  /** @throws ResourceMoved */
  async hold(resource: ObservedObject<K>): Promise<void> {
    const { kind } = resource;
    const finalizer = finalizers[kind];
    // Of what was never accepted nothing is written anywhere.
    if (finalizer === undefined || resource.deleting || resource.spec === undefined || originOf(resource)?.held) return;
    const answer = await this.#apply(resource, finalizerManager, { finalizers: [finalizer] }).catch(
      async (error: unknown) => {
        // Being deleted since it was read: nothing can hold it any more.
        if (error instanceof ApiError && error.status === 422 && (await this.#isGoing(resource))) return undefined;
        throw error;
      },
    );
    if (answer === undefined) throw new ResourceMoved(`${kind} ${idOf(resource)} went while it was looked at`);
    noteIn(resource, answer, { held: true, exact: false });
  }

  async release(resource: ObservedObject<K>): Promise<void> {
    if (finalizers[resource.kind] === undefined || originOf(resource)?.held === false) return;
    const answer = await this.#apply(resource, finalizerManager, { finalizers: [] });
    if (answer === undefined) return;
    await this.#removeForeign(resource, answer);
    this.#options.onDone?.('released');
  }

  /**
   * The status subresource takes no notice of a uid, so the version must be the one that was read: a write to a namesake
   * would tell it what was found out about another object. Somebody else's change of this object is no obstacle.
   */
  async writeStatus(resource: ObservedObject<K>, status: unknown): Promise<void> {
    let resourceVersion = originOf(resource)?.resourceVersion;
    for (let attempts = 1; ; attempts += 1) {
      if (resourceVersion === undefined) {
        const metadata = (await this.read(resource))?.metadata;
        if (metadata?.uid !== resource.uid) return;
        ({ resourceVersion } = metadata);
      }
      try {
        const answer = await this.#apply(resource, statusManager, { status, resourceVersion });
        if (answer === undefined) return;
        noteIn(resource, answer, { exact: attempts === 1 });
        this.#options.onDone?.('status');
        return;
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 409 || attempts >= mostAttempts) throw error;
        resourceVersion = undefined;
      }
    }
  }

  /** `undefined`: there is none. */
  async read(resource: { readonly kind: Kind; readonly namespace: string; readonly name: string }) {
    try {
      return await this.#options.api.request<ResourceObject>({ method: 'GET', path: objectPath(resource) });
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Somebody else declared our finalizer too, in a manifest perhaps: it stands until both take it back. */
  async #removeForeign(resource: Observed<K>, { metadata }: ResourceObject): Promise<void> {
    const own = finalizers[resource.kind];
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
    const { api, writes, onWritten } = this.#options;
    return writes.run(idOf(resource), async () => {
      try {
        const answer = await api.request<ResourceObject>({ method: 'PATCH', ...patch });
        onWritten(resource, answer);
        return answer;
      } catch (error) {
        if (await this.#isGone(resource, error)) return undefined;
        throw error;
      }
    });
  }

  /** 409 is the answer for a namesake, and for a conflict that passes. */
  async #isGone(resource: Observed<K>, error: unknown): Promise<boolean> {
    if (!(error instanceof ApiError)) return false;
    if (error.status === 404) return true;
    return error.status === 409 && (await this.read(resource))?.metadata.uid !== resource.uid;
  }

  async #isGoing(resource: Observed<K>): Promise<boolean> {
    const metadata = (await this.read(resource))?.metadata;
    return metadata?.uid !== resource.uid || metadata.deletionTimestamp !== undefined;
  }
}

/** For the writes that follow in the same pass. Exact is what was written to the very version that was read. */
function noteIn(
  resource: ObservedObject,
  { metadata }: ResourceObject,
  { held, exact }: { readonly held?: boolean; readonly exact: boolean },
): void {
  const origin = originOf(resource);
  if (origin === undefined) return;
  origin.resourceVersion = metadata.resourceVersion;
  origin.exact &&= exact;
  if (held !== undefined) origin.held = held;
}
