/**
 * One AuthorizationServer after the other replaces its pods: a version that does not work is noticed on the first. Only who
 * was given a turn is waited for, and for so long from when it was given: what anybody's Deployment looks like keeps nobody
 * waiting. Who waits is served in the order in which it came, one of each namespace: however many servers another namespace
 * has, one waits for one of them.
 */
import type { Child } from '../../../sources/children.ts';
import type { ServerResource } from '../../attachment.ts';
import { isRolling } from './rollout.ts';

/** Milliseconds for which others wait for a rollout. */
export const turnPatience = 600_000;
/** Milliseconds after which one that has not asked again waits no more. */
const forgotten = 30_000;

interface Turn {
  readonly uid: string;
  readonly namespace: string;
  readonly until: number;
  /** Its new pods were asked for: from then on its Deployment tells. */
  asked: boolean;
}

export class Turns {
  readonly #now: () => number;
  #turn: Turn | undefined;
  /** Who waits of each namespace and when it asked last, in the order in which they came. */
  readonly #waiting = new Map<string, { readonly uid: string; readonly asked: number }>();
  /** Turns that somebody gave before this process began, once it was looked. */
  #former: { readonly uids: Set<string>; readonly until: number } | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Whether it is this one's turn. Then {@link done} must be called once its new pods were asked for, or could not be.
   *
   * @param deployments of all servers that there are
   */
  take({ uid, namespace }: Pick<ServerResource, 'uid' | 'namespace'>, deployments: readonly Child[]): boolean {
    const now = this.#now();
    const rolling = new Set(deployments.filter(isRolling).map(({ owner }) => owner));
    if (this.#turn !== undefined && isOver(this.#turn, rolling, now)) this.#turn = undefined;
    if (this.#turn?.uid === uid) {
      // Its time goes on.
      this.#turn.asked = false;
      return true;
    }
    // The next of a namespace comes behind those who waited for this one.
    if (this.#turn?.namespace === namespace) return false;
    const isFirst = this.#queue(uid, namespace, now) === uid;
    if (this.#turn !== undefined || this.#awaitsFormer(uid, rolling, now) || !isFirst) return false;
    this.#waiting.delete(namespace);
    this.#turn = { uid, namespace, until: now + turnPatience, asked: false };
    return true;
  }

  done(uid: string): void {
    if (this.#turn?.uid === uid) this.#turn.asked = true;
  }

  /** The leader before may have ended in the middle of a turn. */
  #awaitsFormer(uid: string, rolling: ReadonlySet<string | undefined>, now: number): boolean {
    const uids = [...rolling].filter((one) => one !== undefined);
    this.#former ??= { uids: new Set(uids), until: now + turnPatience };
    const former = this.#former;
    for (const one of former.uids) if (!rolling.has(one) || now >= former.until) former.uids.delete(one);
    return [...former.uids].some((one) => one !== uid);
  }

  /** Who is next. */
  #queue(uid: string, namespace: string, now: number): string | undefined {
    for (const [one, { asked }] of this.#waiting) if (now - asked > forgotten) this.#waiting.delete(one);
    const before = this.#waiting.get(namespace);
    if (before === undefined || before.uid === uid) this.#waiting.set(namespace, { uid, asked: now });
    return this.#waiting.values().next().value?.uid;
  }
}

function isOver({ uid, until, asked }: Turn, rolling: ReadonlySet<string | undefined>, now: number): boolean {
  return now >= until || (asked && !rolling.has(uid));
}
