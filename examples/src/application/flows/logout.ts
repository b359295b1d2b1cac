/** The end of a session: asked for by this application, and heard of by it (OpenID Connect logout specifications). */
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import * as client from 'openid-client';
import type { Walk, Walks } from '../walk.ts';
import { addStep } from './steps.ts';

/** @param returnTo where the browser comes back to; `undefined`: it stays at the server's page. */
export function prepareLogout(walk: Walk, returnTo: string | undefined): void {
  const { idToken } = walk;
  if (idToken === undefined) return;
  const state = client.randomState();
  const url = client.buildEndSessionUrl(walk.config, {
    id_token_hint: idToken,
    ...(returnTo === undefined ? {} : { post_logout_redirect_uri: returnTo, state }),
  });
  walk.logout = { url, state };
  addStep(walk, {
    name: 'logout-request',
    title: 'Sign out, here and there',
    text: 'The ID token says whose session is meant, so the server ends it without a question. What hangs off the session ends with it.',
    parts: [{ type: 'parameters', url: `${url.origin}${url.pathname}`, parameters: [...url.searchParams] }],
  });
}

/** The browser came back from signing out. */
export function takeLogoutAnswer(walk: Walk, parameters: URLSearchParams, url: string): void {
  delete walk.logout;
  addStep(walk, {
    name: 'logout-response',
    title: 'Back from signing out',
    text: 'state is the one that was sent. What hung off the session has ended with it: ask who it is, or for a refresh. With offline_access among the scopes both still work: that access outlives the session, until somebody takes it back.',
    parts: [{ type: 'parameters', url, parameters: [...parameters] }],
  });
}

/** The server's page loaded an address of this application in a hidden frame. @returns how many walks it was about */
export function hearInFrame(walks: Walks, parameters: URLSearchParams, url: string): number {
  const about = walks.ofSession(parameters.get('iss') ?? '', parameters.get('sid') ?? '');
  for (const walk of about) {
    addStep(walk, {
      name: 'frontchannel-logout',
      title: 'The server’s page tells this application (front channel)',
      text: 'While it signs the person out, the page loads this address in a hidden frame. It works as long as the browser lets the frame be.',
      parts: [{ type: 'parameters', url, parameters: [...parameters] }],
    });
  }
  return about.length;
}

/** A call of the server to this application, and what it was answered. */
export interface BackchannelCall {
  readonly path: string;
  readonly form: Readonly<Record<string, string>>;
  readonly status: number;
}

export const logoutEvent = 'http://schemas.openid.net/event/backchannel-logout';

/**
 * The server posted a logout token (OpenID Connect Back-Channel Logout §2.6).
 *
 * @throws Error when it is not to be believed
 */
export async function hearFromServer(walks: Walks, logoutToken: string, url: string): Promise<void> {
  const audiences = [decodeJwt(logoutToken).aud ?? []].flat();
  const walk = walks.all().find((one) => audiences.includes(one.credentials.clientId));
  // Whoever has signed nobody in has nobody to sign out.
  if (walk === undefined) return;
  const claims = await verifyLogoutToken(walk, logoutToken);
  const session = typeof claims.sid === 'string' ? claims.sid : '';
  for (const one of walks.ofSession(walk.credentials.issuer, session)) {
    if (one.credentials.clientId !== walk.credentials.clientId) continue;
    addStep(one, {
      name: 'backchannel-logout',
      title: 'The server tells this application (back channel)',
      text: 'A call from server to server, with a signed token that says which session is over. No browser is needed for it.',
      parts: [
        { type: 'parameters', url, parameters: [['logout_token', logoutToken]] },
        { type: 'token', token: { name: 'Logout token', value: logoutToken } },
      ],
    });
  }
}

async function verifyLogoutToken({ config, credentials }: Walk, token: string): Promise<JWTPayload> {
  const { jwks_uri: keysUri = '', id_token_signing_alg_values_supported: algorithms } = config.serverMetadata();
  const response = await fetch(keysUri, { redirect: 'error', signal: AbortSignal.timeout(5000) });
  const { payload } = await jwtVerify(token, createLocalJWKSet((await response.json()) as JSONWebKeySet), {
    issuer: credentials.issuer,
    audience: credentials.clientId,
    algorithms: algorithms ?? ['RS256'],
    typ: 'logout+jwt',
    clockTolerance: 10,
    requiredClaims: ['iat', 'exp', 'jti', 'events'],
  });
  const { events } = payload;
  const right = typeof events === 'object' && events !== null && logoutEvent in events && !('nonce' in payload);
  if (!right) throw new Error('this token is no logout token');
  return payload;
}
