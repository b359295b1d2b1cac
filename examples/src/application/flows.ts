/** The flows as an application drives them with `openid-client`: each function is one step of a walk. */
import { randomBytes } from 'node:crypto';
import * as client from 'openid-client';
import { readCredentials } from './credentials.ts';
import { recordingFetch } from './recorder.ts';
import type { Part, Registered, Step, Token, Walk } from './walk.ts';

/** Finds the server's endpoints and keys. @throws Error when the Secret is not there yet or the server is not. */
export async function beginWalk(registered: Registered): Promise<Walk> {
  const credentials = await readCredentials(registered.secretFile);
  const fresh: Walk['fresh'] = [];
  const loopback = new URL(credentials.issuer).protocol === 'http:';
  const authentication =
    credentials.clientSecret === undefined ? client.None() : client.ClientSecretBasic(credentials.clientSecret);
  const config = await client.discovery(new URL(credentials.issuer), credentials.clientId, {}, authentication, {
    [client.customFetch]: recordingFetch((exchange) => fresh.push(exchange)),
    // Plain http is for loopback alone; anywhere else this application refuses it.
    execute: [client.enableNonRepudiationChecks, ...(loopback ? [client.allowInsecureRequests] : [])],
    timeout: 10,
  });
  const flow = credentials.grantTypes.includes('authorization_code') ? 'code' : 'machine';
  const id = randomBytes(16).toString('base64url');
  const walk: Walk = { id, key: registered.key, flow, credentials, config, steps: [], fresh };
  addStep(walk, {
    name: 'discovery',
    title: 'Find the endpoints',
    text: 'The application knows one address, the issuer. Everything else stands in its discovery document.',
  });
  return walk;
}

/** The request that goes through the browser: PKCE, state and nonce bind the answer to this browser and this application. */
export async function prepareAuthorization(walk: Walk, redirectUri: string, prompt: string): Promise<URL> {
  const pending = {
    state: client.randomState(),
    nonce: client.randomNonce(),
    verifier: client.randomPKCECodeVerifier(),
  };
  const url = client.buildAuthorizationUrl(walk.config, {
    redirect_uri: redirectUri,
    scope: walk.credentials.scopes.join(' '),
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: await client.calculatePKCECodeChallenge(pending.verifier),
    code_challenge_method: 'S256',
    ...(prompt === '' ? {} : { prompt }),
  });
  walk.pending = pending;
  addStep(walk, {
    name: 'authorization-request',
    title: 'Send the person to the authorization server',
    text: 'The request travels through the browser, so nothing in it is secret. The verifier of code_challenge stays here.',
    parts: [{ type: 'parameters', url: `${url.origin}${url.pathname}`, parameters: [...url.searchParams] }],
  });
  return url;
}

/** The browser came back. A code is not exchanged yet: it is one step to look at. */
export function takeAnswer(walk: Walk, url: URL): void {
  const refused = url.searchParams.has('error');
  walk.answer = url;
  addStep(walk, {
    name: 'authorization-response',
    title: refused ? 'The answer is no' : 'A code comes back',
    text: refused
      ? 'Nothing was issued. The error says why, in the words of the specification.'
      : 'The code is worth nothing without the verifier and the client’s secret, works once, and lives a minute.',
    outcome: refused ? 'refused' : 'done',
    parts: [{ type: 'parameters', url: `${url.origin}${url.pathname}`, parameters: [...url.searchParams] }],
  });
}

export async function exchangeCode(walk: Walk): Promise<void> {
  const { answer, pending } = walk;
  if (answer === undefined || pending === undefined) return;
  delete walk.answer;
  delete walk.pending;
  await requestTokens(walk, 'token', 'Exchange the code for tokens', () =>
    client.authorizationCodeGrant(walk.config, answer, {
      pkceCodeVerifier: pending.verifier,
      expectedState: pending.state,
      expectedNonce: pending.nonce,
      idTokenExpected: walk.credentials.scopes.includes('openid'),
    }),
  );
}

export function askForMachineToken(walk: Walk): Promise<void> {
  return requestTokens(walk, 'token', 'Ask for a token with the client’s own secret', () =>
    client.clientCredentialsGrant(walk.config, { scope: walk.credentials.scopes.join(' ') }),
  );
}

export async function refresh(walk: Walk): Promise<void> {
  const { refreshToken } = walk;
  if (refreshToken === undefined) return;
  await requestTokens(walk, 'refresh', 'Refresh: new tokens, the directory asked again', () =>
    client.refreshTokenGrant(walk.config, refreshToken),
  );
}

async function requestTokens(
  walk: Walk,
  name: Step['name'],
  title: string,
  request: () => Promise<client.TokenEndpointResponse & client.TokenEndpointResponseHelpers>,
): Promise<void> {
  const response = await attempt(walk, name, title, request);
  if (response === undefined) return;
  walk.accessToken = response.access_token;
  if (response.refresh_token !== undefined) walk.refreshToken = response.refresh_token;
  const subject = response.claims()?.sub;
  if (subject !== undefined) walk.subject = subject;
  const tokens: Token[] = [
    ...(response.id_token === undefined ? [] : [{ name: 'ID token', value: response.id_token }]),
    { name: 'Access token', value: response.access_token },
    ...(response.refresh_token === undefined ? [] : [{ name: 'Refresh token', value: response.refresh_token }]),
  ];
  addStep(walk, {
    name,
    title,
    text:
      subject === undefined
        ? 'The access token is for an API. This application does not look inside, you may.'
        : 'The ID token’s signature, issuer, audience, time and nonce were checked before anything was believed.',
    parts: tokens.map((token) => ({ type: 'token', token })),
  });
}

export async function askUserinfo(walk: Walk): Promise<void> {
  const { accessToken, subject } = walk;
  if (accessToken === undefined || subject === undefined) return;
  const title = 'Ask who it is';
  const found = await attempt(walk, 'userinfo', title, () => client.fetchUserInfo(walk.config, accessToken, subject));
  if (found === undefined) return;
  const text = 'What the person allowed this application to know, for the subject of the ID token and no other.';
  addStep(walk, { name: 'userinfo', title, text });
}

/** Runs a request; a refusal becomes a step of its own. */
async function attempt<T>(
  walk: Walk,
  name: Step['name'],
  title: string,
  request: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await request();
  } catch (error) {
    addStep(walk, { name, title, text: reasonOf(error), outcome: 'refused' });
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof client.ResponseBodyError || error instanceof client.AuthorizationResponseError) {
    return `Refused: ${error.error}${error.error_description === undefined ? '' : ` (${error.error_description})`}`;
  }
  return error instanceof Error ? error.message : 'It failed.';
}

function addStep(
  walk: Walk,
  step: Pick<Step, 'name' | 'title' | 'text'> & { outcome?: Step['outcome']; parts?: readonly Part[] },
): void {
  const exchanges: Part[] = walk.fresh.splice(0).map((exchange) => ({ type: 'exchange', exchange }));
  walk.steps.push({ ...step, outcome: step.outcome ?? 'done', parts: [...exchanges, ...(step.parts ?? [])] });
}
