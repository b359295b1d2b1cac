/**
 * Which resources of a folder are there, pure. *Deleted* means absent from two complete looks at least 5 s apart: editors
 * and mounts move files on save. A file that cannot be read counts as holding what it held, and so does one with a document
 * of which it cannot be told which resource it is; if what it held is not known (it was so from the start), nothing counts
 * as deleted until it can be read.
 */

export interface SeenFile {
  readonly path: string;
  readonly state: 'read' | 'broken' | 'settling';
  /** Ids of the documents read from it, now or before it began to settle. */
  readonly ids: readonly string[];
  /** Read, but one document does not say which resource it is. */
  readonly doubtful?: boolean;
}

export interface Look {
  readonly complete: boolean;
  readonly files: readonly SeenFile[];
}

export interface Presence {
  /** Not found, but counted as present: id → the file that is in the way. */
  readonly held: ReadonlyMap<string, string>;
  /** Deleted. */
  readonly gone: readonly string[];
  /** Milliseconds until an absence may become a deletion. */
  readonly lookAgainIn: number | undefined;
  /** Why no deletion counts at the moment. */
  readonly deletionsHeldBy: string | undefined;
}

export const absenceBeforeDeletion = 5000;

export class PresenceTracker {
  readonly #idsOf = new Map<string, readonly string[]>();
  readonly #absentSince = new Map<string, number>();
  #foundAny = false;

  /** `known`: every id that is held at the moment. `now`: milliseconds of a clock that never goes back. */
  observe(look: Look, known: Iterable<string>, now: number): Presence {
    const located = new Set<string>();
    const held = new Map<string, string>();
    let unknown: string | undefined;
    for (const file of look.files) {
      const doubtful = file.doubtful === true;
      const before = this.#idsOf.get(file.path);
      if (file.state === 'read' && !doubtful) this.#idsOf.set(file.path, file.ids);
      else if (file.state === 'read' && before !== undefined)
        this.#idsOf.set(file.path, [...new Set([...before, ...file.ids])]);
      const remembered = this.#idsOf.get(file.path);
      if (remembered === undefined) unknown ??= file.path;
      for (const id of remembered ?? []) {
        if (file.state === 'broken' || (doubtful && !file.ids.includes(id))) held.set(id, file.path);
        else located.add(id);
      }
      if (file.state === 'read') for (const id of file.ids) located.add(id);
    }
    for (const id of located) held.delete(id);
    if (located.size > 0) this.#foundAny = true;
    const missing = [...known].filter((id) => !located.has(id) && !held.has(id));
    const deletionsHeldBy = this.#deletionsHeldBy(look, unknown, missing.length);
    if (look.complete) this.#forgetFiles(look);
    return { held, deletionsHeldBy, ...this.#count(missing, deletionsHeldBy === undefined, now) };
  }

  #deletionsHeldBy(look: Look, unknown: string | undefined, missing: number): string | undefined {
    if (missing === 0) return undefined;
    if (!look.complete) return 'a folder that cannot be listed';
    if (unknown !== undefined) return unknown;
    // A mount that is not there yet looks like an empty folder.
    return this.#foundAny ? undefined : 'an empty folder at the start';
  }

  #count(missing: readonly string[], counts: boolean, now: number): Pick<Presence, 'gone' | 'lookAgainIn'> {
    const absent = new Set(missing);
    for (const id of this.#absentSince.keys()) if (!absent.has(id)) this.#absentSince.delete(id);
    if (!counts) return { gone: [], lookAgainIn: undefined };
    const gone: string[] = [];
    let lookAgainIn = Number.POSITIVE_INFINITY;
    for (const id of missing) {
      const since = this.#absentSince.get(id) ?? now;
      this.#absentSince.set(id, since);
      const left = since + absenceBeforeDeletion - now;
      if (left <= 0) {
        gone.push(id);
        this.#absentSince.delete(id);
      } else lookAgainIn = Math.min(lookAgainIn, left);
    }
    return { gone, lookAgainIn: Number.isFinite(lookAgainIn) ? lookAgainIn : undefined };
  }

  #forgetFiles(look: Look): void {
    const paths = new Set(look.files.map((file) => file.path));
    for (const path of this.#idsOf.keys()) if (!paths.has(path)) this.#idsOf.delete(path);
  }
}
