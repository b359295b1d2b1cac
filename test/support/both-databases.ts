/** What must be the same on PGlite and on Postgres. */
import { afterAll, beforeAll } from 'vitest';
import { startPostgres, type TestPostgres } from './postgres.ts';
import type { WorldOptions } from './world.ts';

/** What a world on that database is opened with. */
export type Backend = () => Promise<Pick<WorldOptions, 'databaseUrl'>>;

/** The rows of a `describe.each`: name and backend. Starts a Postgres for the tests of the file, and stops it after them. */
export function bothDatabases(): [name: string, backend: Backend][] {
  let postgres: TestPostgres | undefined;
  beforeAll(async () => {
    postgres = await startPostgres('newest');
  });
  afterAll(() => postgres?.stop());
  return [
    ['PGlite', () => Promise.resolve({})],
    ['Postgres', async () => (postgres === undefined ? {} : { databaseUrl: await postgres.createDatabase() })],
  ];
}
