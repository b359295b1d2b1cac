/**
 * PURE. What an authorization request wishes for beside the grant itself: which user, how and when they sign in, what is told
 * about them and to whom (OpenID Connect Core §3.1.2.1, §5.5; RFC 8707).
 */
import { type AskedClaims, type ClaimsRequest, nothingAsked, parseClaimsRequest } from './claims-request.ts';
import type { Parameters } from './parameters.ts';
import { readResources, targets } from './resources.ts';
import { type Prompt, prompts } from './terms.ts';
import { type Seconds, seconds } from './time.ts';
import { type Check, refuse, scopesOf, typeOf, type UnverifiedRequest } from './unverified-request.ts';

const maxLoginHintLength = 256;
const maxLocalesLength = 256;

export interface RequestWishes {
  readonly prompts: readonly Prompt[];
  readonly maxAge: Seconds | undefined;
  readonly loginHint: string | undefined;
  readonly uiLocales: string | undefined;
  /** Claims asked for by name. */
  readonly asked: AskedClaims;
  /** Nobody else may be answered about; as the client knows them. `undefined`: anybody. */
  readonly subjects: readonly string[] | undefined;
  /** Each is an audience of the client or of a scope that it asks for; `undefined`: all of those. */
  readonly resources: readonly string[] | undefined;
}

/** OpenID Connect Core §3.1.2.1 */
const promptIsKnown: Check = (request) => {
  const values = promptValues(request.parameters);
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
  if (text !== undefined && !/^[0-9]{1,15}$/.test(text)) {
    refuse(request, 'invalid_request', 'max_age must be a number of seconds');
  }
};

/** OpenID Connect Core §5.5 */
const claimsAreWellFormed: Check = (request) => {
  if (claimsOf(request) === null) refuse(request, 'invalid_request', 'the claims parameter is malformed');
};

/**
 * OpenID Connect Core §5.5.1.1: an essential acr that cannot be met is a failed authentication. Whoever signs in does so in
 * the same way, so it is told before anybody has typed anything. One that is not essential, and `acr_values`, are wishes.
 */
const essentialAcrIsMet: Check = (request) => {
  if (claimsOf(request)?.unmet === true) {
    refuse(request, 'unmet_authentication_requirements', 'none of the essential acr values can be met');
  }
};

/** RFC 8707 §2 */
const resourcesAreAudiences: Check = (request) => {
  const resources = readResources(request.parameters);
  const audiences = request.audiencesOf(request.client, scopesOf(request) ?? []);
  if (resources === null || targets(audiences, resources) === null) {
    refuse(request, 'invalid_target', 'a resource is malformed, or no audience of the requested scopes');
  }
};

/** In this order. */
export const wishChecks: readonly Check[] = [
  promptIsKnown,
  promptNoneIsAlone,
  maxAgeIsANumber,
  claimsAreWellFormed,
  essentialAcrIsMet,
  resourcesAreAudiences,
];

/** Of a request that passed {@link wishChecks}. A hint that is too long to be one is ignored: it must never be an error. */
export function wishesOf(request: UnverifiedRequest): RequestWishes {
  const { parameters } = request;
  const maxAge = parameters.get('max_age');
  const loginHint = parameters.get('login_hint');
  const uiLocales = parameters.get('ui_locales');
  const claims = claimsOf(request);
  return {
    prompts: promptValues(parameters).filter(isPrompt),
    maxAge: maxAge === undefined ? undefined : seconds(Number(maxAge)),
    loginHint: (loginHint?.length ?? 0) <= maxLoginHintLength ? loginHint : undefined,
    uiLocales: (uiLocales?.length ?? 0) <= maxLocalesLength ? uiLocales : undefined,
    asked: withAcrValues(thatCanBeTold(claims?.asked ?? nothingAsked, request), request),
    subjects: claims?.subjects,
    resources: readResources(parameters) ?? undefined,
  };
}

/** `undefined`: nothing is asked by name. It belongs to OpenID Connect: without `openid` it is an unknown parameter. */
function claimsOf(request: UnverifiedRequest): ClaimsRequest | undefined | null {
  const text = request.parameters.get('claims');
  return text === undefined || !scopesOf(request)?.includes('openid') ? undefined : parseClaimsRequest(text);
}

/** OpenID Connect Core §5.5: without an access token nobody can ask the userinfo endpoint, so nothing is asked of it. */
function thatCanBeTold(asked: AskedClaims, request: UnverifiedRequest): AskedClaims {
  return typeOf(request) === 'id_token' ? { ...asked, userinfo: {} } : asked;
}

/** OpenID Connect Core §3.1.2.1: `acr_values` asks for the claim `acr`, as a wish. */
function withAcrValues(asked: AskedClaims, { parameters }: UnverifiedRequest): AskedClaims {
  if (!parameters.has('acr_values') || asked.context.includes('acr')) return asked;
  return { ...asked, context: ['acr', ...asked.context] };
}

function promptValues(parameters: Parameters): readonly string[] {
  return [...new Set((parameters.get('prompt') ?? '').split(' ').filter((value) => value !== ''))];
}

function isPrompt(value: string): value is Prompt {
  return (prompts as readonly string[]).includes(value);
}
