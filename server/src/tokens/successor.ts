/**
 * The successor of a refresh token, kept for ten seconds so that an answer that got lost can be given again. It is sealed
 * under the spent token, so a dump gives nobody a token.
 */
import { openUnder, sealUnder } from './under-handle.ts';

const purpose = 'nauthera refresh token successor';

export function sealSuccessor(presented: string, successor: string): Buffer {
  return sealUnder(presented, purpose, successor);
}

/** `null`: sealed for another token, or altered. */
export function openSuccessor(presented: string, sealed: Uint8Array): string | null {
  return openUnder(presented, purpose, sealed);
}
