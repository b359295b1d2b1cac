import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accentSheet, accentSheetAt, textOn } from '../../../server/src/views/index.ts';

const channel = (digits: string): number => {
  const value = Number.parseInt(digits, 16) / 255;
  return value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
};
const luminance = (color: string): number =>
  0.2126 * channel(color.slice(1, 3)) + 0.7152 * channel(color.slice(3, 5)) + 0.0722 * channel(color.slice(5, 7));

describe('accents of an owner', () => {
  it('the text on any colour has at least 4.5 to 1', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffff }), (number) => {
        const color = `#${number.toString(16).padStart(6, '0')}`;
        const own = luminance(color);
        const contrast = textOn(color) === '#000' ? (own + 0.05) / 0.05 : 1.05 / (own + 0.05);
        expect(contrast).toBeGreaterThanOrEqual(4.5);
      }),
      { numRuns: 2000 },
    );
  });

  it('a scheme without a colour of its own keeps ours', () => {
    expect(accentSheet({})).toBeUndefined();
    expect(accentSheet({ dark: '#ffffff' })?.body.toString()).toBe(
      '@media (prefers-color-scheme:dark) and (forced-colors:none){:root{--accent:#ffffff;--on-accent:#000}}',
    );
  });

  it('is found again by its path alone, and by no other', () => {
    const sheet = accentSheet({ light: '#0f4f80', dark: '#94c8f3' });
    const path = sheet?.path ?? '';
    expect(accentSheetAt(path)?.body.equals(sheet?.body ?? Buffer.alloc(0))).toBe(true);
    for (const other of [
      path.replace('0f4f80', '0f4f81'),
      path.replace(/\/assets\/./, '/assets/x'),
      path.replace('94c8f3', 'none'),
      '/assets/none-none.css',
      `${path}?x`,
    ]) {
      expect(accentSheetAt(other)).toBeUndefined();
    }
  });
});
