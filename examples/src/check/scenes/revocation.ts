/** Revocation (RFC 7009): what ends with which token, and where it is refused then. */
import * as client from 'openid-client';
import { expectThat, type Report } from '../report.ts';
import { eventually, requireTokenError, type World } from '../world.ts';
import { opaqueToken } from './introspection.ts';
import { type Held, tokensOf, useRefreshToken } from './refresh.ts';
import type { Scene } from './scene.ts';

const flow = 'revocation';

export const revocation: Scene = {
  title: 'Revocation (order-desk and courier)',
  async play(world, report) {
    const held = await report.quietly('grace’s tokens', () => tokensOf(world, 'grace'));
    await report.run({ flow, title: 'allowed: order-desk hands grace’s refresh token back' }, [], async () => {
      await report.messages(() => client.tokenRevocation(held.asked.config, held.tokens.refresh_token ?? ''));
      await report.messages(() => requireTokenError(useRefreshToken(held), 'invalid_grant'));
      await refusedSoon(world, () => userinfoOf(held));
      await report.messages(async () => expectThat(await refuses(userinfoOf(held)), 'userinfo still tells'));
      return ['the grant has ended: refresh and userinfo are refused'];
    });
    await machine(world, report);
    await report.run({ flow, title: 'refused: a wrong secret' }, [], async () => {
      const wrong = await world.client('courier', { secret: 'not-the-secret-but-as-long-as-one-might-be' });
      await report.messages(() => requireTokenError(client.tokenRevocation(wrong, 'a-token'), 'invalid_client'));
      return [];
    });
  },
};

async function machine(world: World, report: Report): Promise<void> {
  const stockroom = await world.client('stockroom');
  const ask = async (token: string) => (await client.tokenIntrospection(stockroom, token)).active;
  const token = await report.quietly('courier’s token', () => opaqueToken(world));
  await report.run({ flow, title: 'refused: night-report hands courier’s token back' }, [], async () => {
    const other = await world.client('night-report');
    await report.messages(() => client.tokenRevocation(other, token));
    expectThat(await report.messages(() => ask(token)), 'the token has ended');
    return ['the answer is the same, but the token holds: it is another’s'];
  });
  await report.run({ flow, title: 'allowed: courier hands its own token back' }, [], async () => {
    await report.messages(async () => client.tokenRevocation(await world.client('courier'), token));
    await refusedSoon(world, async () => expectThat(await ask(token), 'not active'));
    expectThat(!(await report.messages(() => ask(token))), 'the token holds');
    return ['stockroom hears that it is not active'];
  });
}

/** Every replica knows within a second; how often it has to be asked until then is no part of the flow. */
function refusedSoon(world: World, use: () => Promise<unknown>): Promise<true> {
  return world.recorder.aside(() => eventually(10, async () => ((await refuses(use())) ? true : undefined)));
}

function refuses(use: Promise<unknown>): Promise<boolean> {
  return use.then(
    () => false,
    () => true,
  );
}

function userinfoOf({ asked, tokens }: Held): Promise<unknown> {
  return client.fetchUserInfo(asked.config, tokens.access_token, tokens.claims()?.sub ?? '');
}

export async function revokeWhileDown(report: Report, held: Held): Promise<void> {
  await report.run({ flow, title: 'directory down: the end needs no directory' }, [], async () => {
    await report.messages(() => client.tokenRevocation(held.asked.config, held.tokens.refresh_token ?? ''));
    await report.messages(() => requireTokenError(useRefreshToken(held), 'invalid_grant'));
    return ['the grant has ended'];
  });
}
