import { describe, expect, it } from 'vitest';
import { readJwks } from '../../../server/src/protocol/jwks-document.ts';
import { jwkOf, signingKey } from '../../support/client-keys.ts';

const ec = jwkOf('ES256');
const rsa = jwkOf('RS256');
const read = (...keys: unknown[]) => readJwks(JSON.stringify({ keys }));
const kids = (...keys: unknown[]) => {
  const reading = read(...keys);
  return 'keys' in reading ? reading.keys.map(({ kid }) => kid) : reading.problem;
};

describe('key sets that clients publish (RFC 7517 §5)', () => {
  it('keeps what may verify, and of it the known members alone', () => {
    const published = { ...ec, use: 'sig', key_ops: ['verify'], x5c: ['…'], nbf: 1, more: { any: 'thing' } };
    expect(read(published, rsa)).toEqual({ keys: [ec, rsa] });
  });

  it.each<[string, unknown]>([
    ['for encryption', { ...ec, use: 'enc' }],
    ['for other operations', { ...ec, key_ops: ['deriveKey'] }],
    ['symmetric', { kty: 'oct', k: 'c2VjcmV0', kid: 'x' }],
    ['with another algorithm', { ...rsa, alg: 'RSA-OAEP' }],
    ['F20: with a symmetric algorithm', { ...rsa, alg: 'HS256' }],
    ['F20: with none', { ...rsa, alg: 'none' }],
    ['on another curve', { kty: 'EC', crv: 'secp256k1', x: ec.x, y: ec.y, kid: 'x' }],
    ['whose point is not on its curve', { ...ec, y: ec.x }],
    ['too short', jwkOf('RS256', { modulusLength: 1024 })],
    ['with its private half', signingKey('ES256').privateKey.export({ format: 'jwk' })],
    ['whose id is no text', { ...ec, kid: 7 }],
    ['whose id is endless', { ...ec, kid: 'x'.repeat(257) }],
    ['that is none', 'key'],
    ['that is nothing', null],
  ])('passes over a key %s', (_, key) => {
    expect(kids(key, rsa)).toEqual([rsa.kid]);
    expect(kids(key)).toMatch(/no key/);
  });

  it('RFC 9864: Ed25519 is another name of EdDSA', () => {
    const edwards = jwkOf('EdDSA');
    expect(read({ ...edwards, alg: 'Ed25519' })).toEqual({ keys: [{ ...edwards, alg: 'EdDSA' }] });
  });

  it('a single key may be without an id', () => {
    const { kid: _, ...nameless } = ec;
    expect(kids(nameless)).toEqual(['']);
    expect(kids(nameless, nameless)).toMatch(/kid/);
  });

  it.each<[string, unknown[], RegExp]>([
    ['one id for two keys', [ec, { ...rsa, kid: ec.kid }], /kid/],
    ['more than ten keys', Array.from({ length: 11 }, () => jwkOf('EdDSA')), /more than 10/],
    ['none', [], /no key/],
  ])('%s: the set is not used', (_, keys, problem) => expect(kids(...keys)).toMatch(problem));

  it.each(['', '{', '[]', 'null', '{}', '{"keys":{}}', '<html>', `${'['.repeat(60_000)}`])('%s is no set', (text) =>
    expect(readJwks(text)).toEqual({ problem: 'it is no JWK set' }),
  );
});
