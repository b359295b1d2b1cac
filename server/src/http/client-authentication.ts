/**
 * Who is the client (RFC 6749 §2.3, §3.2.1)? The only place that makes an {@link AuthenticatedClient}, and the first thing
 * that happens to a token request: nothing is looked up for a client that has not proved who it is.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { AuthenticatedClient } from '../protocol/client.ts';
import { jsonError, type ProtocolError } from '../protocol/errors.ts';
import { decodeFormText, type Parameters } from '../protocol/parameters.ts';
import type { ClientAuthenticationMethod } from '../protocol/terms.ts';
import type { ClientRegistration } from '../registry/registration.ts';
import { HttpError } from './http-error.ts';
import { createLimiter } from './limiter.ts';
import { networkOf, type Source } from './source.ts';

export interface KnownClient {
  readonly value: ClientRegistration;
  readonly owner: { readonly uid: string };
}

export type FailureReason = 'unknown_client' | 'wrong_method' | 'wrong_secret' | 'malformed' | 'throttled';

export interface AuthenticationFailure {
  readonly reason: FailureReason;
  readonly method: ClientAuthenticationMethod | 'unknown';
  /** Only that of a registered client: what strangers type is not logged. */
  readonly clientId: string | undefined;
  readonly source: Source;
}

export interface ClientAuthenticationOptions {
  readonly client: (clientId: string) => KnownClient | undefined;
  readonly onFailure: (failure: AuthenticationFailure) => void;
  /** Milliseconds, never going backwards. */
  readonly now: () => number;
}

export interface CredentialsRequest {
  /** The `Authorization` header. */
  readonly authorization: string | undefined;
  readonly parameters: Parameters;
  readonly source: Source;
}

/** Failures per minute, per client and source together: strangers must not lock a client out (per replica, in memory). */
const failuresPerMinute = 20;
const maxSecretLength = 1024;

/** What the request claims, before it is believed. */
type ClientClaim =
  | {
      readonly method: 'client_secret_basic' | 'client_secret_post';
      readonly clientId: string;
      readonly secret: string;
    }
  | { readonly method: 'none'; readonly clientId: string };

export type AuthenticateClient = (request: CredentialsRequest) => AuthenticatedClient;

/**
 * @throws ProtocolError `invalid_request` (two methods, or two client ids), `invalid_client`
 * @throws HttpError 429 after too many failures of this client from this source
 */
export function createClientAuthentication(options: ClientAuthenticationOptions): AuthenticateClient {
  const limiter = createLimiter({ perMinute: failuresPerMinute, maxKeys: 10_000, now: options.now });

  return ({ authorization, parameters, source }) => {
    const fail = (reason: FailureReason, more: Partial<AuthenticationFailure> = {}): ProtocolError => {
      options.onFailure({ reason, method: 'unknown', clientId: undefined, source, ...more });
      return jsonError('invalid_client', 'client authentication failed', { detail: reason });
    };
    const claim = readClaim(authorization, parameters);
    if (claim === null) throw fail('malformed');
    const client = options.client(claim.clientId);
    const clientId = client?.value.client_id;
    // All unknown ids of one source share a bucket, or a stranger could fill the memory with names.
    const key = `${networkOf(source.address)} ${clientId ?? ''}`;
    const wait = limiter.wait(key, source.limitFactor);
    if (wait > 0) {
      options.onFailure({ reason: 'throttled', method: claim.method, clientId, source });
      throw tooManyFailures(wait);
    }
    const problem = judge(client, claim);
    if (client === undefined || problem !== null) {
      limiter.count(key, source.limitFactor);
      throw fail(problem ?? 'unknown_client', { method: claim.method, clientId });
    }
    return AuthenticatedClient.of(client.value, client.owner.uid, claim.method);
  };
}

function tooManyFailures(wait: number): HttpError {
  return new HttpError(429, 'invalid_client', {
    description: 'client authentication failed too often, try again later',
    headers: { 'retry-after': String(wait) },
  });
}

function judge(client: KnownClient | undefined, claim: ClientClaim): FailureReason | null {
  // The comparison is made for unknown clients too, against a digest that nothing hashes to.
  const secretIsRight = claim.method === 'none' ? true : isSecretOf(client?.value, claim.secret);
  if (client === undefined) return 'unknown_client';
  if (client.value.token_endpoint_auth_method !== claim.method) return 'wrong_method';
  return secretIsRight ? null : 'wrong_secret';
}

const digests = new WeakMap<ClientRegistration, readonly Buffer[]>();
const dummyDigests: readonly Buffer[] = [Buffer.alloc(32)];

function digestsOf(client: ClientRegistration): readonly Buffer[] {
  let known = digests.get(client);
  if (known === undefined) {
    known = client.client_secret_digests.map((digest) => Buffer.from(digest, 'base64url'));
    digests.set(client, known);
  }
  return known;
}

function isSecretOf(client: ClientRegistration | undefined, secret: string): boolean {
  const digest = hash('sha256', secret, 'buffer');
  const accepted = client === undefined ? [] : digestsOf(client);
  let matches = 0;
  for (const other of accepted.length === 0 ? dummyDigests : accepted) {
    matches |= other.length === digest.length && timingSafeEqual(other, digest) ? 1 : 0;
  }
  return accepted.length > 0 && matches === 1;
}

/** @throws ProtocolError `invalid_request`; `null`: no claim, or one that cannot be read. */
function readClaim(authorization: string | undefined, parameters: Parameters): ClientClaim | null {
  const clientId = parameters.get('client_id');
  const secret = parameters.get('client_secret');
  if (parameters.has('client_assertion') || parameters.has('client_assertion_type')) return null;
  if (authorization === undefined) {
    if (clientId === undefined || (secret?.length ?? 0) > maxSecretLength) return null;
    return secret === undefined ? { method: 'none', clientId } : { method: 'client_secret_post', clientId, secret };
  }
  // RFC 6749 §2.3: never more than one method in a request.
  if (secret !== undefined) throw jsonError('invalid_request', 'more than one way of client authentication was used');
  const basic = readBasic(authorization);
  if (basic === null) return null;
  if (clientId !== undefined && clientId !== basic.clientId) {
    throw jsonError('invalid_request', 'client_id is not that of the authenticated client');
  }
  return { method: 'client_secret_basic', ...basic };
}

const basicHeader = /^basic +([A-Za-z0-9+/]+={0,2})$/i;

/** `client_id:client_secret`, both form-encoded (RFC 6749 §2.3.1), in strict base64; `null` when malformed. */
function readBasic(header: string): { clientId: string; secret: string } | null {
  if (header.length > 4 * maxSecretLength) return null;
  const encoded = basicHeader.exec(header)?.[1];
  // Node decodes what is no base64 too, and so would read a secret that was not sent.
  if (encoded === undefined || encoded.length % 4 !== 0) return null;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 1 || text.includes('\ufffd')) return null;
  const clientId = decodeFormText(text.slice(0, colon));
  const secret = decodeFormText(text.slice(colon + 1));
  if (clientId === null || secret === null || secret.length > maxSecretLength) return null;
  return { clientId, secret };
}
