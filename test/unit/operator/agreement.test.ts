/** What a resource may say, the server must take: a registration that a replica drops would be served by nobody. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { validate } from '../../../crds/src/index.ts';
import { registerClient } from '../../../operator/src/registrations/client.ts';
import { registerServer } from '../../../operator/src/registrations/server.ts';
import { checkRegistration } from '../../../server/src/registry/validate.ts';
import { manifest } from '../crds/builders.ts';

const hosts = [
  'a.example',
  'A.example',
  'localhost',
  '127.0.0.1',
  '127.1',
  '0x7f.1',
  '[::1]',
  '[2001:DB8::1]',
  '203.0.113.7',
  'a_b.example',
  '-a.example',
  'a.example.',
  'a..example',
  '1.example',
];
const ends = [
  '',
  '/',
  '/cb',
  '?x=y',
  '#x',
  '/#',
  ':1',
  ':443',
  ':0',
  ':65536',
  ':',
  '@b',
  '/"',
  '/%2e%2e',
  ' ',
  '*',
  '/a@b',
];
/** Most URLs end well before anything odd. */
const end = fc.oneof({ weight: 3, arbitrary: fc.constant('') }, { weight: 2, arbitrary: fc.constantFrom(...ends) });
const url = fc
  .tuple(
    fc.constantFrom('https://', 'http://', 'HTTPS://', 'com.example.app:/', 'javascript:', '', '*.'),
    fc.constantFrom(...hosts, 'null', '*'),
    end,
    end,
  )
  .map((parts) => parts.join(''));
const network = fc
  .tuple(
    fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc
        .array(fc.constantFrom('1', 'ff', 'FFFF', '12345', '', '10', '256'), { minLength: 1, maxLength: 10 })
        .map((all) => all.join(':')),
      fc
        .array(fc.constantFrom('0', '10', '255', '256', '01', ''), { minLength: 1, maxLength: 5 })
        .map((all) => all.join('.')),
    ),
    fc.constantFrom('', '/0', '/8', '/08', '/32', '/33', '/64', '/128', '/129', '/', '/8/8'),
  )
  .map((parts) => parts.join(''));

function clientProblem(spec: Record<string, unknown>): string | null | undefined {
  const result = validate('Client', manifest('Client', spec, { namespace: 'shop' }));
  if (!result.ok) return undefined;
  const { spec: whole } = result.resource;
  const registration = registerClient({
    namespace: 'shop',
    name: 'web',
    spec: whole,
    scopes: whole.scopes,
    secretDigests: [],
  });
  return checkRegistration('client', 'shop.web', registration);
}

function serverProblem(spec: Record<string, unknown>): string | null | undefined {
  const result = validate('AuthorizationServer', manifest('AuthorizationServer', spec));
  if (!result.ok) return undefined;
  return checkRegistration(
    'server',
    'self',
    registerServer(result.resource.spec, 'https://id.example.com', { clusterKeys: [] }),
  );
}

const redirectUris = [
  'https://a.example/cb',
  'https://203.0.113.7',
  'http://127.0.0.1/cb',
  'http://localhost/cb',
  'http://[::1]/',
];

describe('the server takes what a resource may say', () => {
  it.each<[string, fc.Arbitrary<string>, (value: string) => string | null | undefined]>([
    ['postLogoutRedirectUris', url, (one) => clientProblem({ postLogoutRedirectUris: [one] })],
    ['allowedOrigins', url, (one) => clientProblem({ allowedOrigins: [one] })],
    ['logout.backchannelUri', url, (one) => clientProblem({ logout: { backchannelUri: one } })],
    ['logout.frontchannelUri', url, (one) => clientProblem({ redirectUris, logout: { frontchannelUri: one } })],
    [
      'authentication.jwksUri',
      url,
      (one) => clientProblem({ authentication: { method: 'private_key_jwt', jwksUri: one } }),
    ],
    ['pairwise by its redirect URI', url, (one) => clientProblem({ redirectUris: [one], subjectType: 'pairwise' })],
    ['branding.links', url, (one) => serverProblem({ branding: { links: { help: one } } })],
    ['outbound.allowed, names', url, (one) => serverProblem({ outbound: { allowed: [one] } })],
    ['outbound.allowed, networks', network, (one) => serverProblem({ outbound: { allowed: [one] } })],
    ['trustedProxies', network, (one) => serverProblem({ trustedProxies: { cidrs: [one] } })],
  ])('%s', (_title, values, judge) => {
    let accepted = 0;
    fc.assert(
      fc.property(values, (value) => {
        const problem = judge(value);
        if (problem === undefined) return;
        accepted += 1;
        expect(problem).toBeNull();
      }),
      { numRuns: 600 },
    );
    // The property is not held by refusing everything.
    expect(accepted).toBeGreaterThan(5);
  });
});
