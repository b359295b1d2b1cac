import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { subjectFor } from '../../../server/src/tokens/subject.ts';

const salt = () => createSecretKey(Buffer.alloc(32, 1));
const otherSalt = () => createSecretKey(Buffer.alloc(32, 2));
const unread = () => {
  throw new Error('the salt was read');
};
const pairwise = (sector: string) => ({ subject_type: 'pairwise', sector_identifier: sector }) as const;
const user = 'u_Yx1qk0mUbnPB2Fq3Vf8hTn2t6wq6i1qQ0dyvYyB0ZkE';

describe('OpenID Connect Core §8: subjects', () => {
  it.each([{}, { subject_type: 'public' } as const])('public (%j): the subject itself, without the salt', (client) =>
    expect(subjectFor(client, user, unread)).toBe(user),
  );

  it('pairwise: begins with u_ and has 256 bits, so that it is no client id', () =>
    expect(subjectFor(pairwise('shop.example.com'), user, salt)).toMatch(/^u_[A-Za-z0-9_-]{43}$/));

  it('pairwise: the same for one user in one sector, each time', () =>
    expect(subjectFor(pairwise('a.example'), user, salt)).toBe(subjectFor(pairwise('a.example'), user, salt)));

  it('pairwise: another one in another sector, for another user, under another salt, and not the subject', () => {
    const all = [
      user,
      subjectFor(pairwise('a.example'), user, salt),
      subjectFor(pairwise('b.example'), user, salt),
      subjectFor(pairwise('a.example'), `${user}x`, salt),
      subjectFor(pairwise('a.example'), user, otherSalt),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  it('pairwise without a sector is nobody', () =>
    expect(() => subjectFor({ subject_type: 'pairwise' }, user, salt)).toThrow(/sector/));
});
