import { hash, randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  carried,
  type Interaction,
  interactionLifetime,
  maxSealedText,
  openAnswer,
  openInteraction,
  readingOf,
  restarted,
  sealAnswer,
  sealedLifetime,
  sealedOf,
  sealedText,
  sealInteraction,
} from '../../../server/src/interaction/sealed-request.ts';
import { createSealer } from '../../../server/src/keys/sealer.ts';
import { epochSeconds } from '../../../server/src/protocol/time.ts';

const sealer = createSealer([randomBytes(32)]);
const now = epochSeconds(1_800_000_000);
const interaction: Interaction = {
  grantId: 'a-grant',
  startedAt: now,
  parameters: [
    ['client_id', 'shop.web'],
    ['state', 'ß "<>&'],
  ],
};
const sealed = sealInteraction(sealer, interaction, 'browser-a');
const open = (bytes: Uint8Array, browser = 'browser-a', offset = 0) =>
  openInteraction(sealer, bytes, browser, epochSeconds(now + offset));

describe('a request on its way', () => {
  it('opens for the browser that it was sealed for, as it came', () => {
    expect(open(sealed)).toEqual({ outcome: 'open', interaction });
    expect(readingOf(interaction).parameters.get('state')).toBe('ß "<>&');
  });

  it.each(['"', '\\', '\u0001', '\n', 'ß', '東'])(
    'whatever stands in it (%j), what fitted into a request target fits into one of ours',
    (character) => {
      const state = character.repeat(Math.floor(16_000 / Buffer.byteLength(character)));
      const long: Interaction = { ...interaction, parameters: [['state', state]] };
      const bytes = sealInteraction(sealer, long, 'browser-a');
      expect(sealedText(bytes).length).toBeLessThan(maxSealedText);
      expect(open(bytes)).toEqual({ outcome: 'open', interaction: long });
    },
  );

  it('a long state takes no more room than it holds: of random base64url, six bits for a character', () => {
    const state = randomBytes(6144).toString('base64url');
    const bytes = sealInteraction(sealer, { ...interaction, parameters: [['state', state]] }, 'browser-a');
    expect(bytes.length).toBeLessThan(6144 + 400);
    expect(open(bytes)).toMatchObject({ interaction: { parameters: [['state', state]] } });
  });

  it('the length of a sealed request tells nothing of a person to who wrote the request', () => {
    // The same each time: what looks random repeats itself somewhere by chance, and that takes less room.
    const filler = Array.from({ length: 47 }, (_, at) => hash('sha256', String(at), 'base64url')).join('');
    const lengthWith = (guess: string) =>
      sealInteraction(
        sealer,
        {
          ...interaction,
          parameters: [['state', guess + filler]],
          hinted: 'subject-of-ada-lovelace',
          signedIn: 'session-of-ada-lovelace',
          note: { kind: 'login', username: 'ada.lovelace@example.com' },
        },
        'browser-a',
      ).length;
    const guesses = ['subject-of-ada-lovelace', 'session-of-ada-lovelace', 'ada.lovelace@example.com'];
    // The same letters in another order: without the secret beside them they take as many bytes.
    const turned = (text: string) => text.slice(7) + text.slice(0, 7);
    for (const guess of guesses)
      expect(Math.abs(lengthWith(guess) - lengthWith(turned(guess))), guess).toBeLessThanOrEqual(2);
  });

  it('A16: opens for no other browser', () => expect(open(sealed, 'browser-b')).toEqual({ outcome: 'unreadable' }));

  it('A19: any altered byte makes it unreadable', () => {
    for (let index = 0; index < sealed.length; index++) {
      const altered = Buffer.from(sealed);
      altered[index] = (altered[index] ?? 0) ^ 1;
      expect(open(altered).outcome).toBe('unreadable');
    }
  });

  it('what another version sealed and writes otherwise is unreadable, and nothing grows without a bound', () => {
    const head = { ...interaction, isDeflated: true, parameters: [['state', 4]] };
    const wrapped = (tail: Buffer) =>
      open(
        sealer.seal(Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), tail]), [
          'authorization request',
          'browser-a',
        ]),
      );
    expect(wrapped(Buffer.from('plain'))).toEqual({ outcome: 'unreadable' });
    expect(wrapped(deflateRawSync(Buffer.alloc(10_000_000)))).toEqual({ outcome: 'unreadable' });
    expect(wrapped(deflateRawSync(Buffer.from('text')))).toMatchObject({
      interaction: { parameters: [['state', 'text']] },
    });
  });

  it.each([
    [interactionLifetime, 'open'],
    [interactionLifetime + 1, 'expired'],
    [sealedLifetime, 'expired'],
    [sealedLifetime + 1, 'forgotten'],
  ])('after %i s it is %s', (offset, outcome) => expect(open(sealed, 'browser-a', offset).outcome).toBe(outcome));

  it('text that is no base64url, or too long, is nothing', () => {
    expect(sealedOf(sealedText(sealed))).toEqual(sealed);
    for (const text of ['', 'a b', 'a=', '../x', 'x'.repeat(40_000)]) expect(sealedOf(text)).toBeNull();
  });

  it('only parameters that are looked at travel', () => {
    const parameters = new Map([
      ['client_id', 'c'],
      ['password', 'p'],
      ['display', 'popup'],
    ]);
    expect(carried(parameters)).toEqual([['client_id', 'c']]);
  });

  it('starts again as another request: nothing that happened is kept', () => {
    const before: Interaction = { ...interaction, signedIn: 's', switching: true, shown: { session: 's', scopes: [] } };
    expect(restarted(before, 'another-grant', now)).toEqual({ ...interaction, grantId: 'another-grant' });
  });
});

describe('an answer that is kept', () => {
  const answer = {
    kind: 'issued',
    response: { by: 'uri', uri: 'https://shop.example.com/cb?code=x' },
    refused: [],
    interaction,
  } as const;
  const kept = sealAnswer(sealer, answer, 'browser-a');

  it('opens for its browser and request alone', () => {
    expect(openAnswer(sealer, kept, 'browser-a', 'a-grant')).toEqual(answer);
    expect(openAnswer(sealer, kept, 'browser-b', 'a-grant')).toBeNull();
    expect(openAnswer(sealer, kept, 'browser-a', 'another')).toBeNull();
  });

  it('is no request, nor the reverse', () => {
    expect(open(kept).outcome).toBe('unreadable');
    expect(openAnswer(sealer, sealed, 'browser-a', 'a-grant')).toBeNull();
  });
});
