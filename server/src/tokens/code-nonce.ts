/** The nonce of an authorization request on its way to the ID token: kept beside the code, sealed under it. */
import { openUnder, sealUnder } from './under-handle.ts';

const purpose = 'nauthera authorization code nonce';

export function sealNonce(code: string, nonce: string): string {
  return sealUnder(code, purpose, nonce).toString('base64url');
}

/** @throws Error for one that was not sealed under this code: an ID token without its nonce would be taken for another's */
export function openNonce(code: string, sealed: string): string {
  const nonce = openUnder(code, purpose, Buffer.from(sealed, 'base64url'));
  if (nonce === null) throw new Error('the nonce of a code does not open');
  return nonce;
}
