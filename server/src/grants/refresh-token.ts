/**
 * A refresh token for new tokens (RFC 6749 §6, RFC 9700 §4.14). The order is the point: read, ask the directory, and only
 * then rotate. Rotating first would burn the token whenever the directory is down.
 */
import { claimsForIdToken, claimsWithin } from '../protocol/claims.ts';
import type { AuthenticatedClient } from '../protocol/client.ts';
import { jsonError } from '../protocol/errors.ts';
import { remainingTargets, targets } from '../protocol/resources.ts';
import { isWithin } from '../protocol/scope.ts';
import { certificateMethods } from '../protocol/terms.ts';
import { epochSeconds } from '../protocol/time.ts';
import type { ServerRegistration } from '../registry/registration.ts';
import type { AccessTokenStore, NewAccessToken } from '../store/access-tokens.ts';
import type { Grant as UserGrant } from '../store/grants.ts';
import type { RefreshTokenState, RefreshTokenStore } from '../store/refresh-tokens.ts';
import { audiencesOf } from '../tokens/access-token.ts';
import { newHandle } from '../tokens/handle.ts';
import type { Issuance } from '../tokens/issue.ts';
import { accessTokenLifetime, refreshTokenIdle, within } from '../tokens/lifetimes.ts';
import { decideRefresh } from '../tokens/refresh-rotation.ts';
import { openSuccessor, sealSuccessor } from '../tokens/successor.ts';
import type { Grant } from './grant.ts';
import { refreshBoundTo } from './new-refresh-token.ts';
import { newOpaqueToken, opaquely } from './opaque-token.ts';
import { askDirectory, eventOf, invalid, type RefreshGatePorts, type Refreshing } from './refresh-gate.ts';
import { releasedAgain } from './regrant.ts';

export interface RefreshTokenPorts extends RefreshGatePorts {
  readonly tokens: RefreshTokenStore;
  readonly accessTokens: Pick<AccessTokenStore, 'insert'>;
  readonly server: () => ServerRegistration;
}

export function refreshToken(ports: RefreshTokenPorts): Grant<'refresh_token'> {
  return {
    grantType: 'refresh_token',
    async redeem(request, client, context) {
      const refreshing = { request, client, context };
      const state = await read(ports, refreshing);
      const decision = decideRefresh(state);
      if (decision !== 'rotate') return withoutRotation(ports, refreshing, state);
      const issuance = await rotate(ports, refreshing, state);
      if (issuance !== null) return issuance;
      // Somebody was faster with the same token: then this is the repeat of that refresh.
      return withoutRotation(ports, refreshing, await read(ports, refreshing));
    },
  };
}

async function read(ports: RefreshTokenPorts, refreshing: Refreshing): Promise<RefreshTokenState> {
  const { request, client } = refreshing;
  const state = await ports.tokens.read(request.refreshToken, client.registration.client_id, client.uid);
  if (state === null) throw invalid('unknown');
  // Before anything is ended: whoever has the token and not the certificate spends nothing (RFC 8705 §4).
  if (state.certificate !== null && state.certificate !== client.certificate) throw invalid('another certificate');
  if (request.scopes !== undefined && !isWithin(request.scopes, state.grant.scopes)) {
    throw jsonError('invalid_scope', 'a requested scope was not granted');
  }
  const { scopes, resources } = state.grant;
  if (targets(resources ?? audiencesOfScopes(ports, refreshing, scopes), request.resources) === null) {
    throw jsonError('invalid_target', 'a resource is not among those that were authorized');
  }
  return state;
}

function audiencesOfScopes(
  { snapshot }: RefreshTokenPorts,
  { client }: Refreshing,
  scopes: readonly string[],
): readonly string[] {
  const { current } = snapshot;
  return audiencesOf(
    client.registration,
    scopes.flatMap((scope) => current.scope(scope)?.value.audiences ?? []),
  );
}

/** Whom the access token is for. Before anything is spent: one that would be for nobody is not asked for. */
function requireTarget(
  ports: RefreshTokenPorts,
  refreshing: Refreshing,
  scopes: readonly string[],
  { resources }: UserGrant,
): readonly string[] {
  const audiences = audiencesOfScopes(ports, refreshing, scopes);
  const left = remainingTargets(audiences, refreshing.request.resources ?? resources);
  if (left === null) throw jsonError('invalid_target', 'no resource is an audience of these scopes');
  return left;
}

/** `undefined`: the access token is a JWT. */
function opaqueToken(
  ports: RefreshTokenPorts,
  refreshing: Refreshing,
  scopes: readonly string[],
  { grant, endsIn }: Pick<RefreshTokenState, 'grant' | 'endsIn'>,
): NewAccessToken | undefined {
  const audiences = requireTarget(ports, refreshing, scopes, grant);
  const lifetime = within(accessTokenLifetime(refreshing.client.registration, ports.server()), endsIn);
  return newOpaqueToken(refreshing.client, ports.server(), { grantId: grant.id, scopes, audiences, lifetime });
}

/** Of what was asked and granted once, what this refresh is for. */
function scopesFor({ request }: Refreshing, granted: readonly string[]): readonly string[] {
  const { scopes } = request;
  return scopes === undefined ? granted : granted.filter((scope) => scopes.includes(scope));
}

async function withoutRotation(
  ports: RefreshTokenPorts,
  refreshing: Refreshing,
  state: RefreshTokenState,
): Promise<Issuance> {
  const decision = decideRefresh(state);
  switch (decision) {
    case 'repeat':
      return repeat(ports, refreshing, state);
    case 'replay':
      await replayed(ports, refreshing, state.grant);
      throw invalid('replayed');
    case 'ended':
    case 'expired':
      throw invalid(decision);
    case 'rotate':
      // Another one took the row and gave it back: nothing is known of it, so nothing is given.
      throw jsonError('temporarily_unavailable', 'try again in a moment');
  }
}

async function repeat(
  ports: RefreshTokenPorts,
  refreshing: Refreshing,
  { grant, endsIn, successor: sealed }: RefreshTokenState,
): Promise<Issuance> {
  const successor = sealed === null ? null : openSuccessor(refreshing.request.refreshToken, sealed);
  if (successor === null) throw invalid('the successor does not open');
  // The refresh token is the same again; an opaque access token was not kept, so it is another.
  const accessToken = opaqueToken(ports, refreshing, scopesFor(refreshing, grant.scopes), { grant, endsIn });
  if (accessToken !== undefined && !(await ports.accessTokens.insert(accessToken))) throw invalid('ended');
  ports.metrics.refreshReuse.inc({ result: 'grace' });
  return issuanceOf(ports, refreshing, grant, grant, { successor, accessToken, endsIn });
}

async function replayed(ports: RefreshTokenPorts, refreshing: Refreshing, grant: UserGrant): Promise<void> {
  const event = eventOf(refreshing, grant, { event: 'replay.detected', outcome: 'refused', reason: 'refresh_token' });
  await ports.grants.end(grant.id, 'replay', event);
  ports.audit(event);
  ports.metrics.refreshReuse.inc({ result: 'replay' });
  ports.metrics.grantsEnded.inc({ cause: 'replay' });
}

/** `null`: the token was spent, or the grant ended, while the directory was asked. */
async function rotate(
  ports: RefreshTokenPorts,
  refreshing: Refreshing,
  { grant, endsIn }: RefreshTokenState,
): Promise<Issuance | null> {
  const consent = await askDirectory(ports, refreshing, grant);
  const { request, client } = refreshing;
  const scopes = scopesFor(refreshing, consent.scopes);
  if (scopes.length === 0) {
    throw jsonError('invalid_scope', 'none of the requested scopes is allowed any more');
  }
  const accessToken = opaqueToken(ports, refreshing, scopes, { grant, endsIn });
  const released = releasedAgain(grant, client.registration, ports.snapshot.current, consent);
  const successor = isKept(client) ? undefined : newHandle();
  const event = eventOf(refreshing, grant, {
    event: 'token.refreshed',
    outcome: 'success',
    directoryServer: consent.user.server,
    ...(consent.rules.length === 0 ? {} : { rule: consent.rules.join(', ') }),
    scopes: consent.scopes,
    ...(consent.scopes.length === grant.scopes.length
      ? {}
      : { scopesRefused: grant.scopes.filter((scope) => !consent.scopes.includes(scope)) }),
  });
  const rotated = await ports.tokens.rotate(
    {
      presented: request.refreshToken,
      successor,
      sealedSuccessor: successor === undefined ? undefined : sealSuccessor(request.refreshToken, successor),
      idle: refreshTokenIdle(client.registration, ports.server()),
      scopes: consent.scopes,
      ...released,
      accessToken,
      certificate: refreshBoundTo(client),
    },
    event,
  );
  if (!rotated) return null;
  ports.audit(event);
  const next = successor ?? request.refreshToken;
  return issuanceOf(
    ports,
    refreshing,
    grant,
    { ...released, scopes: consent.scopes },
    { successor: next, accessToken, endsIn },
  );
}

/**
 * A token that nobody can use without the client's private key gains nothing by being replaced, and an answer that is lost
 * would lock the client out (RFC 9700 §4.14.2 asks for rotation of public clients alone).
 */
function isKept({ method }: AuthenticatedClient): boolean {
  return certificateMethods.some((one) => one === method);
}

interface Given {
  readonly successor: string;
  readonly accessToken: NewAccessToken | undefined;
  readonly endsIn: number;
}

function issuanceOf(
  { snapshot }: RefreshTokenPorts,
  refreshing: Refreshing,
  grant: UserGrant,
  { scopes, claims, idTokenClaims, asked }: Pick<UserGrant, 'scopes' | 'claims' | 'idTokenClaims' | 'asked'>,
  { successor, accessToken, endsIn }: Given,
): Issuance {
  const { request, client } = refreshing;
  const given = scopesFor(refreshing, scopes);
  const { current } = snapshot;
  const told = claimsWithin(given, { scopes, claims, asked }, (scope) => current.scope(scope)?.value.claims);
  return {
    client: client.registration,
    subject: grant.subject,
    scopes: given,
    resources: request.resources ?? grant.resources,
    user: {
      grantId: grant.id,
      sessionId: grant.sessionId,
      authTime: epochSeconds(grant.authTime),
      nonce: undefined,
      idTokenClaims: { ...claimsForIdToken(client.registration.id_token_claims, told), ...idTokenClaims },
      context: asked?.context,
    },
    endsIn,
    certificate: client.boundTo,
    ...opaquely(accessToken),
    refreshToken: successor,
  };
}
