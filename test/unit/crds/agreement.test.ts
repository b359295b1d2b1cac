/** What a resource may say, the server must take: two rooms check the same texts, each for its own users. */
import { builtInScopes, validate } from '@nauthera/crds';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { authenticationMethods, grantTypes, responseTypes, signingAlgorithms } from '../../../crds/src/terms.ts';
import { reservedClaims } from '../../../crds/src/text-rules.ts';
import { isPlainText, reservedClaims as serverReserved } from '../../../server/src/protocol/client-metadata.ts';
import { registrationProblem } from '../../../server/src/protocol/redirect-uri.ts';
import { isScopeToken } from '../../../server/src/protocol/scope.ts';
import { issuerProblem } from '../../../server/src/protocol/server-metadata.ts';
import * as terms from '../../../server/src/protocol/terms.ts';
import { manifest } from './builders.ts';

const starts = ['https://', 'http://', 'com.example.app:/', 'com.example.app:', 'HTTPS://', 'javascript:', 'a.b://'];
const hosts = [
  'a.example',
  'A.example',
  '127.0.0.1',
  '127.1',
  '0x7f.1',
  '[::1]',
  '[2001:db8::1]',
  'localhost',
  '1.2.3.4',
  '256.1.1.1',
  'a..example',
  '-a.example',
  'a_b.example',
  'a.example.',
];
const rests = [
  ':1',
  ':0',
  ':443',
  ':65536',
  ':',
  '/',
  '//',
  '?',
  '#',
  '@',
  '%2e',
  '%2E',
  '%252e',
  '%2f',
  '%255c',
  '%00',
  '%7F',
  '%2a',
  '%',
  '%4',
  '..',
  '.',
  ';x',
  '%3b',
  'cb',
  'code',
  '=',
  '&',
  'state=1',
  'iss',
  '*',
  '{',
  '\\',
  '"',
  '`',
  '^',
  '<',
  ' ',
  '\t',
  '\n',
  'é',
  '_',
  '~',
  '%41',
];

const uri = fc
  .tuple(
    fc.constantFrom(...starts),
    fc.constantFrom(...hosts, ''),
    fc.array(fc.constantFrom(...rests, ...hosts), { maxLength: 5 }),
  )
  .map(([start, host, rest]) => `${start}${host}${rest.join('')}`);

const accepts = (kind: 'Client' | 'AuthorizationServer' | 'Scope', spec: Record<string, unknown>) =>
  validate(kind, manifest(kind, spec)).ok;

describe('the server takes what a resource may say', () => {
  it('A01–A10 redirect URIs', () => {
    let accepted = 0;
    fc.assert(
      fc.property(uri, fc.boolean(), (one, isPublic) => {
        const method = isPublic ? 'none' : 'client_secret_basic';
        if (!accepts('Client', { redirectUris: [one], authentication: { method } })) return;
        accepted += 1;
        expect(registrationProblem(one, { public: isPublic })).toBeNull();
      }),
      { numRuns: 1500 },
    );
    expect(accepted).toBeGreaterThan(50);
  });

  it('issuers', () => {
    let accepted = 0;
    const likely = fc
      .tuple(fc.constantFrom(...hosts), fc.constantFrom('', '/', ':1', ':443', '/cb', '/a/b', '/%41', '/~_'))
      .map(([host, rest]) => `https://${host}${rest}`);
    fc.assert(
      fc.property(fc.oneof(uri, likely), (issuer) => {
        if (!accepts('AuthorizationServer', { issuer })) return;
        accepted += 1;
        expect(issuerProblem(issuer)).toBeNull();
      }),
      { numRuns: 1500 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  it('scopes and texts for people, both ways', () => {
    const odd = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }),
      fc.string({ minLength: 1, maxLength: 8 }),
    );
    fc.assert(
      fc.property(odd, (one) => {
        expect(accepts('Client', { scopes: [one] })).toBe(isScopeToken(one));
        const plain = isPlainText(one) && !/[\u2028\u2029]/.test(one);
        expect(accepts('Client', { displayName: one })).toBe(plain);
      }),
      { numRuns: 300 },
    );
  });
});

describe('one list, two rooms', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['grant types', grantTypes, terms.grantTypes],
    ['response types', responseTypes, terms.responseTypes],
    ['authentication methods', authenticationMethods, terms.clientAuthenticationMethods],
    ['signing algorithms', signingAlgorithms, terms.signingAlgorithms],
    ['built-in scopes', builtInScopes, terms.builtInScopes],
    ['reserved claims', reservedClaims, serverReserved],
  ])('%s', (_title, ours, theirs) => expect(ours).toEqual(theirs));
});
