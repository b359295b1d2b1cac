/** Applications and scopes in the words of those who declared them, in the reader's language where they are translated. */
import { claimsOfScope } from '../protocol/claims.ts';
import type { ClientRegistration, ScopeRegistration } from '../registry/registration.ts';
import type { Session } from '../store/sessions.ts';
import type { ClientText, RequestedScope, ScopeText } from '../views/index.ts';
import { logoPath } from './logos.ts';
import type { Visit } from './visit.ts';

export function clientText({ frame }: Visit, { client_id, client_name, logo }: ClientRegistration): ClientText {
  return {
    name: client_name,
    ...(logo === undefined ? {} : { logo: `${frame.basePath}${logoPath(logo, client_id)}` }),
  };
}

/** A scope that is not registered any more, and a built-in one, has its token alone. */
export function scopeText(visit: Visit, scope: string): ScopeText {
  const { displayName } = wordsOf(visit, scope);
  return { scope, displayName };
}

export function requestedScope(visit: Visit, scope: string, session: Session): RequestedScope {
  const names = claimsOfScope(scope, visit.snapshot.scope(scope)?.value.claims);
  const rules = visit.snapshot.directory(session.directory)?.value.consent_rules ?? [];
  const naming = rules.filter((rule) => rule.scopes.includes(scope));
  return {
    scope,
    ...wordsOf(visit, scope),
    claims: names.map((name) => ({ name, value: session.claims[name] })),
    ...(naming.length === 0 ? {} : { onlyMembersOf: [...new Set(naming.flatMap((rule) => rule.groups))] }),
  };
}

interface Words {
  readonly displayName: string | undefined;
  readonly description: string | undefined;
}

function wordsOf({ snapshot, frame }: Visit, scope: string): Words {
  const registered = snapshot.scope(scope)?.value;
  const translated = registered === undefined ? undefined : translationOf(registered, frame.language.tag);
  // A translation without a description has none: two languages in one entry help nobody.
  const { display_name, description } = translated ?? registered ?? {};
  return { displayName: display_name, description };
}

/** The translation for this very tag, else for its language alone (`pt` for `pt-BR`), else for any region of it. */
function translationOf({ translations = {} }: ScopeRegistration, tag: string) {
  const [language = ''] = tag.toLowerCase().split('-');
  const all = Object.entries(translations).map(([key, words]) => [key.toLowerCase(), words] as const);
  const found =
    all.find(([key]) => key === tag.toLowerCase()) ??
    all.find(([key]) => key === language) ??
    all.find(([key]) => key.split('-')[0] === language);
  return found?.[1];
}
