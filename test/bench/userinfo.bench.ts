/** `GET /userinfo` with an access token that is shown for the first time: the grant is read each time. */
import { among, type Bench } from './bench.ts';
import { grantsOf } from './granted.ts';
import { type Request, requestRow } from './load.ts';
import type { Row } from './measure.ts';
import { peer } from './peer.ts';
import { grantedByPeer } from './peer-walk.ts';
import { People } from './people.ts';
import { declare, type Running, type Stage, serve } from './stage.ts';

const ask = (path: string, token: string): Request => ({
  method: 'GET',
  path,
  headers: { authorization: `Bearer ${token}` },
});

const isAnswer = (body: string): boolean => body.includes('"sub":"');

/** @param most tokens that a load can show a second */
function firstSight(name: string, server: Running, most: number, issue: (count: number) => Promise<string[]>): Row {
  let tokens: string[] = [];
  return requestRow({
    name,
    role: 'ours',
    server,
    prepare: async (extent) => {
      tokens = await issue('operations' in extent ? extent.operations + 64 : Math.ceil(extent.seconds * most));
    },
    next: () => ask('/userinfo', tokens.pop() ?? 'none-left'),
    onAnswer: isAnswer,
  });
}

async function exchanged(server: Running, people: People, count: number): Promise<string[]> {
  return (await grantsOf(people, server, count)).map(({ accessToken }) => accessToken);
}

async function peerRow(stage: Stage, clients: number): Promise<Row> {
  const server = await peer(stage, { clients, format: 'userinfo' });
  const tokens: string[] = [];
  for (let user = 0; user < 200; user++) tokens.push((await grantedByPeer(server.url, user, clients)).accessToken);
  let turn = 0;
  const next = () => ask('/me', tokens[turn++ % tokens.length] ?? '');
  return requestRow({ name: 'peer, opaque', role: 'peer', server, next, onAnswer: isAnswer });
}

export const userinfo: Bench = {
  name: 'userinfo',
  about: 'the claims of one user, by a token that is shown for the first time',
  async prepare(stage, options) {
    const clients = options.quick ? 20 : 1000;
    const users = options.quick ? 20 : 500;
    const declared = await declare(stage, { clients });
    const people = await People.of(stage, declared.databaseUrl, clients, users);
    const ours = await serve(stage, declared);
    // The grants that opaque tokens hang off.
    await exchanged(ours, people, users);
    const rows = [
      firstSight('opaque, first sight', ours, 24_000, (count) => people.accessTokens(count)),
      firstSight('JWT, first sight', ours, 14_000, (count) => exchanged(ours, people, count)),
      ...(options.peer ? [await peerRow(stage, clients)] : []),
    ];
    return {
      rows,
      targets: among(rows, [
        { row: 'opaque, first sight', of: 'peer, opaque', atLeast: 2, gate: 1.5 },
        { row: 'JWT, first sight', of: 'peer, opaque', atLeast: 1.2, gate: 1 },
      ]),
    };
  },
};
