/**
 * What a tenant tries who may write anything in its own namespace, `mallory`: resources that aim at namespace `bank`, at
 * the server `nauthera-system/main`, or at nobody in particular. Each says how it must end.
 */
import type { AnyObject } from '../support/kube-cluster.ts';
import { type Attack, attacksByReference, directory, machine } from './tenants-references.ts';

const main = { authorizationServerRef: { name: 'main', namespace: 'nauthera-system' } };

const policy = (title: string, kind: Attack['kind'], spec: AnyObject, says: RegExp): Attack => ({
  title,
  kind,
  spec: { ...main, ...spec },
  answer: { condition: 'Accepted', reason: 'PolicyViolation', says },
});
const schema = (title: string, kind: Attack['kind'], spec: AnyObject, refused: RegExp): Attack => ({
  title,
  kind,
  spec,
  answer: { refused },
});

const authority: readonly Attack[] = [
  policy('the client id of a neighbour', 'Client', { ...machine, clientId: 'bank.ledger' }, /bank\.ledger/),
  policy(
    'a client id that a neighbour may take one day',
    'Client',
    { ...machine, clientId: 'bank.next' },
    /bank\.next/,
  ),
  policy('a client id of nobody', 'Client', { ...machine, clientId: 'admin' }, /"admin"/),
  policy('a client id like its own, and not', 'Client', { ...machine, clientId: 'mallory' }, /"mallory"/),
  policy('a host beyond the policy', 'Client', { redirectUris: ['https://evil.example/cb'] }, /evil\.example/),
  policy('a host that only ends like one', 'Client', { redirectUris: ['https://xapps.example/cb'] }, /xapps\.example/),
  policy(
    'consent that nobody gives',
    'Client',
    { redirectUris: ['https://m.apps.example/cb'], consent: { mode: 'Implicit' } },
    /Implicit/,
  ),
  policy(
    'the audience of a neighbour',
    'Client',
    { ...machine, accessToken: { audiences: ['bank.ledger'] } },
    /bank\.ledger/,
  ),
  policy(
    'a scope for the audience of a neighbour',
    'Scope',
    { name: 'mallory:x', displayName: 'x', audiences: ['bank.ledger'] },
    /bank\.ledger/,
  ),
  policy('a scope named like those of a neighbour', 'Scope', { name: 'bank:take', displayName: 'x' }, /bank:take/),
  policy('a scope named like nobody’s', 'Scope', { name: 'admin', displayName: 'x' }, /"admin"/),
  {
    title: 'a scope that is not opened to it',
    kind: 'Client',
    spec: { ...main, ...machine, scopes: ['bank:read'] },
    answer: { condition: 'ResolvedRefs', reason: 'ScopeNotAllowed', says: /bank:read/ },
  },
  {
    title: 'a server that does not invite it',
    kind: 'Client',
    spec: { ...machine, authorizationServerRef: { name: 'vault', namespace: 'bank' } },
    answer: { condition: 'Accepted', reason: 'NotAllowedByServer', says: /bank\/vault takes no Clients/ },
  },
  {
    title: 'a scope on a server that does not invite it',
    kind: 'Scope',
    spec: { displayName: 'x', authorizationServerRef: { name: 'vault', namespace: 'bank' } },
    answer: { condition: 'Accepted', reason: 'NotAllowedByServer', says: /bank\/vault takes no Scopes/ },
  },
  {
    title: 'a directory of its own for everybody’s sign-in',
    kind: 'LdapBinding',
    spec: { ...main, ...directory, priority: 0 },
    answer: { condition: 'Accepted', reason: 'NotAllowedByServer', says: /takes no LdapBindings/ },
  },
  ...['https://main.nauthera-system.svc', 'https://vault.bank.svc.cluster.local/login'].map(
    (issuer): Attack => ({
      title: `the issuer ${issuer}, which is a service of a neighbour`,
      kind: 'AuthorizationServer',
      spec: { issuer, database: { secretRef: { name: 'own-database' } } },
      answer: { condition: 'Deployed', reason: 'InvalidSpec', says: /belongs to that namespace/ },
    }),
  ),
  {
    title: 'a cluster that the server does not trust',
    kind: 'Client',
    spec: {
      ...main,
      ...machine,
      authentication: {
        method: 'kubernetes_service_account',
        serviceAccounts: [{ name: 'ledger', cluster: 'mine' }],
      },
    },
    answer: { condition: 'Accepted', reason: 'PolicyViolation', says: /is not among spec\.trustedClusters/ },
  },
  ...['../bank/ca', 'bank/ca', 'bank%2Fca'].map((name) =>
    schema(
      `the authorities of a neighbour by ${name}`,
      'AuthorizationServer',
      {
        issuer: 'https://mallory.example',
        trustedClusters: [
          { name: 'mine', issuer: 'https://k', jwksUri: 'https://keys.example/jwks', caBundleRef: { name } },
        ],
      },
      /trustedClusters\[0\]\.caBundleRef\.name/,
    ),
  ),
  ...['http://169.254.169.254/jwks', 'file:///etc/passwd', 'https://user@keys.example/jwks'].map((jwksUri) =>
    schema(
      `keys from ${jwksUri}`,
      'AuthorizationServer',
      { issuer: 'https://mallory.example', trustedClusters: [{ name: 'mine', issuer: 'https://k', jwksUri }] },
      /trustedClusters\[0\]\.jwksUri/,
    ),
  ),
  schema(
    'a cluster that stands in for the one it lives in',
    'AuthorizationServer',
    {
      issuer: 'https://mallory.example',
      trustedClusters: [{ name: 'local', issuer: 'https://k', jwksUri: 'https://keys.example/jwks' }],
    },
    /trustedClusters\[0\]\.name/,
  ),
  schema(
    'a server by a path',
    'Client',
    { ...machine, authorizationServerRef: { name: '../vault', namespace: 'bank' } },
    /authorizationServerRef\.name/,
  ),
  schema(
    'a namespace by a path',
    'Client',
    { ...machine, authorizationServerRef: { name: 'vault', namespace: 'bank/..' } },
    /authorizationServerRef\.namespace/,
  ),
  schema('a client id like a subject', 'Client', { ...machine, clientId: 'u_ada' }, /clientId/),
  schema('a built-in scope', 'Scope', { name: 'openid', displayName: 'x' }, /built in/),
  schema('a claim of the protocol', 'Scope', { displayName: 'x', claims: ['sub'] }, /claims/),
  schema('a script as redirect URI', 'Client', { redirectUris: ['javascript:alert(1)'] }, /redirectUris/),
  schema(
    'labels of the operator on its Secret',
    'Client',
    { ...machine, secret: { labels: { 'auth.nauthera.io/client': 'ledger' } } },
    /labels/,
  ),
  schema(
    'annotations of the operator on its Secret',
    'Client',
    { ...machine, secret: { annotations: { 'auth.nauthera.io/x': 'y' } } },
    /annotations/,
  ),
  schema('a Secret by a path', 'Client', { ...machine, secret: { name: '../bank/ledger-oauth2' } }, /secret\.name/),
  schema(
    'the ServiceAccount of a neighbour',
    'Client',
    {
      ...machine,
      authentication: { method: 'kubernetes_service_account', serviceAccounts: [{ name: 'bank/ledger' }] },
    },
    /serviceAccounts/,
  ),
  schema(
    'a ServiceAccount by its subject',
    'Client',
    {
      ...machine,
      authentication: {
        method: 'kubernetes_service_account',
        serviceAccounts: [{ name: 'system:serviceaccount:bank:ledger' }],
      },
    },
    /serviceAccounts/,
  ),
];

export const attacks: readonly Attack[] = [...attacksByReference, ...authority];

/** Database URLs that would have the operator read its own files, or trust whoever answers. */
export const hostileDatabaseUrls: Readonly<Record<string, string>> = {
  'a root certificate from a file': 'postgres://m:p@127.0.0.1:1/m?sslmode=verify-full&sslrootcert=/etc/passwd',
  'a certificate from a file': 'postgres://m:p@127.0.0.1:1/m?sslcert=/etc/passwd',
  'a key from a file': 'postgres://m:p@127.0.0.1:1/m?sslkey=/var/run/secrets/kubernetes.io/serviceaccount/token',
  'a passfile': 'postgres://m@127.0.0.1:1/m?passfile=/etc/passwd',
  'a service file': 'postgres://m@127.0.0.1:1/m?service=x&servicefile=/etc/passwd',
  'a socket on the machine': 'postgres://m:p@%2Fvar%2Frun%2Fpostgresql/m',
  'a socket as parameter': 'postgres://m:p@localhost/m?host=/var/run/postgresql',
  'a folder': 'pglite:/tmp/x',
  'a file': 'file:///etc/passwd',
};
