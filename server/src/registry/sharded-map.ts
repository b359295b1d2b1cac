/**
 * An immutable map whose successor shares all but what changed: 512 shards, of which an edit copies the touched ones.
 * Copying one `Map` of 100,000 for one change would block the loop for 40 ms.
 */
const shardCount = 512; // A power of two.
type Shard<V> = ReadonlyMap<string, V>;
type Finish<V> = (shards: readonly Shard<V>[], size: number) => ShardedMap<V>;

export class ShardedMap<V> {
  readonly #shards: readonly Shard<V>[];
  readonly size: number;

  private constructor(shards: readonly Shard<V>[], size: number) {
    this.#shards = shards;
    this.size = size;
  }

  static empty<V>(): ShardedMap<V> {
    const none: Shard<V> = new Map();
    return new ShardedMap<V>(
      Array.from({ length: shardCount }, () => none),
      0,
    );
  }

  get(key: string): V | undefined {
    return this.#shards[shardOf(key)]?.get(key);
  }

  *values(): Generator<V> {
    for (const shard of this.#shards) yield* shard.values();
  }

  edit(): ShardedMapDraft<V> {
    return new ShardedMapDraft(this.#shards, this.size, (shards, size) => new ShardedMap(shards, size));
  }
}

export class ShardedMapDraft<V> {
  readonly #shards: Shard<V>[];
  /** Shards that this draft has copied and may write. */
  readonly #own = new Map<number, Map<string, V>>();
  readonly #finish: Finish<V>;
  #size: number;

  constructor(shards: readonly Shard<V>[], size: number, finish: Finish<V>) {
    this.#shards = [...shards];
    this.#size = size;
    this.#finish = finish;
  }

  get(key: string): V | undefined {
    return this.#shards[shardOf(key)]?.get(key);
  }

  set(key: string, value: V): void {
    const shard = this.#writable(key);
    this.#size += shard.has(key) ? 0 : 1;
    shard.set(key, value);
  }

  delete(key: string): void {
    if (this.#shards[shardOf(key)]?.has(key) !== true) return;
    this.#writable(key).delete(key);
    this.#size -= 1;
  }

  /** The draft must not be used afterwards. */
  done(): ShardedMap<V> {
    return this.#finish(this.#shards, this.#size);
  }

  #writable(key: string): Map<string, V> {
    const index = shardOf(key);
    const own = this.#own.get(index);
    if (own !== undefined) return own;
    const copy = new Map(this.#shards[index]);
    this.#own.set(index, copy);
    this.#shards[index] = copy;
    return copy;
  }
}

/** FNV-1a over the UTF-16 units. */
function shardOf(key: string): number {
  let digest = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) digest = Math.imul(digest ^ key.charCodeAt(index), 0x01000193);
  return digest & (shardCount - 1);
}
