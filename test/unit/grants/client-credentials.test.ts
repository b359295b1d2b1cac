import { describe, expect, it } from 'vitest';
import { clientCredentials } from '../../../server/src/grants/client-credentials.ts';
import { AuthenticatedClient } from '../../../server/src/protocol/client.ts';
import { aClient } from '../../support/builders.ts';

const context = { requestId: 'r', clientAddress: '192.0.2.1', signal: new AbortController().signal };
const redeem = (client: AuthenticatedClient, scopes?: readonly string[]) =>
  clientCredentials({ audiencesOfScope: () => [] }).redeem(
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

  it('never serves a client that proved nothing, whatever its registration says', async () =>
    expect(redeem(AuthenticatedClient.of(machine, 'uid', 'none'))).rejects.toMatchObject({
      code: 'unauthorized_client',
    }));

  it('refuses what is not open to the client', async () =>
    expect(redeem(AuthenticatedClient.of(machine, 'uid', 'client_secret_basic'), ['admin'])).rejects.toMatchObject({
      code: 'invalid_scope',
    }));
});
