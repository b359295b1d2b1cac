/** PURE. Scope → what the consent page and the tokens need of it. */
import type { ScopeSpec } from '@nauthera/crds';
import type { ScopeRegistration } from '@nauthera/server/registry';

export function scopeNameOf({ name, spec }: { readonly name: string; readonly spec: ScopeSpec }): string {
  return spec.name ?? name;
}

export function registerScope(scope: { readonly name: string; readonly spec: ScopeSpec }): ScopeRegistration {
  const { spec } = scope;
  return {
    scope: scopeNameOf(scope),
    display_name: spec.displayName,
    ...(spec.description === undefined ? {} : { description: spec.description }),
    ...translated(spec.translations),
    claims: spec.claims ?? [],
    audiences: spec.audiences ?? [],
    consent: spec.consent === 'Implicit' ? 'implicit' : 'required',
  };
}

function translated(translations: ScopeSpec['translations']): Pick<ScopeRegistration, 'translations'> {
  if (translations === undefined || translations.length === 0) return {};
  const texts = translations.map(({ language, displayName, description }) => [
    language,
    { display_name: displayName, ...(description === undefined ? {} : { description }) },
  ]);
  return { translations: Object.fromEntries(texts) };
}
