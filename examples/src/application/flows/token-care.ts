/** What becomes of a token once it was issued: what it is worth (RFC 7662), and its end (RFC 7009). */
import * as client from 'openid-client';
import { type Credentials, readCredentials } from '../credentials.ts';
import { recordingFetch } from '../recorder.ts';
import type { Registered, Walk } from '../walk.ts';
import { authenticationOf, isLoopback } from './begin.ts';
import { addStep, attempt } from './steps.ts';

/** The application asks about its own token. */
export function introspect(walk: Walk): Promise<void> {
  return ask(
    walk,
    walk.config,
    'Ask what the access token is worth',
    'The application itself asks about its own token. ',
  );
}

/** An API asks about a token that it was shown. */
export async function introspectAs(walk: Walk, api: Registered): Promise<void> {
  const credentials = await readCredentials(api.secretFile);
  const { clientName } = credentials;
  const config = configOf(walk, credentials);
  await ask(
    walk,
    config,
    `${clientName}, an API, asks what the token is worth`,
    `${clientName} proves who it is with its own secret. `,
  );
}

/** The same server, which has been found already, as somebody else. */
function configOf(walk: Walk, credentials: Credentials): client.Configuration {
  const { clientId, issuer } = credentials;
  const config = new client.Configuration(walk.config.serverMetadata(), clientId, {}, authenticationOf(credentials));
  config[client.customFetch] = recordingFetch((exchange) => walk.fresh.push(exchange));
  if (isLoopback(issuer)) client.allowInsecureRequests(config);
  return config;
}

async function ask(walk: Walk, config: client.Configuration, title: string, who: string): Promise<void> {
  const { accessToken } = walk;
  if (accessToken === undefined) return;
  const answer = await attempt(walk, 'introspection', title, () => client.tokenIntrospection(config, accessToken));
  if (answer === undefined) return;
  const meaning = answer.active
    ? 'The token holds, and this is what it may be used for.'
    : 'No: expired, revoked, somebody else’s, or no token at all. Which of them is not said.';
  addStep(walk, { name: 'introspection', title, text: who + meaning });
}

export function revokeAccessToken(walk: Walk): Promise<void> {
  const text =
    'The server says nothing but “done”, as it always does. Within a second nobody takes the token any more: ask what it is worth.';
  return revoke(walk, walk.accessToken, 'access_token', 'End the access token', text);
}

export function revokeRefreshToken(walk: Walk): Promise<void> {
  const text = 'The whole grant ends with it: no refresh any more, and no access token that came from it holds.';
  return revoke(walk, walk.refreshToken, 'refresh_token', 'End the refresh token', text);
}

async function revoke(
  walk: Walk,
  token: string | undefined,
  hint: 'access_token' | 'refresh_token',
  title: string,
  text: string,
): Promise<void> {
  if (token === undefined) return;
  const done = await attempt(walk, 'revocation', title, async () => {
    await client.tokenRevocation(walk.config, token, { token_type_hint: hint });
    return true;
  });
  if (done === true) addStep(walk, { name: 'revocation', title, text });
}
