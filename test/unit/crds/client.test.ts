import { responseTypes } from '@nauthera/crds';
import { describe, expect, it } from 'vitest';
import { accepted, manifest, problems } from './builders.ts';

const web = (spec: Record<string, unknown> = {}, metadata: Record<string, unknown> = {}) =>
  manifest('Client', spec, metadata);
const redirect = (...redirectUris: string[]) => web({ redirectUris });

const m01 =
  'use https; http only for 127.0.0.1, [::1] and localhost; a public client may use a private scheme with a dot, such as com.example.app:/callback';
const m02 =
  'must be one exact URI without wildcard (*), fragment (#), user info (@), dot segments or spaces: list every URI that the app uses';
const m03 = 'authorization_code, implicit and hybrid send the user back to the app: add at least one redirect URI';
const m04 =
  'a public client cannot prove who it is: for client_credentials use client_secret_basic, private_key_jwt or kubernetes_service_account';
const m05 =
  'refresh_token needs authorization_code or urn:ietf:params:oauth:grant-type:device_code beside it: no other grant yields a refresh token';
const m06 =
  'clientId cannot change, tokens and consents hang on it: create a second Client with the new id, move the app, then delete this one';
const encoded = 'must not hold an encoded slash, backslash or control character, nor a % without two hex digits';
const inAnswer =
  'must not hold a parameter of the answer (code, state, iss, error, …) in its query: nobody could tell it from ours';
const noHost = 'must name a host, for example https://app.example.com/callback';
const webPage =
  'must be a web page that begins with https:// (http:// only for 127.0.0.1, [::1] and localhost), without user info or spaces';

describe('the commonest mistakes', () => {
  it.each([
    ['M01', redirect('http://app.example.com/cb'), `spec.redirectUris[0]: ${m01}`],
    ['M02', redirect('https://*.example.com/cb'), `spec.redirectUris[0]: ${m02}`],
    ['M03', web({ redirectUris: undefined }), `spec.redirectUris: ${m03}`],
    ['M03', web({ redirectUris: [] }), `spec.redirectUris: ${m03}`],
    [
      'M04',
      web({ authentication: { method: 'none' }, grantTypes: ['authorization_code', 'client_credentials'] }),
      `spec.grantTypes: ${m04}`,
    ],
    [
      'M04',
      web({ authentication: { method: 'none' }, pkce: 'Optional' }),
      'spec.pkce: public clients must use PKCE: leave pkce out or set Required',
    ],
    ['M05', web({ grantTypes: ['refresh_token'], redirectUris: undefined }), `spec.grantTypes: ${m05}`],
    ['M05', web({ grantTypes: ['refresh_token', 'client_credentials'] }), `spec.grantTypes: ${m05}`],
    [
      'M07',
      web({ redirectUris: undefined, redirectUrls: ['https://app.example.com/cb'] }),
      'spec.redirectUrls: unknown field spec.redirectUrls: did you mean redirectUris?',
    ],
  ])('%s is told once, at its field', (_id, next, expected) => {
    expect(problems('Client', next)).toEqual([expected]);
  });

  it.each([
    ['changed', { clientId: 'shop.web' }, { clientId: 'shop.web2' }],
    ['added: the default was in force', {}, { clientId: 'shop.web' }],
    ['taken away: the default comes into force', { clientId: 'shop.web' }, {}],
  ])('M06 clientId %s', (_title, before, after) => {
    expect(problems('Client', web(after), web(before))).toEqual([`spec.clientId: ${m06}`]);
  });

  it('rules about changes hold on creation', () => {
    expect(problems('Client', web({ clientId: 'shop.web' }))).toEqual([]);
  });
});

describe('redirect URIs', () => {
  it.each([
    'https://app.example.com/callback',
    'https://app.example.com',
    'https://app.example.com:8443/cb?tenant=a%20b',
    'https://[2001:db8::1]/cb',
    'https://app.example.com/a@b/.well-known/x..y',
    'http://127.0.0.1/cb',
    'http://127.0.0.1:9500/cb',
    'http://[::1]:9500/cb',
    'http://localhost:3000',
    'http://localhost?x=y',
  ])('%s is accepted of every client', (uri) => {
    expect(problems('Client', redirect(uri))).toEqual([]);
  });

  it.each([
    ['A10 javascript', 'javascript:alert(1)', m01],
    ['A10 data', 'data:text/html,x', m01],
    ['A10 mixed case', 'JaVaScript:alert(1)', m01],
    ['A07 scheme in other case', 'HTTPS://app.example.com/cb', m01],
    ['A08 another loopback address', 'http://127.0.0.2/cb', m01],
    ['A06 a host that only begins like loopback', 'http://localhost.evil.example/cb', m01],
    ['a private scheme without a dot', 'myapp:/cb', m01],
    ['no scheme', 'app.example.com/cb', m01],
    ['A05 wildcard', 'https://app.example.com/*', m02],
    ['A05 encoded wildcard', 'https://app.example.com/%2a', m02],
    ['A04 fragment', 'https://app.example.com/cb#x', m02],
    ['A04 user info', 'https://app@evil.example/cb', m02],
    ['A04 backslash', 'https://app.example.com\\@evil.example/cb', m02],
    ['A04 space', 'https://app.example.com/c b', m02],
    ['A04 control character', 'https://app.example.com/c\tb', m02],
    ['A04 line end', 'https://app.example.com/cb\n', m02],
    ['not ASCII', 'https://app.example.com/ä', m02],
    ['A01 dot segment', 'https://app.example.com/a/../b', m02],
    ['A01 single dot', 'https://app.example.com/./b', m02],
    ['A01 encoded dot segment', 'https://app.example.com/%2e%2E/b', m02],
    ['A01 doubly encoded dot segment', 'https://app.example.com/%252e%252e/b', m02],
    ['A01 dot segment with a path parameter', 'https://app.example.com/..;/b', m02],
    ['A01 dot segment at the end', 'https://app.example.com/a/..', m02],
    ['A01 encoded slash', 'https://app.example.com/a%2fb', encoded],
    ['A01 doubly encoded backslash', 'https://app.example.com/a%255Cb', encoded],
    ['encoded control character', 'https://app.example.com/cb?x=%0d%0a', encoded],
    ['percent without digits', 'https://app.example.com/100%', encoded],
    ['A03 code in the query', 'https://app.example.com/cb?code=1', inAnswer],
    ['A03 state in the query', 'https://app.example.com/cb?a=b&state', inAnswer],
    ['no host', 'https:///cb', noHost],
    ['a port that is none', 'https://app.example.com:x/cb', noHost],
    ['a loopback host with an empty port', 'http://127.0.0.1:/cb', noHost],
  ])('%s is refused', (_title, uri, message) => {
    expect(problems('Client', redirect(uri))).toEqual([`spec.redirectUris[0]: ${message}`]);
  });

  it('the index shows which one it is', () => {
    expect(problems('Client', redirect('https://a.example/cb', 'ftp://a.example/cb'))).toEqual([
      `spec.redirectUris[1]: ${m01}`,
    ]);
  });

  it('a URI twice is refused', () => {
    expect(problems('Client', redirect('https://a.example/cb', 'https://a.example/cb'))).toEqual([
      'spec.redirectUris[1]: is the same as spec.redirectUris[0]: list it once',
    ]);
  });

  it('at most 32', () => {
    const many = Array.from({ length: 33 }, (_, index) => `https://a.example/${index}`);
    expect(problems('Client', redirect(...many))).toEqual(['spec.redirectUris: has 33 items, at most 32 are allowed']);
  });

  it('a private scheme is for public clients, who must then be asked', () => {
    const app = { redirectUris: ['com.example.app:/callback'] };
    const isPublic = { ...app, authentication: { method: 'none' } };
    expect(problems('Client', web(isPublic))).toEqual([]);
    expect(problems('Client', web(app))).toEqual([
      'spec.redirectUris: only a public client may use a private scheme: use https, or set authentication.method to none if the app runs on a device',
    ]);
    expect(problems('Client', web({ ...isPublic, consent: { mode: 'Implicit' } }))).toEqual([
      'spec.consent.mode: any app on a device can claim a private scheme, so its users must be asked: use Always, or https redirect URIs',
    ]);
  });
});

describe('grant types and response types that go together (RFC 7591 section 2.1)', () => {
  const device = 'urn:ietf:params:oauth:grant-type:device_code';
  it.each<[string, Record<string, unknown>]>([
    ['an ID token alone', { grantTypes: ['implicit'], responseTypes: ['id_token'] }],
    ['both implicit tokens', { grantTypes: ['implicit'], responseTypes: ['token', 'id_token', 'id_token token'] }],
    ['hybrid alone', { grantTypes: ['authorization_code', 'implicit'], responseTypes: ['code id_token'] }],
    [
      'all seven, refreshed',
      {
        grantTypes: ['authorization_code', 'implicit', 'refresh_token'],
        responseTypes: [...responseTypes],
      },
    ],
    ['a device without redirect URIs', { grantTypes: [device], redirectUris: undefined }],
    ['M05 a device that refreshes', { grantTypes: [device, 'refresh_token'], redirectUris: undefined }],
    ['a public device', { grantTypes: [device], redirectUris: undefined, authentication: { method: 'none' } }],
    [
      'a public client with tokens of the front channel',
      {
        grantTypes: ['implicit'],
        responseTypes: ['id_token token'],
        authentication: { method: 'none' },
      },
    ],
  ])('%s', (_title, spec) => expect(problems('Client', web(spec))).toEqual([]));
});

describe('other rules of a Client', () => {
  it.each([
    [
      'a subject',
      { clientId: 'u_abc' },
      'spec.clientId: must not begin with u_: that is how the subjects of users begin, and the two must never be equal',
    ],
    ['a client id with a space', { clientId: 'a b' }, 'spec.clientId: must be printable ASCII without spaces'],
    [
      'a name that turns its direction',
      { displayName: 'Shop\u202Egnp' },
      'spec.displayName: must be one line of plain text, without control characters and without marks that change its direction',
    ],
    [
      'a name of two lines',
      { displayName: 'a\nb' },
      'spec.displayName: must be one line of plain text, without control characters and without marks that change its direction',
    ],
    ['a name that is too long', { displayName: 'x'.repeat(129) }, 'spec.displayName: must have at most 128 characters'],
    ['an empty name', { displayName: '' }, 'spec.displayName: must not be empty'],
    ['A10 a link that is no web page', { policyUri: 'javascript:alert(1)' }, `spec.policyUri: ${webPage}`],
    ['a link in clear text', { tosUri: 'http://shop.example.com' }, `spec.tosUri: ${webPage}`],
    ['a link with user info', { uri: 'https://shop@evil.example' }, `spec.uri: ${webPage}`],
    [
      'an unknown grant type',
      { grantTypes: ['authorization-code'] },
      'spec.grantTypes[0]: must be one of authorization_code, implicit, refresh_token, client_credentials, urn:ietf:params:oauth:grant-type:device_code; did you mean authorization_code?',
    ],
    ['no grant type', { grantTypes: [] }, 'spec.grantTypes: needs at least one item'],
    [
      'code without its grant type',
      { grantTypes: ['client_credentials'], responseTypes: ['code'] },
      'spec.responseTypes: response types with code go with the grant type authorization_code: list both or neither, or leave responseTypes out',
    ],
    [
      'the grant type without code',
      { responseTypes: [] },
      'spec.responseTypes: response types with code go with the grant type authorization_code: list both or neither, or leave responseTypes out',
    ],
    [
      'a hybrid type without the implicit grant type',
      { responseTypes: ['code id_token'] },
      'spec.responseTypes: response types with token or id_token go with the grant type implicit: list both or neither',
    ],
    [
      'the implicit grant type without a type of its own',
      { grantTypes: ['authorization_code', 'implicit'], responseTypes: ['code'] },
      'spec.responseTypes: response types with token or id_token go with the grant type implicit: list both or neither',
    ],
    [
      'an implicit type without its grant type',
      { responseTypes: ['code', 'id_token'] },
      'spec.responseTypes: response types with token or id_token go with the grant type implicit: list both or neither',
    ],
    [
      'an implicit type beside the grant type of codes alone',
      { grantTypes: ['authorization_code', 'implicit'], responseTypes: ['id_token'] },
      'spec.responseTypes: response types with code go with the grant type authorization_code: list both or neither, or leave responseTypes out',
    ],
    [
      'the implicit grant type that does not say what comes back',
      { grantTypes: ['implicit'] },
      'spec.responseTypes: implicit does not say what comes back: list the response types, for example [id_token], or [code id_token] with authorization_code beside implicit',
    ],
    [
      'a response type in another order',
      { grantTypes: ['implicit'], responseTypes: ['token id_token'] },
      /^spec\.responseTypes\[0\]: must be one of code, token, id_token, id_token token, /,
    ],
    [
      'M03: the implicit grant type without a redirect URI',
      { grantTypes: ['implicit'], responseTypes: ['id_token'], redirectUris: [] },
      'spec.redirectUris: authorization_code, implicit and hybrid send the user back to the app: add at least one redirect URI',
    ],
    [
      'M05: refresh tokens for the implicit grant type',
      { grantTypes: ['implicit', 'refresh_token'], responseTypes: ['id_token'] },
      'spec.grantTypes: refresh_token needs authorization_code or urn:ietf:params:oauth:grant-type:device_code beside it: no other grant yields a refresh token',
    ],
    [
      'a scope with a space',
      { scopes: ['openid', 'a b'] },
      'spec.scopes[1]: must be printable ASCII without space, double quote and backslash (RFC 6749 section 3.3)',
    ],
    [
      'a default scope that may not be asked',
      { scopes: ['openid'], defaultScopes: ['orders:read'] },
      'spec.defaultScopes: each default scope must be among scopes: add it there or take it out here',
    ],
    [
      'a method of another time',
      { authentication: { method: 'client_secret_jwt' } },
      'spec.authentication.method: client_secret_jwt would need the secret itself to be stored, and only its digest is: use private_key_jwt, whose private key stays with the application',
    ],
    [
      'an empty list of groups, which could be read both ways',
      { access: { groups: [] } },
      'spec.access.groups: needs at least one item',
    ],
    [
      'a Secret elsewhere',
      { secret: { name: '../web' } },
      "spec.secret.name: must be the name of an object: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit",
    ],
    [
      'a key that is not ours',
      { secret: { keys: { password: 'PW' } } },
      /^spec\.secret\.keys: only these keys can be renamed: type, provider, client-id/,
    ],
    [
      'a key that no Secret can hold',
      { secret: { keys: { 'client-id': 'CLIENT ID' } } },
      "spec.secret.keys: a key of a Secret holds letters, digits, '-', '_' and '.' only, and does not begin with '..'",
    ],
    [
      'two keys of one name',
      { secret: { keys: { 'client-id': 'X', 'client-secret': 'X' } } },
      'spec.secret.keys: two keys would get the same name: choose another name for one of them',
    ],
    [
      'a key named as another one',
      { secret: { keys: { 'client-id': 'client-secret' } } },
      'spec.secret.keys: two keys would get the same name: choose another name for one of them',
    ],
    [
      'an adopted Secret elsewhere',
      { secret: { adopt: 'other/web' } },
      "spec.secret.adopt: must be the name of an object: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit",
    ],
    [
      'a Secret of another name beside an adopted one',
      { secret: { adopt: 'login', name: 'web' } },
      'spec.secret.name: no other Secret is written beside an adopted one: leave name out, or generate a secret without adopt',
    ],
    [
      'labels for a Secret that is only read',
      { secret: { adopt: 'login', labels: { team: 'shop' } } },
      'spec.secret.adopt: an adopted Secret is only read: put labels and annotations on it yourself',
    ],
    [
      'a secret to adopt for an application that has none',
      { secret: { adopt: 'login' }, authentication: { method: 'none' } },
      'spec.secret.adopt: only client_secret_basic and client_secret_post have a secret to adopt: leave adopt out, or use one of them',
    ],
    [
      "a label of the operator's (A80)",
      { secret: { labels: { 'auth.nauthera.io/client': 'other' } } },
      'spec.secret.labels: auth.nauthera.io/* and app.kubernetes.io/managed-by are set by the operator: choose other names',
    ],
    [
      "an annotation of the operator's (A80)",
      { secret: { annotations: { 'app.kubernetes.io/managed-by': 'me' } } },
      'spec.secret.annotations: auth.nauthera.io/* and app.kubernetes.io/managed-by are set by the operator: choose other names',
    ],
    [
      'a label that is none',
      { secret: { labels: { team: 'not a label' } } },
      'spec.secret.labels: must be labels, for example {team: shop}',
    ],
    [
      'an annotation that is none',
      { secret: { annotations: { 'a/b/c': 'x' } } },
      'spec.secret.annotations: must have the names of annotations, for example {example.com/team: shop}',
    ],
    ['another fate of the Secret', { deletionPolicy: 'Orphan' }, 'spec.deletionPolicy: must be one of Delete, Retain'],
    [
      'a reserved claim',
      { idToken: { claims: ['email', 'sub'] } },
      'spec.idToken.claims[1]: is reserved, the protocol itself sets this claim: choose another name',
    ],
    ['a life beyond an hour', { accessToken: { lifetime: '61m' } }, 'spec.accessToken.lifetime: must be from 1m to 1h'],
    [
      'days',
      { refreshToken: { idle: '14d' } },
      'spec.refreshToken.idle: must be a duration such as 90s, 5m or 336h (14 days): the units are h, m, s and ms, there is none for days',
    ],
    [
      'idle beyond absolute',
      { refreshToken: { idle: '48h', absolute: '24h' } },
      'spec.refreshToken.idle: must not be longer than absolute',
    ],
    ['a word for a flag', { suspend: 'yes' }, 'spec.suspend: must be true or false'],
    [
      'a namespace that is none',
      { authorizationServerRef: { name: 'default', namespace: 'a/b' } },
      "spec.authorizationServerRef.namespace: must be the name of a namespace: lower-case letters, digits and '-', beginning and ending with a letter or digit",
    ],
    [
      'a server that is a path',
      { authorizationServerRef: { name: 'a..b' } },
      "spec.authorizationServerRef.name: must be the name of an object: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit",
    ],
    ['a field that comes later', { profile: 'Fapi2' }, 'spec.profile: unknown field spec.profile'],
  ])('%s is refused', (_title, spec, expected) => {
    const found = problems('Client', web(spec));
    expect(found).toHaveLength(1);
    if (typeof expected === 'string') expect(found[0]).toBe(expected);
    else expect(found[0]).toMatch(expected);
  });

  it('a Secret may be adopted under the usual key or another, and a generated one be labelled', () => {
    expect(problems('Client', web({ secret: { adopt: 'login', keys: { 'client-secret': 'PASSWORD' } } }))).toEqual([]);
    const labels = { 'app.kubernetes.io/part-of': 'argocd' };
    expect(problems('Client', web({ secret: { labels, annotations: { 'a.b/c': 'any\ntext' } } }))).toEqual([]);
  });

  it('keys may change places', () => {
    const keys = { 'client-id': 'client-secret', 'client-secret': 'client-id' };
    expect(problems('Client', web({ secret: { keys } }))).toEqual([]);
  });

  it('a name of 63 characters fits a label, one of 64 does not', () => {
    expect(problems('Client', web({}, { name: 'x'.repeat(63) }))).toEqual([]);
    expect(problems('Client', web({}, { name: 'x'.repeat(64) }))).toEqual([
      'metadata.name: must have at most 63 characters: it becomes the value of labels',
    ]);
  });
});

describe('defaults', () => {
  it('stand in what is returned', () => {
    expect(accepted('Client', web()).spec).toEqual({
      redirectUris: ['https://shop.example.com/callback'],
      grantTypes: ['authorization_code'],
      scopes: ['openid', 'profile', 'email'],
      authentication: { method: 'client_secret_basic' },
      pkce: 'Required',
      consent: { mode: 'Remember', rememberFor: '2160h', onRefusedScope: 'Drop' },
      idToken: { signingAlgorithm: 'RS256' },
      subjectType: 'public',
      deletionPolicy: 'Delete',
      suspend: false,
    });
  });

  it('fill what a half-written object leaves out, and null is left out', () => {
    const { consent, clientId } = accepted('Client', web({ consent: { mode: 'Always' }, clientId: null })).spec;
    expect(consent).toEqual({ mode: 'Always', rememberFor: '2160h', onRefusedScope: 'Drop' });
    expect(clientId).toBeUndefined();
  });
});
