import { openMigratedPglite } from '../support/pglite.ts';
import type { Backend } from './backend.ts';
import { clientSecretSuite } from './client-secrets.suite.ts';
import { databaseSuite } from './database.suite.ts';
import { followerSuite } from './follower.suite.ts';
import { registrySuite } from './registry.suite.ts';
import { serviceBindSuite } from './service-binds.suite.ts';

async function pglite(): Promise<Backend> {
  const database = await openMigratedPglite();
  return {
    // PGlite has one handle: another one is another database.
    open: async () => ({ database, again: openMigratedPglite }),
    close: () => database.close(),
  };
}

registrySuite('PGlite', pglite);
followerSuite('PGlite', pglite);
databaseSuite('PGlite', pglite);
serviceBindSuite('PGlite', pglite);
clientSecretSuite('PGlite', pglite);
