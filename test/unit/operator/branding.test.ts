/** Accent colours that people can read, a logo, words: what an AuthorizationServer shows, and what it says about it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { brandingConditions, showBranding } from '../../../operator/src/controllers/authorization-server/branding.ts';
import { contrast, pageColors, readable } from '../../../operator/src/registrations/contrast.ts';
import { oneLine } from '../../../operator/src/runtime/conditions.ts';
import { root } from '../../rules/sources.ts';
import { png } from '../../support/png.ts';

const schemes = ['light', 'dark'] as const;
const color = fc.integer({ min: 0, max: 0xffffff }).map((value) => `#${value.toString(16).padStart(6, '0')}`);

describe('accent colours', () => {
  it.each([
    ['#000000', '#ffffff', 21],
    ['#ffffff', '#ffffff', 1],
    ['#777777', '#ffffff', 4.48],
    ['#0000ff', '#ffffff', 8.59],
  ])('the contrast of %s on %s is %d:1 (WCAG 2.2)', (one, other, ratio) => {
    expect(contrast(one, other)).toBeCloseTo(ratio, 2);
    expect(contrast(other, one)).toBeCloseTo(ratio, 2);
  });

  it('have 4.5:1 on everything they stand on, whatever was asked for', () => {
    fc.assert(
      fc.property(color, fc.constantFrom(...schemes), (asked, scheme) => {
        const { color: shown, was } = readable(asked, scheme);
        for (const page of pageColors[scheme]) expect(contrast(shown, page)).toBeGreaterThanOrEqual(4.5);
        // One that can be read stays as it is.
        expect(was === undefined).toBe(shown === asked);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['light', '#ffcc00', '#7e6500'],
    ['dark', '#003366', '#7490ac'],
    ['light', '#FFFFFF', '#676767'],
    ['dark', '#000000', '#8d8d8d'],
  ] as const)('%s: %s becomes %s, of the same hue', (scheme, asked, shown) => {
    expect(readable(asked, scheme).color).toBe(shown);
  });

  it('are judged against the colours of the pages', () => {
    const css = readFileSync(join(root, 'server/src/views/page.css'), 'utf8');
    const blocks = [...css.matchAll(/:root \{([^}]*)\}/g)].map(([, block = '']) => block);
    const full = (value: string) => (/^#[0-9a-f]{3}$/.test(value) ? value.replaceAll(/[0-9a-f]/g, '$&$&') : value);
    for (const [index, scheme] of schemes.entries()) {
      const named = (name: string) => new RegExp(`--${name}: (#[0-9a-f]+);`).exec(blocks[index] ?? '')?.[1] ?? '';
      expect(['page', 'sky', 'card', 'tint'].map((name) => full(named(name)))).toEqual(pageColors[scheme]);
      // Our own needs no adjusting.
      expect(readable(named('accent'), scheme)).toEqual({ color: named('accent') });
    }
  });
});

describe('BrandingAdjusted', () => {
  const show = (branding: Record<string, unknown>, picture?: Buffer) =>
    showBranding(
      { branding },
      {
        namespace: 'auth',
        logo:
          picture === undefined
            ? undefined
            : { namespace: 'auth', name: 'logo', data: {}, binaryData: { 'logo.png': picture.toString('base64') } },
      },
    );
  const logo = { configMapRef: { name: 'logo', key: 'logo.png' } };

  it('is not there while nothing was adjusted', () => {
    const shown = show({ displayName: 'Example', colors: { light: '#0F4F80' }, logo }, png(8, 8));
    expect(shown).toMatchObject({ colors: { light: '#0f4f80' }, logo: png(8, 8).toString('base64'), adjusted: [] });
    expect(brandingConditions(shown)).toEqual([]);
    expect(brandingConditions(show({}))).toEqual([]);
  });

  it.each<[string, Record<string, unknown>, Buffer | undefined, string, string]>([
    [
      'a pale colour',
      { colors: { light: '#ffcc00' } },
      undefined,
      'ContrastTooLow',
      'spec.branding.colors.light: #ffcc00 has a contrast of 1.2:1 on the pages, 4.5:1 is needed. #7e6500 is shown; choose a darker colour',
    ],
    [
      'a dark one on dark pages',
      { colors: { dark: '#003366' } },
      undefined,
      'ContrastTooLow',
      'spec.branding.colors.dark: #003366 has a contrast of 1.1:1 on the pages, 4.5:1 is needed. #7490ac is shown; choose a lighter colour',
    ],
    [
      'a logo that is not there',
      { logo },
      undefined,
      'LogoNotFound',
      'ConfigMap "logo" named in spec.branding.logo.configMapRef does not exist in namespace auth. No logo is shown until it does',
    ],
    [
      'a logo that is too large',
      { logo },
      png(513, 8),
      'LogoInvalid',
      'ConfigMap "logo", key "logo.png": is 513 by 8 pixels, at most 512 a side are allowed. Put a PNG file of at most 64 KiB and 512 pixels a side there',
    ],
  ])('%s', (_title, branding, picture, reason, message) => {
    const conditions = brandingConditions(show(branding, picture));
    expect(conditions).toEqual([{ type: 'BrandingAdjusted', status: 'True', reason, message }]);
    expect(oneLine(message)).toBe(message);
  });

  it('tells all of it, the colours first', () => {
    const [condition] = brandingConditions(show({ colors: { light: '#ffcc00' }, logo }));
    expect(condition).toMatchObject({ reason: 'ContrastTooLow' });
    expect(condition?.message).toMatch(/choose a darker colour; ConfigMap "logo" named in/);
  });
});
