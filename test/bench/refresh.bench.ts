/** `POST /token` with a refresh token: read, ask the directory (in memory here), rotate durably, sign twice. */
import { verifier } from '../support/world.ts';
import { among, type Bench } from './bench.ts';
import { walkRow } from './load.ts';
import { peer } from './peer.ts';
import { grantedByPeer } from './peer-walk.ts';
import { People } from './people.ts';
import { basic, declare, type Running, redirectUri, serve } from './stage.ts';
import { postToken } from './walk.ts';

const users = 32;

interface Family {
  readonly client: string;
  token: string;
}

function rotating(name: string, role: 'ours' | 'peer', server: Running, families: readonly Family[]) {
  return walkRow({
    name,
    role,
    server,
    users,
    async walk(user) {
      // Each virtual user has grants of its own: two refreshes of one at once are a race, which is another row.
      const mine = families.filter((_, index) => index % users === user);
      const family = mine[Math.floor(Math.random() * mine.length)];
      if (family === undefined) throw new Error('no grant');
      const body = await postToken(server.url, basic(family.client), {
        grant_type: 'refresh_token',
        refresh_token: family.token,
      });
      if (typeof body.refresh_token !== 'string') throw new Error('no successor');
      family.token = body.refresh_token;
    },
  });
}

export const refresh: Bench = {
  name: 'refresh',
  about: 'one rotation of a refresh token, durably, after the directory was asked',
  async prepare(stage, options) {
    const clients = options.quick ? 20 : 1000;
    const grants = options.quick ? users : 640;
    const declared = await declare(stage, { clients });
    const people = await People.of(stage, declared.databaseUrl, clients, options.quick ? 20 : 500);
    const ours = await serve(stage, declared);
    const families = await Promise.all(
      (await people.codes(grants)).map(async ({ client, code }) => {
        const fields = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier };
        return { client, token: String((await postToken(ours.url, basic(client), fields)).refresh_token) };
      }),
    );
    const rows = [rotating('refresh', 'ours', ours, families)];
    if (options.peer) {
      const other = await peer(stage, { clients, format: 'jwt' });
      const theirs: Family[] = [];
      for (let index = 0; index < grants; index++) theirs.push(await grantedByPeer(other.url, index, clients));
      rows.push(rotating('peer, in memory', 'peer', other, theirs));
    }
    return { rows, targets: among(rows, [{ row: 'refresh', of: 'peer, in memory', atLeast: 3, gate: 2 }]) };
  },
};
