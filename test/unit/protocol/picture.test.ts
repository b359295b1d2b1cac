import { describe, expect, it } from 'vitest';
import { pictureProblem } from '../../../server/src/protocol/picture.ts';
import { checkRegistration } from '../../../server/src/registry/validate.ts';
import { aClient, aScope, aServer } from '../../support/builders.ts';
import { png } from '../../support/png.ts';

const base64 = (bytes: Buffer) => bytes.toString('base64');

describe('pictures are PNG, at most 64 KiB and 512 pixels', () => {
  it.each([
    ['a small one', png(16, 16), null],
    ['the largest', png(512, 512), null],
    ['one pixel too wide', png(513, 1), 'must be at most 512 by 512 pixels'],
    ['one pixel too high', png(1, 513), 'must be at most 512 by 512 pixels'],
    ['without any width', png(0, 1), 'must be at most 512 by 512 pixels'],
    ['64 KiB', Buffer.concat([png(1, 1), Buffer.alloc(65_536 - png(1, 1).length)]), null],
    ['a byte more', Buffer.concat([png(1, 1), Buffer.alloc(65_537 - png(1, 1).length)]), 'must be at most 64 KiB'],
    ['a GIF', Buffer.from('GIF89a'.padEnd(64, ' ')), 'must be a PNG'],
    ['markup', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'), 'must be a PNG'],
    ['a signature alone', png(1, 1).subarray(0, 8), 'must be a PNG'],
    ['another first chunk', Buffer.from(png(1, 1)).fill('IDAT', 12, 16), 'must be a PNG'],
    ['nothing', Buffer.alloc(0), 'must be a PNG'],
  ])('%s', (_, bytes, problem) => expect(pictureProblem(base64(bytes))).toBe(problem));

  it.each(['====', 'iVBORw0KGgo', 'iVBO Rw0K', 'iVBORw0KGgp='])('base64 that reads two ways is none: %s', (text) => {
    expect(pictureProblem(text)).toBe('must be base64');
  });
});

describe('what an owner puts on the pages is judged when it is written and when it is loaded', () => {
  const branding = (value: object) => checkRegistration('server', 'self', aServer({ branding: value }));
  const logo = base64(png(16, 16));
  it.each([
    ['nothing', {}, null],
    ['all of it', { logo, colors: { light: '#0f4f80' }, links: { help: 'https://a.example/' } }, null],
    ['no picture', { logo: base64(Buffer.from('GIF89a')) }, 'branding.logo must be a PNG'],
    [
      'a link without https',
      { links: { help: 'http://a.example/' } },
      'branding.links.help must be an https URL in ASCII',
    ],
    [
      'A10: a script',
      { links: { terms: 'javascript:alert(1)' } },
      'branding.links.terms must be an https URL in ASCII',
    ],
    [
      'a text that turns the reading direction around',
      { texts: { footer: 'a\u202eb' } },
      'branding.texts.footer must not hold control or direction-changing characters',
    ],
  ])('%s', (_, value, problem) => expect(branding(value)).toBe(problem));

  it('a colour is #rrggbb and nothing else: it stands in a style sheet', () => {
    expect(branding({ colors: { light: 'red;}body{display:none' } })).toContain('branding.colors.light');
  });

  it('a client’s picture', () => {
    const client = (text: string) =>
      checkRegistration('client', 'shop.web', aClient('shop.web').with({ logo: text }).build());
    expect([client(logo), client(base64(png(600, 1)))]).toEqual([null, 'logo must be at most 512 by 512 pixels']);
  });

  it('translations of a scope', () => {
    const check = (translations: object) =>
      checkRegistration('scope', 'shop:orders', { ...aScope('shop:orders'), translations });
    expect(check({ de: { display_name: 'Bestellungen ändern' } })).toBeNull();
    expect(check({ de: { display_name: 'a\u202eb' } })).toContain('direction-changing');
    const many = Array.from({ length: 21 }, (_, at) => [`de-x${at + 10}`, { display_name: 'a' }]);
    expect(check(Object.fromEntries(many))).toBe('translations must be at most 20');
  });
});
