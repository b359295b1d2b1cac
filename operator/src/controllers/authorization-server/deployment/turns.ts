/**
 * One AuthorizationServer after the other replaces its pods: a version that does not work is noticed on the first. Who waits
 * is served in the order in which it came; whoever takes too long is waited for no more.
 */
import type { Child } from '../../../sources/children.ts';
import { isRolling } from './rollout.ts';

/** Milliseconds for which others wait for a rollout. */
export const turnPatience = 600_000;
/** Milliseconds after which one that has not asked again waits no more. */
const forgotten = 30_000;

export class Turns {
  readonly #now: () => number;
  /** Since when the pods of a server are being replaced. */
  readonly #since = new Map<string, number>();
  /** When each that waits asked last, in the order in which they came. */
  readonly #waiting = new Map<string, number>();
  /** One has its turn and its new pods are being asked for. */
  #taken: string | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Whether it is this one's turn. Then it must be given back with {@link done}.
   *
   * @param deployments of all servers that there are
   */
  take(uid: string, deployments: readonly Child[]): boolean {
    const rolling = this.#rolling(deployments).filter((one) => one !== uid);
    const first = this.#queue(uid);
    if (this.#taken !== undefined || rolling.length > 0 || first !== uid) return false;
    this.#waiting.delete(uid);
    this.#taken = uid;
    return true;
  }

  done(uid: string): void {
    if (this.#taken === uid) this.#taken = undefined;
  }

  #rolling(deployments: readonly Child[]): readonly string[] {
    const now = this.#now();
    const rolling = deployments.filter(isRolling).flatMap(({ owner }) => (owner === undefined ? [] : [owner]));
    for (const uid of this.#since.keys()) if (!rolling.includes(uid)) this.#since.delete(uid);
    for (const uid of rolling) if (!this.#since.has(uid)) this.#since.set(uid, now);
    return rolling.filter((uid) => now - (this.#since.get(uid) ?? now) < turnPatience);
  }

  #queue(uid: string): string {
    const now = this.#now();
    this.#waiting.set(uid, now);
    for (const [one, asked] of this.#waiting) if (now - asked > forgotten) this.#waiting.delete(one);
    return this.#waiting.keys().next().value ?? uid;
  }
}
