import type { Database } from './database.ts';
import { openPostgres, type PostgresOptions } from './postgres.ts';

/**
 * @param url `postgres://…`; `pglite:FOLDER`; `pglite:` for one in memory that nothing keeps.
 * @throws RangeError for a URL that cannot be used; the message holds nothing of it.
 * @throws DatabaseFolderInUse, DatabaseFolderUnusable
 */
export async function openDatabase(url: string, options: PostgresOptions = {}): Promise<Database> {
  if (!url.startsWith('pglite:')) return openPostgres(url, options);
  // Loaded for those who open one: a cluster never does, and it is megabytes.
  const { openPglite } = await import('./pglite.ts');
  const folder = url.slice('pglite:'.length);
  if (folder === '') return openPglite('memory');
  return openPglite(folder);
}
