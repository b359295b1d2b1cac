/** What the schemas of registrations are made of. Every object is closed: a member that nobody reads does not fit in. */
import { type Static, type TEnum, type TString, Type } from 'typebox';
import { assertionAlgorithms } from '../protocol/terms.ts';

export const literals = <const T extends readonly string[]>(values: T) => Type.Enum<[...T]>([...values]);
export const closed = { additionalProperties: false };
export const text = (maxLength: number) => Type.String({ minLength: 1, maxLength });
export const lifetime = Type.Integer({ minimum: 1, maximum: 315_360_000 });
/** Of strings, none twice. `uniqueItems` of the library takes a digest of each: the dearest part of loading 100,000 clients. */
export const distinct = <T extends TString | TEnum<string[]>>(
  items: T,
  bounds: { minItems?: number; maxItems: number },
) =>
  Type.Refine(
    Type.Array(items, bounds),
    // Whatever else it may be is told by the other rules.
    (members: unknown) => !Array.isArray(members) || new Set(members).size === members.length,
    () => 'must not have duplicate items',
  );
export const list = (items: TString, maxItems: number) => distinct(items, { maxItems });

const keyMember = (maxLength: number) => Type.String({ pattern: '^[A-Za-z0-9_-]+$', maxLength });

/** A public key that verifies assertions (RFC 7517 §4). Closed: a private or a symmetric member does not fit in. */
export const PublicJwk = Type.Object(
  {
    kty: literals(['RSA', 'EC', 'OKP']),
    kid: text(256),
    /** The one algorithm of this key; left out: RS256, ES256, ES384, ES512 or EdDSA, as the key is made. */
    alg: Type.Optional(literals(assertionAlgorithms)),
    use: Type.Optional(literals(['sig'])),
    n: Type.Optional(keyMember(1366)),
    e: Type.Optional(keyMember(8)),
    crv: Type.Optional(literals(['P-256', 'P-384', 'P-521', 'Ed25519'])),
    x: Type.Optional(keyMember(88)),
    y: Type.Optional(keyMember(88)),
    /** A certificate over the key, in base64 (RFC 7517 §4.7): then that one certificate counts, and no other over the key. */
    x5c: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength: 8192 }), { minItems: 1, maxItems: 1 }),
    ),
  },
  closed,
);
export type PublicJwk = Static<typeof PublicJwk>;

export const jwks = (maxItems: number) =>
  Type.Object({ keys: Type.Array(PublicJwk, { minItems: 1, maxItems }) }, closed);

/** A PNG picture in base64; 64 KiB at most before encoding. */
export const picture = Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength: 87_384 });
export const color = Type.String({ pattern: '^#[0-9a-f]{6}$' });
