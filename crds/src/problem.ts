/** PURE. What is wrong with a resource, where, and what to do instead. */

export interface Problem {
  /** The field, e.g. `spec.redirectUris[0]`; empty: the whole document. */
  readonly path: string;
  /** What to do instead, as in the CEL rules; for an unknown field the whole sentence. */
  readonly message: string;
  /** The value found, as JSON on one line, at most 80 characters. */
  readonly found?: string;
}

const longest = 80;

/** A short rendering for people: big or strange values are cut, never walked in full. */
export function show(value: unknown): string {
  if (typeof value === 'string') return cut(JSON.stringify(value.slice(0, longest)));
  if (Array.isArray(value)) return showList(value);
  if (typeof value === 'object' && value !== null) return 'a map of fields';
  return cut(String(value));
}

function showList(list: readonly unknown[]): string {
  const short = list.length <= 5 && list.every((one) => typeof one === 'string' && one.length <= longest);
  return short ? cut(`[${list.join(', ')}]`) : `a list of ${list.length}`;
}

function cut(text: string): string {
  const flat = text.replaceAll(/[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, '\uFFFD');
  const characters = Array.from(flat);
  return characters.length <= longest ? flat : `${characters.slice(0, longest - 1).join('')}…`;
}

/** `dropped`: left out and told, which is no problem, as where the API server knows more fields than this version does. */
export type UnknownFields = 'refused' | 'dropped';

/** Collects problems and stops at a number that nobody reads. */
export class Problems {
  static readonly limit = 50;
  readonly unknownFields: UnknownFields;
  /** What was left out, at most {@link Problems.limit}. */
  readonly dropped: string[] = [];
  readonly #list: Problem[] = [];
  #ofShape = 0;

  constructor(unknownFields: UnknownFields = 'refused') {
    this.unknownFields = unknownFields;
  }

  get list(): readonly Problem[] {
    return this.#list;
  }
  get count(): number {
    return this.#list.length;
  }
  /** How many are about the shape. Rules rely on it: one that is wrong there would be told twice. */
  get ofShape(): number {
    return this.#ofShape;
  }
  get full(): boolean {
    return this.#list.length >= Problems.limit;
  }
  add(problem: Problem, about: 'shape' | 'rule' = 'shape'): void {
    if (about === 'shape') this.#ofShape += 1;
    if (!this.full) this.#list.push(problem);
  }
}
