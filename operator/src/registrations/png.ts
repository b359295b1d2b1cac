/** PURE. Whether bytes are a PNG file that pages may show: whole, of one piece, and not larger than the bounds. */
import { crc32 } from 'node:zlib';
import { logoBounds } from '@nauthera/crds';

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Length and type before the data of a chunk, checksum behind. */
const head = 8;
const tail = 4;

/** What is wrong, as the end of a sentence; `undefined`: nothing. What stands in the pixels is not looked at. */
export function pngProblem(bytes: Buffer): string | undefined {
  if (bytes.length === 0) return 'is empty';
  if (bytes.length > logoBounds.bytes) return `has ${bytes.length} bytes, at most ${logoBounds.bytes} are allowed`;
  if (!bytes.subarray(0, signature.length).equals(signature)) return 'is no PNG file';
  const size = sizeOf(bytes);
  if (size === undefined || !isWhole(bytes)) return 'is a broken PNG file';
  const { width, height } = size;
  if (width > logoBounds.pixels || height > logoBounds.pixels)
    return `is ${width} by ${height} pixels, at most ${logoBounds.pixels} a side are allowed`;
  return undefined;
}

function sizeOf(bytes: Buffer): { readonly width: number; readonly height: number } | undefined {
  const from = signature.length;
  if (bytes.length < from + head + 8 || bytes.toString('latin1', from + 4, from + head) !== 'IHDR') return undefined;
  const width = bytes.readUInt32BE(from + head);
  const height = bytes.readUInt32BE(from + head + 4);
  return width > 0 && height > 0 ? { width, height } : undefined;
}

/** Chunk after chunk up to IEND and nothing behind it: a file that is a picture and something else as well is none. */
function isWhole(bytes: Buffer): boolean {
  let at = signature.length;
  let drawn = false;
  while (at + head + tail <= bytes.length) {
    const length = bytes.readUInt32BE(at);
    const end = at + head + length + tail;
    if (end > bytes.length) return false;
    const type = bytes.toString('latin1', at + 4, at + head);
    if (crc32(bytes.subarray(at + 4, end - tail)) !== bytes.readUInt32BE(end - tail)) return false;
    drawn ||= type === 'IDAT';
    if (type === 'IEND') return drawn && end === bytes.length;
    at = end;
  }
  return false;
}
