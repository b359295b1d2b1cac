/** Every field of an AuthorizationServer and of a Scope that the server reads, in its words. */
import { describe, expect, it } from 'vitest';
import { registerScope } from '../../../operator/src/registrations/scope.ts';
import { type Outside, registerServer } from '../../../operator/src/registrations/server.ts';
import { checkRegistration } from '../../../server/src/registry/validate.ts';
import { png } from '../../support/png.ts';
import { aServerResource, observed } from './resources.ts';

const register = (spec: Record<string, unknown>, outside: Partial<Outside> = {}) =>
  registerServer(aServerResource(spec).spec, 'https://id.example.com', { clusterKeys: [], ...outside });
const picture = png(16, 16).toString('base64');

describe('a field of an AuthorizationServer becomes a member of its registration', () => {
  it.each<[string, Record<string, unknown>, Partial<Outside>, Record<string, unknown>]>([
    ['lifetimes.deviceCode left out', {}, {}, { lifetimes: { device_code: 600 } }],
    ['lifetimes.deviceCode', { lifetimes: { deviceCode: '90s' } }, {}, { lifetimes: { device_code: 90 } }],
    [
      'trustedProxies',
      { trustedProxies: { cidrs: ['10.0.0.0/8', 'fd00::/8'] } },
      {},
      { trusted_proxies: { cidrs: ['10.0.0.0/8', 'fd00::/8'], header: 'x-forwarded-for' } },
    ],
    ...[
      ['Forwarded', 'forwarded'],
      ['X-Real-IP', 'x-real-ip'],
    ].map(([header, name]): [string, Record<string, unknown>, Partial<Outside>, Record<string, unknown>] => [
      `trustedProxies.header: ${header}`,
      { trustedProxies: { cidrs: ['192.0.2.7'], header } },
      {},
      { trusted_proxies: { cidrs: ['192.0.2.7'], header: name } },
    ]),
    [
      'trustedProxies.certificateHeader, and mutualTls where the issuer is',
      {
        mutualTls: { mode: 'Listener' },
        trustedProxies: { cidrs: ['192.0.2.7'], certificateHeader: 'Client-Cert' },
      },
      {},
      {
        mutual_tls: { url: 'https://id.example.com:8444' },
        trusted_proxies: { cidrs: ['192.0.2.7'], header: 'x-forwarded-for', certificate_header: 'client-cert' },
      },
    ],
    [
      'mutualTls.url',
      { mutualTls: { mode: 'Listener', url: 'https://mtls.example.com' } },
      {},
      { mutual_tls: { url: 'https://mtls.example.com' } },
    ],
    [
      'outbound.allowed',
      { outbound: { allowed: ['*.internal.example.com', '10.0.0.0/8'] } },
      {},
      { outbound_allowed: ['*.internal.example.com', '10.0.0.0/8'] },
    ],
    [
      'branding',
      {
        branding: {
          displayName: 'Example',
          links: { help: 'https://help.example.com', privacy: 'https://a.example/p', terms: 'https://a.example/t' },
          texts: { usernameLabel: 'Staff number', usernameHint: 's1234', help: 'Call 4711', footer: 'Springfield' },
        },
      },
      { colors: { light: '#0f4f80' }, logo: picture },
      {
        display_name: 'Example',
        branding: {
          colors: { light: '#0f4f80' },
          logo: picture,
          links: { help: 'https://help.example.com', privacy: 'https://a.example/p', terms: 'https://a.example/t' },
          texts: { username_label: 'Staff number', username_hint: 's1234', help: 'Call 4711', footer: 'Springfield' },
        },
      },
    ],
  ])('%s', (_title, spec, outside, members) => {
    const registration = register(spec, outside);
    expect(registration).toMatchObject(members);
    expect(checkRegistration('server', 'self', registration)).toBeNull();
  });

  it('mutualTls that is off is no member, whatever stands beside it', () => {
    expect(register({ mutualTls: { mode: 'Off', url: 'https://mtls.example.com' } })).not.toHaveProperty('mutual_tls');
  });

  it('what is left out is no member', () => {
    for (const spec of [{}, { branding: { displayName: 'Example', links: {}, texts: {}, colors: {} }, outbound: {} }]) {
      const names = Object.keys(register(spec));
      for (const name of ['branding', 'trusted_proxies', 'outbound_allowed', 'kubernetes'])
        expect(names).not.toContain(name);
    }
  });
});

describe('translations of a Scope', () => {
  it('stand by their language', () => {
    const translations = [
      { language: 'de', displayName: 'Ihre Bestellungen sehen', description: 'Der letzten zwei Jahre.' },
      { language: 'pt-BR', displayName: 'Ver os seus pedidos' },
    ];
    const registration = registerScope(observed('Scope', 'orders', { translations }));
    expect(registration.translations).toEqual({
      de: { display_name: 'Ihre Bestellungen sehen', description: 'Der letzten zwei Jahre.' },
      'pt-BR': { display_name: 'Ver os seus pedidos' },
    });
    expect(checkRegistration('scope', 'orders', registration)).toBeNull();
  });

  it.each([undefined, []])('%j: no member', (translations) => {
    expect(Object.keys(registerScope(observed('Scope', 'orders', { translations })))).not.toContain('translations');
  });
});
