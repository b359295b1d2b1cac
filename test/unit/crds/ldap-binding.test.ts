import { describe, expect, it } from 'vitest';
import { accepted, manifest, problems } from './builders.ts';

const binding = (spec: Record<string, unknown> = {}) => manifest('LdapBinding', spec);
const url = (value: string) => ({ servers: [{ url: value }] });
const users = (more: Record<string, unknown>) => ({ userSearch: { base: 'ou=people,dc=example,dc=com', ...more } });
const groups = (more: Record<string, unknown> = {}) => ({
  groupSearch: { base: 'ou=groups,dc=example,dc=com', ...more },
});

const clearText =
  'spec.servers[0].url: use ldaps://host or ldaps://host:port: ldap:// and StartTLS are refused, because a connection that drops would go on in clear text, passwords included';
const whole =
  'must hold {} as the whole value of an equality, for example (uid={}); never as a part of a value or as an attribute';

describe('servers', () => {
  it.each(['ldaps://ldap.example.com', 'ldaps://10.0.0.1:1636', 'ldaps://[2001:db8::1]:636'])('%s is accepted', (one) =>
    expect(problems('LdapBinding', binding(url(one)))).toEqual([]),
  );
  it.each([
    'ldap://ldap.example.com',
    'ldapi://%2Frun%2Fslapd',
    'ldaps://',
    'ldaps://ldap.example.com/',
    'ldaps://ldap.example.com/dc=example??sub',
    'ldaps://user@ldap.example.com',
    'ldaps://ldap.example.com:x',
    'ldap.example.com',
  ])('F11 %s is refused, with the reason', (one) =>
    expect(problems('LdapBinding', binding(url(one)))).toEqual([clearText]),
  );
  it('one server twice is refused', () => {
    const servers = [{ url: 'ldaps://a.example' }, { url: 'ldaps://a.example' }];
    expect(problems('LdapBinding', binding({ servers }))).toEqual([
      'spec.servers[1]: is the same as spec.servers[0]: list it once',
    ]);
  });
});

describe('servers by DNS', () => {
  const oneWay = 'spec.servers: servers lists the servers, srv finds them in DNS: set one of the two';
  it.each<[string, Record<string, unknown>, string[]]>([
    ['a domain in place of servers', { servers: undefined, srv: { domain: 'ad.example.com' } }, []],
    ['neither', { servers: undefined }, [oneWay]],
    ['both', { srv: { domain: 'ad.example.com' } }, [oneWay]],
  ])('%s', (_title, spec, expected) => expect(problems('LdapBinding', binding(spec))).toEqual(expected));
});

describe('filters', () => {
  it.each(['(uid={})', '(&(objectClass=person)(|(uid={})(mail={})))', '(uid:caseExactMatch:={})'])(
    '%s finds a user',
    (filter) => expect(problems('LdapBinding', binding(users({ filter })))).toEqual([]),
  );
  it.each([
    ['part of a value', '(uid=*{}*)'],
    ['the beginning of a value', '(uid={}*)'],
    ['the end of a value', '(uid=x{})'],
    ['an attribute', '({}=x)'],
    ['an order', '(uid>={})'],
    ['a likeness', '(uid~={})'],
    ['the value in quotes', '(uid="{}")'],
    ['missing', '(uid=x)'],
    ['once right and once wrong', '(|(uid={})(mail={}*))'],
  ])('F13 {} as %s is refused', (_title, filter) =>
    expect(problems('LdapBinding', binding(users({ filter })))).toEqual([`spec.userSearch.filter: ${whole}`]),
  );
  it('a filter without parentheses is refused', () => {
    expect(problems('LdapBinding', binding(users({ filter: 'uid={}' })))).toContain(
      'spec.userSearch.filter: must be an LDAP filter in parentheses (RFC 4515), for example (employeeType=staff)',
    );
  });
  it('a filter beyond 1 KiB is refused before it is read', () => {
    expect(problems('LdapBinding', binding(users({ filter: `(${'('.repeat(2000)}` })))).toEqual([
      'spec.userSearch.filter: must have at most 1024 characters',
    ]);
  });
});

describe('other rules of an LdapBinding', () => {
  const rule = (more: Record<string, unknown>) => ({
    consentRules: [{ name: 'orders', scopes: ['orders:read'], ...more }],
  });

  it.each([
    ['no vendor', { vendor: undefined }, 'spec.vendor: is required, for example OpenLDAP'],
    [
      'a vendor that nobody knows',
      { vendor: 'AD' },
      'spec.vendor: must be one of ActiveDirectory, OpenLDAP, 389ds, Generic',
    ],
    ['no server', { servers: [] }, 'spec.servers: needs at least one item'],
    [
      'no service account',
      { bind: undefined },
      'spec.bind: is required, for example {dn: "cn=reader,dc=example,dc=com", passwordSecretRef: {name: ldap-reader}}',
    ],
    [
      'a password in clear text',
      { bind: { dn: 'cn=a', password: 'x', passwordSecretRef: { name: 'a' } } },
      'spec.bind.password: unknown field spec.bind.password: known here: dn, passwordSecretRef',
    ],
    [
      'a service account that is no DN',
      { bind: { dn: 'EXTERNAL', passwordSecretRef: { name: 'a' } } },
      'spec.bind.dn: must be a distinguished name, for example ou=people,dc=example,dc=com',
    ],
    [
      'a CA that is a path',
      { tls: { caBundleRef: { name: '../ca' } } },
      "spec.tls.caBundleRef.name: must be the name of an object: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit",
    ],
    [
      'a key that is a path',
      { tls: { caBundleRef: { name: 'ca', key: '../ca.crt' } } },
      "spec.tls.caBundleRef.key: must be a key of that object: letters, digits, '-', '_' and '.', not beginning with '..'",
    ],
    [
      'StartTLS',
      { tls: { startTLS: true } },
      'spec.tls.startTLS: unknown field spec.tls.startTLS: known here: caBundleRef',
    ],
    [
      'an attribute that is none',
      users({ attributes: { subject: 'entry UUID' } }),
      'spec.userSearch.attributes.subject: must be the name of an LDAP attribute, for example entryUUID',
    ],
    [
      'groups found in two ways',
      { ...users({ attributes: { memberOf: 'memberOf' } }), ...groups() },
      'spec.groupSearch: userSearch.attributes.memberOf takes the place of this search: keep one of the two',
    ],
    [
      'names of users, and groups inside groups',
      groups({ nested: true, filter: '(memberUid={})', attributes: { user: 'uid' } }),
      'spec.groupSearch.nested: groups that list names hold no groups: leave nested out, or attributes.user',
    ],
    [
      'a reserved claim',
      { claims: [{ claim: 'sub', attribute: 'uid' }] },
      'spec.claims[0].claim: is reserved, the protocol itself sets this claim: choose another name',
    ],
    [
      'a claim of our own',
      { claims: [{ claim: 'groups', attribute: 'memberOf' }] },
      'spec.claims[0].claim: groups come from groupSearch or memberOf, email_verified from emailVerified: leave it out here',
    ],
    [
      'a claim mapped twice',
      {
        claims: [
          { claim: 'email', attribute: 'mail' },
          { claim: 'email', attribute: 'uid' },
        ],
      },
      'spec.claims[1]: is the same as spec.claims[0]: list it once',
    ],
    [
      'an attribute without its mode',
      { emailVerified: { attribute: 'x' } },
      'spec.emailVerified.attribute: mode: Attribute and attribute go together: set both or neither',
    ],
    [
      'a mode without its attribute',
      { emailVerified: { mode: 'Attribute' } },
      'spec.emailVerified.attribute: mode: Attribute and attribute go together: set both or neither',
    ],
    ['a rule without scopes', rule({ scopes: [] }), 'spec.consentRules[0].scopes: needs at least one item'],
    ['a rule for nobody', rule({ groups: [] }), 'spec.consentRules[0].groups: needs at least one item'],
    [
      'a rule that waits for a value',
      rule({ filter: '(uid={})' }),
      'spec.consentRules[0].filter: is compared with the entry of the user as it is: {} has no meaning here',
    ],
    [
      'a directory that takes its time',
      { timeouts: { search: '10s' } },
      'spec.timeouts.search: must be from 100ms to 3s',
    ],
    ['a priority below zero', { priority: -1 }, 'spec.priority: must be from 0 to 1000000'],
    ['a priority that is not whole', { priority: 1.5 }, 'spec.priority: must be a whole number'],
    ['nothing to match', { matches: { suffixes: [] } }, 'spec.matches.suffixes: needs at least one item'],
    [
      'a regular expression',
      { matches: { pattern: '.*' } },
      'spec.matches.pattern: unknown field spec.matches.pattern: known here: suffixes, names',
    ],
  ])('%s is refused', (_title, spec, expected) => {
    expect(problems('LdapBinding', binding(spec))).toEqual([expected]);
  });

  it.each([
    ['changed', { subjectNamespace: 'a/b' }, { subjectNamespace: 'a/c' }],
    ['added', {}, { subjectNamespace: 'a/c' }],
    ['taken away', { subjectNamespace: 'a/b' }, {}],
  ])('subjectNamespace cannot be %s', (_title, before, after) => {
    expect(problems('LdapBinding', binding(after), binding(before))).toEqual([
      'spec.subjectNamespace: subjectNamespace cannot change, the subjects of all users are computed from it: create a second LdapBinding and delete this one if new subjects are wanted',
    ]);
  });

  it('a directory of OpenLDAP needs little', () => {
    const { userSearch, bind, emailVerified, unlistedScopes, passwordChange, timeouts, priority } = accepted(
      'LdapBinding',
      binding(),
    ).spec;
    expect({ userSearch, bind, emailVerified, unlistedScopes, passwordChange, timeouts, priority }).toEqual({
      userSearch: {
        base: 'ou=people,dc=example,dc=com',
        scope: 'Sub',
        attributes: {},
      },
      bind: { dn: 'cn=reader,dc=example,dc=com', passwordSecretRef: { name: 'ldap-reader', key: 'password' } },
      emailVerified: { mode: 'Never' },
      unlistedScopes: 'Allow',
      passwordChange: 'Off',
      timeouts: { connect: '1s', bind: '1s', search: '1s' },
      priority: 100,
    });
  });

  it('a whole binding is accepted', () => {
    const all = {
      ...groups({ scope: 'One', filter: '(uniqueMember={})', attributes: { name: 'ou' } }),
      tls: { caBundleRef: { name: 'ldap-ca' } },
      subjectNamespace: 'identity/staff',
      emailVerified: { mode: 'Attribute', attribute: 'mailVerified' },
      consentRules: [
        { name: 'a', scopes: ['x'], groups: ['cn=a,dc=b'], filter: '(employeeType=staff)' },
        { name: 'b', scopes: ['x'] },
      ],
      unlistedScopes: 'Deny',
      passwordChange: 'Allowed',
      priority: 0,
      matches: { suffixes: ['@example.com'], names: ['admin'] },
    };
    expect(problems('LdapBinding', binding(all))).toEqual([]);
    expect(accepted('LdapBinding', binding(all)).spec.tls?.caBundleRef).toEqual({ name: 'ldap-ca', key: 'ca.crt' });
  });
});
