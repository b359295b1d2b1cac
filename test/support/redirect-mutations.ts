/** Redirect URIs as an attacker may try them, and requests that are refused in every way: the same ones for the same seed. */
import { randomInt } from 'node:crypto';
import { responseModes, responseTypes } from '../../server/src/protocol/terms.ts';

/** The seed of a run; what fails names it, and the variable has the same run again. */
export const seed = Number(process.env.NAUTHERA_TEST_SEED ?? randomInt(2 ** 31));

/** Numbers from 0 to 1 (mulberry32): the same for the same seed. */
function random(from: number): () => number {
  let state = from;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Chance {
  readonly below: (end: number) => number;
  readonly pick: <T>(from: readonly T[]) => T;
}

export const registered = [
  'https://shop.example.com/cb',
  'https://shop.example.com/cb?tenant=a',
  'http://127.0.0.1/cb',
  'http://localhost:4000/cb',
];

const pieces = [
  '/',
  '//',
  '\\',
  '.',
  '..',
  '/../',
  '/./',
  '%2e%2e/',
  '..;/',
  '%2f',
  '%5c',
  '%00',
  '%0d%0a',
  '%09',
  '\t',
  '\n',
  ' ',
  '@',
  ':',
  '#',
  '?',
  '&',
  '%',
  '*',
  'a',
  'Z',
  '0',
  '.evil.example',
  '@evil.example',
  '\\@evil.example',
  '#@evil.example',
  'evil.example/',
  '//evil.example',
  'é',
  '\u202e',
  '。',
  '％2f',
  '&code=x',
  '?x=1',
  ';x',
  ':443',
  ':80',
  '[::1]',
  'javascript:',
  'data:,',
  '\u0000',
  "'",
  '"',
  '<',
  '`',
  '{',
  '|',
  '^',
];
/** One change that an attacker may try; mostly another URI. */
const changes = ({ below, pick }: Chance): readonly ((uri: string) => string)[] => [
  (uri) => insert(uri, below(uri.length + 1), pick(pieces)),
  (uri) => uri + pick(pieces),
  (uri) => pick(pieces) + uri,
  (uri) => replace(uri, below(uri.length), pick(pieces)),
  (uri) => replace(uri, below(uri.length), ''),
  (uri) => replace(uri, below(uri.length), (one) => `%${one.charCodeAt(0).toString(16).padStart(2, '0')}`),
  (uri) =>
    replace(uri, below(uri.length), (one) => (one === one.toUpperCase() ? one.toLowerCase() : one.toUpperCase())),
  (uri) =>
    uri.replace(
      'shop.example.com',
      pick([
        'evil.example',
        'shop.example.com.evil.example',
        'shop.example.com@evil.example',
        'shop-example.com',
        'example.com',
        'shop.example.com.',
      ]),
    ),
  (uri) => uri.replace(/^https?/, pick(['http', 'https', 'HTTPS', 'ftp', 'javascript', 'file', ''])),
  (uri) =>
    uri.replace(
      /(127\.0\.0\.1|localhost)(:\d+)?/,
      pick([
        '127.0.0.1:1',
        '127.1',
        '0x7f.1',
        '[::1]',
        'localhost',
        '127.0.0.1.evil.example',
        '127.0.0.1:99999',
        '127.0.0.1:080',
      ]),
    ),
  (uri) => encodeURIComponent(uri),
  (uri) => `${uri}${' '.repeat(below(4))}${pick(registered)}`,
];
function insert(text: string, at: number, piece: string): string {
  return text.slice(0, at) + piece + text.slice(at);
}
function replace(text: string, at: number, by: string | ((one: string) => string)): string {
  return text.slice(0, at) + (typeof by === 'string' ? by : by(text.charAt(at))) + text.slice(at + 1);
}

/** Every way to be refused, and to be answered. */
const branches: readonly Readonly<Record<string, string | undefined>>[] = [
  {},
  { prompt: 'none' },
  { scope: 'openid admin' },
  { scope: 'profile' },
  { nonce: undefined },
  { prompt: 'none login' },
  { prompt: 'create' },
  { code_challenge: undefined },
  { code_challenge_method: 'plain' },
  { request: 'eyJ' },
  { request_uri: 'https://evil.example/' },
  { registration: '{}' },
  { max_age: '-1' },
  { response_mode: 'web_message' },
  { response_mode: 'query' },
  { response_type: undefined },
  { response_type: 'code magic' },
  { client_id: 'shop.code' },
  { client_id: 'nobody' },
  { client_id: undefined },
  { claims: '{' },
  { state: '"><script>' },
];

/** Registered, or one of the loopback exceptions: the port alone may differ. */
export function isMeant(uri: string): boolean {
  return registered.includes(uri) || /^http:\/\/127\.0\.0\.1:[1-9][0-9]{0,4}\/cb$/.test(uri);
}

export interface Attempt {
  readonly uri: string;
  /** Changes to a good request. */
  readonly asked: Readonly<Record<string, string | undefined>>;
}

export function attempts(from: number): () => Attempt {
  const next = random(from);
  const below = (end: number): number => Math.floor(next() * end);
  const pick = <T>(all: readonly T[]): T => all[below(all.length)] as T;
  const all = changes({ below, pick });
  return () => {
    let uri = pick(registered);
    for (let edits = below(4); edits > 0; edits--) uri = pick(all)(uri);
    const response_mode = pick([...responseModes, undefined]);
    return { uri, asked: { response_type: pick(responseTypes), response_mode, ...pick(branches) } };
  };
}
