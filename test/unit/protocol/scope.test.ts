import { describe, expect, it } from 'vitest';
import { chooseScopes, isSameScope, parseScope } from '../../../server/src/protocol/scope.ts';

describe('RFC 6749 §3.3: scope', () => {
  it.each([
    ['openid profile', ['openid', 'profile']],
    ['a a b', ['a', 'b']],
    ['orders:read', ['orders:read']],
    ['', null],
    ['a  b', null],
    [' a', null],
    ['a"b', null],
    ['a\\b', null],
    ['ä', null],
    ['a\tb', null],
    [Array.from({ length: 50 }, (_, index) => `s${index}`).join(' '), expect.any(Array)],
    [Array.from({ length: 51 }, (_, index) => `s${index}`).join(' '), null],
    ['a'.repeat(2049), null],
  ])('%j', (text, expected) => expect(parseScope(text)).toEqual(expected));

  const client = { scopes: ['openid', 'orders', 'stock'], default_scopes: ['openid', 'orders'] };
  it.each([
    [undefined, 'with_user', { outcome: 'granted', scopes: ['openid', 'orders'] }],
    [undefined, 'without_user', { outcome: 'granted', scopes: ['orders'] }],
    [['stock'], 'without_user', { outcome: 'granted', scopes: ['stock'] }],
    [['stock', 'openid'], 'with_user', { outcome: 'granted', scopes: ['stock', 'openid'] }],
    [['openid'], 'without_user', { outcome: 'refused', scope: 'openid' }],
    [['orders', 'admin'], 'with_user', { outcome: 'refused', scope: 'admin' }],
  ] as const)('A34: %j %s', (asked, user, expected) => expect(chooseScopes(asked, client, user)).toEqual(expected));

  it('order means nothing', () => {
    expect(isSameScope(['a', 'b'], ['b', 'a'])).toBe(true);
    expect(isSameScope(['a'], ['b', 'a'])).toBe(false);
  });
});
