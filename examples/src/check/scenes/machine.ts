import * as client from 'openid-client';
import { expectThat } from '../report.ts';
import { requireTokenError } from '../world.ts';
import { claimsOf, type Scene } from './scene.ts';

export const machine: Scene = {
  title: 'A program without users (client credentials)',
  async play(world, { step }) {
    const { issuer } = world.facts;
    await step('discovery names the issuer, in both documents', async () => {
      for (const name of ['openid-configuration', 'oauth-authorization-server']) {
        const response = await fetch(`${issuer}/.well-known/${name}`);
        const found = (await response.json()) as { issuer?: unknown };
        expectThat(found.issuer === issuer, `${name} says ${String(found.issuer)}`);
      }
    });
    await step('night-report gets an access token for orders:read, a JWT for one minute to one hour', async () => {
      const tokens = await client.clientCredentialsGrant(await world.client('night-report'), { scope: 'orders:read' });
      const claims = claimsOf(tokens.access_token);
      expectThat(claims.iss === issuer && claims.scope === 'orders:read', 'issuer or scope is another');
      expectThat(tokens.refresh_token === undefined, 'a refresh token came along');
    });
    await step('a wrong secret gets invalid_client and no token', async () => {
      const wrong = await world.client('night-report', 'not-the-secret-but-as-long-as-one-might-be');
      await requireTokenError(client.clientCredentialsGrant(wrong), 'invalid_client');
    });
    await step('a scope that night-report has not asked for gets invalid_scope', async () => {
      const config = await world.client('night-report');
      await requireTokenError(client.clientCredentialsGrant(config, { scope: 'orders:write' }), 'invalid_scope');
    });
  },
};
