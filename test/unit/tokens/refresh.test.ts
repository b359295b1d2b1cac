import { describe, expect, it } from 'vitest';
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
