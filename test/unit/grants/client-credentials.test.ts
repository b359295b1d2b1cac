import { describe, expect, it } from 'vitest';
import { clientCredentials } from '../../../server/src/grants/client-credentials.ts';
import { AuthenticatedClient } from '../../../server/src/protocol/client.ts';
import type { NewAccessToken } from '../../../server/src/store/access-tokens.ts';
import { aClient, aServer } from '../../support/builders.ts';

const context = { requestId: 'r', clientAddress: '192.0.2.1', signal: new AbortController().signal };
const stored: NewAccessToken[] = [];
const accessTokens = {
  insert: (token: NewAccessToken) => {
    stored.push(token);
    return Promise.resolve(true);
  },
};
const redeem = async (client: AuthenticatedClient, scopes?: readonly string[]) =>
  await clientCredentials({ audiencesOfScope: () => ['https://api'], accessTokens, server: () => aServer() }).redeem(
    { grantType: 'client_credentials', scopes, resources: undefined },
    client,
    context,
  );

describe('RFC 6749 §4.4', () => {
  const machine = aClient('shop.batch')
    .machine('s')
    .with({ scopes: ['orders'], default_scopes: ['orders'] })
    .build();

  it('gives the client a token that speaks for itself', async () =>
    expect(await redeem(AuthenticatedClient.of(machine, 'uid', 'client_secret_basic'))).toEqual({
      client: machine,
      subject: 'shop.batch',
      scopes: ['orders'],
      user: null,
    }));

  it('stores an opaque access token before it is given, for its audiences and no longer than it lives', async () => {
    const opaque = { ...machine, access_token_format: 'opaque', access_token_lifetime: 60 } as const;
    const { opaqueToken } = await redeem(AuthenticatedClient.of(opaque, 'uid', 'client_secret_basic'));
    expect(stored).toEqual([
      {
        token: opaqueToken,
        id: expect.any(String) as string,
        clientId: 'shop.batch',
        clientUid: 'uid',
        scopes: ['orders'],
        audiences: ['https://api'],
        lifetime: 60,
      },
    ]);
  });

  it('never serves a client that proved nothing, whatever its registration says', async () =>
    expect(redeem(AuthenticatedClient.of(machine, 'uid', 'none'))).rejects.toMatchObject({
      code: 'unauthorized_client',
    }));

  it('refuses what is not open to the client', async () =>
    expect(redeem(AuthenticatedClient.of(machine, 'uid', 'client_secret_basic'), ['admin'])).rejects.toMatchObject({
      code: 'invalid_scope',
    }));
});
