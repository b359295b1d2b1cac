/** Scopes and claims in words. */
import { html, type SafeHtml } from './html.ts';
import { type Language, type MessageKey, name } from './messages.ts';

/** A scope as a page names it. */
export interface ScopeText {
  /** The scope token. Built-in scopes are named in the page's language. */
  readonly scope: string;
  /** From the scope's registration; left out: the token itself. */
  readonly displayName?: string | undefined;
}

/** A claim and what the application will read in it. */
export interface ClaimText {
  readonly name: string;
  /** JSON value; `undefined`: the directory knows none. */
  readonly value: unknown;
}

/** A scope as the consent page asks for it. */
export interface RequestedScope extends ScopeText {
  readonly description?: string | undefined;
  /** Claims that come with it, values from the directory. */
  readonly claims?: readonly ClaimText[] | undefined;
  /**
   * The groups (names or DNs) whose members alone may give it (of all rules that name it); empty: a rule without groups;
   * left out: no rule names it.
   */
  readonly onlyMembersOf?: readonly string[] | undefined;
}

/** Built-in scopes with the one claim that their sentence shows; others show their claims beneath. */
const builtIn: ReadonlyMap<string, { readonly key: MessageKey; readonly claim?: string }> = new Map([
  ['openid', { key: 'scope.openid' }],
  ['profile', { key: 'scope.profile' }],
  ['email', { key: 'scope.email', claim: 'email' }],
  ['phone', { key: 'scope.phone', claim: 'phone_number' }],
  ['address', { key: 'scope.address', claim: 'address' }],
  ['groups', { key: 'scope.groups', claim: 'groups' }],
  ['offline_access', { key: 'scope.offline_access' }],
]);

const claimLabels: ReadonlyMap<string, MessageKey> = new Map([
  ['name', 'claim.name'],
  ['given_name', 'claim.given_name'],
  ['family_name', 'claim.family_name'],
  ['middle_name', 'claim.middle_name'],
  ['nickname', 'claim.nickname'],
  ['preferred_username', 'claim.preferred_username'],
  ['profile', 'claim.profile'],
  ['picture', 'claim.picture'],
  ['website', 'claim.website'],
  ['gender', 'claim.gender'],
  ['birthdate', 'claim.birthdate'],
  ['zoneinfo', 'claim.zoneinfo'],
  ['locale', 'claim.locale'],
  ['email', 'claim.email'],
  ['phone_number', 'claim.phone_number'],
  ['address', 'claim.address'],
  ['groups', 'claim.groups'],
]);

/** So many values of one claim are shown; more are counted. */
const valuesShown = 6;

/** "Read orders, See your e-mail address and Write orders" */
export function scopeList(language: Language, scopes: readonly ScopeText[]): SafeHtml {
  return language.list(
    scopes.map((scope) => scopeTitle(language, scope)),
    'conjunction',
  );
}

function scopeTitle(language: Language, { scope, displayName }: ScopeText): string {
  const known = builtIn.get(scope);
  return known === undefined ? (displayName ?? scope) : language.text(known.key);
}

/** One entry of "It wants to:". There may be fifty: end tags that HTML does not ask for are left out, to keep the page small. */
export function scopeEntry(
  language: Language,
  scope: RequestedScope,
  page: 'consent' | 'device-confirm' = 'consent',
): SafeHtml {
  const inSentence = builtIn.get(scope.scope)?.claim;
  const claims = (scope.claims ?? []).filter(({ name: claim }) => !claim.endsWith('_verified'));
  const sentence = valuesOf(language, claims.find((claim) => claim.name === inSentence)?.value);
  const what = name(scopeTitle(language, scope));
  const rows = claims.filter((claim) => claim.name !== inSentence).map((claim) => claimRow(language, claim));
  return html`<li>${sentence === undefined ? what : language.say('consent.with-values', { what, values: sentence })}
${scope.description !== undefined && html`<p><bdi>${scope.description}</bdi>\n`}${rows.some(Boolean) && html`<dl>${rows}</dl>\n`}${restriction(language, scope.onlyMembersOf, page)}`;
}

/** "See these details about you (E-mail address, Nickname)" */
export function claimList(language: Language, claims: readonly string[]): SafeHtml {
  const values = language.list(
    claims.map((claim) => claimTitle(language, claim)),
    'unit',
  );
  return language.say('consent.with-values', { what: name(language.text('consent.claims')), values });
}

function claimTitle(language: Language, claim: string): string {
  const label = claimLabels.get(claim);
  return label === undefined ? claim : language.text(label);
}

/** Claims asked for by name: each is named, also one that nothing is known of yet. */
export function claimsEntry(language: Language, claims: readonly ClaimText[]): SafeHtml | undefined {
  if (claims.length === 0) return undefined;
  const unknown = language.text('consent.claim-unknown');
  const rows = claims.map(({ name: claim, value }) =>
    claimRow(language, { name: claim, value: flatten(value).length === 0 ? unknown : value }),
  );
  return html`<li>${name(language.text('consent.claims'))}\n<dl>${rows}</dl>\n`;
}

function claimRow(language: Language, claim: ClaimText): SafeHtml | undefined {
  const values = valuesOf(language, claim.value);
  if (values === undefined) return undefined;
  return html`<div><dt>${claimTitle(language, claim.name)}</dt> <dd>${values}</dd></div>\n`;
}

function restriction(
  language: Language,
  groups: readonly string[] | undefined,
  page: 'consent' | 'device-confirm',
): SafeHtml | undefined {
  if (groups === undefined) return undefined;
  const group = language.list(groups.map(groupName), 'disjunction');
  return html`<p class="rule">${
    groups.length === 0 ? language.say(`${page}.directory-asked`) : language.say(`${page}.only-members`, { group })
  }\n`;
}

/** `order-managers` of `cn=order-managers,ou=groups,dc=example`; another text, and a name with escapes, stays whole. */
function groupName(group: string): string {
  return /^[a-z][a-z0-9-]*=([^,=+\\]+),[a-z]/i.exec(group)?.[1] ?? group;
}

function valuesOf(language: Language, value: unknown): SafeHtml | undefined {
  const all = flatten(value);
  if (all.length === 0) return undefined;
  const more = all.length - valuesShown;
  const shown = more > 0 ? [...all.slice(0, valuesShown), language.text('consent.more-values', { count: more })] : all;
  return language.list(shown, 'unit');
}

function flatten(value: unknown): readonly string[] {
  if (typeof value === 'string') return value === '' ? [] : [value];
  if (typeof value === 'number' || typeof value === 'boolean') return [String(value)];
  if (Array.isArray(value)) return value.flatMap(flatten);
  if (typeof value !== 'object' || value === null) return [];
  // OpenID Connect Core §5.1.1: an address brings itself ready to be shown.
  return 'formatted' in value ? flatten(value.formatted) : Object.values(value).flatMap(flatten);
}
