/** Certificates of applications, as far as the operator decides: who may use them, whose are trusted, where they go. */
import { beforeAll, describe, expect, it } from 'vitest';
import { attach } from '../../../operator/src/controllers/attachment.ts';
import { clientAuthoritiesOf } from '../../../operator/src/controllers/authorization-server/client-authorities.ts';
import type { DeploymentContext } from '../../../operator/src/controllers/authorization-server/deployment/context.ts';
import { networkPolicy } from '../../../operator/src/controllers/authorization-server/deployment/network-policy.ts';
import { podParts } from '../../../operator/src/controllers/authorization-server/deployment/pod-parts.ts';
import { service } from '../../../operator/src/controllers/authorization-server/deployment/service.ts';
import type { ClientInputs } from '../../../operator/src/controllers/client/client-inputs.ts';
import { planClient } from '../../../operator/src/controllers/client/plan.ts';
import { clientAuthority } from '../../support/client-certificates.ts';
import { aServerResource, observed, shop } from './resources.ts';

const byName = { authentication: { method: 'tls_client_auth', tls: { sanDns: 'shop.example.com' } } };
const key = { kid: 'k', kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
const byKey = { authentication: { method: 'self_signed_tls_client_auth', jwks: { keys: [key] } } };
const listener = { mutualTls: { mode: 'Listener', caBundleRef: { name: 'client-ca' } } };

function plan(spec: Record<string, unknown>, server: Record<string, unknown>) {
  const client = observed('Client', 'web', spec);
  const inputs: ClientInputs = {
    source: 'test',
    client,
    namespace: shop,
    attachment: attach(client, [aServerResource(server)], shop),
    serverHolds: 'yes',
    issuer: 'https://id.example.com/tenant',
    scopes: new Map(),
    secret: undefined,
    otherSecrets: [],
    stored: null,
    hasDirectory: true,
    fresh: 'F'.repeat(43),
    now: Date.parse('2026-06-01T00:00:00Z'),
  };
  return planClient(inputs);
}

const accepted = (spec: Record<string, unknown>, server: Record<string, unknown>) =>
  plan(spec, server).conditions.find(({ type }) => type === 'Accepted');

describe('a Client that needs a certificate', () => {
  it.each([
    ['by its name', byName],
    ['by its key', byKey],
    ['for its tokens', { senderConstraint: 'MTLS' }],
  ])('is accepted where certificates are asked for: %s', (_name, spec) => {
    expect(accepted(spec, listener)).toMatchObject({ status: 'True' });
  });

  it.each([
    [
      byName,
      {},
      'spec.authentication.method: "tls_client_auth" needs spec.mutualTls.mode Listener, which auth/main does not have. Change it or ask the owner of that server',
    ],
    [
      byKey,
      { mutualTls: { mode: 'Off' } },
      'spec.authentication.method: "self_signed_tls_client_auth" needs spec.mutualTls.mode Listener, which auth/main does not have. Change it or ask the owner of that server',
    ],
    [
      { senderConstraint: 'MTLS' },
      {},
      'spec.senderConstraint: "MTLS" needs spec.mutualTls.mode Listener, which auth/main does not have. Change it or ask the owner of that server',
    ],
    [
      byName,
      { mutualTls: { mode: 'Listener' } },
      'spec.authentication.method: "tls_client_auth" needs spec.mutualTls.caBundleRef, which auth/main does not have. Change it or ask the owner of that server',
    ],
  ])('%j is refused with %j', (spec, server, message) => {
    expect(accepted(spec, server)).toMatchObject({ status: 'False', reason: 'PolicyViolation', message });
  });

  it('policy may refuse the method', () => {
    const policies = [{ name: 'few', namespaces: { from: 'All' }, authenticationMethods: ['private_key_jwt'] }];
    expect(accepted(byName, { ...listener, clientPolicies: policies })).toMatchObject({
      status: 'False',
      message: expect.stringContaining('spec.authentication.method: "tls_client_auth" is refused by policy "few"'),
    });
  });

  it('its Secret holds no secret, and the endpoints that ask for certificates', () => {
    const [first] = plan(byName, listener).secret?.writes ?? [];
    const data = first?.write === 'create' ? first.next.data : {};
    expect(data).not.toHaveProperty('client-secret');
    expect(data).toMatchObject({
      'issuer-uri': 'https://id.example.com/tenant',
      'authorization-uri': 'https://id.example.com/tenant/authorize',
      'token-uri': 'https://id.example.com:8444/tenant/token',
      'user-info-uri': 'https://id.example.com:8444/tenant/userinfo',
      'introspection-uri': 'https://id.example.com:8444/tenant/introspect',
      'revocation-uri': 'https://id.example.com:8444/tenant/revoke',
      'jwk-set-uri': 'https://id.example.com/tenant/jwks',
    });
  });

  it('the Secret of another Client names the usual ones', () => {
    const [first] = plan({}, listener).secret?.writes ?? [];
    expect(first?.write === 'create' ? first.next.data['token-uri'] : '').toBe('https://id.example.com/tenant/token');
  });
});

describe('the authorities of a server', () => {
  const spec = aServerResource(listener).spec;
  let pem = '';
  beforeAll(async () => {
    ({ pem } = await clientAuthority());
  });
  const configMap = (data: Record<string, string>) => ({
    namespace: 'identity',
    name: 'client-ca',
    data,
    binaryData: {},
  });

  it('are what the bundle holds', () => {
    expect(clientAuthoritiesOf(spec, configMap({ 'ca.crt': pem }))).toEqual({ ca: pem, problem: undefined });
  });

  it.each([
    [undefined, 'tls_client_auth is left out: ConfigMap "client-ca" does not exist'],
    [{}, 'tls_client_auth is left out: ConfigMap "client-ca" has no key "ca.crt"'],
    [
      { 'ca.crt': 'none' },
      'tls_client_auth is left out: ConfigMap "client-ca", key "ca.crt" does not hold certificates in PEM',
    ],
  ])('are nobody’s with %j, and the server serves on', (data, problem) => {
    const bundle = data === undefined ? undefined : configMap(data);
    expect(clientAuthoritiesOf(spec, bundle)).toEqual({ ca: undefined, problem });
  });
});

describe('in a cluster', () => {
  const context = (spec: Record<string, unknown>): DeploymentContext => ({
    server: aServerResource({ issuer: 'https://id.example.com', ...spec }),
    issuer: 'https://id.example.com',
    settings: { image: 'registry.example.com/nauthera:1.2.3', pullPolicy: 'IfNotPresent', pullSecrets: [] },
    databasePorts: [5432],
    scaledTo: undefined,
    restart: undefined,
    bundle: undefined,
  });
  const shown = (spec: Record<string, unknown>) => {
    const own = context(spec);
    return JSON.stringify([service(own), networkPolicy(own), podParts(own, 'server')]);
  };

  it('the port is in the pod, the Service and the NetworkPolicy', () => {
    const own = context(listener);
    expect(service(own).content).toMatchObject({
      spec: {
        ports: [
          { name: 'https', port: 443 },
          { name: 'mutual-tls', port: 8444, targetPort: 'mutual-tls' },
        ],
      },
    });
    const { env, ports } = podParts(own, 'server');
    expect(env).toContainEqual({ name: 'NAUTHERA_MUTUAL_TLS_LISTEN', value: '0.0.0.0:8444' });
    expect(ports).toContainEqual({ name: 'mutual-tls', containerPort: 8444, protocol: 'TCP' });
    expect(JSON.stringify(networkPolicy(own))).toContain('8444');
    expect(JSON.stringify(podParts(own, 'migration'))).not.toContain('8444');
  });

  it('and nowhere while certificates are off', () => {
    expect(shown({})).not.toContain('8444');
    expect(shown({ mutualTls: { mode: 'Off' } })).not.toContain('8444');
  });
});
