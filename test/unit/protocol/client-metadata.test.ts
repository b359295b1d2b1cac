import { describe, expect, it } from 'vitest';
import { checkClientMetadata } from '../../../server/src/protocol/client-metadata.ts';
import { checkServerMetadata, issuerProblem } from '../../../server/src/protocol/server-metadata.ts';
import { deviceCodeGrant } from '../../../server/src/protocol/terms.ts';
import type { ClientRegistration, PublicJwk } from '../../../server/src/registry/registration.ts';
import { aClient, aServer, type ClientBuilder } from '../../support/builders.ts';
import { jwkOf } from '../../support/client-keys.ts';

const keyed = (...keys: PublicJwk[]) => aClient().withKeys(...keys);
const fetched = (uri: string) =>
  aClient().with({ token_endpoint_auth_method: 'private_key_jwt', client_secret_digests: [], jwks_uri: uri });
const ec = jwkOf('ES256');
const rsa = jwkOf('RS256');
const edwards = jwkOf('EdDSA');
const small = jwkOf('RS256', { modulusLength: 1024 });
const even = { ...rsa, e: 'AQAA' };
const named = (more: Partial<ClientRegistration>) =>
  aClient().with({ token_endpoint_auth_method: 'tls_client_auth', client_secret_digests: [], ...more });
const bound = { tls_client_certificate_bound_access_tokens: true };
const accounts = [{ namespace: 'shop', name: 'batch' }];

const noSector = (title: string, sector: string): [string, ClientBuilder, RegExp] => [
  `Core §8.1: no sector ${title}`,
  aClient().with({ subject_type: 'pairwise', sector_identifier: sector }),
  /sector_identifier/,
];

describe('client metadata', () => {
  it.each([
    ['a web application', aClient()],
    ['one with refresh tokens', aClient().with({ grant_types: ['authorization_code', 'refresh_token'] })],
    ['a machine', aClient().machine('s')],
    ['a public one', aClient().public()],
    [
      'a public one with a private-use scheme',
      aClient()
        .public()
        .with({ redirect_uris: ['com.example.app:/cb'] }),
    ],
    ['one by the name of its certificate', named({ tls_client_auth_subject_dn: 'CN=shop,O=Example' })],
    [
      'one by a certificate of its own',
      keyed(ec).with({ token_endpoint_auth_method: 'self_signed_tls_client_auth', ...bound }),
    ],
    ['one with keys of every kind', keyed(ec, rsa, edwards, jwkOf('ES384'), jwkOf('ES512'), jwkOf('PS256'))],
    ['one that publishes its keys', fetched('https://shop.example.com:8443/keys?set=1')],
    ['one with ServiceAccounts', aClient().withServiceAccounts(...accounts)],
    [
      'one whose frame is on this machine, as its redirect URI is',
      aClient().with({
        redirect_uris: ['http://127.0.0.1:9500/cb'],
        frontchannel_logout_uri: 'http://127.0.0.1:9500/logout',
      }),
    ],
    [
      'one for implicit answers alone',
      aClient().with({ grant_types: ['implicit'], response_types: ['id_token', 'id_token token'] }),
    ],
    [
      'one for hybrid answers',
      aClient().with({ grant_types: ['authorization_code', 'implicit'], response_types: ['code id_token'] }),
    ],
    [
      'a device that refreshes',
      aClient().with({
        grant_types: [deviceCodeGrant, 'refresh_token'],
        response_types: [],
        redirect_uris: [],
      }),
    ],
    [
      'a device without a secret',
      aClient()
        .public()
        .with({ grant_types: [deviceCodeGrant], response_types: [], redirect_uris: [] }),
    ],
    ['one with a loopback page', aClient().with({ client_uri: 'http://127.0.0.1:3000/' })],
    [
      'Core §8.1: one with pairwise subjects',
      aClient().with({ subject_type: 'pairwise', sector_identifier: 'shop.example.com' }),
    ],
    [
      'Core §8.1: of several hosts, the one that is named',
      aClient().with({
        redirect_uris: ['https://shop.example.com/cb', 'https://shop.example.net/cb', 'http://localhost/cb'],
        subject_type: 'pairwise',
        sector_identifier: 'shop.example.net',
      }),
    ],
  ])('%s is served', (_name, client) => expect(checkClientMetadata(client.build())).toBeNull());

  it.each([
    ['§6: no client id is a subject', aClient('u_abc'), /client_id.*u_/],
    ['RFC 6749 A.1: the id is printable', aClient('shop web'), /client_id/],
    ['§6: display texts turn no direction', aClient().with({ client_name: 'shop\u202etxt' }), /client_name/],
    ['§6: display texts hold no control characters', aClient().with({ client_name: 'shop\nx' }), /client_name/],
    ['A18: public clients use PKCE', aClient().public().with({ require_pkce: false }), /PKCE/],
    [
      'RFC 6749 §4.4: public clients do not act for themselves',
      aClient()
        .public()
        .with({ grant_types: ['authorization_code', 'client_credentials'] }),
      /client_credentials/,
    ],
    ['public clients have no secret', aClient().with({ token_endpoint_auth_method: 'none' }), /secret/],
    ['A04: redirect URIs are safe', aClient().with({ redirect_uris: ['https://a@b/'] }), /redirect_uris\[0\]/],
    [
      'A10: private-use schemes are for public clients',
      aClient().with({ redirect_uris: ['https://shop.example.com/cb', 'com.example.app:/cb'] }),
      /redirect_uris\[1\].*public client/,
    ],
    ['the code flow needs a redirect URI', aClient().with({ redirect_uris: [] }), /redirect_uri/],
    ['response types follow grant types', aClient().with({ response_types: [] }), /response_types/],
    [
      'a frame in clear text',
      aClient().with({
        redirect_uris: ['https://a.example/cb'],
        frontchannel_logout_uri: 'http://a.example/logout',
      }),
      /frontchannel_logout_uri must use https/,
    ],
    [
      'a frame of another port (OpenID Connect Front-Channel Logout §2)',
      aClient().with({
        redirect_uris: ['http://127.0.0.1:9500/cb'],
        frontchannel_logout_uri: 'http://127.0.0.1:9501/logout',
      }),
      /frontchannel_logout_uri must have the scheme, host and port/,
    ],
    [
      'a frame with a fragment',
      aClient().with({
        redirect_uris: ['https://a.example/cb'],
        frontchannel_logout_uri: 'https://a.example/logout#x',
      }),
      /frontchannel_logout_uri must not have a fragment/,
    ],
    ['RFC 7591 §2.1: a hybrid type needs implicit', aClient().with({ response_types: ['code token'] }), /implicit/],
    [
      'RFC 7591 §2.1: implicit needs a type of its own',
      aClient().with({ grant_types: ['authorization_code', 'implicit'] }),
      /implicit/,
    ],
    [
      'implicit needs a redirect URI',
      aClient().with({ grant_types: ['implicit'], response_types: ['token'], redirect_uris: [] }),
      /redirect_uri/,
    ],
    [
      'refresh_token needs a grant that yields one',
      aClient()
        .machine('s')
        .with({ grant_types: ['client_credentials', 'refresh_token'] }),
      /refresh_token/,
    ],
    [
      'Core §8.1: pairwise subjects need a sector',
      aClient().with({ subject_type: 'pairwise' }),
      /sector_identifier goes with/,
    ],
    noSector('of another host', 'bank.example.com'),
    noSector('of a parent domain', 'example.com'),
    noSector('in capitals', 'SHOP.example.com'),
    noSector('with a port', 'shop.example.com:443'),
    noSector('that is a URL', 'https://shop.example.com'),
    noSector('with a dot at its end', 'shop.example.com.'),
    noSector('with a NUL', 'shop.example.com\0'),
    [
      'Core §8.1: no sector of a loopback address',
      aClient().with({
        redirect_uris: ['http://localhost/cb'],
        subject_type: 'pairwise',
        sector_identifier: 'localhost',
      }),
      /sector_identifier/,
    ],
    [
      'Core §8.1: a client without a host has no sector',
      aClient()
        .public()
        .with({
          redirect_uris: ['com.example.app:/cb'],
          subject_type: 'pairwise',
          sector_identifier: 'com.example.app',
        }),
      /sector_identifier/,
    ],
    [
      'Core §8: no sector for public subjects',
      aClient().with({ sector_identifier: 'shop.example.com' }),
      /sector_identifier goes with/,
    ],
    ['defaults are among the scopes', aClient().with({ default_scopes: ['orders'] }), /default_scopes/],
    ['scopes are tokens', aClient().with({ scopes: ['openid', 'a b'] }), /scopes/],
    [
      'A36: reserved claims are not mapped',
      aClient().with({ id_token_claims: ['groups', 'sub'] }),
      /reserved claim sub/,
    ],
    ['A10: links are https', aClient().with({ policy_uri: 'http://shop.example.com/' }), /policy_uri.*https/],
    ['A10: links are no script', aClient().with({ tos_uri: 'javascript:alert(1)' }), /tos_uri/],
    ['A04: links hold no user name', aClient().with({ client_uri: 'https://a:b@shop.example.com/' }), /client_uri/],
    [
      '§5: access tokens live an hour at most',
      aClient().with({ access_token_lifetime: 3601 }),
      /access_token_lifetime/,
    ],
    ['a key id stands once', keyed(ec, { ...rsa, kid: ec.kid }), /jwks: keys\[1\].*kid/],
    ['RSA keys have 2048 bits', keyed(small), /keys\[0\].*2048/],
    ['RSA keys have an odd exponent', keyed(even), /keys\[0\]/],
    ['a point is on its curve', keyed({ ...ec, y: rsa.n?.slice(0, 43) ?? '' }), /keys\[0\] is no public key/],
    ['a curve fits its key', keyed({ ...ec, crv: 'Ed25519' }), /keys\[0\]/],
    ['F20: an algorithm fits its curve', keyed({ ...ec, alg: 'ES384' }), /keys\[0\] has an alg/],
    ['F20: an algorithm fits its kind', keyed({ ...rsa, alg: 'EdDSA' }), /keys\[0\] has an alg/],
    ['a key is of one kind', keyed({ ...rsa, crv: 'P-256' }), /keys\[0\]/],
    [
      'no keys, no private_key_jwt',
      aClient().with({ token_endpoint_auth_method: 'private_key_jwt', client_secret_digests: [] }),
      /exactly one of jwks and jwks_uri/,
    ],
    ['no keys beside a secret', aClient().with({ jwks: { keys: [ec] } }), /exactly one of jwks and jwks_uri/],
    [
      'no place of keys beside a secret',
      aClient().with({ jwks_uri: 'https://shop.example.com/jwks' }),
      /exactly one of jwks and jwks_uri/,
    ],
    [
      'keys stand in one place',
      keyed(ec).with({ jwks_uri: 'https://shop.example.com/jwks' }),
      /exactly one of jwks and jwks_uri/,
    ],
    ['no secret beside keys', keyed(ec).with({ client_secret_digests: ['x'] }), /no secret/],
    ['no ServiceAccounts beside keys', keyed(ec).with({ service_accounts: accounts }), /service_accounts goes with/],
    [
      'no ServiceAccounts beside a secret',
      aClient().with({ service_accounts: accounts }),
      /service_accounts goes with/,
    ],
    ['RFC 8705 §2.1.2: a client by its certificate names one name of it', named({}), /exactly one tls_client_auth_/],
    [
      'RFC 8705 §2.1.2: not two',
      named({ tls_client_auth_san_dns: 'a.example', tls_client_auth_san_ip: '192.0.2.7' }),
      /exactly one tls_client_auth_/,
    ],
    [
      'RFC 8705 §2.1.2: and none beside a secret',
      aClient().with({ tls_client_auth_san_dns: 'a.example' }),
      /exactly one tls_client_auth_/,
    ],
    [
      'RFC 8705 §2.1.2: a name that can be compared',
      named({ tls_client_auth_subject_dn: 'shop' }),
      /tls_client_auth_subject_dn must be/,
    ],
    [
      'RFC 8705 §2.2.2: no keys, no certificate of its own',
      named({ token_endpoint_auth_method: 'self_signed_tls_client_auth' }),
      /exactly one of jwks and jwks_uri/,
    ],
    [
      'RFC 7517 §4.7: a certificate is over its key',
      keyed({ ...ec, x5c: ['MIIB'] }).with({ token_endpoint_auth_method: 'self_signed_tls_client_auth' }),
      /keys\[0\] has an x5c/,
    ],
    [
      'RFC 8705 §7.4: bound tokens do not come through the browser',
      aClient().everyResponseType().with(bound),
      /cannot hold for tokens of the authorization endpoint/,
    ],
    [
      'consent is never skipped for a private-use scheme',
      aClient()
        .public()
        .with({
          redirect_uris: ['com.example.app:/cb'],
          consent: { mode: 'implicit', remember_for: 1, on_refused_scope: 'drop' },
        }),
      /consent/,
    ],
  ])('%s', (_rule, client, problem) => expect(checkClientMetadata(client.build())).toMatch(problem));

  it.each([
    ['https://app.example.com', true],
    ['https://app.example.com:8443', true],
    ['http://localhost:5173', true],
    ['http://127.0.0.1:3000', true],
    ['http://app.example.com', false],
    ['https://app.example.com/', false],
    ['https://app.example.com:443', false],
    ['https://App.example.com', false],
    ['https://*.example.com', false],
    ['https://a@app.example.com', false],
    ['*', false],
    ['null', false],
    ['app.example.com', false],
    ['file://', false],
    ['data:text/html,x', false],
  ])('A38: scripts of %s may be let in: %s', (origin, good) =>
    expect(
      checkClientMetadata(
        aClient()
          .with({ allowed_origins: [origin] })
          .build(),
      ),
    ).toEqual(good ? null : expect.stringMatching(/^allowed_origins\[0\] must be an origin/)),
  );

  it.each([
    ['http://shop.example.com/jwks', 'must use https'],
    ['http://127.0.0.1/jwks', 'must use https'],
    ['file:///etc/passwd', 'must use https'],
    ['https://user@shop.example.com/jwks', 'must not hold a user name'],
    ['https://shop.example.com/jwks#keys', 'must not have a fragment'],
    ['https://shöp.example.com/jwks', 'must be an absolute URL in ASCII'],
    ['/jwks', 'must be an absolute URL in ASCII'],
  ])('A60: no keys are fetched from %s', (uri, problem) =>
    expect(checkClientMetadata(fetched(uri).build())).toBe(`jwks_uri ${problem}`),
  );
});

describe('server metadata', () => {
  it('the defaults hold', () => expect(checkServerMetadata(aServer())).toBeNull());

  const { lifetimes, signing } = aServer();
  it.each([
    ['§5: codes live 60 s at most', aServer({ lifetimes: { ...lifetimes, authorization_code: 61 } })],
    ['A52: device codes live ten minutes at most', aServer({ lifetimes: { ...lifetimes, device_code: 601 } })],
    ['§5: access tokens live an hour at most', aServer({ lifetimes: { ...lifetimes, access_token: 3601 } })],
    ['OIDC Core §15.1: RS256 is always there', aServer({ signing: { ...signing, algorithms: ['ES256'] } })],
    ['I11: keys are published ten minutes before use', aServer({ signing: { ...signing, publish_before: 599 } })],
    ['I11: keys stay until the last token has expired', aServer({ signing: { ...signing, retire_after: 3600 } })],
    ['a trusted proxy is a network', aServer({ trusted_proxies: { cidrs: ['proxy'], header: 'x-forwarded-for' } })],
    ['A61: not everybody is a proxy', aServer({ trusted_proxies: { cidrs: ['::/0'], header: 'x-forwarded-for' } })],
    ['what may be called is a host or a network', aServer({ outbound_allowed: ['https://id.example.com/'] })],
    ['F24: nor is everything', aServer({ outbound_allowed: ['*'] })],
    ['a key id of the cluster stands once', aServer({ kubernetes: { jwks: { keys: [ec, ec] } } })],
    ['keys of the cluster have 2048 bits', aServer({ kubernetes: { jwks: { keys: [small] } } })],
    ['certificates are asked for over TLS', aServer({ mutual_tls: { url: 'http://mtls.example.com' } })],
    ['certificates are asked for at no path', aServer({ mutual_tls: { url: 'https://mtls.example.com/' } })],
    ['authorities are certificates', aServer({ mutual_tls: { url: 'https://mtls.example.com', ca: 'none' } })],
    [
      'no certificate in a header where none counts',
      aServer({
        trusted_proxies: { cidrs: ['192.0.2.7'], header: 'x-forwarded-for', certificate_header: 'client-cert' },
      }),
    ],
    ['keys are published after the one before', aServer({ signing: { ...signing, rotate_every: 3600 } })],
  ])('%s', (_rule, server) => expect(checkServerMetadata(server)).toEqual(expect.any(String)));

  it.each([
    ['https://id.example.com', true],
    ['https://id.example.com:8443/tenant/a', true],
    ['http://127.0.0.1:8080', true],
    ['http://localhost:8080', true],
    ['http://[::1]:8080', true],
    ['http://id.example.com', false],
    ['https://id.example.com/', false],
    ['https://id.example.com/a/', false],
    ['https://id.example.com?x', false],
    ['https://id.example.com#x', false],
    ['https://a@id.example.com', false],
    ['https://ID.example.com', false],
    ['https://id.example.com:443', false],
    ['https://id.example.com/a/../b', false],
    ['https://id.example.com/a%2fb', false],
    ['https://id.example.com/a;b', false],
    ['id.example.com', false],
  ])('RFC 8414 §2: %s may be an issuer: %s', (issuer, may) => expect(issuerProblem(issuer) === null).toBe(may));
});
