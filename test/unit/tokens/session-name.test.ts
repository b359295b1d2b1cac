import { createSecretKey, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { sessionNames } from '../../../server/src/tokens/session-name.ts';

const names = (seed = 1) => sessionNames(() => createSecretKey(Buffer.alloc(32, seed)));
const unread = sessionNames(() => {
  throw new Error('the salt was read');
});
const pairwise = (sector: string) => ({ subject_type: 'pairwise', sector_identifier: sector }) as const;
const id = randomUUID();

describe('the sid that a client is told', () => {
  it.each([{}, { subject_type: 'public' } as const])('public (%j): the id itself, without the salt', (client) => {
    expect(unread.told(client, id)).toBe(id);
    expect(unread.meant(client, id)).toBe(id);
  });

  it('pairwise: the same in one sector, another in another, for another session, under another salt, and not the id', () => {
    expect(names().told(pairwise('a.example'), id)).toBe(names().told(pairwise('a.example'), id));
    const all = [
      id,
      names().told(pairwise('a.example'), id),
      names().told(pairwise('b.example'), id),
      names().told(pairwise('a.example'), randomUUID()),
      names(2).told(pairwise('a.example'), id),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  it('pairwise: is read back for its own sector alone, and for another means no session, not some session', () => {
    const told = names().told(pairwise('a.example'), id);
    expect(names().meant(pairwise('a.example'), told)).toBe(id);
    // Some other block would pass for an id now and then.
    for (let turn = 0; turn < 200; turn += 1) {
      expect(names().meant(pairwise(`b${turn}.example`), told)).toBeUndefined();
    }
    expect(names(2).meant(pairwise('a.example'), told)).toBeUndefined();
    expect(names().meant(pairwise('a.example'), `${told.startsWith('A') ? 'B' : 'A'}${told.slice(1)}`)).toBeUndefined();
  });

  it('told before the client became pairwise, it is read as it stands; after it ceased to be, while its sector is known', () => {
    expect(names().meant(pairwise('a.example'), id)).toBe(id);
    const told = names().told(pairwise('a.example'), id);
    expect(names().meant({ sector_identifier: 'a.example' }, told)).toBe(id);
    expect(names().meant({}, told)).toBeUndefined();
  });

  it.each(['', 's', 'x'.repeat(22).concat('=='), id.slice(1), `${id}x`])('%j means no session', (sid) =>
    expect(names().meant({}, sid)).toBeUndefined(),
  );

  it('pairwise without a sector is told nothing', () =>
    expect(() => names().told({ subject_type: 'pairwise' }, id)).toThrow(/sector/));
});
