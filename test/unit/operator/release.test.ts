import { describe, expect, it } from 'vitest';
import { release } from '../../../operator/src/release.ts';
import { ApiError, type ApiRequest, type KubernetesApi } from '../../../operator/src/runtime/kubernetes-api.ts';
import { finalizers } from '../../../operator/src/sources/kubernetes-objects.ts';

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly renewTime?: string;
}

const leases = '/apis/coordination.k8s.io/v1/namespaces/nauthera/leases';

/** So many Clients with our finalizer, and the Lease. `onPatch` runs before a Client is freed. */
class Cluster implements KubernetesApi {
  readonly renewals: string[] = [];
  readonly held = new Map<string, readonly string[]>();
  lease: LeaseSpec = { holderIdentity: 'operator-one' };
  onPatch: (freed: number) => void = () => undefined;

  constructor(clients: number) {
    for (let index = 0; index < clients; index += 1) this.held.set(`app-${index}`, [finalizers.Client ?? '']);
  }

  get stillHeld(): number {
    return [...this.held.values()].filter((all) => all.length > 0).length;
  }

  request<T>(request: ApiRequest): Promise<T> {
    return Promise.resolve().then(() => this.#answer(request) as T);
  }

  #answer({ method, path, body }: ApiRequest): unknown {
    if (path.startsWith(leases)) {
      if (method !== 'GET') {
        this.lease = (body as { spec: LeaseSpec }).spec;
        this.renewals.push(this.lease.holderIdentity ?? '');
      }
      const metadata = {
        name: 'nauthera-operator',
        uid: 'l',
        resourceVersion: '1',
        creationTimestamp: '2026-01-01T00:00:00Z',
      };
      return { metadata, spec: this.lease };
    }
    if (method === 'PATCH') {
      this.onPatch(this.held.size - this.stillHeld);
      this.held.set(path.slice(path.lastIndexOf('/') + 1), []);
      return {};
    }
    if (path.includes('/namespaces/shut/')) throw new ApiError('GET 403', { status: 403 });
    if (!path.endsWith('/clients')) throw new ApiError('GET 404', { status: 404 });
    const items = [...this.held].map(([name, all]) => ({
      metadata: { namespace: 'shop', name, uid: name, resourceVersion: '1', finalizers: all },
    }));
    return { metadata: { resourceVersion: '1' }, items };
  }

  watch(): AsyncIterable<unknown> {
    throw new Error('nothing is watched');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

interface Asked {
  readonly patience?: number;
  readonly renewEvery?: number;
  readonly watchNamespaces?: readonly string[];
  readonly onProgress?: (line: string) => void;
}

function releaseIn(
  api: KubernetesApi,
  { patience = 60_000, renewEvery = 15_000, watchNamespaces, onProgress = () => undefined }: Asked = {},
) {
  return release({
    api,
    namespace: 'nauthera',
    watchNamespaces,
    patience,
    onProgress,
    seams: { settle: 0, renewEvery },
  });
}

describe('release', () => {
  it('frees every resource, and holds the Lease when it is done', async () => {
    const cluster = new Cluster(45);
    expect(await releaseIn(cluster)).toEqual({ resources: 45 });
    expect(cluster.stillHeld).toBe(0);
    expect(cluster.renewals).toHaveLength(2);
    expect(new Set(cluster.renewals).size).toBe(1);
    expect(cluster.renewals[0]).toMatch(/^release_/);
  });

  it('renews the Lease while it works: an operator that waits would put finalizers back', async () => {
    const cluster = new Cluster(100);
    await releaseIn(cluster, { renewEvery: -1 });
    // Taken, before each of five batches, and at the end.
    expect(cluster.renewals).toHaveLength(7);
  });

  it('ends where another operator has taken over, and says who', async () => {
    const cluster = new Cluster(100);
    cluster.onPatch = (freed) => {
      if (freed === 30) cluster.lease = { holderIdentity: 'operator-two' };
    };
    await expect(releaseIn(cluster, { renewEvery: -1 })).rejects.toThrow(
      'operator-two leads by now: stop that operator, or another release, first',
    );
    expect(cluster.stillHeld).toBe(60);
    expect(cluster.lease.holderIdentity).toBe('operator-two');
  });

  it('gives up when its time is over, also within a pass, and says how much is left', async () => {
    await expect(releaseIn(new Cluster(7), { patience: -1 })).rejects.toThrow(
      '7 resources still have a finalizer of ours',
    );
  });

  it('F36: a named namespace that refuses it, or is no more, keeps nobody from releasing the others, and is told', async () => {
    const cluster = new Cluster(3);
    const lines: string[] = [];
    const onProgress = (line: string) => void lines.push(line);
    expect(await releaseIn(cluster, { watchNamespaces: ['shut', 'shop'], onProgress })).toEqual({ resources: 3 });
    expect(cluster.stillHeld).toBe(0);
    expect(lines.at(-1)).toBe(
      'namespace shut refuses this program: what is in there keeps its finalizers, and is released by a person alone',
    );
  });

  it('F36: and so it is where it may see what is in there, and not write it', async () => {
    const cluster = new Cluster(3);
    cluster.onPatch = () => {
      throw new ApiError('PATCH 403', { status: 403 });
    };
    const lines: string[] = [];
    const onProgress = (line: string) => void lines.push(line);
    expect(await releaseIn(cluster, { watchNamespaces: ['auth', 'shop'], onProgress })).toEqual({ resources: 0 });
    expect(lines.at(-1)).toMatch(/^namespace shop refuses this program/);
    await expect(releaseIn(cluster, { watchNamespaces: ['shop'] })).rejects.toThrow('PATCH 403');
    await expect(releaseIn(cluster)).rejects.toThrow('PATCH 403');
  });

  it('who is refused everywhere is told so', async () => {
    const refused = new Cluster(3);
    const answer = refused.request.bind(refused);
    refused.request = (request) =>
      request.path.endsWith('/clients') ? Promise.reject(new ApiError('GET 403', { status: 403 })) : answer(request);
    await expect(releaseIn(refused)).rejects.toThrow('GET 403');
    await expect(releaseIn(new Cluster(3), { watchNamespaces: ['shut'] })).rejects.toThrow('GET 403');
  });
});
