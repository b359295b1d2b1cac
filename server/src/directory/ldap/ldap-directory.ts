/**
 * One directory behind the port. The order is fixed: find the entry as the service account, then its groups, and last of
 * all bind as that entry, on a connection that only ever binds.
 */

import type { KeyObject } from 'node:crypto';
import { randomBytes, randomUUID } from 'node:crypto';
import type { DirectoryRegistration } from '../../registry/registration.ts';
import type { Registered } from '../../registry/snapshot.ts';
import {
  type AccountState,
  type AuthenticationOutcome,
  DirectoryUnavailable,
  type DirectoryUser,
} from '../directory.ts';
import { isPassword } from '../typed.ts';
import type { RawEntry } from './answers.ts';
import { askServers, entriesOf, type Question } from './ask.ts';
import type { BindAnswer, SearchCommand } from './connection.ts';
import { EntryProblem, readEntry } from './entry.ts';
import { FilterProblem } from './filter.ts';
import { type UserReading, userReading } from './search.ts';
import { createServer, type LdapServer, type ServerPorts } from './server.ts';
import { createServiceBindGate, type ServiceBindLedger } from './service-bind.ts';
import { type Connect, type ServerTarget, TargetProblem, targetsOf } from './target.ts';

export interface DirectoryPorts {
  readonly ledger: ServiceBindLedger;
  readonly fingerprintKey: KeyObject;
  readonly connect: Connect;
  readonly observe: ServerPorts['observe'];
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Epoch seconds. */
  readonly time: () => number;
  /** A user name found two entries, so nobody can sign in with it. */
  readonly onAmbiguous: (directory: string) => void;
}

/** A user who was found, and what binding needs to know of the entry. */
export interface Found {
  readonly user: DirectoryUser;
  readonly dn: string;
  /** The state may be history by the time the password is right. */
  readonly mayBeOutlived: boolean;
}

export interface LdapDirectory {
  readonly id: string;
  readonly registered: Registered<DirectoryRegistration>;
  readonly targets: readonly ServerTarget[] | TargetProblem;
  readonly reading: UserReading | FilterProblem;
  readonly servers: readonly LdapServer[];
  /** `null`: nobody, or nobody alone. @throws DirectoryUnavailable */
  find(username: string, signal: AbortSignal): Promise<Found | null>;
  /** @throws DirectoryUnavailable */
  authenticate(found: Found, password: string, signal: AbortSignal): Promise<AuthenticationOutcome>;
  /** The same work for a name that nobody has; nobody gets in. @throws DirectoryUnavailable */
  authenticateNobody(password: string, signal: AbortSignal): Promise<AuthenticationOutcome>;
  /** @throws DirectoryUnavailable */
  lookup(entryId: string, signal: AbortSignal): Promise<DirectoryUser | null>;
  close(): void;
}

interface Search {
  readonly found: readonly Found[];
  readonly elsewhere: boolean;
}

type Rejected = Extract<AuthenticationOutcome, { outcome: 'rejected' }>;
const wrongCredentials: Rejected = { outcome: 'rejected', reason: 'credentials' };

export function createLdapDirectory(
  id: string,
  registered: Registered<DirectoryRegistration>,
  ports: DirectoryPorts,
): LdapDirectory {
  const registration = registered.value;
  const gate = createServiceBindGate(id, registration, ports.ledger, ports.fingerprintKey);
  const targets = orProblem(() => targetsOf(registration.servers, registration.ca_bundle), TargetProblem);
  const reading = orProblem(() => userReading(id, registration), FilterProblem);
  const servers =
    targets instanceof TargetProblem
      ? []
      : targets.map((target) => createServer(target, registration, { ...ports, directory: id, gate }));

  const question = (signal: AbortSignal, preferred?: string): Question => ({
    directory: id,
    servers,
    signal,
    ...(preferred === undefined ? {} : { preferred }),
  });

  /** A name that nobody can have or foresee. */
  const nobodysDn = () => `cn=${randomUUID()},${registration.user_search.base}`;

  const usable = (): UserReading => {
    if (targets instanceof TargetProblem) throw new DirectoryUnavailable(id, targets.message, { cause: targets });
    if (reading instanceof FilterProblem) throw new DirectoryUnavailable(id, reading.message, { cause: reading });
    return reading;
  };

  /** What the search finds: nobody, one entry with its groups, or two that are not alone. */
  const search = async (command: SearchCommand, signal: AbortSignal, preferred?: string): Promise<Search> => {
    const { groups, vendor } = usable();
    const { server, users, memberships } = await askServers(question(signal, preferred), (asked) =>
      asked.search(async (searcher) => {
        const one = await entriesOf(searcher, command);
        const [only, ...more] = one.entries;
        const alone = only !== undefined && more.length === 0 && only.dn !== '';
        // For nobody too: the number of questions must not tell who is known.
        const about = groups.searchFor(alone ? only.dn : nobodysDn());
        const found: readonly RawEntry[] = about === null ? [] : (await entriesOf(searcher, about)).entries;
        return { server: asked.url, users: one, memberships: found };
      }, signal),
    );
    const found = readOrUnavailable(id, () =>
      users.entries.map((raw) => {
        const entry = readEntry(raw);
        const user = usable().read(entry, memberships, server, ports.time());
        return { user, dn: entry.dn, mayBeOutlived: vendor.mayBeOutlived(entry) };
      }),
    );
    return { found, elsewhere: users.elsewhere };
  };

  const lookup = async (entryId: string, signal: AbortSignal, preferred?: string): Promise<Found | null> => {
    const command = usable().byId(entryId);
    if (command === null) return null;
    const { found, elsewhere } = await search(command, signal, preferred);
    const [only, ...more] = found;
    if (more.length > 0) throw new DirectoryUnavailable(id, 'an immutable id names several entries');
    if (only === undefined && elsewhere) {
      throw new DirectoryUnavailable(id, 'a referral leads elsewhere, so nobody can say that an entry is gone');
    }
    if (only !== undefined && only.user.entryId !== entryId) {
      throw new DirectoryUnavailable(id, 'it answered with another entry than was asked for');
    }
    return only ?? null;
  };

  const bind = (dn: string, password: string, signal: AbortSignal, preferred?: string): Promise<BindAnswer> => {
    const { vendor } = usable();
    return askServers(question(signal, preferred), async (server) => {
      const answer = await server.bind(dn, password, vendor.policyControl, signal);
      if (answer.code !== 0 && !refusals.has(answer.code)) throw new BindUndecided(answer.code);
      return answer;
    });
  };

  return {
    id,
    registered,
    targets,
    reading,
    servers,
    async find(username, signal) {
      const [only, ...more] = (await search(usable().byName(username), signal)).found;
      if (more.length > 0) ports.onAmbiguous(id);
      return only === undefined || more.length > 0 ? null : only;
    },
    async authenticate(found, password, signal) {
      if (!isPassword(password)) return wrongCredentials;
      const answer = await bind(found.dn, password, signal, found.user.server);
      if (answer.code !== 0) return refusalOf(answer);
      if (answer.policy === 'change_after_reset') return { outcome: 'rejected', reason: 'must_change_password' };
      // The directory let the user in: a lock that it went by is over, and its entry says so now.
      const now = found.mayBeOutlived ? await lookup(found.user.entryId, signal, found.user.server) : found;
      if (now === null) return wrongCredentials;
      const { account } = now.user;
      return account === 'active' ? { outcome: 'accepted', user: now.user } : { outcome: 'rejected', reason: account };
    },
    async authenticateNobody(password, signal) {
      if (!isPassword(password)) return wrongCredentials;
      // The password stays here, only its length goes out.
      const length = Buffer.byteLength(password);
      await bind(nobodysDn(), randomBytes(length).toString('base64url').slice(0, length), signal);
      return wrongCredentials;
    },
    async lookup(entryId, signal) {
      return (await lookup(entryId, signal))?.user ?? null;
    },
    close() {
      for (const server of servers) server.close();
    },
  };
}

/**
 * Result codes by which directories refuse a user (RFC 4511 appendix A.1): 49 is the common one; 19, 50 and 53 are how
 * some say locked or disabled; 32, 34 and 48 that there is nothing to bind as.
 */
const refusals: ReadonlySet<number> = new Set([19, 32, 34, 48, 49, 50, 53]);

class BindUndecided extends Error {
  constructor(resultCode: number) {
    super(`a bind ended with result code ${resultCode}`);
  }
}

/** OpenLDAP says "expired" only to those who know the password; nothing else confirms one. */
function refusalOf({ code, policy }: BindAnswer): Rejected {
  const expired: AccountState = 'expired';
  return code === 49 && policy === 'password_expired' ? { outcome: 'rejected', reason: expired } : wrongCredentials;
}

function orProblem<T, P extends Error>(make: () => T, problem: new (message: string) => P): T | P {
  try {
    return make();
  } catch (error) {
    if (error instanceof problem) return error;
    throw error;
  }
}

function readOrUnavailable<T>(directory: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof EntryProblem)) throw error;
    throw new DirectoryUnavailable(directory, error.message, { cause: error });
  }
}
