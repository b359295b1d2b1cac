/** PURE. Values of settings. Each throws a RangeError whose message completes "must be …". */
import { isIP } from 'node:net';

/** Where everything is stored. */
export interface DatabaseSetting {
  /** `pglite:FOLDER` or a Postgres URL. */
  readonly url: string;
  /** Folder of an embedded database. */
  readonly folder: string | undefined;
}

export function database(text: string): DatabaseSetting {
  const folder = text.startsWith('pglite:') ? text.slice('pglite:'.length) : undefined;
  const isPostgres = /^postgres(?:ql)?:\/\//.test(text) && URL.canParse(text);
  if (folder === '' || (folder === undefined && !isPostgres))
    throw new RangeError('postgres://user@host/database or pglite:FOLDER');
  return { url: text, folder };
}

export function wholeNumber(from: number, to: number, unit = ''): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= from && value <= to)) throw new RangeError(`${from} to ${to}${unit === '' ? '' : ` ${unit}`}`);
    return value;
  };
}

export const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const objectName = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const image = /^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,511}$/;

export function matching(pattern: RegExp, what: string): (text: string) => string {
  return (text) => {
    if (!pattern.test(text)) throw new RangeError(what);
    return text;
  };
}

export const namespace = matching(label, 'the name of a namespace');
export const nameOfObject = matching(objectName, 'the name of an object');
export const imageName = matching(image, 'an image, e.g. registry.example.com/nauthera:0.1.0');

/** Each once, in the order given; none of an empty text. */
function list(text: string): readonly string[] {
  return text === '' ? [] : [...new Set(text.split(',').map((item) => item.trim()))];
}

/** At least one. */
export function namespaces(text: string): readonly string[] {
  const names = list(text);
  if (names.length === 0 || !names.every((name) => label.test(name)))
    throw new RangeError('names of namespaces, separated by commas');
  return names;
}

export function namesOfSecrets(text: string): readonly string[] {
  const names = list(text);
  if (!names.every((name) => objectName.test(name))) throw new RangeError('names of Secrets, separated by commas');
  return names;
}

export function networks(text: string): readonly string[] {
  const found = list(text);
  if (!found.every(isNetwork)) throw new RangeError('networks such as 10.2.0.0/16 or fd00::/8, separated by commas');
  return found;
}

function isNetwork(text: string): boolean {
  const [address = '', length = '', ...more] = text.split('/');
  const bits = { 4: 32, 6: 128 }[isIP(address)];
  return more.length === 0 && bits !== undefined && /^\d{1,3}$/.test(length) && Number(length) <= bits;
}
