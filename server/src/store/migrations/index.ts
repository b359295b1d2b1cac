/**
 * Every migration by name, in order. A name that has run somewhere never changes; a new one sorts after all others. An index on
 * a table of an earlier one is an {@link IndexMigration}, of its own.
 */
import type { Migration } from 'kysely/migration';
import { accessTokens } from './access-tokens.ts';
import { account } from './account.ts';
import { adoption } from './adoption.ts';
import { agreedClaims } from './agreed-claims.ts';
import { allowedBy } from './allowed-by.ts';
import { askedClaims } from './asked-claims.ts';
import { certificates } from './certificates.ts';
import { checks } from './checks.ts';
import { closedFunctions } from './closed-functions.ts';
import { deviceCodes } from './device-codes.ts';
import { flows } from './flows.ts';
import { type IndexMigration, inUseIndexes } from './in-use-indexes.ts';
import { keyRotation } from './key-rotation.ts';
import { keyWishes } from './key-wishes.ts';
import { logout } from './logout.ts';
import { recheck } from './recheck.ts';
import { registrationEvents } from './registration-events.ts';
import { registry } from './registry.ts';
import { secretUses } from './secret-uses.ts';
import { serviceBinds } from './service-binds.ts';
import { signingKeys } from './signing-keys.ts';
import { tokenSessions } from './token-sessions.ts';
import { traceparents } from './traceparents.ts';
import { untrustedProxy } from './untrusted-proxy.ts';
import { usedAssertions } from './used-assertions.ts';

export const migrations: Readonly<Record<string, Migration | IndexMigration>> = {
  '0001_registry': registry,
  '0002_flows': flows,
  '0003_signing_keys': signingKeys,
  '0004_service_binds': serviceBinds,
  '0005_used_assertions': usedAssertions,
  '0007_asked_claims': askedClaims,
  '0008_device_codes': deviceCodes,
  '0009_access_tokens': accessTokens,
  '0010_logout': logout,
  '0011_account': account,
  '0012_untrusted_proxy': untrustedProxy,
  '0013_key_rotation': keyRotation,
  '0014_token_sessions': tokenSessions,
  '0015_agreed_claims': agreedClaims,
  '0016_certificates': certificates,
  '0017_secret_uses': secretUses,
  '0018_key_wishes': keyWishes,
  '0019_adoption': adoption,
  '0020_registration_events': registrationEvents,
  '0021_closed_functions': closedFunctions,
  '0022_traceparents': traceparents,
  '0023_allowed_by': allowedBy,
  '0024_in_use_indexes': inUseIndexes,
  '0025_recheck': recheck,
  '0026_checks': checks,
};
