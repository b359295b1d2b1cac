/** What a failed statement means: is the database unavailable, and may the write have happened all the same? */
import { DatabaseUnavailable } from './database.ts';

/**
 * How far a statement had come. `unsent`: no connection, nothing was sent. `sent`: its answer would have been its commit.
 * `in transaction`: without a COMMIT it leaves nothing behind.
 */
export type Progress = 'unsent' | 'sent' | 'in transaction';

/** SQLSTATEs by which the server says that it cannot do the work now; the statement did not happen. */
const refusals = new Set([
  '25006', // read-only: a standby, or a primary that was demoted
  '28000',
  '28P01',
  '3D000',
  '40P01', // deadlock
  '55P03', // lock_timeout
  '57014', // statement_timeout
  '25P03', // idle_in_transaction_session_timeout
]);
const refusedClasses = ['08', '53', '57P', '58'];

/**
 * Answers that another connection may not give: this one is dead, leads to the wrong server, or its prepared statements
 * are not what they were (a migration changed a table, a pooler swapped the session).
 */
const elsewhere = new Set(['25006', '57P01', '57P03', '08006', '08001', '08003', '08004', '0A000', '26000', '42P05']);

/** The SQLSTATE of an answer of the server; `undefined` when no answer came. */
export function sqlState(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  const { code } = error;
  // Errors of Node's sockets (ECONNRESET …) carry a code too; an answer has a severity beside it.
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && 'severity' in error ? code : undefined;
}

/** Worth one more try on a fresh connection, as nothing happened: see {@link elsewhere}. */
export function isWorthAnotherConnection(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && elsewhere.has(state);
}

/** After this answer the connection can be used for the next statement. */
export function leavesConnectionUsable(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && !elsewhere.has(state) && !state.startsWith('57P') && state !== '25P03';
}

/** {@link DatabaseUnavailable} where it applies; every other error (a constraint, a mistake in SQL) unchanged. */
export function asFailure(error: unknown, progress: Progress): unknown {
  if (error instanceof DatabaseUnavailable) return error;
  const state = sqlState(error);
  if (state !== undefined) {
    const refused = refusals.has(state) || refusedClasses.some((prefix) => state.startsWith(prefix));
    return refused
      ? new DatabaseUnavailable(`the database refused: ${text(error)} (${state})`, { cause: error })
      : error;
  }
  if (!isConnectionFailure(error)) return error;
  return new DatabaseUnavailable(`no answer from the database: ${text(error)}`, {
    cause: error,
    unknownOutcome: progress === 'sent',
  });
}

const connectionMessages =
  /^(Connection terminated|Query read timeout|timeout exceeded when trying to connect|timeout expired|Client (was closed|has encountered)|Cannot use a pool after calling end|The server does not support SSL|PGlite is clos)/;

function isConnectionFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('errors' in error || 'syscall' in error) return true;
  const code = 'code' in error ? String(error.code) : '';
  // TLS and socket errors: ECONNRESET, EPIPE, ERR_TLS_…, CERT_HAS_EXPIRED, SELF_SIGNED_CERT_IN_CHAIN …
  return (
    /^(E[A-Z]+$|ERR_TLS|ERR_SSL|ERR_STREAM|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_)/.test(code) ||
    connectionMessages.test(error.message)
  );
}

function text(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  // The error of several refused addresses has an empty message of its own.
  return error.message !== '' ? error.message : 'code' in error ? String(error.code) : error.name;
}
