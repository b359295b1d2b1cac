/** What a reflector tells of a kind of objects. */

export interface ObjectMeta {
  readonly name: string;
  /** Absent for what has no namespace. */
  readonly namespace?: string;
  readonly uid: string;
  /** Compared as an integer: newer is larger, within one kind. */
  readonly resourceVersion: string;
  readonly generation?: number;
  /** RFC 3339. */
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly uid: string;
    readonly controller?: boolean;
  }[];
}

export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

/** What a reflector knows of an object. */
export interface Known {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** Called in the order in which things happened; must not throw. An object of the same name with another uid is gone first. */
export interface ReflectorHandler<T extends KubernetesObject> {
  /** New, changed, or seen again by a list with another resource version. */
  onUpsert(object: T): void;
  onGone(known: Known): void;
}

export interface Reflector {
  /** Resolves when the first complete list is there, or it was stopped; never rejects: it goes on trying until then. */
  start(): Promise<void>;
  stop(): Promise<void>;
  get(namespace: string, name: string): Known | undefined;
  entries(): Iterable<Known>;
  /**
   * This process wrote the object and has its new version: the event of exactly that version is no news. Ignored when
   * something newer is known, or another uid. Only for an answer that shows nothing new besides this write: what somebody
   * else changed just before has an event of its own, which may be lost.
   */
  noteWritten(object: KubernetesObject): void;
  /**
   * This process made the object, which was not there before: neither is its event news. Its end is, even where no event and
   * no list ever showed it.
   */
  noteCreated(object: KubernetesObject): void;
  /** Milliseconds since it last heard from the API server: a list, an event, a bookmark; `undefined` before the first list. */
  sinceLastSync(): number | undefined;
}
