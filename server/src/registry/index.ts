/** `@nauthera/server/registry`: all that the operator may know of the server. */

export type { Sealer } from '../keys/keys.ts';
export { createSealer } from '../keys/sealer.ts';
export { authoritiesProblem } from '../protocol/certificate-chain.ts';
export { type Endpoint, endpointUrl, isMutualTlsEndpoint, mutualTlsUrl } from '../protocol/endpoints.ts';
export { type Database, DatabaseUnavailable, type Stop } from '../store/database.ts';
export { DatabaseVersionUnsupported, type MigrateOptions, MigrationFailed, migrate } from '../store/migrate.ts';
export { openDatabase } from '../store/open.ts';
export { pendingMigrations } from '../store/pending-migrations.ts';
export { DatabaseFolderInUse } from '../store/pglite-lock.ts';
export { DirectConnectionNeeded, type PostgresOptions } from '../store/postgres.ts';
export { grantRoles, type Roles, RolesRefused } from '../store/roles.ts';
export { mostAtOnce, openRegistry, type RegistryOptions } from './open-registry.ts';
export * from './registration.ts';
export * from './registry.ts';
export * from './report.ts';
export { holdsSealed, isSealedByAnother } from './sealed.ts';
export type { Revision } from './snapshot.ts';
export { checkRegistration, readPublicJwk } from './validate.ts';
