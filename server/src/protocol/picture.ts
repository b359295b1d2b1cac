/** PURE. The pictures that registrations bring for our pages: PNG (ISO/IEC 15948), small, and nothing else. */

export const maxPictureBytes = 65_536;
export const maxPicturePixels = 512;

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** @param text base64. @returns what is wrong with it, or `null`. */
export function pictureProblem(text: string): string | null {
  const bytes = Buffer.from(text, 'base64');
  // The decoder forgives; what it would not write back the same way is no base64.
  if (bytes.toString('base64') !== text) return 'must be base64';
  if (bytes.length > maxPictureBytes) return 'must be at most 64 KiB';
  if (!bytes.subarray(0, 8).equals(signature) || !hasHeader(bytes)) return 'must be a PNG';
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  const fits = (pixels: number): boolean => pixels >= 1 && pixels <= maxPicturePixels;
  return fits(width) && fits(height) ? null : 'must be at most 512 by 512 pixels';
}

/** The first chunk of every PNG is IHDR, of 13 bytes (§11.2.1). */
function hasHeader(bytes: Buffer): boolean {
  return bytes.length > 33 && bytes.readUInt32BE(8) === 13 && bytes.toString('latin1', 12, 16) === 'IHDR';
}
