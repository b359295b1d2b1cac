import { createHmac, createPublicKey, createSign, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { importJWK, jwtVerify } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { createSigner, type SigningKey } from '../../../server/src/keys/signer.ts';
import { createVerifier, type VerificationKey } from '../../../server/src/keys/verify.ts';
import type { SigningAlgorithm } from '../../../server/src/protocol/terms.ts';
import { epochSeconds } from '../../../server/src/protocol/time.ts';

const issuer = 'https://id.example.com';
const ec: KeyObject = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const rsa: KeyObject = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const keys: Record<SigningAlgorithm, SigningKey> = {
  ES256: { kid: 'ec', algorithm: 'ES256', privateKey: ec },
  RS256: { kid: 'rsa', algorithm: 'RS256', privateKey: rsa },
};
const start = 1_800_000_000;
const claims = { iss: issuer, sub: 'u_1', exp: start + 300 };

let now = start;
let verified = 0;
let published: Map<string, VerificationKey>;
let verify: ReturnType<typeof createVerifier>;
const signer = createSigner({ active: (algorithm) => keys[algorithm] });

beforeEach(() => {
  now = start;
  verified = 0;
  published = new Map(
    Object.values(keys).map(({ kid, algorithm, privateKey }) => [
      kid,
      { kid, algorithm, publicKey: createPublicKey(privateKey) },
    ]),
  );
  verify = createVerifier({
    key: (kid) => published.get(kid),
    issuer: () => issuer,
    clock: { now: () => epochSeconds(now) },
    onVerified: () => {
      verified += 1;
    },
  });
});

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const forge = (header: unknown, payload: unknown, signature: (input: string) => Buffer): string => {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${signature(input).toString('base64url')}`;
};
const es256 = (input: string) => sign('sha256', Buffer.from(input), { key: ec, dsaEncoding: 'ieee-p1363' });
const rs256 = (input: string) => createSign('sha256').update(input).sign(rsa);

describe('signing', () => {
  it.each(['ES256', 'RS256'] as const)('jose accepts our %s', async (algorithm) => {
    const jwt = await signer.sign(algorithm, 'at+jwt', claims);
    const key = await importJWK(createPublicKey(keys[algorithm].privateKey).export({ format: 'jwk' }), algorithm);
    const { payload, protectedHeader } = await jwtVerify(jwt, key, {
      algorithms: [algorithm],
      typ: 'at+jwt',
      issuer,
      currentDate: new Date(start * 1000),
    });
    expect(payload).toEqual(claims);
    expect(protectedHeader).toEqual({ alg: algorithm, typ: 'at+jwt', kid: keys[algorithm].kid });
  });

  it('RFC 7518 §3.4: 2,000 signatures of every DER length are r‖s', async () => {
    const jwts = await Promise.all(
      Array.from({ length: 2000 }, (_, jti) => signer.sign('ES256', 'at+jwt', { ...claims, jti })),
    );
    expect(jwts.filter((jwt) => verify(jwt, 'at+jwt') === null)).toEqual([]);
    expect(new Set(jwts.map((jwt) => jwt.split('.')[2]?.length))).toEqual(new Set([86]));
  });

  it('signatures of one turn are made together, in capped flushes', async () => {
    const done: number[] = [];
    let turn = 0;
    const count = () => {
      turn += 1;
      if (turn < 10) setImmediate(count);
    };
    setImmediate(count);
    await Promise.all(
      Array.from({ length: 130 }, () => signer.sign('ES256', 'at+jwt', claims).then(() => done.push(turn))),
    );
    const perTurn = [...new Set(done)].map((one) => done.filter((other) => other === one).length);
    expect(perTurn).toEqual([64, 64, 2]);
  });

  it('without a key it says so', async () => {
    const none = createSigner({ active: () => undefined });
    await expect(none.sign('ES256', 'at+jwt', claims)).rejects.toMatchObject({ code: 'no_signing_key' });
  });
});

describe('F20: verifying', () => {
  it('accepts what we signed, and checks a token seen before only once', async () => {
    const jwt = await signer.sign('ES256', 'at+jwt', claims);
    expect(verify(jwt, 'at+jwt')).toEqual(claims);
    expect(verify(jwt, 'at+jwt')).toEqual(claims);
    expect(verified).toBe(1);
  });

  it.each([
    ['A53: alg none', () => forge({ alg: 'none', typ: 'at+jwt', kid: 'ec' }, claims, () => Buffer.alloc(0))],
    [
      'A53: alg None with a byte',
      () => forge({ alg: 'None', typ: 'at+jwt', kid: 'ec' }, claims, () => Buffer.from('x')),
    ],
    [
      'A53: HS256 with our public key',
      () =>
        forge({ alg: 'HS256', typ: 'at+jwt', kid: 'rsa' }, claims, (input) =>
          createHmac('sha256', createPublicKey(rsa).export({ format: 'pem', type: 'spki' }))
            .update(input)
            .digest(),
        ),
    ],
    ['A53: ES256 named on an RSA key', () => forge({ alg: 'ES256', typ: 'at+jwt', kid: 'rsa' }, claims, rs256)],
    ['A53: RS256 named on an EC key', () => forge({ alg: 'RS256', typ: 'at+jwt', kid: 'ec' }, claims, es256)],
    ['A54: an unknown algorithm', () => forge({ alg: 'XS999', typ: 'at+jwt', kid: 'ec' }, claims, es256)],
    ['A54: no algorithm', () => forge({ typ: 'at+jwt', kid: 'ec' }, claims, es256)],
    ['A58: no kid', () => forge({ alg: 'ES256', typ: 'at+jwt' }, claims, es256)],
    [
      'A58: an unknown kid with its key in the header',
      () =>
        forge(
          { alg: 'ES256', typ: 'at+jwt', kid: 'x', jwk: createPublicKey(ec).export({ format: 'jwk' }), jku: issuer },
          claims,
          es256,
        ),
    ],
    ['A37: another typ', () => forge({ alg: 'ES256', typ: 'JWT', kid: 'ec' }, claims, es256)],
    ['A37: no typ', () => forge({ alg: 'ES256', kid: 'ec' }, claims, es256)],
    ['crit', () => forge({ alg: 'ES256', typ: 'at+jwt', kid: 'ec', crit: ['exp'] }, claims, es256)],
    ['another issuer', () => forge({ alg: 'ES256', typ: 'at+jwt', kid: 'ec' }, { ...claims, iss: 'https://x' }, es256)],
    ['A85: no exp', () => forge({ alg: 'ES256', typ: 'at+jwt', kid: 'ec' }, { iss: issuer }, es256)],
    ['A85: exp as text', () => forge({ alg: 'ES256', typ: 'at+jwt', kid: 'ec' }, { ...claims, exp: '9e99' }, es256)],
    ['A85: exp null', () => forge({ alg: 'ES256', typ: 'at+jwt', kid: 'ec' }, { ...claims, exp: null }, es256)],
    ['A28: expired', () => forge({ alg: 'ES256', typ: 'at+jwt', kid: 'ec' }, { ...claims, exp: start }, es256)],
    ['a payload that is no object', () => forge({ alg: 'ES256', typ: 'at+jwt', kid: 'ec' }, [claims], es256)],
    ['A55: a JWE', () => 'a.b.c.d.e'],
    ['A56: nothing', () => ''],
    ['A56: dots', () => '..'],
    ['A56: garbage', () => 'eyJ.eyJ.eyJ'],
    ['A56: 16 KiB and one', () => `${'a'.repeat(16_384)}.`],
  ])('refuses %s', (_name, token) => expect(verify(token(), 'at+jwt')).toBeNull());

  it('accepts the same forgery once it is none', () =>
    expect(verify(forge({ alg: 'ES256', typ: 'at+jwt', kid: 'ec' }, claims, es256), 'at+jwt')).toEqual(claims));

  it('A37: a token of one kind is not taken for another, seen before or not', async () => {
    const jwt = await signer.sign('ES256', 'at+jwt', claims);
    expect(verify(jwt, 'at+jwt')).not.toBeNull();
    expect(verify(jwt, 'JWT')).toBeNull();
  });

  it('A28: a token seen before expires all the same', async () => {
    const jwt = await signer.sign('ES256', 'at+jwt', claims);
    expect(verify(jwt, 'at+jwt')).not.toBeNull();
    now = start + 300;
    expect(verify(jwt, 'at+jwt')).toBeNull();
  });

  it('A58: a token seen before dies with its key', async () => {
    const jwt = await signer.sign('ES256', 'at+jwt', claims);
    expect(verify(jwt, 'at+jwt')).not.toBeNull();
    published.delete('ec');
    expect(verify(jwt, 'at+jwt')).toBeNull();
  });

  it('A57: any altered character refuses the token', async () => {
    const jwt = await signer.sign('ES256', 'at+jwt', claims);
    for (let index = 0; index < jwt.length; index += 1) {
      const letter = jwt[index] === 'A' ? 'B' : 'A';
      expect(verify(jwt.slice(0, index) + letter + jwt.slice(index + 1), 'at+jwt')).toBeNull();
    }
    // 64 bytes leave four bits of the last character unused: other spellings of the same signature are refused too.
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const spellings = Array.from(last, (letter) => jwt.slice(0, -1) + letter);
    expect(spellings.filter((one) => verify(one, 'at+jwt') !== null)).toEqual([jwt]);
  });

  it('as a hint, an expired token is read like one that is not, seen before or not; nothing else is forgiven', async () => {
    const jwt = await signer.sign('ES256', 'JWT', claims);
    now = start + 10_000;
    expect(verify(jwt, 'JWT')).toBeNull();
    expect(verify(jwt, 'JWT', 'any')).toEqual(claims);
    expect(verify(jwt, 'JWT', 'any')).toEqual(claims);
    expect(verify(jwt, 'JWT')).toBeNull();
    expect(verify(jwt, 'at+jwt', 'any')).toBeNull();
    const elsewhere = forge({ alg: 'ES256', typ: 'JWT', kid: 'ec' }, { ...claims, iss: 'https://x' }, es256);
    expect(verify(elsewhere, 'JWT', 'any')).toBeNull();
    published.delete('ec');
    expect(verify(jwt, 'JWT', 'any')).toBeNull();
  });
});
