/** PURE. LdapBinding: a directory, how people are found in it, and what it allows them to consent to. */
import { type Static, Type } from 'typebox';
import { authorizationServerRef, computed, configMapKeyRef, secretKeyRef, status } from './common.ts';
import { choice, duration, entry, group, item, keyed, type Rule, set, text, whole } from './field.ts';
import { attributeName, claimName, claimNotReserved, plainText, printable, scopeToken } from './text-rules.ts';
import { ldapsUrl } from './uri-rules.ts';

const dn: Rule = {
  rule: `self.matches('^[^=,]+=')`,
  message: 'must be a distinguished name, for example ou=people,dc=example,dc=com',
};

const placeholder: Rule = {
  rule: String.raw`self.matches(r'=\{\}\)') && !self.matches(r'[^=]\{\}') && !self.matches(r'[<>~]=\{\}') && !self.matches(r'\{\}([^)]|$)')`,
  message:
    'must hold {} as the whole value of an equality, for example (uid={}); never as a part of a value or as an attribute',
};

const filterForm: Rule = {
  rule: String.raw`self.matches(r'^\(.+\)$')`,
  message: 'must be an LDAP filter in parentheses (RFC 4515), for example (employeeType=staff)',
};

const noPlaceholder: Rule = {
  rule: `!self.contains('{}')`,
  message: 'is compared with the entry of the user as it is: {} has no meaning here',
};

const searchScope = choice(['Base', 'One', 'Sub'], {
  what: 'How deep the search goes.',
  allowed: 'Base (that entry), One (its children), Sub (everything below)',
  default: 'Sub',
  example: 'One',
});

const attribute = (what: string, value: string) =>
  text({ what, max: 128, rules: [attributeName], default: value, example: value });

const dnText = (what: string, example: string) =>
  text({ what, max: 1024, rules: [dn, plainText], allowed: 'a distinguished name (RFC 4514)', example });

const userSearch = group(
  {
    base: dnText('Entry below which users are searched.', 'ou=people,dc=example,dc=com'),
    scope: searchScope,
    filter: text({
      what: 'Filter that finds the entry for a typed user name, which takes the place of {}.',
      max: 1024,
      rules: [filterForm, placeholder, plainText],
      default: '(uid={})',
      example: '(&(objectClass=person)(|(uid={})(mail={})))',
    }),
    attributes: group(
      {
        username: attribute('Attribute that holds the user name.', 'uid'),
        subject: attribute(
          'Attribute that identifies an entry and never changes, not even when it is renamed. The subject (sub) of tokens is computed from it.',
          'entryUUID',
        ),
        displayName: attribute(
          'Attribute that holds the name of a person; without a value, the user name is shown.',
          'cn',
        ),
        memberOf: Type.Optional(
          text({
            what: 'Attribute of a user that lists the DNs of groups. It saves the search of groupSearch and excludes it.',
            max: 128,
            rules: [attributeName],
            example: 'memberOf',
            leftOut: 'groups are searched as groupSearch says; without it, users are in no group',
          }),
        ),
      },
      { what: 'Where things stand in the entry of a user.', default: {}, example: { username: 'uid' } },
    ),
  },
  { what: 'How users are found.', example: { base: 'ou=people,dc=example,dc=com' } },
);

const groupSearch = Type.Optional(
  group(
    {
      base: dnText('Entry below which groups are searched.', 'ou=groups,dc=example,dc=com'),
      scope: searchScope,
      filter: text({
        what: 'Filter that finds the groups of a user, whose DN takes the place of {}.',
        max: 1024,
        rules: [filterForm, placeholder, plainText],
        default: '(member={})',
        example: '(&(objectClass=groupOfNames)(member={}))',
      }),
      attributes: group(
        { name: attribute('Attribute that holds the name of a group.', 'cn') },
        { what: 'Where things stand in the entry of a group.', default: {}, example: { name: 'cn' } },
      ),
    },
    {
      what: 'How the groups of a user are found when they are entries of their own. Groups inside groups are not followed.',
      example: { base: 'ou=groups,dc=example,dc=com' },
      leftOut: 'groups come from userSearch.attributes.memberOf; without it, users are in no group',
    },
  ),
);

const claim = entry({
  claim: text({
    what: 'Name of the claim.',
    max: 128,
    rules: [
      claimName,
      claimNotReserved,
      {
        rule: `!(self in ['groups', 'email_verified'])`,
        message: 'groups come from groupSearch or memberOf, email_verified from emailVerified: leave it out here',
      },
    ],
    example: 'email',
  }),
  attribute: text({
    what: 'Attribute of the entry that holds its value.',
    max: 128,
    rules: [attributeName],
    example: 'mail',
  }),
});

const consentRule = entry({
  name: text({
    what: 'Name of the rule, as the audit trail quotes it.',
    max: 128,
    rules: [plainText],
    example: 'orders',
  }),
  scopes: set(item({ max: 128, rules: [scopeToken] }), {
    what: 'Scopes that the rule allows. Rules naming the same scope are alternatives.',
    min: 1,
    max: 50,
    example: ['orders:read'],
  }),
  groups: Type.Optional(
    set(item({ max: 1024, rules: [plainText] }), {
      what: 'Groups, by name or DN, compared without regard to case: the user must be in one of them.',
      min: 1,
      max: 50,
      example: ['shop-staff'],
      leftOut: 'no group is asked for',
    }),
  ),
  filter: Type.Optional(
    text({
      what: 'LDAP filter that the entry of the user must match.',
      max: 1024,
      rules: [filterForm, noPlaceholder, plainText],
      example: '(employeeType=staff)',
      leftOut: 'the entry is not looked at',
    }),
  ),
});

const timeout = (what: string) => duration({ what, min: '100ms', max: '3s', default: '1s', example: '500ms' });

const names = (what: string, example: readonly string[]) =>
  Type.Optional(
    set(item({ max: 256, rules: [plainText] }), { what, min: 1, max: 50, example, leftOut: 'not looked at' }),
  );

export const ldapBindingSpec = group(
  {
    authorizationServerRef,
    servers: keyed(
      'url',
      entry({
        url: text({
          what: 'Address of the server. TLS 1.2 or newer from the first byte; its certificate must name the host.',
          max: 512,
          rules: [ldapsUrl],
          allowed: 'ldaps://host or ldaps://host:port; port 636 when left out',
          example: 'ldaps://ldap1.example.com',
        }),
      }),
      {
        what: 'Servers of the directory, in order of preference. They hold the same entries.',
        min: 1,
        max: 8,
        example: [{ url: 'ldaps://ldap1.example.com' }, { url: 'ldaps://ldap2.example.com' }],
      },
    ),
    tls: Type.Optional(
      group(
        {
          caBundleRef: configMapKeyRef(
            'ConfigMap with the certificates (PEM) that issue those of the servers. Then only they are trusted.',
            'ca.crt',
            'ldap-ca',
            "the system's certificates are trusted",
          ),
        },
        {
          what: 'How the servers are trusted.',
          example: { caBundleRef: { name: 'ldap-ca' } },
          leftOut: "the system's certificates are trusted",
        },
      ),
    ),
    bind: group(
      {
        dn: dnText('DN of the service account.', 'cn=reader,dc=example,dc=com'),
        passwordSecretRef: secretKeyRef('The password of the service account.', 'password', 'ldap-reader'),
      },
      {
        what: 'The service account that searches. It needs to read users, groups and the attributes that tell locked accounts.',
        example: { dn: 'cn=reader,dc=example,dc=com', passwordSecretRef: { name: 'ldap-reader' } },
      },
    ),
    vendor: choice(['OpenLDAP', 'Generic'], {
      what: 'What the directory is, which decides how locked, disabled and expired accounts are told.',
      allowed: 'OpenLDAP (attributes of its password policy), Generic (any LDAPv3 server; only a refused bind tells)',
      example: 'OpenLDAP',
    }),
    subjectNamespace: Type.Optional(
      text({
        what: 'Keeps subjects (sub) of this directory apart from those of others. It cannot be changed; a binding that is created anew with the same value keeps the subjects of its users.',
        max: 256,
        rules: [printable],
        allowed:
          'printable ASCII without spaces; values beginning with another namespace and a slash belong to that namespace',
        example: 'identity/staff',
        leftOut: '<namespace>/<name>; status.subjectNamespace shows it',
      }),
    ),
    userSearch,
    groupSearch,
    claims: keyed('claim', claim, {
      what: 'Claims about users and the attributes that they come from. A list of your own replaces the default.',
      max: 50,
      allowed: 'claims that the protocol sets (iss, sub, aud, …), groups and email_verified are refused',
      default: [
        { claim: 'name', attribute: 'cn' },
        { claim: 'given_name', attribute: 'givenName' },
        { claim: 'family_name', attribute: 'sn' },
        { claim: 'preferred_username', attribute: 'uid' },
        { claim: 'email', attribute: 'mail' },
      ],
      example: [{ claim: 'email', attribute: 'mail' }],
    }),
    emailVerified: group(
      {
        mode: choice(['Never', 'Always', 'Attribute'], {
          what: 'What the claim email_verified says.',
          allowed: 'Never, Always (the directory vouches for every address), Attribute (the attribute says TRUE)',
          default: 'Never',
          example: 'Always',
        }),
        attribute: Type.Optional(
          text({
            what: 'Attribute that says TRUE when the address has been verified.',
            max: 128,
            rules: [attributeName],
            example: 'mailVerified',
            leftOut: 'required with mode Attribute, refused otherwise',
          }),
        ),
      },
      {
        what: 'Whether e-mail addresses of this directory have been verified.',
        default: {},
        example: { mode: 'Always' },
        rules: [
          {
            rule: `(self.mode == 'Attribute') == has(self.attribute)`,
            message: 'mode: Attribute and attribute go together: set both or neither',
            fieldPath: '.attribute',
          },
        ],
      },
    ),
    consentRules: Type.Optional(
      keyed('name', consentRule, {
        what: 'Which users may consent to which scopes. Inside a rule all conditions must hold; rules naming the same scope are alternatives.',
        max: 50,
        example: [{ name: 'orders', scopes: ['orders:read'], groups: ['shop-staff'] }],
        leftOut: 'no scope is named, so unlistedScopes decides',
      }),
    ),
    unlistedScopes: choice(['Allow', 'Deny'], {
      what: 'What holds for a scope that no rule names, built-in scopes included.',
      default: 'Allow',
      example: 'Deny',
    }),
    timeouts: group(
      {
        connect: timeout('Time for the connection and the TLS handshake.'),
        bind: timeout('Time for one bind.'),
        search: timeout('Time for one search.'),
      },
      {
        what: 'How long the directory may take. A whole sign-in takes at most 3 s, the check at a refresh 2 s.',
        default: {},
        example: { connect: '500ms' },
      },
    ),
    priority: whole({
      what: 'Order in which directories are asked for a user name: the lower number first.',
      min: 0,
      max: 1_000_000,
      default: 100,
      example: 10,
    }),
    matches: Type.Optional(
      group(
        {
          suffixes: names('Ends of user names that belong to this directory, compared without regard to case.', [
            '@example.com',
          ]),
          names: names('User names that belong to this directory, compared without regard to case.', ['admin']),
        },
        {
          what: 'Which user names belong to this directory; one match is enough.',
          example: { suffixes: ['@example.com'] },
          leftOut: 'all',
        },
      ),
    ),
  },
  {
    what: 'The directory and what it decides.',
    example: { vendor: 'OpenLDAP' },
    rules: [
      {
        rule: 'has(self.subjectNamespace) == has(oldSelf.subjectNamespace) && (!has(self.subjectNamespace) || self.subjectNamespace == oldSelf.subjectNamespace)',
        message:
          'subjectNamespace cannot change, the subjects of all users are computed from it: create a second LdapBinding and delete this one if new subjects are wanted',
        fieldPath: '.subjectNamespace',
      },
      {
        rule: '!has(self.groupSearch) || !has(self.userSearch.attributes.memberOf)',
        message: 'userSearch.attributes.memberOf takes the place of this search: keep one of the two',
        fieldPath: '.groupSearch',
      },
    ],
  },
);
export type LdapBindingSpec = Static<typeof ldapBindingSpec>;

const serverState = entry({
  url: text({ what: 'Address of the server, as in spec.', max: 512, example: 'ldaps://ldap1.example.com' }),
  state: choice(['Up', 'Degraded', 'Down'], {
    what: 'Up: every replica can use it. Degraded: some can. Down: none can.',
    example: 'Up',
  }),
  reason: Type.Optional(
    text({ what: 'Reason of the first step that failed.', max: 64, example: 'ConnectFailed', leftOut: 'none failed' }),
  ),
  message: Type.Optional(
    text({
      what: 'What was found and what to do.',
      max: 1024,
      example: 'ldap1.example.com:636 refuses connections',
      leftOut: 'none failed',
    }),
  ),
});

export const ldapBindingStatus = status({
  authorizationServer: computed(
    'The AuthorizationServer that asks this directory, <namespace>/<name>.',
    128,
    'identity/default',
  ),
  subjectNamespace: computed('The subject namespace in force.', 256, 'identity/staff'),
  unlistedScopes: Type.Optional(
    choice(['Allow', 'Deny'], {
      what: 'What holds for a scope that no rule names.',
      example: 'Allow',
      leftOut: 'not known yet',
    }),
  ),
  activeServer: computed('The server that is asked first now.', 512, 'ldaps://ldap1.example.com'),
  servers: Type.Optional(
    keyed('url', serverState, {
      what: 'What the replicas found at each server.',
      max: 8,
      example: [{ url: 'ldaps://ldap1.example.com', state: 'Up' }],
      leftOut: 'not probed yet',
    }),
  ),
});
export type LdapBindingStatus = Static<typeof ldapBindingStatus>;
