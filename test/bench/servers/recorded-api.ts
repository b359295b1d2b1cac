/**
 * Enough of a Kubernetes API for the operator, in memory: lists in pages, watches, metadata alone, apply of a status, and
 * the few writes that are made besides. Its objects are a recording, told again for as many Clients as are asked for. It
 * counts every call. Started with the path of a {@link Setting}; answers to its parent.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeAuthority } from '../../support/certificates.ts';
import type { AnyObject } from '../../support/kube-cluster.ts';
import { harness, type Recording, teller, uidOf } from './recorded-objects.ts';
import {
  change,
  collectionOf,
  collections,
  create,
  currentVersion,
  forget,
  isForgotten,
  isWatched,
  lineOf,
  metadataOf,
  type Place,
  placeOf,
} from './recorded-store.ts';

export interface Setting {
  readonly recording: Recording;
  readonly clients: number;
  readonly perNamespace: number;
}

/** By an operator. */
export interface Write {
  /** Its bearer token. */
  readonly who: string;
  readonly call: string;
  readonly namespace: string;
  readonly name: string;
}

/** What the parent asks; each is answered with its name. */
export type Order =
  | { readonly order: 'calls' }
  /** Of the operators: who wrote what, in the order in which it was done. */
  | { readonly order: 'writes' }
  | { readonly order: 'reset' }
  /** Whoever watches from before this moment is told that it is too old. */
  | { readonly order: 'forget' }
  /** A digest of all Clients and Secrets of all namespaces but these. */
  | { readonly order: 'digest'; readonly except: readonly string[] }
  /** A number of Clients get another display name, written by somebody. */
  | { readonly order: 'edit'; readonly from: number; readonly count: number; readonly displayName: string }
  | { readonly order: 'ready'; readonly displayName: string };

const setting = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as Setting;
const group = '/apis/auth.nauthera.io/v1alpha1';
let calls: Record<string, number> = {};
/** How often Secrets of each namespace were read one by one: each pass over a Client does it once. */
let reads: Record<string, number> = {};
let writes: Write[] = [];

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

function answer(response: ServerResponse, status: number, body: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
}

function refuse(response: ServerResponse, code: number, reason: string): void {
  const headers: Record<string, string> = code === 429 ? { 'retry-after': '1' } : {};
  answer(response, code, JSON.stringify({ kind: 'Status', status: 'Failure', code, reason, message: reason }), headers);
}

function list(
  response: ServerResponse,
  { collection, namespace }: Place,
  query: URLSearchParams,
  short: boolean,
): void {
  const { keys: now, objects } = collectionOf(collection);
  const limit = Number(query.get('limit') ?? 500);
  const [id, from] = query.get('continue')?.split(':') ?? [begin(now), '0'];
  const moment = moments.get(id ?? '');
  if (moment === undefined) return refuse(response, 410, 'Expired');
  const { version, keys } = moment;
  const items: string[] = [];
  let at = Number(from);
  for (; at < keys.length && items.length < limit; at += 1) {
    const key = keys[at] ?? '';
    const text = objects.get(key)?.object;
    // What was deleted since, an event tells.
    if (text === undefined || (namespace !== '' && !key.startsWith(`${namespace}/`))) continue;
    if (isWatched(collection, text)) items.push(short ? metadataOf(text) : text);
  }
  const more = at < keys.length ? { continue: `${id}:${at}` } : {};
  const metadata = { resourceVersion: String(version), ...more };
  answer(response, 200, `{"kind":"List","metadata":${JSON.stringify(metadata)},"items":[${items.join(',')}]}`);
}

interface Moment {
  readonly version: number;
  readonly keys: readonly string[];
}

/** Of lists whose pages are being read: all of them show one moment, or what moves up meanwhile would be missing. */
const moments = new Map<string, Moment>();
const mostMoments = 100;

function begin(keys: readonly string[]): string {
  const id = randomUUID();
  moments.set(id, { version: currentVersion(), keys: [...keys] });
  const [oldest] = moments.keys();
  if (moments.size > mostMoments && oldest !== undefined) moments.delete(oldest);
  return id;
}

function watch(response: ServerResponse, collection: string, query: URLSearchParams, metadataOnly: boolean): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
  const from = Number(query.get('resourceVersion') ?? 0);
  if (isForgotten(from)) {
    response.end('{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}\n');
    return;
  }
  const one = { answer: response, metadataOnly };
  const { watches, past } = collectionOf(collection);
  for (const event of past) if (event.version > from) response.write(lineOf(event, metadataOnly));
  watches.add(one);
  response.once('close', () => watches.delete(one));
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
  const who = (request.headers.authorization ?? '').replace('Bearer ', '');
  if (who !== harness) {
    calls[call] = (calls[call] ?? 0) + 1;
    if (plural === 'secrets' && verb === 'GET') reads[namespace] = (reads[namespace] ?? 0) + 1;
  }
  if (url.pathname === '/openid/v1/jwks') return answer(response, 200, JSON.stringify(setting.recording.keys));
  const metadataOnly = (request.headers.accept ?? '').includes('as=PartialObjectMetadata');
  if (verb === 'WATCH') return watch(response, collection, url.searchParams, metadataOnly);
  if (verb === 'LIST') return list(response, place, url.searchParams, metadataOnly);
  if (method !== 'GET') {
    const body = JSON.parse(Buffer.concat(chunks).toString() || '{}') as AnyObject;
    const [status, text] = method === 'POST' ? create(place, body) : change(method, place, body);
    if (status >= 400) return refuse(response, status, text);
    if (who !== harness) writes.push({ who, call, namespace, name: name === '' ? String(body.metadata?.name) : name });
    return answer(response, status, text);
  }
  const stored = collectionOf(collection).objects.get(`${namespace}/${name}`);
  if (stored === undefined) return refuse(response, 404, 'NotFound');
  answer(response, 200, metadataOnly ? metadataOf(stored.object) : stored.object);
}

function bookmark(): void {
  const event = `{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"${currentVersion()}"}}}\n`;
  for (const { watches } of collections.values()) for (const one of watches) one.answer.write(event);
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

async function edit({ from, count, displayName }: Extract<Order, { order: 'edit' }>): Promise<void> {
  const collection = `${group}/clients`;
  for (const key of collectionOf(collection).keys.slice(from, from + count)) {
    const [namespace = '', name = ''] = key.split('/');
    change('PATCH', { collection, namespace, name, sub: '' }, { spec: { displayName } });
    await sleep(0);
  }
}

function digest(except: readonly string[]): string {
  const hash = createHash('sha256');
  for (const path of [`${group}/clients`, '/api/v1/secrets']) {
    const { keys, objects } = collectionOf(path);
    for (const key of keys) if (!except.includes(key.split('/')[0] ?? '')) hash.update(objects.get(key)?.object ?? '');
  }
  return hash.digest('hex');
}

async function obey(order: Order): Promise<unknown> {
  switch (order.order) {
    case 'calls':
      return { calls, reads };
    case 'writes':
      return writes;
    case 'reset':
      [calls, reads, writes] = [{}, {}, []];
      return true;
    case 'forget':
      forget();
      return true;
    case 'digest':
      return digest(order.except);
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
