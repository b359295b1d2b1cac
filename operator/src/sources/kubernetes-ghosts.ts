/**
 * Objects that are gone, or were made anew under their name, and whose traces are not removed yet. They stand in the way
 * of their namesakes until they are released.
 */
import type { Kind } from '@nauthera/crds';
import { idOf } from './kubernetes-objects.ts';
import type { Observed } from './source.ts';

export class Ghosts<K extends Kind> {
  readonly #byId = new Map<string, Observed<K>[]>();
  /** Uids that were released before they went. */
  readonly #released = new Set<string>();

  /** The one to be cleaned up next. */
  first(id: string): Observed<K> | undefined {
    return this.#byId.get(id)?.[0];
  }

  *all(): Generator<Observed<K>> {
    for (const ghosts of this.#byId.values()) yield* ghosts;
  }

  /** It is about to go by our own word, and leaves nothing. */
  expect(uid: string): void {
    this.#released.add(uid);
  }

  /** It is not about to go after all. */
  unexpect(uid: string): void {
    this.#released.delete(uid);
  }

  /** `false`: it was released before. */
  add(ghost: Observed<K>): boolean {
    if (this.#released.delete(ghost.uid)) return false;
    const id = idOf(ghost);
    this.#byId.set(id, [...(this.#byId.get(id) ?? []), ghost]);
    return true;
  }

  /** Whether it was one. */
  release(resource: { readonly namespace: string; readonly name: string; readonly uid: string }): boolean {
    const id = idOf(resource);
    const ghosts = this.#byId.get(id) ?? [];
    const left = ghosts.filter(({ uid }) => uid !== resource.uid);
    if (left.length === 0) this.#byId.delete(id);
    else this.#byId.set(id, left);
    return left.length < ghosts.length;
  }
}
