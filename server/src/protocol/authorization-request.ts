/**
 * PURE. The authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1). Read {@link checks}: it is the flow. The
 * order is part of the contract: client, then redirect URI, then everything that may be reported by redirect.
 */
import type { ClientRegistration } from '../registry/registration.ts';
import { type ErrorCode, pageError, redirectError, type VerifiedRedirect } from './errors.ts';
import type { ParameterReading, Parameters } from './parameters.ts';
import { challengeProblem } from './pkce.ts';
import { verifyRedirectUri } from './redirect-uri.ts';
import { chooseScopes, parseScope } from './scope.ts';
import { type Prompt, prompts, type ResponseType } from './terms.ts';
import { type Seconds, seconds } from './time.ts';

/** A request that may be shown to a user. Only {@link parseAuthorizationRequest} makes one. */
export interface AuthorizationRequest {
  readonly redirect: VerifiedRedirect;
  readonly responseType: ResponseType;
  readonly scopes: readonly string[];
  /** Returned in the ID token, unmodified. */
  readonly nonce: string | undefined;
  /** S256; `undefined` only for a confidential client that may do without. */
  readonly codeChallenge: string | undefined;
  readonly prompts: readonly Prompt[];
  readonly maxAge: Seconds | undefined;
  readonly loginHint: string | undefined;
  readonly uiLocales: string | undefined;
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
];

const served: readonly ResponseType[] = ['code'];

const maxNonceLength = 2048;
const maxLoginHintLength = 256;
const maxLocalesLength = 256;

/** The request after client and redirect URI are known to belong together: from here on errors go back to the client. */
interface UnverifiedRequest {
  readonly parameters: Parameters;
  readonly problem: ParameterReading['problem'];
  readonly client: ClientRegistration;
  readonly redirect: VerifiedRedirect;
}

type Check = (request: UnverifiedRequest) => void;

const refuse = (request: UnverifiedRequest, code: ErrorCode, description: string): never => {
  throw redirectError(request.redirect, code, description);
};

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
  if (!isResponseType(type)) refuse(request, 'unsupported_response_type', 'the response type is not supported');
};

/** RFC 6749 §4.1.2.1 */
const responseTypeIsAllowed: Check = (request) => {
  const type = request.parameters.get('response_type');
  if (!isResponseType(type) || !request.client.response_types.includes(type)) {
    refuse(request, 'unauthorized_client', 'the client may not use this response type');
  }
};

/** OAuth 2.0 Multiple Response Type Encoding Practices §2.1: `query` is what `code` uses, and nothing else exists here. */
const responseModeIsQuery: Check = (request) => {
  const mode = request.parameters.get('response_mode');
  if (mode !== undefined && mode !== 'query') refuse(request, 'invalid_request', 'the response mode is not supported');
};

/** RFC 6749 §3.3: a scope that the client may not ask for is refused, never dropped in silence. */
const scopeIsAllowed: Check = (request) => {
  if (scopesOf(request) === null) refuse(request, 'invalid_scope', 'the scope is malformed or not open to this client');
};

const nonceIsShort: Check = (request) => {
  if ((request.parameters.get('nonce')?.length ?? 0) > maxNonceLength) {
    refuse(request, 'invalid_request', 'nonce is too long');
  }
};

/** RFC 7636 §4.4.1 */
const challengeIsPresent: Check = (request) => {
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

/** OpenID Connect Core §3.1.2.1; there is no account chooser, which is what `select_account` asks for. */
const promptIsKnown: Check = (request) => {
  const values = promptValues(request.parameters);
  if (values.includes('select_account')) {
    refuse(request, 'account_selection_required', 'accounts cannot be selected here');
  }
  if (!values.every(isPrompt)) refuse(request, 'invalid_request', 'the prompt value is not supported');
};

/** OpenID Connect Core §3.1.2.1: `none` with another value is an error. */
const promptNoneIsAlone: Check = (request) => {
  const values = promptValues(request.parameters);
  if (values.includes('none') && values.length > 1) {
    refuse(request, 'invalid_request', 'prompt none excludes every other value');
  }
};

const maxAgeIsANumber: Check = (request) => {
  const text = request.parameters.get('max_age');
  if (text !== undefined && !/^[0-9]{1,9}$/.test(text)) {
    refuse(request, 'invalid_request', 'max_age must be a number of seconds');
  }
};

/** In this order. */
export const checks: readonly Check[] = [
  parametersCameOnce,
  requestObjectsAreNotUsed,
  responseTypeIsKnown,
  responseTypeIsAllowed,
  responseModeIsQuery,
  scopeIsAllowed,
  nonceIsShort,
  challengeIsPresent,
  promptIsKnown,
  promptNoneIsAlone,
  maxAgeIsANumber,
];

export interface Parsed<C extends ClientRegistration> {
  readonly client: C;
  readonly request: AuthorizationRequest;
}

/**
 * @param find a client that may be served now, by its id.
 * @param issuer goes into every response (RFC 9207).
 * @throws ProtocolError on a page until client and redirect URI are both good, by redirect afterwards.
 */
export function parseAuthorizationRequest<C extends ClientRegistration>(
  reading: ParameterReading,
  find: (clientId: string) => C | undefined,
  issuer: string,
): Parsed<C> {
  const { parameters, problem } = reading;
  if (problem === 'malformed' || problem === 'too_many') throw pageError('invalid_request', 'the request is malformed');
  const client = requireClient(parameters, find);
  const redirect = requireRedirect(parameters, client, issuer);
  const unverified: UnverifiedRequest = { parameters, problem, client, redirect };
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
  const redirect = verifyRedirectUri(client, parameters.get('redirect_uri'), parameters.get('state'), issuer);
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
  const maxAge = parameters.get('max_age');
  const loginHint = parameters.get('login_hint');
  const uiLocales = parameters.get('ui_locales');
  return {
    redirect,
    responseType: 'code',
    scopes: scopesOf(request) ?? [],
    nonce: parameters.get('nonce'),
    codeChallenge: parameters.get('code_challenge'),
    prompts: promptValues(parameters).filter(isPrompt),
    maxAge: maxAge === undefined ? undefined : seconds(Number(maxAge)),
    loginHint: (loginHint?.length ?? 0) <= maxLoginHintLength ? loginHint : undefined,
    uiLocales: (uiLocales?.length ?? 0) <= maxLocalesLength ? uiLocales : undefined,
  };
}

/** `null`: refused. `offline_access` says nothing where there are no refresh tokens (OpenID Connect Core §11: ignore it). */
function scopesOf({ parameters, client }: UnverifiedRequest): readonly string[] | null {
  const text = parameters.get('scope');
  const asked = text === undefined ? undefined : parseScope(text);
  if (asked === null) return null;
  const choice = chooseScopes(asked, client, 'with_user');
  if (choice.outcome === 'refused') return null;
  const refreshes = client.grant_types.includes('refresh_token');
  const scopes = choice.scopes.filter((scope) => scope !== 'offline_access' || refreshes);
  return scopes.length === 0 ? null : scopes;
}

function promptValues(parameters: Parameters): readonly string[] {
  return [...new Set((parameters.get('prompt') ?? '').split(' ').filter((value) => value !== ''))];
}

function isPrompt(value: string): value is Prompt {
  return (prompts as readonly string[]).includes(value);
}

function isResponseType(value: string | undefined): value is ResponseType {
  return value !== undefined && (served as readonly string[]).includes(value);
}
