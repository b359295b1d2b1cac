/** `POST /token` with client_credentials: a random client each time. */
import { among, type Bench } from './bench.ts';
import { type Request, random, requestRow } from './load.ts';
import { peer } from './peer.ts';
import { basic, clientIdOf, declare, serve } from './stage.ts';
import { type Sign, tokensCeiling } from './tokens-ceiling.ts';

export const tokenRequest = (clients: number): Request => {
  return {
    method: 'POST',
    path: '/token',
    headers: { authorization: basic(clientIdOf(random(clients))), 'content-type': 'application/x-www-form-urlencoded' },
    body: 'grant_type=client_credentials',
  };
};

export const clientCredentials: Bench = {
  name: 'client-credentials',
  about: 'one token for a random client that authenticates with its secret',
  async prepare(stage, options) {
    const clients = options.quick ? 20 : 1000;
    const next = () => tokenRequest(clients);
    const jwt = await serve(stage, await declare(stage, { clients }));
    const declared = await declare(stage, { clients, client: { access_token_format: 'opaque' } });
    const opaque = await serve(stage, declared);
    const ceiling = (sign: Sign) => tokensCeiling(stage, { ...declared, clients, sign });
    const rows = [
      requestRow({ name: 'JWT', role: 'ours', server: jwt, next }),
      requestRow({ name: 'opaque, stored', role: 'ours', server: opaque, next }),
      requestRow({ name: 'ceiling, batched', role: 'ceiling', server: await ceiling('batched'), next }),
      requestRow({ name: 'ceiling, stored', role: 'ceiling', server: await ceiling('stored'), next }),
      requestRow({ name: 'ceiling, inline', role: 'ceiling', server: await ceiling('inline'), next }),
      ...(options.peer
        ? [
            requestRow({
              name: 'peer, JWT',
              role: 'peer',
              server: await peer(stage, { clients, format: 'jwt' }),
              next,
            }),
            requestRow({
              name: 'peer, opaque',
              role: 'peer',
              server: await peer(stage, { clients, format: 'opaque' }),
              next,
            }),
          ]
        : []),
    ];
    return {
      rows,
      targets: among(rows, [
        { row: 'JWT', of: 'ceiling, batched', atLeast: 0.8, gate: 0.6 },
        { row: 'JWT', of: 'peer, JWT', ceiling: 'ceiling, batched', atLeast: 3.5, gate: 2 },
        { row: 'opaque, stored', of: 'ceiling, stored', atLeast: 0.8, gate: 0.6 },
        { row: 'opaque, stored', of: 'peer, opaque', ceiling: 'ceiling, stored', atLeast: 1.8, gate: 1.2 },
      ]),
    };
  },
};
