/** What comes from the token endpoint, and what an application does with it. */
import * as client from 'openid-client';
import type { Part, StepName, Token, Walk } from '../walk.ts';
import { addStep, attempt } from './steps.ts';

export type TokenAnswer = client.TokenEndpointResponse & client.TokenEndpointResponseHelpers;

export interface NewTokens {
  readonly idToken?: string;
  readonly accessToken?: string;
  readonly refreshToken?: string;
}

/** The newest of each is what the next step uses. @param claims of the verified ID token */
export function keepTokens(
  walk: Walk,
  { idToken, accessToken, refreshToken }: NewTokens,
  claims: Readonly<Record<string, unknown>> | undefined,
): readonly Part[] {
  if (idToken !== undefined) walk.idToken = idToken;
  if (accessToken !== undefined) walk.accessToken = accessToken;
  if (refreshToken !== undefined) walk.refreshToken = refreshToken;
  if (typeof claims?.sub === 'string') walk.subject = claims.sub;
  if (typeof claims?.sid === 'string') walk.session = claims.sid;
  const tokens: readonly (Token | undefined)[] = [
    idToken === undefined ? undefined : { name: 'ID token', value: idToken },
    accessToken === undefined ? undefined : { name: 'Access token', value: accessToken },
    refreshToken === undefined ? undefined : { name: 'Refresh token', value: refreshToken },
  ];
  return tokens.flatMap((token) => (token === undefined ? [] : [{ type: 'token', token }]));
}

export async function requestTokens(
  walk: Walk,
  name: StepName,
  title: string,
  request: () => Promise<TokenAnswer>,
): Promise<void> {
  const response = await attempt(walk, name, title, request);
  if (response !== undefined) takeTokens(walk, name, title, response);
}

export function takeTokens(walk: Walk, name: StepName, title: string, response: TokenAnswer): void {
  const claims = response.claims();
  const tokens: NewTokens = {
    ...(response.id_token === undefined ? {} : { idToken: response.id_token }),
    accessToken: response.access_token,
    ...(response.refresh_token === undefined ? {} : { refreshToken: response.refresh_token }),
  };
  const parts = keepTokens(walk, tokens, claims);
  addStep(walk, {
    name,
    title,
    text:
      claims === undefined
        ? 'The access token is for an API. This application does not look inside, you may.'
        : 'The ID token’s signature, issuer, audience, time and nonce were checked before anything was believed.',
    parts,
  });
}

/** An application that also signs people in lists them; here is nobody. */
const aboutPeople = new Set(['openid', 'profile', 'email', 'address', 'phone', 'groups', 'offline_access']);

export function askForMachineToken(walk: Walk): Promise<void> {
  const own = walk.credentials.scopes.filter((scope) => !aboutPeople.has(scope));
  return requestTokens(walk, 'token', 'Ask for a token with the client’s own secret', () =>
    client.clientCredentialsGrant(walk.config, { scope: own.join(' ') }),
  );
}

export async function refresh(walk: Walk): Promise<void> {
  const { refreshToken } = walk;
  if (refreshToken === undefined) return;
  await requestTokens(walk, 'refresh', 'Refresh: new tokens, the directory asked again', () =>
    client.refreshTokenGrant(walk.config, refreshToken),
  );
}

export async function askUserinfo(walk: Walk): Promise<void> {
  const { accessToken, subject } = walk;
  if (accessToken === undefined) return;
  const title = 'Ask who it is';
  const found = await attempt(walk, 'userinfo', title, () =>
    client.fetchUserInfo(walk.config, accessToken, subject ?? client.skipSubjectCheck),
  );
  if (found === undefined) return;
  const signed = walk.fresh.find(({ body }) => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(body))?.body;
  addStep(walk, {
    name: 'userinfo',
    title,
    text:
      subject === undefined
        ? 'What the person allowed this application to know. Without an ID token there is no subject to compare it with.'
        : 'What the person allowed this application to know, for the subject of the ID token and no other.',
    parts: signed === undefined ? [] : [{ type: 'token', token: { name: 'The signed answer', value: signed } }],
  });
}
