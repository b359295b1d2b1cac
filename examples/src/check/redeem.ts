/** From an authorization response to everything that the application gets by it, verified. */
import * as client from 'openid-client';
import type { Answer } from './answer.ts';
import { verifyAnswer, verifyIdToken } from './by-hand.ts';
import { expectThat } from './report.ts';
import type { ResponseTypeFlow } from './response-types.ts';
import { givenBy } from './response-types.ts';
import type { Asked, World } from './world.ts';

export interface Redeemed {
  readonly subject?: string | undefined;
  readonly accessToken?: string | undefined;
  readonly refreshToken?: string | undefined;
}

/** @throws Error when anything is missing, too much, or does not verify. */
export async function redeem(world: World, flow: ResponseTypeFlow, asked: Asked, answer: Answer): Promise<Redeemed> {
  return flow.readWith === 'openid-client' ? redeemByLibrary(asked, answer) : redeemByHand(world, asked, answer);
}

async function redeemByLibrary({ responseType, config, checks }: Asked, answer: Answer): Promise<Redeemed> {
  if (responseType === 'id_token') {
    const { expectedNonce, expectedState } = checks;
    const claims = await client.implicitAuthentication(config, answer.received, expectedNonce, { expectedState });
    return { subject: claims.sub };
  }
  const tokens = await client.authorizationCodeGrant(config, answer.received, { ...checks, idTokenExpected: true });
  return { subject: tokens.claims()?.sub, accessToken: tokens.access_token, refreshToken: tokens.refresh_token };
}

async function redeemByHand(world: World, asked: Asked, answer: Answer): Promise<Redeemed> {
  const { responseType, checks } = asked;
  const { clientId } = world.facts.applications[asked.name];
  const { expectedState: state, expectedNonce: nonce } = checks;
  const claims = await verifyAnswer(world.facts, answer, { clientId, state, nonce, responseType });
  const accessToken = answer.parameters.get('access_token') ?? undefined;
  if (!givenBy(responseType).code) return { subject: claims?.sub, accessToken };
  const tokens = await exchangeByHand(world, asked, answer.parameters.get('code') ?? '');
  const later = await verifyIdToken(world.facts, String(tokens.id_token), { clientId, nonce });
  expectThat(claims === undefined || claims.sub === later.sub, 'the two ID tokens are about different people');
  return { subject: later.sub, accessToken, refreshToken: String(tokens.refresh_token) };
}

async function exchangeByHand(world: World, asked: Asked, code: string): Promise<Readonly<Record<string, unknown>>> {
  const { clientId, clientSecret } = world.facts.applications[asked.name];
  const credentials = [clientId, clientSecret].map(encodeURIComponent).join(':');
  const response = await world.recorder.fetch(`${world.facts.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: world.facts.redirectUri,
      code_verifier: asked.checks.pkceCodeVerifier,
    }),
    redirect: 'manual',
  });
  expectThat(response.status === 200, `the code was refused (status ${response.status})`);
  return (await response.json()) as Readonly<Record<string, unknown>>;
}
