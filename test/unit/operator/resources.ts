/** Builders for plans: a resource as a source gives it, with every default; a case states the one line that matters. */
import { type Kind, pendingStatus, type ResourceByKind, validate } from '../../../crds/src/index.ts';
import type { ServerResource, WithSpec } from '../../../operator/src/controllers/attachment.ts';
import type { Observed, Secret } from '../../../operator/src/sources/source.ts';
import type { StoredRegistration } from '../../../server/src/registry/index.ts';

type Spec = Record<string, unknown>;

const required: Readonly<Record<Kind, Spec>> = {
  AuthorizationServer: {},
  Client: { grantTypes: ['client_credentials'], scopes: [] },
  Scope: { displayName: 'Read' },
  LdapBinding: {
    vendor: 'OpenLDAP',
    servers: [{ url: 'ldaps://ldap.example.com' }],
    bind: { dn: 'cn=reader,dc=example', passwordSecretRef: { name: 'reader' } },
    userSearch: { base: 'ou=people,dc=example' },
  },
};

export function observed<K extends Kind>(
  kind: K,
  name: string,
  spec: Spec = {},
  more: Partial<Observed<K>> = {},
): WithSpec<K> {
  const namespace = more.namespace ?? 'shop';
  const result = validate(kind, {
    apiVersion: 'auth.nauthera.io/v1alpha1',
    kind,
    metadata: { name, namespace },
    spec: { ...required[kind], ...spec },
  });
  if (!result.ok) throw new Error(result.problems.map(({ path, message }) => `${path}: ${message}`).join('; '));
  return {
    kind,
    namespace,
    name,
    uid: `uid-${kind}-${namespace}-${name}`,
    createdAt: '2026-01-01T00:00:00Z',
    labels: {},
    annotations: {},
    generation: 1,
    specGeneration: 1,
    refused: undefined,
    status: structuredClone(pendingStatus) as unknown as ResourceByKind[K]['status'],
    deleting: false,
    ...more,
    spec: result.resource.spec,
  } as WithSpec<K>;
}

/** `auth/main`, the default, open to all. */
export function aServerResource(spec: Spec = {}, more: Partial<Observed<'AuthorizationServer'>> = {}): ServerResource {
  const all = { namespaces: { from: 'All' } };
  return observed(
    'AuthorizationServer',
    more.name ?? 'main',
    { allowedClients: all, allowedScopes: all, allowedLdapBindings: all, ...spec },
    { namespace: 'auth', annotations: { 'auth.nauthera.io/is-default': 'true' }, ...more },
  );
}

export const shop = { name: 'shop', labels: { 'kubernetes.io/metadata.name': 'shop' } };

export function aStored(
  id: string,
  owner: Partial<StoredRegistration['owner']> = {},
  more: Partial<StoredRegistration> = {},
): StoredRegistration {
  return {
    kind: 'client',
    id,
    owner: { source: 'test', namespace: 'other', name: 'other', uid: 'uid-other', ...owner },
    withdrawn: false,
    revision: { epoch: 'e', n: 1 },
    fingerprint: 'f',
    secretDigests: [],
    ...more,
  };
}

export function aSecret(name: string, data: Record<string, string>, more: Partial<Secret> = {}): Secret {
  return {
    namespace: 'shop',
    name,
    type: 'Opaque',
    labels: {},
    annotations: {},
    owner: undefined,
    data,
    version: 'v1',
    ...more,
  };
}
