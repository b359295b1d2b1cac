/** Discovery and key set: what every client of ours fetches at its start. */
import { among, type Bench } from './bench.ts';
import { requestRow } from './load.ts';
import { peer } from './peer.ts';
import { declare, serve } from './stage.ts';

export const documents: Bench = {
  name: 'documents',
  about: 'one GET of a public document',
  async prepare(stage, options) {
    const ours = await serve(stage, await declare(stage, { clients: options.quick ? 20 : 1000 }));
    const ceiling = await stage.program(new URL('ceilings/documents.ts', import.meta.url).pathname, {});
    const other = options.peer ? await peer(stage, { clients: 20, format: 'jwt' }) : undefined;
    const get = (path: string) => () => ({ method: 'GET', path }) as const;
    const discovery = get('/.well-known/openid-configuration');
    const jwks = get('/jwks');
    const rows = [
      requestRow({ name: 'discovery', role: 'ours', server: ours, next: discovery }),
      requestRow({ name: 'JWKS', role: 'ours', server: ours, next: jwks }),
      requestRow({ name: 'ceiling', role: 'ceiling', server: ceiling, next: get('/document') }),
      ...(other === undefined
        ? []
        : [
            requestRow({ name: 'peer, discovery', role: 'peer', server: other, next: discovery }),
            requestRow({ name: 'peer, JWKS', role: 'peer', server: other, next: jwks }),
          ]),
    ];
    return {
      rows,
      targets: among(rows, [
        { row: 'discovery', of: 'ceiling', atLeast: 0.8, gate: 0.6 },
        { row: 'JWKS', of: 'ceiling', atLeast: 0.8, gate: 0.6 },
        { row: 'discovery', of: 'peer, discovery', ceiling: 'ceiling', atLeast: 4, gate: 2 },
        { row: 'JWKS', of: 'peer, JWKS', ceiling: 'ceiling', atLeast: 2, gate: 1.5 },
      ]),
    };
  },
};
