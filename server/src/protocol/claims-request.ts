/**
 * PURE. The `claims` parameter (OpenID Connect Core §5.5): claims asked for by name, each for the userinfo endpoint or the ID
 * token. What it may cost is bounded before it is parsed.
 */
import { isRecord } from './json.ts';
import { authenticationContexts } from './terms.ts';

/** Longest parameter that is looked at. */
export const maxClaimsLength = 4096;
/** Objects and arrays inside each other; the specification needs four. */
const maxDepth = 8;
/** Claims of one member, and values of one claim. */
const maxClaims = 50;
const maxValues = 20;
const maxNameLength = 128;

/** Claim name → the values that it may have, `null`: any. */
export type Wishes = Readonly<Record<string, readonly unknown[] | null>>;

/** Claims about the authentication: they come from us, not from a directory, and in the ID token alone. */
export type ContextClaim = 'acr' | 'amr';

/** What is asked by name; as it is kept with a grant. */
export interface AskedClaims {
  readonly userinfo: Wishes;
  readonly id_token: Wishes;
  readonly context: readonly ContextClaim[];
}

export const nothingAsked: AskedClaims = { userinfo: {}, id_token: {}, context: [] };

export interface ClaimsRequest {
  readonly asked: AskedClaims;
  /** `sub` with values, in either member: nobody else may be answered about (OpenID Connect Core §3.1.2.2). */
  readonly subjects: readonly string[] | undefined;
  /** `acr` is essential with these values, and ours is none of them (OpenID Connect Core §5.5.1.1). */
  readonly unmet: boolean;
}

/** @returns `null` for anything but JSON of the specification's form within our limits */
export function parseClaimsRequest(text: string): ClaimsRequest | null {
  const json = parseBounded(text);
  if (!isRecord(json)) return null;
  const userinfo = readMember(json.userinfo);
  const idToken = readMember(json.id_token);
  if (userinfo === null || idToken === null) return null;
  const subjects = subjectsOf(userinfo.get('sub'), idToken.get('sub'));
  if (subjects === null) return null;
  const acr = idToken.get('acr');
  return {
    asked: {
      userinfo: wishes(userinfo),
      id_token: wishes(idToken),
      context: (['acr', 'amr'] as const).filter((name) => idToken.has(name)),
    },
    subjects,
    unmet: acr?.essential === true && acr.values !== null && !authenticationContexts.some(isAmong(acr.values)),
  };
}

/** One claim as it was asked for. */
interface Wish {
  readonly essential: boolean;
  readonly values: readonly unknown[] | null;
}

/** The parser recurses and allocates: how deep and how much is counted before it begins. */
function parseBounded(text: string): unknown {
  if (text.length > maxClaimsLength || depthOf(text) > maxDepth) return undefined;
  try {
    const json: unknown = JSON.parse(text);
    return isStorable(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

/** What was asked goes with the grant, and no database keeps NUL or half of a pair: written as JSON, those alone are escaped so. */
function isStorable(json: unknown): boolean {
  return !/\\u(?:0000|d[89a-f])/i.test(JSON.stringify(json));
}

function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [piece] of json.matchAll(/"(?:[^"\\]|\\.)*"?|[[\]{}]/gs)) {
    if (piece === '{' || piece === '[') deepest = Math.max(deepest, ++depth);
    else if (piece === '}' || piece === ']') depth -= 1;
  }
  return deepest;
}

function readMember(member: unknown): ReadonlyMap<string, Wish> | null {
  if (member === undefined || member === null) return new Map();
  if (!isRecord(member)) return null;
  const entries = Object.entries(member);
  if (entries.length > maxClaims) return null;
  const found = new Map<string, Wish>();
  for (const [name, value] of entries) {
    const wish = readWish(value);
    if (wish === null || name.length > maxNameLength) return null;
    found.set(name, wish);
  }
  return found;
}

/** OpenID Connect Core §5.5.1; members that are not understood are ignored. */
function readWish(value: unknown): Wish | null {
  if (value === null) return { essential: false, values: null };
  if (!isRecord(value)) return null;
  const { essential = false, values } = value;
  if (typeof essential !== 'boolean') return null;
  if (values !== undefined && (!Array.isArray(values) || values.length > maxValues)) return null;
  const all: readonly unknown[] = [...('value' in value ? [value.value] : []), ...(values ?? [])];
  return { essential, values: 'value' in value || values !== undefined ? all : null };
}

/** `undefined`: anybody. `null`: two different people are asked for, or something that is nobody. */
function subjectsOf(...wished: readonly (Wish | undefined)[]): readonly string[] | undefined | null {
  const lists = wished.flatMap((wish) => (wish === undefined || wish.values === null ? [] : [wish.values]));
  const [first, ...others] = lists;
  if (first === undefined) return undefined;
  const subjects = first.filter(
    (one): one is string => typeof one === 'string' && others.every((list) => list.includes(one)),
  );
  return subjects.length === 0 ? null : subjects;
}

function wishes(member: ReadonlyMap<string, Wish>): Wishes {
  return Object.fromEntries([...member].map(([name, { values }]) => [name, values]));
}

function isAmong(values: readonly unknown[]): (one: string) => boolean {
  return (one) => values.includes(one);
}
