/** `ResolvedRefs` of a Client, pure: what it names, and whether that is there. */
import { builtInScopes, nearest } from '@nauthera/crds';
import type { ConditionDraft } from '../../runtime/conditions.ts';
import { isMadeFor } from '../../sources/source.ts';
import { nameOf, type ServerResource } from '../attachment.ts';
import type { Logo } from '../logo.ts';
import type { Adopted } from './adopted-secret.ts';
import type { ClientInputs } from './client-inputs.ts';
import { secretNameOf } from './secret-values.ts';

export const resolved = (message: string): ConditionDraft => ({
  type: 'ResolvedRefs',
  status: 'True',
  reason: 'ResolvedRefs',
  message,
});
export const unresolved = (reason: string, message: string): ConditionDraft => ({
  type: 'ResolvedRefs',
  status: 'False',
  reason,
  message,
});

export interface Wanted {
  readonly adopted: Adopted | undefined;
  readonly logo: Logo | undefined;
}

export function references(inputs: ClientInputs, server: ServerResource, { adopted, logo }: Wanted): ConditionDraft {
  const { client, scopes, namespace, secret } = inputs;
  if (adopted?.outcome === 'unusable') return unresolved(adopted.reason, adopted.message);
  if (adopted === undefined && secret !== undefined && !isMadeFor(client, secret))
    return unresolved(
      'SecretNotOwned',
      `Secret "${secretNameOf(client)}" exists and was not made for this Client. Choose another spec.secret.name, or use it unchanged with spec.secret.adopt`,
    );
  // Without its database nobody knows which scopes there are.
  const wanted = inputs.serverHolds === 'not yet' ? [] : client.spec.scopes.filter((scope) => !isBuiltIn(scope));
  const missing = wanted.find((scope) => !scopes.has(scope));
  if (missing !== undefined) return unresolved('ScopeNotFound', scopeNotFound('spec.scopes', missing, server, scopes));
  const closed = wanted.find((scope) => scopes.get(scope) === 'closed');
  if (closed !== undefined)
    return unresolved(
      'ScopeNotAllowed',
      `spec.scopes: Scope "${closed}" is not open to namespace ${namespace.name}. Its owner can add it in spec.allowedClients.namespaces`,
    );
  // As a scope that is missing: it alone is inert.
  if (logo?.outcome === 'unusable') return unresolved(logo.reason, logo.message);
  return resolved(`AuthorizationServer ${nameOf(server)}`);
}

/** Suggests only what the namespace may request. */
export function scopeNotFound(
  field: string,
  missing: string,
  server: ServerResource,
  scopes: ReadonlyMap<string, 'open' | 'closed'>,
): string {
  const open = [...scopes].filter(([, state]) => state === 'open').map(([name]) => name);
  const meant = nearest(missing, [...open, ...builtInScopes]);
  const hint = meant === undefined ? '' : ` Did you mean "${meant}"?`;
  return `${field}: no Scope "${missing}" on ${nameOf(server)}.${hint} Waiting for it`;
}

export function isBuiltIn(scope: string): boolean {
  return builtInScopes.some((name) => name === scope);
}
