import { describe, expect, it } from 'vitest';
import { accepted, manifest, problems } from './builders.ts';

const server = (spec: Record<string, unknown> = {}, metadata: Record<string, unknown> = {}) =>
  manifest('AuthorizationServer', spec, metadata);

const issuerForm =
  'use https (http only for 127.0.0.1, [::1] and localhost), a host in lower case, no user info, query, fragment or default port, and no slash at the end, for example https://id.example.com';
const immutable =
  'issuer cannot change, every token and relying party names it: create a second AuthorizationServer with the new issuer, move the Clients, then delete this one';
const together = 'from: Selector and selector go together: set both or neither';

describe('issuer (RFC 8414 section 2)', () => {
  it.each([
    'https://id.example.com',
    'https://id.example.com:8443/tenant-a',
    'https://[2001:db8::1]',
    'http://127.0.0.1:9080',
    'http://[::1]:9080',
    'http://localhost:9080/x',
  ])('%s is accepted', (issuer) => expect(problems('AuthorizationServer', server({ issuer }))).toEqual([]));

  it.each([
    'http://id.example.com',
    'https://id.example.com/',
    'https://ID.example.com',
    'https://id.example.com?x',
    'https://id.example.com#x',
    'https://a@id.example.com',
    'https://id.example.com:443',
    'http://localhost:80/x',
    'https://id.example.com/a/../b',
    'https://id.example.com/a b',
    'https://id.example.com//a',
    'id.example.com',
  ])('%s is refused', (issuer) =>
    expect(problems('AuthorizationServer', server({ issuer }))).toEqual([`spec.issuer: ${issuerForm}`]),
  );

  it.each([
    ['changed', { issuer: 'https://a.example' }, { issuer: 'https://b.example' }],
    ['added', { issuer: undefined }, { issuer: 'https://b.example' }],
    ['taken away', { issuer: 'https://a.example' }, { issuer: undefined }],
  ])('cannot be %s', (_title, before, after) => {
    expect(problems('AuthorizationServer', server(after), server(before))).toEqual([`spec.issuer: ${immutable}`]);
  });
});

describe('other rules of an AuthorizationServer', () => {
  const policy = (more: Record<string, unknown>) => ({ clientPolicies: [{ name: 'shop', ...more }] });

  it.each([
    [
      'a code beyond a minute',
      { lifetimes: { authorizationCode: '61s' } },
      'spec.lifetimes.authorizationCode: must be from 10s to 60s',
    ],
    [
      'an access token beyond an hour',
      { lifetimes: { accessToken: '2h' } },
      'spec.lifetimes.accessToken: must be from 1m to 1h',
    ],
    [
      'idle beyond absolute',
      { lifetimes: { session: { idle: '13h' } } },
      'spec.lifetimes.session.idle: must not be longer than absolute',
    ],
    [
      'refresh idle beyond absolute',
      { lifetimes: { refreshToken: { absolute: '24h' } } },
      'spec.lifetimes.refreshToken.idle: must not be longer than absolute',
    ],
    [
      'no RS256',
      { signing: { algorithms: ['ES256'] } },
      'spec.signing.algorithms: RS256 must be among them: it is what relying parties expect of an OpenID provider',
    ],
    [
      'I11 a key published too late',
      { signing: { rotation: { publishBefore: '9m' } } },
      'spec.signing.rotation.publishBefore: must be from 10m to 720h',
    ],
    [
      'I11 a key published for longer than it signs',
      { signing: { rotation: { every: '2h' } } },
      'spec.signing.rotation.publishBefore: must not be longer than every',
    ],
    [
      'I11 a token that outlives its key',
      { lifetimes: { idToken: '24h' } },
      'spec.signing.rotation.retireAfter: must be at least lifetimes.idToken and 60 s: a token must not outlive the key that verifies it',
    ],
    [
      'Selector without selector',
      { allowedClients: { namespaces: { from: 'Selector' } } },
      `spec.allowedClients.namespaces.selector: ${together}`,
    ],
    [
      'selector without Selector',
      { allowedScopes: { namespaces: { selector: {} } } },
      `spec.allowedScopes.namespaces.selector: ${together}`,
    ],
    [
      'In without values',
      {
        allowedLdapBindings: {
          namespaces: { from: 'Selector', selector: { matchExpressions: [{ key: 'team', operator: 'In' }] } },
        },
      },
      'spec.allowedLdapBindings.namespaces.selector.matchExpressions[0].values: In and NotIn need at least one value, Exists and DoesNotExist take none',
    ],
    [
      'two policies of one name',
      { clientPolicies: [{ name: 'a' }, { name: 'a' }] },
      'spec.clientPolicies[1]: is the same as spec.clientPolicies[0]: list it once',
    ],
    [
      'a star in the middle',
      policy({ clientIds: ['a*b'] }),
      "spec.clientPolicies[0].clientIds[0]: must be an exact value, or a prefix that ends with the only '*', for example shop-*",
    ],
    [
      'a host that is a URL',
      policy({ redirectHosts: ['https://a.example'] }),
      /^spec\.clientPolicies\[0\]\.redirectHosts\[0\]: must be a host in lower case/,
    ],
    [
      'a star inside a host',
      policy({ redirectHosts: ['a.*.example'] }),
      /^spec\.clientPolicies\[0\]\.redirectHosts\[0\]: must be a host in lower case/,
    ],
    [
      'a policy for what does not exist',
      policy({ grantTypes: ['password'] }),
      'spec.clientPolicies[0].grantTypes[0]: must be one of authorization_code, implicit, refresh_token, client_credentials, urn:ietf:params:oauth:grant-type:device_code',
    ],
    [
      'a name beyond 64 characters on every page',
      { branding: { displayName: 'x'.repeat(65) } },
      'spec.branding.displayName: must have at most 64 characters',
    ],
    ['a field that comes later', { audit: {} }, 'spec.audit: unknown field spec.audit'],
    [
      'a secret that is a path',
      { database: { secretRef: { name: 'a/b' } } },
      "spec.database.secretRef.name: must be the name of an object: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit",
    ],
    [
      'a reference into another namespace',
      { database: { secretRef: { name: 'a', namespace: 'b' } } },
      'spec.database.secretRef.namespace: unknown field spec.database.secretRef.namespace: known here: name',
    ],
  ])('%s is refused', (_title, spec, expected) => {
    const found = problems('AuthorizationServer', server(spec));
    expect(found).toHaveLength(1);
    if (typeof expected === 'string') expect(found[0]).toBe(expected);
    else expect(found[0]).toMatch(expected);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['a label that is none', { matchLabels: { 'a b': 'c' } }, 'matchLabels: must be labels, for example {team: shop}'],
    ['a value that no label has', { matchLabels: { a: '-' } }, 'matchLabels: must be labels, for example {team: shop}'],
    [
      'the name of no label',
      { matchExpressions: [{ key: '/a', operator: 'Exists' }] },
      'matchExpressions[0].key: must be the name of a label, for example team or kubernetes.io/metadata.name',
    ],
    [
      'a value of no label',
      { matchExpressions: [{ key: 'a', operator: 'In', values: ['a b'] }] },
      "matchExpressions[0].values[0]: must be the value of a label: letters, digits, '-', '_' and '.', beginning and ending with a letter or digit",
    ],
  ])('%s selects nothing and is refused', (_title, selector, expected) => {
    const spec = { allowedClients: { namespaces: { from: 'Selector', selector } } };
    expect(problems('AuthorizationServer', server(spec))).toEqual([
      `spec.allowedClients.namespaces.selector.${expected}`,
    ]);
  });

  it.each(['x'.repeat(41), '1st', 'a.b', 'a-'])('the name %s is refused: it names a Service', (name) => {
    expect(problems('AuthorizationServer', server({}, { name })).join()).toMatch(/^metadata\.name: must /);
  });

  it('needs nothing at all', () => {
    const { apiVersion, kind } = server();
    const { spec } = accepted('AuthorizationServer', { apiVersion, kind, metadata: { name: 'demo' } });
    expect(spec.lifetimes).toEqual({
      authorizationCode: '60s',
      accessToken: '5m',
      idToken: '5m',
      refreshToken: { idle: '336h', absolute: '2160h' },
      deviceCode: '10m',
      session: { idle: '2h', absolute: '12h' },
    });
    expect(spec.signing).toEqual({
      algorithms: ['ES256', 'RS256'],
      rotation: { every: '2160h', publishBefore: '24h', retireAfter: '24h' },
    });
    const same = { namespaces: { from: 'Same' } };
    expect([spec.allowedClients, spec.allowedScopes, spec.allowedLdapBindings]).toEqual([same, same, same]);
  });

  it('a whole policy is accepted', () => {
    const whole = {
      name: 'shop',
      namespaces: { from: 'Selector', selector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } } },
      grantTypes: ['client_credentials'],
      responseTypes: ['code'],
      clientIds: ['shop-*', 'exact'],
      scopes: ['*'],
      scopeNames: ['orders:*'],
      audiences: ['https://api.example.com/*'],
      redirectHosts: ['a.example', '*.b.example', '*', '[::1]', 'com.example.app:'],
      authenticationMethods: ['none'],
      consentModes: ['Implicit'],
      maxLifetimes: { accessToken: '10m', refreshToken: { idle: '1h', absolute: '24h' } },
    };
    expect(problems('AuthorizationServer', server({ clientPolicies: [whole] }))).toEqual([]);
  });
});
