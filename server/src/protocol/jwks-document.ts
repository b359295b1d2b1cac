/** PURE. Key sets as others publish them (RFC 7517 §5): what may verify is picked out, what is for other uses passed over. */

import type { PublicJwk } from '../registry/registration.ts';
import { isRecord } from './json.ts';
import { publicKeyProblem, publicKeysProblem } from './public-keys.ts';
import { assertionAlgorithms } from './terms.ts';

/** Most keys that may verify; of the others there may be more. */
const mostKeys = 10;

export type JwksReading = { readonly keys: readonly PublicJwk[] } | { readonly problem: string };

/** The problem is one sentence without any value. */
export function readJwks(text: string): JwksReading {
  const document = parse(text);
  if (!isRecord(document) || !Array.isArray(document.keys)) return { problem: 'it is no JWK set' };
  const keys = document.keys.flatMap((key: unknown) => publicJwkOf(key) ?? []);
  if (keys.length === 0) return { problem: 'it holds no key that could verify an assertion' };
  if (keys.length > mostKeys) return { problem: `it holds more than ${mostKeys} keys that could verify` };
  const problem = publicKeysProblem(keys);
  return problem === null ? { keys } : { problem };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] as const;
const keyTypes = ['RSA', 'EC', 'OKP'] as const;
const curves = ['P-256', 'P-384', 'P-521', 'Ed25519'] as const;

/**
 * `null`: for another use or algorithm, too weak, or it brings its private half along, so that everybody could sign with it.
 * A key without `kid` keeps an empty one, which an assertion that names a key does not match.
 */
function publicJwkOf(value: unknown): PublicJwk | null {
  if (!isRecord(value) || privateMembers.some((member) => member in value)) return null;
  const { use = 'sig', key_ops: operations, kid = '' } = value;
  if (use !== 'sig' || typeof kid !== 'string' || kid.length > 256) return null;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return null;
  const kty = keyTypes.find((one) => one === value.kty);
  const crv = curves.find((one) => one === value.crv);
  const alg = assertionAlgorithms.find((one) => one === (value.alg === 'Ed25519' ? 'EdDSA' : value.alg));
  if (kty === undefined || (value.crv !== undefined && crv === undefined)) return null;
  if (value.alg !== undefined && alg === undefined) return null;
  const jwk = {
    kty,
    kid,
    ...(alg === undefined ? {} : { alg }),
    ...(crv === undefined ? {} : { crv }),
    ...numbersOf(value),
  };
  if (publicKeyProblem(jwk) !== null) return null;
  const certified = { ...jwk, ...certificateOf(value) };
  // One that is not over the key says nothing about it.
  return publicKeyProblem(certified) === null ? certified : jwk;
}

/** Of a chain the first alone: it is the one that is over the key. */
function certificateOf({ x5c }: Readonly<Record<string, unknown>>): Pick<PublicJwk, 'x5c'> {
  const [first]: readonly unknown[] = Array.isArray(x5c) ? x5c : [];
  return typeof first === 'string' ? { x5c: [first] } : {};
}

function numbersOf(value: Readonly<Record<string, unknown>>): Pick<PublicJwk, 'n' | 'e' | 'x' | 'y'> {
  const members = (['n', 'e', 'x', 'y'] as const).flatMap((name) => {
    const member = value[name];
    return typeof member === 'string' ? [[name, member] as const] : [];
  });
  return Object.fromEntries(members);
}
