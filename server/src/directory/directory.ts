/**
 * The directory as the rest of the server sees it. Adapters live beside this file (`ldap/`). Expected answers are
 * values; only "could not be asked" is thrown, as {@link DirectoryUnavailable}.
 */
import type { AccountState } from '../protocol/terms.ts';

export type { AccountState };

/** JSON value of a claim read from an entry. */
export type ClaimValue = string | number | boolean | readonly ClaimValue[] | { readonly [name: string]: ClaimValue };

/** `password_grace`: the password has expired and is taken a few times more; `password_expires`: soon. For the log alone. */
export type AccountWarning = 'password_grace' | 'password_expires';

/** One entry as read by one search: who it is, what it may do, what is known of it. Never stored as a whole. */
export interface DirectoryUser {
  /** Id of the directory registration, `<namespace>/<name>`. */
  readonly directory: string;
  /** URL of the server that answered. */
  readonly server: string;
  /** `u_` + base64url(SHA-256(subject namespace ‖ 0x00 ‖ immutable id)). */
  readonly subject: string;
  /** The immutable id as text (UUIDs in lower case, other binary values as hex), for a later {@link DirectoryPort.lookup}. */
  readonly entryId: string;
  /** The directory's user name, not what was typed. */
  readonly username: string;
  /** Display name; the user name when the entry has none. */
  readonly name: string;
  readonly account: AccountState;
  /** Left out: none. */
  readonly warnings?: readonly AccountWarning[];
  /** Group names (the group's name attribute) and DNs, for `access.groups` and consent rules; compared case-insensitively. */
  readonly groups: readonly { readonly name: string; readonly dn: string }[];
  /** Mapped claims, `email_verified` included when `email` is mapped. `groups` is not among them. */
  readonly claims: Readonly<Record<string, ClaimValue>>;
  /** Names of the consent rules whose `filter` (if any) this entry matches. */
  readonly rulesMatchedByFilter: readonly string[];
}

/**
 * Who somebody is, as it is known before they have shown a password. What their entry gives them is asked for after that: what
 * it takes to find that out would tell who is known.
 */
export type KnownUser = Omit<DirectoryUser, 'groups' | 'claims' | 'rulesMatchedByFilter'>;

/** Everything that an entry can release, the names of its groups included as the claim `groups`. */
export function knownClaims(user: DirectoryUser): Readonly<Record<string, ClaimValue>> {
  return { ...user.claims, groups: user.groups.map((group) => group.name) };
}

/**
 * One of many users read anew. `unreadable`: nothing is known. The entry is there and lacks what every entry has, or shares its
 * id with another, or an entry is there of which nobody can say whose it is.
 */
export type LookedUp = DirectoryUser | 'unreadable';

/** What a search by typed name found. An unknown name carries the same work and the same limits as a known one. */
export type Candidate =
  | { readonly known: true; readonly user: KnownUser; readonly throttleKey: string }
  | { readonly known: false; readonly directory: string | null; readonly throttleKey: string };

export type AuthenticationOutcome =
  /** `user`: the entry as it is now: the bind itself may have changed what {@link DirectoryPort.find} had read (an outlived lock). */
  | { readonly outcome: 'accepted'; readonly user: DirectoryUser }
  /** `state` is told apart only when the directory confirmed the password; otherwise it is `credentials`. */
  | {
      readonly outcome: 'rejected';
      readonly reason: 'credentials' | Exclude<AccountState, 'active'>;
      /** The directory let them bind all the same, so that they could change their password there. */
      readonly bound?: true;
    };

/** What a directory says of a new password. `no_match_policy`: not as its rules want it, without saying which of them. */
export const passwordHints = ['too_short', 'in_history', 'too_young', 'no_match_policy', 'unknown'] as const;
export type PasswordHint = (typeof passwordHints)[number];

export type PasswordChange =
  | { readonly outcome: 'changed' }
  /** `credentials`: the current password is not right. `not_allowed`: this user changes no password there. */
  | { readonly outcome: 'rejected'; readonly reason: 'credentials' | 'not_allowed' }
  /** The new one is refused. */
  | { readonly outcome: 'rejected'; readonly reason: 'quality'; readonly hint: PasswordHint };

/** The directory could not be asked: nothing was decided, nothing may be issued. */
export class DirectoryUnavailable extends Error {
  readonly code = 'directory_unavailable';
  readonly directory: string;
  /** For the log only. */
  readonly detail: string;
  /** It answers, and of what was asked about there is more than it may tell: asked about something else it may tell that. */
  readonly isOfQuestion: boolean;
  /** A server had an answer, and none that can be used: whoever asks the same again takes its time again. */
  readonly wasAnswered: boolean;
  constructor(
    directory: string,
    detail: string,
    options: ErrorOptions & { readonly isOfQuestion?: boolean; readonly wasAnswered?: boolean } = {},
  ) {
    super(`directory ${directory} could not be asked: ${detail}`, options);
    this.name = 'DirectoryUnavailable';
    this.directory = directory;
    this.detail = detail;
    this.isOfQuestion = options.isOfQuestion === true;
    this.wasAnswered = this.isOfQuestion || options.wasAnswered === true;
  }
}

/** A new password was sent, and no answer came: nobody knows which of the two holds now. */
export class PasswordOutcomeUnknown extends DirectoryUnavailable {
  constructor(directory: string, detail: string, options?: ErrorOptions) {
    super(directory, detail, options);
    this.name = 'PasswordOutcomeUnknown';
  }
}

export interface DirectoryPort {
  /**
   * Finds the entry for a typed user name: one search, whoever it is. Groups are not asked for.
   * Directories are chosen by `matches` and all asked; of those that know the name, the first by `priority` wins. One that
   * cannot be asked decides nothing, and neither do those behind it.
   * @throws DirectoryUnavailable
   */
  find(username: string, signal: AbortSignal): Promise<Candidate>;
  /**
   * Binds as the found entry; `candidate` is the very value that {@link find} returned. For an unknown one an equal bind is
   * made that cannot succeed. After a bind that did, the entry's groups are searched for where they are entries of their own. What cannot be a password (empty, NUL, over 128 characters) is refused before anything is
   * sent.
   * @throws DirectoryUnavailable
   */
  authenticate(candidate: Candidate, password: string, signal: AbortSignal): Promise<AuthenticationOutcome>;
  /**
   * Reads an entry anew by its immutable id. `null`: a complete search found nobody.
   * @throws DirectoryUnavailable, also when the directory is not registered: then nobody has said that the user left
   */
  lookup(reference: { directory: string; entryId: string }, signal: AbortSignal): Promise<DirectoryUser | null>;
  /**
   * As {@link lookup}, for somebody who is about to prove again who they are: what {@link authenticate} and
   * {@link changePassword} take. A user who is gone is a candidate whom nobody knows.
   *
   * @throws DirectoryUnavailable
   */
  findAgain(reference: { directory: string; entryId: string }, signal: AbortSignal): Promise<Candidate>;
  /**
   * Changes the password of the found entry, bound as that entry with the current one. `candidate` is the very value that
   * {@link find} or {@link findAgain} returned; for an unknown one an equal bind is made. What cannot be a password is
   * refused before anything is sent.
   *
   * @throws DirectoryUnavailable: nothing was changed, or the answer to the change was lost
   */
  changePassword(candidate: Candidate, current: string, next: string, signal: AbortSignal): Promise<PasswordChange>;
  /**
   * As {@link lookup}, for 100 entries at most: one search with an OR filter, on one server (and one for the groups of all of
   * them where groups are entries of their own, as far as its answer tells whose they are). An id that is not in the map: a complete search found nobody, while the directory shows
   * other people.
   *
   * @throws DirectoryUnavailable, also when the answer was not whole: a size or time limit, a busy server, a referral
   */
  lookupMany(
    directory: string,
    entryIds: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, LookedUp>>;
  /**
   * Whether any group with a member can be seen, by one search; asked where nobody of many seems to be in one. `true` where
   * the registration asks for no groups.
   *
   * @param reference `server`: URL of the server to ask first, the one that showed none
   * @throws DirectoryUnavailable
   */
  showsGroups(reference: { directory: string; server: string }, signal: AbortSignal): Promise<boolean>;
}
