import { afterAll, beforeAll } from 'vitest';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { operatorSuite } from './operator.suite.ts';

let server: TestPostgres | undefined;
beforeAll(async () => {
  server = await startPostgres('newest');
});
afterAll(() => server?.stop());

operatorSuite('Postgres', async () => server?.createDatabase());
