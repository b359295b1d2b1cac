import { afterAll, beforeAll } from 'vitest';
import { type Engine, startEngine, startPostgresInContainer } from '../support/engine.ts';
import { createDatabase } from '../support/postgres.ts';
import { postgresBackend } from './postgres-backend.ts';
import { registrySuite } from './registry.suite.ts';

let engine: Engine | undefined;
let server: Awaited<ReturnType<typeof startPostgresInContainer>> | undefined;

beforeAll(async () => {
  engine = await startEngine();
  server = await startPostgresInContainer(engine);
  // The first run makes the image.
}, 600_000);

afterAll(async () => {
  await server?.stop();
  await engine?.stop();
});

registrySuite('Postgres in a container', () =>
  postgresBackend(() => {
    if (server === undefined) throw new Error('Postgres did not start');
    const { url } = server;
    return { createDatabase: () => createDatabase(url) };
  }),
);
