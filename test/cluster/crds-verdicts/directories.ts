/** LdapBindings. */
import {
  attribute,
  claimReserved,
  dn,
  edit,
  type Fields,
  filterForm,
  ldap,
  placeholder,
  plain,
  printable,
  type Verdict,
} from './words.ts';

const oneWay = 'servers lists the servers, srv finds them in DNS: set one of the two';
const statusTogether = 'attribute names the attribute and values what it says: set both or neither';
const search = (fields: Fields) => ({ userSearch: { base: 'ou=people,dc=example,dc=com', ...fields } });

export const directories: readonly Verdict[] = [
  ldap('the smallest one', {}),
  ldap('all of it', {
    servers: [{ url: 'ldaps://ldap1.example.com' }, { url: 'ldaps://[::1]:1636' }],
    tls: { caBundleRef: { name: 'ldap-ca' } },
    groupSearch: { base: 'ou=groups,dc=example,dc=com', filter: '(&(objectClass=groupOfNames)(member={}))' },
    claims: [{ claim: 'email', attribute: 'mail' }],
    emailVerified: { mode: 'Attribute', attribute: 'mailVerified' },
    consentRules: [{ name: 'orders', scopes: ['orders:read'], groups: ['shop-staff'], filter: '(employeeType=staff)' }],
    unlistedScopes: 'Deny',
    accountStatus: {
      attribute: 'inetUserStatus',
      values: [
        { value: 'active', state: 'Active' },
        { value: 'inactive', state: 'Disabled' },
        { value: 'by day', state: 'OutsideHours' },
      ],
      otherValues: 'Locked',
      withoutValue: 'Active',
      defaultPolicy: 'cn=default,ou=policies,dc=example,dc=com',
    },
    passwordChange: 'Allowed',
    timeouts: { connect: '500ms' },
    recheck: '5m',
    priority: 0,
    matches: { suffixes: ['@example.com'] },
    sampleUsers: ['ada', 'grace@example.com'],
  }),
  ldap('Active Directory', { vendor: 'ActiveDirectory' }),
  ldap('389 Directory Server', { vendor: '389ds' }),
  ldap('groups inside groups', { groupSearch: { base: 'ou=groups,dc=example,dc=com', nested: true } }),
  ldap(
    'names of users, and groups inside groups',
    { groupSearch: { base: 'ou=groups,dc=example,dc=com', nested: true, attributes: { user: 'uid' } } },
    'spec.groupSearch.nested: groups that list names hold no groups: leave nested out, or attributes.user',
  ),
  ldap(
    'clear text',
    { servers: [{ url: 'ldap://ldap.example.com' }] },
    'spec.servers[0].url: use ldaps://host or ldaps://host:port: ldap:// and StartTLS are refused, because a connection that drops would go on in clear text, passwords included',
  ),
  ldap('servers by DNS', { servers: undefined, srv: { domain: 'ad.example.com' } }),
  ldap('neither servers nor DNS', { servers: undefined }, `spec.servers: ${oneWay}`),
  ldap('servers and DNS', { srv: { domain: 'ad.example.com' } }, `spec.servers: ${oneWay}`),
  ldap(
    'servers by DNS without a domain',
    { servers: undefined, srv: {} },
    'spec.srv.domain: is required, for example ad.example.com',
  ),
  ldap(
    'a domain that is an address',
    { servers: undefined, srv: { domain: '10.0.0.1' } },
    "spec.srv.domain: must be the name of a host: lower-case letters, digits, '-' and '.', for example app.example.com",
  ),
  ldap('no server', { servers: [] }, 'spec.servers: needs at least one item'),
  ldap(
    'one server twice',
    { servers: [{ url: 'ldaps://a.example' }, { url: 'ldaps://a.example' }] },
    'spec.servers[1]: is the same as spec.servers[0]: list it once',
  ),
  ldap('no vendor', { vendor: undefined }, 'spec.vendor: is required, for example OpenLDAP'),
  ldap(
    'a key that is a path',
    { tls: { caBundleRef: { name: 'ldap-ca', key: '../ca.crt' } } },
    "spec.tls.caBundleRef.key: must be a key of that object: letters, digits, '-', '_' and '.', not beginning with '..'",
  ),
  ldap('a base that is no DN', search({ base: 'people' }), `spec.userSearch.base: ${dn}`),
  ldap(
    'a filter without parentheses',
    search({ filter: 'uid={}' }),
    `spec.userSearch.filter: ${filterForm}`,
    `spec.userSearch.filter: ${placeholder}`,
  ),
  ldap('a filter without a placeholder', search({ filter: '(uid=*)' }), `spec.userSearch.filter: ${placeholder}`),
  ldap(
    'a placeholder inside a value',
    search({ filter: '(mail={}@example.com)' }),
    `spec.userSearch.filter: ${placeholder}`,
  ),
  ldap(
    'an attribute that is none',
    search({ attributes: { username: 'u id' } }),
    `spec.userSearch.attributes.username: ${attribute}`,
  ),
  ldap(
    'memberOf and a search',
    { ...search({ attributes: { memberOf: 'memberOf' } }), groupSearch: { base: 'ou=groups,dc=example,dc=com' } },
    'spec.groupSearch: userSearch.attributes.memberOf takes the place of this search: keep one of the two',
  ),
  ldap(
    'groups as a claim',
    { claims: [{ claim: 'groups', attribute: 'memberOf' }] },
    'spec.claims[0].claim: groups come from groupSearch or memberOf, email_verified from emailVerified: leave it out here',
  ),
  ldap(
    'a claim of the protocol',
    {
      claims: [
        { claim: 'email', attribute: 'mail' },
        { claim: 'sub', attribute: 'uid' },
      ],
    },
    `spec.claims[1].claim: ${claimReserved}`,
  ),
  ldap('an address by its members', {
    claims: [
      { claim: 'address.street_address', attribute: 'street' },
      { claim: 'address.postal_code', attribute: 'postalCode' },
      { claim: 'name#de', attribute: 'cn;lang-de' },
      { claim: 'updated_at', attribute: 'modifyTimestamp' },
    ],
  }),
  ldap(
    'a member that no address has',
    { claims: [{ claim: 'address.street', attribute: 'street' }] },
    'spec.claims[0].claim: is no member of the claim address, whose members are formatted, street_address, locality, region, postal_code, country',
  ),
  ldap(
    'verified by no attribute',
    { emailVerified: { mode: 'Attribute' } },
    'spec.emailVerified.attribute: mode: Attribute and attribute go together: set both or neither',
  ),
  ldap(
    'a rule with a placeholder',
    { consentRules: [{ name: 'r', scopes: ['a'], filter: '(uid={})' }] },
    'spec.consentRules[0].filter: is compared with the entry of the user as it is: {} has no meaning here',
  ),
  ldap(
    'a rule without scopes',
    { consentRules: [{ name: 'r' }] },
    'spec.consentRules[0].scopes: is required, for example [orders:read]',
  ),
  ldap('a status in an attribute', {
    vendor: 'Generic',
    accountStatus: { attribute: 'status', values: [{ value: 'x', state: 'Expired' }] },
  }),
  ldap('a policy', { accountStatus: { defaultPolicy: 'cn=default,dc=example,dc=com' } }),
  ldap(
    'a status of nothing',
    { accountStatus: {} },
    'spec.accountStatus: says nothing yet: set attribute and values, or defaultPolicy, or leave accountStatus out',
  ),
  ldap(
    'a status without values',
    { accountStatus: { attribute: 'status' } },
    `spec.accountStatus.values: ${statusTogether}`,
  ),
  ldap(
    'a status without its attribute',
    { accountStatus: { values: [{ value: 'x', state: 'Expired' }] } },
    `spec.accountStatus.values: ${statusTogether}`,
  ),
  ldap(
    'a status that is no state',
    { accountStatus: { attribute: 'status', values: [{ value: 'x', state: 'Away' }] } },
    'spec.accountStatus.values[0].state: must be one of Active, Disabled, Expired, Locked, MustChangePassword, PasswordExpired, OutsideHours',
  ),
  ldap(
    'a status with one value twice',
    {
      accountStatus: {
        attribute: 'status',
        values: [
          { value: 'x', state: 'Expired' },
          { value: 'x', state: 'Active' },
        ],
      },
    },
    'spec.accountStatus.values[1]: is the same as spec.accountStatus.values[0]: list it once',
  ),
  ldap(
    'a status in what is no attribute',
    { accountStatus: { attribute: 'a status', values: [{ value: 'x', state: 'Expired' }] } },
    `spec.accountStatus.attribute: ${attribute}`,
  ),
  ldap(
    'a policy that is no DN',
    { accountStatus: { defaultPolicy: 'default' } },
    `spec.accountStatus.defaultPolicy: ${dn}`,
  ),
  ldap(
    'a policy of a directory that has none',
    { vendor: 'Generic', accountStatus: { defaultPolicy: 'cn=default,dc=example,dc=com' } },
    'spec.accountStatus.defaultPolicy: policies are read with vendor OpenLDAP and 389ds alone: leave it out',
  ),
  ldap('patience', { timeouts: { search: '10s' } }, 'spec.timeouts.search: must be from 100ms to 3s'),
  ldap(
    'more sample users than status has room for',
    { sampleUsers: ['a', 'b', 'c', 'd', 'e', 'f'] },
    'spec.sampleUsers: has 6 items, at most 5 are allowed',
  ),
  ldap(
    'a sample user twice',
    { sampleUsers: ['ada', 'ada'] },
    'spec.sampleUsers[1]: is the same as spec.sampleUsers[0]: list it once',
  ),
  ldap('a sample user of two lines', { sampleUsers: ['ada\nadmin'] }, `spec.sampleUsers[0]: ${plain}`),
  ldap('a look at everybody each second', { recheck: '1s' }, 'spec.recheck: must be from 10s to 1h'),
  ldap('a look at everybody twice a day', { recheck: '12h' }, 'spec.recheck: must be from 10s to 1h'),
  ldap('a priority below zero', { priority: -1 }, 'spec.priority: must be from 0 to 1000000'),
  ldap('half a priority', { priority: 1.5 }, 'spec.priority: must be a whole number'),
  ldap('a subject namespace with a space', { subjectNamespace: 'a b' }, `spec.subjectNamespace: ${printable}`),
  edit(
    ldap(
      'a subject namespace added',
      { subjectNamespace: 'identity/staff' },
      'spec.subjectNamespace: subjectNamespace cannot change, the subjects of all users are computed from it: create a second LdapBinding and delete this one if new subjects are wanted',
    ),
    {},
  ),
];
