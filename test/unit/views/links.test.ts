import { describe, expect, it } from 'vitest';
import {
  consentPage,
  consentPartialPage,
  continuePage,
  errorPage,
  icon,
  stylesheet,
} from '../../../server/src/views/index.ts';
import { frameHref, httpsHref, ownHref, placeOf, redirectHref } from '../../../server/src/views/links.ts';
import { consentInput, continueInput, errorInput, partialInput } from '../../support/sample-pages.ts';
import { attributeValues } from './markup.ts';

const hostile = [
  'javascript:alert(1)',
  'JaVaScript:alert(1)',
  ' javascript:alert(1)',
  'java\tscript:alert(1)',
  'data:text/html,<script>alert(1)</script>',
  'vbscript:msgbox(1)',
  'file:///etc/passwd',
  'blob:https://example.com/1',
  'view-source:https://example.com',
];

describe('A10: where a page leads', () => {
  it.each(hostile)('%j is no redirect, no document, no path of ours', (uri) => {
    expect(() => redirectHref(uri)).toThrow(RangeError);
    expect(httpsHref(uri)).toBeUndefined();
    expect(frameHref(uri)).toBeUndefined();
    expect(() => ownHref(uri)).toThrow(RangeError);
  });

  it.each(hostile)('no page is made that goes on to %j', (uri) => {
    expect(() => continuePage(continueInput({ continueTo: uri }))).toThrow(RangeError);
  });

  it.each([...hostile, 'http://example.com/', 'no uri'])('an error page leaves out the way back to %j', (uri) => {
    expect(errorPage(errorInput('invalid_scope', { backTo: uri }))).not.toContain('<a ');
  });

  it.each([
    ['https://shop.example.com/logout?iss=x&sid=y', true],
    ['http://127.0.0.1:9500/logout', true],
    ['http://shop.example.com/logout', false],
    ['com.example.app:/logout', false],
  ])('the page after a logout loads %s in a frame: %s', (uri, loaded) =>
    expect(frameHref(uri)).toBe(loaded ? uri : undefined),
  );

  it.each([...hostile, '//evil.example', '/\\evil.example'])('nor one that only tells, and leads to %j', (uri) => {
    expect(() => consentPartialPage(partialInput({ continueTo: uri }))).toThrow(RangeError);
  });

  it('a page of ours may come before the application', () => {
    expect(consentPartialPage(partialInput({ continueTo: '/continue?request=x' }))).toContain('"/continue?request=x"');
  });

  it.each([...hostile, 'http://example.com/privacy'])('policy and terms: %j is left out', (uri) => {
    const client = { name: 'Order Desk', namespace: 'shop', policyUri: uri, tosUri: uri };
    const left = attributeValues(consentPage(consentInput({ client })), 'href');
    expect(left).toEqual([icon.path, stylesheet.path]);
  });

  it('policy and terms open without a trace of us', () => {
    const page = consentPage(consentInput());
    for (const link of ['https://orders.example.com/privacy', 'https://orders.example.com/terms'])
      expect(page).toContain(`<a href="${link}" rel="noopener noreferrer">`);
  });

  it.each([
    'https://orders.example.com/callback?code=a&state=b',
    'http://127.0.0.1:49152/callback',
    'http://[::1]:1/',
    'http://localhost:8080/callback',
    'com.example.app:/callback?code=a',
    'com.example.my-app:callback',
  ])('%s is a redirect', (uri) => expect(redirectHref(uri)).toBe(uri));

  it.each(['http://orders.example.com/', 'http://127.0.0.1.evil.example/', 'custom:/x', 'mailto:a@b.example'])(
    '%s is none',
    (uri) => expect(() => redirectHref(uri)).toThrow(RangeError),
  );

  it.each([
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    '\\/evil.example',
    'https://evil.example',
    'x',
    '',
  ])('A13: %j is no path of ours', (path) => expect(() => ownHref(path)).toThrow(RangeError));

  it.each(['/', '/login', '/auth/consent?x=1'])('%s is a path of ours', (path) => expect(ownHref(path)).toBe(path));

  it.each([
    ['https://orders.example.com/callback', 'orders.example.com'],
    ['https://orders.example.com:8443/callback', 'orders.example.com:8443'],
    ['http://127.0.0.1:49152/', '127.0.0.1:49152'],
    ['https://xn--pple-43d.example/', 'xn--pple-43d.example'],
    ['https://аpple.example/', 'xn--pple-43d.example'],
    ['com.example.app:/callback', 'com.example.app'],
  ])('%s is shown as %s', (uri, place) => expect(placeOf(uri)).toBe(place));
});
