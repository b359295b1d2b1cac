import { describe, expect, it } from 'vitest';
import { standing } from '../../../crds/src/index.ts';
import { attach } from '../../../operator/src/controllers/attachment.ts';
import { type LdapBindingInputs, planLdapBinding } from '../../../operator/src/controllers/ldap-binding/plan.ts';
import type { Observed } from '../../../operator/src/sources/source.ts';
import { checkRegistration } from '../../../server/src/registry/validate.ts';
import { aSecret, aServerResource, observed, shop } from './resources.ts';

const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const bundle = (data: Record<string, string>) => ({ namespace: 'shop', name: 'ldap-ca', data });
const withBundle = { tls: { caBundleRef: { name: 'ldap-ca' } } };

interface Case {
  readonly spec?: Record<string, unknown>;
  readonly binding?: Partial<Observed<'LdapBinding'>>;
  readonly servers?: readonly Observed<'AuthorizationServer'>[];
  readonly inputs?: Partial<LdapBindingInputs>;
}

function plan({ spec, binding: more, servers = [aServerResource()], inputs }: Case = {}) {
  const binding = observed('LdapBinding', 'people', spec, more);
  return planLdapBinding({
    source: 'test',
    binding,
    namespace: shop,
    attachment: attach(binding, servers, shop),
    serverHolds: 'yes',
    passwordSecret: aSecret('reader', { password: 'secret' }),
    caBundle: undefined,
    scopes: new Map(),
    siblings: [],
    stored: null,
    ...inputs,
  });
}

describe('what keeps an LdapBinding from being asked', () => {
  it.each<readonly [string, Case, 'ResolvedRefs' | 'Accepted', string, string, string]>([
    [
      'M08: a namespace that is not invited',
      { servers: [aServerResource({ allowedLdapBindings: { namespaces: { from: 'Same' } } })] },
      'Accepted',
      'NotAllowedByServer',
      'AuthorizationServer auth/main takes no LdapBindings from namespace shop. Its owner can add it in spec.allowedLdapBindings.namespaces (now: Same)',
      'withdraw',
    ],
    [
      'M12: no default server',
      { servers: [] },
      'ResolvedRefs',
      'ServerNotFound',
      'no default AuthorizationServer here: set spec.authorizationServerRef',
      'withdraw',
    ],
    [
      'Its password is not there yet',
      { inputs: { passwordSecret: undefined } },
      'ResolvedRefs',
      'SecretNotFound',
      'Secret "reader" named in spec.bind.passwordSecretRef does not exist in namespace shop. Waiting for it',
      'leave',
    ],
    [
      'Its password is under another key',
      { inputs: { passwordSecret: aSecret('reader', { pw: 'x', user: 'y' }) } },
      'ResolvedRefs',
      'SecretKeyNotFound',
      'Secret "reader" has no key "password" (keys: pw, user). Add it, or name another key in spec.bind.passwordSecretRef',
      'leave',
    ],
    [
      'M15: a trailing newline',
      { inputs: { passwordSecret: aSecret('reader', { password: 'canary\n' }) } },
      'ResolvedRefs',
      'SecretInvalid',
      'Secret "reader", key "password": ends in a newline. Write the password without it',
      'leave',
    ],
    [
      'An empty password',
      { inputs: { passwordSecret: aSecret('reader', { password: '' }) } },
      'ResolvedRefs',
      'SecretInvalid',
      'Secret "reader", key "password": is empty. Write a new one',
      'leave',
    ],
    [
      'Its CA is not there yet',
      { spec: withBundle },
      'ResolvedRefs',
      'CaNotFound',
      'ConfigMap "ldap-ca" named in spec.tls.caBundleRef does not exist in namespace shop. Waiting for it',
      'leave',
    ],
    [
      'Its CA is under another key',
      { spec: withBundle, inputs: { caBundle: bundle({ 'tls.crt': pem }) } },
      'ResolvedRefs',
      'CaNotFound',
      'ConfigMap "ldap-ca" has no key "ca.crt" (keys: tls.crt). Add it, or name another key in spec.tls.caBundleRef',
      'leave',
    ],
    [
      'Its CA is no certificate',
      { spec: withBundle, inputs: { caBundle: bundle({ 'ca.crt': 'nope' }) } },
      'ResolvedRefs',
      'CaNotFound',
      'ConfigMap "ldap-ca", key "ca.crt": holds no certificate in PEM. Put the CA\'s certificate there',
      'leave',
    ],
    [
      'A rule that names an unknown scope is in force all the same',
      {
        spec: { consentRules: [{ name: 'a', scopes: ['openid', 'shop:raed'] }] },
        inputs: { scopes: new Map([['shop:read', 'open']]) },
      },
      'ResolvedRefs',
      'ScopeNotFound',
      'spec.consentRules[0].scopes: no Scope "shop:raed" on auth/main. Did you mean "shop:read"? Waiting for it',
      'put',
    ],
    [
      'The subject namespace of another namespace',
      { spec: { subjectNamespace: 'bank/people' } },
      'Accepted',
      'PolicyViolation',
      'spec.subjectNamespace: "bank/people" is refused by policy "built-in" of auth/main, which allows shop/*. Change it or ask the owner of that server',
      'withdraw',
    ],
    [
      'A subject namespace that an older binding has',
      {
        spec: { subjectNamespace: 'shop/all' },
        inputs: {
          siblings: [
            observed('LdapBinding', 'older', { subjectNamespace: 'shop/all' }, { createdAt: '2025-01-01T00:00:00Z' }),
          ],
        },
      },
      'Accepted',
      'Conflict',
      'subject namespace "shop/all" belongs to an older LdapBinding in this namespace: older. Choose another spec.subjectNamespace',
      'withdraw',
    ],
  ])('%s', (_, given, type, reason, message, action) => {
    const result = plan(given);
    expect(type === 'Accepted' ? result.accepted : result.resolvedRefs).toMatchObject({
      type,
      status: 'False',
      reason,
      message,
    });
    expect(result.action).toBe(action);
    expect(['Reconciling', 'Stalled']).toContain(standing('LdapBinding', type, reason));
    expect(JSON.stringify([result.accepted, result.resolvedRefs])).not.toContain('canary');
  });

  it('the older of two with one subject namespace has it', () => {
    const younger = observed(
      'LdapBinding',
      'younger',
      { subjectNamespace: 'shop/all' },
      { createdAt: '2026-02-01T00:00:00Z' },
    );
    expect(plan({ spec: { subjectNamespace: 'shop/all' }, inputs: { siblings: [younger] } }).action).toBe('put');
  });

  it('whatever keeps it from being served, what would be written could be', () => {
    for (const given of [{}, { inputs: { passwordSecret: undefined } }, { servers: [] }]) {
      const { registration } = plan(given);
      expect(checkRegistration('directory', 'shop/people', registration?.value)).toBeNull();
    }
  });
});

describe('an accepted LdapBinding', () => {
  it('is registered in the words of the directory', () => {
    const result = plan({
      spec: {
        ...withBundle,
        servers: [{ url: 'ldaps://a.example.com' }, { url: 'ldaps://b.example.com:1636' }],
        userSearch: {
          base: 'ou=people,dc=example',
          scope: 'One',
          filter: '(mail={})',
          attributes: { username: 'mail', memberOf: 'memberOf' },
        },
        claims: [{ claim: 'email', attribute: 'mail' }],
        emailVerified: { mode: 'Attribute', attribute: 'mailVerified' },
        consentRules: [{ name: 'staff', scopes: ['email'], groups: ['staff'], filter: '(employeeType=staff)' }],
        unlistedScopes: 'Deny',
        passwordChange: 'Allowed',
        timeouts: { connect: '500ms' },
        priority: 7,
        matches: { suffixes: ['@example.com'] },
        sampleUsers: ['ada'],
      },
      inputs: { caBundle: bundle({ 'ca.crt': pem }) },
    });
    expect(result.registration).toMatchObject({
      kind: 'directory',
      id: 'shop/people',
      withdrawn: false,
      value: {
        servers: ['ldaps://a.example.com', 'ldaps://b.example.com:1636'],
        ca_bundle: pem,
        bind_dn: 'cn=reader,dc=example',
        bind_password: 'secret',
        vendor: 'openldap',
        subject_namespace: 'shop/people',
        user_search: {
          scope: 'one',
          filter: '(mail={})',
          attributes: { username: 'mail', subject: 'entryUUID', display_name: 'cn' },
        },
        member_of_attribute: 'memberOf',
        claims: { email: 'mail' },
        email_verified: { attribute: 'mailVerified' },
        consent_rules: [{ name: 'staff', scopes: ['email'], groups: ['staff'], filter: '(employeeType=staff)' }],
        unlisted_scopes: 'deny',
        password_change: 'allowed',
        timeouts: { connect: 500, bind: 1000, search: 1000 },
        priority: 7,
        matches: { suffixes: ['@example.com'], names: [] },
        sample_users: ['ada'],
      },
    });
    expect(result.status).toEqual({
      authorizationServer: 'auth/main',
      subjectNamespace: 'shop/people',
      unlistedScopes: 'Deny',
    });
  });
});
