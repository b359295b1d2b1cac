/**
 * When to look again at objects whose changes nobody tells (Secrets and ConfigMaps without the label that has them
 * watched): after as long as they have stayed the same, 5 s at first, 5 min at last.
 */
import { createHash } from 'node:crypto';
import type { World } from './world.ts';

const soonest = 5_000;
const latest = 300_000;

export interface Looked {
  readonly kind: 'Secret' | 'ConfigMap';
  readonly namespace: string;
  readonly name: string;
  /** As it was read. */
  readonly found: unknown;
}

export class Polling {
  readonly #world: World;
  readonly #looks = new Map<string, { readonly seen: string; readonly since: number }>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Milliseconds until `dependent` is to look again; `undefined`: it is told. */
  next(dependent: string, looked: readonly Looked[]): number | undefined {
    const unwatched = looked.filter(({ kind, namespace, name }) => {
      const reader = kind === 'Secret' ? this.#world.secrets : this.#world.configMaps;
      return !reader.watched(namespace, name);
    });
    if (unwatched.length === 0) {
      this.#looks.delete(dependent);
      return undefined;
    }
    const now = this.#world.now();
    // Of secrets too: nothing of them is kept here.
    const seen = createHash('sha256').update(JSON.stringify(unwatched)).digest('base64url');
    const before = this.#looks.get(dependent);
    const since = before?.seen === seen ? before.since : now;
    this.#looks.set(dependent, { seen, since });
    return Math.min(Math.max(now - since, soonest), latest);
  }

  forget(dependent: string): void {
    this.#looks.delete(dependent);
  }
}
