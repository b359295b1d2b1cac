/**
 * One directory behind the port. The order of a sign-in is fixed: find the entry as the service account, bind as that entry,
 * and only then ask for its groups.
 */
import type { KeyObject } from 'node:crypto';
import type { DirectoryRegistration } from '../../registry/registration.ts';
import type { Registered } from '../../registry/snapshot.ts';
import {
  type AuthenticationOutcome,
  DirectoryUnavailable,
  type DirectoryUser,
  type LookedUp,
  type PasswordChange,
} from '../directory.ts';
import { authenticate, authenticateNobody } from './authenticate.ts';
import { FilterProblem } from './filter.ts';
import { type Asking, type Found, findAgain, findUsers, readAgain, readUsers } from './find.ts';
import { findMany } from './find-many.ts';
import { type Members, membersOf } from './members.ts';
import { changePassword, type PasswordTyped } from './password-change.ts';
import type { PasswordCommand } from './password-request.ts';
import { Policies } from './policies.ts';
import { type UserReading, userReading } from './search.ts';
import { createServer, type LdapServer, type ServerPorts } from './server.ts';
import { createServiceBindGate, type ServiceBindLedger } from './service-bind.ts';
import { showsGroups } from './shows-groups.ts';
import type { ResolveSrv } from './srv.ts';
import type { Connect, ServerTarget, TargetProblem } from './target.ts';
import { vendors } from './vendor.ts';

export interface DirectoryPorts {
  readonly ledger: ServiceBindLedger;
  readonly fingerprintKey: KeyObject;
  readonly connect: Connect;
  readonly observe: ServerPorts['observe'];
  readonly longest: ServerPorts['longest'];
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Epoch seconds. */
  readonly time: () => number;
  /** A user name found two entries, so nobody can sign in with it. */
  readonly onAmbiguous: (directory: string) => void;
  /** A policy of passwords or accounts cannot be read. */
  readonly onPolicyUnreadable: (directory: string) => void;
  /** A server failed, so it has to be tried again some time. */
  readonly onFailure: (directory: LdapDirectory, server: LdapServer) => void;
  readonly resolveSrv: ResolveSrv;
  /** Milliseconds until DNS is asked again for the servers of a domain. */
  readonly lookUpEvery: number;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  /** DNS did not say which servers there are; `code`: why. */
  readonly onLookUpFailed: (directory: string, code: string) => void;
}

export class LdapDirectory {
  readonly id: string;
  readonly registered: Registered<DirectoryRegistration>;
  readonly reading: UserReading | FilterProblem;
  readonly #members: Members;
  readonly #asking: Asking;
  readonly #onAmbiguous: DirectoryPorts['onAmbiguous'];

  constructor(id: string, registered: Registered<DirectoryRegistration>, ports: DirectoryPorts) {
    const registration = registered.value;
    const gate = createServiceBindGate(id, registration, ports.ledger, ports.fingerprintKey);
    this.id = id;
    this.registered = registered;
    this.reading = orProblem(() => userReading(id, registration), FilterProblem);
    const onFailure = (server: LdapServer) => ports.onFailure(this, server);
    const serverPorts = { ...ports, directory: id, gate, onFailure };
    const members = membersOf(registration, {
      ...ports,
      make: (target: ServerTarget) => createServer(target, registration, serverPorts),
      onLookUpFailed: (code) => ports.onLookUpFailed(id, code),
    });
    this.#members = members;
    this.#asking = {
      id,
      get servers() {
        return members.servers;
      },
      userBase: registration.user_search.base,
      reading: () => this.#usable(),
      time: ports.time,
      lots: { apartUntil: 0 },
      policies: new Policies({
        place: vendors[registration.vendor].policies,
        byDefault: registration.default_policy,
        time: ports.time,
        onUnreadable: () => ports.onPolicyUnreadable(id),
      }),
    };
    this.#onAmbiguous = ports.onAmbiguous;
  }

  /** As they are now, in order of preference. */
  get servers(): readonly LdapServer[] {
    return this.#members.servers;
  }

  /** Why it has no servers; `null`: it has some. */
  get problem(): TargetProblem | null {
    return this.#members.problem;
  }

  /** Resolves when it is known which servers there are, or that nobody knows, or with the signal. */
  ready(signal: AbortSignal): Promise<void> {
    return this.#members.ready(signal);
  }

  #usable(): UserReading {
    const problem = this.problem ?? this.reading;
    if (problem instanceof Error) throw new DirectoryUnavailable(this.id, problem.message, { cause: problem });
    return problem;
  }

  /** Every entry of that name: nobody signs in by a name of several. @throws DirectoryUnavailable */
  async readAll(username: string, signal: AbortSignal): Promise<readonly DirectoryUser[]> {
    await this.ready(signal);
    return (await readUsers(this.#asking, this.#usable().byName(username), signal)).found;
  }

  /** `null`: nobody, or nobody alone. @throws DirectoryUnavailable */
  async find(username: string, signal: AbortSignal): Promise<Found | null> {
    await this.ready(signal);
    const [only, ...more] = (await findUsers(this.#asking, this.#usable().byName(username), signal)).found;
    if (more.length > 0) this.#onAmbiguous(this.id);
    return only === undefined || more.length > 0 ? null : only;
  }

  /** @throws DirectoryUnavailable */
  authenticate(found: Found, password: string, signal: AbortSignal): Promise<AuthenticationOutcome> {
    return authenticate(this.#asking, found, password, signal);
  }

  /** The same work for a name that nobody has; nobody gets in. @throws DirectoryUnavailable */
  authenticateNobody(password: string, signal: AbortSignal): Promise<AuthenticationOutcome> {
    return authenticateNobody(this.#asking, password, signal);
  }

  /** `null`: a complete search found nobody. @throws DirectoryUnavailable */
  async findAgain(entryId: string, signal: AbortSignal): Promise<Found | null> {
    await this.ready(signal);
    return findAgain(this.#asking, entryId, signal);
  }

  /** As the user, never as the service account. @throws DirectoryUnavailable */
  changePassword(found: Found, typed: PasswordTyped, signal: AbortSignal): Promise<PasswordChange> {
    const way = passwordWays[this.registered.value.vendor] ?? 'extended';
    return changePassword(this.#asking, found, typed, way, signal);
  }

  /** `null`: a complete search found nobody. @throws DirectoryUnavailable */
  async lookup(entryId: string, signal: AbortSignal): Promise<DirectoryUser | null> {
    await this.ready(signal);
    return readAgain(this.#asking, entryId, signal);
  }

  /** Whoever is not in the map is gone. @throws DirectoryUnavailable */
  async lookupMany(entryIds: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, LookedUp>> {
    await this.ready(signal);
    return findMany(this.#asking, entryIds, signal);
  }

  /** @param preferred URL of the server to ask first. @throws DirectoryUnavailable */
  async showsGroups(preferred: string, signal: AbortSignal): Promise<boolean> {
    await this.ready(signal);
    return showsGroups(this.#asking, signal, preferred);
  }

  close(): void {
    this.#members.close();
  }
}

const passwordWays: Readonly<Partial<Record<string, PasswordCommand['way']>>> = { active_directory: 'unicode_pwd' };

function orProblem<T, P extends Error>(make: () => T, problem: abstract new (...parts: never[]) => P): T | P {
  try {
    return make();
  } catch (error) {
    if (error instanceof problem) return error;
    throw error;
  }
}
