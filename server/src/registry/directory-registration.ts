import { type Static, Type } from 'typebox';
import { accountStates } from '../protocol/terms.ts';
import { closed, distinct, lifetime, list, literals, text } from './schema.ts';

const searchScope = literals(['base', 'one', 'sub']);

const accountState = literals(accountStates);

/** A directory (an LdapBinding); its id is `<namespace>/<name>`. */
export const DirectoryRegistration = Type.Object(
  {
    /** `ldaps://host[:port]`, in order of preference; none where DNS names them. */
    servers: distinct(Type.String({ pattern: '^ldaps://', maxLength: 512 }), { maxItems: 8 }),
    /** The domain whose SRV records name the servers, inside of it; left out: they are listed. */
    srv_domain: Type.Optional(
      Type.String({ pattern: '^([a-z0-9]([-a-z0-9]*[a-z0-9])?[.])*[a-z]([-a-z0-9]*[a-z0-9])?$', maxLength: 253 }),
    ),
    /** PEM certificates that are trusted for these servers alone; left out: the system's. */
    ca_bundle: Type.Optional(text(262_144)),
    bind_dn: text(1024),
    /**
     * The service account's password. Plain in the hands of the operator and of the directory room; sealed with the
     * key-encryption key in the table, and never part of a fingerprint, a log or an error.
     */
    bind_password: text(1024),
    vendor: literals(['active_directory', 'openldap', '389ds', 'generic']),
    subject_namespace: text(256),
    user_search: Type.Object(
      {
        base: text(1024),
        scope: searchScope,
        /** `{}` stands for the typed user name, as the whole value of an equality or extensible match. */
        filter: text(1024),
        attributes: Type.Object(
          {
            username: text(128),
            /** The immutable id of an entry, e.g. `entryUUID`. */
            subject: text(128),
            display_name: Type.Optional(text(128)),
          },
          closed,
        ),
      },
      closed,
    ),
    group_search: Type.Optional(
      Type.Object(
        {
          base: text(1024),
          scope: searchScope,
          /** `{}` stands for the user's DN. */
          filter: text(1024),
          attributes: Type.Object(
            {
              name: text(128),
              /** Attribute of the user whose value takes the place of `{}`; left out: the user's DN. */
              user: Type.Optional(text(128)),
            },
            closed,
          ),
          /** Groups inside groups are followed. */
          nested: Type.Optional(Type.Boolean()),
        },
        closed,
      ),
    ),
    /** Attribute of the user's entry that lists group DNs, when there is one; used instead of a search. */
    member_of_attribute: Type.Optional(text(128)),
    /** Claim name → attribute name; `address.street_address` and the like make up the claim `address`. */
    claims: Type.Record(Type.String({ maxLength: 128 }), text(128)),
    /** `never`, `always`, or the attribute that says so. */
    email_verified: Type.Union([literals(['never', 'always']), Type.Object({ attribute: text(128) }, closed)]),
    consent_rules: Type.Array(
      Type.Object(
        {
          name: text(128),
          scopes: list(text(128), 64),
          groups: list(text(1024), 50),
          filter: Type.Optional(text(1024)),
        },
        closed,
      ),
      { maxItems: 50 },
    ),
    unlisted_scopes: literals(['allow', 'deny']),
    /** An attribute that tells the state of accounts beside what the vendor does; left out: none. */
    account_status: Type.Optional(
      Type.Object(
        {
          attribute: text(128),
          values: Type.Array(Type.Object({ value: text(256), state: accountState }, closed), {
            minItems: 1,
            maxItems: 50,
          }),
          /** Of a value that is not among them. */
          other_values: accountState,
          /** Of an entry that shows none. */
          without_value: accountState,
        },
        closed,
      ),
    ),
    /** DN of the policy of users whose entry names none; left out: theirs is not known. */
    default_policy: Type.Optional(text(1024)),
    /** Users change their password here; left out: they do not. */
    password_change: Type.Optional(literals(['allowed'])),
    /** Milliseconds. */
    timeouts: Type.Object({ connect: lifetime, bind: lifetime, search: lifetime }, closed),
    /** Lower is asked first. */
    priority: Type.Integer({ minimum: 0, maximum: 1_000_000 }),
    /** Which user names belong here; both empty: all. Compared case-insensitively. */
    matches: Type.Object({ suffixes: list(text(256), 50), names: list(text(256), 50) }, closed),
    /** How signed-in users are looked at again; left out: every minute. */
    recheck: Type.Optional(
      Type.Object(
        {
          /** Seconds. */
          every: Type.Optional(Type.Integer({ minimum: 10, maximum: 3600 })),
          /** A word that was not given before lets one round go on that would end many. */
          confirmed: Type.Optional(text(256)),
        },
        closed,
      ),
    ),
    /** Names of whom the report tells what a sign-in would find; left out: of nobody. */
    sample_users: Type.Optional(list(text(256), 5)),
  },
  closed,
);
export type DirectoryRegistration = Static<typeof DirectoryRegistration>;
