/**
 * The lock of a PGlite folder. Two processes on one folder would destroy it, and PGlite does not notice. The lock is one of
 * the operating system, taken through SQLite: it ends with the process, however that ends, so it never has to be judged
 * stale.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Another process (or this one) has the folder open. */
export class DatabaseFolderInUse extends Error {
  readonly code = 'database_folder_in_use';
  constructor(folder: string, holder: string | undefined) {
    super(
      `the database folder ${folder} is in use${holder === undefined ? '' : ` by process ${holder}`}: it serves one process at a time`,
    );
    this.name = 'DatabaseFolderInUse';
  }
}

/** It cannot be made, or not be written to. */
export class DatabaseFolderUnusable extends Error {
  readonly code = 'database_folder_unusable';
  constructor(folder: string, cause: unknown) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    const why = code === 'EEXIST' || code === 'ENOTDIR' ? 'is no folder' : `cannot be made or written (${code})`;
    super(`the database folder ${folder} ${why}: choose another`, { cause });
    this.name = 'DatabaseFolderUnusable';
  }
}

/** @returns what gives the lock back. @throws DatabaseFolderInUse, DatabaseFolderUnusable */
export function lockFolder(folder: string): () => void {
  const lock = openLock(folder);
  const holder = join(folder, 'lock.pid');
  try {
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (error instanceof Error && error.message.includes('locked')) throw new DatabaseFolderInUse(folder, read(holder));
    throw error;
  }
  writeFileSync(holder, `${process.pid}\n`);
  return () => lock.close();
}

function openLock(folder: string): DatabaseSync {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return new DatabaseSync(join(folder, 'lock'), { timeout: 0 });
  } catch (error) {
    throw new DatabaseFolderUnusable(folder, error);
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
