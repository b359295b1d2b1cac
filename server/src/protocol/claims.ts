/** PURE. Which claims a granted scope releases (OpenID Connect Core §5.4), and where they go. */

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
  const behind = new Set(withheld.flatMap((scope) => claimsOfScope(scope, undefined)));
  const names = scopes.flatMap((scope) => claimsOfScope(scope, registered(scope)));
  return pick(
    known,
    names.filter((name) => !behind.has(name)),
  );
}

/**
 * Claims for the ID token beside those of the protocol: what the client's registration wants there, of what was released.
 * All others are for the userinfo endpoint (OpenID Connect Core §5.4).
 */
export function claimsForIdToken(wanted: readonly string[], released: Claims): Claims {
  return pick(released, wanted);
}

function pick(from: Claims, names: readonly string[]): Claims {
  return Object.fromEntries(
    [...new Set(names)].filter((name) => Object.hasOwn(from, name)).map((name) => [name, from[name]]),
  );
}
