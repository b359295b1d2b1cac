/** The one file that pages load, named after its content so that it may be cached for ever. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface Asset {
  /** Path below the issuer's, `/assets/<hash>.css`. */
  readonly path: string;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

const source = readFileSync(new URL('./page.css', import.meta.url), 'utf8');
const body = Buffer.from(compact(source));
const hash = createHash('sha256').update(body).digest('hex').slice(0, 16);

export const stylesheet: Asset = {
  path: `/assets/${hash}.css`,
  body,
  headers: {
    'content-type': 'text/css; charset=utf-8',
    'cache-control': 'public, max-age=31536000, immutable',
    'x-content-type-options': 'nosniff',
  },
};

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
