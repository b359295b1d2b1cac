import { describe, expect, it } from 'vitest';
import { standing } from '../../../crds/src/index.ts';
import {
  concludeServer,
  planServer,
  type ServerInputs,
} from '../../../operator/src/controllers/authorization-server/plan.ts';
import type { Written } from '../../../operator/src/controllers/programmed.ts';
import type { DatabaseState } from '../../../operator/src/controllers/registries.ts';
import type { LiveReport } from '../../../server/src/registry/index.ts';
import { checkRegistration } from '../../../server/src/registry/validate.ts';
import { aServerResource } from './resources.ts';

const standalone = { reason: 'Standalone', version: '1.2.3', database: 'given' } as const;
const answers: DatabaseState = {
  ready: { type: 'DatabaseReady', status: 'True', reason: 'DatabaseReady', message: 'the database answers' },
  keyProblem: undefined,
  looked: [],
};
const revision = { epoch: 'e', n: 5 };
const written: Written = { outcome: 'written', revision };
const aReport = (more: Partial<LiveReport> = {}): LiveReport => ({
  replica: 'r1',
  format: 1,
  revision,
  rejected: [],
  directories: [],
  keys: 'ready',
  untrustedProxy: false,
  live: true,
  reportedAt: 1,
  ...more,
});

function conclude(
  more: Partial<ServerInputs> = {},
  became: Written = written,
  reports: readonly LiveReport[] = [aReport()],
) {
  const inputs: ServerInputs = {
    source: 'test',
    server: aServerResource(),
    deployment: standalone,
    issuer: { issuer: 'https://id.example.com' },
    retirementHeld: 0,
    database: answers,
    clusterKeys: [],
    others: [],
    ...more,
  };
  const plan = planServer(inputs);
  return {
    plan,
    ...concludeServer(
      inputs,
      plan,
      plan.action === 'put' ? became : { outcome: 'blocked', by: plan.blockedBy },
      reports,
    ),
  };
}

const older = { createdAt: '2025-01-01T00:00:00Z', name: 'auth/older', issuer: 'https://id.example.com' };

describe('an AuthorizationServer', () => {
  it.each<readonly [string, Partial<ServerInputs>, Written, readonly LiveReport[], string, string, string]>([
    [
      'its database cannot be used, for a reason that was found',
      {
        database: {
          ...answers,
          ready: { type: 'DatabaseReady', status: 'False', reason: 'SecretNotFound', message: 'x' },
        },
      },
      written,
      [],
      'DatabaseReady',
      'SecretNotFound',
      'x',
    ],
    [
      'the key-encryption key cannot be had',
      { database: { ...answers, keyProblem: 'Secret "k" does not exist' } },
      written,
      [aReport()],
      'KeysReady',
      'KeyEncryptionKeyNotFound',
      'Secret "k" does not exist',
    ],
    [
      'the key-encryption key is another one, while the replicas have the former',
      { database: { ...answers, isKeyAnother: true } },
      written,
      [aReport()],
      'KeysReady',
      'KeyEncryptionKeyMismatch',
      'the database holds keys that this key-encryption key cannot open. Give back the key that was used before',
    ],
    [
      'the database is another’s',
      {},
      { outcome: 'conflict', owner: { source: 's', namespace: 'x', name: 'y', uid: 'z' }, reserved: false },
      [],
      'DatabaseReady',
      'DatabaseInUse',
      'the database serves another AuthorizationServer, of source "s". Give this one a database of its own; if that cluster is gone for good, annotate this one with auth.nauthera.io/adopt-from: that source',
    ],
    [
      'the database is another’s of this cluster',
      {},
      { outcome: 'conflict', owner: { source: 'test', namespace: 'x', name: 'y', uid: 'z' }, reserved: false },
      [],
      'DatabaseReady',
      'DatabaseInUse',
      'the database serves another AuthorizationServer. Give this one a database of its own',
    ],
    [
      'the issuer is a service of another namespace',
      { issuer: { issuer: 'https://main.bank.svc' } },
      { outcome: 'blocked', by: 'Deployed' },
      [],
      'Deployed',
      'InvalidSpec',
      'spec.issuer: https://main.bank.svc names a service of namespace bank, and belongs to that namespace. Make another AuthorizationServer with an issuer of your own',
    ],
    [
      'the database is away',
      {},
      { outcome: 'unreachable' },
      [],
      'DatabaseReady',
      'DatabaseUnreachable',
      'the database does not answer. Waiting for it',
    ],
    [
      'its issuer is that of an older one',
      { others: [older] },
      written,
      [aReport()],
      'Deployed',
      'Conflict',
      'issuer https://id.example.com is that of an older AuthorizationServer. Give this one another spec.issuer',
    ],
    [
      'it has no issuer',
      { issuer: { problem: 'set spec.issuer' } },
      written,
      [aReport()],
      'Deployed',
      'InvalidSpec',
      'set spec.issuer',
    ],
    [
      'the server would refuse it',
      {},
      { outcome: 'invalid', problem: 'x must not be y' },
      [aReport()],
      'Deployed',
      'InvalidSpec',
      'the server would refuse these settings: x must not be y',
    ],
    [
      'no replica reports',
      {},
      written,
      [aReport({ live: false })],
      'Deployed',
      'RollingOut',
      'no server process reports yet. Waiting',
    ],
    [
      'a replica is behind',
      {},
      written,
      [aReport(), aReport({ replica: 'r2', revision: { epoch: 'e', n: 4 } })],
      'Deployed',
      'RollingOut',
      '1 of 2 replicas serve the newest settings. Waiting',
    ],
    [
      'keys are being made',
      {},
      written,
      [aReport({ keys: 'pending' })],
      'KeysReady',
      'KeysPending',
      'signing keys are being made. Waiting',
    ],
    [
      'keys do not open',
      {},
      written,
      [aReport({ keys: 'key_encryption_key_mismatch' })],
      'KeysReady',
      'KeyEncryptionKeyMismatch',
      'the database holds keys that this key-encryption key cannot open. Give back the key that was used before',
    ],
    [
      'the next signing key is overdue',
      {},
      written,
      [aReport(), aReport({ replica: 'r2', keys: 'rotation_overdue' })],
      'KeysReady',
      'RotationOverdue',
      'the next signing key is overdue by more than an hour, and the one before signs on. No replica could store it: see that the database takes what the servers write',
    ],
  ])('%s', (_, inputs, became, reports, type, reason, message) => {
    const { conditions } = conclude(inputs, became, reports);
    expect(conditions.find((one) => one.type === type)).toMatchObject({ status: 'False', reason, message });
    expect(['Reconciling', 'Stalled']).toContain(standing('AuthorizationServer', type, reason));
    // What comes after the one that failed is blocked by it, and nothing before it is False.
    expect(conditions.filter(({ status }) => status === 'False')).toHaveLength(1);
  });

  it('in the database of another counts none of the replicas that report there, and says nothing of their proxies', () => {
    const owner = { source: 'test', namespace: 'x', name: 'y', uid: 'z' };
    const { conditions, status } = conclude({}, { outcome: 'conflict', owner, reserved: false }, [
      aReport({ untrustedProxy: true }),
      aReport({ replica: 'r2' }),
    ]);
    expect(status).toMatchObject({ replicas: 0, readyReplicas: 0 });
    expect(conditions.map(({ type }) => type)).toEqual(['DatabaseReady', 'Deployed', 'KeysReady']);
  });

  it('that is served by all replicas is ready', () => {
    const { conditions, status, readyMessage, pending } = conclude({}, written, [
      aReport(),
      aReport({ replica: 'r2' }),
      aReport({ replica: 'dead', live: false }),
    ]);
    expect(conditions.map(({ status: one, reason }) => [one, reason])).toEqual([
      ['True', 'DatabaseReady'],
      ['True', 'Standalone'],
      ['True', 'KeysReady'],
    ]);
    expect(status).toEqual({
      issuer: 'https://id.example.com',
      endpoints: {
        discovery: 'https://id.example.com/.well-known/openid-configuration',
        authorization: 'https://id.example.com/authorize',
        token: 'https://id.example.com/token',
        userinfo: 'https://id.example.com/userinfo',
        jwks: 'https://id.example.com/jwks',
        introspection: 'https://id.example.com/introspect',
        revocation: 'https://id.example.com/revoke',
        endSession: 'https://id.example.com/logout',
      },
      version: '1.2.3',
      replicas: 2,
      readyReplicas: 2,
    });
    expect([readyMessage, pending]).toEqual(['Serving as https://id.example.com', false]);
  });

  it('counts replicas that can sign, also those that are about to serve the newest settings', () => {
    const { status } = conclude({}, written, [
      aReport({ keys: 'rotation_overdue' }),
      aReport({ replica: 'behind', revision: { epoch: 'another', n: 0 } }),
      aReport({ replica: 'new', keys: 'pending' }),
      aReport({ replica: 'dead', live: false }),
    ]);
    expect(status).toMatchObject({ replicas: 3, readyReplicas: 2 });
  });

  it('is registered with whole seconds', () => {
    const { plan } = conclude({
      server: aServerResource({
        lifetimes: { accessToken: '10m', refreshToken: { idle: '1h' } },
        branding: { displayName: 'Shop' },
      }),
    });
    expect(plan.registration?.value).toMatchObject({
      issuer: 'https://id.example.com',
      display_name: 'Shop',
      lifetimes: { access_token: 600, refresh_token_idle: 3600, session_idle: 7200 },
      signing: { algorithms: ['ES256', 'RS256'] },
    });
    expect(checkRegistration('server', 'self', plan.registration?.value)).toBeNull();
  });

  it('names the endpoint for devices where a policy allows them', () => {
    const clientPolicies = [{ name: 'tv', grantTypes: ['urn:ietf:params:oauth:grant-type:device_code'] }];
    const { status } = conclude({ server: aServerResource({ clientPolicies }) });
    expect(status.endpoints).toMatchObject({ deviceAuthorization: 'https://id.example.com/device_authorization' });
  });

  it('says what of its branding is shown otherwise, and is ready all the same', () => {
    const server = aServerResource({
      branding: { colors: { light: '#ffcc00' }, logo: { configMapRef: { name: 'logo' } } },
    });
    const { conditions, plan } = conclude({ server });
    expect(conditions.at(-1)).toMatchObject({ type: 'BrandingAdjusted', status: 'True', reason: 'ContrastTooLow' });
    expect(conditions.every(({ status }) => status === 'True')).toBe(true);
    expect(standing('AuthorizationServer', 'BrandingAdjusted', 'ContrastTooLow')).toBe('None');
    expect(plan.registration?.value).toMatchObject({ branding: { colors: { light: '#7e6500' } } });
    expect(checkRegistration('server', 'self', plan.registration?.value)).toBeNull();
  });

  describe('whose pods the operator makes', () => {
    type Reason = 'RollingOut' | 'ApplyFailed' | 'RolloutStuck';
    const pods = (reason?: Reason, paused = false): Partial<ServerInputs> => ({
      pods: {
        deployed: reason === undefined ? undefined : { type: 'Deployed', status: 'False', reason, message: 'why' },
        paused,
        replicas: 3,
        version: '2.0.0',
      },
    });
    const away: Partial<ServerInputs> = {
      database: {
        ...answers,
        ready: { type: 'DatabaseReady', status: 'False', reason: 'MigrationRunning', message: 'x' },
      },
    };
    const deployedOf = (more: Partial<ServerInputs>) =>
      conclude(more).conditions.find(({ type }) => type === 'Deployed')?.reason;

    it.each<[string, Partial<ServerInputs>, string]>([
      ['they are being replaced, whatever serves', pods('RollingOut'), 'RollingOut'],
      ['the cluster refuses something', pods('ApplyFailed'), 'ApplyFailed'],
      ['and says so while the database is away', { ...pods('ApplyFailed'), ...away }, 'ApplyFailed'],
      ['nothing moves, while the database is away', { ...pods('RolloutStuck'), ...away }, 'RolloutStuck'],
      ['no pods without a database are no failure', { ...pods('RollingOut'), ...away }, 'Blocked'],
      ['all run and serve', pods(), 'Standalone'],
    ])('%s', (_name, more, reason) => {
      expect(deployedOf(more)).toBe(reason);
    });

    it('says how many there are, of which version, and whether they are left alone', () => {
      const { status, conditions } = conclude(pods(undefined, true));
      expect(status).toMatchObject({ replicas: 3, readyReplicas: 1, version: '2.0.0' });
      expect(conditions.at(-1)).toMatchObject({ type: 'Paused', status: 'True', reason: 'PausedByAnnotation' });
      expect(standing('AuthorizationServer', 'Paused', 'PausedByAnnotation')).toBe('None');
      expect(conclude(pods()).conditions.some(({ type }) => type === 'Paused')).toBe(false);
    });
  });

  it('says that rows without a resource are kept, and is ready all the same', () => {
    const { conditions, pending } = conclude({ retirementHeld: 12 });
    expect(conditions.map(({ type, status, reason }) => [type, status, reason]).at(-1)).toEqual([
      'RetirementHeld',
      'True',
      'TooManyOrphans',
    ]);
    expect([conditions.every(({ status }) => status === 'True'), pending]).toEqual([true, false]);
    expect(standing('AuthorizationServer', 'RetirementHeld', 'TooManyOrphans')).toBe('None');
  });

  it.each<readonly [string, readonly LiveReport[], boolean]>([
    ['no replica says so', [aReport(), aReport({ replica: 'r2' })], false],
    ['a dead one did', [aReport(), aReport({ replica: 'r2', live: false, untrustedProxy: true })], false],
    ['one of them does', [aReport(), aReport({ replica: 'r2', untrustedProxy: true })], true],
  ])('ClientAddressUnknown, ProxyNotTrusted: %s', (_, reports, expected) => {
    const { conditions, pending } = conclude({}, written, reports);
    const message =
      'requests come through a proxy that is not trusted, so limits per address are 20 times as high. Put its network into spec.trustedProxies, with the header that names the client';
    expect(conditions.filter(({ type }) => type === 'ClientAddressUnknown')).toEqual(
      expected ? [{ type: 'ClientAddressUnknown', status: 'True', reason: 'ProxyNotTrusted', message }] : [],
    );
    expect(message.length).toBeLessThanOrEqual(250);
    expect([conditions.every(({ status }) => status === 'True'), pending]).toEqual([true, false]);
    expect(standing('AuthorizationServer', 'ClientAddressUnknown', 'ProxyNotTrusted')).toBe('None');
  });
});
