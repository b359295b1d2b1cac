/**
 * What the authorization endpoint itself gives (OAuth 2.0 Multiple Response Type Encoding Practices): tokens beside a code,
 * or in its place. They are signed before the statement that makes them worth anything, which also begins their grant.
 */
import { newOpaqueToken, opaquely } from '../grants/opaque-token.ts';
import { claimsForIdToken, type Release } from '../protocol/claims.ts';
import { redirectError } from '../protocol/errors.ts';
import { gives, isFrontChannel } from '../protocol/response-type.ts';
import { epochSeconds } from '../protocol/time.ts';
import type { NewAccessToken } from '../store/access-tokens.ts';
import type { NewCode } from '../store/new-code.ts';
import type { FrontChannelTokens } from '../tokens/issue.ts';
import { frontChannelGrantLifetime, frontChannelTokenLifetime, within } from '../tokens/lifetimes.ts';
import type { Answerer, PreparedAnswer } from './answer.ts';
import { audited, type FlowPorts } from './flow.ts';
import type { Going } from './interaction.ts';
import type { Visit } from './visit.ts';

/** What was confirmed and is given. */
export interface Given extends Release {
  readonly scopes: readonly string[];
  readonly resources?: readonly string[] | undefined;
  /** Where the client's access tokens are opaque. */
  readonly accessToken: NewAccessToken | undefined;
}

/** @param code the plain code of the same response, if its type has one. */
export async function frontChannelTokens(
  ports: FlowPorts,
  { request, client, interaction }: Going,
  given: Given,
  { id, subject, authTime, endsIn }: Answerer,
  code: string | undefined,
): Promise<FrontChannelTokens> {
  const { responseType, nonce } = request;
  if (!isFrontChannel(responseType)) return {};
  if (authTime === undefined) throw new Error('the time of the sign-in is not known');
  const { claims, idTokenClaims, asked, scopes, resources, accessToken } = given;
  // What was refused took every audience of the request with it.
  if (resources?.length === 0) throw redirectError(request.redirect, 'invalid_target', 'no requested resource is left');
  // With an ID token alone there is no userinfo endpoint to ask (OpenID Connect Core §5.4).
  const byScope = responseType === 'id_token' ? claims : claimsForIdToken(client.value.id_token_claims, claims);
  return ports.issueFrontChannel({
    client: client.value,
    subject,
    scopes,
    resources,
    responseType,
    code,
    endsIn,
    ...opaquely(accessToken),
    user: {
      grantId: interaction.grantId,
      sessionId: id,
      authTime: epochSeconds(authTime),
      nonce,
      idTokenClaims: { ...byScope, ...idTokenClaims },
      context: asked?.context,
    },
  });
}

/** What leaves through the browser is worth something at once, so its grant begins with the answer. */
export function grantWith({ server }: Visit, { request, client }: Going): Pick<NewCode, 'grantLifetime'> {
  const { responseType } = request;
  if (!isFrontChannel(responseType)) return {};
  return { grantLifetime: frontChannelGrantLifetime(responseType, client.value, server) };
}

/** `undefined`: a JWT, or no access token at all. The statement that answers stores it. */
export function opaqueTokenOf(
  { server }: Visit,
  { request, client }: Going,
  { endsIn }: Pick<Answerer, 'endsIn'>,
): NewAccessToken | undefined {
  if (!gives(request.responseType, 'token')) return undefined;
  const holder = { registration: client.value, uid: client.owner.uid };
  return newOpaqueToken(holder, server, { lifetime: within(frontChannelTokenLifetime(client.value, server), endsIn) });
}

/** Once the answer is written: for the metrics, and what left through the browser for the log stream by its own name. */
export function noteIssued(ports: FlowPorts, { request }: Going, { audit, code, tokens = {} }: PreparedAnswer): void {
  const { responseType } = request;
  ports.metrics.authorizationRequests.inc({ response_type: responseType, outcome: 'success' });
  if (gives(responseType, 'code')) ports.emitAudit(audited({ ...audit, event: 'code.issued' }));
  if (!isFrontChannel(responseType)) return;
  ports.emitAudit(audited({ ...audit, event: 'token.issued' }));
  const { tokensIssued } = ports.metrics;
  const format = code.accessToken === undefined ? 'jwt' : 'opaque';
  if (tokens.access_token !== undefined) tokensIssued.inc({ kind: 'access', format, grant_type: 'implicit' });
  if (tokens.id_token !== undefined) tokensIssued.inc({ kind: 'id', format: 'jwt', grant_type: 'implicit' });
}
