/**
 * What a reflector knows of a kind: per object its uid and version, nothing else. Pure: it decides what is news.
 *
 * Lists and events may overlap, repeat and come late. Versions are integers that grow with every change of the kind
 * (resourceVersion), so that the order in which things happened can be told from them.
 */
import type { Known, ObjectMeta } from './reflected.ts';

/** Smaller than every version. */
const never = -1;
/** Deletions and own writes remembered; the oldest go first. Only a doubled or late event could tell the difference. */
const mostRemembered = 20_000;

interface Entry {
  uid: string;
  version: number;
  /** The list that last showed it. */
  round: number;
}

/** `gone` happened before the object itself, which `news` is about. */
export interface Verdict {
  readonly news: boolean;
  readonly gone: Known | undefined;
}

const nothing: Verdict = { news: false, gone: undefined };

/** `NaN` for what is no integer: that compares as news. */
export function versionOf(resourceVersion: string): number {
  return /^\d{1,15}$/.test(resourceVersion) ? Number(resourceVersion) : Number.NaN;
}

export class ObjectIndex {
  readonly #namespaces = new Map<string, Map<string, Entry>>();
  /** Version at which an object was deleted. Those before the last complete list are known by that list. */
  readonly #graves = new Map<string, number>();
  readonly #written = new Set<number>();
  #round = 0;
  #listed = never;

  get(namespace: string, name: string): Known | undefined {
    const entry = this.#entry(namespace, name);
    return entry === undefined ? undefined : known(namespace, name, entry);
  }

  *entries(): Generator<Known, void, undefined> {
    for (const [namespace, entries] of this.#namespaces) {
      for (const [name, entry] of entries) yield known(namespace, name, entry);
    }
  }

  /** A list begins: what it does not show is gone when it ends. */
  beginList(): void {
    this.#round += 1;
  }

  listed(meta: ObjectMeta): Verdict {
    const verdict = this.#see(meta);
    const entry = this.#entry(meta.namespace ?? '', meta.name);
    if (entry !== undefined) entry.round = this.#round;
    return verdict;
  }

  /** The list was complete, and true at `version`: what is newer than that, it could not show. */
  *endList(version: number): Generator<Known, void, undefined> {
    this.#listed = Math.max(this.#listed, version);
    for (const [namespace, entries] of this.#namespaces) {
      for (const [name, entry] of entries) {
        if (entry.round === this.#round || entry.version > version) continue;
        this.#forget(namespace, name);
        yield known(namespace, name, entry);
      }
    }
    for (const [key, at] of this.#graves) if (at <= version) this.#graves.delete(key);
    for (const at of this.#written) if (at <= version) this.#written.delete(at);
  }

  changed(meta: ObjectMeta): Verdict {
    const version = versionOf(meta.resourceVersion);
    // Not there, though a list was complete later: it has been deleted since.
    if (version <= this.#listed && this.#entry(meta.namespace ?? '', meta.name) === undefined) return nothing;
    const verdict = this.#see(meta);
    if (!this.#written.delete(version)) return verdict;
    return { news: false, gone: verdict.gone };
  }

  deleted(meta: ObjectMeta): Known | undefined {
    const namespace = meta.namespace ?? '';
    const version = versionOf(meta.resourceVersion);
    const entry = this.#entry(namespace, meta.name);
    if (entry !== undefined && version < entry.version) return undefined;
    this.#bury(namespace, meta.name, version);
    if (entry === undefined) return undefined;
    this.#forget(namespace, meta.name);
    return known(namespace, meta.name, entry);
  }

  /** An own write made it: it is known from now on. A list that shows it no more tells of its end, though no event ever did. */
  created(meta: ObjectMeta): void {
    const version = versionOf(meta.resourceVersion);
    if (Number.isNaN(version) || version <= this.#listed) return;
    if (this.#entry(meta.namespace ?? '', meta.name) === undefined) this.#see(meta);
  }

  /** The event of exactly this version is no news; one in between still is. */
  written(resourceVersion: string): void {
    const version = versionOf(resourceVersion);
    if (Number.isNaN(version) || version <= this.#listed) return;
    this.#written.add(version);
    for (const oldest of this.#written) {
      if (this.#written.size <= mostRemembered) break;
      this.#written.delete(oldest);
    }
  }

  /** The API server's versions begin anew (etcd was restored): nothing that is known compares with them. */
  forgetVersions(): void {
    this.#listed = never;
    this.#graves.clear();
    this.#written.clear();
    for (const entries of this.#namespaces.values()) for (const entry of entries.values()) entry.version = never;
  }

  #see(meta: ObjectMeta): Verdict {
    const namespace = meta.namespace ?? '';
    const version = versionOf(meta.resourceVersion);
    const entry = this.#entry(namespace, meta.name);
    if (entry === undefined) {
      if (version <= (this.#graves.get(graveOf(namespace, meta.name)) ?? never)) return nothing;
      this.#add(namespace, meta.name, { uid: meta.uid, version, round: 0 });
      return { news: true, gone: undefined };
    }
    if (version <= entry.version) return nothing;
    const gone = entry.uid === meta.uid ? undefined : known(namespace, meta.name, entry);
    entry.uid = meta.uid;
    entry.version = version;
    return { news: true, gone };
  }

  #entry(namespace: string, name: string): Entry | undefined {
    return this.#namespaces.get(namespace)?.get(name);
  }

  #add(namespace: string, name: string, entry: Entry): void {
    const entries = this.#namespaces.get(namespace);
    if (entries === undefined) this.#namespaces.set(namespace, new Map([[name, entry]]));
    else entries.set(name, entry);
  }

  #forget(namespace: string, name: string): void {
    const entries = this.#namespaces.get(namespace);
    if (entries?.delete(name) === true && entries.size === 0) this.#namespaces.delete(namespace);
  }

  #bury(namespace: string, name: string, version: number): void {
    if (Number.isNaN(version)) return;
    const grave = graveOf(namespace, name);
    this.#graves.delete(grave);
    this.#graves.set(grave, version);
    for (const oldest of this.#graves.keys()) {
      if (this.#graves.size <= mostRemembered) break;
      this.#graves.delete(oldest);
    }
  }
}

const graveOf = (namespace: string, name: string): string => `${namespace}/${name}`;

function known(namespace: string, name: string, entry: Entry): Known {
  return { namespace, name, uid: entry.uid, resourceVersion: String(entry.version) };
}
