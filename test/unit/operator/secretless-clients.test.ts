/** Clients without a secret: what is registered of them, and where they cannot work. */
import { describe, expect, it } from 'vitest';
import { attach } from '../../../operator/src/controllers/attachment.ts';
import type { ClientInputs } from '../../../operator/src/controllers/client/client-inputs.ts';
import { planClient } from '../../../operator/src/controllers/client/plan.ts';
import { registerServer } from '../../../operator/src/registrations/server.ts';
import { checkRegistration } from '../../../server/src/registry/validate.ts';
import { jwkOf } from '../../support/client-keys.ts';
import { aServerResource, aStored, observed, shop } from './resources.ts';

const ec = jwkOf('ES256');
const rsa = jwkOf('PS256');
const byKeys = { authentication: { method: 'private_key_jwt', jwks: { keys: [ec, rsa] } } };
const byAccounts = {
  authentication: { method: 'kubernetes_service_account', serviceAccounts: [{ name: 'batch' }, { name: 'web' }] },
};

function plan(spec: Record<string, unknown>, inputs: Partial<ClientInputs> = {}, server = aServerResource()) {
  const client = observed('Client', 'web', spec);
  return planClient({
    source: 'test',
    client,
    namespace: shop,
    attachment: attach(client, [server], shop),
    serverHolds: 'yes',
    issuer: 'https://id.example.com',
    scopes: new Map(),
    secret: undefined,
    otherSecrets: [],
    stored: null,
    hasDirectory: true,
    fresh: 'F'.repeat(43),
    now: Date.parse('2026-06-01T00:00:00Z'),
    ...inputs,
  });
}

describe('a Client without a secret', () => {
  it.each([
    ['private_key_jwt', byKeys, { jwks: { keys: [ec, rsa] } }],
    [
      'kubernetes_service_account: its own namespace is added, whatever the Client says',
      byAccounts,
      {
        service_accounts: [
          { namespace: 'shop', name: 'batch' },
          { namespace: 'shop', name: 'web' },
        ],
      },
    ],
  ])('%s', (_name, spec, expected) => {
    const { action, registration } = plan(spec);
    expect(action).toBe('put');
    expect(registration.value).toMatchObject({
      token_endpoint_auth_method: spec.authentication.method,
      client_secret_digests: [],
      ...expected,
    });
    expect(checkRegistration('client', registration.id, registration.value)).toBeNull();
  });

  it.each([
    ['keys', byKeys],
    ['ServiceAccounts', byAccounts],
  ])('with %s: the digests of an earlier secret are gone', (_name, spec) => {
    const stored = aStored(
      'shop.web',
      { namespace: 'shop', name: 'web', uid: 'uid-Client-shop-web' },
      { secretDigests: ['d'.repeat(43)] },
    );
    const { registration, secret } = plan(spec, { stored });
    expect(registration.value).toMatchObject({ client_secret_digests: [] });
    expect(secret?.accepted).toEqual([]);
  });

  it.each([
    ['keys', byKeys],
    ['ServiceAccounts', byAccounts],
  ])('with %s: its Secret holds everything but a secret', (_name, spec) => {
    const [write] = plan(spec).secret?.writes ?? [];
    if (write?.write !== 'create') throw new Error('no Secret is written');
    expect(Object.keys(write.next.data)).toEqual(expect.arrayContaining(['client-id', 'issuer-uri', 'token-uri']));
    expect(Object.keys(write.next.data)).not.toContain('client-secret');
    expect(JSON.stringify(write.next)).not.toContain('FFFFFF');
  });

  it('without a cluster nobody can be its ServiceAccount', () => {
    const { action, conditions } = plan(byAccounts, { withoutCluster: true });
    expect(action).toBe('withdraw');
    expect(conditions[1]).toMatchObject({
      type: 'Accepted',
      status: 'False',
      reason: 'PolicyViolation',
      message:
        'spec.authentication.method: kubernetes_service_account trusts the ServiceAccounts of a cluster, and these resources come from a folder. Use private_key_jwt or client_secret_basic',
    });
    expect(plan(byKeys, { withoutCluster: true }).action).toBe('put');
  });

  it.each([
    ['no policy', [], 'put'],
    [
      'one that lists it',
      [{ name: 'p', namespaces: { from: 'All' }, authenticationMethods: ['private_key_jwt'] }],
      'put',
    ],
    [
      'one that lists others',
      [{ name: 'p', namespaces: { from: 'All' }, authenticationMethods: ['none'] }],
      'withdraw',
    ],
    ['one that lists none', [{ name: 'p', namespaces: { from: 'All' } }], 'put'],
  ])('private_key_jwt under %s: %s', (_name, clientPolicies, action) =>
    expect(plan(byKeys, {}, aServerResource({ clientPolicies })).action).toBe(action),
  );
});

describe('the keys of the cluster', () => {
  const { spec } = aServerResource();
  const register = (keys: readonly unknown[]) => registerServer(spec, 'https://id.example.com', { clusterKeys: keys });
  const one = { ...jwkOf('RS256'), use: 'sig', alg: 'RS256' };

  it('are registered with the server', () => {
    const value = register([one, ec]);
    expect(value.kubernetes).toEqual({ jwks: { keys: [one, ec] } });
    expect(checkRegistration('server', 'self', value)).toBeNull();
  });

  it.each([
    ['short', jwkOf('RS256', { modulusLength: 1024 })],
    ['symmetric', { kty: 'oct', kid: 'k', k: 'c2VjcmV0' }],
    ['for another use', { ...ec, kid: 'enc', use: 'enc' }],
    ['on another curve', { ...ec, kid: 'k1', crv: 'secp256k1' }],
    ['without id', { ...ec, kid: undefined }],
    ['a second one of the same id', { ...rsa, kid: one.kid }],
    ['no key', 'key'],
  ])('one that is %s costs no other', (_name, bad) => {
    const value = register([one, bad]);
    expect(value.kubernetes).toEqual({ jwks: { keys: [one] } });
    expect(checkRegistration('server', 'self', value)).toBeNull();
  });

  it.each([
    ['none', []],
    ['none that may be used', [{ kty: 'oct' }]],
  ])('%s: the member is left out', (_name, keys) => expect(register(keys)).not.toHaveProperty('kubernetes'));
});
