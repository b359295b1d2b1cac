/**
 * Resources from a watched folder. A resource is (source name, namespace, name), never a path; its uid is minted once and
 * kept in the registry with its last accepted content and status, so that a restart or a broken file changes nothing.
 */
import { randomUUID } from 'node:crypto';
import { apiVersion, type Kind, pendingStatus, type ResourceByKind } from '@nauthera/crds';
import { canonical } from '../runtime/content-version.ts';
import { type Held, hold, isSame, type ResourceObject, take } from './acceptance.ts';
import type { Problem } from './documents.ts';
import { FolderReader, type Scan, type ScannedFile } from './folder-reader.ts';
import { FolderWatch } from './folder-watch.ts';
import { Identities, type IdentityStore } from './identities.ts';
import {
  audienceOf,
  type FolderObject,
  isKind,
  isProblem,
  misdirected,
  readConfigMap,
  readObject,
  readSecret,
} from './object.ts';
import { PresenceTracker } from './presence.ts';
import type { ConfigMap, ConfigMapReader, Secret } from './secret.ts';
import type { Change, Observed, ResourceKey, ResourceSource } from './source.ts';

export interface FolderSourceOptions {
  readonly name: string;
  readonly folder: string;
  /** Absolute paths inside the folder that are not resources. */
  readonly except: readonly string[];
  readonly identities: IdentityStore;
  /** Secrets that stand among the resources. */
  onSecrets(secrets: readonly Secret[]): void;
  /** Uid of a resource whose generated Secret outlived the registry that knew it. */
  formerUid?(kind: Kind, namespace: string, name: string): string | undefined;
  onError(error: unknown): void;
  /** Milliseconds between looks without a hint of the file system. */
  readonly interval?: number;
}

/** What one look found. */
interface Found {
  readonly resources: Map<string, ResourceObject[]>;
  readonly secrets: Secret[];
  readonly configMaps: Map<string, ConfigMap>;
  readonly namespaces: Map<string, Readonly<Record<string, string>>>;
  readonly problems: Problem[];
}

const idOf = ({ kind, namespace, name }: ResourceKey) => `${kind}/${namespace}/${name}`;

export class FolderSource implements ResourceSource, ConfigMapReader {
  readonly name: string;
  readonly #options: FolderSourceOptions;
  readonly #presence = new PresenceTracker();
  readonly #identities: Identities;
  readonly #watch: FolderWatch;
  readonly #held = new Map<string, Held>();
  readonly #listeners: ((change: Change) => void)[] = [];
  #configMaps = new Map<string, ConfigMap>();
  #namespaces = new Map<string, Readonly<Record<string, string>>>();
  #problems: readonly Problem[] = [];

  constructor(options: FolderSourceOptions) {
    this.name = options.name;
    this.#options = options;
    this.#identities = new Identities(options.identities, {
      current: () => this.#held.values(),
      onError: (error) => options.onError(error),
    });
    const { folder, except, interval } = options;
    this.#watch = new FolderWatch({
      folder,
      // Places are told relative to the folder.
      reader: new FolderReader({ folder, shownAs: '', except }),
      onScan: (scan) => this.#take(scan),
      onError: (error) => options.onError(error),
      ...(interval === undefined ? {} : { interval }),
    });
  }

  /** Resolves when every file has been looked at once. */
  async start(): Promise<void> {
    for (const held of await this.#identities.load()) this.#held.set(idOf(held), held);
    await this.#watch.start();
    this.#identities.start();
  }

  async stop(): Promise<void> {
    await this.#watch.stop();
    await this.#identities.stop();
  }

  /** About files; what is wrong with a resource stands in its status. */
  problems(): readonly Problem[] {
    return this.#problems;
  }

  all(): readonly Observed[] {
    return [...this.#held.values()];
  }

  get<K extends Kind>(kind: K, namespace: string, name: string): Promise<Observed<K> | undefined> {
    return Promise.resolve(this.#find(kind, namespace, name));
  }

  list<K extends Kind>(kind: K): Promise<readonly Observed<K>[]> {
    return Promise.resolve([...this.#held.values()].filter((held): held is Held<K> => held.kind === kind));
  }

  keys(kind: Kind): Promise<readonly (ResourceKey & { readonly uid: string })[]> {
    return this.list(kind);
  }

  knows(): boolean {
    return true;
  }

  read(namespace: string, name: string): Promise<ConfigMap | undefined> {
    return Promise.resolve(this.#configMaps.get(`${namespace}/${name}`));
  }

  /** Every file is looked at. */
  watched(): boolean {
    return true;
  }

  namespaceLabels(namespace: string): Promise<Readonly<Record<string, string>>> {
    return Promise.resolve({ ...this.#namespaces.get(namespace), 'kubernetes.io/metadata.name': namespace });
  }

  /** A file that is gone is remembered here until it is released. */
  hold(): Promise<void> {
    return Promise.resolve();
  }

  async release(resource: Observed): Promise<void> {
    const held = this.#held.get(idOf(resource));
    if (held?.uid !== resource.uid) return;
    await this.#identities.forget(held);
    this.#held.delete(idOf(resource));
    this.#tell(resource);
    this.#watch.lookSoon();
  }

  writeStatus<K extends Kind>(resource: Observed<K>, status: ResourceByKind[K]['status']): Promise<void> {
    const held = this.#find(resource.kind, resource.namespace, resource.name);
    if (held?.uid === resource.uid) {
      this.#held.set(idOf(resource), { ...held, status });
      this.#identities.saveSoon(idOf(resource));
    }
    return Promise.resolve();
  }

  watch(listener: (change: Change) => void): void {
    this.#listeners.push(listener);
  }

  #find<K extends Kind>(kind: K, namespace: string, name: string): Held<K> | undefined {
    const held = this.#held.get(idOf({ kind, namespace, name }));
    return held?.kind === kind ? (held as Held<K>) : undefined;
  }

  #tell({ kind, namespace, name }: Change): void {
    for (const listener of this.#listeners) listener({ kind, namespace, name });
  }

  async #take(scan: Scan): Promise<{ lookAgainIn?: number }> {
    const found: Found = {
      resources: new Map(),
      secrets: [],
      configMaps: new Map(),
      namespaces: new Map(),
      problems: [...scan.problems],
    };
    const sorted = scan.files.map((file) => ({ ...file, ...this.#sort(file, found) }));
    const files = sorted.map(({ path, state, ids, strays }) => ({ path, state, ids, doubtful: strays.length > 0 }));
    const presence = this.#presence.observe({ complete: scan.complete, files }, this.#held.keys(), performance.now());
    const next = new Map<string, Held>();
    for (const [id, objects] of found.resources) {
      const [first] = objects;
      if (first !== undefined) next.set(id, take(this.#held.get(id) ?? this.#mint(first), objects));
    }
    for (const [id, path] of presence.held) {
      const held = this.#held.get(id);
      const file = sorted.find((one) => one.path === path);
      if (held !== undefined && file !== undefined) next.set(id, hold(held, [...file.problems, ...file.strays]));
    }
    for (const id of presence.gone) {
      const held = this.#held.get(id);
      if (held !== undefined) next.set(id, { ...held, deleting: true });
    }
    // Before the resources: a Secret that stands beside a new Client must be seen first.
    this.#takeOthers(found, presence.deletionsHeldBy);
    await this.#commit(next);
    return presence.lookAgainIn === undefined ? {} : { lookAgainIn: presence.lookAgainIn };
  }

  /** Known to the registry before anybody acts on it: a uid must never be minted twice. */
  async #commit(next: ReadonlyMap<string, Held>): Promise<void> {
    const changed: Held[] = [];
    for (const [id, held] of next) {
      const before = this.#held.get(id);
      if (before !== undefined && isSame(before, held)) this.#held.set(id, { ...held, status: before.status });
      else changed.push(held);
    }
    for (const held of changed) await this.#identities.save(held);
    for (const held of changed) {
      const id = idOf(held);
      // A status may have been written while the identity was saved.
      const status = this.#held.get(id)?.status ?? held.status;
      this.#held.set(id, { ...held, status });
      this.#tell(held);
    }
  }

  #mint({ kind, namespace, name, labels, annotations }: ResourceObject): Held {
    return {
      kind,
      namespace,
      name,
      uid: this.#options.formerUid?.(kind, namespace, name) ?? randomUUID(),
      createdAt: `${new Date().toISOString().slice(0, 19)}Z`,
      labels,
      annotations,
      generation: 0,
      seen: '',
      spec: undefined,
      specGeneration: 0,
      refused: undefined,
      status: structuredClone(pendingStatus) as unknown as Held['status'],
      deleting: false,
      document: undefined,
    };
  }

  /**
   * Sorts the documents of a file by kind. `ids`: of its resources. `strays`: of documents that are meant for us but do not
   * say which resource they are; each may be one that is known.
   */
  #sort(file: ScannedFile, found: Found): { readonly ids: string[]; readonly strays: Problem[] } {
    found.problems.push(...file.problems);
    const ids: string[] = [];
    const strays: Problem[] = [];
    for (const document of file.documents) {
      const object = readObject(document);
      const audience = audienceOf(document);
      const slip = isProblem(object) ? object : misdirected(object);
      if (slip !== undefined) {
        if (audience === 'ours') strays.push(slip);
        if (audience !== 'foreign') found.problems.push(slip);
      } else if (isProblem(object)) continue;
      else if (isResource(object)) {
        const id = idOf(object);
        found.resources.set(id, [...(found.resources.get(id) ?? []), object]);
        ids.push(id);
      } else this.#sortOther(object, found);
    }
    return { ids, strays };
  }

  #sortOther(object: FolderObject, found: Found): void {
    if (object.apiVersion !== 'v1') return;
    if (object.kind === 'Namespace') found.namespaces.set(object.name, object.labels);
    else if (object.kind === 'Secret') keep(readSecret(object), found, (secret) => found.secrets.push(secret));
    else if (object.kind === 'ConfigMap')
      keep(readConfigMap(object), found, (map) => found.configMaps.set(`${map.namespace}/${map.name}`, map));
  }

  #takeOthers(found: Found, deletionsHeldBy: string | undefined): void {
    const before = this.#configMaps;
    this.#configMaps = found.configMaps;
    for (const map of changedEntries(before, found.configMaps))
      this.#tell({ kind: 'ConfigMap', namespace: map.namespace, name: map.name });
    const namespacesBefore = this.#namespaces;
    this.#namespaces = found.namespaces;
    for (const name of new Set([...namespacesBefore.keys(), ...found.namespaces.keys()]))
      if (canonical(namespacesBefore.get(name)) !== canonical(found.namespaces.get(name)))
        this.#tell({ kind: 'Namespace', namespace: '', name });
    this.#options.onSecrets(found.secrets);
    if (deletionsHeldBy !== undefined)
      found.problems.push({
        file: this.#options.folder,
        line: 1,
        column: 1,
        field: '',
        message: `nothing counts as deleted because of ${deletionsHeldBy}`,
      });
    this.#problems = found.problems;
  }
}

function isResource(object: FolderObject): object is ResourceObject {
  return object.apiVersion === apiVersion && isKind(object.kind);
}

function keep<T extends object>(read: T | Problem, found: Found, take: (value: T) => void): void {
  if (isProblem(read)) found.problems.push(read);
  else take(read);
}

function changedEntries(before: ReadonlyMap<string, ConfigMap>, after: ReadonlyMap<string, ConfigMap>): ConfigMap[] {
  const changed: ConfigMap[] = [];
  for (const [id, map] of after) if (canonical(before.get(id)) !== canonical(map)) changed.push(map);
  for (const [id, map] of before) if (!after.has(id)) changed.push(map);
  return changed;
}
