/** Which Secrets have which owner: ids only. */

export class OwnerIndex {
  readonly #ownerOf = new Map<string, string>();
  readonly #owned = new Map<string, readonly string[]>();

  /** @param uid of the owner; `undefined`: it has none */
  set(id: string, uid: string | undefined): void {
    const before = this.#ownerOf.get(id);
    if (before === uid) return;
    if (before !== undefined) {
      const left = this.owned(before).filter((one) => one !== id);
      if (left.length === 0) this.#owned.delete(before);
      else this.#owned.set(before, left);
    }
    if (uid === undefined) this.#ownerOf.delete(id);
    else {
      this.#ownerOf.set(id, uid);
      this.#owned.set(uid, [...this.owned(uid), id]);
    }
  }

  owned(uid: string): readonly string[] {
    return this.#owned.get(uid) ?? [];
  }
}
