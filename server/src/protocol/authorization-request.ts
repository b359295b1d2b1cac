/**
 * PURE. The authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1). Read {@link checks}: it is the flow. The
 * order is part of the contract: client, then redirect URI, then everything that may be reported by redirect.
 */
import type { ClientRegistration } from '../registry/registration.ts';
import { pageError, type VerifiedRedirect } from './errors.ts';
import type { ParameterReading, Parameters } from './parameters.ts';
import { challengeProblem } from './pkce.ts';
import { verifyRedirectUri } from './redirect-uri.ts';
import { type RequestWishes, wishChecks, wishesOf } from './request-wishes.ts';
import { deliveryModeOf, gives, isFrontChannel, isResponseMode } from './response-type.ts';
import type { ResponseType } from './terms.ts';
import {
  type AudiencesOf,
  type Check,
  givesCode,
  refuse,
  scopesOf,
  typeOf,
  type UnverifiedRequest,
} from './unverified-request.ts';

/** A request that may be shown to a user. Only {@link parseAuthorizationRequest} makes one. */
export interface AuthorizationRequest extends RequestWishes {
  readonly redirect: VerifiedRedirect;
  readonly responseType: ResponseType;
  readonly scopes: readonly string[];
  /** Returned in the ID token, unmodified. */
  readonly nonce: string | undefined;
  /** S256; `undefined` only for a confidential client that may do without. */
  readonly codeChallenge: string | undefined;
}

/** Every parameter that is looked at; what else is sent is ignored (RFC 6749 §3.1) and not carried from page to page. */
export const authorizationParameters: readonly string[] = [
  'client_id',
  'redirect_uri',
  'response_type',
  'response_mode',
  'scope',
  'state',
  'nonce',
  'code_challenge',
  'code_challenge_method',
  'prompt',
  'max_age',
  'login_hint',
  'ui_locales',
  'claims',
  'acr_values',
  'resource',
];

const maxNonceLength = 2048;

/** RFC 6749 §3.1: parameters must not be included more than once. */
const parametersCameOnce: Check = (request) => {
  if (request.problem !== undefined) refuse(request, 'invalid_request', 'a parameter was sent more than once');
};

/** OpenID Connect Core §6.1, §6.2, §7.2.1: none of these is supported, and ignoring one would change what is asked. */
const requestObjectsAreNotUsed: Check = (request) => {
  const { parameters } = request;
  if (parameters.has('request')) refuse(request, 'request_not_supported', 'request objects are not supported');
  if (parameters.has('request_uri')) refuse(request, 'request_uri_not_supported', 'request_uri is not supported');
  if (parameters.has('registration')) refuse(request, 'registration_not_supported', 'registration is not supported');
};

/** RFC 6749 §3.1.1 */
const responseTypeIsKnown: Check = (request) => {
  const type = request.parameters.get('response_type');
  if (type === undefined) refuse(request, 'invalid_request', 'response_type is missing');
  else if (typeOf(request) === null) {
    refuse(request, 'unsupported_response_type', 'the response type is not supported');
  }
};

/** RFC 6749 §4.1.2.1, §4.2.2.1 */
const responseTypeIsAllowed: Check = (request) => {
  const type = typeOf(request);
  if (type === null || !request.client.response_types.includes(type)) {
    refuse(request, 'unauthorized_client', 'the client may not use this response type');
  }
};

/** OAuth 2.0 Multiple Response Type Encoding Practices §2.1, §3, §5: tokens never travel in a query. */
const responseModeFits: Check = (request) => {
  const mode = request.parameters.get('response_mode');
  const type = typeOf(request);
  if (mode === undefined || type === null) return;
  if (!isResponseMode(mode)) refuse(request, 'invalid_request', 'the response mode is not supported');
  if (mode === 'query' && isFrontChannel(type)) {
    refuse(request, 'invalid_request', 'the response mode query is for the response type code alone');
  }
};

/** A form sends line breaks as it likes: a state with one in it would not come back as it was. */
const stateFitsTheMode: Check = (request) => {
  if (!formCarriesState(request.parameters)) {
    refuse(request, 'invalid_request', 'state must not hold line breaks with form_post');
  }
};

/** RFC 6749 §3.3: a scope that the client may not ask for is refused, never dropped in silence. */
const scopeIsAllowed: Check = (request) => {
  if (scopesOf(request) === null) refuse(request, 'invalid_scope', 'the scope is malformed or not open to this client');
};

/** OpenID Connect Core §3.2.2.1, §3.3.2.1: an ID token is asked for with the scope `openid`. */
const idTokenIsAskedWithOpenid: Check = (request) => {
  const type = typeOf(request);
  if (type !== null && gives(type, 'id_token') && !scopesOf(request)?.includes('openid')) {
    refuse(request, 'invalid_request', 'an ID token needs the scope openid');
  }
};

/** OpenID Connect Core §3.2.2.1, §3.3.2.11: without it, an ID token from this endpoint could be played back. */
const nonceIsPresent: Check = (request) => {
  const type = typeOf(request);
  if (type !== null && gives(type, 'id_token') && !request.parameters.has('nonce')) {
    refuse(request, 'invalid_request', 'nonce is missing');
  }
};

const nonceIsShort: Check = (request) => {
  if ((request.parameters.get('nonce')?.length ?? 0) > maxNonceLength) {
    refuse(request, 'invalid_request', 'nonce is too long');
  }
};

/** RFC 7636 §4.4.1; without a code there is nothing that a challenge could protect. */
const challengeIsPresent: Check = (request) => {
  if (!givesCode(request)) return;
  const problem = challengeProblem(
    {
      codeChallenge: request.parameters.get('code_challenge'),
      codeChallengeMethod: request.parameters.get('code_challenge_method'),
    },
    request.client.require_pkce || request.client.token_endpoint_auth_method === 'none' ? 'required' : 'optional',
  );
  switch (problem) {
    case null:
      return;
    case 'missing':
      return refuse(request, 'invalid_request', 'code_challenge is missing');
    case 'method_not_supported':
      return refuse(request, 'invalid_request', 'code_challenge_method must be S256');
    case 'malformed':
      return refuse(request, 'invalid_request', 'code_challenge is not an S256 challenge');
  }
};

/** In this order. */
export const checks: readonly Check[] = [
  parametersCameOnce,
  requestObjectsAreNotUsed,
  responseTypeIsKnown,
  responseTypeIsAllowed,
  responseModeFits,
  stateFitsTheMode,
  scopeIsAllowed,
  idTokenIsAskedWithOpenid,
  nonceIsPresent,
  nonceIsShort,
  challengeIsPresent,
  ...wishChecks,
];

export interface Parsed<C extends ClientRegistration> {
  readonly client: C;
  readonly request: AuthorizationRequest;
}

/**
 * @param find a client that may be served now, by its id.
 * @param issuer goes into every response (RFC 9207).
 * @param audiencesOf left out: nothing can be named as a resource.
 * @throws ProtocolError on a page until client and redirect URI are both good, by redirect afterwards.
 */
export function parseAuthorizationRequest<C extends ClientRegistration>(
  reading: ParameterReading,
  find: (clientId: string) => C | undefined,
  issuer: string,
  audiencesOf: AudiencesOf<ClientRegistration> = () => [],
): Parsed<C> {
  const { parameters, problem } = reading;
  if (problem === 'malformed' || problem === 'too_many') throw pageError('invalid_request', 'the request is malformed');
  const client = requireClient(parameters, find);
  const redirect = requireRedirect(parameters, client, issuer);
  const unverified: UnverifiedRequest = { parameters, problem, client, redirect, audiencesOf };
  for (const check of checks) check(unverified);
  return { client, request: build(unverified) };
}

function requireClient<C>(parameters: Parameters, find: (clientId: string) => C | undefined): C {
  const clientId = parameters.get('client_id');
  // A repeated client_id or redirect_uri is not among the parameters: whichever was meant, nothing is redirected.
  if (clientId === undefined) throw pageError('invalid_request', 'client_id is missing or was sent more than once');
  const client = find(clientId);
  if (client === undefined) throw pageError('invalid_client', 'the client is not known');
  return client;
}

function requireRedirect(parameters: Parameters, client: ClientRegistration, issuer: string): VerifiedRedirect {
  const state = parameters.get('state');
  const mode = deliveryModeOf({
    type: parameters.get('response_type'),
    mode: formCarriesState(parameters) ? parameters.get('response_mode') : undefined,
  });
  const redirect = verifyRedirectUri(client, parameters.get('redirect_uri'), { state, issuer, mode });
  if (redirect === null) {
    throw pageError(
      'invalid_request',
      parameters.has('redirect_uri')
        ? 'redirect_uri is not registered for this client. Compare it, character by character, with spec.redirectUris of the Client.'
        : 'redirect_uri is missing or was sent more than once',
    );
  }
  return redirect;
}

function build(request: UnverifiedRequest): AuthorizationRequest {
  const { parameters, redirect } = request;
  return {
    redirect,
    responseType: typeOf(request) ?? 'code',
    scopes: scopesOf(request) ?? [],
    nonce: parameters.get('nonce'),
    codeChallenge: givesCode(request) ? parameters.get('code_challenge') : undefined,
    ...wishesOf(request),
  };
}

function formCarriesState(parameters: Parameters): boolean {
  return parameters.get('response_mode') !== 'form_post' || !/[\r\n]/.test(parameters.get('state') ?? '');
}
