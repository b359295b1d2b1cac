/**
 * Enough of a Kubernetes API for the operator, in memory: lists in pages, watches, metadata alone, apply of a status, and
 * the few writes that are made besides. Its objects are a recording, told again for as many Clients as are asked for. It
 * counts every call, and does harm on request. Started with the path of a {@link Setting}; answers to its parent.
 */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeAuthority } from '../../support/certificates.ts';
import type { AnyObject } from '../../support/kube-cluster.ts';
import { type Recording, teller, uidOf } from './recorded-objects.ts';

export interface Setting {
  readonly recording: Recording;
  readonly clients: number;
  readonly perNamespace: number;
}

/** What the parent asks; each is answered with its name. */
export type Order =
  | { readonly order: 'calls' }
  | { readonly order: 'reset' }
  /** So many of the calls that come, lists and watches too, are refused; `drop`: the connection ends. */
  | { readonly order: 'refuse'; readonly status: 429 | 500; readonly share: number }
  /** Watches that are open, and those to come, tell nothing more, until they are told to. */
  | { readonly order: 'silence'; readonly silent: boolean }
  /** Every watch ends with this event, and the version that it asked for is refused once more. */
  | { readonly order: 'gone' }
  /** A number of Clients get another display name, written by somebody. */
  | { readonly order: 'edit'; readonly from: number; readonly count: number; readonly displayName: string }
  | { readonly order: 'ready'; readonly displayName: string };

interface Stored {
  object: string;
  version: number;
}

class Collection {
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

const setting = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as Setting;
const group = '/apis/auth.nauthera.io/v1alpha1';
const collections = new Map<string, Collection>();
let version = 10_000_000;
let calls: Record<string, number> = {};
let refusal: { status: number; share: number } | undefined;
let isSilent = false;

function collectionOf(path: string): Collection {
  let found = collections.get(path);
  if (found === undefined) collections.set(path, (found = new Collection()));
  return found;
}

function fill({ recording, clients, perNamespace }: Setting): void {
  const keep = (path: string, object: AnyObject) =>
    collectionOf(path).put(
      `${object.metadata.namespace ?? ''}/${object.metadata.name}`,
      JSON.stringify(object),
      Number(object.metadata.resourceVersion),
    );
  const { server, scope, namespace } = recording;
  keep(`${group}/authorizationservers`, server);
  keep(`${group}/scopes`, scope);
  for (const secret of recording.secrets) keep('/api/v1/secrets', secret);
  const space = (name: string, uid = uidOf(name)) =>
    keep('/api/v1/namespaces', {
      ...namespace,
      metadata: { ...namespace.metadata, name, uid, labels: { 'kubernetes.io/metadata.name': name } },
    });
  space('kube-system', recording.source);
  for (const name of new Set([server.metadata.namespace, scope.metadata.namespace])) space(name);
  const tell = teller(recording, perNamespace);
  for (let index = 0; index < clients; index += 1) {
    const told = tell(index);
    if (index % perNamespace === 0) space(told.namespace);
    for (const [path, text] of [
      [`${group}/clients`, told.client],
      ['/api/v1/secrets', told.secret],
    ] as const) {
      const { metadata } = JSON.parse(text) as AnyObject;
      collectionOf(path).put(`${metadata.namespace}/${metadata.name}`, text, Number(metadata.resourceVersion));
    }
  }
}

interface Place {
  /** Of all namespaces. */
  readonly collection: string;
  readonly namespace: string;
  /** Empty: the collection. */
  readonly name: string;
  readonly sub: string;
}

function placeOf(path: string): Place {
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
function metadataOf(text: string): string {
  const { metadata } = JSON.parse(text) as AnyObject;
  return JSON.stringify({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata });
}

function answer(response: ServerResponse, status: number, body: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
}

function refuse(response: ServerResponse, code: number, reason: string): void {
  const headers: Record<string, string> = code === 429 ? { 'retry-after': '1' } : {};
  answer(response, code, JSON.stringify({ kind: 'Status', status: 'Failure', code, reason, message: reason }), headers);
}

function isWatched(collection: string, text: string): boolean {
  return !/\/(secrets|configmaps)$/.test(collection) || text.includes('"auth.nauthera.io/watch":"true"');
}

function list(response: ServerResponse, collection: string, query: URLSearchParams, metadataOnly: boolean): void {
  const { keys, objects } = collectionOf(collection);
  const limit = Number(query.get('limit') ?? 500);
  const items: string[] = [];
  let at = Number(query.get('continue') ?? 0);
  for (; at < keys.length && items.length < limit; at += 1) {
    const text = objects.get(keys[at] ?? '')?.object ?? '';
    if (isWatched(collection, text)) items.push(metadataOnly ? metadataOf(text) : text);
  }
  const metadata = { resourceVersion: String(version), ...(at < keys.length ? { continue: String(at) } : {}) };
  answer(response, 200, `{"kind":"List","metadata":${JSON.stringify(metadata)},"items":[${items.join(',')}]}`);
}

function watch(response: ServerResponse, collection: string, query: URLSearchParams, metadataOnly: boolean): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
  const one = { answer: response, metadataOnly };
  const { watches, past } = collectionOf(collection);
  const from = Number(query.get('resourceVersion') ?? 0);
  for (const event of past) if (event.version > from) response.write(lineOf(event, metadataOnly));
  watches.add(one);
  response.once('close', () => watches.delete(one));
}

function lineOf({ type, text }: { readonly type: string; readonly text: string }, metadataOnly: boolean): string {
  return `{"type":"${type}","object":${metadataOnly ? metadataOf(text) : text}}\n`;
}

function tellWatches(collection: string, type: string, text: string): void {
  if (!isWatched(collection, text)) return;
  const { watches, past } = collectionOf(collection);
  past.push({ version, type, text });
  if (past.length > 50_000) past.shift();
  if (isSilent) return;
  for (const { answer: to, metadataOnly } of watches) to.write(lineOf({ type, text }, metadataOnly));
}

function store(place: Place, object: AnyObject): string {
  version += 1;
  object.metadata.resourceVersion = String(version);
  const text = JSON.stringify(object);
  const key = `${place.namespace}/${object.metadata.name}`;
  const isNew = collectionOf(place.collection).put(key, text, version);
  tellWatches(place.collection, isNew ? 'ADDED' : 'MODIFIED', text);
  return text;
}

function write(response: ServerResponse, method: string, place: Place, body: AnyObject): void {
  const { collection, namespace, name, sub } = place;
  if (method === 'POST') {
    const key = `${namespace}/${body.metadata?.name ?? ''}`;
    if (collectionOf(collection).objects.has(key)) return refuse(response, 409, 'AlreadyExists');
    if (collection.endsWith('/events')) return answer(response, 201, JSON.stringify(body));
    const metadata = { ...body.metadata, uid: uidOf(`${key} ${version}`), creationTimestamp: new Date().toISOString() };
    return answer(response, 201, store(place, { ...body, metadata }));
  }
  const stored = collectionOf(collection).objects.get(`${namespace}/${name}`);
  if (stored === undefined) return refuse(response, 404, 'NotFound');
  const before = JSON.parse(stored.object) as AnyObject;
  const wanted = body.metadata?.resourceVersion;
  if (wanted !== undefined && wanted !== before.metadata.resourceVersion) return refuse(response, 409, 'Conflict');
  if (method === 'PUT') return answer(response, 200, store(place, { ...before, ...body }));
  if (method === 'DELETE') {
    collectionOf(collection).delete(`${namespace}/${name}`);
    tellWatches(collection, 'DELETED', stored.object);
    return answer(response, 200, stored.object);
  }
  const { finalizers = before.metadata.finalizers } = body.metadata ?? {};
  const next = sub === 'status' ? { ...before, status: body.status } : before;
  answer(response, 200, store(place, { ...next, metadata: { ...before.metadata, finalizers } }));
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = 'GET' } = request;
  const url = new URL(request.url ?? '/', 'http://localhost');
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const place = placeOf(url.pathname);
  const { collection, namespace, name, sub } = place;
  const plural = collection.slice(collection.lastIndexOf('/') + 1);
  const verb = url.searchParams.has('watch') ? 'WATCH' : method === 'GET' && name === '' ? 'LIST' : method;
  const call = `${verb} ${plural}${sub === '' ? '' : `/${sub}`}`;
  calls[call] = (calls[call] ?? 0) + 1;
  if (refusal !== undefined && plural !== 'leases' && Math.random() < refusal.share)
    return refuse(response, refusal.status, 'Harm');
  if (url.pathname === '/openid/v1/jwks') return answer(response, 200, JSON.stringify(setting.recording.keys));
  const metadataOnly = (request.headers.accept ?? '').includes('as=PartialObjectMetadata');
  if (verb === 'WATCH') return watch(response, collection, url.searchParams, metadataOnly);
  if (verb === 'LIST') return list(response, collection, url.searchParams, metadataOnly);
  if (method !== 'GET') return write(response, method, place, JSON.parse(Buffer.concat(chunks).toString() || '{}'));
  const stored = collectionOf(collection).objects.get(`${namespace}/${name}`);
  if (stored === undefined) return refuse(response, 404, 'NotFound');
  answer(response, 200, metadataOnly ? metadataOf(stored.object) : stored.object);
}

function bookmark(): void {
  const event = `{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"${version}"}}}\n`;
  for (const { watches } of collections.values()) if (!isSilent) for (const one of watches) one.answer.write(event);
}

async function edit({ from, count, displayName }: Extract<Order, { order: 'edit' }>): Promise<void> {
  const clients = `${group}/clients`;
  const { keys, objects } = collectionOf(clients);
  for (const key of keys.slice(from, from + count)) {
    const object = JSON.parse(objects.get(key)?.object ?? '{}') as AnyObject;
    object.spec.displayName = displayName;
    object.metadata.generation += 1;
    store({ collection: clients, namespace: object.metadata.namespace, name: object.metadata.name, sub: '' }, object);
    await sleep(0);
  }
}

/** How many Clients of that display name are Ready in their generation. */
function readyOnes(displayName: string): number {
  let ready = 0;
  for (const { object } of collectionOf(`${group}/clients`).objects.values()) {
    if (!object.includes(JSON.stringify(displayName))) continue;
    const { metadata, status } = JSON.parse(object) as AnyObject;
    const is = status?.conditions?.find((one: AnyObject) => one.type === 'Ready')?.status === 'True';
    if (is && status.observedGeneration === metadata.generation) ready += 1;
  }
  return ready;
}

async function obey(order: Order): Promise<unknown> {
  switch (order.order) {
    case 'calls':
      return calls;
    case 'reset':
      calls = {};
      return true;
    case 'refuse':
      refusal = order.share === 0 ? undefined : order;
      return true;
    case 'silence':
      isSilent = order.silent;
      return true;
    case 'gone':
      for (const { watches } of collections.values())
        for (const one of watches)
          one.answer.end('{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}\n');
      return true;
    case 'edit':
      return edit(order);
    case 'ready':
      return readyOnes(order.displayName);
  }
}

fill(setting);
const authority = await makeAuthority('Recorded API');
const { certificatePem, privateKeyPem } = await authority.issue();
const server = createServer({ cert: certificatePem, key: privateKeyPem }, (request, response) => {
  serve(request, response).catch(() => request.socket.destroy());
});
server.keepAliveTimeout = 60_000;
setInterval(bookmark, 20_000).unref();
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as { readonly port: number };
  process.send?.({ server: `https://127.0.0.1:${port}`, caPem: authority.pem });
});
process.on('message', (message: { readonly id: number; readonly order: Order }) => {
  void obey(message.order).then((said) => process.send?.({ id: message.id, said }));
});
process.once('disconnect', () => process.exit(0));
