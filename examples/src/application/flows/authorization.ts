/** Flows that send the person's browser to the authorization endpoint: authorization code, hybrid, implicit. */
import * as client from 'openid-client';
import type { Answer, Walk } from '../walk.ts';
import { responseTypesOf } from './begin.ts';
import { checkAnswer } from './front-channel.ts';
import { addStep } from './steps.ts';
import { requestTokens } from './tokens.ts';

/** What a person chose on the start page; empty: what is usual. */
export interface Wishes {
  readonly prompt: string;
  readonly responseType: string;
  readonly responseMode: string;
}

/** The request that goes through the browser: PKCE, state and nonce bind the answer to this browser and this application. */
export async function prepareAuthorization(walk: Walk, redirectUri: string, wishes: Wishes): Promise<void> {
  const { registered, credentials } = walk;
  const types = responseTypesOf(registered, credentials.grantTypes);
  const responseType = types.find((type) => type === wishes.responseType) ?? types[0] ?? 'code';
  const state = client.randomState();
  const nonce = client.randomNonce();
  const verifier = givesCode(responseType) ? client.randomPKCECodeVerifier() : undefined;
  const url = client.buildAuthorizationUrl(walk.config, {
    response_type: responseType,
    ...(wishes.responseMode === '' ? {} : { response_mode: wishes.responseMode }),
    redirect_uri: redirectUri,
    scope: credentials.scopes.join(' '),
    state,
    nonce,
    ...(verifier === undefined
      ? {}
      : { code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' }),
    ...(wishes.prompt === '' ? {} : { prompt: wishes.prompt }),
  });
  walk.pending = { url, redirectUri, responseType, state, nonce, verifier };
  addStep(walk, {
    name: 'authorization-request',
    title: 'Send the person to the authorization server',
    text:
      verifier === undefined
        ? 'The request travels through the browser, so nothing in it is secret. Without a code there is nothing to exchange later: what comes back is all there is.'
        : 'The request travels through the browser, so nothing in it is secret. The verifier of code_challenge stays here.',
    parts: [{ type: 'parameters', url: `${url.origin}${url.pathname}`, parameters: [...url.searchParams] }],
  });
}

export function givesCode(responseType: string): boolean {
  return responseType.split(' ').includes('code');
}

const travelled: Readonly<Record<Answer['mode'], string>> = {
  query: '',
  fragment:
    'It stood behind # of the address, which a browser sends to no server: the page that it came to has posted it here. ',
  form_post: 'The browser posted it as a form, so it stands in no address, history or log. ',
};

/** The browser came back. A code is not exchanged yet, that is one step to look at; tokens are checked at once. */
export async function takeAnswer(walk: Walk, answer: Answer): Promise<void> {
  const { pending } = walk;
  if (pending === undefined) return;
  const { mode, parameters } = answer;
  const refused = parameters.has('error');
  const code = parameters.has('code');
  walk.answer = answer;
  addStep(walk, {
    name: 'authorization-response',
    title: refused ? 'The answer is no' : code ? 'A code comes back' : 'Tokens come back',
    text: travelled[mode] + meaningOf(refused, code),
    outcome: refused ? 'refused' : 'done',
    parts: [
      {
        type: 'parameters',
        url: `${pending.redirectUri}${mode === 'fragment' ? ' #' : ''}`,
        parameters: [...parameters],
      },
    ],
  });
  if (!refused && pending.responseType !== 'code') await checkAnswer(walk, pending, parameters);
}

function meaningOf(refused: boolean, code: boolean): string {
  if (refused) return 'Nothing was issued. The error says why, in the words of the specification.';
  if (code) {
    return 'The code is worth nothing without the verifier and the client’s own proof, works once, and lives a minute.';
  }
  return 'Whoever reads them has them, so they live ten minutes at most and are never refreshed.';
}

export async function exchangeCode(walk: Walk): Promise<void> {
  const { answer, pending, subject } = walk;
  if (answer === undefined || pending?.verifier === undefined) return;
  delete walk.answer;
  delete walk.pending;
  const url = new URL(pending.redirectUri);
  // What came beside the code was checked already, and does not belong to this step.
  for (const name of ['code', 'state', 'iss']) {
    const value = answer.parameters.get(name);
    if (value !== null) url.searchParams.set(name, value);
  }
  const { verifier } = pending;
  await requestTokens(walk, 'token', 'Exchange the code for tokens', async () => {
    const tokens = await client.authorizationCodeGrant(walk.config, url, {
      pkceCodeVerifier: verifier,
      expectedState: pending.state,
      expectedNonce: pending.nonce,
      idTokenExpected: walk.credentials.scopes.includes('openid'),
    });
    if (subject !== undefined && tokens.claims()?.sub !== subject)
      throw new Error('The two ID tokens are about two people.');
    return tokens;
  });
}
