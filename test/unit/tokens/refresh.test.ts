import { describe, expect, it } from 'vitest';
import { openNonce, sealNonce } from '../../../server/src/tokens/code-nonce.ts';
import { decideRefresh } from '../../../server/src/tokens/refresh-rotation.ts';
import { openSuccessor, sealSuccessor } from '../../../server/src/tokens/successor.ts';

describe('RFC 9700 §4.14.2: what a presented refresh token means', () => {
  it.each([
    [{ live: true, expired: false, used: 'no' }, 'rotate'],
    [{ live: true, expired: true, used: 'no' }, 'expired'],
    [{ live: true, expired: false, used: 'grace' }, 'repeat'],
    [{ live: true, expired: true, used: 'grace' }, 'repeat'],
    [{ live: true, expired: false, used: 'spent' }, 'replay'],
    [{ live: true, expired: true, used: 'spent' }, 'replay'],
    [{ live: false, expired: false, used: 'no' }, 'ended'],
    [{ live: false, expired: false, used: 'grace' }, 'ended'],
    [{ live: false, expired: false, used: 'spent' }, 'ended'],
  ] as const)('%j: %s', (token, decision) => expect(decideRefresh(token)).toBe(decision));
});

describe('the successor that is kept', () => {
  const sealed = sealSuccessor('old', 'new');
  it('opens with the spent token alone', () => {
    expect(openSuccessor('old', sealed)).toBe('new');
    expect(openSuccessor('another', sealed)).toBeNull();
    expect(openSuccessor('old', sealed.subarray(0, 20))).toBeNull();
  });
  it('is sealed anew each time, and altered is refused', () => {
    expect(sealSuccessor('old', 'new').equals(sealed)).toBe(false);
    const altered = Buffer.from(sealed);
    altered[14] = (altered[14] ?? 0) ^ 1;
    expect(openSuccessor('old', altered)).toBeNull();
  });
});

describe('I4: the nonce beside a code', () => {
  it('opens under its code alone, and never as a successor', () => {
    const sealed = sealNonce('the-code', 'n-0S6_WzA2Mj ü');
    expect(openNonce('the-code', sealed)).toBe('n-0S6_WzA2Mj ü');
    expect(() => openNonce('another', sealed)).toThrow(/nonce/);
    expect(() => openNonce('the-code', sealed.slice(0, -4))).toThrow(/nonce/);
    expect(openSuccessor('the-code', Buffer.from(sealed, 'base64url'))).toBeNull();
  });
});
