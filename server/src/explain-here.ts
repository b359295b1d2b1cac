/** Explains with the registrations of a database, from a process that serves nobody. */
import { createDirectories } from './directory/directories.ts';
import { Exit } from './exit.ts';
import { type Explained, explainUser, UnknownClient } from './explain-user.ts';
import { systemClock } from './keys/key-set.ts';
import { createSealer } from './keys/sealer.ts';
import { createFollower } from './registry/follow.ts';
import type { Database } from './store/database.ts';
import { serviceBindStore } from './store/service-binds.ts';
import { silentLog } from './telemetry/log.ts';

interface Here {
  readonly database: Database;
  /** Key-encryption keys, the newest first. */
  readonly keys: readonly Uint8Array[];
  /** One line about something that repairs itself. */
  readonly onProblem: (problem: string) => void;
}

/** @throws Exit when the client is not registered; DatabaseUnavailable */
export async function askAboutUser(
  question: { readonly username: string; readonly clientId: string | undefined },
  { database, keys, onProblem }: Here,
): Promise<Explained> {
  const sealer = createSealer(keys);
  const follower = createFollower({
    database,
    sealer,
    onProblem,
  });
  await follower.start();
  const directories = createDirectories({
    snapshots: follower,
    // Shared with the servers: a service password that was refused to one of them is not tried here again.
    serviceBinds: serviceBindStore(database),
    fingerprintKey: sealer.derive('service account passwords'),
    clock: systemClock,
    log: silentLog,
  });
  try {
    return await explainUser(question, { directories, snapshot: follower.current }, new AbortController().signal);
  } catch (error) {
    throw error instanceof UnknownClient ? new Exit(1, error.message) : error;
  } finally {
    directories.stop();
    await follower.stop();
  }
}
