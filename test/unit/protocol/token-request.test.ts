import { describe, expect, it } from 'vitest';
import { ProtocolError } from '../../../server/src/protocol/errors.ts';
import { readParameters } from '../../../server/src/protocol/parameters.ts';
import { parseTokenRequest } from '../../../server/src/protocol/token-request.ts';

const parse = (text: string) => parseTokenRequest(readParameters(text).parameters);
function codeOf(text: string): string {
  try {
    parse(text);
    return 'no error';
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
}
const verifier = 'v'.repeat(43);

describe('the token request', () => {
  it.each([
    [
      `grant_type=authorization_code&code=c&redirect_uri=https%3A%2F%2Fa%2Fcb&code_verifier=${verifier}`,
      { grantType: 'authorization_code', code: 'c', redirectUri: 'https://a/cb', codeVerifier: verifier },
    ],
    [
      'grant_type=authorization_code&code=c&scope=ignored',
      { grantType: 'authorization_code', code: 'c', redirectUri: undefined, codeVerifier: undefined },
    ],
    [
      'grant_type=refresh_token&refresh_token=r&scope=a+b',
      { grantType: 'refresh_token', refreshToken: 'r', scopes: ['a', 'b'] },
    ],
    ['grant_type=client_credentials&code=ignored', { grantType: 'client_credentials', scopes: undefined }],
  ])('A84: %s: each grant reads its own parameters', (text, expected) => expect(parse(text)).toEqual(expected));

  it.each([
    ['', 'invalid_request'],
    ['grant_type=', 'invalid_request'],
    ['grant_type=password', 'unsupported_grant_type'],
    ['grant_type=Client_Credentials', 'unsupported_grant_type'],
    ['grant_type=authorization_code', 'invalid_request'],
    ['grant_type=authorization_code&code=', 'invalid_request'],
    ['grant_type=refresh_token&code=x', 'invalid_request'],
    ['grant_type=authorization_code&code=c&code_verifier=short', 'invalid_grant'],
    [`grant_type=authorization_code&code=${'c'.repeat(513)}`, 'invalid_grant'],
    [`grant_type=refresh_token&refresh_token=${'c'.repeat(513)}`, 'invalid_grant'],
    ['grant_type=client_credentials&scope=a++b', 'invalid_scope'],
  ])('%s is %s', (text, code) => expect(codeOf(text)).toBe(code));
});
