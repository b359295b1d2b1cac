/** The key-encryption key without a cluster: a private file, 32 random bytes in base64, a second line is the older key. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';

/** The message says what to do and holds nothing of the file. */
export class KeyFileError extends Error {
  readonly code = 'key_file';
}

export interface KeyFile {
  /** Newest first. */
  readonly keys: readonly Uint8Array[];
  readonly created: boolean;
}

/**
 * Reads the key file, or makes it (0600).
 * @param databaseFolder whoever gets hold of the database folder must not find the key in it
 * @throws KeyFileError
 */
export async function loadKeyFile(path: string, databaseFolder: string | undefined): Promise<KeyFile> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const real = join(await realpath(dirname(path)), basename(path));
  if (databaseFolder !== undefined && `${real}${sep}`.startsWith(`${await realOrResolved(databaseFolder)}${sep}`))
    throw new KeyFileError(
      `${path} lies inside the database folder, where a copy of the database would carry it along: choose another place`,
    );
  return (await read(path)) ?? (await create(path)) ?? required(await read(path), path);
}

async function read(path: string): Promise<KeyFile | undefined> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw new KeyFileError(`${path} cannot be read (${codeOf(error)})`);
  }
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new KeyFileError(`${path} is not a file`);
    if ((found.mode & 0o077) !== 0)
      throw new KeyFileError(`${path} can be read by other users of this machine: run chmod 600 ${path}`);
    if (found.size > 1024) throw new KeyFileError(`${path} is not a key file: it is too long`);
    return { keys: parse(await file.readFile('utf8'), path), created: false };
  } finally {
    await file.close();
  }
}

function parse(text: string, path: string): Uint8Array[] {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const keys = lines.map((line) => Buffer.from(line, 'base64'));
  const whole = keys.every((key, index) => key.length === 32 && key.toString('base64') === lines[index]);
  if (keys.length < 1 || keys.length > 2 || !whole)
    throw new KeyFileError(
      `${path} must hold one line of 32 bytes in base64, or two (the second is the older key): make one with openssl rand -base64 32`,
    );
  return keys;
}

/** `undefined`: another process made it first. */
async function create(path: string): Promise<KeyFile | undefined> {
  const key = randomBytes(32);
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, 'wx', 0o600);
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return undefined;
    throw new KeyFileError(`${path} cannot be written (${codeOf(error)})`);
  }
  try {
    await file.writeFile(`${key.toString('base64')}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  return { keys: [key], created: true };
}

function required(file: KeyFile | undefined, path: string): KeyFile {
  if (file === undefined) throw new KeyFileError(`${path} cannot be made`);
  return file;
}

async function realOrResolved(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    // Not there yet: as far as it exists.
    const parent = dirname(resolve(path));
    return parent === resolve(path) ? parent : join(await realOrResolved(parent), basename(path));
  }
}

function hasCode(error: unknown, code: string): boolean {
  return codeOf(error) === code;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
