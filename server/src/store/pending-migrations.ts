/** Whether the tables are those of this version, for whoever may not make them. */
import type { Database } from './database.ts';
import { sqlState } from './failures.ts';
import { migrations } from './migrations/index.ts';

/**
 * @returns names of the migrations that this version knows and that have not run there, in their order
 * @throws DatabaseUnavailable
 */
export async function pendingMigrations(database: Database): Promise<readonly string[]> {
  const done = await database
    .run({ name: 'migrations', text: 'SELECT name FROM nauthera_migrations' }, [])
    .catch((error: unknown) => {
      // Nothing ever ran.
      if (sqlState(error) === '42P01') return { rows: [] };
      throw error;
    });
  const names = new Set(done.rows.map((row) => row['name']));
  return Object.keys(migrations)
    .sort()
    .filter((name) => !names.has(name));
}
