/** `POST /token` with a code: client, PKCE, one durable statement, two signatures. */
import { verifier } from '../support/world.ts';
import { among, type Bench } from './bench.ts';
import { statementsCeiling } from './ceiling-walk.ts';
import { type Request, requestRow } from './load.ts';
import type { Extent } from './measure.ts';
import { People, type PreparedCode } from './people.ts';
import { basic, clientIdOf, declare, redirectUri, serve } from './stage.ts';

const none: PreparedCode = { client: clientIdOf(0), code: 'none-left' };

function exchange({ client, code }: PreparedCode): Request {
  return {
    method: 'POST',
    path: '/token',
    headers: { authorization: basic(client), 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier,
    }).toString(),
  };
}

export const codeExchange: Bench = {
  name: 'code-exchange',
  about: 'one code redeemed for an access, an ID and a refresh token, durably',
  async prepare(stage, { quick }) {
    const clients = quick ? 20 : 1000;
    const declared = await declare(stage, { clients });
    const people = await People.of(stage, declared.databaseUrl, clients, quick ? 20 : 500);
    const ours = await serve(stage, declared);
    const ceiling = await statementsCeiling(stage, declared);
    let codes: PreparedCode[] = [];
    const prepare = async (extent: Extent): Promise<void> => {
      codes = await people.codes('operations' in extent ? extent.operations + 64 : extent.seconds * 6000);
    };
    const rows = [
      requestRow({
        name: 'code exchange',
        role: 'ours',
        server: ours,
        prepare,
        next: () => exchange(codes.pop() ?? none),
      }),
      requestRow({
        name: 'ceiling: the statement, two signatures',
        role: 'ceiling',
        server: ceiling,
        prepare,
        next: () => {
          const { client, code } = codes.pop() ?? none;
          return {
            method: 'POST',
            path: '/redeem',
            headers: { 'content-type': 'text/plain' },
            body: `${client} ${code}`,
          };
        },
      }),
    ];
    return {
      rows,
      targets: among(rows, [
        { row: 'code exchange', of: 'ceiling: the statement, two signatures', atLeast: 0.8, gate: 0.6 },
      ]),
    };
  },
};
