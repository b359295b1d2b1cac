import { describe, expect, it } from 'vitest';
import { targetWithinIssuer } from '../../../server/src/protocol/endpoints.ts';

const outside = '/-/outside-the-issuer';

describe('RFC 8414 §3.1: an issuer with a path', () => {
  it.each([
    ['/token', '', '/token'],
    ['/a/token', '/a', '/token'],
    ['/a/authorize?x=/a/y', '/a', '/authorize?x=/a/y'],
    ['/a/.well-known/openid-configuration', '/a', '/.well-known/openid-configuration'],
    ['/.well-known/oauth-authorization-server/a', '/a', '/.well-known/oauth-authorization-server'],
    ['/.well-known/oauth-authorization-server/a?x', '/a', '/.well-known/oauth-authorization-server?x'],
    ['/token', '/a', outside],
    ['/ab/token', '/a', outside],
    ['/A/token', '/a', outside],
    ['/%61/token', '/a', outside],
    ['//a/token', '/a', outside],
    ['/a', '/a', outside],
    ['/.well-known/oauth-authorization-server', '/a', outside],
    ['/?/a/token', '/a', outside],
  ])('%s below %j is %s', (target, path, expected) => expect(targetWithinIssuer(target, path)).toBe(expected));
});
