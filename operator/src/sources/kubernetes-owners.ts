/** Which Secrets have which owner: ids only. */

export class OwnerIndex {
  readonly #ownerOf = new Map<string, string>();
  /** Nearly always one: an array would be the largest part of what 100,000 Clients cost here. */
  readonly #owned = new Map<string, string | readonly string[]>();

  /** @param uid of the owner; `undefined`: it has none */
  set(id: string, uid: string | undefined): void {
    const before = this.#ownerOf.get(id);
    if (before === uid) return;
    if (before !== undefined)
      this.#keep(
        before,
        this.owned(before).filter((one) => one !== id),
      );
    if (uid === undefined) this.#ownerOf.delete(id);
    else {
      this.#ownerOf.set(id, uid);
      this.#keep(uid, [...this.owned(uid), id]);
    }
  }

  owned(uid: string): readonly string[] {
    const owned = this.#owned.get(uid) ?? [];
    return typeof owned === 'string' ? [owned] : owned;
  }

  #keep(uid: string, ids: readonly string[]): void {
    const [first, ...others] = ids;
    if (first === undefined) this.#owned.delete(uid);
    else this.#owned.set(uid, others.length === 0 ? first : ids);
  }
}
