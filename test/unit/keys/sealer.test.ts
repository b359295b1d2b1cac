import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createSealer } from '../../../server/src/keys/sealer.ts';

const [one, two, other] = [randomBytes(32), randomBytes(32), randomBytes(32)];
const place = ['signing_keys', 'kid-1'];
const plain = Buffer.from('a private key');

describe('sealing', () => {
  const sealer = createSealer([one]);
  const sealed = sealer.seal(plain, place);

  it('opens at its place', () => expect(sealer.open(sealed, place)).toEqual(plain));
  it('is another one each time', () => expect(sealer.seal(plain, place)).not.toEqual(sealed));
  it('holds nothing of the value', () => expect(sealed.includes(plain)).toBe(false));
  it('takes an empty value and an empty place', () =>
    expect(sealer.open(sealer.seal(Buffer.alloc(0), []), [])).toEqual(Buffer.alloc(0)));

  it.each([
    ['in another row', ['signing_keys', 'kid-2']],
    ['in another table', ['directories', 'kid-1']],
    ['at the same letters cut otherwise', ['signing_keysk', 'id-1']],
    ['at a longer place', ['signing_keys', 'kid-1', '']],
    ['at no place', []],
  ])('a copy does not open %s', (_name, elsewhere) => expect(sealer.open(sealed, elsewhere)).toBeNull());

  it('A19: any altered or missing byte refuses all of it', () => {
    for (let index = 0; index < sealed.length; index += 1) {
      const altered = Buffer.from(sealed);
      altered[index] = (altered[index] ?? 0) ^ 1;
      expect(sealer.open(altered, place)).toBeNull();
      expect(sealer.open(sealed.subarray(0, index), place)).toBeNull();
    }
    expect(sealer.open(Buffer.concat([sealed, Buffer.from([0])]), place)).toBeNull();
  });

  it('two keys are accepted while one is being replaced, the first one seals', () => {
    const both = createSealer([two, one]);
    expect(both.open(sealed, place)).toEqual(plain);
    expect(both.isNewest(sealed)).toBe(false);
    expect(createSealer([two]).open(both.seal(plain, place), place)).toEqual(plain);
  });

  it('a wrong key is told from an altered value', () => {
    expect(createSealer([other]).open(sealed, place)).toBeNull();
    expect(createSealer([other]).knowsKeyOf(sealed)).toBe(false);
    expect(createSealer([one]).knowsKeyOf(sealed)).toBe(true);
  });

  it('keys derived for a purpose are equal on replicas and differ by purpose', () => {
    const key = (keys: readonly Buffer[], purpose: string) =>
      createSealer(keys).derive(purpose).export().toString('hex');
    expect(key([one], 'forms')).toBe(key([one, two], 'forms'));
    expect(key([one], 'forms')).not.toBe(key([one], 'other'));
    expect(key([one], 'forms')).not.toBe(key([two], 'forms'));
  });

  it.each([[[]], [[randomBytes(31)]], [[one, randomBytes(16)]]])('refuses keys of another length', (keys) =>
    expect(() => createSealer(keys)).toThrow(RangeError),
  );
});
