import { describe, expect, it } from 'vitest';
import { standing } from '../../../crds/src/index.ts';
import { attach, nameOf } from '../../../operator/src/controllers/attachment.ts';
import type { ClientInputs } from '../../../operator/src/controllers/client/client-inputs.ts';
import { planClient } from '../../../operator/src/controllers/client/plan.ts';
import { digestOf } from '../../../operator/src/controllers/client/secret.ts';
import type { Observed, Secret } from '../../../operator/src/sources/source.ts';
import { checkRegistration } from '../../../server/src/registry/validate.ts';
import { png } from '../../support/png.ts';
import { aSecret, aServerResource, aStored, observed, shop } from './resources.ts';

interface Case {
  readonly spec?: Record<string, unknown>;
  readonly client?: Partial<Observed<'Client'>>;
  readonly servers?: readonly Observed<'AuthorizationServer'>[];
  readonly inputs?: Partial<ClientInputs>;
}

function plan({ spec, client: more, servers = [aServerResource()], inputs }: Case = {}) {
  const client = observed('Client', 'web', spec, more);
  return planClient({
    source: 'test',
    client,
    namespace: shop,
    attachment: attach(client, servers, shop),
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

const aLogo = (bytes: Buffer) => ({
  namespace: 'shop',
  name: 'shop-logo',
  data: {},
  binaryData: { 'logo.png': bytes.toString('base64') },
});

const scopes = (entries: Record<string, 'open' | 'closed'>) => new Map(Object.entries(entries));
const redirecting = {
  grantTypes: ['authorization_code'],
  redirectUris: ['https://shop.example.com/cb'],
  scopes: ['openid'],
};
const policy = (members: Record<string, unknown>) => [
  aServerResource({ clientPolicies: [{ name: 'strict', namespaces: { from: 'All' }, ...members }] }),
];

/** What keeps it from Ready: id, reason, message, what happens to the registration. */
const refusals: readonly (readonly [string, Case, string, string, string, string])[] = [
  [
    'M08: a namespace that is not invited',
    { servers: [aServerResource({ allowedClients: { namespaces: { from: 'Same' } } })] },
    'Accepted',
    'NotAllowedByServer',
    'AuthorizationServer auth/main takes no Clients from namespace shop. Its owner can add it in spec.allowedClients.namespaces (now: Same)',
    'withdraw',
  ],
  [
    'M08: a selector that does not select it',
    {
      servers: [
        aServerResource({
          allowedClients: { namespaces: { from: 'Selector', selector: { matchLabels: { team: 'red' } } } },
        }),
      ],
    },
    'Accepted',
    'NotAllowedByServer',
    'AuthorizationServer auth/main takes no Clients from namespace shop. Its owner can add it in spec.allowedClients.namespaces (now: Selector)',
    'withdraw',
  ],
  [
    'M09: a grant type beyond policy',
    { servers: policy({ grantTypes: ['authorization_code'] }) },
    'Accepted',
    'PolicyViolation',
    'spec.grantTypes: "client_credentials" is refused by policy "strict" of auth/main, which allows authorization_code. Change it or ask the owner of that server',
    'withdraw',
  ],
  [
    'M09: a host beyond policy',
    { spec: redirecting, servers: policy({ redirectHosts: ['*.example.org'] }) },
    'Accepted',
    'PolicyViolation',
    'spec.redirectUris[0]: "shop.example.com" is refused by policy "strict" of auth/main, which allows *.example.org. Change it or ask the owner of that server',
    'withdraw',
  ],
  [
    'M09: a private scheme beyond policy',
    {
      spec: { ...redirecting, authentication: { method: 'none' }, redirectUris: ['com.example.app:/cb'] },
      servers: policy({ redirectHosts: ['*.example.org'] }),
    },
    'Accepted',
    'PolicyViolation',
    'spec.redirectUris[0]: "com.example.app:" is refused by policy "strict" of auth/main, which allows *.example.org. Change it or ask the owner of that server',
    'withdraw',
  ],
  [
    'M09: a lifetime beyond policy',
    { spec: { accessToken: { lifetime: '30m' } }, servers: policy({ maxLifetimes: { accessToken: '10m' } }) },
    'Accepted',
    'PolicyViolation',
    'spec.accessToken.lifetime: "30m" is refused by policy "strict" of auth/main, which allows at most 10m. Change it or ask the owner of that server',
    'withdraw',
  ],
  [
    'M09: consent without a page where no policy says so',
    { spec: { ...redirecting, consent: { mode: 'Implicit' } } },
    'Accepted',
    'PolicyViolation',
    'spec.consent.mode: "Implicit" is refused by policy "built-in" of auth/main, which allows Always, Remember. Change it or ask the owner of that server',
    'withdraw',
  ],
  [
    'A client id of another namespace',
    { spec: { clientId: 'bank.web' } },
    'Accepted',
    'PolicyViolation',
    'spec.clientId: "bank.web" is refused by policy "built-in" of auth/main, which allows shop.*. Change it or ask the owner of that server',
    'withdraw',
  ],
  [
    'An audience of somebody else',
    { spec: { accessToken: { audiences: ['https://api.example.com'] } } },
    'Accepted',
    'PolicyViolation',
    'spec.accessToken.audiences: "https://api.example.com" is refused by policy "built-in" of auth/main, which allows shop.*. Change it or ask the owner of that server',
    'withdraw',
  ],
  [
    'M09: a host of a page after signing out beyond policy',
    {
      spec: {
        ...redirecting,
        redirectUris: ['https://a.example.org/cb'],
        postLogoutRedirectUris: ['https://a.example.org/bye', 'https://shop.example.com/bye'],
      },
      servers: policy({ redirectHosts: ['*.example.org'] }),
    },
    'Accepted',
    'PolicyViolation',
    'spec.postLogoutRedirectUris[1]: "shop.example.com" is refused by policy "strict" of auth/main, which allows *.example.org. Change it or ask the owner of that server',
    'withdraw',
  ],
  [
    'M09: introspection of an audience of somebody else',
    { spec: { introspection: { audiences: ['shop.api', 'https://api.example.com'] } } },
    'Accepted',
    'PolicyViolation',
    'spec.introspection.audiences: "https://api.example.com" is refused by policy "built-in" of auth/main, which allows shop.*. Change it or ask the owner of that server',
    'withdraw',
  ],
  [
    'M09: a client id of another namespace is no audience to introspect',
    {
      spec: { introspection: { audiences: ['bank.api'] } },
      servers: policy({ audiences: ['*'] }),
    },
    'Accepted',
    'PolicyViolation',
    'spec.introspection.audiences: "bank.api" is refused by policy "strict" of auth/main, which allows shop.*, *. Change it or ask the owner of that server',
    'withdraw',
  ],
  [
    'An algorithm for userinfo that the server has no key for',
    {
      spec: { userinfo: { signingAlgorithm: 'ES256' } },
      servers: [aServerResource({ signing: { algorithms: ['RS256'] } })],
    },
    'Accepted',
    'PolicyViolation',
    'spec.userinfo.signingAlgorithm: "ES256" is not among spec.signing.algorithms of auth/main (RS256). Change it or ask the owner of that server',
    'withdraw',
  ],
  [
    'A logo that is not there: it alone is inert',
    { spec: { logo: { configMapRef: { name: 'shop-logo' } } } },
    'ResolvedRefs',
    'LogoNotFound',
    'ConfigMap "shop-logo" named in spec.logo.configMapRef does not exist in namespace shop. No logo is shown until it does',
    'put',
  ],
  [
    'A logo that is no picture: it alone is inert',
    {
      spec: { logo: { configMapRef: { name: 'shop-logo' } } },
      inputs: { logo: aLogo(Buffer.from('<svg/>')) },
    },
    'ResolvedRefs',
    'LogoInvalid',
    'ConfigMap "shop-logo", key "logo.png": is no PNG file. Put a PNG file of at most 64 KiB and 512 pixels a side there',
    'put',
  ],
  [
    'A missing scope is told before a missing logo',
    { spec: { scopes: ['orders:read'], logo: { configMapRef: { name: 'shop-logo' } } } },
    'ResolvedRefs',
    'ScopeNotFound',
    'spec.scopes: no Scope "orders:read" on auth/main. Waiting for it',
    'put',
  ],
  [
    'An algorithm that the server has no key for',
    {
      spec: { idToken: { signingAlgorithm: 'ES256' } },
      servers: [aServerResource({ signing: { algorithms: ['RS256'] } })],
    },
    'Accepted',
    'PolicyViolation',
    'spec.idToken.signingAlgorithm: "ES256" is not among spec.signing.algorithms of auth/main (RS256). Change it or ask the owner of that server',
    'withdraw',
  ],
  [
    'M10: a misspelt scope',
    { spec: { scopes: ['orders:raed'] }, inputs: { scopes: scopes({ 'orders:read': 'open' }) } },
    'ResolvedRefs',
    'ScopeNotFound',
    'spec.scopes: no Scope "orders:raed" on auth/main. Did you mean "orders:read"? Waiting for it',
    'put',
  ],
  [
    'M10: no scope is suggested that is not open to it',
    { spec: { scopes: ['orders:raed'] }, inputs: { scopes: scopes({ 'orders:read': 'closed' }) } },
    'ResolvedRefs',
    'ScopeNotFound',
    'spec.scopes: no Scope "orders:raed" on auth/main. Waiting for it',
    'put',
  ],
  [
    'M11: a scope not opened to it',
    { spec: { scopes: ['orders:read'] }, inputs: { scopes: scopes({ 'orders:read': 'closed' }) } },
    'ResolvedRefs',
    'ScopeNotAllowed',
    'spec.scopes: Scope "orders:read" is not open to namespace shop. Its owner can add it in spec.allowedClients.namespaces',
    'put',
  ],
  [
    'M12: a wrong server',
    { spec: { authorizationServerRef: { name: 'mian', namespace: 'auth' } } },
    'ResolvedRefs',
    'ServerNotFound',
    'no AuthorizationServer auth/mian. Check spec.authorizationServerRef',
    'withdraw',
  ],
  [
    'M12: no namespace means its own',
    { spec: { authorizationServerRef: { name: 'main' } } },
    'ResolvedRefs',
    'ServerNotFound',
    'no AuthorizationServer shop/main. Check spec.authorizationServerRef',
    'withdraw',
  ],
  [
    'M12: no default server',
    { servers: [aServerResource({}, { annotations: {} })] },
    'ResolvedRefs',
    'ServerNotFound',
    'no default AuthorizationServer here: set spec.authorizationServerRef',
    'withdraw',
  ],
  [
    'Two default servers',
    { servers: [aServerResource(), aServerResource({}, { name: 'second' })] },
    'ResolvedRefs',
    'DefaultServerAmbiguous',
    '2 AuthorizationServers are annotated auth.nauthera.io/is-default (auth/main, auth/second): keep one, or set spec.authorizationServerRef',
    'withdraw',
  ],
  [
    'M13: a client id that is taken elsewhere names nobody',
    { inputs: { stored: aStored('shop.web', { namespace: 'bank', name: 'web' }) } },
    'Accepted',
    'Conflict',
    'client id "shop.web" belongs to an older Client. Choose another spec.clientId',
    'leave',
  ],
  [
    'M13: a client id that is taken in this namespace',
    { inputs: { stored: aStored('shop.web', { namespace: 'shop', name: 'older' }) } },
    'Accepted',
    'Conflict',
    'client id "shop.web" belongs to an older Client in this namespace: older. Choose another spec.clientId',
    'leave',
  ],
  [
    'M16: a target Secret that exists',
    { inputs: { secret: aSecret('web-oauth2', {}) } },
    'ResolvedRefs',
    'SecretNotOwned',
    'Secret "web-oauth2" exists and was not made for this Client. Choose another spec.secret.name, or use it unchanged with spec.secret.adopt',
    'leave',
  ],
  [
    'M14: an adopted Secret that is not there',
    { spec: { secret: { adopt: 'login' } } },
    'ResolvedRefs',
    'SecretNotFound',
    'Secret "login" named in spec.secret.adopt does not exist in namespace shop. Waiting; nothing is generated in its place',
    'leave',
  ],
  [
    'an adopted Secret without the key',
    { spec: { secret: { adopt: 'login' } }, inputs: { secret: aSecret('login', { password: 'x', user: 'y' }) } },
    'ResolvedRefs',
    'SecretKeyNotFound',
    'Secret "login" has no key "client-secret" (keys: password, user). Add it, or name it in spec.secret.keys, for example {client-secret: password}',
    'leave',
  ],
  ...(
    [
      ['short', 'x'.repeat(12), 'has 12 characters, 32 are needed'],
      ['one character', 'x', 'has 1 character, 32 are needed'],
      ['31 characters', 'x'.repeat(31), 'has 31 characters, 32 are needed'],
      ['longer than a request carries', 'x'.repeat(1025), 'has 1025 characters, 1024 are the most that is taken'],
      ['a newline behind', `${'x'.repeat(40)}\n`, 'ends in a newline'],
      ['a space before', ` ${'x'.repeat(40)}`, 'begins with white space'],
      ['a space behind', `${'x'.repeat(40)} `, 'ends in white space'],
      ['a tab inside', `${'x'.repeat(20)}\t${'x'.repeat(20)}`, 'holds something else than printable ASCII'],
      ['letters of another alphabet', 'ж'.repeat(40), 'holds something else than printable ASCII'],
    ] as const
  ).map(
    ([what, value, problem]) =>
      [
        `M15: an adopted secret: ${what}`,
        { spec: { secret: { adopt: 'login' } }, inputs: { secret: aSecret('login', { 'client-secret': value }) } },
        'ResolvedRefs',
        'SecretInvalid',
        `Secret "login", key "client-secret": ${problem}. Write a new one, for example with: openssl rand -hex 32`,
        'leave',
      ] as const,
  ),
  [
    'A80: labels and annotations make no owner',
    {
      inputs: {
        secret: aSecret(
          'web-oauth2',
          {},
          {
            labels: { 'auth.nauthera.io/client': 'web', 'app.kubernetes.io/managed-by': 'nauthera-operator' },
            owner: { kind: 'Client', name: 'web', uid: 'somebody-else' },
          },
        ),
      },
    },
    'ResolvedRefs',
    'SecretNotOwned',
    'Secret "web-oauth2" exists and was not made for this Client. Choose another spec.secret.name, or use it unchanged with spec.secret.adopt',
    'leave',
  ],
];

describe('what keeps a Client from being served as written', () => {
  it.each(refusals)('%s', (_, given, type, reason, message, action) => {
    const result = plan(given);
    const condition = result.conditions.find((one) => one.type === type);
    expect(condition).toMatchObject({ status: 'False', reason, message });
    expect(message.length).toBeLessThanOrEqual(250);
    expect(result.action).toBe(action);
    // The closed list of reasons knows it.
    expect(['Reconciling', 'Stalled']).toContain(standing('Client', type, reason));
    expect(result.registration.withdrawn).toBe(action === 'withdraw');
    if (action !== 'put') expect(result.secret).toBeUndefined();
    // What it may not have is not shown as its own.
    const isAccepted = result.conditions.some((one) => one.type === 'Accepted' && one.status === 'True');
    expect([result.status.clientId !== undefined, result.status.issuer !== undefined]).toEqual([
      isAccepted,
      isAccepted,
    ]);
  });

  it.each(refusals.filter(([, , , , , action]) => action === 'put'))(
    '%s: the client is served without that scope alone',
    (_, given) => {
      const result = plan({
        ...given,
        spec: { ...given.spec, scopes: [...((given.spec?.scopes ?? []) as string[]), 'openid'] },
      });
      expect(result.registration.value).toMatchObject({ scopes: ['openid'] });
      expect(result.conditions.find(({ type }) => type === 'Accepted')?.status).toBe('True');
    },
  );

  it('an unresolved server blocks what depends on it, and names the blocker', () => {
    const { conditions, blockedBy, status } = plan({ servers: [] });
    expect(conditions[1]).toMatchObject({
      type: 'Accepted',
      status: 'Unknown',
      reason: 'Blocked',
      message: 'waits for ResolvedRefs',
    });
    expect(blockedBy).toBe('ResolvedRefs');
    expect(status).not.toHaveProperty('clientId');
  });

  it('who is not invited learns nothing of the scopes of that server', () => {
    const { conditions } = plan({
      spec: { scopes: ['orders:read'] },
      servers: [aServerResource({ allowedClients: { namespaces: { from: 'Same' } } })],
    });
    expect(JSON.stringify(conditions)).not.toContain('orders');
  });

  it.each([
    ['has not got its database yet', 'not yet', 'leave'],
    ['has none: another one has it', 'other', 'withdraw'],
  ] as const)('a server that %s', (_, serverHolds, action) => {
    const result = plan({ inputs: { serverHolds } });
    expect(result).toMatchObject({ action, blockedBy: 'AuthorizationServer auth/main', secret: undefined });
  });
});

describe('the Secret of a Client', () => {
  const good = 'x'.repeat(32);

  it('is used as it is when it is adopted, whoever it was made for', () => {
    const secret = aSecret('login', { PASSWORD: good });
    const result = plan({
      spec: { secret: { adopt: 'login', keys: { 'client-secret': 'PASSWORD' } } },
      inputs: { secret },
    });
    expect(result).toMatchObject({ action: 'put', status: { binding: { name: 'login' } } });
    expect(result.secret).toMatchObject({ writes: [], digests: [digestOf(good)] });
    expect(result.registration.value).toMatchObject({ client_secret_digests: [digestOf(good)] });
    expect(JSON.stringify([result.conditions, result.status])).not.toContain(good);
  });

  it('that somebody edited is put back with an Event; what the Client itself changes is none', () => {
    const owner = { kind: 'Client', name: 'web', uid: 'uid-Client-shop-web' };
    const first = plan();
    const [write] = first.secret?.writes ?? [];
    if (write?.write !== 'create') throw new Error('nothing was written');
    const status = { ...first.status, observedGeneration: 1, conditions: [] };
    const written = { ...write.next, owner, version: 'v' };
    const edited = { ...written, data: { ...written.data, 'issuer-uri': 'https://evil.example' } };
    const seen = (secret: Secret, more: Partial<Observed<'Client'>> = {}) =>
      plan({ client: { status, ...more }, inputs: { secret } }).secret;
    expect(seen(edited)?.writes).toMatchObject([{ write: 'update' }]);
    const note = 'Secret "web-oauth2" was edited and has been put back';
    expect(seen(edited)?.events).toEqual([{ reason: 'DriftRepaired', note }]);
    expect(seen(written)?.events).toEqual([]);
    // An edit of the Client, or a server with another issuer, changes the Secret too.
    expect(seen(edited, { generation: 2 })?.events).toEqual([]);
    expect(seen(edited, { status: { ...status, issuer: 'https://former.example' } })?.events).toEqual([]);
  });

  describe('holds the authority of the certificate of the issuer', () => {
    const owner = { kind: 'Client', name: 'web', uid: 'uid-Client-shop-web' };
    const known = (pem: string | undefined) => ({ known: true, pem }) as const;
    const nextOf = (spec: Record<string, unknown>, inputs: Partial<ClientInputs>) => {
      const [write] = plan({ spec, inputs }).secret?.writes ?? [];
      return write?.write === 'delete' ? undefined : write?.next;
    };
    const written = (spec: Record<string, unknown> = {}): Secret => {
      const next = nextOf(spec, { trust: known('one') });
      if (next === undefined) throw new Error('nothing was written');
      return { ...next, owner, version: 'v' };
    };

    it('where there is one that is known, under its own name', () => {
      expect(written().data['ca.crt']).toBe('one');
      expect(written({ secret: { keys: { 'ca.crt': 'CA' } } }).data).toMatchObject({ CA: 'one' });
      expect(nextOf({}, { trust: known(undefined) })?.data).not.toHaveProperty('ca.crt');
    });

    it('which stays while it is not known: the operator has only begun', () => {
      const secret = written();
      expect(nextOf({}, { secret, trust: { known: false } })).toBeUndefined();
      expect(nextOf({}, { trust: { known: false } })?.data).not.toHaveProperty('ca.crt');
    });

    it('which moves without an Event, and goes when the certificate is of nobody that is known', () => {
      const secret = written();
      const status = { ...plan().status, observedGeneration: 1, conditions: [] };
      const moved = plan({ client: { status }, inputs: { secret, trust: known('two') } }).secret;
      expect(moved?.writes).toMatchObject([{ write: 'update', next: { data: { 'ca.crt': 'two' } } }]);
      expect(moved?.events).toEqual([]);
      expect(nextOf({}, { secret, trust: known(undefined) })?.data).not.toHaveProperty('ca.crt');
    });
  });

  it('that is immutable is left alone, and only where it would have to change', () => {
    const owner = { kind: 'Client', name: 'web', uid: 'uid-Client-shop-web' };
    const first = plan();
    const [write] = first.secret?.writes ?? [];
    if (write?.write !== 'create') throw new Error('nothing was written');
    const written = { ...write.next, owner, version: 'v', immutable: true };
    expect(plan({ inputs: { secret: written } }).conditions.map(({ type }) => type)).toEqual([
      'ResolvedRefs',
      'Accepted',
    ]);
    const edited = plan({ spec: { displayName: 'Shop' }, inputs: { secret: written, fresh: 'G'.repeat(43) } });
    expect(edited.conditions[2]).toEqual({
      type: 'RotationBlocked',
      status: 'True',
      reason: 'SecretImmutable',
      message: 'Secret "web-oauth2" is immutable and was left as it is. Delete it to have it rewritten',
    });
    expect(edited.secret).toMatchObject({ writes: [], digests: [digestOf('F'.repeat(43))] });
    expect(standing('Client', 'RotationBlocked', 'SecretImmutable')).toBe('None');
  });

  it('a logo is registered as it is', () => {
    const picture = png(16, 16);
    const { conditions, registration } = plan({
      spec: { logo: { configMapRef: { name: 'shop-logo' } } },
      inputs: { logo: aLogo(picture) },
    });
    expect(conditions[0]).toMatchObject({ type: 'ResolvedRefs', status: 'True' });
    expect(registration.value).toMatchObject({ logo: picture.toString('base64') });
    expect(checkRegistration('client', 'shop.web', registration.value)).toBeNull();
  });

  it('nobody hears of missing scopes while the server has no database', () => {
    const { conditions } = plan({ spec: { scopes: ['orders:read'] }, inputs: { serverHolds: 'not yet' } });
    expect(conditions[0]).toMatchObject({ type: 'ResolvedRefs', status: 'True' });
  });
});

describe('the default server', () => {
  const other = aServerResource({}, { name: 'other', annotations: {} });
  const before = { status: { observedGeneration: 1, conditions: [], authorizationServer: 'auth/other' } };

  it('that was resolved stays until the Client is edited: a changed default moves nobody', () => {
    expect(plan({ servers: [aServerResource(), other], client: before }).status.authorizationServer).toBe('auth/other');
    expect(
      plan({ servers: [aServerResource(), other], client: { ...before, generation: 2, specGeneration: 2 } }).status
        .authorizationServer,
    ).toBe('auth/main');
  });

  it('that was resolved and is gone is not replaced by another', () => {
    const { conditions } = plan({ servers: [aServerResource()], client: before });
    expect(conditions[0]).toMatchObject({
      reason: 'ServerNotFound',
      message:
        'no AuthorizationServer auth/other, the default that this was bound to. Bring it back, or set spec.authorizationServerRef',
    });
    // Nor by the next pass.
    expect(plan({ servers: [aServerResource()], client: before }).status.authorizationServer).toBe('auth/other');
  });

  it('counts in the operator’s own namespace alone, where there is a cluster', () => {
    const hostile = aServerResource({}, { namespace: 'evil', name: 'mine' });
    const at = (servers: readonly Observed<'AuthorizationServer'>[], defaults?: string) => {
      const found = attach(observed('Client', 'web'), servers, shop, defaults);
      return found.outcome === 'unresolved' ? found.reason : nameOf(found.server);
    };
    expect(at([aServerResource(), hostile])).toBe('DefaultServerAmbiguous');
    expect(at([aServerResource(), hostile], 'auth')).toBe('auth/main');
    expect(at([hostile], 'auth')).toBe('ServerNotFound');
  });

  it('that does not pass today’s rules keeps those that it has', () => {
    const [unreadable] = [{ ...aServerResource(), spec: undefined, refused: 'spec.issuer: too old' }];
    const kept = { status: { observedGeneration: 1, conditions: [], authorizationServer: 'auth/main' } };
    const result = plan({ servers: [unreadable], client: kept });
    expect(result).toMatchObject({ action: 'leave', blockedBy: 'ResolvedRefs' });
    expect(result.conditions[0]).toMatchObject({ status: 'False', reason: 'ServerNotFound' });
    expect(result.status.authorizationServer).toBe('auth/main');
    // Whoever suspends it is heard all the same.
    expect(plan({ servers: [unreadable], client: kept, spec: { suspend: true } }).action).toBe('withdraw');
  });

  it('a refused edit moves nobody either', () => {
    const refused = { ...before, generation: 2, specGeneration: 1, refused: 'x' };
    expect(plan({ servers: [aServerResource(), other], client: refused }).status.authorizationServer).toBe(
      'auth/other',
    );
  });
});

describe('an accepted Client', () => {
  it('is registered in the words of RFC 7591', () => {
    const result = plan({
      spec: {
        ...redirecting,
        grantTypes: ['authorization_code', 'refresh_token'],
        displayName: 'Web Shop',
        scopes: ['openid', 'orders:read'],
        defaultScopes: ['openid'],
        access: { groups: ['staff'] },
        consent: { mode: 'Always', onRefusedScope: 'Deny' },
        accessToken: { lifetime: '10m' },
        refreshToken: { idle: '1h', absolute: '24h' },
        idToken: { claims: ['groups'] },
      },
      inputs: { scopes: scopes({ 'orders:read': 'open' }) },
    });
    expect(result.registration).toMatchObject({
      kind: 'client',
      id: 'shop.web',
      owner: { source: 'test', namespace: 'shop', name: 'web', uid: 'uid-Client-shop-web' },
      withdrawn: false,
      value: {
        client_id: 'shop.web',
        client_name: 'Web Shop',
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        redirect_uris: ['https://shop.example.com/cb'],
        scopes: ['openid', 'orders:read'],
        default_scopes: ['openid'],
        token_endpoint_auth_method: 'client_secret_basic',
        require_pkce: true,
        id_token_signed_response_alg: 'RS256',
        id_token_claims: ['groups'],
        access_groups: ['staff'],
        consent: { mode: 'always', remember_for: 7_776_000, on_refused_scope: 'deny' },
        access_token_lifetime: 600,
        refresh_token_idle: 3600,
        refresh_token_absolute: 86_400,
      },
    });
    expect(checkRegistration('client', 'shop.web', result.registration.value)).toBeNull();
    expect(result.conditions.map(({ status }) => status)).toEqual(['True', 'True']);
    expect(result.status).toMatchObject({
      clientId: 'shop.web',
      authorizationServer: 'auth/main',
      issuer: 'https://id.example.com',
      responseTypes: ['code'],
      binding: { name: 'web-oauth2' },
    });
  });

  it('that is suspended is kept and served to nobody', () => {
    const result = plan({ spec: { suspend: true } });
    expect(result).toMatchObject({ action: 'put', registration: { withdrawn: true } });
    expect(result.secret?.digests).toHaveLength(1);
  });

  it('made anew under the same name is its own owner', () => {
    const result = plan({ inputs: { stored: aStored('shop.web', { namespace: 'shop', name: 'web', uid: 'older' }) } });
    expect(result.action).toBe('put');
  });

  it('F38: made anew under the same name, the secrets of its predecessor are refused', () => {
    const former = aStored('shop.web', { namespace: 'shop', name: 'web', uid: 'older' });
    const stored = { ...former, secretDigests: ['digest-of-the-former'] };
    const own = { ...stored, owner: { ...stored.owner, uid: 'uid-Client-shop-web' } };
    expect(plan({ inputs: { stored: own } }).secret?.digests).toContain('digest-of-the-former');
    expect(plan({ inputs: { stored } }).secret?.digests).not.toContain('digest-of-the-former');
  });

  it('whose row was given to another namespace by hand takes it back', () => {
    const result = plan({ inputs: { stored: aStored('shop.web', { namespace: 'bank', uid: 'uid-Client-shop-web' }) } });
    expect(result.action).toBe('put');
  });

  it('says when nobody can sign in yet', () => {
    const served = 'Served by 3 replicas';
    expect(plan().readyMessage(served)).toBe('Served by 3 replicas as shop.web');
    expect(plan({ spec: redirecting, inputs: { hasDirectory: false } }).readyMessage(served)).toBe(
      'Ready; no LdapBinding yet, so users cannot sign in',
    );
    const both = { ...redirecting, grantTypes: ['authorization_code', 'client_credentials'] };
    expect(plan({ spec: both, inputs: { hasDirectory: false } }).readyMessage(served)).toBe(
      'Ready; no LdapBinding yet, so users cannot sign in (client_credentials works)',
    );
  });
});
