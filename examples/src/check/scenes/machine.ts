import * as client from 'openid-client';
import { expectThat } from '../report.ts';
import { requireTokenError } from '../world.ts';
import { claimsOf, type Scene } from './scene.ts';

const flow = 'client_credentials';

export const documents: Scene = {
  title: 'What the server says about itself',
  async play(world, { step }) {
    const { issuer } = world.facts;
    await step('both documents name the issuer and every flow', async () => {
      for (const name of ['openid-configuration', 'oauth-authorization-server']) {
        const response = await fetch(`${issuer}/.well-known/${name}`);
        const found = (await response.json()) as { issuer?: unknown; response_types_supported?: readonly string[] };
        expectThat(found.issuer === issuer, `${name} says ${String(found.issuer)}`);
        expectThat(found.response_types_supported?.length === 7, `${name} names other response types`);
      }
    });
  },
};

export const machine: Scene = {
  title: 'Client credentials (night-report, read by openid-client)',
  async play(world, report) {
    const config = await world.client('night-report');
    await report.run({ flow, title: 'allowed: orders:read is among its scopes' }, ['access token'], async () => {
      const tokens = await report.messages(() => client.clientCredentialsGrant(config, { scope: 'orders:read' }));
      const claims = claimsOf(tokens.access_token);
      expectThat(claims.iss === world.facts.issuer && claims.scope === 'orders:read', 'issuer or scope is another');
      return ['no directory was asked: there is no user'];
    });
    await report.run({ flow, title: 'refused: a scope that its Client does not list' }, [], async () => {
      const request = client.clientCredentialsGrant(config, { scope: 'orders:write' });
      await report.messages(() => requireTokenError(request, 'invalid_scope'));
      return [];
    });
    await report.run({ flow, title: 'refused: a wrong secret' }, [], async () => {
      const wrong = await world.client('night-report', { secret: 'not-the-secret-but-as-long-as-one-might-be' });
      await report.messages(() => requireTokenError(client.clientCredentialsGrant(wrong), 'invalid_client'));
      return [];
    });
  },
};
