/** The files that pages load, named after their content so that they may be cached for ever. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

export interface Asset {
  /** Path below the issuer's, such as `/assets/<hash>.css`. */
  readonly path: string;
  readonly body: Buffer;
  /** The body for those who take it so; left out where it is short. It holds no secret that its length could tell. */
  readonly gzipped?: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

const source = readFileSync(new URL('./page.css', import.meta.url), 'utf8');

const pages = asset(compact(source), 'css', 'text/css; charset=utf-8');
export const stylesheet = { ...pages, gzipped: gzipSync(pages.body, { level: 9 }) } satisfies Asset;

/** A keyhole, in the accent of `page.css`. Without it browsers ask for `/favicon.ico` at every first visit. */
export const icon: Asset = asset(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0f4f80"/>' +
    '<path fill="#fff" d="M16 6a6 6 0 0 0-3 11.2L11 26h10l-2-8.8A6 6 0 0 0 16 6z"/></svg>',
  'svg',
  'image/svg+xml',
);

/** @param more follows the hash in the name. */
export function asset(text: string, extension: string, type: string, more = ''): Asset {
  const body = Buffer.from(text);
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 16);
  return {
    path: `/assets/${hash}${more}.${extension}`,
    body,
    headers: {
      'content-type': type,
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
      vary: 'accept-encoding',
    },
  };
}

/** Without comments and indentation; the file holds no strings in which they would matter. */
function compact(css: string): string {
  return css
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\s+/g, ' ')
    .replace(/ ?([{};,]) ?/g, '$1')
    .replace(/: /g, ':')
    .replace(/;}/g, '}')
    .trim();
}
