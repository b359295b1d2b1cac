/**
 * The key-encryption key in a file: one line of base64 a key. The first one seals, a second one only opens. While a key is
 * replaced the new one stands second until every process that uses the database holds it, then first.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { resolve, sep } from 'node:path';

export class KeyFileInvalid extends Error {
  readonly code = 'key_file_invalid';
}

/**
 * Reads the keys; makes the file (mode 0600) with one new key when it is not there.
 *
 * @returns the keys, and whether the file was made now.
 * @throws KeyFileInvalid with a message that says what to do and holds nothing of the content
 */
export function readKeyFile(path: string): { readonly keys: readonly Buffer[]; readonly made: boolean } {
  try {
    // `wx`: of two processes that start together one makes the file, and both read the same.
    writeFileSync(path, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
    chmodSync(path, 0o600);
    return { keys: parseKeys(readFileSync(path, 'utf8'), path), made: true };
  } catch (error) {
    if (!isError(error, 'EEXIST')) throw unusable(error, path);
  }
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw unusable(error, path);
  }
  requirePrivate(path);
  return { keys: parseKeys(text, path), made: false };
}

function unusable(error: unknown, path: string): Error {
  if (error instanceof KeyFileInvalid) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  return new KeyFileInvalid(`${path}: the key file cannot be read or made (${code})`);
}

/** A Secret mounted by a cluster is readable for a group; nobody else's file should be readable for all. */
function requirePrivate(path: string): void {
  if (process.platform !== 'win32' && (statSync(path).mode & 0o007) !== 0) {
    throw new KeyFileInvalid(`${path}: others can read the key file; run chmod 600 on it`);
  }
}

function parseKeys(text: string, path: string): readonly Buffer[] {
  const lines = text.split(/\r?\n/).filter((line) => line !== '');
  if (lines.length === 0 || lines.length > 2 || !lines.every((line) => /^[A-Za-z0-9+/]{43}=$/.test(line))) {
    throw new KeyFileInvalid(`${path}: must hold one or two lines, each 32 bytes in base64 (openssl rand -base64 32)`);
  }
  return lines.map((line) => Buffer.from(line, 'base64'));
}

function isError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/**
 * A copy of the database's folder must not carry the key that opens it.
 *
 * @throws KeyFileInvalid
 */
export function requireOutsideDatabase(path: string, databaseUrl: string): void {
  const given = databaseUrl.startsWith('pglite:') ? databaseUrl.slice('pglite:'.length) : '';
  if (given === '') return;
  const folder = resolve(given);
  if (`${resolve(path)}${sep}`.startsWith(`${folder}${sep}`)) {
    throw new KeyFileInvalid(`${path}: the key file must lie outside the database folder`);
  }
}
