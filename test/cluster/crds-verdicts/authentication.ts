/** How a Client proves who it is. */
import { called, client, ecKey, edKey, type Fields, rsaKey, type Verdict } from './words.ts';

const keys = (title: string, list: readonly Fields[], ...problems: readonly string[]) =>
  client(title, { authentication: { method: 'private_key_jwt', jwks: { keys: list } } }, ...problems);
const key = 'spec.authentication.jwks.keys[0]';

const named = (tls: Fields) => ({ authentication: { method: 'tls_client_auth', tls } });
const oneName = 'one name counts: set exactly one of subjectDn, sanDns, sanUri, sanIp and sanEmail';

export const authentication: readonly Verdict[] = [
  keys('public keys of each type', [edKey, ecKey, { ...rsaKey, alg: 'PS256', use: 'sig' }]),
  client('ServiceAccounts', {
    authentication: { method: 'kubernetes_service_account', serviceAccounts: [{ name: 'web' }] },
  }),
  client('ServiceAccounts of other clusters, one name in two of them', {
    authentication: {
      method: 'kubernetes_service_account',
      serviceAccounts: [{ name: 'web' }, { name: 'web', cluster: 'west' }, { name: 'batch', cluster: 'west' }],
    },
  }),
  client(
    'a ServiceAccount twice',
    {
      authentication: {
        method: 'kubernetes_service_account',
        serviceAccounts: [{ name: 'web', cluster: 'local' }, { name: 'web' }],
      },
    },
    'spec.authentication.serviceAccounts[1]: is the same as spec.authentication.serviceAccounts[0]: list it once',
  ),
  client(
    'a ServiceAccount of a cluster by a path',
    {
      authentication: {
        method: 'kubernetes_service_account',
        serviceAccounts: [{ name: 'web', cluster: '../west' }],
      },
    },
    "spec.authentication.serviceAccounts[0].cluster: must be the name of a cluster: lower-case letters, digits and '-', beginning and ending with a letter or digit",
  ),
  client(
    'keys are missing',
    { authentication: { method: 'private_key_jwt' } },
    'spec.authentication.jwks: private_key_jwt needs the public keys of the application: list them in jwks.keys, or name the URL that publishes them in jwksUri',
  ),
  client(
    'keys without a use',
    { authentication: { jwks: { keys: [edKey] } } },
    'spec.authentication.jwks: only private_key_jwt and self_signed_tls_client_auth use keys: set one of them, or leave jwks out',
  ),
  client('keys that are fetched', {
    authentication: { method: 'private_key_jwt', jwksUri: 'https://app.example.com/jwks.json?v=1' },
  }),
  client(
    'keys in two places',
    {
      authentication: {
        method: 'private_key_jwt',
        jwks: { keys: [edKey] },
        jwksUri: 'https://app.example.com/jwks.json',
      },
    },
    'spec.authentication.jwksUri: the keys are listed in jwks already: keep one of the two',
  ),
  client(
    'fetched keys without a use',
    { authentication: { jwksUri: 'https://app.example.com/jwks.json' } },
    'spec.authentication.jwksUri: only private_key_jwt and self_signed_tls_client_auth use keys: set one of them, or leave jwksUri out',
  ),
  client(
    'keys fetched in clear text',
    { authentication: { method: 'private_key_jwt', jwksUri: 'http://app.example.com/jwks.json' } },
    `spec.authentication.jwksUri: ${called}`,
  ),
  client(
    'another method that does not exist',
    { authentication: { method: 'tls' } },
    'spec.authentication.method: must be one of client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth, self_signed_tls_client_auth, kubernetes_service_account, none, client_secret_jwt',
  ),
  ...[
    { subjectDn: 'CN=shop, O=Example\\, Inc' },
    { subjectDn: '2.5.4.3=shop' },
    { sanDns: 'shop.example.com' },
    { sanUri: 'spiffe://example.com/shop' },
    { sanIp: '192.0.2.7' },
    { sanIp: '2001:db8::7' },
    { sanEmail: 'shop@example.com' },
  ].map((tls) => client(`a certificate by ${JSON.stringify(tls)}`, named(tls))),
  client(
    'a certificate without a name',
    { authentication: { method: 'tls_client_auth' } },
    'spec.authentication.tls: tls_client_auth needs the name that the certificate carries: set one of the fields of tls',
  ),
  client('a name that says nothing', named({}), `spec.authentication.tls: ${oneName}`),
  client('two names', named({ sanDns: 'a.example', sanIp: '192.0.2.7' }), `spec.authentication.tls: ${oneName}`),
  client(
    'a name without a use',
    { authentication: { tls: { sanDns: 'a.example' } } },
    'spec.authentication.tls: only tls_client_auth goes by the name of a certificate: set that method, or leave tls out',
  ),
  client(
    'a subject that is none',
    named({ subjectDn: 'shop' }),
    'spec.authentication.tls.subjectDn: must be a distinguished name with the most specific part first, such as CN=shop,O=Example,C=GB',
  ),
  client(
    'a wildcard as name',
    named({ sanDns: '*.example.com' }),
    'spec.authentication.tls.sanDns: must be one host name without wildcard, such as shop.example.com',
  ),
  client(
    'a relative URI as name',
    named({ sanUri: '/shop' }),
    'spec.authentication.tls.sanUri: must be an absolute URI, such as spiffe://example.com/shop',
  ),
  client(
    'a network as name',
    named({ sanIp: '192.0.2.0/24' }),
    'spec.authentication.tls.sanIp: must be one address, such as 192.0.2.7 or 2001:db8::7',
  ),
  client(
    'a host as e-mail address',
    named({ sanEmail: 'example.com' }),
    'spec.authentication.tls.sanEmail: must be one e-mail address, such as shop@example.com',
  ),
  client('self-signed certificates by their keys', {
    authentication: { method: 'self_signed_tls_client_auth', jwks: { keys: [edKey, { ...ecKey, x5c: ['MIIB'] }] } },
  }),
  client('self-signed certificates by published keys', {
    authentication: { method: 'self_signed_tls_client_auth', jwksUri: 'https://app.example.com/jwks.json' },
  }),
  client(
    'self-signed certificates without keys',
    { authentication: { method: 'self_signed_tls_client_auth' } },
    'spec.authentication.jwks: self_signed_tls_client_auth needs the public keys of the certificates: list them in jwks.keys, or name the URL that publishes them in jwksUri',
  ),
  client(
    'a certificate beside the key of assertions',
    { authentication: { method: 'private_key_jwt', jwks: { keys: [{ ...ecKey, x5c: ['MIIB'] }] } } },
    'spec.authentication.jwks: only self_signed_tls_client_auth compares certificates: set that method, or leave x5c out',
  ),
  client(
    'a certificate in PEM',
    {
      authentication: {
        method: 'self_signed_tls_client_auth',
        jwks: { keys: [{ ...ecKey, x5c: ['-----BEGIN CERTIFICATE-----'] }] },
      },
    },
    'spec.authentication.jwks.keys[0].x5c[0]: must be one certificate in base64 on one line: PEM without its first and last line and without breaks',
  ),
  client('tokens bound to a certificate', { senderConstraint: 'MTLS' }),
  client(
    'bound tokens through the browser',
    {
      senderConstraint: 'MTLS',
      grantTypes: ['implicit'],
      responseTypes: ['id_token token'],
      redirectUris: ['https://app.example.com/cb'],
    },
    'spec.senderConstraint: a token that comes through the browser can be bound to nothing: leave response types with token out, or set None',
  ),
  client(
    'ServiceAccounts are missing',
    { authentication: { method: 'kubernetes_service_account' } },
    'spec.authentication.serviceAccounts: kubernetes_service_account needs the ServiceAccounts that the application runs as: list their names',
  ),
  client(
    'ServiceAccounts without a use',
    { authentication: { serviceAccounts: [{ name: 'web' }] } },
    'spec.authentication.serviceAccounts: only kubernetes_service_account uses ServiceAccounts: set that method, or leave serviceAccounts out',
  ),
  keys(
    'a private key',
    [{ ...edKey, d: 'abc' }],
    `${key}.d: this is a private key, and has to be replaced now that others may have read it: make a new one and list only its public part`,
  ),
  keys(
    'half an RSA key',
    [{ kid: 'k', kty: 'RSA', n: 'u'.repeat(342) }],
    `${key}: an RSA key has the members n and e, and none of a curve: copy the whole public JSON Web Key`,
  ),
  keys(
    'a short RSA key',
    [{ ...rsaKey, n: 'u'.repeat(171) }],
    `${key}.n: an RSA key needs at least 2048 bits: make a longer one, or a key on P-256 or Ed25519`,
  ),
  keys(
    'half an EC key',
    [{ ...ecKey, y: undefined }],
    `${key}: an EC key has crv (P-256, P-384 or P-521), x and y: copy the whole public JSON Web Key`,
  ),
  keys(
    'half an OKP key',
    [{ ...edKey, crv: undefined }],
    `${key}: an OKP key has crv: Ed25519 and x: copy the whole public JSON Web Key`,
  ),
  keys(
    'an algorithm of another key',
    [{ ...ecKey, alg: 'ES384' }],
    `${key}.alg: does not fit the key: leave it out, or set PS256 for an RSA key whose application signs so`,
  ),
  keys(
    'base64 with padding',
    [{ ...edKey, x: `${edKey.x}=` }],
    `${key}.x: must be base64url without padding, as in a JSON Web Key`,
  ),
  keys(
    'a kid twice',
    [edKey, { ...ecKey, kid: 'k1' }],
    'spec.authentication.jwks.keys[1]: is the same as spec.authentication.jwks.keys[0]: list it once',
  ),
  keys('a symmetric key', [{ kid: 'k', kty: 'oct' }], `${key}.kty: must be one of RSA, EC, OKP`),
];
