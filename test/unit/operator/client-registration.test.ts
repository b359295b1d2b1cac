/** Every field of a Client, in the words of RFC 7591 that the server reads. */
import { describe, expect, it } from 'vitest';
import { registerClient, sectorOf } from '../../../operator/src/registrations/client.ts';
import { checkRegistration } from '../../../server/src/registry/validate.ts';
import { observed } from './resources.ts';

const register = (spec: Record<string, unknown>) => {
  const client = observed('Client', 'web', spec);
  return registerClient({ ...client, scopes: client.spec.scopes, secretDigests: [] });
};
const redirectUris = ['https://shop.example.com/cb'];
const web = { grantTypes: ['authorization_code'], redirectUris };

describe('a field of a Client becomes a member of its registration', () => {
  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    [
      'postLogoutRedirectUris',
      { ...web, postLogoutRedirectUris: ['https://shop.example.com/bye'] },
      { post_logout_redirect_uris: ['https://shop.example.com/bye'] },
    ],
    [
      'allowedOrigins',
      { ...web, allowedOrigins: ['https://shop.example.com'] },
      { allowed_origins: ['https://shop.example.com'] },
    ],
    ['accessToken.format', { accessToken: { format: 'opaque' } }, { access_token_format: 'opaque' }],
    [
      'introspection.audiences',
      { introspection: { audiences: ['https://api.example.com'] } },
      { introspection_audiences: ['https://api.example.com'] },
    ],
    [
      'pairwise: the sector is the host of its redirect URIs',
      {
        ...web,
        redirectUris: [...redirectUris, 'https://shop.example.com:8443/cb', 'http://127.0.0.1/cb'],
        subjectType: 'pairwise',
      },
      { subject_type: 'pairwise', sector_identifier: 'shop.example.com' },
    ],
    [
      'sectorIdentifier',
      {
        ...web,
        redirectUris: [...redirectUris, 'https://b.example.com/cb'],
        subjectType: 'pairwise',
        sectorIdentifier: 'b.example.com',
      },
      { subject_type: 'pairwise', sector_identifier: 'b.example.com' },
    ],
    [
      'userinfo.signingAlgorithm',
      { userinfo: { signingAlgorithm: 'ES256' } },
      { userinfo_signed_response_alg: 'ES256' },
    ],
    [
      'logout',
      {
        ...web,
        logout: {
          backchannelUri: 'https://shop.shop.svc/backchannel',
          frontchannelUri: 'https://shop.example.com/frontchannel',
        },
      },
      {
        backchannel_logout_uri: 'https://shop.shop.svc/backchannel',
        frontchannel_logout_uri: 'https://shop.example.com/frontchannel',
      },
    ],
    [
      'authentication.jwksUri',
      { authentication: { method: 'private_key_jwt', jwksUri: 'https://shop.example.com/jwks.json' } },
      { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://shop.example.com/jwks.json' },
    ],
    ...(
      [
        ['subjectDn', 'CN=shop,O=Example', 'subject_dn'],
        ['sanDns', 'shop.example.com', 'san_dns'],
        ['sanUri', 'spiffe://example.com/shop', 'san_uri'],
        ['sanIp', '2001:db8::7', 'san_ip'],
        ['sanEmail', 'shop@example.com', 'san_email'],
      ] as const
    ).map(([field, value, member]): [string, Record<string, unknown>, Record<string, unknown>] => [
      `RFC 8705 §2.1.2: authentication.tls.${field}`,
      { authentication: { method: 'tls_client_auth', tls: { [field]: value } } },
      { token_endpoint_auth_method: 'tls_client_auth', [`tls_client_auth_${member}`]: value },
    ]),
    ['senderConstraint: MTLS', { senderConstraint: 'MTLS' }, { tls_client_certificate_bound_access_tokens: true }],
    ['defaultScopes', { scopes: ['openid', 'email'], defaultScopes: ['openid'] }, { default_scopes: ['openid'] }],
  ])('%s', (_title, spec, members) => {
    const registration = register(spec);
    expect(registration).toMatchObject(members);
    expect(checkRegistration('client', 'shop.web', registration)).toBeNull();
  });

  it('what is left out is no member', () => {
    const names = Object.keys(register({ ...web, subjectType: 'public', accessToken: { format: 'jwt' } }));
    for (const name of [
      'post_logout_redirect_uris',
      'allowed_origins',
      'logo',
      'access_token_format',
      'introspection_audiences',
      'subject_type',
      'sector_identifier',
      'userinfo_signed_response_alg',
      'backchannel_logout_uri',
      'frontchannel_logout_uri',
      'jwks_uri',
    ])
      expect(names).not.toContain(name);
  });

  it('public subjects have no sector', () => {
    expect(sectorOf(observed('Client', 'web', web).spec)).toBeUndefined();
  });
});
