/** A directory in memory, for tables of the protocol that ask nothing of LDAP. It counts what it is asked. */

import { hash } from 'node:crypto';
import {
  type AccountState,
  type Candidate,
  type DirectoryPort,
  DirectoryUnavailable,
  type DirectoryUser,
  type PasswordChange,
  PasswordOutcomeUnknown,
} from '../../server/src/directory/directory.ts';

export const memoryDirectoryId = 'shop/people';

export interface Person {
  readonly username: string;
  password: string;
  account: AccountState;
  groups: string[];
  claims: Record<string, string | boolean>;
  /** Gone: a search finds nobody. */
  deleted: boolean;
}

export class MemoryDirectory implements DirectoryPort {
  readonly people = new Map<string, Person>();
  /** Nobody can be asked. */
  down = false;
  /** Whoever reads it may read no group. */
  groupsHidden = false;
  /** Nobody gets an answer to a question about one of these entries. */
  readonly poisoned = new Set<string>();
  /** A change is made, and its answer is lost. */
  losesAnswers = false;
  /** What is said of a new password. */
  readonly refusedPasswords = new Map<string, PasswordChange>();
  searches = 0;
  binds = 0;
  /** Runs before each bind is answered; for tests that hold several back until all are there. */
  beforeBind: () => Promise<void> = () => Promise.resolve();
  beforeLookup: () => Promise<void> = () => Promise.resolve();

  /** The password is `password-of-<name>`. */
  add(username: string, more: Partial<Omit<Person, 'username'>> = {}): Person {
    const person: Person = {
      username,
      password: `password-of-${username}`,
      account: 'active',
      groups: [],
      claims: { name: `${username} of the shop`, email: `${username}@example.com` },
      deleted: false,
      ...more,
    };
    this.people.set(username, person);
    return person;
  }

  find(username: string): Promise<Candidate> {
    this.searches += 1;
    if (this.down) return this.#unavailable();
    const name = username.trim().toLowerCase();
    if (this.poisoned.has(`entry-${name}`)) return this.#unavailable(true);
    const person = this.people.get(name);
    const throttleKey = `name ${name}`;
    if (person === undefined || person.deleted) {
      return Promise.resolve({ known: false, directory: memoryDirectoryId, throttleKey });
    }
    return Promise.resolve({ known: true, user: this.#read(person), throttleKey: `entry ${person.username}` });
  }

  async authenticate(candidate: Candidate, password: string) {
    this.binds += 1;
    await this.beforeBind();
    if (this.down) return this.#unavailable();
    const person = candidate.known ? this.people.get(candidate.user.username) : undefined;
    if (person === undefined || person.password !== password) {
      return { outcome: 'rejected', reason: 'credentials' } as const;
    }
    return person.account === 'active'
      ? ({ outcome: 'accepted', user: this.#read(person) } as const)
      : ({ outcome: 'rejected', reason: person.account, bound: true } as const);
  }

  async findAgain({ entryId }: { entryId: string }): Promise<Candidate> {
    return this.find(entryId.replace('entry-', ''));
  }

  async changePassword(candidate: Candidate, current: string, next: string): Promise<PasswordChange> {
    this.binds += 1;
    await this.beforeBind();
    if (this.down) return this.#unavailable();
    const person = candidate.known ? this.people.get(candidate.user.username) : undefined;
    if (person === undefined || person.password !== current) return { outcome: 'rejected', reason: 'credentials' };
    const refusal = this.refusedPasswords.get(next);
    if (refusal !== undefined) return refusal;
    person.password = next;
    if (person.account === 'must_change_password') person.account = 'active';
    if (this.losesAnswers) throw new PasswordOutcomeUnknown(memoryDirectoryId, 'the answer was lost');
    return { outcome: 'changed' };
  }

  async lookup({ entryId }: { entryId: string }): Promise<DirectoryUser | null> {
    this.searches += 1;
    await this.beforeLookup();
    if (this.down) return this.#unavailable();
    const person = this.people.get(entryId.replace('entry-', ''));
    return person === undefined || person.deleted ? null : this.#read(person);
  }

  async lookupMany(_directory: string, entryIds: readonly string[]): Promise<ReadonlyMap<string, DirectoryUser>> {
    this.searches += 1;
    await this.beforeLookup();
    if (this.down) return this.#unavailable();
    if (entryIds.some((entryId) => this.poisoned.has(entryId))) return this.#unavailable(true);
    return new Map(
      entryIds.flatMap((entryId) => {
        const person = this.people.get(entryId.replace('entry-', ''));
        return person === undefined || person.deleted ? [] : [[entryId, this.#read(person)] as const];
      }),
    );
  }

  showsGroups(): Promise<boolean> {
    this.searches += 1;
    if (this.down) return this.#unavailable();
    const isShown = ({ groups, deleted }: Person) => !this.groupsHidden && !deleted && groups.length > 0;
    return Promise.resolve([...this.people.values()].some(isShown));
  }

  #unavailable(isOfQuestion = false): Promise<never> {
    return Promise.reject(new DirectoryUnavailable(memoryDirectoryId, 'a test says so', { isOfQuestion }));
  }

  #read({ username, account, groups, claims }: Person): DirectoryUser {
    return {
      directory: memoryDirectoryId,
      server: 'ldaps://memory',
      subject: `u_${hash('sha256', username, 'base64url')}`,
      entryId: `entry-${username}`,
      username,
      name: String(claims.name ?? username),
      account,
      groups: this.groupsHidden ? [] : groups.map((name) => ({ name, dn: `cn=${name},dc=example` })),
      claims: { ...claims, ...('email' in claims ? { email_verified: false } : {}) },
      rulesMatchedByFilter: [],
    };
  }
}
