import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { accepted, manifest, problems } from './builders.ts';

type Jwk = Readonly<Record<string, unknown>>;

const web = (authentication: Jwk) => manifest('Client', { authentication });
const rsaOf = (modulusLength: number): Jwk => ({
  kid: 'rsa',
  ...generateKeyPairSync('rsa', { modulusLength }).publicKey.export({ format: 'jwk' }),
});
const ecOf = (namedCurve: string): Jwk => ({
  kid: namedCurve,
  ...generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' }),
});
const edwards: Jwk = { kid: 'ed', ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }) };
const rsa = rsaOf(2048);
const ec = ecOf('P-256');
const privateEc: Jwk = {
  kid: 'private',
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }),
};

const keys = (...list: readonly Jwk[]) => web({ method: 'private_key_jwt', jwks: { keys: list } });
const accounts = (...names: readonly string[]) =>
  web({ method: 'kubernetes_service_account', serviceAccounts: names.map((name) => ({ name })) });
const without = (jwk: Jwk, member: string): Jwk =>
  Object.fromEntries(Object.entries(jwk).filter(([name]) => name !== member));

const rsaShape = 'an RSA key has the members n and e, and none of a curve: copy the whole public JSON Web Key';
const ecShape = 'an EC key has crv (P-256, P-384 or P-521), x and y: copy the whole public JSON Web Key';
const okpShape = 'an OKP key has crv: Ed25519 and x: copy the whole public JSON Web Key';
const algMisfit = 'does not fit the key: leave it out, or set PS256 for an RSA key whose application signs so';
const key0 = 'spec.authentication.jwks.keys[0]';

describe('private_key_jwt', () => {
  it.each([
    ['RSA with 2048 bits', keys(rsa)],
    ['RSA with 4096 bits, for PS256', keys({ ...rsaOf(4096), alg: 'PS256', use: 'sig' })],
    ['P-256', keys(ec)],
    ['P-384', keys({ ...ecOf('P-384'), alg: 'ES384' })],
    ['P-521', keys(ecOf('P-521'))],
    ['Ed25519', keys({ ...edwards, alg: 'EdDSA' })],
    ['ten keys', keys(...Array.from({ length: 10 }, (_, index) => ({ ...ec, kid: `k${index}` })))],
  ])('%s is accepted', (_name, client) => {
    accepted('Client', client);
  });

  it.each<[string, ReturnType<typeof web>, string | RegExp]>([
    [
      'no keys at all',
      web({ method: 'private_key_jwt' }),
      'spec.authentication.jwks: private_key_jwt needs the public keys of the application: list them in jwks.keys, or name the URL that publishes them in jwksUri',
    ],
    ['an empty list', keys(), 'spec.authentication.jwks.keys: needs at least one item'],
    ['eleven keys', keys(...Array.from({ length: 11 }, (_, index) => ({ ...ec, kid: `k${index}` }))), /at most 10/],
    [
      'a kid twice',
      keys(ec, { ...rsa, kid: ec['kid'] }),
      'spec.authentication.jwks.keys[1]: is the same as spec.authentication.jwks.keys[0]: list it once',
    ],
    ['no kid', keys(without(ec, 'kid')), /kid/],
    [
      'a private key',
      keys(privateEc),
      `${key0}.d: this is a private key, and has to be replaced now that others may have read it: make a new one and list only its public part`,
    ],
    ['a symmetric key', keys({ kid: 'k', kty: 'oct' }), `${key0}.kty: must be one of RSA, EC, OKP`],
    [
      'RSA with 1024 bits',
      keys(rsaOf(1024)),
      `${key0}.n: an RSA key needs at least 2048 bits: make a longer one, or a key on P-256 or Ed25519`,
    ],
    ['RSA without exponent', keys(without(rsa, 'e')), `${key0}: ${rsaShape}`],
    ['RSA with a curve', keys({ ...rsa, crv: 'P-256' }), `${key0}: ${rsaShape}`],
    ['EC without y', keys(without(ec, 'y')), `${key0}: ${ecShape}`],
    ['EC without crv', keys(without(ec, 'crv')), `${key0}: ${ecShape}`],
    ['EC on Ed25519', keys({ ...ec, crv: 'Ed25519' }), `${key0}: ${ecShape}`],
    ['EC on another curve', keys({ ...ec, crv: 'secp256k1' }), /crv: must be one of P-256, P-384, P-521, Ed25519/],
    ['OKP on P-256', keys({ ...edwards, crv: 'P-256' }), `${key0}: ${okpShape}`],
    ['an algorithm of another curve', keys({ ...ec, alg: 'ES384' }), `${key0}.alg: ${algMisfit}`],
    ['an algorithm of another type', keys({ ...rsa, alg: 'ES256' }), `${key0}.alg: ${algMisfit}`],
    ['HS256', keys({ ...rsa, alg: 'HS256' }), /alg: must be one of RS256, PS256, ES256/],
    ['no base64url', keys({ ...ec, x: 'a+b=' }), `${key0}.x: must be base64url without padding, as in a JSON Web Key`],
    ['a key for encryption', keys({ ...ec, use: 'enc' }), `${key0}.use: must be one of sig`],
    [
      'keys beside a secret',
      web({ method: 'client_secret_basic', jwks: { keys: [ec] } }),
      'spec.authentication.jwks: only private_key_jwt and self_signed_tls_client_auth use keys: set one of them, or leave jwks out',
    ],
    [
      'keys of a public client',
      web({ method: 'none', jwks: { keys: [ec] } }),
      'spec.authentication.jwks: only private_key_jwt and self_signed_tls_client_auth use keys: set one of them, or leave jwks out',
    ],
  ])('%s is refused', (_name, client, expected) => {
    const found = problems('Client', client);
    expect(found).toHaveLength(1);
    if (typeof expected === 'string') expect(found[0]).toBe(expected);
    else expect(found[0]).toMatch(expected);
  });

  it('I4: what is told of a private key holds nothing of it', () => {
    const text = JSON.stringify(problems('Client', keys(privateEc)));
    expect(text).not.toContain(String(privateEc['d']).slice(0, 8));
  });
});

describe('kubernetes_service_account', () => {
  it.each([
    ['one ServiceAccount', accounts('batch')],
    ['one with dots', accounts('batch.nightly')],
    ['ten', accounts(...Array.from({ length: 10 }, (_, index) => `batch-${index}`))],
  ])('%s is accepted', (_name, client) => {
    accepted('Client', client);
  });

  it.each<[string, ReturnType<typeof web>, string | RegExp]>([
    [
      'none',
      web({ method: 'kubernetes_service_account' }),
      'spec.authentication.serviceAccounts: kubernetes_service_account needs the ServiceAccounts that the application runs as: list their names',
    ],
    ['an empty list', accounts(), 'spec.authentication.serviceAccounts: needs at least one item'],
    ['eleven', accounts(...Array.from({ length: 11 }, (_, index) => `batch-${index}`)), /at most 10/],
    ['one twice', accounts('batch', 'batch'), /serviceAccounts\[1\]: is the same/],
    ['A39: one of another namespace', accounts('other/batch'), /name: must be the name of an object/],
    [
      'A39: a namespace beside it',
      web({ method: 'kubernetes_service_account', serviceAccounts: [{ name: 'batch', namespace: 'other' }] }),
      /unknown field spec\.authentication\.serviceAccounts\[0\]\.namespace/,
    ],
    [
      'beside a secret',
      web({ serviceAccounts: [{ name: 'batch' }] }),
      'spec.authentication.serviceAccounts: only kubernetes_service_account uses ServiceAccounts: set that method, or leave serviceAccounts out',
    ],
    [
      'beside keys',
      web({ method: 'private_key_jwt', jwks: { keys: [ec] }, serviceAccounts: [{ name: 'batch' }] }),
      'spec.authentication.serviceAccounts: only kubernetes_service_account uses ServiceAccounts: set that method, or leave serviceAccounts out',
    ],
  ])('%s is refused', (_name, client, expected) => {
    const found = problems('Client', client);
    expect(found).toHaveLength(1);
    if (typeof expected === 'string') expect(found[0]).toBe(expected);
    else expect(found[0]).toMatch(expected);
  });
});
