/** PURE. Proof key for code exchange, S256 alone (RFC 7636). */
import { hash } from 'node:crypto';

/** 43–128 unreserved characters (RFC 7636 §4.1). */
export function isCodeVerifier(text: string): boolean {
  return /^[A-Za-z0-9._~-]{43,128}$/.test(text);
}

/** SHA-256 in base64url without padding: 43 characters, the last of which carries four bits (RFC 7636 §4.2). */
export function isS256Challenge(text: string): boolean {
  return /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/.test(text);
}

/** The challenge that a verifier answers (RFC 7636 §4.6). The stored one is compared inside the redeeming statement. */
export function s256Challenge(verifier: string): string {
  return hash('sha256', verifier, 'base64url');
}

export type ChallengeProblem = 'missing' | 'method_not_supported' | 'malformed';

/**
 * What is wrong with the PKCE parameters of an authorization request; `null`: nothing. A challenge without a method means
 * `plain` (RFC 7636 §4.3), and `plain` is never supported.
 */
export function challengeProblem(
  request: { readonly codeChallenge: string | undefined; readonly codeChallengeMethod: string | undefined },
  pkce: 'required' | 'optional',
): ChallengeProblem | null {
  if (request.codeChallenge === undefined) {
    if (request.codeChallengeMethod !== undefined) return 'missing';
    return pkce === 'required' ? 'missing' : null;
  }
  if (request.codeChallengeMethod !== 'S256') return 'method_not_supported';
  return isS256Challenge(request.codeChallenge) ? null : 'malformed';
}
