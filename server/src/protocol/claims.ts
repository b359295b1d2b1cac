/** PURE. Which claims a grant releases, by scope and by name (OpenID Connect Core §5.4, §5.5), and where they go. */
import { type AskedClaims, type ContextClaim, nothingAsked, type Wishes } from './claims-request.ts';
import { isWithin } from './scope.ts';
import { passwordContext, passwordMethods } from './terms.ts';

/** Built-in scope → claims. `openid` releases the subject, which every answer carries. */
const builtIn: Readonly<Record<string, readonly string[]>> = {
  profile: [
    'name',
    'given_name',
    'family_name',
    'middle_name',
    'nickname',
    'preferred_username',
    'profile',
    'picture',
    'website',
    'gender',
    'birthdate',
    'zoneinfo',
    'locale',
    'updated_at',
  ],
  email: ['email', 'email_verified'],
  phone: ['phone_number', 'phone_number_verified'],
  address: ['address'],
  groups: ['groups'],
};

export type Claims = Readonly<Record<string, unknown>>;

/** Claims that a scope names, in order; built-in scopes first, then what its registration says. */
export function claimsOfScope(scope: string, registered: readonly string[] | undefined): readonly string[] {
  // A scope may be called `constructor`: what every object inherits is no entry of ours.
  return (Object.hasOwn(builtIn, scope) ? builtIn[scope] : registered) ?? [];
}

/**
 * Of what the directory knows, what these scopes release. Nothing else is stored with a grant.
 *
 * @param registered claims of a scope that is not built in.
 * @param withheld built-in scopes whose claims stay behind, whatever other scope names them.
 */
export function releasedClaims(
  scopes: readonly string[],
  registered: (scope: string) => readonly string[] | undefined,
  known: Claims,
  withheld: readonly string[],
): Claims {
  const isBehind = claimsBehind(withheld);
  const names = scopes.flatMap((scope) => claimsOfScope(scope, registered(scope)));
  return pick(
    known,
    names.filter((name) => !isBehind(name)),
  );
}

/**
 * What a token that was refreshed for fewer scopes than its grant has may tell (RFC 6749 §6): what is behind them, and what was
 * asked for by name.
 */
export function claimsWithin(
  scopes: readonly string[],
  grant: { readonly scopes: readonly string[]; readonly claims: Claims; readonly asked: AskedClaims | null },
  registered: (scope: string) => readonly string[] | undefined,
): Claims {
  if (isWithin(grant.scopes, scopes)) return grant.claims;
  const names = Object.keys(grant.asked?.userinfo ?? {});
  return { ...releasedClaims(scopes, registered, grant.claims, []), ...pick(grant.claims, names) };
}

/**
 * Whether a claim is one of these built-in scopes. In another language (`name#de`, OpenID Connect Core §5.2) it is the same
 * claim.
 */
export function claimsBehind(scopes: readonly string[]): (claim: string) => boolean {
  const names = new Set(scopes.flatMap((scope) => claimsOfScope(scope, undefined)));
  return (claim) => names.has(claim.split('#', 1)[0] ?? claim);
}

/**
 * Claims for the ID token beside those of the protocol: what the client's registration wants there, of what was released.
 * All others are for the userinfo endpoint (OpenID Connect Core §5.4).
 */
export function claimsForIdToken(wanted: readonly string[], released: Claims): Claims {
  return pick(released, wanted);
}

/** A claim asked by name, with the scopes through which it may come. */
export interface NamedClaim {
  readonly name: string;
  /** Scopes that name it and are open to the client; never empty. */
  readonly scopes: readonly string[];
}

/**
 * The claims of a `claims` parameter that the client may have: those that a scope open to it names. To ask for a claim is as
 * good as asking for such a scope, so what a scope's owner or a consent rule refuses cannot be had by asking for the claim.
 *
 * @param open the client's scopes.
 * @param registered claims of a scope that is not built in.
 */
export function claimsByName(
  asked: AskedClaims,
  open: readonly string[],
  registered: (scope: string) => readonly string[] | undefined,
): readonly NamedClaim[] {
  const names = [...new Set([...Object.keys(asked.userinfo), ...Object.keys(asked.id_token)])];
  if (names.length === 0) return [];
  const claims = open.map((scope) => ({ scope, names: claimsOfScope(scope, registered(scope)) }));
  return names
    .map((name) => ({ name, scopes: claims.filter((one) => one.names.includes(name)).map(({ scope }) => scope) }))
    .filter(({ scopes }) => scopes.length > 0);
}

/** What was confirmed, for {@link release}. */
export interface Confirmed {
  readonly scopes: readonly string[];
  /** Built-in scopes whose claims stay behind. */
  readonly withheld: readonly string[];
  /** Claims by name. */
  readonly claims: readonly string[];
}

export interface Release {
  /** For the userinfo endpoint, and for whatever the client's registration wants in the ID token. */
  readonly claims: Claims;
  /** For the ID token, because the request asks for them there. */
  readonly idTokenClaims: Claims;
  /** What of the request goes on holding; `null`: nothing. */
  readonly asked: AskedClaims | null;
}

/** Of what the directory knows, what these scopes and names release. A value that was not asked for is not given. */
export function release(
  confirmed: Confirmed,
  asked: AskedClaims | null,
  registered: (scope: string) => readonly string[] | undefined,
  known: Claims,
): Release {
  const byScope = releasedClaims(confirmed.scopes, registered, known, confirmed.withheld);
  const { userinfo, id_token, context } = asked ?? nothingAsked;
  const kept = { userinfo: only(userinfo, confirmed.claims), id_token: only(id_token, confirmed.claims), context };
  const isEmpty = [kept.userinfo, kept.id_token, context].every((one) => Object.keys(one).length === 0);
  return {
    claims: { ...byScope, ...matching(known, kept.userinfo) },
    idTokenClaims: matching(known, kept.id_token),
    asked: isEmpty ? null : kept,
  };
}

/** Claims about the authentication, those that were asked for (OpenID Connect Core §2). */
export function contextClaims(asked: readonly ContextClaim[]): Claims {
  return pick({ acr: passwordContext, amr: passwordMethods }, asked);
}

function only(wishes: Wishes, names: readonly string[]): Wishes {
  return Object.fromEntries(Object.entries(wishes).filter(([name]) => names.includes(name)));
}

function matching(known: Claims, wishes: Wishes): Claims {
  const fitting = Object.entries(wishes).filter(
    ([name, values]) =>
      values === null || values.some((value) => JSON.stringify(value) === JSON.stringify(known[name])),
  );
  return pick(
    known,
    fitting.map(([name]) => name),
  );
}

/** Those of the names that are there. */
export function pick(from: Claims, names: readonly string[]): Claims {
  return Object.fromEntries(
    [...new Set(names)].filter((name) => Object.hasOwn(from, name)).map((name) => [name, from[name]]),
  );
}
