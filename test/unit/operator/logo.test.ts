import { describe, expect, it } from 'vitest';
import { readLogo } from '../../../operator/src/controllers/logo.ts';
import { pngProblem } from '../../../operator/src/registrations/png.ts';
import { png, pngChunk } from '../../support/png.ts';

const small = png(2, 2);
const without = (bytes: Buffer, count: number) => bytes.subarray(0, bytes.length - count);
const flipped = (bytes: Buffer, at: number) => {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};
/** As large as is allowed, by a chunk of text. */
const filled = (size: number) => {
  const text = size - small.length - 12;
  return png(2, 2, 128, pngChunk('tEXt', Buffer.alloc(text, 0x61)));
};

describe('a logo is a whole PNG file within bounds', () => {
  it.each([
    ['a small one', small],
    ['the largest', png(512, 512)],
    ['64 KiB', filled(65_536)],
  ])('%s', (_title, bytes) => expect(pngProblem(bytes)).toBeUndefined());

  it.each([
    ['nothing', Buffer.alloc(0), 'is empty'],
    ['a byte too many', filled(65_537), 'has 65537 bytes, at most 65536 are allowed'],
    ['an SVG file', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'is no PNG file'],
    ['a JPEG file', Buffer.from([0xff, 0xd8, 0xff, 0xe0]), 'is no PNG file'],
    ['the signature alone', small.subarray(0, 8), 'is a broken PNG file'],
    ['too wide', png(513, 1), 'is 513 by 1 pixels, at most 512 a side are allowed'],
    ['too high', png(1, 513), 'is 1 by 513 pixels, at most 512 a side are allowed'],
    ['no pixels', png(0, 2), 'is a broken PNG file'],
    ['cut off', without(small, 1), 'is a broken PNG file'],
    ['without its end', without(small, 12), 'is a broken PNG file'],
    ['a changed byte', flipped(small, 20), 'is a broken PNG file'],
    ['something behind it', Buffer.concat([small, Buffer.from('<script>')]), 'is a broken PNG file'],
    [
      'a length beyond the file',
      Buffer.concat([small.subarray(0, 33), Buffer.alloc(12, 0xff)]),
      'is a broken PNG file',
    ],
  ])('not %s', (_title, bytes, problem) => expect(pngProblem(bytes)).toBe(problem));
});

describe('the ConfigMap of a logo', () => {
  const field = { configMapRef: { name: 'shop-logo', key: 'logo.png' } };
  const read = (data: Record<string, string>, binaryData?: Record<string, string>) =>
    readLogo('spec.logo', field, {
      namespace: 'shop',
      configMap: { namespace: 'shop', name: 'shop-logo', data, ...(binaryData === undefined ? {} : { binaryData }) },
    });

  it('that is not asked for is none', () => {
    expect(readLogo('spec.logo', undefined, { namespace: 'shop', configMap: undefined })).toBeUndefined();
    expect(readLogo('spec.logo', {}, { namespace: 'shop', configMap: undefined })).toBeUndefined();
  });

  it('holds the picture, whatever breaks its lines', () => {
    const lines = small.toString('base64').replaceAll(/.{20}/g, '$&\n');
    expect(read({}, { 'logo.png': lines })).toEqual({ outcome: 'found', picture: small.toString('base64') });
  });

  it.each<[string, Record<string, string>, Record<string, string> | undefined, string]>([
    [
      'without keys',
      {},
      undefined,
      'ConfigMap "shop-logo" has no key "logo.png" (keys: none). Add the picture with: kubectl create configmap --from-file',
    ],
    [
      'with another key',
      { note: 'x' },
      { 'banner.png': 'x' },
      'ConfigMap "shop-logo" has no key "logo.png" (keys: banner.png, note). Add the picture with: kubectl create configmap --from-file',
    ],
    [
      'with a text in its place',
      { 'logo.png': 'x' },
      {},
      'ConfigMap "shop-logo" has no key "logo.png" as binaryData (keys: logo.png). Add the picture with: kubectl create configmap --from-file',
    ],
  ])('%s', (_title, data, binaryData, message) => {
    expect(read(data, binaryData)).toEqual({ outcome: 'unusable', reason: 'LogoNotFound', message });
  });
});
