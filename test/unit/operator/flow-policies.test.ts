/** Flows that are off until a policy says so: what a Client may list, and what the metadata of the server then says. */
import { describe, expect, it } from 'vitest';
import { deviceCodeGrant, responseTypes } from '../../../crds/src/index.ts';
import { attach } from '../../../operator/src/controllers/attachment.ts';
import { planClient } from '../../../operator/src/controllers/client/plan.ts';
import { registerServer } from '../../../operator/src/registrations/server.ts';
import { checkRegistration } from '../../../server/src/registry/validate.ts';
import { aServerResource, observed, shop } from './resources.ts';

type Fields = Record<string, unknown>;

function plan(spec: Fields, policy?: Fields) {
  const clientPolicies = policy === undefined ? [] : [{ name: 'flows', namespaces: { from: 'All' }, ...policy }];
  return planClient({
    source: 'test',
    client: observed('Client', 'web', { scopes: ['openid'], ...spec }),
    namespace: shop,
    attachment: attach(observed('Client', 'web', spec), [aServerResource({ clientPolicies })], shop),
    serverHolds: 'yes',
    issuer: 'https://id.example.com',
    scopes: new Map(),
    secret: undefined,
    otherSecrets: [],
    stored: null,
    hasDirectory: true,
    fresh: 'F'.repeat(43),
    now: 0,
  });
}

const acceptance = ({ conditions }: ReturnType<typeof plan>) => {
  const found = conditions.find(({ type }) => type === 'Accepted');
  return found?.status === 'True' ? 'accepted' : `${found?.reason}: ${found?.message}`;
};

const redirectUris = ['https://shop.example.com/cb'];
const implicit = { grantTypes: ['implicit'], responseTypes: ['id_token'], redirectUris };
const hybrid = {
  grantTypes: ['authorization_code', 'implicit', 'refresh_token'],
  responseTypes: ['code', 'code id_token'],
  redirectUris,
};
const device = { grantTypes: [deviceCodeGrant, 'refresh_token'] };
const free = 'authorization_code, refresh_token, client_credentials';

const refusal = (field: string, value: string, policy: string, allowed: string) =>
  `PolicyViolation: spec.${field}: "${value}" is refused by policy "${policy}" of auth/main, which allows ${allowed}. Change it or ask the owner of that server`;

describe('M09: a flow that no policy allows is refused', () => {
  it.each<[string, Fields, Fields | undefined, string]>([
    ['implicit', implicit, undefined, refusal('grantTypes', 'implicit', 'built-in', free)],
    ['hybrid', hybrid, undefined, refusal('grantTypes', 'implicit', 'built-in', free)],
    ['device', device, undefined, refusal('grantTypes', deviceCodeGrant, 'built-in', free)],
    [
      'device, by a policy about something else',
      device,
      { scopes: ['*'] },
      refusal('grantTypes', deviceCodeGrant, 'flows', free),
    ],
    [
      'the grant type alone is not the response type',
      implicit,
      { grantTypes: ['implicit'] },
      refusal('responseTypes', 'id_token', 'flows', 'code'),
    ],
    [
      'one implicit type is not the other',
      { ...implicit, responseTypes: ['id_token', 'id_token token'] },
      { grantTypes: ['implicit'], responseTypes: ['id_token', 'token'] },
      refusal('responseTypes', 'id_token token', 'flows', 'id_token, token'),
    ],
    [
      'implicit types are no hybrid types',
      hybrid,
      { grantTypes: hybrid.grantTypes, responseTypes: ['code', 'id_token', 'id_token token'] },
      refusal('responseTypes', 'code id_token', 'flows', 'code, id_token, id_token token'),
    ],
    [
      'a policy that lists the flow of users alone leaves machines out',
      { grantTypes: ['client_credentials'] },
      { grantTypes: [deviceCodeGrant] },
      refusal('grantTypes', 'client_credentials', 'flows', deviceCodeGrant),
    ],
  ])('%s', (_title, spec, policy, expected) => {
    const result = plan(spec, policy);
    expect(acceptance(result)).toBe(expected);
    expect(result.registration.withdrawn).toBe(true);
  });

  it.each<[string, Fields, Fields]>([
    ['implicit', implicit, { grantTypes: ['implicit'], responseTypes: ['id_token'] }],
    ['hybrid', hybrid, { grantTypes: hybrid.grantTypes, responseTypes: hybrid.responseTypes }],
    [
      'all seven response types',
      { ...hybrid, responseTypes: [...responseTypes] },
      { grantTypes: hybrid.grantTypes, responseTypes: [...responseTypes] },
    ],
    ['device', device, { grantTypes: [deviceCodeGrant, 'refresh_token'] }],
  ])('%s, allowed', (_title, spec, policy) => {
    const result = plan(spec, policy);
    expect(acceptance(result)).toBe('accepted');
    const { kind, id, value } = result.registration;
    expect(value).toMatchObject({ grant_types: spec['grantTypes'], response_types: spec['responseTypes'] ?? [] });
    // The server asks the same of what it is given.
    expect(checkRegistration(kind, id, value)).toBeNull();
    expect(result.status.responseTypes).toEqual(spec['responseTypes'] ?? []);
  });

  it('without a directory its owner hears that nobody can sign in', () => {
    for (const spec of [implicit, device]) {
      const client = observed('Client', 'web', { scopes: [], ...spec });
      const servers = [
        aServerResource({
          clientPolicies: [
            {
              name: 'p',
              namespaces: { from: 'All' },
              grantTypes: ['implicit', ...device.grantTypes],
              responseTypes: ['id_token'],
            },
          ],
        }),
      ];
      const planned = planClient({
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
        hasDirectory: false,
        fresh: 'F'.repeat(43),
        now: 0,
      });
      expect(planned.readyMessage('Served')).toBe('Ready; no LdapBinding yet, so users cannot sign in');
    }
  });
});

describe('the metadata of the server names what some Client could be allowed', () => {
  const supported = (...clientPolicies: Fields[]) => {
    const policies = clientPolicies.map((policy, index) => ({ name: `p${index}`, ...policy }));
    const registration = registerServer(aServerResource({ clientPolicies: policies }).spec, 'https://id.example.com', {
      clusterKeys: [],
    });
    expect(checkRegistration('server', 'self', registration)).toBeNull();
    return [registration.grant_types_supported, registration.response_types_supported];
  };
  const freeGrants = ['authorization_code', 'refresh_token', 'client_credentials'];

  it.each<[string, Fields[], string[], string[]]>([
    ['no policy', [], freeGrants, ['code']],
    ['a policy about something else', [{ clientIds: ['a'] }], freeGrants, ['code']],
    [
      'one that narrows is not the only one',
      [{ grantTypes: ['client_credentials'], responseTypes: [] }],
      freeGrants,
      ['code'],
    ],
    ['device', [{ grantTypes: [deviceCodeGrant] }], [...freeGrants, deviceCodeGrant], ['code']],
    [
      'implicit and hybrid by two policies, in one order',
      [
        { grantTypes: ['implicit'], responseTypes: ['id_token token', 'id_token'] },
        { grantTypes: ['implicit', 'authorization_code'], responseTypes: ['code id_token'] },
      ],
      ['authorization_code', 'implicit', 'refresh_token', 'client_credentials'],
      ['code', 'id_token', 'id_token token', 'code id_token'],
    ],
    [
      'no response type whose grant types the same policy does not allow',
      [{ responseTypes: ['id_token', 'code id_token'] }, { grantTypes: ['implicit'], responseTypes: ['code token'] }],
      ['authorization_code', 'implicit', 'refresh_token', 'client_credentials'],
      ['code'],
    ],
  ])('%s', (_title, policies, grants, responses) => {
    expect(supported(...policies)).toEqual([grants, responses]);
  });
});

describe('M09: a policy that holds Clients to OAuth 2.1', () => {
  const all = { grantTypes: ['authorization_code', 'implicit'], responseTypes: [...responseTypes] };
  const web = { grantTypes: ['authorization_code'], redirectUris };
  const tokens = { ...hybrid, grantTypes: ['authorization_code', 'implicit'], responseTypes: ['code', 'code token'] };
  it.each<[string, Fields, string]>([
    ['code with PKCE', web, 'accepted'],
    ['an ID token beside the code', { ...tokens, responseTypes: ['code', 'code id_token'] }, 'accepted'],
    ['no PKCE', { ...web, pkce: 'Optional' }, refusal('pkce', 'Optional', 'flows', 'Required (profile OAuth21)')],
    [
      'access tokens through the browser',
      tokens,
      refusal('responseTypes', 'code token', 'flows', 'those without token (profile OAuth21)'),
    ],
  ])('%s', (_, spec, expected) => {
    expect(acceptance(plan(spec, { ...all, profile: 'OAuth21' }))).toBe(expected);
    expect(acceptance(plan(spec, { ...all, profile: 'Baseline' }))).toBe('accepted');
  });
});

describe('the settings in force', () => {
  const machine = { grantTypes: ['client_credentials'] };

  it('stand in the status, and what a policy shortens in the registration', () => {
    const { status, registration } = plan(machine, { maxLifetimes: { accessToken: '2m' } });
    expect(status.effective).toEqual({
      policy: 'flows',
      settings: [{ name: 'accessToken.lifetime', value: '2m', setBy: 'policy flows' }],
    });
    expect(registration.value).toMatchObject({ access_token_lifetime: 120 });
    const free = plan(machine);
    expect(free.status.effective?.policy).toBe('built-in');
    expect(free.registration.value).not.toHaveProperty('access_token_lifetime');
  });

  it('are not told of a Client that is refused', () => {
    expect(plan(implicit).status).not.toHaveProperty('effective');
  });
});
