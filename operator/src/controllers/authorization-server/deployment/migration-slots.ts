/**
 * How many migrations run side by side: an upgrade of the operator brings one for every AuthorizationServer at once. Whose
 * database says nothing has a slot for ten minutes at most, and no namespace has more than two.
 */
import type { ServerResource } from '../../attachment.ts';

/** Milliseconds. */
export const slotPatience = 600_000;
const mostTogether = 8;
const mostOfOneNamespace = 2;

export class MigrationSlots {
  readonly #now: () => number;
  readonly #taken = new Map<string, { readonly namespace: string; readonly until: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether this one may begin now, or has begun. */
  take({ uid, namespace }: Pick<ServerResource, 'uid' | 'namespace'>): boolean {
    const now = this.#now();
    for (const [one, { until }] of this.#taken) if (now >= until) this.#taken.delete(one);
    if (this.#taken.has(uid)) return true;
    const ofNamespace = [...this.#taken.values()].filter((one) => one.namespace === namespace);
    if (this.#taken.size >= mostTogether || ofNamespace.length >= mostOfOneNamespace) return false;
    this.#taken.set(uid, { namespace, until: now + slotPatience });
    return true;
  }

  done(uid: string): void {
    this.#taken.delete(uid);
  }
}
