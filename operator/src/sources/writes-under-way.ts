/**
 * Events of objects that are being written by this process wait for the answer to that write: the watch may be faster, and
 * then nothing else tells a change of ours from somebody else's.
 */
import type { KubernetesObject } from '../runtime/reflected.ts';

interface Writing<T> {
  count: number;
  /** Versions that answers brought. */
  readonly own: Set<string>;
  waiting: T[];
}

export class WritesUnderWay<T extends KubernetesObject> {
  readonly #deliver: (object: T) => void;
  readonly #writing = new Map<string, Writing<T>>();

  constructor(deliver: (object: T) => void) {
    this.#deliver = deliver;
  }

  /** `true`: it is delivered later, or never. */
  defer(id: string, object: T): boolean {
    const writing = this.#writing.get(id);
    writing?.waiting.push(object);
    return writing !== undefined;
  }

  /** What waits for an object that is gone is no news any more. */
  forget(id: string): void {
    const writing = this.#writing.get(id);
    if (writing !== undefined) writing.waiting = [];
  }

  /** @param write resolves to the object as it stands now; `undefined`: nothing was written */
  async run<A extends KubernetesObject>(id: string, write: () => Promise<A | undefined>): Promise<A | undefined> {
    const writing = this.#writing.get(id) ?? { count: 0, own: new Set<string>(), waiting: [] };
    writing.count += 1;
    this.#writing.set(id, writing);
    try {
      const answer = await write();
      if (answer !== undefined) writing.own.add(versionOf(answer));
      return answer;
    } finally {
      writing.count -= 1;
      if (writing.count === 0) {
        this.#writing.delete(id);
        for (const object of writing.waiting) if (!writing.own.has(versionOf(object))) this.#deliver(object);
      }
    }
  }
}

function versionOf({ metadata }: KubernetesObject): string {
  return `${metadata.uid}/${metadata.resourceVersion}`;
}
