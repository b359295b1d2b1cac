/** PURE. Scope values and lists of them (RFC 6749 §3.3). */
import { builtInScopes } from './terms.ts';

export const maxScopes = 50;
export const maxScopeLength = 2048;

/** A scope token: printable ASCII without space, quote and backslash. */
export function isScopeToken(text: string): boolean {
  return /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/.test(text);
}

/** Every built-in scope speaks about a user; none of them fits a token without one. */
export function isUserScope(scope: string): boolean {
  return (builtInScopes as readonly string[]).includes(scope);
}

/**
 * A `scope` parameter as a list without repeats, in the order sent; `null` when it breaks the grammar or is longer than 50
 * values or 2 KiB. Order means nothing (RFC 6749 §3.3).
 */
export function parseScope(text: string): readonly string[] | null {
  if (text.length > maxScopeLength) return null;
  const scopes = text.split(' ');
  if (scopes.length > maxScopes || !scopes.every(isScopeToken)) return null;
  return [...new Set(scopes)];
}

export function formatScope(scopes: readonly string[]): string {
  return scopes.join(' ');
}

/** Whether every one of `scopes` is among `allowed`. */
export function isWithin(scopes: readonly string[], allowed: readonly string[]): boolean {
  return scopes.every((scope) => allowed.includes(scope));
}

/** Of scopes that were asked for earlier, those that the client may still have; `null`: all of them were taken from it. */
export function stillOpen(
  { scopes: open }: { readonly scopes: readonly string[] },
  asked: readonly string[],
): readonly string[] | null {
  const left = asked.filter((scope) => open.includes(scope));
  return left.length === 0 && asked.length > 0 ? null : left;
}

/** The same set of scopes, in whatever order. */
export function isSameScope(one: readonly string[], other: readonly string[]): boolean {
  return isWithin(one, other) && isWithin(other, one);
}

export type ScopeChoice =
  | { readonly outcome: 'granted'; readonly scopes: readonly string[] }
  | { readonly outcome: 'refused'; readonly scope: string };

/**
 * The scopes that a request stands for: what was asked, all of it allowed, or the client's default when nothing was asked.
 * A scope that may not be asked is refused, never dropped in silence.
 *
 * @param user whether the token will speak for a user; without one, built-in scopes are refused and not part of a default.
 */
export function chooseScopes(
  asked: readonly string[] | undefined,
  client: { readonly scopes: readonly string[]; readonly default_scopes: readonly string[] },
  user: 'with_user' | 'without_user',
): ScopeChoice {
  const fits = (scope: string): boolean =>
    client.scopes.includes(scope) && (user === 'with_user' || !isUserScope(scope));
  if (asked === undefined) return { outcome: 'granted', scopes: client.default_scopes.filter(fits) };
  const refused = asked.find((scope) => !fits(scope));
  return refused === undefined ? { outcome: 'granted', scopes: asked } : { outcome: 'refused', scope: refused };
}
