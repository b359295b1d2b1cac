/** Introspection (RFC 7662): who may ask about a token, and what they hear. */
import * as client from 'openid-client';
import { expectThat, type Report } from '../report.ts';
import { requireTokenError, type World } from '../world.ts';
import { type Held, tokensOf } from './refresh.ts';
import type { Scene } from './scene.ts';

const flow = 'introspection';

export const introspection: Scene = {
  title: 'Introspection (courier has opaque tokens, stockroom is the API that is shown them)',
  async play(world, report) {
    const stockroom = await world.client('stockroom');
    const token = await report.quietly('courier’s token', () => opaqueToken(world));
    await report.run({ flow, title: 'allowed: stockroom is shown a token that is for it' }, [], async () => {
      const found = await report.messages(() => client.tokenIntrospection(stockroom, token));
      expectThat(found.active && found.scope === 'orders:stock', `active: ${found.active}, scope: ${found.scope}`);
      expectThat(found.client_id === world.facts.applications.courier.clientId, 'it is another client’s');
      expectThat(found.aud === world.facts.applications.stockroom.clientId, 'it is for somebody else');
      return ['the token itself says nothing; client, scope and audience are those that it was issued with'];
    });
    const grace = await report.quietly('grace’s tokens', () => tokensOf(world, 'grace'));
    await report.run({ flow, title: 'allowed: order-desk asks about its own token of grace' }, [], async () => {
      const found = await report.messages(() =>
        client.tokenIntrospection(grace.asked.config, grace.tokens.access_token),
      );
      expectThat(found.active && found.sub === grace.tokens.claims()?.sub, 'it is about somebody else');
      return ['it is about the subject of the ID token'];
    });
    await report.run({ flow, title: 'refused: night-report has no introspection in its Client' }, [], async () => {
      const other = await world.client('night-report');
      const found = await report.messages(() => client.tokenIntrospection(other, token));
      expectThat(Object.keys(found).join() === 'active' && !found.active, 'it is told');
      return ['nothing but active=false is said'];
    });
    await report.run({ flow, title: 'refused: a wrong secret' }, [], async () => {
      const wrong = await world.client('stockroom', { secret: 'not-the-secret-but-as-long-as-one-might-be' });
      await report.messages(() => requireTokenError(client.tokenIntrospection(wrong, token), 'invalid_client'));
      return [];
    });
  },
};

/** A token of courier’s, for stockroom. */
export async function opaqueToken(world: World): Promise<string> {
  const tokens = await client.clientCredentialsGrant(await world.client('courier'), { scope: 'orders:stock' });
  expectThat(!tokens.access_token.includes('.'), 'the token is a JWT');
  return tokens.access_token;
}

export async function introspectWhileDown(report: Report, { asked, tokens }: Held): Promise<void> {
  await report.run({ flow, title: 'directory down: nobody to ask about' }, [], async () => {
    const found = await report.messages(() => client.tokenIntrospection(asked.config, tokens.access_token));
    expectThat(found.active, 'it is not active');
    return ['the token holds until it expires or is revoked'];
  });
}
