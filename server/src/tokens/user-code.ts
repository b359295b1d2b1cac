/** User codes (RFC 8628 §6.1): eight of twenty consonants, so that no word comes out and no key looks like another. */
import { createHmac, type KeyObject, randomInt } from 'node:crypto';

export const userCodeAlphabet = 'BCDFGHJKLMNPQRSTVWXZ';
export const userCodeLength = 8;

/** 20⁸ are as many as 34 bits: their worth is in the limits on trying them. */
export function newUserCode(): string {
  return Array.from({ length: userCodeLength }, () => userCodeAlphabet[randomInt(userCodeAlphabet.length)]).join('');
}

/** As devices and pages show it: `BCDF-GHJK`. */
export function shownUserCode(code: string): string {
  return `${code.slice(0, userCodeLength / 2)}-${code.slice(userCodeLength / 2)}`;
}

const wellFormed = new RegExp(`^[${userCodeAlphabet}]{${userCodeLength}}$`);

/** What a person typed, without regard to case, width, spaces and dashes; `null`: it can be no code. */
export function readUserCode(typed: string): string | null {
  if (typed.length > 64) return null;
  const code = typed
    .normalize('NFKC')
    .replaceAll(/[\s\p{Pd}\u2212]/gu, '')
    .toUpperCase();
  return wellFormed.test(code) ? code : null;
}

/** What is stored. Keyed, because a plain digest of so few values is soon undone. */
export function digestUserCode(key: KeyObject, code: string): Buffer {
  return createHmac('sha256', key).update(code).digest();
}
