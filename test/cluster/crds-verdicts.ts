/**
 * Manifests and edits with what is wrong with them, in the words of `validate`: one table for the API server and for the
 * offline check. Valid ones have no problems.
 */
import type { Kind } from '@nauthera/crds';

type Fields = Readonly<Record<string, unknown>>;

export interface Verdict {
  readonly title: string;
  readonly kind: Kind;
  /** Replaces members of the smallest working resource's spec; `undefined` takes one away. */
  readonly spec?: Fields;
  readonly metadata?: Fields;
  /** Members of the whole document. */
  readonly whole?: Fields;
  /** The same resource before the edit. */
  readonly before?: Fields;
  /** `path: message`, in the order of the schema. */
  readonly problems: readonly string[];
}

const plain = 'must be one line of plain text, without control characters and without marks that change its direction';
const objectName =
  "must be the name of an object: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit";
const printable = 'must be printable ASCII without spaces';
const scopeToken = 'must be printable ASCII without space, double quote and backslash (RFC 6749 section 3.3)';
const webPage =
  'must be a web page that begins with https:// (http:// only for 127.0.0.1, [::1] and localhost), without user info or spaces';
const claimName = 'must be a claim name: letters, digits and . _ : / # -, for example email';
const claimReserved = 'is reserved, the protocol itself sets this claim: choose another name';
const filterForm = 'must be an LDAP filter in parentheses (RFC 4515), for example (employeeType=staff)';
const placeholder =
  'must hold {} as the whole value of an equality, for example (uid={}); never as a part of a value or as an attribute';
const attribute = 'must be the name of an LDAP attribute, for example entryUUID';
const dn = 'must be a distinguished name, for example ou=people,dc=example,dc=com';
const notADuration =
  'must be a duration such as 90s, 5m or 336h (14 days): the units are h, m, s and ms, there is none for days';
const tlsTogether = 'goes with mode Secret, and mode Secret needs it: name the Secret, or leave both out';
const together = 'from: Selector and selector go together: set both or neither';
const redirect = {
  m01: 'use https; http only for 127.0.0.1, [::1] and localhost; a public client may use a private scheme with a dot, such as com.example.app:/callback',
  m02: 'must be one exact URI without wildcard (*), fragment (#), user info (@), dot segments or spaces: list every URI that the app uses',
};
const m03 = 'authorization_code, implicit and hybrid send the user back to the app: add at least one redirect URI';
const m04 =
  'a public client cannot prove who it is: for client_credentials use client_secret_basic, private_key_jwt or kubernetes_service_account';
const m05 =
  'refresh_token needs authorization_code or urn:ietf:params:oauth:grant-type:device_code beside it: no other grant yields a refresh token';
const noSecretJwt =
  'client_secret_jwt would need the secret itself to be stored, and only its digest is: use private_key_jwt, whose private key stays with the application';
const m06 =
  'clientId cannot change, tokens and consents hang on it: create a second Client with the new id, move the app, then delete this one';

const client = (title: string, spec: Fields, ...problems: readonly string[]): Verdict => ({
  title,
  kind: 'Client',
  spec,
  problems,
});
const server = (title: string, spec: Fields, ...problems: readonly string[]): Verdict => ({
  ...client(title, spec, ...problems),
  kind: 'AuthorizationServer',
});
const scope = (title: string, spec: Fields, ...problems: readonly string[]): Verdict => ({
  ...client(title, spec, ...problems),
  kind: 'Scope',
});
const ldap = (title: string, spec: Fields, ...problems: readonly string[]): Verdict => ({
  ...client(title, spec, ...problems),
  kind: 'LdapBinding',
});
const edit = (verdict: Verdict, before: Fields): Verdict => ({ ...verdict, before });

const machine = { grantTypes: ['client_credentials'], redirectUris: undefined };
const device = 'urn:ietf:params:oauth:grant-type:device_code';
const isPublic = { authentication: { method: 'none' } };

export const mistakes: readonly Verdict[] = [
  client('M01', { redirectUris: ['http://app.example.com/cb'] }, `spec.redirectUris[0]: ${redirect.m01}`),
  client('M02', { redirectUris: ['https://*.example.com/cb'] }, `spec.redirectUris[0]: ${redirect.m02}`),
  client('M03', { redirectUris: undefined }, `spec.redirectUris: ${m03}`),
  client('M04', { ...isPublic, grantTypes: ['authorization_code', 'client_credentials'] }, `spec.grantTypes: ${m04}`),
  client(
    'M04 (PKCE)',
    { ...isPublic, pkce: 'Optional' },
    'spec.pkce: public clients must use PKCE: leave pkce out or set Required',
  ),
  client('M05', { grantTypes: ['refresh_token'], redirectUris: undefined }, `spec.grantTypes: ${m05}`),
  edit(client('M06', { clientId: 'shop.web2' }, `spec.clientId: ${m06}`), { clientId: 'shop.web' }),
  client(
    'M07',
    { redirectUris: undefined, redirectUrls: ['https://app.example.com/cb'] },
    'spec.redirectUrls: unknown field spec.redirectUrls: did you mean redirectUris?',
  ),
];

const clients: readonly Verdict[] = [
  client('the smallest one', {}),
  client('a machine', machine),
  client('everything a public client may set', {
    ...isPublic,
    authorizationServerRef: { name: 'default', namespace: 'identity' },
    clientId: 'shop.app',
    displayName: 'Web Shop 🛒',
    uri: 'https://shop.example.com',
    contacts: ['shop-team@example.com'],
    grantTypes: ['authorization_code', 'refresh_token'],
    responseTypes: ['code'],
    redirectUris: ['com.example.app:/callback', 'http://127.0.0.1/cb', 'https://[2001:db8::1]:8443/cb?x=%20'],
    scopes: ['openid', 'orders:read'],
    defaultScopes: ['orders:read'],
    access: { groups: ['cn=Staff, ou=groups'] },
    consent: { mode: 'Always', rememberFor: '1h30m', onRefusedScope: 'Deny' },
    accessToken: { lifetime: '10m', audiences: ['shop.api'] },
    idToken: { signingAlgorithm: 'ES256', claims: ['email'] },
    refreshToken: { idle: '168h', absolute: '720h' },
    deletionPolicy: 'Retain',
    suspend: true,
  }),
  client('an adopted Secret', { secret: { adopt: 'web-login', keys: { 'client-secret': 'password' } } }),
  client('a secret that is rotated', {
    secret: { rotation: { every: '2160h', overlap: '48h', quiet: '168h', maxOverlap: '48h' } },
  }),
  client('an adopted Secret whose former secret must end', {
    secret: { adopt: 'web-login', rotation: { maxOverlap: '24h' } },
  }),
  client('another name and labels for the Secret', {
    secret: { name: 'web', labels: { 'app.kubernetes.io/part-of': 'argocd' }, annotations: { 'example.com/a': 'b' } },
  }),
  client(
    'no host',
    { redirectUris: ['https:///cb'] },
    'spec.redirectUris[0]: must name a host, for example https://app.example.com/callback',
  ),
  client(
    'an encoded slash',
    { redirectUris: ['https://a.example/x%2fy'] },
    'spec.redirectUris[0]: must not hold an encoded slash, backslash or control character, nor a % without two hex digits',
  ),
  client(
    'code in the query',
    { redirectUris: ['https://a.example/cb?code=1'] },
    'spec.redirectUris[0]: must not hold a parameter of the answer (code, state, iss, error, …) in its query: nobody could tell it from ours',
  ),
  client(
    'the index says which',
    { redirectUris: ['https://a.example/cb', 'ftp://a.example/cb', 'https://a.example/../cb'] },
    `spec.redirectUris[1]: ${redirect.m01}`,
    `spec.redirectUris[2]: ${redirect.m02}`,
  ),
  client(
    'one twice',
    { redirectUris: ['https://a.example/cb', 'https://a.example/cb'] },
    'spec.redirectUris[1]: is the same as spec.redirectUris[0]: list it once',
  ),
  client(
    'too many',
    { redirectUris: Array.from({ length: 33 }, (_, index) => `https://a.example/${index}`) },
    'spec.redirectUris: has 33 items, at most 32 are allowed',
  ),
  client(
    'a private scheme of a confidential client',
    { redirectUris: ['com.example.app:/callback'] },
    'spec.redirectUris: only a public client may use a private scheme: use https, or set authentication.method to none if the app runs on a device',
  ),
  client(
    'a private scheme without asking',
    { ...isPublic, redirectUris: ['com.example.app:/callback'], consent: { mode: 'Implicit' } },
    'spec.consent.mode: any app on a device can claim a private scheme, so its users must be asked: use Always, or https redirect URIs',
  ),
  client(
    'two mistakes at once',
    { grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'], ...isPublic, pkce: 'Optional' },
    `spec.grantTypes: ${m04}`,
    'spec.pkce: public clients must use PKCE: leave pkce out or set Required',
  ),
  client(
    'an unknown grant type',
    { grantTypes: ['authorization-code'] },
    'spec.grantTypes[0]: must be one of authorization_code, implicit, refresh_token, client_credentials, urn:ietf:params:oauth:grant-type:device_code; did you mean authorization_code?',
  ),
  client('no grant type', { grantTypes: [] }, 'spec.grantTypes: needs at least one item'),
  client(
    'code without its grant type',
    { ...machine, responseTypes: ['code'] },
    'spec.responseTypes: response types with code go with the grant type authorization_code: list both or neither, or leave responseTypes out',
  ),
  client('all response types', {
    grantTypes: ['authorization_code', 'implicit', 'refresh_token'],
    responseTypes: [
      'code',
      'token',
      'id_token',
      'id_token token',
      'code id_token',
      'code token',
      'code id_token token',
    ],
  }),
  client('a television', { ...isPublic, grantTypes: [device, 'refresh_token'], redirectUris: undefined }),
  client(
    'M03 of the implicit grant type',
    { grantTypes: ['implicit'], responseTypes: ['id_token'], redirectUris: undefined },
    `spec.redirectUris: ${m03}`,
  ),
  client(
    'M05 of the implicit grant type',
    { grantTypes: ['implicit', 'refresh_token'], responseTypes: ['id_token'] },
    `spec.grantTypes: ${m05}`,
  ),
  client(
    'a hybrid type without implicit',
    { responseTypes: ['code', 'code id_token'] },
    'spec.responseTypes: response types with token or id_token go with the grant type implicit: list both or neither',
  ),
  client(
    'implicit without a response type',
    { grantTypes: ['authorization_code', 'implicit'] },
    'spec.responseTypes: implicit does not say what comes back: list the response types, for example [id_token], or [code id_token] with authorization_code beside implicit',
  ),
  client(
    'words in another order',
    { grantTypes: ['implicit'], responseTypes: ['token id_token'] },
    'spec.responseTypes[0]: must be one of code, token, id_token, id_token token, code id_token, code token, code id_token token; did you mean id_token token?',
  ),
  client(
    'a default scope that may not be asked for',
    { scopes: ['openid'], defaultScopes: ['orders:read'] },
    'spec.defaultScopes: each default scope must be among scopes: add it there or take it out here',
  ),
  client('a scope with a space', { scopes: ['openid', 'a b'] }, `spec.scopes[1]: ${scopeToken}`),
  client('a client id with a space', { clientId: 'a b' }, `spec.clientId: ${printable}`),
  client(
    'a client id like a subject',
    { clientId: 'u_abc' },
    'spec.clientId: must not begin with u_: that is how the subjects of users begin, and the two must never be equal',
  ),
  client('a name that turns its direction', { displayName: 'Shop\u202Egnp' }, `spec.displayName: ${plain}`),
  client(
    'a name that is too long',
    { displayName: 'x'.repeat(129) },
    'spec.displayName: must have at most 128 characters',
  ),
  client('a long name of few characters', { displayName: '🛒'.repeat(128) }),
  client('an empty name', { displayName: '' }, 'spec.displayName: must not be empty'),
  client('a script as a link', { policyUri: 'javascript:alert(1)' }, `spec.policyUri: ${webPage}`),
  client('a number as a name', { displayName: 7 }, 'spec.displayName: must be a text, for example Web Shop'),
  client(
    'a text as a list',
    { scopes: 'openid' },
    'spec.scopes: must be a list, for example [openid, offline_access, orders:read]',
  ),
  client('a text as yes or no', { suspend: 'yes' }, 'spec.suspend: must be true or false'),
  client(
    'idle that is no duration',
    { refreshToken: { idle: '7d', absolute: '168h' } },
    `spec.refreshToken.idle: ${notADuration}`,
  ),
  client('null is left out', { displayName: null, pkce: null }),
  client(
    'a method that needs what is not stored',
    { authentication: { method: 'client_secret_jwt' } },
    `spec.authentication.method: ${noSecretJwt}`,
  ),
  client('nobody may use it', { access: { groups: [] } }, 'spec.access.groups: needs at least one item'),
  client('a Secret elsewhere', { secret: { name: '../web' } }, `spec.secret.name: ${objectName}`),
  client(
    'an adopted Secret without a use',
    { ...isPublic, secret: { adopt: 'web-login' } },
    'spec.secret.adopt: only client_secret_basic and client_secret_post have a secret to adopt: leave adopt out, or use one of them',
  ),
  client(
    'an adopted Secret that is to be rotated',
    { secret: { adopt: 'web-login', rotation: { every: '2160h' } } },
    'spec.secret.rotation.every: whoever owns the adopted Secret replaces the secret in it: leave every out, or generate a secret without adopt',
  ),
  client(
    'a rotation that would need three secrets',
    { secret: { rotation: { every: '47h', overlap: '48h' } } },
    'spec.secret.rotation.every: must not be shorter than overlap (24h when left out): two secrets at most are accepted',
  ),
  client(
    'an end before the overlap',
    { secret: { rotation: { maxOverlap: '23h' } } },
    'spec.secret.rotation.maxOverlap: must not be shorter than overlap (24h when left out)',
  ),
  client(
    'a rotation without time',
    { secret: { rotation: { overlap: '10m', quiet: '0s' } } },
    'spec.secret.rotation.overlap: must be from 1h to 8760h',
    'spec.secret.rotation.quiet: must be from 1h to 8760h',
  ),
  client(
    'adopted and written',
    { secret: { adopt: 'web-login', name: 'web', labels: { a: 'b' } } },
    'spec.secret.name: no other Secret is written beside an adopted one: leave name out, or generate a secret without adopt',
    'spec.secret.adopt: an adopted Secret is only read: put labels and annotations on it yourself',
  ),
  client(
    'a key that is not ours',
    { secret: { keys: { password: 'PW' } } },
    'spec.secret.keys: only these keys can be renamed: type, provider, client-id, client-secret, client-name, client-authentication-method, authorization-grant-type, authorization-grant-types, redirect-uri, redirect-uris, scope, user-name-attribute, issuer-uri, authorization-uri, token-uri, user-info-uri, jwk-set-uri, end-session-uri, device-authorization-uri, introspection-uri, revocation-uri, ca.crt',
  ),
  client(
    'a key that no Secret can hold',
    { secret: { keys: { 'client-id': 'CLIENT ID' } } },
    "spec.secret.keys: a key of a Secret holds letters, digits, '-', '_' and '.' only, and does not begin with '..'",
  ),
  client(
    'two keys of one name',
    { secret: { keys: { 'client-id': 'X', 'client-secret': 'X' } } },
    'spec.secret.keys: two keys would get the same name: choose another name for one of them',
  ),
  client(
    'a label that is none',
    { secret: { labels: { 'a b': 'c' } } },
    'spec.secret.labels: must be labels, for example {team: shop}',
  ),
  client(
    'a reserved label',
    { secret: { labels: { 'auth.nauthera.io/client': 'other' } } },
    'spec.secret.labels: auth.nauthera.io/* and app.kubernetes.io/managed-by are set by the operator: choose other names',
  ),
  client(
    'an annotation that is none',
    { secret: { annotations: { 'a b': 'c' } } },
    'spec.secret.annotations: must have the names of annotations, for example {example.com/team: shop}',
  ),
  client(
    'remembered for ever',
    { consent: { rememberFor: '9000h' } },
    'spec.consent.rememberFor: must be from 1m to 8760h',
  ),
  client('days', { consent: { rememberFor: '90d' } }, `spec.consent.rememberFor: ${notADuration}`),
  client(
    'an access token for a day',
    { accessToken: { lifetime: '24h' } },
    'spec.accessToken.lifetime: must be from 1m to 1h',
  ),
  client(
    'an audience with a space',
    { accessToken: { audiences: ['a b'] } },
    `spec.accessToken.audiences[0]: ${printable}`,
  ),
  client('a claim that is none', { idToken: { claims: ['e mail'] } }, `spec.idToken.claims[0]: ${claimName}`),
  client(
    'a claim of the protocol',
    { idToken: { claims: ['email', 'sub'] } },
    `spec.idToken.claims[1]: ${claimReserved}`,
  ),
  client(
    'idle longer than absolute',
    { refreshToken: { idle: '720h', absolute: '168h' } },
    'spec.refreshToken.idle: must not be longer than absolute',
  ),
  client('idle too short', { refreshToken: { idle: '1m' } }, 'spec.refreshToken.idle: must be from 5m to 8760h'),
  client(
    'a server in a place that is none',
    { authorizationServerRef: { name: 'default', namespace: 'Identity' } },
    "spec.authorizationServerRef.namespace: must be the name of a namespace: lower-case letters, digits and '-', beginning and ending with a letter or digit",
  ),
  client(
    'a server without a name',
    { authorizationServerRef: { namespace: 'identity' } },
    'spec.authorizationServerRef.name: is required, for example default',
  ),
  {
    ...client(
      'a name that is no label',
      {},
      'metadata.name: must have at most 63 characters: it becomes the value of labels',
    ),
    metadata: { name: 'x'.repeat(64) },
  },
  {
    ...client('no spec', {}, 'spec: is required, for example {redirectUris: [https://shop.example.com/callback]}'),
    whole: { spec: undefined },
  },
  {
    ...client('spec misspelt below', {}, 'redirectUris: unknown field redirectUris: did you mean spec.redirectUris?'),
    whole: { redirectUris: ['https://a.example/cb'] },
  },
  client(
    'an unknown field far below',
    { consent: { mod: 'Always' } },
    'spec.consent.mod: unknown field spec.consent.mod: did you mean mode?',
  ),
  edit(client('clientId added: the default was in force', { clientId: 'shop.web' }, `spec.clientId: ${m06}`), {}),
  edit(client('clientId taken away', {}, `spec.clientId: ${m06}`), { clientId: 'shop.web' }),
  edit(client('clientId as before, all else new', { ...machine, clientId: 'shop.web' }), { clientId: 'shop.web' }),
];

const called =
  'must be one exact https URL without user info, fragment (#) or spaces, for example https://app.example.com/path';
const browsed =
  'must be one exact URL that begins with https:// (http:// only for 127.0.0.1, [::1] and localhost), without user info, fragment (#) or spaces';
const origin =
  'must be an origin as browsers send it: https:// (http:// only for 127.0.0.1, [::1] and localhost), the host in lower case, a port if it is not the usual one, and nothing behind; never null or *';
const hostName = "must be the name of a host: lower-case letters, digits, '-' and '.', for example app.example.com";
const frame =
  'must have the scheme, host and port of one of redirectUris: use another address, or add a redirect URI at this one';
const noSector =
  'pairwise subjects belong to a host of the application: add an https redirect URI whose host has a name, or leave subjectType out';
const manySectors = 'the redirect URIs name several hosts: say here to which of them pairwise subjects belong';
const foreignSector =
  'must be the host of one of the https redirect URIs: nobody joins the sector of another application';
const two = ['https://a.example.com/cb', 'https://b.example.com/cb'];

const flows: readonly Verdict[] = [
  client('everything that the flows may need', {
    logo: { configMapRef: { name: 'shop-logo' } },
    redirectUris: ['https://a.example.com:8443/cb?x=y', 'https://a.example.com', 'http://127.0.0.1/cb'],
    postLogoutRedirectUris: ['https://a.example.com/bye', 'http://[::1]:9500'],
    allowedOrigins: ['https://a.example.com', 'https://[2001:db8::1]:8443', 'http://localhost:3000'],
    accessToken: { format: 'opaque' },
    userinfo: { signingAlgorithm: 'ES256' },
    introspection: { audiences: ['https://api.example.com'] },
    subjectType: 'pairwise',
    logout: {
      backchannelUri: 'https://shop.shop.svc/backchannel?tenant=a',
      frontchannelUri: 'https://a.example.com:8443/frontchannel',
    },
  }),
  client('a sector of several', { redirectUris: two, subjectType: 'pairwise', sectorIdentifier: 'b.example.com' }),
  client('a native application', {
    ...isPublic,
    redirectUris: ['com.example.app:/callback'],
    postLogoutRedirectUris: ['com.example.app:/signed-out'],
  }),
  client(
    'a post-logout URI in clear text',
    { postLogoutRedirectUris: ['http://app.example.com/bye'] },
    `spec.postLogoutRedirectUris[0]: ${redirect.m01}`,
  ),
  client(
    'a post-logout URI with a private scheme of a confidential client',
    { postLogoutRedirectUris: ['com.example.app:/bye'] },
    'spec.postLogoutRedirectUris: only a public client may use a private scheme: use https, or set authentication.method to none if the app runs on a device',
  ),
  client('any origin', { allowedOrigins: ['*'] }, `spec.allowedOrigins[0]: ${origin}`),
  client('the null origin', { allowedOrigins: ['null'] }, `spec.allowedOrigins[0]: ${origin}`),
  client('an origin with a path', { allowedOrigins: ['https://a.example.com/'] }, `spec.allowedOrigins[0]: ${origin}`),
  client(
    'an origin with the usual port',
    { allowedOrigins: ['https://a.example.com:443'] },
    `spec.allowedOrigins[0]: ${origin}`,
  ),
  client('an origin in capitals', { allowedOrigins: ['https://A.example.com'] }, `spec.allowedOrigins[0]: ${origin}`),
  client(
    'a format that is none',
    { accessToken: { format: 'JWT' } },
    'spec.accessToken.format: must be one of jwt, opaque; did you mean jwt?',
  ),
  client(
    'introspection by a public client',
    { ...isPublic, introspection: { audiences: ['https://api.example.com'] } },
    'spec.introspection: a public client cannot prove who it is: for introspection use client_secret_basic, private_key_jwt or kubernetes_service_account',
  ),
  client(
    'an introspected audience with a space',
    { introspection: { audiences: ['a b'] } },
    `spec.introspection.audiences[0]: ${printable}`,
  ),
  client('pairwise without a host', { ...machine, subjectType: 'pairwise' }, `spec.subjectType: ${noSector}`),
  client(
    'pairwise on this machine',
    { redirectUris: ['https://localhost:8443/cb', 'http://127.0.0.1/cb'], subjectType: 'pairwise' },
    `spec.subjectType: ${noSector}`,
  ),
  client(
    'pairwise with two hosts',
    { redirectUris: two, subjectType: 'pairwise' },
    `spec.sectorIdentifier: ${manySectors}`,
  ),
  client(
    'a sector of public subjects',
    { redirectUris: two, sectorIdentifier: 'a.example.com' },
    'spec.sectorIdentifier: only pairwise subjects have a sector: set subjectType to pairwise, or leave sectorIdentifier out',
  ),
  client(
    'the sector of somebody else',
    { redirectUris: two, subjectType: 'pairwise', sectorIdentifier: 'bank.example.com' },
    `spec.sectorIdentifier: ${foreignSector}`,
  ),
  client(
    'a sector that is a URL',
    { redirectUris: two, subjectType: 'pairwise', sectorIdentifier: 'https://a.example.com' },
    `spec.sectorIdentifier: ${hostName}`,
    `spec.sectorIdentifier: ${foreignSector}`,
  ),
  client(
    'a logout token in clear text',
    { logout: { backchannelUri: 'http://127.0.0.1/logout' } },
    `spec.logout.backchannelUri: ${called}`,
  ),
  client(
    'a logout token with a fragment',
    { logout: { backchannelUri: 'https://a.example.com/#logout' } },
    `spec.logout.backchannelUri: ${called}`,
  ),
  client(
    'a frame of another port',
    { redirectUris: two, logout: { frontchannelUri: 'https://a.example.com:8443/logout' } },
    `spec.logout.frontchannelUri: ${frame}`,
  ),
  client(
    'a frame without redirect URIs',
    { ...machine, logout: { frontchannelUri: 'https://a.example.com/logout' } },
    `spec.logout.frontchannelUri: ${frame}`,
  ),
  client(
    'a frame with our parameters',
    { redirectUris: two, logout: { frontchannelUri: 'https://a.example.com/logout?x=1&sid=2' } },
    'spec.logout.frontchannelUri: must not hold iss or sid in its query: they are added when it is loaded',
  ),
  client(
    'a frame that is no web page',
    { logout: { frontchannelUri: 'javascript:alert(1)' } },
    `spec.logout.frontchannelUri: ${browsed}`,
  ),
  client(
    'a logo elsewhere',
    { logo: { configMapRef: { name: '../logo' } } },
    `spec.logo.configMapRef.name: ${objectName}`,
  ),
  client(
    'a logo from the web',
    { logo: { url: 'https://a.example.com/logo.png' } },
    'spec.logo.url: unknown field spec.logo.url: known here: configMapRef',
  ),
];

const edKey = { kid: 'k1', kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
const ecKey = {
  kid: 'k2',
  kty: 'EC',
  crv: 'P-256',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
};
const rsaKey = { kid: 'k3', kty: 'RSA', n: 'u'.repeat(342), e: 'AQAB' };
const keys = (title: string, list: readonly Fields[], ...problems: readonly string[]) =>
  client(title, { authentication: { method: 'private_key_jwt', jwks: { keys: list } } }, ...problems);
const key = 'spec.authentication.jwks.keys[0]';

const named = (tls: Fields) => ({ authentication: { method: 'tls_client_auth', tls } });
const oneName = 'one name counts: set exactly one of subjectDn, sanDns, sanUri, sanIp and sanEmail';

const authentication: readonly Verdict[] = [
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

const servers: readonly Verdict[] = [
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

const scopes: readonly Verdict[] = [
  scope('the smallest one', {}),
  scope('claims and audiences', {
    claims: ['customer_number'],
    audiences: ['shop.api'],
    allowedClients: { namespaces: { from: 'All' } },
    consent: 'Implicit',
    description: 'Two years.',
  }),
  scope(
    'no text for people',
    { displayName: undefined },
    'spec.displayName: is required, for example Read your orders',
  ),
  scope(
    'a built-in one',
    { name: 'openid' },
    'spec.name: openid, profile, email, phone, address, offline_access, groups are built in and cannot be redefined: choose another name',
  ),
  {
    ...scope(
      'a built-in one by its own name',
      { name: undefined },
      'spec.name: openid, profile, email, phone, address, offline_access, groups are built in and cannot be redefined: choose another name',
    ),
    metadata: { name: 'email' },
  },
  scope('other languages', {
    translations: [
      { language: 'de', displayName: 'Ihre Bestellungen sehen', description: 'Der letzten zwei Jahre.' },
      { language: 'zh-Hans', displayName: '查看您的订单' },
      { language: 'pt-BR', displayName: 'Ver os seus pedidos' },
      { language: 'es-419', displayName: 'Ver sus pedidos' },
    ],
  }),
  scope(
    'a language in capitals',
    { translations: [{ language: 'DE', displayName: 'x' }] },
    'spec.translations[0].language: must be a language tag in its usual form, with script or region if need be: de, pt-BR, zh-Hans',
  ),
  scope(
    'a language twice',
    {
      translations: [
        { language: 'de', displayName: 'x' },
        { language: 'de', displayName: 'y' },
      ],
    },
    'spec.translations[1]: is the same as spec.translations[0]: list it once',
  ),
  scope(
    'more languages than anybody keeps up to date',
    {
      translations: Array.from({ length: 21 }, (_, index) => ({
        language: `a${String.fromCharCode(97 + index)}`,
        displayName: 'x',
      })),
    },
    'spec.translations: has 21 items, at most 20 are allowed',
  ),
  scope(
    'a translation without words',
    { translations: [{ language: 'de' }] },
    'spec.translations[0].displayName: is required, for example Ihre Bestellungen sehen',
  ),
  scope('a name with a space', { name: 'orders read' }, `spec.name: ${scopeToken}`),
  scope('a claim of the protocol', { claims: ['iss'] }, `spec.claims[0]: ${claimReserved}`),
  scope('a description with a tab', { description: 'a\tb' }, `spec.description: ${plain}`),
  scope('a third kind of consent', { consent: 'Always' }, 'spec.consent: must be one of Required, Implicit'),
  edit(
    scope(
      'another name',
      { name: 'orders:write' },
      'spec.name: name cannot change, Clients, consents and tokens refer to it: create a second Scope with the new name, move the Clients, then delete this one',
    ),
    {},
  ),
  edit(scope('other words', { displayName: 'See your orders' }), {}),
];

const search = (fields: Fields) => ({ userSearch: { base: 'ou=people,dc=example,dc=com', ...fields } });
const directories: readonly Verdict[] = [
  ldap('the smallest one', {}),
  ldap('all of it', {
    servers: [{ url: 'ldaps://ldap1.example.com' }, { url: 'ldaps://[::1]:1636' }],
    tls: { caBundleRef: { name: 'ldap-ca' } },
    groupSearch: { base: 'ou=groups,dc=example,dc=com', filter: '(&(objectClass=groupOfNames)(member={}))' },
    claims: [{ claim: 'email', attribute: 'mail' }],
    emailVerified: { mode: 'Attribute', attribute: 'mailVerified' },
    consentRules: [{ name: 'orders', scopes: ['orders:read'], groups: ['shop-staff'], filter: '(employeeType=staff)' }],
    unlistedScopes: 'Deny',
    timeouts: { connect: '500ms' },
    priority: 0,
    matches: { suffixes: ['@example.com'] },
  }),
  ldap(
    'clear text',
    { servers: [{ url: 'ldap://ldap.example.com' }] },
    'spec.servers[0].url: use ldaps://host or ldaps://host:port: ldap:// and StartTLS are refused, because a connection that drops would go on in clear text, passwords included',
  ),
  ldap('no server', { servers: [] }, 'spec.servers: needs at least one item'),
  ldap(
    'one server twice',
    { servers: [{ url: 'ldaps://a.example' }, { url: 'ldaps://a.example' }] },
    'spec.servers[1]: is the same as spec.servers[0]: list it once',
  ),
  ldap('no vendor', { vendor: undefined }, 'spec.vendor: is required, for example OpenLDAP'),
  ldap(
    'a key that is a path',
    { tls: { caBundleRef: { name: 'ldap-ca', key: '../ca.crt' } } },
    "spec.tls.caBundleRef.key: must be a key of that object: letters, digits, '-', '_' and '.', not beginning with '..'",
  ),
  ldap('a base that is no DN', search({ base: 'people' }), `spec.userSearch.base: ${dn}`),
  ldap(
    'a filter without parentheses',
    search({ filter: 'uid={}' }),
    `spec.userSearch.filter: ${filterForm}`,
    `spec.userSearch.filter: ${placeholder}`,
  ),
  ldap('a filter without a placeholder', search({ filter: '(uid=*)' }), `spec.userSearch.filter: ${placeholder}`),
  ldap(
    'a placeholder inside a value',
    search({ filter: '(mail={}@example.com)' }),
    `spec.userSearch.filter: ${placeholder}`,
  ),
  ldap(
    'an attribute that is none',
    search({ attributes: { username: 'u id' } }),
    `spec.userSearch.attributes.username: ${attribute}`,
  ),
  ldap(
    'memberOf and a search',
    { ...search({ attributes: { memberOf: 'memberOf' } }), groupSearch: { base: 'ou=groups,dc=example,dc=com' } },
    'spec.groupSearch: userSearch.attributes.memberOf takes the place of this search: keep one of the two',
  ),
  ldap(
    'groups as a claim',
    { claims: [{ claim: 'groups', attribute: 'memberOf' }] },
    'spec.claims[0].claim: groups come from groupSearch or memberOf, email_verified from emailVerified: leave it out here',
  ),
  ldap(
    'a claim of the protocol',
    {
      claims: [
        { claim: 'email', attribute: 'mail' },
        { claim: 'sub', attribute: 'uid' },
      ],
    },
    `spec.claims[1].claim: ${claimReserved}`,
  ),
  ldap('an address by its members', {
    claims: [
      { claim: 'address.street_address', attribute: 'street' },
      { claim: 'address.postal_code', attribute: 'postalCode' },
      { claim: 'name#de', attribute: 'cn;lang-de' },
      { claim: 'updated_at', attribute: 'modifyTimestamp' },
    ],
  }),
  ldap(
    'a member that no address has',
    { claims: [{ claim: 'address.street', attribute: 'street' }] },
    'spec.claims[0].claim: is no member of the claim address, whose members are formatted, street_address, locality, region, postal_code, country',
  ),
  ldap(
    'verified by no attribute',
    { emailVerified: { mode: 'Attribute' } },
    'spec.emailVerified.attribute: mode: Attribute and attribute go together: set both or neither',
  ),
  ldap(
    'a rule with a placeholder',
    { consentRules: [{ name: 'r', scopes: ['a'], filter: '(uid={})' }] },
    'spec.consentRules[0].filter: is compared with the entry of the user as it is: {} has no meaning here',
  ),
  ldap(
    'a rule without scopes',
    { consentRules: [{ name: 'r' }] },
    'spec.consentRules[0].scopes: is required, for example [orders:read]',
  ),
  ldap('patience', { timeouts: { search: '10s' } }, 'spec.timeouts.search: must be from 100ms to 3s'),
  ldap('a priority below zero', { priority: -1 }, 'spec.priority: must be from 0 to 1000000'),
  ldap('half a priority', { priority: 1.5 }, 'spec.priority: must be a whole number'),
  ldap('a subject namespace with a space', { subjectNamespace: 'a b' }, `spec.subjectNamespace: ${printable}`),
  edit(
    ldap(
      'a subject namespace added',
      { subjectNamespace: 'identity/staff' },
      'spec.subjectNamespace: subjectNamespace cannot change, the subjects of all users are computed from it: create a second LdapBinding and delete this one if new subjects are wanted',
    ),
    {},
  ),
];

export const verdicts: readonly Verdict[] = [
  ...mistakes,
  ...clients,
  ...flows,
  ...authentication,
  ...servers,
  ...scopes,
  ...directories,
];
