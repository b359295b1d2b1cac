/** Clients with certificates (RFC 8705): real TLS, real authorities, each method in each grant, and every wrong certificate. */
import { connect } from 'node:tls';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deviceCodeGrant } from '../../server/src/protocol/terms.ts';
import type { ClientRegistration } from '../../server/src/registry/registration.ts';
import { aClient, anOwner, aServer } from '../support/builders.ts';
import { makeAuthority } from '../support/certificates.ts';
import {
  type ClientAuthority,
  type ClientCertificate,
  clientAuthority,
  makeKeys,
  selfSigned,
} from '../support/client-certificates.ts';
import { answerDevice, type StartedDevice } from '../support/devices.ts';
import { type ManyHeaders, type MutualAnswer, MutualTlsWorld, mutualTlsUrl, postFrom } from '../support/mutual-tls.ts';
import { openTlsSink, type TlsSink } from '../support/tls-sink.ts';
import { authorize, codeFields, issuer, refreshFields, type World } from '../support/world.ts';

const flows = {
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials', deviceCodeGrant],
  response_types: ['code'],
  scopes: ['openid', 'profile', 'offline_access'],
  default_scopes: ['openid'],
  client_secret_digests: [],
} satisfies Partial<ClientRegistration>;

let authority: ClientAuthority;
let pki: ClientCertificate;
let own: ClientCertificate;
let pinned: ClientCertificate;
let published: ClientCertificate;
let stranger: ClientCertificate;
let mutual: MutualTlsWorld;
let world: World;
let sink: TlsSink;
beforeAll(async () => {
  authority = await clientAuthority();
  pki = await authority.issue({
    subject: 'O=Example, CN=shop',
    names: [
      { type: 'dns', value: 'shop.example.com' },
      { type: 'url', value: 'spiffe://example.com/shop' },
      { type: 'ip', value: '192.0.2.7' },
      { type: 'email', value: 'shop@example.com' },
    ],
  });
  [own, pinned, published, stranger] = [
    await selfSigned({ subject: 'CN=own' }),
    await selfSigned({ subject: 'CN=pinned' }),
    await selfSigned({ subject: 'CN=published' }),
    await selfSigned({ subject: 'CN=stranger' }),
  ];
  const serving = await makeAuthority();
  sink = await openTlsSink(await serving.issue({ names: ['keys.example.com'] }));
  sink.answer = (_request, response) => response.end(JSON.stringify({ keys: [published.jwk] }));
  mutual = await MutualTlsWorld.open({
    counting: true,
    server: {
      mutual_tls: { url: mutualTlsUrl, ca: authority.pem },
      outbound_allowed: ['127.0.0.1/32'],
      grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials', deviceCodeGrant],
      trusted_proxies: { cidrs: ['127.0.0.2/32'], header: 'x-forwarded-for', certificate_header: 'client-cert' },
    },
    clients: clients(),
    options: {
      seams: { outbound: { ca: serving.pem, resolve: () => Promise.resolve(['127.0.0.1']) } },
    },
  });
  ({ world } = mutual);
});
afterAll(async () => {
  await mutual?.stop();
  await sink?.close();
});

function clients(): ClientRegistration[] {
  const one = (clientId: string, more: Partial<ClientRegistration>) => aClient(clientId).with({ ...flows, ...more });
  const named = (clientId: string, more: Partial<ClientRegistration>) =>
    one(clientId, { token_endpoint_auth_method: 'tls_client_auth', ...more });
  const bound = { tls_client_certificate_bound_access_tokens: true };
  const self = { token_endpoint_auth_method: 'self_signed_tls_client_auth' } as const;
  return [
    named('pki', { tls_client_auth_subject_dn: 'CN=shop,O=Example', ...bound }),
    named('pki.dns', { tls_client_auth_san_dns: 'shop.example.com' }),
    named('pki.uri', { tls_client_auth_san_uri: 'spiffe://example.com/shop' }),
    named('pki.ip', { tls_client_auth_san_ip: '192.0.2.7' }),
    named('pki.email', { tls_client_auth_san_email: 'shop@example.com' }),
    named('pki.other', { tls_client_auth_subject_dn: 'CN=other,O=Example' }),
    one('self', { ...self, ...bound, jwks: { keys: [own.jwk] }, access_token_format: 'opaque' }),
    one('self.pinned', {
      ...self,
      jwks: { keys: [{ ...pinned.jwk, x5c: [pinned.x509.raw.toString('base64')] }] },
    }),
    one('self.uri', { ...self, jwks_uri: `https://keys.example.com:${sink.port}/jwks` }),
    aClient('public')
      .public()
      .with({ ...flows, ...bound, grant_types: flows.grant_types.filter((grant) => grant !== 'client_credentials') })
      .build(),
    aClient('secret').with({
      ...flows,
      ...bound,
      client_secret_digests: aClient('secret').build().client_secret_digests,
    }),
    aClient('free').with({ ...flows, client_secret_digests: aClient('free').build().client_secret_digests }),
  ].map((client) => ('build' in client ? client.build() : client));
}

const machine = (clientId: string) => ({ grant_type: 'client_credentials', client_id: clientId });
const refused = (answer: { readonly status: number; readonly body: { readonly error?: string } }) => [
  answer.status,
  answer.body.error,
];
const claimsOf = (token = '') => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
const basic = (clientId: string) => ({ authorization: `Basic ${btoa(`${clientId}:secret-of-${clientId}`)}` });

/** Asked of a client of its own, which may know of its tokens. */
async function introspect(clientId: string, token: string | undefined, certificate: ClientCertificate) {
  const answer = await mutual.post('/introspect', { client_id: clientId, token: token ?? '' }, { certificate });
  return answer.body as Readonly<Record<string, unknown>>;
}

async function code(clientId: string): Promise<string> {
  const { code: value = '' } = await authorize(world.browser(), { client_id: clientId, scope: 'openid profile' });
  return value;
}

describe('client authentication by certificate (RFC 8705 §2)', () => {
  it.each<[string, () => ClientCertificate]>([
    ['pki', () => pki],
    ['pki.dns', () => pki],
    ['pki.uri', () => pki],
    ['pki.ip', () => pki],
    ['pki.email', () => pki],
    ['self', () => own],
    ['self.pinned', () => pinned],
    ['self.uri', () => published],
  ])('%s is authenticated at every endpoint that takes it', async (clientId, certificate) => {
    const sent = { certificate: certificate() };
    expect((await mutual.post('/token', machine(clientId), sent)).status).toBe(200);
    expect((await mutual.post('/introspect', { client_id: clientId, token: 'x' }, sent)).status).toBe(200);
    expect((await mutual.post('/revoke', { client_id: clientId, token: 'x' }, sent)).status).toBe(200);
    expect((await mutual.post('/device_authorization', { client_id: clientId }, sent)).status).toBe(200);
  });

  it.each<[string, string, () => Promise<ClientCertificate | undefined>]>([
    ['no certificate', 'pki', async () => undefined],
    ['a self-signed one of the right name', 'pki', () => selfSigned({ subject: 'O=Example, CN=shop' })],
    [
      'one of another authority with the right name',
      'pki',
      async () => (await clientAuthority('Client CA')).issue({ subject: 'O=Example, CN=shop' }),
    ],
    ['an expired one', 'pki', () => authority.issue({ subject: 'O=Example, CN=shop', days: -1 })],
    ['one of tomorrow', 'pki', () => authority.issue({ subject: 'O=Example, CN=shop', from: 1 })],
    ['one for servers', 'pki', () => authority.issue({ subject: 'O=Example, CN=shop', usages: ['1.3.6.1.5.5.7.3.1'] })],
    ['one of another client', 'pki', () => authority.issue({ subject: 'O=Example, CN=other' })],
    ['one whose RDNs stand in another order', 'pki', () => authority.issue({ subject: 'CN=shop, O=Example' })],
    ['one with both RDNs in one value', 'pki', () => authority.issue({ subject: 'CN=shop\\,O=Example' })],
    [
      'the right name in another kind of alternative name',
      'pki.dns',
      () => authority.issue({ names: [{ type: 'url', value: 'https://shop.example.com' }] }),
    ],
    ['a wildcard', 'pki.dns', () => authority.issue({ names: [{ type: 'dns', value: '*.example.com' }] })],
    ['the name as common name alone', 'pki.dns', () => authority.issue({ subject: 'CN=shop.example.com' })],
    ['no certificate', 'self', async () => undefined],
    ['a stranger of the same name', 'self', () => selfSigned({ subject: 'CN=own' })],
    ['one of another client', 'self', async () => pinned],
    ['one of the authority', 'self', async () => pki],
    ['no certificate', 'self.uri', async () => undefined],
    ['one of another client', 'self.uri', async () => own],
    ['any', 'secret', async () => pki],
    ['any', 'nobody', async () => pki],
    ['none', 'nobody', async () => undefined],
  ])('%s does not speak for %s; what is said is always the same', async (_what, clientId, make) => {
    const answer = await mutual.token(machine(clientId), await make());
    expect(answer.status).toBe(401);
    expect(answer.body).toEqual({ error: 'invalid_client', error_description: 'client authentication failed' });
  });

  it('a new certificate over the same key counts for a bare key, and not where one is pinned', async () => {
    const keys = await makeKeys();
    const [first, second] = [await selfSigned({ keys }), await selfSigned({ keys, subject: 'CN=renewed' })];
    const declare = (clientId: string, x5c: { x5c?: string[] }) =>
      world.served({
        kind: 'client',
        id: clientId,
        owner: anOwner(clientId),
        value: aClient(clientId)
          .with({
            ...flows,
            token_endpoint_auth_method: 'self_signed_tls_client_auth',
            jwks: { keys: [{ ...first.jwk, ...x5c }] },
          })
          .build(),
      });
    await declare('bare', {});
    await declare('exact', { x5c: [first.x509.raw.toString('base64')] });
    expect((await mutual.token(machine('bare'), second)).status).toBe(200);
    expect((await mutual.token(machine('exact'), first)).status).toBe(200);
    expect((await mutual.token(machine('exact'), second)).status).toBe(401);
    expect((await mutual.token(machine('bare'), await selfSigned({ keys, days: -1 }))).status).toBe(401);
  });

  it('what leads to the authority may come along', async () => {
    const middle = await authority.under('Middle');
    const certificate = await middle.issue({ subject: 'O=Example, CN=shop' });
    expect((await mutual.token(machine('pki'), certificate)).status).toBe(200);
    // On a new connection, too: a resumed session would leave out what leads there.
    const { cert, key } = certificate;
    expect((await mutual.token(machine('pki'), { cert: `${cert}\n`, key })).status).toBe(200);
  });

  it('a certificate beside a secret is no second method', async () => {
    const answer = await mutual.post(
      '/token',
      { grant_type: 'client_credentials' },
      {
        certificate: pki,
        headers: basic('free'),
      },
    );
    expect(answer.status).toBe(200);
    expect(claimsOf(answer.body.access_token)).not.toHaveProperty('cnf');
  });

  it('the certificate and a secret of the same client: the secret is judged', async () => {
    const answer = await mutual.post('/token', { ...machine('pki'), client_secret: 'x' }, { certificate: pki });
    expect(refused(answer)).toEqual([401, 'invalid_client']);
  });

  it('only what belongs there is served', async () => {
    for (const path of ['/authorize', '/login', '/account', '/jwks', '/.well-known/openid-configuration', '/logout']) {
      expect((await mutual.send(path, { certificate: pki }, {})).status, path).toBe(404);
    }
  });

  it('without a certificate the listener serves whoever needs none', async () => {
    const answer = await mutual.post('/token', { grant_type: 'client_credentials' }, { headers: basic('free') });
    expect(answer.status).toBe(200);
  });
});

describe('tokens bound to a certificate (RFC 8705 §3)', () => {
  const kinds: readonly [string, () => ClientCertificate][] = [
    ['pki', () => pki],
    ['self', () => own],
  ];

  async function isBound(clientId: string, answer: MutualAnswer, certificate: ClientCertificate, users = true) {
    expect(answer.status).toBe(200);
    const { access_token: token = '' } = answer.body;
    const cnf = { 'x5t#S256': certificate.thumbprint };
    if (clientId === 'pki') expect(claimsOf(token).cnf).toEqual(cnf);
    expect(await introspect(clientId, token, certificate)).toMatchObject({ active: true, cnf, token_type: 'Bearer' });
    if (!users) return;
    expect((await mutual.userinfo(token, certificate)).status).toBe(200);
    for (const wrong of [stranger, undefined]) {
      const { status, headers, body } = await mutual.userinfo(token, wrong);
      expect([status, body.error]).toEqual([401, 'invalid_token']);
      expect(headers['www-authenticate']).toMatch(/^Bearer .*error="invalid_token"/);
    }
    const elsewhere = await world.fetch(`${issuer}/userinfo`, { headers: { authorization: `Bearer ${token}` } });
    expect(elsewhere.status).toBe(401);
  }

  it.each(kinds)('%s: client_credentials', async (clientId, certificate) => {
    await isBound(clientId, await mutual.token(machine(clientId), certificate()), certificate(), false);
  });

  it.each(kinds)('%s: authorization_code, then refresh_token', async (clientId, certificate) => {
    const fields = { ...codeFields(await code(clientId)), client_id: clientId };
    expect(refused(await mutual.token(fields, stranger))).toEqual([401, 'invalid_client']);
    const first = await mutual.token(fields, certificate());
    await isBound(clientId, first, certificate());
    const refresh = { ...refreshFields(first.body.refresh_token), client_id: clientId };
    expect(refused(await mutual.token(refresh, stranger))).toEqual([401, 'invalid_client']);
    await isBound(clientId, await mutual.token(refresh, certificate()), certificate());
  });

  it.each(kinds)('%s: device_code', async (clientId, certificate) => {
    const started = await mutual.post(
      '/device_authorization',
      { client_id: clientId, scope: 'openid' },
      {
        certificate: certificate(),
      },
    );
    const device = started.body as unknown as StartedDevice;
    await answerDevice(world.browser(), device);
    const fields = { grant_type: deviceCodeGrant, device_code: device.device_code, client_id: clientId };
    await isBound(clientId, await mutual.token(fields, certificate()), certificate());
  });

  it('§6.3: a confidential client renews its certificate, and its refresh token goes on', async () => {
    const first = await mutual.token({ ...codeFields(await code('pki')), client_id: 'pki' }, pki);
    const renewed = await authority.issue({ subject: 'O=Example, CN=shop' });
    const refresh = { ...refreshFields(first.body.refresh_token), client_id: 'pki' };
    await isBound('pki', await mutual.token(refresh, renewed), renewed);
    expect((await mutual.userinfo(first.body.access_token, renewed)).status).toBe(401);
  });

  it.each(kinds)(
    'RFC 9700 §4.14.2: %s keeps its refresh token, which is worth nothing without its key',
    async (clientId, certificate) => {
      const first = await mutual.token({ ...codeFields(await code(clientId)), client_id: clientId }, certificate());
      const { refresh_token: token } = first.body;
      const refresh = { ...refreshFields(token), client_id: clientId };
      const answers = await Promise.all([1, 2, 3].map(() => mutual.token(refresh, certificate())));
      expect(answers.map(({ status, body }) => [status, body.refresh_token])).toEqual(answers.map(() => [200, token]));
      const expired = `UPDATE refresh_tokens SET expires_at = now() - interval '1 second' WHERE hash = sha256('${token}')`;
      await world.rows(expired);
      expect(refused(await mutual.token(refresh, certificate()))).toEqual([400, 'invalid_grant']);
    },
  );

  it('a client with a secret may have its tokens bound, and gets none without a certificate', async () => {
    const fields = { grant_type: 'client_credentials' };
    const bound = await mutual.post('/token', fields, { certificate: stranger, headers: basic('secret') });
    expect(claimsOf(bound.body.access_token).cnf).toEqual({ 'x5t#S256': stranger.thumbprint });
    expect(refused(await mutual.post('/token', fields, { headers: basic('secret') }))).toEqual([
      400,
      'invalid_request',
    ]);
    expect(refused(await world.token(fields, 'secret'))).toEqual([400, 'invalid_request']);
  });

  it('a token of nobody’s certificate is taken with any', async () => {
    const answer = await world.token(codeFields(await code('free')), 'free');
    expect((await mutual.userinfo(answer.body.access_token, stranger)).status).toBe(200);
  });
});

describe('public clients (RFC 8705 §4)', () => {
  it('access and refresh tokens are bound to the certificate of the installation', async () => {
    const first = await mutual.token({ ...codeFields(await code('public')), client_id: 'public' }, stranger);
    expect(claimsOf(first.body.access_token).cnf).toEqual({ 'x5t#S256': stranger.thumbprint });
    const refresh = { ...refreshFields(first.body.refresh_token), client_id: 'public' };
    expect(refused(await mutual.token(refresh, own))).toEqual([400, 'invalid_grant']);
    expect(refused(await mutual.token(refresh))).toEqual([400, 'invalid_request']);
    // Whoever had the token alone has spent and ended nothing.
    const second = await mutual.token(refresh, stranger);
    expect(second.status).toBe(200);
    const next = { ...refreshFields(second.body.refresh_token), client_id: 'public' };
    expect(refused(await mutual.token(next, own))).toEqual([400, 'invalid_grant']);
    // The repeat of a lost answer, too, is for that certificate alone.
    expect(refused(await mutual.token(refresh, own))).toEqual([400, 'invalid_grant']);
    const again = await mutual.token(refresh, stranger);
    expect(again.body.refresh_token).toBe(second.body.refresh_token);
    expect((await mutual.token(next, stranger)).status).toBe(200);
  });

  it('a device, too', async () => {
    const started = await mutual.post('/device_authorization', { client_id: 'public', scope: 'openid' });
    const device = started.body as unknown as StartedDevice;
    await answerDevice(world.browser(), device);
    const fields = { grant_type: deviceCodeGrant, device_code: device.device_code, client_id: 'public' };
    const first = await mutual.token(fields, stranger);
    const refresh = { ...refreshFields(first.body.refresh_token), client_id: 'public' };
    expect(refused(await mutual.token(refresh, own))).toEqual([400, 'invalid_grant']);
    expect((await mutual.token(refresh, stranger)).status).toBe(200);
  });
});

describe('A61: the certificate in a header (RFC 9440)', () => {
  const ask = (from: string, headers: ManyHeaders, clientId = 'pki') =>
    mutual.tokenFrom(from, machine(clientId), headers);

  it('counts from a proxy that is trusted with it', async () => {
    const answer = await ask('127.0.0.2', { 'client-cert': pki.header });
    expect(answer.status).toBe(200);
    expect(claimsOf(answer.body.access_token).cnf).toEqual({ 'x5t#S256': pki.thumbprint });
    expect((await ask('127.0.0.2', { 'client-cert': own.header }, 'self')).status).toBe(200);
  });

  it('costs no statement and no signature more than a secret does', async () => {
    const answer = await world.counters.expectCost('client_credentials', () =>
      ask('127.0.0.2', { 'client-cert': pki.header }),
    );
    expect(answer.status).toBe(200);
  });

  it('with what leads to the authority in another header', async () => {
    const middle = await authority.under('Middle');
    const certificate = await middle.issue({ subject: 'O=Example, CN=shop' });
    const chain = `:${middle.x509.raw.toString('base64')}:, :${authority.x509.raw.toString('base64')}:`;
    const headers = { 'client-cert': certificate.header, 'client-cert-chain': chain };
    expect((await ask('127.0.0.2', headers)).status).toBe(200);
    expect((await ask('127.0.0.2', { 'client-cert': certificate.header })).status).toBe(401);
  });

  it('does not count at the listener for everybody, which a stranger reaches through the same proxy', async () => {
    const headers = { 'client-cert': pki.header };
    const url = `${world.servers[0]?.url ?? ''}/token`;
    expect(refused(await postFrom('127.0.0.2', url, machine('pki'), headers))).toEqual([401, 'invalid_client']);
    expect((await ask('127.0.0.2', headers)).status).toBe(200);
  });

  it.each<[string, string, () => ManyHeaders]>([
    ['from a stranger', '127.0.0.1', () => ({ 'client-cert': pki.header })],
    [
      'from a stranger who names a trusted one',
      '127.0.0.1',
      () => ({ 'client-cert': pki.header, 'x-forwarded-for': '127.0.0.2' }),
    ],
    ['none', '127.0.0.2', () => ({})],
    ['twice', '127.0.0.2', () => ({ 'client-cert': [pki.header, pki.header] })],
    ['in a list', '127.0.0.2', () => ({ 'client-cert': `${pki.header}, ${own.header}` })],
    ['without colons', '127.0.0.2', () => ({ 'client-cert': pki.header.slice(1, -1) })],
    ['with a parameter', '127.0.0.2', () => ({ 'client-cert': `${pki.header};a=1` })],
    ['cut', '127.0.0.2', () => ({ 'client-cert': `${pki.header.slice(0, 300)}:` })],
    ['in PEM', '127.0.0.2', () => ({ 'client-cert': encodeURIComponent(pki.cert) })],
    ['under another name', '127.0.0.2', () => ({ 'x-ssl-client-cert': encodeURIComponent(pki.cert) })],
    ['of another authority', '127.0.0.2', () => ({ 'client-cert': stranger.header })],
  ])('does not count: %s', async (_what, from, headers) => {
    expect(refused(await ask(from, headers()))).toEqual([401, 'invalid_client']);
  });

  it('the certificate of the connection counts beside a forged header', async () => {
    const forged = { certificate: stranger, headers: { 'client-cert': pki.header } };
    expect(refused(await mutual.post('/token', machine('pki'), forged))).toEqual([401, 'invalid_client']);
    const right = { certificate: pki, headers: { 'client-cert': stranger.header } };
    expect((await mutual.post('/token', machine('pki'), right)).status).toBe(200);
  });
});

describe('the listener', () => {
  it('RFC 8705 §5: both documents name it, with what it is for', async () => {
    for (const name of ['openid-configuration', 'oauth-authorization-server']) {
      const document = await (await world.fetch(`${issuer}/.well-known/${name}`)).json();
      expect(document).toMatchObject({
        tls_client_certificate_bound_access_tokens: true,
        mtls_endpoint_aliases: {
          token_endpoint: `${mutualTlsUrl}/token`,
          userinfo_endpoint: `${mutualTlsUrl}/userinfo`,
          introspection_endpoint: `${mutualTlsUrl}/introspect`,
          revocation_endpoint: `${mutualTlsUrl}/revoke`,
          device_authorization_endpoint: `${mutualTlsUrl}/device_authorization`,
        },
        token_endpoint_auth_methods_supported: expect.arrayContaining([
          'tls_client_auth',
          'self_signed_tls_client_auth',
        ]),
      });
    }
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    '%s: nothing is resumed, so each connection proves its certificate',
    async (version) => {
      const { hostname, port } = new URL(mutual.url);
      const { cert, key } = pki;
      const first = await new Promise<Buffer | undefined>((resolve, reject) => {
        const socket = connect(
          {
            host: hostname,
            port: Number(port),
            ca: mutual.authorities,
            cert,
            key,
            minVersion: version,
            maxVersion: version,
          },
          () => {
            // Tickets of TLS 1.3 come with the first answer.
            socket.write('GET /none HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
          },
        );
        let session: Buffer | undefined;
        socket.on('session', (one) => {
          session = one;
        });
        socket.resume();
        socket.once('error', reject);
        socket.once('close', () => resolve(session));
      });
      const reused = await new Promise<boolean>((resolve, reject) => {
        const options = { host: hostname, port: Number(port), ca: mutual.authorities, cert, key, session: first };
        const socket = connect({ ...options, minVersion: version, maxVersion: version }, () => {
          resolve(socket.isSessionReused());
          socket.destroy();
        });
        socket.once('error', reject);
      });
      expect(reused).toBe(false);
    },
  );

  it('asks for no certificate of a certain authority', async () => {
    const { hostname, port } = new URL(mutual.url);
    const answer = await new Promise<boolean>((resolve, reject) => {
      const socket = connect({ host: hostname, port: Number(port), ca: mutual.authorities }, () => {
        resolve(socket.authorized);
        socket.destroy();
      });
      socket.once('error', reject);
    });
    expect(answer).toBe(true);
  });

  it('shows a renewed certificate to new connections and keeps the old ones', async () => {
    const kept = mutual.agent(pki);
    await mutual.renewServing();
    await expect
      .poll(async () => (await mutual.token(machine('pki'), stranger).catch(() => ({ status: 0 }))).status)
      .toBe(401);
    await expect.poll(async () => (await mutual.token(machine('pki'), pki)).status).toBe(200);
    expect(kept).not.toBe(mutual.agent(pki));
  });

  it('authorities change for open connections, too; Off ends it all', async () => {
    const declare = (mutual_tls: { url: string; ca?: string } | undefined) =>
      world.served({
        kind: 'server',
        id: 'self',
        owner: anOwner('server'),
        value: aServer({
          issuer,
          outbound_allowed: ['127.0.0.1/32'],
          ...(mutual_tls === undefined ? {} : { mutual_tls }),
        }),
      });
    expect((await mutual.token(machine('pki'), pki)).status).toBe(200);
    await declare({ url: mutualTlsUrl, ca: (await clientAuthority('Another')).pem });
    expect((await mutual.token(machine('pki'), pki)).status).toBe(401);
    expect((await mutual.token(machine('self'), own)).status).toBe(200);
    await declare({ url: mutualTlsUrl });
    expect((await mutual.token(machine('pki'), pki)).status).toBe(401);
    const document = await (await world.fetch(`${issuer}/.well-known/openid-configuration`)).json();
    expect(document.token_endpoint_auth_methods_supported).not.toContain('tls_client_auth');
    expect(document.token_endpoint_auth_methods_supported).toContain('self_signed_tls_client_auth');
    await declare(undefined);
    expect((await mutual.token(machine('self'), own)).status).toBe(404);
    await declare({ url: mutualTlsUrl, ca: authority.pem });
    expect((await mutual.token(machine('pki'), pki)).status).toBe(200);
  });
});

describe('with a library of somebody else (openid-client)', () => {
  it.each([
    ['tls_client_auth', 'pki', () => pki],
    ['self_signed_tls_client_auth', 'self', () => own],
  ] as const)(
    '%s by the aliases: code, refresh, userinfo, introspection, revocation',
    async (_method, clientId, of) => {
      const dispatcher = mutual.agent(of());
      const fetchOf = (url: string, init: oidc.CustomFetchOptions) => {
        if (!url.startsWith(mutualTlsUrl)) return world.fetch(url, init as RequestInit);
        const target = url.replace(mutualTlsUrl, mutual.url);
        return fetch(target, { ...(init as RequestInit), dispatcher } as RequestInit);
      };
      const metadata = { use_mtls_endpoint_aliases: true };
      const configuration = await oidc.discovery(new URL(issuer), clientId, metadata, oidc.TlsClientAuth(), {
        [oidc.customFetch]: fetchOf,
      });
      const response = await authorize(world.browser(), {
        client_id: clientId,
        scope: 'openid profile offline_access',
      });
      const landed = new URL(`https://shop.example.com/cb?${new URLSearchParams(response).toString()}`);
      const tokens = await oidc.authorizationCodeGrant(configuration, landed, {
        pkceCodeVerifier: codeFields('')['code_verifier'] ?? '',
        expectedNonce: 'the-nonce',
        expectedState: 'the-state',
      });
      const subject = tokens.claims()?.sub ?? '';
      expect((await oidc.fetchUserInfo(configuration, tokens.access_token, subject)).sub).toBe(subject);
      const refreshed = await oidc.refreshTokenGrant(configuration, tokens.refresh_token ?? '');
      const known = await oidc.tokenIntrospection(configuration, refreshed.access_token);
      expect(known['cnf']).toEqual({ 'x5t#S256': of().thumbprint });
      await oidc.tokenRevocation(configuration, refreshed.refresh_token ?? '');
      const isActive = async () => (await oidc.tokenIntrospection(configuration, refreshed.access_token)).active;
      await expect.poll(isActive).toBe(false);
    },
  );
});
