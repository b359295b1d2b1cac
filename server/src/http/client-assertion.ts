/**
 * Client assertions (RFC 7521 §4.2, RFC 7523 §2.2 and §3, OpenID Connect Core §9): who signed, for whom, until when.
 * Whether one was used before is asked by `client-authentication.ts`, of one that holds.
 */
import { decodeJwt, decodeProtectedHeader, errors, importJWK, type JWTPayload, jwtVerify } from 'jose';
import { algorithmOf } from '../protocol/public-keys.ts';
import { type AssertionAlgorithm, assertionAlgorithms } from '../protocol/terms.ts';
import type { Clock } from '../protocol/time.ts';
import type { AllowedBy, ClientRegistration, Owner, PublicJwk, ServerRegistration } from '../registry/registration.ts';
import type { ClientKeys, KeyLocation } from './client-keys.ts';
import { holderOf, locationOfCluster, othersOf, type TokenCluster } from './cluster-keys.ts';
import { decoyOf } from './decoy-keys.ts';

export const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
/** Longest assertion that is looked at: 16 KiB. */
export const maxAssertionLength = 16_384;

/** Seconds that the clock of a client may be off. */
const tolerance = 10;
/** Longest life of an assertion, in seconds: so long its id is kept. */
const maxLife = 3600;
/** Longest life of a ServiceAccount's token, in seconds. It is not one-time, and a deleted pod's goes on until it ends. */
const maxServiceAccountLife = 86_400;

export interface KnownClient {
  readonly value: ClientRegistration;
  readonly owner: Pick<Owner, 'uid' | 'namespace'>;
  readonly allowedBy?: AllowedBy;
}

export type AssertionProblem =
  | 'malformed'
  /** Authenticated by a secret (`client_secret_jwt`): that takes the secret itself, and digests alone are stored. */
  | 'symmetric'
  | 'keys_unavailable'
  | 'unknown_client'
  | 'unknown_key'
  /** Keys of two clusters have its id: nobody can tell which of them it is from. */
  | 'ambiguous_key'
  | 'wrong_signature'
  | 'wrong_claims'
  | 'wrong_audience'
  | 'expired'
  | 'not_yet_valid'
  | 'too_long_lived';

/** Of an assertion that counts one time. */
export interface OnceOnly {
  /** `jti`. */
  readonly id: string;
  /** `iat`, or without one the earliest that it can be: seconds since the epoch. */
  readonly issuedAt: number;
  /** `exp`: seconds since the epoch. */
  readonly expiresAt: number;
}

/** `once`: its id counts one time; `null`: it may come again until it ends. */
export type AssertionVerdict =
  | { readonly problem: AssertionProblem }
  | { readonly problem: null; readonly once: OnceOnly | null };

export interface AssertionOptions {
  readonly server: () => ServerRegistration | undefined;
  /** Where the server was declared: what it trusts is fetched on the word of that namespace. */
  readonly serverNamespace: () => string;
  readonly clock: Clock;
  readonly clientKeys: ClientKeys;
  /** Told of every signature that was checked. */
  readonly onVerified?: (() => void) | undefined;
}

export type JudgeAssertion = (assertion: string, client: KnownClient | undefined) => Promise<AssertionVerdict>;

/** The client that an assertion names by itself (`iss` = `sub`), before anything of it is believed. */
export function selfNamed(assertion: string): string | null {
  try {
    const { iss, sub } = decodeJwt(assertion);
    return typeof sub === 'string' && sub !== '' && iss === sub ? sub : null;
  } catch {
    return null;
  }
}

/** For a client with one of the two methods, or for none: then the same work is done in vain. */
export function createAssertionJudge(options: AssertionOptions): JudgeAssertion {
  const { server, clock, onVerified } = options;
  return async (assertion, known) => {
    const header = readHeader(assertion);
    const declared = server();
    if (header === 'symmetric') return { problem: 'symmetric' };
    if (header === null || declared === undefined) return { problem: 'malformed' };
    const { issuer } = declared;
    const now = clock.now();
    const found = findKeys(known, header, options);
    const keys = found.keys ?? [];
    const tried = keys.length > 0 ? keys : [decoyOf(header.algorithm)];
    const payload = await verify(assertion, tried, { issuer, now, onVerified: () => onVerified?.() });
    if (known === undefined) return { problem: 'unknown_client' };
    if (found.keys === null) return { problem: found.problem };
    if (keys.length === 0) return { problem: 'unknown_key' };
    if (typeof payload === 'string') return { problem: payload };
    return found.cluster === undefined
      ? judgeOwn(payload, known.value, issuer, now)
      : judgeServiceAccount(payload, known.value, { issuer, now, cluster: found.cluster });
  };
}

/** Has the keys that an assertion needs, before it is judged. */
export type FetchKeys = (assertion: string, client: KnownClient) => Promise<void>;

/** Nobody is called for an assertion that no key in the world would make hold. */
export function createKeyFetcher({ server, serverNamespace, clock, clientKeys }: AssertionOptions): FetchKeys {
  return async (assertion, known) => {
    const declared = server();
    const header = readHeader(assertion);
    if (declared === undefined || header === null || header === 'symmetric') return;
    const { issuer } = declared;
    const now = clock.now();
    if (known.value.token_endpoint_auth_method === 'kubernetes_service_account') {
      for (const cluster of othersOf(declared, known.value)) {
        const location = locationOfCluster(cluster, serverNamespace());
        const worth = (payload: JWTPayload): AssertionVerdict =>
          judgeServiceAccount(payload, known.value, { issuer, now, cluster });
        if (location !== null && isWorthAFetch(assertion, now, worth)) await clientKeys.refresh(location, header);
      }
      return;
    }
    const location = locationOf(known);
    const worth = (payload: JWTPayload): AssertionVerdict => judgeOwn(payload, known.value, issuer, now);
    if (location !== null && isWorthAFetch(assertion, now, worth)) await clientKeys.refresh(location, header);
  };
}

interface Header {
  readonly kid: string | undefined;
  readonly algorithm: AssertionAlgorithm;
}

/** Tokens for other purposes carry their own type; assertions carry none of those. */
const types: readonly unknown[] = [undefined, 'jwt', 'client-authentication+jwt'];

/** `jwk`, `jku`, `x5c` and `x5u` are never looked at: a header does not bring its own key. */
function readHeader(assertion: string): Header | 'symmetric' | null {
  try {
    const { alg, typ, kid, ...more } = decodeProtectedHeader(assertion);
    const type: unknown = typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : typ;
    if ('crit' in more || !types.includes(type)) return null;
    if (kid !== undefined && typeof kid !== 'string') return null;
    if (typeof alg === 'string' && /^HS\d+$/.test(alg)) return 'symmetric';
    // RFC 9864 gives EdDSA with Ed25519 a name of its own.
    const name = alg === 'Ed25519' ? 'EdDSA' : alg;
    const algorithm = assertionAlgorithms.find((one) => one === name);
    return algorithm === undefined ? null : { kid, algorithm };
  } catch {
    return null;
  }
}

type Found =
  /** `cluster`: whose keys these are, where it is the token of a ServiceAccount. */
  | { readonly keys: readonly PublicJwk[]; readonly cluster?: TokenCluster }
  | { readonly keys: null; readonly problem: 'keys_unavailable' | 'ambiguous_key' };

/** Every key that could have signed for the client. */
function findKeys(known: KnownClient | undefined, header: Header, options: AssertionOptions): Found {
  if (known === undefined) return { keys: [] };
  if (known.value.token_endpoint_auth_method === 'kubernetes_service_account') {
    const { server, serverNamespace, clientKeys } = options;
    const holder = holderOf(header.kid, { clusters: server()?.kubernetes, namespace: serverNamespace(), clientKeys });
    if (holder === 'ambiguous') return { keys: null, problem: 'ambiguous_key' };
    return { ...holder, keys: fitting(holder.keys, header) };
  }
  const location = locationOf(known);
  const keys = location === null ? (known.value.jwks?.keys ?? []) : options.clientKeys.known(location);
  return keys === null ? { keys, problem: 'keys_unavailable' } : { keys: fitting(keys, header) };
}

/** `null`: its keys are not published, but registered. */
function locationOf({ value, owner }: KnownClient): KeyLocation | null {
  const { client_id: clientId, token_endpoint_auth_method: method, jwks_uri: url } = value;
  if (method !== 'private_key_jwt' || url === undefined) return null;
  return { url, namespace: owner.namespace, clientId };
}

function fitting(keys: readonly PublicJwk[], { kid, algorithm }: Header): readonly PublicJwk[] {
  return keys.filter((key) => algorithmOf(key) === algorithm && (kid === undefined || key.kid === kid));
}

/** Believed is nothing of it. */
function isWorthAFetch(assertion: string, now: number, judge: (payload: JWTPayload) => AssertionVerdict): boolean {
  try {
    const payload = decodeJwt(assertion);
    const { exp, nbf = now } = payload;
    if (typeof exp !== 'number' || exp <= now - tolerance || nbf > now + tolerance) return false;
    return judge(payload).problem === null;
  } catch {
    return false;
  }
}

type VerificationKey = Awaited<ReturnType<typeof importJWK>>;
const imported = new WeakMap<PublicJwk, Promise<VerificationKey>>();

function keyOf(jwk: PublicJwk): Promise<VerificationKey> {
  let key = imported.get(jwk);
  if (key === undefined) {
    key = importJWK(jwk, algorithmOf(jwk));
    imported.set(jwk, key);
  }
  return key;
}

/** What it says, once a signature held: nothing of it is looked at before. */
async function verify(
  assertion: string,
  keys: readonly PublicJwk[],
  { issuer, now, onVerified }: { readonly issuer: string; readonly now: number; readonly onVerified: () => void },
): Promise<JWTPayload | AssertionProblem> {
  for (const jwk of keys) {
    const algorithm = algorithmOf(jwk);
    const key = await keyOf(jwk);
    onVerified();
    try {
      const { payload } = await jwtVerify(assertion, key, {
        algorithms: algorithm === 'EdDSA' ? ['EdDSA', 'Ed25519'] : [algorithm],
        audience: issuer,
        requiredClaims: ['exp'],
        clockTolerance: tolerance,
        currentDate: new Date(now * 1000),
      });
      return payload;
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) return problemOf(error);
    }
  }
  return 'wrong_signature';
}

function problemOf(error: unknown): AssertionProblem {
  if (error instanceof errors.JWTExpired) return 'expired';
  if (!(error instanceof errors.JWTClaimValidationFailed)) return 'malformed';
  if (error.claim === 'aud') return 'wrong_audience';
  return error.claim === 'nbf' ? 'not_yet_valid' : 'wrong_claims';
}

/** RFC 7523 §3: issued by the client, about the client, with an id of its own. */
function judgeOwn(payload: JWTPayload, client: ClientRegistration, issuer: string, now: number): AssertionVerdict {
  const { iss, sub, jti, exp = 0, iat = now } = payload;
  if (iss !== client.client_id || sub !== client.client_id) return { problem: 'wrong_claims' };
  if (typeof jti !== 'string' || jti === '') return { problem: 'wrong_claims' };
  const life = exp - Math.min(iat, now);
  const problem =
    audienceProblem(payload, issuer) ?? timeProblem(iat, now) ?? (life > maxLife + tolerance ? 'too_long_lived' : null);
  const issuedAt = payload.iat ?? exp - maxLife;
  return problem === null ? { problem, once: { id: jti, issuedAt, expiresAt: exp } } : { problem };
}

/**
 * The key says which cluster it is: issuers of clusters repeat. The name must be one that the client's row lists for that
 * cluster.
 */
function judgeServiceAccount(
  payload: JWTPayload,
  client: ClientRegistration,
  { issuer, now, cluster }: { readonly issuer: string; readonly now: number; readonly cluster: TokenCluster },
): AssertionVerdict {
  const { iss, sub, exp = 0, iat } = payload;
  const listed = (client.service_accounts ?? []).some(
    (account) =>
      account.cluster === cluster.name && sub === `system:serviceaccount:${account.namespace}:${account.name}`,
  );
  if (!listed || iat === undefined) return { problem: 'wrong_claims' };
  if (cluster.issuer !== undefined && iss !== cluster.issuer) return { problem: 'wrong_claims' };
  const problem =
    audienceProblem(payload, issuer) ??
    timeProblem(iat, now) ??
    (exp - iat > maxServiceAccountLife ? 'too_long_lived' : null);
  return problem === null ? { problem, once: null } : { problem };
}

/**
 * The issuer and nothing beside it. The URL of the token endpoint is refused, although RFC 7523 §3 would have it: metadata
 * of another server can name it, and so make a client write an assertion that works here.
 */
function audienceProblem({ aud }: JWTPayload, issuer: string): AssertionProblem | null {
  const [only, ...others] = typeof aud === 'string' ? [aud] : (aud ?? []);
  return only === issuer && others.length === 0 ? null : 'wrong_audience';
}

function timeProblem(iat: number, now: number): AssertionProblem | null {
  return iat > now + tolerance ? 'not_yet_valid' : null;
}
