/** The peer's own sign-in and consent pages, walked as a person would. */
import { challenge, verifier } from '../support/world.ts';
import type { Granted } from './granted.ts';
import { random } from './load.ts';
import { basic, clientIdOf, redirectUri } from './stage.ts';
import { formOf, postToken, type Seen, Walker } from './walk.ts';

function requestPath(client: string, more: Readonly<Record<string, string>> = {}): string {
  const parameters = {
    client_id: client,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid profile email',
    state: 'the-state',
    nonce: 'the-nonce',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    ...more,
  };
  return `/auth?${new URLSearchParams(parameters).toString()}`;
}

export function exchangeFields(code: string): Readonly<Record<string, string>> {
  return { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier };
}

export function codeOf({ next }: Seen): string {
  const code = next === undefined ? null : new URL(next).searchParams.get('code');
  if (code === null) throw new Error(`no code in ${String(next)}`);
  return code;
}

/** Signs in, consents and exchanges, in a browser of one's own. */
export async function grantedByPeer(
  origin: string,
  user: number,
  clients: number,
  walker = new Walker(origin, '10.0.0.1'),
): Promise<Granted> {
  const client = clientIdOf(random(clients));
  const login = await walker.follow(await walker.get(requestPath(client)));
  const form = formOf(login.body);
  const consent = await walker.follow(
    await walker.post(form.action, { ...form.fields, login: `user-${user}`, password: 'any' }),
  );
  const confirm = formOf(consent.body);
  const done = await walker.follow(await walker.post(confirm.action, confirm.fields));
  const body = await postToken(origin, basic(client), exchangeFields(codeOf(done)));
  return { client, token: String(body.refresh_token), accessToken: String(body.access_token) };
}

/** Somebody who is signed in there and has consented already: whose browser that is, and for which client. */
export interface AtPeer {
  readonly client: string;
  readonly walker: Walker;
}

export async function signedInAtPeer(origin: string, user: number, clients: number): Promise<AtPeer> {
  const walker = new Walker(origin, '10.0.0.1');
  const { client } = await grantedByPeer(origin, user, clients, walker);
  return { client, walker };
}

/** Of that browser: a code without a page, and its exchange. */
export async function silentAtPeer(origin: string, { client, walker }: AtPeer): Promise<void> {
  const code = codeOf(await walker.get(requestPath(client, { prompt: 'none' })));
  await postToken(origin, basic(client), exchangeFields(code));
}
