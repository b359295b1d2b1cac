/** Backups as their owners make them: `pg_dump` and `pg_restore` of the oldest supported version. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

function program(name: string): string {
  const folders = [process.env.NAUTHERA_TEST_POSTGRES_OLDEST, '/usr/lib/postgresql/15/bin', '/usr/pgsql-15/bin'];
  const folder = folders.find((one) => one !== undefined && existsSync(join(one, name)));
  return folder === undefined ? name : join(folder, name);
}

export async function dump(url: string, file: string): Promise<void> {
  await run(program('pg_dump'), ['--format=custom', '--file', file, url]);
}

/** Into an empty database. */
export async function restoreDump(file: string, url: string): Promise<void> {
  await run(program('pg_restore'), ['--no-owner', '--no-privileges', '--exit-on-error', '--dbname', url, file]);
}
