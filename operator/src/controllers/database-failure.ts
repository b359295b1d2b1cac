/** What it means that a database could not be opened or used, pure: the reason and message of `DatabaseReady`. */
import type { ReasonOf } from '@nauthera/crds';
import {
  DatabaseVersionUnsupported,
  DirectConnectionNeeded,
  MigrationFailed,
  RegistryFenced,
} from '@nauthera/server/registry';

export interface DatabaseProblem {
  readonly reason: ReasonOf<'AuthorizationServer', 'DatabaseReady'>;
  /** Says what to do; holds nothing of the URL. */
  readonly message: string;
}

const tlsCodes = /^(CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|ERR_TLS|ERR_SSL|EPROTO$|HOSTNAME_MISMATCH)/;
const noTlsThere = 'The server does not support SSL connections';

/** @param secret name of the Secret with the connection */
export function explainFailure(error: unknown, secret: string): DatabaseProblem {
  const named = `Secret "${secret}"`;
  if (error instanceof DatabaseVersionUnsupported)
    return { reason: 'DatabaseVersionUnsupported', message: `the database of ${named}: ${error.message}` };
  if (error instanceof DirectConnectionNeeded)
    return {
      reason: 'MigrationFailed',
      message: `${named} leads through a pooler, and migrations need a connection past it. Add the entry direct-uri`,
    };
  const chain = causes(error);
  if (chain.some((one) => one instanceof RegistryFenced))
    return {
      reason: 'DatabaseInUse',
      message: `an operator that was made leader later has written to the database of ${named}. Give this server a database of its own`,
    };
  const code = chain
    .map(codeOf)
    .find((one) => one !== '' && one !== 'database_unavailable' && one !== 'migration_failed');
  const text = chain.map(({ message }) => message).join('\n');
  if (code === '28000' && text.includes('no encryption'))
    return tls(`the database of ${named} takes no connections without TLS. Add sslmode=verify-full to its URL`);
  if (code === '28P01' || code === '28000')
    return {
      reason: 'DatabaseLoginFailed',
      message: `the database refused the user and password of ${named} (${code}). Correct that Secret`,
    };
  if (code === '3D000')
    return {
      reason: 'DatabaseLoginFailed',
      message: `the database that ${named} names does not exist on its server. Create it, or correct that Secret`,
    };
  if (text.includes(noTlsThere))
    return tls(`the database of ${named} speaks no TLS. Switch it on there, or leave ca.crt and sslmode out`);
  if (code !== undefined && tlsCodes.test(code))
    return tls(
      `the certificate of the database of ${named} is not trusted (${code}). Put its CA into the entry ca.crt, and the name in the certificate into the URL`,
    );
  if (code === '42501')
    return {
      reason: 'DatabasePermissionMissing',
      message: `the role of ${named} may not do what is needed in its database. Make it the owner of that database, or name the owner's Secret in spec.database.migratorSecretRef`,
    };
  if (error instanceof MigrationFailed)
    return {
      reason: 'MigrationFailed',
      message: `a migration failed: ${error.message.trim().split('\n').at(-1) ?? ''}`,
    };
  return {
    reason: 'DatabaseUnreachable',
    message: `the database of ${named} does not answer${code === undefined ? '' : ` (${code})`}. Waiting for it`,
  };
}

function tls(message: string): DatabaseProblem {
  return { reason: 'DatabaseTlsFailed', message };
}

/** The error and what it came from, those of several addresses included. */
function causes(error: unknown): readonly Error[] {
  const found: Error[] = [];
  for (let one = error; one instanceof Error && found.length < 8; one = one.cause) {
    found.push(one);
    if (one instanceof AggregateError) found.push(...one.errors.filter((each) => each instanceof Error).slice(0, 4));
  }
  return found;
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' && /^[A-Za-z0-9_]{1,48}$/.test(error.code) ? error.code : '';
}
