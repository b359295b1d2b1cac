/**
 * Who is the client (RFC 6749 §2.3, §3.2.1, RFC 8705 §2)? The only place that makes an {@link AuthenticatedClient}, and the first thing
 * that happens to a token request: nothing is looked up for a client that has not proved who it is.
 */
import { AuthenticatedClient } from '../protocol/client.ts';
import { jsonError, type ProtocolError } from '../protocol/errors.ts';
import type { Parameters } from '../protocol/parameters.ts';
import { type ClientAuthenticationMethod, certificateMethods } from '../protocol/terms.ts';
import type { CertificateProblem, FetchCertificateKeys, JudgeCertificate } from './certificate-judge.ts';
import {
  type AssertionProblem,
  type FetchKeys,
  type JudgeAssertion,
  jwtBearer,
  type KnownClient,
  maxAssertionLength,
  type OnceOnly,
  selfNamed,
} from './client-assertion.ts';
import type { PresentedCertificate } from './client-certificate.ts';
import { maxSecretLength, placeOfSecret, readBasic } from './client-secret.ts';
import { HttpError } from './http-error.ts';
import { createLimiter } from './limiter.ts';
import { networkOf, type Source } from './source.ts';
import { createTurns } from './turns.ts';

export type FailureReason =
  | AssertionProblem
  | CertificateProblem
  | 'wrong_method'
  | 'wrong_secret'
  | 'replayed'
  | 'throttled';

export interface AuthenticationFailure {
  readonly reason: FailureReason;
  readonly method: ClientAuthenticationMethod | 'unknown';
  /** Only a registered one: what strangers type is not logged. */
  readonly client: KnownClient | undefined;
  readonly source: Source;
  readonly requestId: string | undefined;
}

export interface ClientAuthenticationOptions {
  readonly client: (clientId: string) => KnownClient | undefined;
  readonly judgeAssertion: JudgeAssertion;
  readonly fetchKeys: FetchKeys;
  readonly judgeCertificate: JudgeCertificate;
  readonly fetchCertificateKeys: FetchCertificateKeys;
  /** Marks an assertion as used, durably; `false`: it was used before, or may have been. */
  readonly useAssertion: (assertion: OnceOnly & { readonly clientId: string }) => Promise<boolean>;
  readonly onFailure: (failure: AuthenticationFailure) => void;
  /** A client used a secret that is accepted beside its current one. */
  readonly onOlderSecret?: (digest: string) => void;
  /** Milliseconds, never going backwards. */
  readonly now: () => number;
}

export interface CredentialsRequest {
  /** The `Authorization` header. */
  readonly authorization: string | undefined;
  readonly parameters: Parameters;
  readonly source: Source;
  readonly requestId?: string | undefined;
  /** What the client proved to hold, whether it authenticates with it or not. */
  readonly certificate?: PresentedCertificate | undefined;
}

/** Failures per minute, per client and source together: strangers must not lock a client out (per replica, in memory). */
const failuresPerMinute = 20;

/** What the request claims, before it is believed. */
type ClientClaim =
  | {
      readonly method: 'client_secret_basic' | 'client_secret_post';
      readonly clientId: string;
      readonly secret: string;
    }
  | { readonly method: 'assertion'; readonly clientId: string; readonly assertion: string }
  | { readonly method: 'none'; readonly clientId: string };

/** Most are judged at once, and a promise for nothing would be dear on every request. */
export type AuthenticateClient = (request: CredentialsRequest) => AuthenticatedClient | Promise<AuthenticatedClient>;

/**
 * @throws ProtocolError `invalid_request` (two methods, or two client ids), `invalid_client`
 * @throws HttpError 429 after too many failures of this client from this source
 */
export function createClientAuthentication(options: ClientAuthenticationOptions): AuthenticateClient {
  const limiter = createLimiter({ perMinute: failuresPerMinute, maxKeys: 10_000, now: options.now });
  const turns = createTurns();

  const judgeInTurn = (attempt: Attempt): FailureReason | null | Promise<FailureReason | null> => {
    const { claim, client, method, certificate, source, requestId } = attempt;
    // All unknown ids of one source share a bucket, or a stranger could fill the memory with names.
    const key = `${networkOf(source.address)} ${client?.value.client_id ?? ''}`;
    const left = (): number => {
      const more = limiter.left(key, source.limitFactor);
      if (more > 0) return more;
      options.onFailure({ reason: 'throttled', method, client, source, requestId });
      throw tooManyFailures(limiter.wait(key, source.limitFactor));
    };
    const counted = (problem: FailureReason | null): FailureReason | null => {
      const failure = client === undefined ? (problem ?? 'unknown_client') : problem;
      if (failure !== null) limiter.count(key, source.limitFactor);
      return failure;
    };
    const inTurn = () =>
      turns.take(key, left, () => {
        const problem = judge(options, client, claim, certificate);
        return problem instanceof Promise ? problem.then(counted) : counted(problem);
      });
    // Outside of the turns: a key set that does not come would hold everybody who waits for one.
    if (claim.method === 'assertion' && client !== undefined && left() > 0) {
      return options.fetchKeys(claim.assertion, client).then(inTurn);
    }
    if (method === 'self_signed_tls_client_auth' && client !== undefined && certificate !== undefined && left() > 0) {
      return options.fetchCertificateKeys(certificate, client).then(inTurn);
    }
    return inTurn();
  };

  const refused = (failure: AuthenticationFailure): ProtocolError => {
    options.onFailure(failure);
    return jsonError('invalid_client', told(failure.reason), { detail: failure.reason });
  };

  const judgeNow = (attempt: Attempt): FailureReason | null | Promise<FailureReason | null> => {
    const { claim, client } = attempt;
    // Nobody failed for a minute and nobody is being judged: a secret that holds has no turn to wait for.
    if ('secret' in claim && limiter.isIdle() && turns.isIdle() && judgeSecret(options, client, claim) === null)
      return null;
    return judgeInTurn(attempt);
  };

  const conclude = (attempt: Attempt, problem: FailureReason | null): AuthenticatedClient => {
    const { client, method, certificate, source, requestId } = attempt;
    if (client === undefined || problem !== null) {
      throw refused({ reason: problem ?? 'unknown_client', method, client, source, requestId });
    }
    const { token_endpoint_auth_method: proved } = client.value;
    return AuthenticatedClient.of(client.value, client.owner.uid, proved, certificate?.thumbprint, client.allowedBy);
  };

  return ({ authorization, parameters, source, certificate, requestId }) => {
    const claim = readClaim(authorization, parameters);
    if (claim === null) throw refused({ reason: 'malformed', method: 'unknown', client: undefined, source, requestId });
    const client = options.client(claim.clientId);
    const attempt = { claim, client, method: methodOf(claim, client), certificate, source, requestId };
    const judged = judgeNow(attempt);
    return judged instanceof Promise ? judged.then((problem) => conclude(attempt, problem)) : conclude(attempt, judged);
  };
}

/** What is judged. */
interface Attempt {
  readonly claim: ClientClaim;
  readonly client: KnownClient | undefined;
  readonly method: ClientAuthenticationMethod;
  readonly certificate: PresentedCertificate | undefined;
  readonly source: Source;
  readonly requestId: string | undefined;
}

/** Which method the server has at all is in its metadata: saying so tells nothing of a client. */
function told(reason: FailureReason): string {
  return reason === 'symmetric'
    ? 'client_secret_jwt is not supported, because secrets are not stored: use private_key_jwt'
    : 'client authentication failed';
}

function tooManyFailures(wait: number): HttpError {
  return new HttpError(429, 'invalid_client', {
    description: 'client authentication failed too often, try again later',
    headers: { 'retry-after': String(wait) },
  });
}

const assertionMethods: readonly ClientAuthenticationMethod[] = ['private_key_jwt', 'kubernetes_service_account'];

/** On the wire the two kinds of assertions are one, and a certificate is no part of the form: the registration says. */
function methodOf(claim: ClientClaim, client: KnownClient | undefined): ClientAuthenticationMethod {
  const registered = client?.value.token_endpoint_auth_method;
  if (claim.method === 'none') return certificateMethods.find((method) => method === registered) ?? 'none';
  if (claim.method !== 'assertion') return claim.method;
  return assertionMethods.find((method) => method === registered) ?? 'private_key_jwt';
}

/**
 * An assertion is used up here, before anything else is looked at: whatever becomes of the request afterwards, a second one
 * with the same id is refused, on every replica. A client that has to ask again writes another.
 */
async function judgeAssertionOf(
  { judgeAssertion, useAssertion }: ClientAuthenticationOptions,
  client: KnownClient | undefined,
  { assertion }: Extract<ClientClaim, { readonly method: 'assertion' }>,
): Promise<FailureReason | null> {
  const registered = client?.value;
  const fits = registered !== undefined && assertionMethods.includes(registered.token_endpoint_auth_method);
  const verdict = await judgeAssertion(assertion, fits ? client : undefined);
  if (verdict.problem === 'symmetric') return 'symmetric';
  if (registered !== undefined && !fits) return 'wrong_method';
  if (verdict.problem !== null) return verdict.problem;
  if (registered === undefined) return 'unknown_client';
  const { once } = verdict;
  if (once === null) return null;
  return (await useAssertion({ clientId: registered.client_id, ...once })) ? null : 'replayed';
}

/** Whether the claim holds: `null`, it does. */
function judge(
  options: ClientAuthenticationOptions,
  client: KnownClient | undefined,
  claim: ClientClaim,
  certificate: PresentedCertificate | undefined,
): FailureReason | null | Promise<FailureReason | null> {
  switch (claim.method) {
    case 'assertion':
      return judgeAssertionOf(options, client, claim);
    case 'none':
      return judgeWithoutCredentials(options, client, certificate);
    case 'client_secret_basic':
    case 'client_secret_post':
      return judgeSecret(options, client, claim);
  }
}

/** `client_id` alone (RFC 8705 §2): a public client, or one that its certificate speaks for. */
function judgeWithoutCredentials(
  { judgeCertificate }: ClientAuthenticationOptions,
  client: KnownClient | undefined,
  certificate: PresentedCertificate | undefined,
): FailureReason | null {
  // Judged for unknown clients too.
  const problem = judgeCertificate(certificate, client);
  if (client === undefined) return 'unknown_client';
  const method = methodOf({ method: 'none', clientId: client.value.client_id }, client);
  if (client.value.token_endpoint_auth_method !== method) return 'wrong_method';
  return method === 'none' ? null : problem;
}

function judgeSecret(
  { onOlderSecret }: ClientAuthenticationOptions,
  client: KnownClient | undefined,
  claim: Extract<ClientClaim, { readonly secret: string }>,
): FailureReason | null {
  // The comparison is made for unknown clients too, against a digest that nothing hashes to.
  const place = placeOfSecret(client?.value, claim.secret);
  if (client === undefined) return 'unknown_client';
  if (client.value.token_endpoint_auth_method !== claim.method) return 'wrong_method';
  if (place < 0) return 'wrong_secret';
  if (place > 0) onOlderSecret?.(client.value.client_secret_digests[place] ?? '');
  return null;
}

/** @throws ProtocolError `invalid_request`; `null`: no claim, or one that cannot be read. */
function readClaim(authorization: string | undefined, parameters: Parameters): ClientClaim | null {
  const clientId = parameters.get('client_id');
  const secret = parameters.get('client_secret');
  if (parameters.has('client_assertion') || parameters.has('client_assertion_type')) {
    if (authorization !== undefined || secret !== undefined) throw moreThanOne();
    return readAssertion(parameters);
  }
  if (authorization === undefined) {
    if (clientId === undefined || (secret?.length ?? 0) > maxSecretLength) return null;
    return secret === undefined ? { method: 'none', clientId } : { method: 'client_secret_post', clientId, secret };
  }
  // RFC 6749 §2.3: never more than one method in a request.
  if (secret !== undefined) throw moreThanOne();
  const basic = readBasic(authorization);
  if (basic === null) return null;
  if (clientId !== undefined && clientId !== basic.clientId) {
    throw jsonError('invalid_request', 'client_id is not that of the authenticated client');
  }
  return { method: 'client_secret_basic', ...basic };
}

function moreThanOne(): ProtocolError {
  return jsonError('invalid_request', 'more than one way of client authentication was used');
}

/** RFC 7521 §4.2: `client_id` may be left out where the assertion names its client, which a ServiceAccount's token does not. */
function readAssertion(parameters: Parameters): ClientClaim | null {
  const assertion = parameters.get('client_assertion');
  if (assertion === undefined || parameters.get('client_assertion_type') !== jwtBearer) return null;
  if (assertion.length > maxAssertionLength) return null;
  const clientId = parameters.get('client_id') ?? selfNamed(assertion);
  return clientId === null ? null : { method: 'assertion', clientId, assertion };
}
