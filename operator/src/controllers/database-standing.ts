/** PURE. What is said of a server by how its database stands. */
import type { ConditionDraft } from '../runtime/conditions.ts';
import type { ServerResource } from './attachment.ts';
import { missingKey, type readKeys } from './key-encryption.ts';
import type { DatabaseState } from './registries.ts';
import type { DatabaseStanding } from './server-database.ts';

/** @param separated each has a role of its own */
export function readyOf(state: DatabaseStanding, separated: boolean): ConditionDraft {
  const type = 'DatabaseReady';
  switch (state.standing) {
    case 'open':
      if (separated)
        return { type, status: 'True', reason: type, message: 'migrations, operator and servers have a role each' };
      return {
        type,
        status: 'True',
        reason: 'SingleRole',
        message: 'one role owns, writes and serves: least privilege is off',
      };
    case 'migrating':
    case 'unmigrated':
      return {
        type,
        status: 'False',
        reason: 'MigrationRunning',
        message: 'the tables are brought up to date. Waiting',
      };
    case 'failed':
      return { type, status: 'False', ...state.problem };
    case 'opening':
      return { type, status: 'Unknown', reason: 'Pending', message: 'the database is being opened. Waiting' };
  }
}

export function tablesOf(state: DatabaseStanding): Pick<DatabaseState, 'tables'> {
  if (state.standing === 'open') return { tables: 'current' };
  return state.standing === 'unmigrated' ? { tables: 'missing' } : {};
}

export function keyProblemOf(
  server: ServerResource,
  state: DatabaseStanding,
  keys: ReturnType<typeof readKeys>,
): string | undefined {
  if (keys.found === 'keys' || state.standing !== 'open') return undefined;
  return keys.found === 'invalid' ? keys.problem : missingKey(server);
}
