/** PURE. An authorization request whose client and redirect URI are known, and what of it every check may ask. */
import type { ClientRegistration } from '../registry/registration.ts';
import { type ErrorCode, redirectError, type VerifiedRedirect } from './errors.ts';
import type { ParameterReading, Parameters } from './parameters.ts';
import { gives, parseResponseType } from './response-type.ts';
import { chooseScopes, parseScope } from './scope.ts';
import type { ResponseType } from './terms.ts';

/** The request after client and redirect URI are known to belong together: from here on errors go back to the client. */
export interface UnverifiedRequest {
  readonly parameters: Parameters;
  readonly problem: ParameterReading['problem'];
  readonly client: ClientRegistration;
  readonly redirect: VerifiedRedirect;
  readonly audiencesOf: AudiencesOf<ClientRegistration>;
}

/** What a token of these scopes can be for. */
export type AudiencesOf<C> = (client: C, scopes: readonly string[]) => readonly string[];

export type Check = (request: UnverifiedRequest) => void;

export const refuse = (request: UnverifiedRequest, code: ErrorCode, description: string): never => {
  throw redirectError(request.redirect, code, description);
};

export function typeOf({ parameters }: Pick<UnverifiedRequest, 'parameters'>): ResponseType | null {
  return parseResponseType(parameters.get('response_type') ?? '');
}

export function givesCode(request: Pick<UnverifiedRequest, 'parameters'>): boolean {
  const type = typeOf(request);
  return type !== null && gives(type, 'code');
}

/**
 * `null`: refused. `offline_access` says nothing where there are no refresh tokens, without a code or for a client that may
 * not refresh (OpenID Connect Core §11: ignore it). Elsewhere it is a scope like others: the user is asked unless the yes is
 * remembered or the client's consent is implicit, which are the other conditions that the section speaks of.
 */
export function scopesOf({
  parameters,
  client,
}: Pick<UnverifiedRequest, 'parameters' | 'client'>): readonly string[] | null {
  const text = parameters.get('scope');
  const asked = text === undefined ? undefined : parseScope(text);
  if (asked === null) return null;
  const choice = chooseScopes(asked, client, 'with_user');
  if (choice.outcome === 'refused') return null;
  const refreshes = client.grant_types.includes('refresh_token') && givesCode({ parameters });
  const scopes = choice.scopes.filter((scope) => scope !== 'offline_access' || refreshes);
  return scopes.length === 0 ? null : scopes;
}
