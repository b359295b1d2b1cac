/** PURE. LdapBinding: a directory, how people are found in it, and what it allows them to consent to. */
import { type Static, Type } from 'typebox';
import { accountStatus } from './account-status.ts';
import { consentRule } from './consent-rule.ts';
import { choice, duration, entry, group, item, keyed, set, text, whole } from './field.ts';
import { dnText, groupSearch, userSearch } from './ldap-search.ts';
import { authorizationServerRef, configMapKeyRef, secretKeyRef } from './references.ts';
import { mostSampleUsers, sampleUserState, sampleUsers } from './sample-users.ts';
import { computed, status } from './status.ts';
import { attributeName, claimName, claimNotReserved, hostName, plainText, printable } from './text-rules.ts';
import { ldapsUrl } from './uri-rules.ts';

/** OpenID Connect Core §5.1.1 */
const addressMembers = ['formatted', 'street_address', 'locality', 'region', 'postal_code', 'country'];

const claim = entry({
  claim: text({
    what: 'Name of the claim.',
    max: 128,
    allowed:
      'a claim name, none that the protocol sets, neither groups nor email_verified; address.formatted, .street_address, .locality, .region, .postal_code and .country make up the claim address',
    rules: [
      claimName,
      claimNotReserved,
      {
        rule: `!(self in ['groups', 'email_verified'])`,
        message: 'groups come from groupSearch or memberOf, email_verified from emailVerified: leave it out here',
      },
      {
        rule: `!self.startsWith('address.') || self in [${addressMembers.map((name) => `'address.${name}'`).join(', ')}]`,
        message: `is no member of the claim address, whose members are ${addressMembers.join(', ')}`,
      },
    ],
    example: 'email',
  }),
  attribute: text({
    what: 'Attribute of the entry that holds its value.',
    max: 128,
    rules: [attributeName],
    allowed:
      'name of an LDAP attribute; a postal address for address, a generalized time for updated_at, TRUE for phone_number_verified',
    example: 'mail',
  }),
});

const timeout = (what: string) => duration({ what, min: '100ms', max: '3s', default: '1s', example: '500ms' });

const names = (what: string, example: readonly string[]) =>
  Type.Optional(
    set(item({ max: 256, rules: [plainText] }), { what, min: 1, max: 50, example, leftOut: 'not looked at' }),
  );

export const ldapBindingSpec = group(
  {
    authorizationServerRef,
    servers: Type.Optional(
      keyed(
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
          what: 'Servers of the directory, in order of preference. They hold the same entries. One that failed is asked after the others until it answers again.',
          min: 1,
          max: 8,
          example: [{ url: 'ldaps://ldap1.example.com' }, { url: 'ldaps://ldap2.example.com' }],
          leftOut: 'srv names them: one of the two is needed',
        },
      ),
    ),
    srv: Type.Optional(
      group(
        {
          domain: text({
            what: 'Domain whose records _ldaps._tcp name the servers; where there are none, those of _ldap._tcp, asked at port 636. Only servers inside this domain are asked, and the certificate of each must name it.',
            max: 253,
            rules: [hostName],
            allowed: 'the name of a domain, in lower case',
            example: 'ad.example.com',
          }),
        },
        {
          what: 'Servers found in DNS (RFC 2782), by priority and weight. DNS is asked again every minute; while it does not answer, the servers found before are used.',
          example: { domain: 'ad.example.com' },
          leftOut: 'servers lists them: one of the two is needed',
        },
      ),
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
    vendor: choice(['ActiveDirectory', 'OpenLDAP', '389ds', 'Generic'], {
      what: 'What the directory is, which decides how locked, disabled and expired accounts are told, and where things stand in an entry unless userSearch says so.',
      allowed:
        'ActiveDirectory (Samba too), OpenLDAP (attributes of its password policy), 389ds (389 Directory Server, Red Hat Directory Server, FreeIPA), Generic (any LDAPv3 server; accountStatus tells, and a refused bind)',
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
    claims: Type.Optional(
      keyed('claim', claim, {
        what: 'Claims about users and the attributes that they come from. A list of your own replaces the default.',
        max: 50,
        allowed: 'claims that the protocol sets (iss, sub, aud, …), groups and email_verified are refused',
        example: [{ claim: 'email', attribute: 'mail' }],
        leftOut:
          'name from cn (with ActiveDirectory displayName), given_name from givenName, family_name from sn, preferred_username from uid (with ActiveDirectory sAMAccountName), email from mail',
      }),
    ),
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
            allowed: 'name of an LDAP attribute',
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
    accountStatus,
    passwordChange: choice(['Off', 'Allowed'], {
      what: 'Whether users change their password here: on their account page, and when a sign-in shows that the directory wants a new one. The directory is asked as the user, never as the service account, and its own rules decide.',
      allowed:
        'Off, Allowed (Password Modify of RFC 3062, in Active Directory the attribute unicodePwd; the directory must let users write their own password)',
      default: 'Off',
      example: 'Allowed',
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
    recheck: duration({
      what: 'How soon a user who was disabled or deleted, or no longer fits the rules, loses sessions and grants. Signed-in users are looked at again that often, a hundred with one search.',
      min: '10s',
      max: '1h',
      default: '60s',
      example: '5m',
    }),
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
    sampleUsers,
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
        rule: 'has(self.servers) != has(self.srv)',
        message: 'servers lists the servers, srv finds them in DNS: set one of the two',
        fieldPath: '.servers',
      },
      {
        rule: '!has(self.groupSearch) || !has(self.userSearch.attributes.memberOf)',
        message: 'userSearch.attributes.memberOf takes the place of this search: keep one of the two',
        fieldPath: '.groupSearch',
      },
      {
        rule: `!has(self.accountStatus) || !has(self.accountStatus.defaultPolicy) || self.vendor in ['OpenLDAP', '389ds']`,
        message: 'policies are read with vendor OpenLDAP and 389ds alone: leave it out',
        fieldPath: '.accountStatus.defaultPolicy',
      },
    ],
  },
);
export type LdapBindingSpec = Static<typeof ldapBindingSpec>;

const serverState = entry({
  url: text({
    what: 'Address of the server, as in spec or as DNS names it.',
    max: 512,
    example: 'ldaps://ldap1.example.com',
  }),
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
  sampleUsers: Type.Optional(
    keyed('username', sampleUserState, {
      what: 'What a sign-in with each of spec.sampleUsers would find here, as of the last look at the directory that succeeded; a look is taken every 30 s, and a change counts when two reports tell it.',
      max: mostSampleUsers,
      example: [{ username: 'ada', outcome: 'Found', account: 'Active' }],
      leftOut: 'none is named in spec, or nobody has looked yet',
    }),
  ),
});
export type LdapBindingStatus = Static<typeof ldapBindingStatus>;
