/** PURE. The four kinds: their names, schemas, rules of the whole object, and the columns of `kubectl get`. */
import { authorizationServerSpec, authorizationServerStatus } from './authorization-server.ts';
import { clientSpec, clientStatus } from './client.ts';
import type { Rule } from './field.ts';
import { ldapBindingSpec, ldapBindingStatus } from './ldap-binding.ts';
import { builtInScopeList, builtInScopes, scopeSpec, scopeStatus } from './scope.ts';
import { pendingStatus } from './status.ts';
import { type Structural, structural } from './structural.ts';

export const kindNames = ['AuthorizationServer', 'Client', 'Scope', 'LdapBinding'] as const;
export type Kind = (typeof kindNames)[number];

export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  /** As in a CustomResourceDefinition, e.g. `.status.clientId`. */
  readonly jsonPath: string;
  /** 1: only with `-o wide`. */
  readonly priority: 0 | 1;
}

export interface KindInfo {
  readonly kind: Kind;
  readonly plural: string;
  readonly singular: string;
  readonly shortName: string;
  /** What `kubectl explain` says about the kind: it ends in the smallest working resource. */
  readonly description: string;
  readonly smallest: string;
  readonly columns: readonly Column[];
  readonly selectableFields: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Schema of the whole object as it stands in the generated YAML. */
  readonly schema: Structural;
}

const ready = (member: 'status' | 'reason' | 'message') => `.status.conditions[?(@.type=="Ready")].${member}` as const;
const column = (name: string, jsonPath: string, priority: 0 | 1 = 0, type: Column['type'] = 'string'): Column => ({
  name,
  type,
  jsonPath,
  priority,
});
const age = column('Age', '.metadata.creationTimestamp', 0, 'date');
const server = column('Server', '.status.authorizationServer', 1);

function columns(own: readonly Column[], wide: readonly Column[]): readonly Column[] {
  return [
    column('Ready', ready('status')),
    column('Reason', ready('reason')),
    ...own,
    age,
    ...wide,
    column('Message', ready('message'), 1),
  ];
}

const shortEnough: Rule = {
  rule: 'self.metadata.name.size() <= 63',
  message: 'must have at most 63 characters: it becomes the value of labels',
  fieldPath: '.metadata.name',
};

const apiVersionField: Structural = {
  type: 'string',
  description: 'Version of the schema of this object: auth.nauthera.io/v1alpha1.',
};
const kindField: Structural = { type: 'string', description: 'Kind of this object.' };

function wholeObject(
  description: string,
  smallest: string,
  parts: { spec: unknown; status: unknown; rules: readonly Rule[] },
): Structural {
  const spec = structural(parts.spec, 'spec');
  return {
    type: 'object',
    description: `${description}\nThe smallest one that works:\n\n${smallest}`,
    ...(spec.default === undefined ? { required: ['spec'] } : {}),
    properties: {
      apiVersion: apiVersionField,
      kind: kindField,
      metadata: { type: 'object', properties: { name: { type: 'string', maxLength: 253 } } },
      spec,
      status: { ...structural(parts.status, 'status'), default: pendingStatus },
    },
    'x-kubernetes-validations': parts.rules,
  };
}

interface Definition extends Omit<KindInfo, 'schema'> {
  readonly spec: unknown;
  readonly status: unknown;
  readonly rules: readonly Rule[];
}

function define({ spec, status, rules, ...info }: Definition): KindInfo {
  return { ...info, schema: wholeObject(info.description, info.smallest, { spec, status, rules }) };
}

const manifest = (kind: Kind, name: string, spec: readonly string[]) =>
  ['apiVersion: auth.nauthera.io/v1alpha1', `kind: ${kind}`, `metadata:`, `  name: ${name}`, ...spec].join('\n');

export const kinds: Readonly<Record<Kind, KindInfo>> = {
  AuthorizationServer: define({
    kind: 'AuthorizationServer',
    plural: 'authorizationservers',
    singular: 'authorizationserver',
    shortName: 'nas',
    description:
      'AuthorizationServer is one OAuth 2.0 / OpenID Connect authorization server: its issuer, database, keys and lifetimes, and which namespaces may attach Clients, Scopes and LdapBindings.',
    smallest: manifest('AuthorizationServer', 'default', [
      'spec:',
      '  issuer: https://id.example.com',
      '  database:',
      '    secretRef: {name: pg-app}',
    ]),
    columns: columns(
      [column('Issuer', '.status.issuer'), column('Replicas', '.status.readyReplicas', 0, 'integer')],
      [column('Version', '.status.version', 1)],
    ),
    selectableFields: [],
    spec: authorizationServerSpec,
    status: authorizationServerStatus,
    rules: [
      {
        rule: `self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')`,
        message:
          "must have at most 40 characters, lower-case letters, digits and '-', beginning with a letter: it names a Service",
        fieldPath: '.metadata.name',
      },
    ],
  }),
  Client: define({
    kind: 'Client',
    plural: 'clients',
    singular: 'client',
    shortName: 'nclient',
    description:
      'Client is an application that asks for tokens. The operator registers it with its AuthorizationServer and writes a Secret with its credentials, the issuer and the endpoints.',
    smallest: manifest('Client', 'web', ['spec:', '  redirectUris: ["https://shop.example.com/callback"]']),
    columns: columns(
      [column('Client ID', '.status.clientId'), column('Secret', '.status.binding.name')],
      [server, column('Grants', '.spec.grantTypes', 1)],
    ),
    selectableFields: ['.spec.clientId', '.spec.authorizationServerRef.name'],
    labels: { 'servicebinding.io/provisioned-service': 'true' },
    spec: clientSpec,
    status: clientStatus,
    rules: [shortEnough],
  }),
  Scope: define({
    kind: 'Scope',
    plural: 'scopes',
    singular: 'scope',
    shortName: 'nscope',
    description:
      'Scope is something that applications may ask for, with the words that the consent page shows for it, the claims that it releases and the audiences that it adds.',
    smallest: manifest('Scope', 'orders-read', ['spec:', '  name: orders:read', '  displayName: Read your orders']),
    columns: columns([column('Scope', '.status.name'), column('Consent', '.spec.consent')], [server]),
    selectableFields: ['.spec.authorizationServerRef.name'],
    spec: scopeSpec,
    status: scopeStatus,
    rules: [
      shortEnough,
      {
        rule: `!((has(self.spec.name) ? self.spec.name : self.metadata.name) in ${builtInScopeList})`,
        message: `${builtInScopes.join(', ')} are built in and cannot be redefined: choose another name`,
        fieldPath: '.spec.name',
      },
    ],
  }),
  LdapBinding: define({
    kind: 'LdapBinding',
    plural: 'ldapbindings',
    singular: 'ldapbinding',
    shortName: 'nldap',
    description:
      'LdapBinding is a directory that users sign in against: its servers, how users and groups are found, which claims come from which attributes, and which scopes users may consent to.',
    smallest: manifest('LdapBinding', 'staff', [
      'spec:',
      '  vendor: OpenLDAP',
      '  servers: [{url: "ldaps://ldap.example.com"}]',
      '  bind:',
      '    dn: cn=reader,dc=example,dc=com',
      '    passwordSecretRef: {name: ldap-reader}',
      '  userSearch: {base: "ou=people,dc=example,dc=com"}',
    ]),
    columns: columns(
      [column('Active', '.status.activeServer'), column('Vendor', '.spec.vendor')],
      [column('Base', '.spec.userSearch.base', 1)],
    ),
    selectableFields: ['.spec.authorizationServerRef.name'],
    spec: ldapBindingSpec,
    status: ldapBindingStatus,
    rules: [shortEnough],
  }),
};
