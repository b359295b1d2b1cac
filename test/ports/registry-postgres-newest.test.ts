import { afterAll, beforeAll } from 'vitest';
import { clientSecretSuite } from './client-secrets.suite.ts';
import { databaseSuite } from './database.suite.ts';
import { followerSuite } from './follower.suite.ts';
import { postgresSuite } from './postgres.suite.ts';
import { postgresBackend, startPostgres, type TestPostgres } from './postgres-backend.ts';
import { registrySuite } from './registry.suite.ts';
import { serviceBindSuite } from './service-binds.suite.ts';

let server: TestPostgres | undefined;
const started = (): TestPostgres => {
  if (server === undefined) throw new Error('Postgres did not start');
  return server;
};
beforeAll(async () => {
  server = await startPostgres('newest');
});
afterAll(() => server?.stop());

const name = 'the newest Postgres';
registrySuite(name, () => postgresBackend(started));
followerSuite(name, () => postgresBackend(started));
databaseSuite(name, () => postgresBackend(started));
serviceBindSuite(name, () => postgresBackend(started));
clientSecretSuite(name, () => postgresBackend(started));
postgresSuite(name, started);
