import { describe, expect, it } from 'vitest';
import type { VerifiedRedirect } from '../../../server/src/protocol/errors.ts';
import {
  authorizationResponse,
  registrationProblem,
  verifyRedirectUri,
} from '../../../server/src/protocol/redirect-uri.ts';
import type { ResponseMode } from '../../../server/src/protocol/terms.ts';

const issuer = 'https://id.example.com';
const verify = (
  registered: string | readonly string[],
  requested: string | undefined,
  state?: string,
  mode: ResponseMode = 'query',
) => verifyRedirectUri({ redirect_uris: [registered].flat() }, requested, { state, issuer, mode });
const confidential = { public: false };

function redirectTo(uri: string, state?: string, mode: ResponseMode = 'query'): VerifiedRedirect {
  const redirect = verify(uri, uri, state, mode);
  if (redirect === null) throw new Error(`${uri} does not match itself`);
  return redirect;
}

describe('RFC 9700 §4.1.3: a redirect URI matches byte for byte', () => {
  const registered = 'https://app.example.com/cb?tenant=a';
  it('the registered one', () => expect(verify(registered, registered)?.uri).toBe(registered));
  it('a missing one matches nothing, not even a sole registered one', () =>
    expect(verify(registered, undefined)).toBeNull());
  it('A05: a client without any completes no redirect flow', () => expect(verify([], registered)).toBeNull());

  it.each([
    ['A01', 'https://app.example.com/..;/cb?tenant=a'],
    ['A01', 'https://app.example.com/%2e%2e/cb?tenant=a'],
    ['A01', 'https://app.example.com/x/../cb?tenant=a'],
    ['A01', 'https://app.example.com/%63b?tenant=a'],
    ['A01', 'https://app.example.com/cb/?tenant=a'],
    ['A04', 'https://user@app.example.com/cb?tenant=a'],
    ['A04', 'https://app.example.com\\@evil.tld/cb?tenant=a'],
    ['A04', '\thttps://app.example.com/cb?tenant=a'],
    ['A04', 'https://app.example.com/cb?tenant=a#'],
    ['A06', 'https://app.example.com.evil.tld/cb?tenant=a'],
    ['A06', 'https://app.example.com:443/cb?tenant=a'],
    ['A06', 'http://app.example.com/cb?tenant=a'],
    ['A06', 'https://app.example.com/cb/more?tenant=a'],
    ['A06', 'https://app.example.com/cb?tenant=a&x=1'],
    ['A06', 'https://app.example.com/cb'],
    ['A07', 'https://app.example.com/CB?tenant=a'],
    ['A07', 'https://APP.example.com/cb?tenant=a'],
    ['A07', 'HTTPS://app.example.com/cb?tenant=a'],
    ['A07', 'https://app.example.com./cb?tenant=a'],
  ])('%s: %j is another one', (_id, requested) => expect(verify(registered, requested)).toBeNull());

  it('A02: any string one byte away is refused', () => {
    for (let index = 0; index <= registered.length; index += 1) {
      for (const byte of ['a', '/', '%', '.', '\0', ' ', '\\', '#', '@', '?']) {
        const inserted = registered.slice(0, index) + byte + registered.slice(index);
        const replaced = registered.slice(0, index) + byte + registered.slice(index + 1);
        const removed = registered.slice(0, index) + registered.slice(index + 1);
        for (const mutation of [inserted, replaced, removed]) {
          if (mutation !== registered) expect(verify(registered, mutation)).toBeNull();
        }
      }
    }
  });
});

describe('RFC 8252 §7.3: on a loopback address the port may vary, and nothing else', () => {
  it.each([
    ['http://127.0.0.1/cb', 'http://127.0.0.1:49152/cb'],
    ['http://127.0.0.1:8000/cb', 'http://127.0.0.1:1/cb'],
    ['http://127.0.0.1:8000/cb', 'http://127.0.0.1/cb'],
    ['http://[::1]/cb', 'http://[::1]:65535/cb'],
    ['http://127.0.0.1:8000', 'http://127.0.0.1:9'],
  ])('%s is %s too', (registered, requested) => expect(verify(registered, requested)?.uri).toBe(requested));

  it.each([
    ['http://localhost:8000/cb', 'http://localhost:8001/cb'],
    ['http://127.0.0.1/cb', 'http://localhost:8001/cb'],
    ['http://127.0.0.1/cb', 'http://127.0.0.2:8001/cb'],
    ['http://127.0.0.1/cb', 'http://[::1]:8001/cb'],
    ['http://127.0.0.1/cb', 'https://127.0.0.1:8001/cb'],
    ['https://127.0.0.1/cb', 'https://127.0.0.1:8001/cb'],
    ['http://127.0.0.1/cb', 'http://127.0.0.1:8001/CB'],
    ['http://127.0.0.1/cb', 'http://127.0.0.1:8001/cb?x'],
    ['http://127.0.0.1/cb', 'http://127.0.0.1:65536/cb'],
    ['http://127.0.0.1/cb', 'http://127.0.0.1:0/cb'],
    ['http://127.0.0.1/cb', 'http://127.0.0.1:080/cb'],
    ['http://127.0.0.1/cb', 'http://127.0.0.1:/cb'],
    ['http://127.0.0.1/cb', 'http://127.0.0.1:80@evil.tld/cb'],
    ['http://127.0.0.1', 'http://127.0.0.1:8001/'],
    ['http://127.0.0.1/cb', 'http://127.0.0.1.evil.tld/cb'],
    ['https://a.example/cb', 'https://a.example:8001/cb'],
  ])('A08: %s is not %s', (registered, requested) => expect(verify(registered, requested)).toBeNull());
});

describe('what may be registered', () => {
  it.each([
    'https://app.example.com/cb',
    'https://app.example.com',
    'https://app.example.com:8443/cb?tenant=a',
    'https://[2001:db8::1]/cb',
    'http://127.0.0.1:8000/cb',
    'http://[::1]/cb',
    'http://localhost:8000/cb',
    'https://app.example.com/a.b/..c/d%20e',
    // Its name is `?state` (URL Standard, urlencoded parsing).
    'https://app.example.com/cb??state=1',
  ])('%s', (uri) => expect(registrationProblem(uri, confidential)).toBeNull());

  it.each([
    ['A03', 'https://app.example.com/cb?code=1'],
    ['A03', 'https://app.example.com/cb?x=1&%73tate=2'],
    ['A03', 'https://app.example.com/cb?iss=x'],
    ['A03', 'https://app.example.com/cb?error=x'],
    ['A04', 'https://user:pass@app.example.com/cb'],
    ['A04', 'https://app.example.com/cb#fragment'],
    ['A04', 'https://app.example.com\\cb'],
    ['A04', '\thttps://app.example.com/cb'],
    ['A04', 'https://app.example.com/c b'],
    ['A04', 'https://app.example.com/cb%0d%0a'],
    ['A05', 'https://*.example.com/cb'],
    ['A05', 'https://app.example.com/%2A'],
    ['A10', 'javascript:alert(1)'],
    ['A10', 'JaVaScript:alert(1)'],
    ['A10', 'data:text/html,x'],
    ['A10', 'file:///etc/passwd'],
    ['A10', 'http://app.example.com/cb'],
    ['A10', 'http://127.1/cb'],
    ['A10', 'https://127.1/cb'],
    ['A10', 'https:///cb'],
    ['A10', '//app.example.com/cb'],
    ['A10', 'cb'],
    ['A01', 'https://app.example.com/a/../cb'],
    ['A01', 'https://app.example.com/a/%2e%2E/cb'],
    ['A01', 'https://app.example.com/a/.%252e/cb'],
    ['A01', 'https://app.example.com/..;x/cb'],
    ['A01', 'https://app.example.com/a%2fcb'],
    ['A01', 'https://app.example.com/a%255ccb'],
    ['A01', 'https://app.example.com/%zz'],
    ['§6', 'https://app.example.com/ä'],
    ['§6', ''],
  ])('%s: not %j', (_id, uri) => expect(registrationProblem(uri, confidential)).toEqual(expect.any(String)));

  it('RFC 8252 §7.1: private-use schemes have a dot and are for public clients alone', () => {
    expect(registrationProblem('com.example.app:/cb', { public: true })).toBeNull();
    expect(registrationProblem('com.example.app:/cb', confidential)).toMatch(/public client/);
    expect(registrationProblem('myapp:/cb', { public: true })).toEqual(expect.any(String));
    expect(registrationProblem('com.example.app:/../cb', { public: true })).toEqual(expect.any(String));
  });
});

/** As a client reads it, whichever way it came. */
function sent(redirect: VerifiedRedirect, members: Readonly<Record<string, string | undefined>>) {
  const response = authorizationResponse(redirect, members);
  return response.by === 'uri' ? response.uri : response;
}

describe('RFC 9207 §2: an authorization response', () => {
  const iss = 'iss=https%3A%2F%2Fid.example.com';
  it.each([
    ['query', 'https://app.example.com/cb', `https://app.example.com/cb?code=x&state=s&${iss}#_`],
    ['query', 'https://app.example.com/cb?a=b', `https://app.example.com/cb?a=b&code=x&state=s&${iss}#_`],
    ['query', 'https://app.example.com/cb?', `https://app.example.com/cb?code=x&state=s&${iss}#_`],
    ['query', 'com.example.app:/cb', `com.example.app:/cb?code=x&state=s&${iss}`],
    ['fragment', 'https://app.example.com/cb', `https://app.example.com/cb#code=x&state=s&${iss}`],
    ['fragment', 'https://app.example.com/cb?a=b', `https://app.example.com/cb?a=b#code=x&state=s&${iss}`],
    ['fragment', 'com.example.app:/cb', `com.example.app:/cb#code=x&state=s&${iss}`],
  ] as const)('%s: %s keeps its query and gets each parameter once', (mode, uri, expected) =>
    expect(sent(redirectTo(uri, 's', mode), { code: 'x', id_token: undefined })).toBe(expected),
  );

  it('form_post: each parameter is a field, and the URI stays as it was', () =>
    expect(sent(redirectTo('https://app.example.com/cb?a=b', 's', 'form_post'), { code: 'x' })).toEqual({
      by: 'form',
      action: 'https://app.example.com/cb?a=b',
      fields: [
        ['code', 'x'],
        ['state', 's'],
        ['iss', issuer],
      ],
    }));

  it.each(['query', 'fragment', 'form_post'] as const)(
    '%s: returns state unmodified, and none when there was none',
    (mode) => {
      const read = (redirect: VerifiedRedirect): URLSearchParams => {
        const response = authorizationResponse(redirect, { code: 'x' });
        if (response.by === 'form') return new URLSearchParams(response.fields.map(([name, value]) => [name, value]));
        const url = new URL(response.uri);
        return mode === 'query' ? url.searchParams : new URLSearchParams(url.hash.slice(1));
      };
      const state = '{"a":"ä&=#+%\u202e"}'.repeat(500);
      expect(read(redirectTo('https://app.example.com/cb', state, mode)).getAll('state')).toEqual([state]);
      expect(read(redirectTo('https://app.example.com/cb', undefined, mode)).has('state')).toBe(false);
    },
  );
});
