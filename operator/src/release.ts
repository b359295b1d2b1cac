/**
 * Takes our finalizers off every resource, for an operator that goes for good. Who leads is told to stop first and held off
 * for a minute after the end, or it would put them back. Resources stay; what is being deleted goes. Of named namespaces one
 * that refuses us, or is no more, keeps nobody from releasing the others: its ruler could hold up an uninstall.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Kind, kindNames } from '@nauthera/crds';
import { isForbidden } from './cluster-voice.ts';
import { ApiError, apiPath, type KubernetesApi } from './runtime/kubernetes-api.ts';
import { readPage } from './runtime/kubernetes-list.ts';
import {
  acquiredSpec,
  defaultLeaseTimes,
  freshLease,
  type Lease,
  readLease,
  renewedLease,
  withSpec,
} from './runtime/lease.ts';
import type { KubernetesObject } from './runtime/reflected.ts';
import { collectionPath, finalizers, objectPath } from './sources/kubernetes-objects.ts';

export interface ReleaseOptions {
  readonly api: KubernetesApi;
  /** Of the Lease. */
  readonly namespace: string;
  /** Left out: all. */
  readonly watchNamespaces?: readonly string[] | undefined;
  /** Milliseconds for all of it. */
  readonly patience: number;
  onProgress(line: string): void;
  readonly seams?: {
    /** Milliseconds in which a leader that heard nothing may still write. Default: as the Lease promises, 10 s. */
    readonly settle?: number;
    /** Milliseconds between two renewals of the Lease. Default 15 s. */
    readonly renewEvery?: number;
  };
}

export interface Released {
  readonly resources: number;
}

/** Not all could be released in time; running it again goes on. */
export class ReleaseUnfinished extends Error {
  readonly code = 'release_unfinished';
}

const leaseName = 'nauthera-operator';
const pageSize = 500;
const atOnce = 20;
/** Others wait so long after the last word of ours: the longest that they believe. */
const heldFor = { ...defaultLeaseTimes, duration: 60_000 };
/** Milliseconds from one word to the next. */
const renewEvery = 15_000;

/**
 * May be repeated; says nothing to do where the kinds are unknown.
 *
 * @throws ReleaseUnfinished
 * @throws ApiError, ApiUnavailable
 */
export async function release(options: ReleaseOptions): Promise<Released> {
  const { api, namespace, watchNamespaces, patience, seams } = options;
  const deadline = Date.now() + patience;
  const { holder, before } = await takeOver(api, namespace, deadline);
  if (before !== '') {
    const settle = seams?.settle ?? defaultLeaseTimes.renewDeadline;
    options.onProgress(`waiting until the operator that leads writes no more, ${Math.ceil(settle / 1000)} s`);
    await sleep(settle);
  }
  const done = new Set<string>();
  let renewed = Date.now();
  const shut = new Map<string, ApiError>();
  /** Uids of what may be seen and not written: whoever rules a namespace can give a part of our rights back. */
  const refused = new Set<string>();
  const tryToFree = (one: Held) =>
    free(api, one).catch((error: unknown) => {
      if (watchNamespaces === undefined || !isForbidden(error)) throw error;
      shut.set(one.object.metadata.namespace ?? '', error);
      refused.add(one.object.metadata.uid);
      return undefined;
    });
  for (;;) {
    const found = (await everyHeld(options, shut)).filter(({ object }) => !refused.has(object.metadata.uid));
    if (found.length === 0) break;
    options.onProgress(`releasing ${found.length} resources`);
    for (let from = 0; from < found.length; from += atOnce) {
      if (Date.now() > deadline)
        throw new ReleaseUnfinished(`${found.length - from} resources still have a finalizer of ours`);
      // Many resources take longer than others wait: without a word of ours they would lead, and put finalizers back.
      if (Date.now() - renewed > (seams?.renewEvery ?? renewEvery)) {
        await hold(api, namespace, holder);
        renewed = Date.now();
      }
      const batch = found.slice(from, from + atOnce);
      for (const uid of await Promise.all(batch.map(tryToFree))) if (uid !== undefined) done.add(uid);
    }
  }
  await hold(api, namespace, holder);
  const [refusal] = shut.values();
  // That is no ruler of a namespace, but who runs this.
  if (refusal !== undefined && watchNamespaces?.every((one) => shut.has(one)) === true) throw refusal;
  for (const one of shut.keys())
    options.onProgress(
      `namespace ${one} refuses this program: what is in there keeps its finalizers, and is released by a person alone`,
    );
  return { resources: done.size };
}

/** @throws ReleaseUnfinished when somebody else holds the Lease by now */
async function hold(api: KubernetesApi, namespace: string, holder: string): Promise<void> {
  const lease = await look(api, namespace);
  if (lease.holder !== holder)
    throw new ReleaseUnfinished(`${lease.holder} leads by now: stop that operator, or another release, first`);
  await api.request({ method: 'PUT', path: leasePath(namespace), body: renewedLease(lease, Date.now()) });
}

function leasesPath(namespace: string): string {
  return apiPath('apis', 'coordination.k8s.io', 'v1', 'namespaces', namespace, 'leases');
}

function leasePath(namespace: string): string {
  return `${leasesPath(namespace)}${apiPath(leaseName)}`;
}

async function look(api: KubernetesApi, namespace: string): Promise<Lease> {
  return readLease(await api.request({ method: 'GET', path: leasePath(namespace) }));
}

interface Taken {
  readonly holder: string;
  /** Who led; empty: nobody. */
  readonly before: string;
}

/** By force: whoever leads sees it at its next renewal and ends. */
async function takeOver(api: KubernetesApi, namespace: string, deadline: number): Promise<Taken> {
  const holder = `release_${crypto.randomUUID()}`;
  for (;;) {
    try {
      const lease = await look(api, namespace).catch((error: unknown) => {
        if (error instanceof ApiError && error.status === 404) return undefined;
        throw error;
      });
      const spec = acquiredSpec(holder, (lease?.transitions ?? 0) + 1, heldFor, Date.now());
      if (lease === undefined)
        await api.request({
          method: 'POST',
          path: leasesPath(namespace),
          body: freshLease(namespace, leaseName, spec),
        });
      else await api.request({ method: 'PUT', path: leasePath(namespace), body: withSpec(lease, spec) });
      return { holder, before: lease?.holder ?? '' };
    } catch (error) {
      // Its holder renewed it in between.
      if (!(error instanceof ApiError) || error.status !== 409 || Date.now() > deadline) throw error;
    }
  }
}

interface Held {
  readonly kind: Kind;
  readonly finalizer: string;
  readonly object: KubernetesObject;
}

/** @param shut named namespaces that refuse us are added to it, with their answer */
async function everyHeld(
  { api, watchNamespaces }: ReleaseOptions,
  shut: Map<string, ApiError>,
): Promise<readonly Held[]> {
  const found: Held[] = [];
  for (const kind of kindNames) {
    const finalizer = finalizers[kind];
    if (finalizer === undefined) continue;
    for (const namespace of watchNamespaces ?? [undefined])
      try {
        for await (const object of listed(api, collectionPath(kind, namespace)))
          if (object.metadata.finalizers?.includes(finalizer)) found.push({ kind, finalizer, object });
      } catch (error) {
        if (namespace === undefined || !isForbidden(error)) throw error;
        shut.set(namespace, error);
      }
  }
  return found;
}

async function* listed(api: KubernetesApi, path: string): AsyncIterable<KubernetesObject> {
  const accept = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
  for (let next = ''; ; ) {
    const query = { limit: pageSize, ...(next === '' ? {} : { continue: next }) };
    const page = await api.request({ method: 'GET', path, query, accept }).then(readPage, (error: unknown) => {
      // The kind is not there, and nothing of it.
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    });
    yield* page?.items ?? [];
    if (page === undefined || page.next === '') return;
    next = page.next;
  }
}

/** The uid, if it was freed by this; it may have gone, or changed and be found by the next list. */
async function free(api: KubernetesApi, { kind, finalizer, object }: Held): Promise<string | undefined> {
  const { namespace = '', name, uid, resourceVersion, finalizers: all = [] } = object.metadata;
  try {
    await api.request({
      method: 'PATCH',
      path: objectPath({ kind, namespace, name }),
      query: { fieldManager: 'nauthera-operator-finalizer' },
      contentType: 'application/merge-patch+json',
      body: { metadata: { uid, resourceVersion, finalizers: all.filter((one) => one !== finalizer) } },
    });
    return uid;
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 409)) return undefined;
    throw error;
  }
}
