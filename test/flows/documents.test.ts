/** What strangers' clients read first (OpenID Connect Discovery, RFC 8414, RFC 7517). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issuer, World } from '../support/world.ts';

interface Metadata {
  readonly issuer: string;
  readonly [member: string]: unknown;
}

describe.each([
  ['at the root', 'https://id.example.com', ''],
  ['with a path', 'https://id.example.com/tenants/a', '/tenants/a'],
])('an issuer %s', (_name, issuerUrl, path) => {
  let world: World;
  let server: string;
  beforeAll(async () => {
    world = await World.open({ server: { issuer: issuerUrl }, counting: true });
    server = world.servers[0]?.url ?? '';
  });
  afterAll(() => world.stop());

  const wellKnown = [
    `${path}/.well-known/openid-configuration`,
    `/.well-known/oauth-authorization-server${path}`,
    `${path}/.well-known/oauth-authorization-server`,
  ];

  it.each(wellKnown)('%s is the document', async (target) => {
    const response = await fetch(server + target);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(response.headers.get('cache-control')).toBe('public, max-age=300');
    expect(((await response.json()) as Metadata).issuer).toBe(issuerUrl);
  });

  it('members are true and none is unknown', async () => {
    const document = (await (await fetch(`${server}${path}/.well-known/openid-configuration`)).json()) as Metadata;
    expect(document).toEqual({
      issuer: issuerUrl,
      authorization_endpoint: `${issuerUrl}/authorize`,
      token_endpoint: `${issuerUrl}/token`,
      userinfo_endpoint: `${issuerUrl}/userinfo`,
      jwks_uri: `${issuerUrl}/jwks`,
      scopes_supported: ['openid', 'profile', 'email', 'phone', 'address', 'offline_access', 'groups'],
      response_types_supported: ['code'],
      response_modes_supported: ['query', 'fragment', 'form_post'],
      grant_types_supported: expect.arrayContaining([
        'authorization_code',
        'refresh_token',
        'client_credentials',
      ]) as string[],
      subject_types_supported: ['public', 'pairwise'],
      id_token_signing_alg_values_supported: ['ES256', 'RS256'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
      token_endpoint_auth_signing_alg_values_supported: ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'],
      userinfo_signing_alg_values_supported: ['ES256', 'RS256'],
      introspection_endpoint: `${issuerUrl}/introspect`,
      introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
      introspection_endpoint_auth_signing_alg_values_supported: ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'],
      end_session_endpoint: `${issuerUrl}/logout`,
      backchannel_logout_supported: true,
      backchannel_logout_session_supported: true,
      frontchannel_logout_supported: true,
      frontchannel_logout_session_supported: true,
      revocation_endpoint: `${issuerUrl}/revoke`,
      revocation_endpoint_auth_methods_supported: [
        'client_secret_basic',
        'client_secret_post',
        'private_key_jwt',
        'none',
      ],
      revocation_endpoint_auth_signing_alg_values_supported: ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'],
      code_challenge_methods_supported: ['S256'],
      claim_types_supported: ['normal'],
      claims_supported: expect.arrayContaining([
        'sub',
        'acr',
        'amr',
        'groups',
        'name',
        'email',
        'email_verified',
      ]) as string[],
      acr_values_supported: ['urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport'],
      display_values_supported: ['page', 'popup', 'touch', 'wap'],
      prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
      ui_locales_supported: expect.arrayContaining(['en']) as string[],
      claims_parameter_supported: true,
      request_parameter_supported: false,
      request_uri_parameter_supported: false,
      authorization_response_iss_parameter_supported: true,
    });
  });

  it('each endpoint named there is there', async () => {
    const document = (await (await fetch(`${server}${path}/.well-known/openid-configuration`)).json()) as Metadata;
    for (const [name, value] of Object.entries(document)) {
      if (!name.endsWith('_endpoint') && name !== 'jwks_uri') continue;
      const { status } = await fetch(server + new URL(String(value)).pathname);
      expect([name, status]).not.toEqual([name, 404]);
    }
  });

  it('RFC 7517: keys have kid, alg and use, and no private member', async () => {
    const { keys } = (await (await fetch(`${server}${path}/jwks`)).json()) as { keys: Record<string, string>[] };
    expect(keys.map(({ alg, use, kty }) => ({ alg, use, kty }))).toEqual(
      expect.arrayContaining([
        { alg: 'ES256', use: 'sig', kty: 'EC' },
        { alg: 'RS256', use: 'sig', kty: 'RSA' },
      ]),
    );
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(keys.length);
    for (const key of keys) {
      for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) expect(key).not.toHaveProperty(member);
    }
    const rsa = keys.find(({ kty }) => kty === 'RSA');
    expect(Buffer.from(rsa?.n ?? '', 'base64url').length).toBeGreaterThanOrEqual(256);
  });

  it('costs nothing, and nothing at all is sent to who has it', async () => {
    for (const target of [...wellKnown, `${path}/jwks`]) {
      const first = await world.counters.expectCost('document', () => fetch(server + target));
      const etag = first.headers.get('etag') ?? '';
      expect(etag).toMatch(/^"[A-Za-z0-9_-]{22}"$/);
      const second = await fetch(server + target, { headers: { 'if-none-match': etag } });
      expect([second.status, await second.text()]).toEqual([304, '']);
    }
  });

  it.each([
    { host: 'evil.example' },
    { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http' },
    { forwarded: 'host=evil.example;proto=http' },
    { 'x-forwarded-prefix': '/evil', 'x-original-url': '/evil' },
  ])('A61: no byte changes with the headers %j', async (headers) => {
    const target = `${server}${path}/.well-known/openid-configuration`;
    const plain = await (await fetch(target)).text();
    expect(await (await fetch(target, { headers: headers as Record<string, string> })).text()).toBe(plain);
  });

  it.each(['/.well-known/webfinger?resource=acct:ada@id.example.com', '/register', '/connect/checksession', '/par'])(
    'OIDC Discovery §2 and others: %s is not there, as the document says',
    async (target) => {
      for (const method of ['GET', 'POST']) expect((await fetch(server + path + target, { method })).status).toBe(404);
    },
  );

  it('nothing is served outside the issuer', async () => {
    if (path === '') return;
    for (const target of ['/token', '/jwks', '/authorize', '/.well-known/openid-configuration']) {
      expect((await fetch(server + target)).status).toBe(404);
    }
  });
});

describe('A62: management is on its own port', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.open();
  });
  afterAll(() => world.stop());

  it.each([
    '/metrics',
    '/readyz',
    '/livez',
    '/;/metrics',
    '/%2fmetrics',
    '//metrics',
    '/./metrics',
    '/metrics;x',
    '/%6detrics',
  ])('%s is not found on the public one', async (target) => {
    expect((await world.fetch(`${issuer}/`).then(() => fetch((world.servers[0]?.url ?? '') + target))).status).toBe(
      404,
    );
  });
});
