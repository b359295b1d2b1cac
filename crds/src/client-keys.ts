/** PURE. The public keys that verify the assertions of an application (RFC 7517), or where it publishes them. */
import { Type } from 'typebox';
import { choice, entry, group, item, keyed, type Rule, set, text } from './field.ts';
import { assertionAlgorithms } from './terms.ts';
import { printable } from './text-rules.ts';
import { calledUri } from './uri-rules.ts';

const base64url: Rule = {
  rule: `self.matches('^[A-Za-z0-9_-]+$')`,
  message: 'must be base64url without padding, as in a JSON Web Key',
};

const member = (what: string, max: number, example: string, leftOut: string) =>
  Type.Optional(text({ what, max, rules: [base64url], example, leftOut }));

/** 2048 bits are 256 bytes: 342 characters of base64url. */
const leastModulus = 342;

const keyRules: readonly Rule[] = [
  {
    rule: '!has(self.d)',
    message:
      'this is a private key, and has to be replaced now that others may have read it: make a new one and list only its public part',
    fieldPath: '.d',
  },
  {
    rule: `self.kty != 'RSA' || (has(self.n) && has(self.e) && !has(self.crv) && !has(self.x) && !has(self.y))`,
    message: 'an RSA key has the members n and e, and none of a curve: copy the whole public JSON Web Key',
  },
  {
    rule: `self.kty != 'RSA' || !has(self.n) || self.n.size() >= ${leastModulus}`,
    message: 'an RSA key needs at least 2048 bits: make a longer one, or a key on P-256 or Ed25519',
    fieldPath: '.n',
  },
  {
    rule: `self.kty != 'EC' || (has(self.crv) && self.crv != 'Ed25519' && has(self.x) && has(self.y) && !has(self.n) && !has(self.e))`,
    message: 'an EC key has crv (P-256, P-384 or P-521), x and y: copy the whole public JSON Web Key',
  },
  {
    rule: `self.kty != 'OKP' || (has(self.crv) && self.crv == 'Ed25519' && has(self.x) && !has(self.y) && !has(self.n) && !has(self.e))`,
    message: 'an OKP key has crv: Ed25519 and x: copy the whole public JSON Web Key',
  },
  {
    rule: `!has(self.alg) || (self.kty == 'RSA' ? self.alg in ['RS256', 'PS256'] : self.kty == 'OKP' ? self.alg == 'EdDSA' : !has(self.crv) || self.alg == {'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512', 'Ed25519': ''}[self.crv])`,
    message: 'does not fit the key: leave it out, or set PS256 for an RSA key whose application signs so',
    fieldPath: '.alg',
  },
];

/** @param signer who signs with the private one, in words */
const members = (signer: string) => ({
  kid: text({
    what: 'Id of the key. An assertion whose header has a kid is verified with that key alone.',
    max: 256,
    rules: [printable],
    example: '2030-01',
  }),
  kty: choice(['RSA', 'EC', 'OKP'], {
    what: 'Type of the key. Symmetric keys (oct) are not taken.',
    example: 'EC',
  }),
  alg: Type.Optional(
    choice(assertionAlgorithms, {
      what: `The one algorithm that ${signer} signs with.`,
      example: 'PS256',
      leftOut: 'RS256 for RSA, ES256, ES384 or ES512 for EC as the curve says, EdDSA for OKP',
    }),
  ),
  use: Type.Optional(choice(['sig'], { what: 'What the key is for.', example: 'sig', leftOut: 'sig' })),
  n: member('Modulus of an RSA key.', 1366, 'u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0g', 'not an RSA key'),
  e: member('Exponent of an RSA key.', 8, 'AQAB', 'not an RSA key'),
  crv: Type.Optional(
    choice(['P-256', 'P-384', 'P-521', 'Ed25519'], {
      what: 'Curve of an EC or OKP key.',
      example: 'P-256',
      leftOut: 'an RSA key',
    }),
  ),
  x: member(
    'First coordinate of an EC key, or an OKP key.',
    88,
    'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
    'an RSA key',
  ),
  y: member('Second coordinate of an EC key.', 88, 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0', 'no EC key'),
  d: member('Refused: only a private key has it.', 1366, 'none', 'as it must be'),
});

export const publicKey = (signer: string) => entry(members(signer), keyRules);

const x5c = Type.Optional(
  set(
    item({
      max: 8192,
      rules: [
        {
          rule: `self.matches('^[A-Za-z0-9+/]+={0,2}$')`,
          message:
            'must be one certificate in base64 on one line: PEM without its first and last line and without breaks',
        },
      ],
    }),
    {
      what: 'A certificate over the key (RFC 7517 section 4.7). With self_signed_tls_client_auth that one certificate speaks for the application, and no other over the same key.',
      min: 1,
      max: 1,
      allowed: 'with method self_signed_tls_client_auth, and only then',
      example: ['MIIBIjCByqADAgECAgEBMAoGCCqGSM49BAMCMA8xDTALBgNVBAMMBHNob3AwHhcN'],
      leftOut: 'every certificate over the key speaks for the application',
    },
  ),
);

export const jwks = Type.Optional(
  group(
    {
      keys: keyed('kid', entry({ ...members('the application'), x5c }, keyRules), {
        what: 'The public keys, each with its own kid. To replace a key, list the new one beside the old one first.',
        min: 1,
        max: 10,
        allowed: 'RSA from 2048 bits, EC on P-256, P-384 or P-521, Ed25519; never private or symmetric keys',
        example: [
          {
            kid: '2030-01',
            kty: 'EC',
            crv: 'P-256',
            x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
            y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
          },
        ],
      }),
    },
    {
      what: 'Public keys with which the application signs its assertions, or which its certificates are over (RFC 7517 section 5); the private ones stay with it.',
      allowed: 'with methods private_key_jwt and self_signed_tls_client_auth, and only then',
      example: {
        keys: [{ kid: '2030-01', kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }],
      },
      leftOut: 'no keys',
    },
  ),
);

export const jwksUri = Type.Optional(
  text({
    what: 'Where the application publishes those keys as a JSON Web Key Set. It is fetched when an assertion or a certificate has to be verified, and kept for some minutes.',
    max: 2048,
    rules: [calledUri],
    allowed:
      'with methods private_key_jwt and self_signed_tls_client_auth in place of jwks: https; a public host, a service <name>.<namespace>.svc of the namespace of this Client, or a host that outbound.allowed of the server names',
    example: 'https://shop.example.com/jwks.json',
    leftOut: 'the keys stand in jwks',
  }),
);
