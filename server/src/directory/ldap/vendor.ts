/** PURE. How each kind of directory says that an account may not be used. */
import type { DirectoryRegistration } from '../../registry/registration.ts';
import type { AccountState, AccountWarning } from '../directory.ts';
import type { BindAnswer } from './connection.ts';
import type { EntryReader } from './entry.ts';
import type { PolicyPlace } from './policies.ts';
import { activeDirectory } from './vendors/active-directory.ts';
import { directory389 } from './vendors/directory-389.ts';
import { openldap } from './vendors/openldap.ts';

export interface VendorProfile {
  /** Attributes that hold the state, beside those that everybody reads; the service account must be able to read them. */
  readonly attributes: readonly string[];
  /** Ask for the password policy's word at each bind of a user. */
  readonly policyControl: boolean;
  /**
   * Ask searches to stay in this part of the directory, where it would otherwise name others at each of them: the references
   * say nothing of the user, and after one of them nobody could be said to be gone.
   */
  readonly domainScope: boolean;
  /**
   * Ask for the first of very many entries by a page of them: one of its kind (Samba) gives all of them, whatever the limit. The
   * others know both.
   */
  readonly limitsByPage: boolean;
  /** Where policies stand that decide how long an account holds. `null`: its entry says all of it. */
  readonly policies: PolicyPlace | null;
  /**
   * @param now epoch seconds
   * @param policy that of the entry; `null`: it has none, or nobody knows it
   * @throws EntryProblem when the entry does not show what every entry has: nobody can tell then
   */
  stateOf(entry: EntryReader, now: number, policy: EntryReader | null): AccountState;
  /** What the entry warns of while it is active. */
  warningsOf(entry: EntryReader): readonly AccountWarning[];
  /**
   * Whether the state may be history when the directory lets the user bind: a lock that is over, an expired password that is
   * taken a few times more.
   */
  mayBeOutlived(entry: EntryReader): boolean;
  /**
   * What a refused bind tells of the account of somebody whose password was right. `null`: it confirms no password, so
   * nothing may be told.
   */
  confirmedBy(answer: BindAnswer): Exclude<AccountState, 'active'> | null;
}

/** A directory that we know nothing of says what it has to say when the user binds, or where the registration names it. */
const generic: VendorProfile = {
  attributes: [],
  policyControl: false,
  domainScope: false,
  limitsByPage: false,
  policies: null,
  stateOf: () => 'active',
  warningsOf: () => [],
  mayBeOutlived: () => false,
  confirmedBy: () => null,
};

export const vendors: Readonly<Record<DirectoryRegistration['vendor'], VendorProfile>> = {
  active_directory: activeDirectory,
  openldap,
  '389ds': directory389,
  generic,
};
