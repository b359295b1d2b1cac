/** Objects of one kind behind a scripted API server: pages, watches, versions, and faults where a test wants them. */
import type { KubernetesObject } from '../../../operator/src/runtime/reflected.ts';
import { type Call, json, status } from './scripted-api.ts';

interface Event {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubernetesObject;
  readonly version: number;
}

export class ScriptedCollection {
  version = 100;
  readonly objects = new Map<string, KubernetesObject>();
  readonly watchers = new Set<Call>();
  readonly lists: Call[] = [];
  readonly watches: Call[] = [];
  /** Runs before an answer; true: it answered by itself. */
  onList: (call: Call) => boolean = () => false;
  onWatch: (call: Call) => boolean = () => false;
  /** Events of before this version are forgotten. */
  compacted = 0;
  readonly #history: Event[] = [];
  readonly #snapshots = new Map<string, { items: KubernetesObject[]; version: number }>();
  #uids = 0;

  handle = (call: Call): void => {
    if (call.query['watch'] === 'true') {
      this.watches.push(call);
      if (!this.onWatch(call)) this.#watch(call);
      return;
    }
    this.lists.push(call);
    if (!this.onList(call)) this.list(call);
  };

  put(name: string, namespace = 'a', more: object = {}, about: object = {}): KubernetesObject {
    const key = `${namespace}/${name}`;
    const before = this.objects.get(key);
    this.version += 1;
    const uid = before?.metadata.uid ?? `uid-${(this.#uids += 1)}`;
    const metadata = {
      name,
      namespace,
      uid,
      resourceVersion: String(this.version),
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...about,
    };
    const object = { metadata, ...more };
    this.objects.set(key, object);
    this.#happened({ type: before === undefined ? 'ADDED' : 'MODIFIED', object, version: this.version });
    return object;
  }

  delete(name: string, namespace = 'a'): void {
    const key = `${namespace}/${name}`;
    const before = this.objects.get(key);
    if (before === undefined) return;
    this.objects.delete(key);
    this.version += 1;
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(this.version) } };
    this.#happened({ type: 'DELETED', object, version: this.version });
  }

  /** Something happens elsewhere in etcd. */
  tick(): void {
    this.version += 1;
  }

  send(line: object | string): void {
    const text = typeof line === 'string' ? line : JSON.stringify(line);
    for (const { response } of this.watchers) response.write(`${text}\n`);
  }

  endWatches(): void {
    for (const { response } of this.watchers) response.end();
  }

  /** etcd comes back as it was when it was at `version`. */
  restore(version: number, objects: readonly KubernetesObject[]): void {
    this.version = version;
    this.#history.splice(0);
    this.objects.clear();
    for (const object of objects) this.objects.set(`${object.metadata.namespace}/${object.metadata.name}`, object);
  }

  list({ query, response }: Call): void {
    const limit = Number(query['limit'] ?? 1e9);
    const [id = '', from = '0'] = (query['continue'] ?? '').split(':');
    const snapshot = this.#snapshots.get(id) ?? { items: [...this.objects.values()], version: this.version };
    const key = id === '' ? String(this.#snapshots.size + 1) : id;
    this.#snapshots.set(key, snapshot);
    const until = Number(from) + limit;
    const more = until < snapshot.items.length ? { continue: `${key}:${until}` } : {};
    json(response, {
      kind: 'List',
      metadata: { resourceVersion: String(snapshot.version), ...more },
      items: snapshot.items.slice(Number(from), until),
    });
  }

  #watch(call: Call): void {
    const { query, response } = call;
    const since = Number(query['resourceVersion']);
    if (since < this.compacted) return status(response, 410, 'Expired', 'too old');
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    this.watchers.add(call);
    response.on('close', () => this.watchers.delete(call));
    for (const event of this.#history) if (event.version > since) response.write(`${JSON.stringify(event)}\n`);
  }

  #happened(event: Event): void {
    this.#history.push(event);
    this.send({ type: event.type, object: event.object });
  }
}
