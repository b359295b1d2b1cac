/**
 * A registry in a database that a tenant chose, and may have changed in any way. Whatever it does stays its own server's
 * trouble: every failure is a database that is away, and nothing that it tells goes on for ever.
 *
 * It may say too that a newer leader wrote there. That is believed of the Lease alone: a tenant must not end the process.
 */
import { DatabaseUnavailable, type Registry, RegistryFenced } from '@nauthera/server/registry';

export interface ScanLimits {
  readonly rows: number;
  /** Milliseconds. */
  readonly time: number;
}

const enough: ScanLimits = { rows: 1_000_000, time: 60_000 };

export function distrusted(registry: Registry, limits: ScanLimits = enough): Registry {
  const tried = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw away(error);
    }
  };
  return {
    fingerprint: (registration) => registry.fingerprint(registration),
    stands: (registration, stored) => registry.stands(registration, stored),
    put: (registration) => tried(() => registry.put(registration)),
    putMany: (registrations) => tried(() => registry.putMany(registrations)),
    delete: (kind, uid) => tried(() => registry.delete(kind, uid)),
    get: (kind, id) => tried(() => registry.get(kind, id)),
    adopt: (from, server) => tried(() => registry.adopt(from, server)),
    scanOwners: () => bounded(registry.scanOwners(), limits),
    scanChecks: () => bounded(registry.scanChecks(), limits, (page) => page.length),
    noteChecks: (checks) => tried(() => registry.noteChecks(checks)),
    follow: (onChange) => tried(() => registry.follow(onChange)),
    reports: () => tried(() => registry.reports()),
    clock: () => tried(async () => soundTime(await registry.clock())),
    secretUse: (digest) => tried(() => registry.secretUse(digest)),
    revokeTokens: (uid) => tried(() => registry.revokeTokens(uid)),
    wishKeys: (wish) => tried(() => registry.wishKeys(wish)),
    identities: () => tried(() => registry.identities()),
    putIdentity: (identity) => tried(() => registry.putIdentity(identity)),
    deleteIdentity: (identity) => tried(() => registry.deleteIdentity(identity)),
  };
}

/** Epoch milliseconds before the year 10,000: others cannot be written down. */
function soundTime(time: number): number {
  if (Number.isSafeInteger(time) && time >= 0 && time < 253_402_300_800_000) return time;
  throw new DatabaseUnavailable('its clock tells no time');
}

async function* bounded<T>(
  found: AsyncIterable<T>,
  { rows, time }: ScanLimits,
  countOf: (one: T) => number = () => 1,
): AsyncGenerator<T> {
  const end = performance.now() + time;
  let read = 0;
  try {
    for await (const one of found) {
      read += countOf(one);
      if (read > rows || performance.now() > end) throw new DatabaseUnavailable('its rows do not come to an end');
      yield one;
    }
  } catch (error) {
    throw away(error);
  }
}

function away(error: unknown): DatabaseUnavailable {
  if (error instanceof DatabaseUnavailable) return error;
  const detail = error instanceof RegistryFenced ? error.message : 'the database did not do what was asked';
  return new DatabaseUnavailable(detail, { cause: error });
}
