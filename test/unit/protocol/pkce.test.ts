import { describe, expect, it } from 'vitest';
import { challengeProblem, isCodeVerifier, s256Challenge } from '../../../server/src/protocol/pkce.ts';

describe('RFC 7636', () => {
  it('Appendix B: the challenge of its example', () =>
    expect(s256Challenge('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk')).toBe(
      'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    ));

  it.each([
    ['a'.repeat(43), true],
    ['a'.repeat(128), true],
    ['AZaz09-._~'.repeat(5), true],
    ['a'.repeat(42), false],
    ['a'.repeat(129), false],
    [`${'a'.repeat(42)}+`, false],
    [`${'a'.repeat(43)}\n`, false],
    ['', false],
  ])('§4.1: %j is a verifier: %s', (text, expected) => expect(isCodeVerifier(text)).toBe(expected));

  const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
  it.each([
    ['A18', { codeChallenge: undefined, codeChallengeMethod: undefined }, 'required', 'missing'],
    ['A18', { codeChallenge: undefined, codeChallengeMethod: undefined }, 'optional', null],
    ['A18', { codeChallenge: undefined, codeChallengeMethod: 'S256' }, 'optional', 'missing'],
    ['A18', { codeChallenge: challenge, codeChallengeMethod: 'plain' }, 'optional', 'method_not_supported'],
    ['§4.3', { codeChallenge: challenge, codeChallengeMethod: undefined }, 'required', 'method_not_supported'],
    ['§4.3', { codeChallenge: challenge, codeChallengeMethod: 's256' }, 'required', 'method_not_supported'],
    ['§4.2', { codeChallenge: challenge, codeChallengeMethod: 'S256' }, 'required', null],
    ['§4.2', { codeChallenge: `${challenge}=`, codeChallengeMethod: 'S256' }, 'required', 'malformed'],
    ['§4.2', { codeChallenge: challenge.slice(1), codeChallengeMethod: 'S256' }, 'required', 'malformed'],
    ['§4.2', { codeChallenge: `${challenge.slice(0, -1)}N`, codeChallengeMethod: 'S256' }, 'required', 'malformed'],
  ] as const)('%s: %j with pkce %s: %s', (_id, request, pkce, expected) =>
    expect(challengeProblem(request, pkce)).toBe(expected),
  );
});
