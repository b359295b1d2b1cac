/** How the program ends: its code, and one sentence on standard error. */
import { CommanderError } from 'commander';
import { KeyFileInvalid } from './config/key-file.ts';
import { DatabaseUnavailable } from './store/database.ts';
import { sqlState } from './store/failures.ts';
import { errorFields } from './telemetry/log.ts';

/** Ends the program with this code after one line on standard error. */
export class Exit extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

function hasCode(error: unknown, code: string): error is Error {
  return error instanceof Error && 'code' in error && error.code === code;
}

const refusedSettings = [
  'address_refused',
  'tls_folder_invalid',
  'database_folder_in_use',
  'database_folder_unusable',
  'connection_folder_invalid',
  'roles_refused',
];

/** An address or a folder that was asked for and cannot be had. */
function isRefusedSetting(error: unknown): error is Error {
  return refusedSettings.some((code) => hasCode(error, code));
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof Exit) return error.code;
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof KeyFileInvalid || error instanceof RangeError || isRefusedSetting(error)) return 2;
  if (error instanceof DatabaseUnavailable) return 3;
  return 1;
}

export function sentenceOf(error: unknown): string | undefined {
  if (error instanceof CommanderError) return undefined;
  if (error instanceof DatabaseUnavailable) return `the database was not reached in time: ${error.message}`;
  if (sqlState(error) === '42P01') return 'the tables are not there: run nauthera-server migrate';
  if (sqlState(error) === '42501')
    return 'the role of the database may not do this: use that of the owner of the tables';
  const ours =
    error instanceof Exit ||
    error instanceof KeyFileInvalid ||
    error instanceof RangeError ||
    hasCode(error, 'migration_failed') ||
    hasCode(error, 'key_in_use') ||
    isRefusedSetting(error);
  return ours ? error.message : `unexpected error: ${JSON.stringify(errorFields(error))}`;
}
