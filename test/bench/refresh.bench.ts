/** `POST /token` with a refresh token: read, ask the directory (in memory, or live over `ldaps`), rotate durably, sign twice. */
import { among, type Bench, type Options } from './bench.ts';
import { statementsCeiling } from './ceiling-walk.ts';
import { benchRegistration, directoryWithPeople, livePeople } from './directory-people.ts';
import { type Granted, grantsOf } from './granted.ts';
import { random, walkRow } from './load.ts';
import type { Row } from './measure.ts';
import { peer } from './peer.ts';
import { grantedByPeer } from './peer-walk.ts';
import { People } from './people.ts';
import { basic, declare, type Running, type Stage, serve } from './stage.ts';
import { type Fields, postText, postToken } from './walk.ts';

const users = 32;
/** As many as there are search connections: once through, nobody waits for one, however slow the machine is. */
const few = 4;

export const refreshFields = (token: string) => ({ grant_type: 'refresh_token', refresh_token: token });

/** Random grants of these, each virtual user among its own. */
export function rotating(
  about: { readonly name: string; readonly role: Row['role']; readonly server: Running; readonly users?: number },
  families: readonly Granted[],
  ask: (family: Granted) => Promise<Fields> = ({ client, token }) =>
    postToken(about.server.url, basic(client), refreshFields(token)),
): Row {
  // Each virtual user has grants of its own: two refreshes of one at once are a race, which is another row.
  const grants = Array.from({ length: users }, (_, user) =>
    families.filter((_family, index) => index % users === user),
  );
  return walkRow({
    users,
    ...about,
    async walk(user) {
      const mine = grants[user] ?? [];
      const family = mine[random(mine.length)];
      if (family === undefined) throw new Error('no grant');
      const body = await ask(family);
      if (typeof body.refresh_token !== 'string') throw new Error('no successor');
      family.token = body.refresh_token;
    },
  });
}

interface Size {
  readonly clients: number;
  readonly grants: number;
  readonly people: number;
}

async function liveRow(stage: Stage, { quick }: Options, { clients, grants, people: count }: Size): Promise<Row> {
  const slapd = await directoryWithPeople(stage, count);
  const declared = await declare(stage, { clients, directory: benchRegistration(slapd) });
  const people = await People.of(stage, declared.databaseUrl, clients, count, livePeople(stage, slapd));
  const server = await serve(stage, declared, 'live');
  const families = await grantsOf(people, server, grants);
  return rotating({ name: 'refresh, live ldaps', role: 'ours', server, users: quick ? few : users }, families);
}

export const refresh: Bench = {
  name: 'refresh',
  about: 'one rotation of a refresh token, durably, after the directory was asked',
  async prepare(stage, options) {
    const size = options.quick
      ? { clients: 20, grants: users, people: 20 }
      : { clients: 1000, grants: 640, people: 500 };
    const declared = await declare(stage, { clients: size.clients });
    const people = await People.of(stage, declared.databaseUrl, size.clients, size.people);
    const ours = await serve(stage, declared);
    const ceiling = await statementsCeiling(stage, declared);
    const least = { name: 'ceiling: the statements, two signatures', role: 'ceiling', server: ceiling } as const;
    const rows = [
      rotating({ name: 'refresh', role: 'ours', server: ours }, await grantsOf(people, ours, size.grants)),
      await liveRow(stage, options, size),
      rotating(least, await grantsOf(people, ours, size.grants), ({ client, token }) =>
        postText(ceiling.url, '/rotate', [client, token]),
      ),
    ];
    if (options.peer) {
      const other = await peer(stage, { clients: size.clients, format: 'jwt' });
      const theirs: Granted[] = [];
      for (let at = 0; at < size.grants; at++) theirs.push(await grantedByPeer(other.url, at, size.clients));
      rows.push(rotating({ name: 'peer, in memory', role: 'peer', server: other }, theirs));
    }
    return {
      rows,
      targets: among(rows, [
        { row: 'refresh', of: 'ceiling: the statements, two signatures', atLeast: 0.8, gate: 0.6 },
        {
          row: 'refresh',
          of: 'peer, in memory',
          ceiling: 'ceiling: the statements, two signatures',
          atLeast: 3,
          gate: 2,
        },
        {
          row: 'refresh, live ldaps',
          of: 'peer, in memory',
          ceiling: 'ceiling: the statements, two signatures',
          atLeast: 2.3,
          gate: 1.5,
        },
      ]),
    };
  },
};
