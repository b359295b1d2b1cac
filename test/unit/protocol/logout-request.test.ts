import { describe, expect, it } from 'vitest';
import { checkClientMetadata } from '../../../server/src/protocol/client-metadata.ts';
import { frontChannelLogoutUri, logoutResponseUri } from '../../../server/src/protocol/logout-request.ts';
import { aClient } from '../../support/builders.ts';

/** Requests themselves are held by test/flows/logout.test.ts; this is what may be registered, and how URIs are put together. */
const problemOf = (client: ReturnType<typeof aClient>) => checkClientMetadata(client.build());
const after = (uri: string) => aClient().with({ post_logout_redirect_uris: [uri] });

describe('RP-Initiated Logout §3.1: post_logout_redirect_uris follow the rules of redirect URIs', () => {
  it.each([
    'https://shop.example.com/bye',
    'https://elsewhere.example.com/bye?from=shop',
    'http://127.0.0.1/bye',
    'http://localhost:8080/bye',
  ])('%s', (uri) => expect(problemOf(after(uri))).toBeNull());

  it.each([
    'http://shop.example.com/bye',
    'https://shop.example.com/bye#x',
    'https://shop.example.com/../bye',
    'https://a@shop.example.com/bye',
    'https://*.example.com/bye',
    'javascript:alert(1)',
    'data:text/html,x',
    '//evil.example',
    '/bye',
    'https://shop.example.com/bye?state=x',
    'com.example.app:/bye',
  ])('A10, A13: not %s', (uri) => expect(problemOf(after(uri))).toMatch(/^post_logout_redirect_uris\[0\] /));

  it('a private-use scheme is for public clients', () => {
    const app = aClient()
      .public()
      .with({ redirect_uris: ['com.example.app:/cb'] });
    expect(problemOf(app.with({ post_logout_redirect_uris: ['com.example.app:/bye'] }))).toBeNull();
  });
});

describe('Back-Channel Logout §2.2: backchannel_logout_uri', () => {
  const to = (uri: string) => aClient().with({ backchannel_logout_uri: uri });
  it('is https, with any host, path and query', () =>
    expect(problemOf(to('https://internal.example.net:8443/out?app=1'))).toBeNull());
  it.each([
    'http://shop.example.com/out',
    'http://127.0.0.1/out',
    'https://shop.example.com/out#x',
    '/out',
    'https://a:b@shop.example.com/',
  ])('A60: not %s', (uri) => expect(problemOf(to(uri))).toMatch(/^backchannel_logout_uri /));
});

describe('Front-Channel Logout §2: frontchannel_logout_uri', () => {
  const to = (uri: string) => aClient().with({ frontchannel_logout_uri: uri });
  it('has the scheme, host and port of a redirect URI', () =>
    expect(problemOf(to('https://shop.example.com/out?app=1'))).toBeNull());
  it.each([
    'https://evil.example/out',
    'https://shop.example.com:8443/out',
    'https://x.shop.example.com/out',
    'http://shop.example.com/out',
    'https://shop.example.com/out#x',
    'https://shop.example.com/out?iss=x',
    'https://shop.example.com/out?a=b&sid=x',
    'javascript:alert(1)',
  ])('not %s', (uri) => expect(problemOf(to(uri))).toMatch(/^frontchannel_logout_uri /));

  it.each([
    ['https://a.example/out', 'https://a.example/out?iss=https%3A%2F%2Fid.example.com%2Ft&sid=s%261'],
    ['https://a.example/out?x=1', 'https://a.example/out?x=1&iss=https%3A%2F%2Fid.example.com%2Ft&sid=s%261'],
    ['https://a.example/out?', 'https://a.example/out?iss=https%3A%2F%2Fid.example.com%2Ft&sid=s%261'],
  ])('%s is loaded with iss and sid', (registered, loaded) =>
    expect(frontChannelLogoutUri(registered, 'https://id.example.com/t', 's&1')).toBe(loaded),
  );
});

describe('the way back', () => {
  it.each([
    [{ uri: 'https://a.example/bye', state: undefined }, 'https://a.example/bye'],
    [{ uri: 'https://a.example/bye', state: 'a b&c=#' }, 'https://a.example/bye?state=a+b%26c%3D%23'],
    [{ uri: 'https://a.example/bye?x', state: 's' }, 'https://a.example/bye?x&state=s'],
  ])('%o', (to, uri) => expect(logoutResponseUri(to)).toBe(uri));
});
