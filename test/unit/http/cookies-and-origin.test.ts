import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createFormTokens, isSameOriginPost } from '../../../server/src/http/csrf.ts';
import { clearCookie, cookieScheme, readCookie, setCookie } from '../../../server/src/http/session-cookie.ts';

const handle = 'h'.repeat(43);

describe('cookies', () => {
  it.each([
    ['https://id.example.com', '__Host-nauthera_session=', '; Path=/; HttpOnly; SameSite=Lax; Secure'],
    ['https://id.example.com/a/b', '__Secure-nauthera_session=', '; Path=/a/b; HttpOnly; SameSite=Lax; Secure'],
    ['http://127.0.0.1:8080', 'nauthera_session=', '; Path=/; HttpOnly; SameSite=Lax'],
    ['http://127.0.0.1:8080/a', 'nauthera_session=', '; Path=/a; HttpOnly; SameSite=Lax'],
  ])('of %s', (issuer, start, attributes) => {
    const scheme = cookieScheme(issuer);
    expect(setCookie(scheme, 'session', handle)).toBe(`${start}${handle}${attributes}`);
    expect(clearCookie(scheme, 'session')).toBe(`${start}${attributes}; Max-Age=0`);
  });

  it.each([
    [`a=b; __Host-nauthera_session=${handle}; c=d`, handle],
    [`__Host-nauthera_session=${handle}`, handle],
    [`x__Host-nauthera_session=${handle}`, undefined],
    [`__host-nauthera_session=${handle}`, undefined],
    [`__Host-nauthera_session="${handle}"`, undefined],
    [`__Host-nauthera_session=${handle}x`, undefined],
    ['__Host-nauthera_session=', undefined],
    [undefined, undefined],
  ])('A19: %j is %j', (header, expected) => expect(readCookie(header, '__Host-nauthera_session')).toBe(expected));
});

describe('A65: a page POST comes from our origin', () => {
  const issuer = 'https://id.example.com/tenant';
  it.each([
    [{ 'sec-fetch-site': 'same-origin', origin: 'https://id.example.com' }, true],
    [{ 'sec-fetch-site': 'same-origin', origin: 'null' }, true],
    [{ origin: 'https://id.example.com' }, true],
    [{ 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' }, false],
    [{ 'sec-fetch-site': 'same-site', origin: 'https://id.example.com' }, false],
    [{ 'sec-fetch-site': 'cross-site', origin: 'https://id.example.com' }, false],
    [{ 'sec-fetch-site': 'none' }, false],
    [{ origin: 'https://id.example.com:8443' }, false],
    [{ origin: 'http://id.example.com' }, false],
    [{ origin: 'https://id.example.com.evil.example' }, false],
    [{ origin: 'null' }, false],
    [{}, false],
  ])('%j: %s', (headers, expected) => expect(isSameOriginPost(headers, issuer)).toBe(expected));
});

describe('form tokens', () => {
  const tokens = createFormTokens(createSecretKey(Buffer.alloc(32, 1)));
  const token = tokens.issue(['browser', 'grant']);
  it('hold for what they were issued for', () => expect(tokens.isValid(token, ['browser', 'grant'])).toBe(true));
  it.each([
    ['another browser', token, ['other', 'grant']],
    ['another grant', token, ['browser', 'other']],
    ['the same text cut otherwise', token, ['browserg', 'rant']],
    ['an altered token', `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`, ['browser', 'grant']],
    ['no token', undefined, ['browser', 'grant']],
    ['an empty token', '', ['browser', 'grant']],
  ])('A19: not for %s', (_name, text, binding) => expect(tokens.isValid(text, binding)).toBe(false));
  it('nor under another key', () =>
    expect(createFormTokens(createSecretKey(Buffer.alloc(32, 2))).isValid(token, ['browser', 'grant'])).toBe(false));
});
