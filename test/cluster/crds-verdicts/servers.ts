/** AuthorizationServers. */
import {
  device,
  ecKey,
  edit,
  edKey,
  type Fields,
  notADuration,
  objectName,
  plain,
  server,
  tlsTogether,
  together,
  type Verdict,
} from './words.ts';

const selector = (selected: Fields) => ({ allowedClients: { namespaces: { from: 'Selector', selector: selected } } });
const expressions = (...matchExpressions: readonly Fields[]) => selector({ matchExpressions });
const chosen = 'spec.allowedClients.namespaces.selector';
const policy = (title: string, fields: Fields, ...problems: readonly string[]) =>
  server(title, { clientPolicies: [{ name: 'p', ...fields }] }, ...problems);
const proxies = (title: string, cidrs: readonly string[], ...problems: readonly string[]) =>
  server(`proxies: ${title}`, { trustedProxies: { cidrs } }, ...problems);
const branding = (title: string, fields: Fields, ...problems: readonly string[]) =>
  server(`branding: ${title}`, { branding: fields }, ...problems);
const network = 'must be an address or a network, for example 10.0.0.0/8 or fd00::/8';
const securePage = 'must be a web page that begins with https://, without user info or spaces';
const one = 'spec.clientPolicies[0]';
const pattern = "must be an exact value, or a prefix that ends with the only '*', for example shop-*";
const issuer =
  'use https (http only for 127.0.0.1, [::1] and localhost), a host in lower case, no user info, query, fragment or default port, and no slash at the end, for example https://id.example.com';
const issuerFixed =
  'issuer cannot change, every token and relying party names it: create a second AuthorizationServer with the new issuer, move the Clients, then delete this one';

export const servers: readonly Verdict[] = [
  server('the smallest one', {}),
  { ...server('nothing but a name', {}), whole: { spec: undefined } },
  server('selectors, policies, lifetimes', {
    ...expressions({ key: 'team', operator: 'In', values: ['shop', 'billing'] }, { key: 'a/b', operator: 'Exists' }),
    allowedScopes: { namespaces: { from: 'All' } },
    clientPolicies: [
      {
        name: 'shop',
        namespaces: { from: 'Selector', selector: { matchLabels: { team: 'shop' } } },
        clientIds: ['shop-*'],
        redirectHosts: ['*.shop.example.com', 'com.example.app:'],
        maxLifetimes: { accessToken: '10m' },
      },
      { name: 'others', consentModes: ['Implicit'] },
    ],
    lifetimes: { accessToken: '10m', session: { idle: '30m', absolute: '8h' } },
    signing: { algorithms: ['RS256'], rotation: { every: '720h' } },
    branding: {
      displayName: 'Example Inc.',
      logo: { configMapRef: { name: 'logo', key: 'logo.png' } },
      colors: { light: '#0F4f80', dark: '#94c8f3' },
      links: {
        help: 'https://help.example.com/#sign-in',
        privacy: 'https://a.example/p',
        terms: 'https://a.example/t',
      },
      texts: { usernameLabel: 'Staff number', usernameHint: 's1234', help: 'Call 4711', footer: 'Example Inc.' },
    },
  }),
  server('what is outside', {
    trustedProxies: { cidrs: ['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '2001:db8::1', '1:2:3:4:5:6:7:8/128', '::1'] },
    outbound: {
      allowed: ['hooks.internal.example.com', '*.example.com', '10.0.0.0/8', '127.0.0.1', '::1', 'intranet'],
    },
    lifetimes: { deviceCode: '5m' },
    clientPolicies: [
      {
        name: 'flows',
        grantTypes: ['implicit', 'authorization_code', device],
        responseTypes: ['id_token', 'code id_token token'],
      },
    ],
  }),
  server('trusted clusters, and a policy of a profile', {
    trustedClusters: [
      { name: 'east', issuer: 'https://kubernetes.default.svc', jwks: { keys: [edKey, ecKey] } },
      {
        name: 'west',
        issuer: 'https://kubernetes.default.svc',
        jwksUri: 'https://keys.west.example.com/openid/v1/jwks',
        caBundleRef: { name: 'west-ca' },
      },
    ],
    clientPolicies: [{ name: 'modern', profile: 'OAuth21' }],
  }),
  server(
    'a trusted cluster without keys',
    { trustedClusters: [{ name: 'east', issuer: 'https://k' }] },
    'spec.trustedClusters[0].jwksUri: list the keys of the cluster in jwks.keys, or name the URL that publishes them in jwksUri: one of the two',
  ),
  server(
    'a trusted cluster with authorities and no URL',
    {
      trustedClusters: [{ name: 'east', issuer: 'https://k', jwks: { keys: [edKey] }, caBundleRef: { name: 'ca' } }],
    },
    'spec.trustedClusters[0].caBundleRef: nothing is called without jwksUri: leave caBundleRef out',
  ),
  server(
    'a trusted cluster that is the own one',
    { trustedClusters: [{ name: 'local', issuer: 'https://k', jwks: { keys: [edKey] } }] },
    'spec.trustedClusters[0].name: is the cluster of the Clients themselves, which is trusted anyway: choose another name',
  ),
  server(
    'a trusted cluster whose name is none',
    { trustedClusters: [{ name: 'West', issuer: 'https://k', jwks: { keys: [edKey] } }] },
    "spec.trustedClusters[0].name: must be a name: lower-case letters, digits and '-', beginning and ending with a letter or digit",
  ),
  server(
    'a key id that two trusted clusters list',
    {
      trustedClusters: [
        { name: 'east', issuer: 'https://k', jwks: { keys: [edKey] } },
        { name: 'west', issuer: 'https://k', jwks: { keys: [{ ...ecKey, kid: edKey.kid }] } },
      ],
    },
    'spec.trustedClusters: two clusters list a key with the same kid: nobody could tell whose tokens these are, so that key must go from one of them',
  ),
  server(
    'a profile that there is not',
    { clientPolicies: [{ name: 'p', profile: 'OAuth2' }] },
    `${one}.profile: must be one of Baseline, OAuth21; did you mean OAuth21?`,
  ),
  server('certificates of applications', {
    mutualTls: { mode: 'Listener', url: 'https://mtls.example.com:8444', caBundleRef: { name: 'client-ca' } },
    trustedProxies: { cidrs: ['192.0.2.7'], certificateHeader: 'Client-Cert' },
  }),
  server(
    'certificates at a path',
    { mutualTls: { mode: 'Listener', url: 'https://mtls.example.com/' } },
    'spec.mutualTls.url: must be https, a host in lower case and perhaps a port, such as https://mtls.example.com',
  ),
  server(
    'certificates in a header while none counts',
    { trustedProxies: { cidrs: ['192.0.2.7'], certificateHeader: 'Client-Cert' } },
    'spec.trustedProxies.certificateHeader: no certificate counts while mutualTls.mode is Off: set Listener, or leave certificateHeader out',
  ),
  proxies('an address of five parts', ['10.0.0.0.1'], `spec.trustedProxies.cidrs[0]: ${network}`),
  proxies('a prefix that is none', ['10.0.0.0/33'], `spec.trustedProxies.cidrs[0]: ${network}`),
  proxies('a byte that is none', ['10.0.0.0/8', '256.0.0.1'], `spec.trustedProxies.cidrs[1]: ${network}`),
  proxies('nine parts', ['1:2:3:4:5:6:7:8:9'], `spec.trustedProxies.cidrs[0]: ${network}`),
  proxies('eight parts and a gap', ['1:2:3:4::5:6:7:8'], `spec.trustedProxies.cidrs[0]: ${network}`),
  proxies('two gaps', ['1::2::3'], `spec.trustedProxies.cidrs[0]: ${network}`),
  proxies('a host', ['proxy.example.com'], `spec.trustedProxies.cidrs[0]: ${network}`),
  proxies(
    'everybody',
    ['0.0.0.0/0', '::/0'],
    'spec.trustedProxies.cidrs[0]: would believe everybody: name the addresses that your proxies connect from',
    'spec.trustedProxies.cidrs[1]: would believe everybody: name the addresses that your proxies connect from',
  ),
  proxies('nobody', [], 'spec.trustedProxies.cidrs: needs at least one item'),
  server(
    'a header of another time',
    { trustedProxies: { cidrs: ['10.0.0.0/8'], header: 'X-Client-IP' } },
    'spec.trustedProxies.header: must be one of X-Forwarded-For, Forwarded, X-Real-IP',
  ),
  ...['https://hooks.example.com', 'Hooks.example.com', 'a.*.example.com', '*', '10.0.0', 'hooks.example.com:443'].map(
    (entry) =>
      server(
        `calls to ${entry}`,
        { outbound: { allowed: [entry] } },
        `spec.outbound.allowed[0]: must be a host in lower case, '*.' and a domain for every host below it, an address or a network, for example hooks.example.com or 10.0.0.0/8`,
      ),
  ),
  server(
    'a code on a device for an hour',
    { lifetimes: { deviceCode: '1h' } },
    'spec.lifetimes.deviceCode: must be from 1m to 10m',
  ),
  branding(
    'a colour by its name',
    { colors: { light: 'red' } },
    'spec.branding.colors.light: must be a colour written as #rrggbb, for example #0f4f80',
  ),
  branding(
    'a colour that goes on',
    { colors: { dark: '#fff}a{' } },
    'spec.branding.colors.dark: must be a colour written as #rrggbb, for example #0f4f80',
  ),
  branding(
    'help in clear text',
    { links: { help: 'http://127.0.0.1/help' } },
    `spec.branding.links.help: ${securePage}`,
  ),
  branding(
    'a script as terms',
    { links: { terms: 'javascript:alert(1)' } },
    `spec.branding.links.terms: ${securePage}`,
  ),
  branding('a footer of two lines', { texts: { footer: 'a\nb' } }, `spec.branding.texts.footer: ${plain}`),
  branding(
    'a long label',
    { texts: { usernameLabel: 'x'.repeat(65) } },
    'spec.branding.texts.usernameLabel: must have at most 64 characters',
  ),
  branding(
    'a style sheet',
    { css: 'a{}' },
    'spec.branding.css: unknown field spec.branding.css: known here: displayName, logo, colors, links, texts',
  ),
  server('an issuer in clear text', { issuer: 'http://id.example.com' }, `spec.issuer: ${issuer}`),
  server('an issuer with a slash', { issuer: 'https://id.example.com/' }, `spec.issuer: ${issuer}`),
  server('an issuer with its default port', { issuer: 'https://id.example.com:443' }, `spec.issuer: ${issuer}`),
  server('a loopback issuer', { issuer: 'http://127.0.0.1:8080/a' }),
  server('a certificate of its own', { tls: {} }),
  server('a certificate from a Secret', { tls: { mode: 'Secret', secretRef: { name: 'default-tls' } } }),
  server('a certificate from nowhere', { tls: { mode: 'Secret' } }, `spec.tls.secretRef: ${tlsTogether}`),
  server(
    'a certificate from a Secret that is not asked for',
    { tls: { secretRef: { name: 'default-tls' } } },
    `spec.tls.secretRef: ${tlsTogether}`,
  ),
  edit(server('another issuer', { issuer: 'https://other.example.com' }, `spec.issuer: ${issuerFixed}`), {}),
  edit(server('the issuer taken away', { issuer: undefined }, `spec.issuer: ${issuerFixed}`), {}),
  server(
    'a role of the operator without one of migrations',
    { database: { secretRef: { name: 'a' }, operatorSecretRef: { name: 'b' } } },
    'spec.database: give operatorSecretRef and migratorSecretRef together: then each of operator, migrations and servers has a role of its own',
  ),
  server(
    'roles of the operator and of migrations without that of the servers',
    { database: { operatorSecretRef: { name: 'a' }, migratorSecretRef: { name: 'b' } } },
    'spec.database: name the Secret of the servers in secretRef, too',
  ),
  server(
    'a path as a Secret',
    { database: { secretRef: { name: 'a/b' } } },
    `spec.database.secretRef.name: ${objectName}`,
  ),
  server('authorities of the database in a Secret', {
    database: { secretRef: { name: 'pg-app' }, caBundleRef: { kind: 'Secret', name: 'pg-ca' } },
  }),
  server(
    'a path as a bundle',
    { database: { caBundleRef: { name: 'a/b' } } },
    `spec.database.caBundleRef.name: ${objectName}`,
  ),
  server(
    'a code for an hour',
    { lifetimes: { authorizationCode: '1h' } },
    'spec.lifetimes.authorizationCode: must be from 10s to 60s',
  ),
  server('a text that is no duration', { lifetimes: { idToken: '1 hour' } }, `spec.lifetimes.idToken: ${notADuration}`),
  server(
    'an ID token for a month',
    { lifetimes: { idToken: '720h' }, signing: { rotation: { retireAfter: '8760h' } } },
    'spec.lifetimes.idToken: must be from 1m to 24h',
  ),
  server(
    'a session without an end',
    { lifetimes: { session: { absolute: '8760h' } } },
    'spec.lifetimes.session.absolute: must be from 1m to 720h',
  ),
  server(
    'idle longer than the default of absolute',
    { lifetimes: { session: { idle: '24h' } } },
    'spec.lifetimes.session.idle: must not be longer than absolute',
  ),
  server(
    'without RS256',
    { signing: { algorithms: ['ES256'] } },
    'spec.signing.algorithms: RS256 must be among them: it is what relying parties expect of an OpenID provider',
  ),
  server(
    'keys that change by the minute',
    { signing: { rotation: { every: '5m', publishBefore: '10m' } } },
    'spec.signing.rotation.every: must be from 1h to 17520h',
    'spec.signing.rotation.publishBefore: must not be longer than every',
  ),
  server(
    'published too late',
    { signing: { rotation: { publishBefore: '1m' } } },
    'spec.signing.rotation.publishBefore: must be from 10m to 720h',
  ),
  server(
    'retired at once',
    { signing: { rotation: { retireAfter: '1m' } } },
    'spec.signing.rotation.retireAfter: must be from 61m to 8760h',
    'spec.signing.rotation.retireAfter: must be at least lifetimes.idToken and 60 s: a token must not outlive the key that verifies it',
  ),
  server(
    'retired before its tokens',
    { lifetimes: { idToken: '24h' } },
    'spec.signing.rotation.retireAfter: must be at least lifetimes.idToken and 60 s: a token must not outlive the key that verifies it',
  ),
  server(
    'a selector that is missing',
    { allowedClients: { namespaces: { from: 'Selector' } } },
    `${chosen}: ${together}`,
  ),
  server(
    'a selector that nobody reads',
    { allowedClients: { namespaces: { selector: {} } } },
    `${chosen}: ${together}`,
  ),
  server(
    'a label that is none',
    selector({ matchLabels: { team: 'a b' } }),
    `${chosen}.matchLabels: must be labels, for example {team: shop}`,
  ),
  server(
    'In without values',
    expressions({ key: 'team', operator: 'In' }),
    `${chosen}.matchExpressions[0].values: In and NotIn need at least one value, Exists and DoesNotExist take none`,
  ),
  server(
    'a key that is no label',
    expressions({ key: 'a b', operator: 'Exists' }),
    `${chosen}.matchExpressions[0].key: must be the name of a label, for example team or kubernetes.io/metadata.name`,
  ),
  server(
    'a value that is no label',
    expressions({ key: 'team', operator: 'In', values: ['a', '-b'] }),
    `${chosen}.matchExpressions[0].values[1]: must be the value of a label: letters, digits, '-', '_' and '.', beginning and ending with a letter or digit`,
  ),
  server(
    'an operator of another time',
    expressions({ key: 'team', operator: 'Gt', values: ['1'] }),
    `${chosen}.matchExpressions[0].operator: must be one of In, NotIn, Exists, DoesNotExist`,
  ),
  policy('a name of two lines', { name: 'a\nb' }, `${one}.name: ${plain}`),
  policy('a star in the middle', { clientIds: ['shop-*-web'] }, `${one}.clientIds[0]: ${pattern}`),
  policy(
    'a host with a path',
    { redirectHosts: ['shop.example.com/cb'] },
    `${one}.redirectHosts[0]: must be a host in lower case, '*.' and a domain for every host below it, '*' for any, or a private scheme with its colon, such as com.example.app:`,
  ),
  policy(
    'a lifetime beyond the bounds',
    { maxLifetimes: { refreshToken: { idle: '1s' } } },
    `${one}.maxLifetimes.refreshToken.idle: must be from 5m to 8760h`,
  ),
  server(
    'two policies of one name',
    { clientPolicies: [{ name: 'p' }, { name: 'p' }] },
    'spec.clientPolicies[1]: is the same as spec.clientPolicies[0]: list it once',
  ),
  server(
    'a policy without a name',
    { clientPolicies: [{ clientIds: ['a'] }] },
    `${one}.name: is required, for example shop-team`,
  ),
  {
    ...server(
      'a name that is no Service',
      {},
      "metadata.name: must have at most 40 characters, lower-case letters, digits and '-', beginning with a letter: it names a Service",
    ),
    metadata: { name: '1st' },
  },
];
