import { describe, expect, it } from 'vitest';
import { effectiveOf, lifetimesOf } from '../../../operator/src/controllers/client/effective.ts';
import type { ClientPolicy } from '../../../operator/src/controllers/policy.ts';
import { aServerResource, observed } from './resources.ts';

const server = aServerResource({ lifetimes: { accessToken: '5m', refreshToken: { idle: '336h', absolute: '2160h' } } });
const refreshing = {
  grantTypes: ['authorization_code', 'refresh_token'],
  redirectUris: ['https://shop.example.com/cb'],
};
const aPolicy = (more: Partial<ClientPolicy> = {}): ClientPolicy => ({
  name: 'team',
  namespaces: { from: 'All' },
  ...more,
});
const effective = (spec: Record<string, unknown> = {}, policy = aPolicy()) =>
  effectiveOf(observed('Client', 'web', spec).spec, server, policy);
const words = (...args: Parameters<typeof effective>) =>
  effective(...args).settings.map(({ name, value, setBy }) => `${name} ${value} ${setBy}`);

describe('the settings of a Client in force', () => {
  it('are those of the server where nobody says otherwise, and nothing is registered for them', () => {
    expect(words()).toEqual(['accessToken.lifetime 5m AuthorizationServer']);
    expect(words(refreshing)).toEqual([
      'accessToken.lifetime 5m AuthorizationServer',
      'refreshToken.idle 336h AuthorizationServer',
      'refreshToken.absolute 2160h AuthorizationServer',
    ]);
    expect(lifetimesOf(effective(refreshing))).toEqual({
      accessToken: undefined,
      refreshIdle: undefined,
      refreshAbsolute: undefined,
    });
  });

  it('are its own where it sets them', () => {
    expect(words({ accessToken: { lifetime: '10m' } }, aPolicy({ maxLifetimes: { accessToken: '15m' } }))).toEqual([
      'accessToken.lifetime 10m Client',
    ]);
  });

  it('what it leaves out is no longer than what the policy lets it ask for', () => {
    const policy = aPolicy({ maxLifetimes: { accessToken: '2m', refreshToken: { absolute: '24h' } } });
    expect(words(refreshing, policy)).toEqual([
      'accessToken.lifetime 2m policy team',
      'refreshToken.idle 24h policy team',
      'refreshToken.absolute 24h policy team',
    ]);
    expect(lifetimesOf(effective(refreshing, policy))).toEqual({
      accessToken: '2m',
      refreshIdle: '24h',
      refreshAbsolute: '24h',
    });
    expect(words({}, aPolicy({ maxLifetimes: { accessToken: '10m' } }))).toEqual([
      'accessToken.lifetime 5m AuthorizationServer',
    ]);
  });

  it('names the policy and the profile that it holds the Client to', () => {
    expect(effective({}, aPolicy({ profile: 'OAuth21' }))).toEqual({
      policy: 'team',
      settings: [
        { name: 'profile', value: 'OAuth21', setBy: 'policy team' },
        { name: 'accessToken.lifetime', value: '5m', setBy: 'AuthorizationServer' },
      ],
    });
  });
});
