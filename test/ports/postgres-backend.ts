import { migrate } from '../../server/src/store/migrate.ts';
import { openPostgres } from '../../server/src/store/postgres.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import type { Backend } from './backend.ts';

/** A database of its own on a server that several suites share. */
export async function postgresBackend(server: () => Pick<TestPostgres, 'createDatabase'>): Promise<Backend> {
  const url = await server().createDatabase();
  const opened = [await openPostgres(url)];
  const [database] = opened;
  if (database === undefined) throw new Error('not opened');
  await migrate(database);
  return {
    open: async () => ({
      database,
      again: async () => {
        const other = await openPostgres(url);
        opened.push(other);
        return other;
      },
    }),
    close: async () => {
      for (const one of opened) await one.close();
    },
  };
}

export { startPostgres, type TestPostgres };
