import type { Database } from './database.ts';
import { openPglite } from './pglite.ts';
import { openPostgres, type PostgresOptions } from './postgres.ts';

/**
 * @param url `postgres://…`; `pglite:FOLDER`; `pglite:` for one in memory that nothing keeps.
 * @throws RangeError for a URL that cannot be used; the message holds nothing of it.
 * @throws DatabaseFolderInUse, DatabaseFolderUnusable
 */
export function openDatabase(url: string, options: PostgresOptions = {}): Promise<Database> {
  if (!url.startsWith('pglite:')) return openPostgres(url, options);
  const folder = url.slice('pglite:'.length);
  if (folder === '') return openPglite('memory');
  return openPglite(folder);
}
