/** A browser that is signed in already: the silent answer and its exchange. Two requests. */

import { cookieScheme } from '../../server/src/http/session-cookie.ts';
import { among, type Bench } from './bench.ts';
import { silentAtCeiling, statementsCeiling } from './ceiling-walk.ts';
import { benchRegistration, directoryWithPeople, livePeople } from './directory-people.ts';
import { random, walkRow } from './load.ts';
import { address, requestPath } from './login-consent.bench.ts';
import type { Row } from './measure.ts';
import { peer } from './peer.ts';
import { type AtPeer, codeOf, exchangeFields, signedInAtPeer, silentAtPeer } from './peer-walk.ts';
import { People, type Who } from './people.ts';
import {
  basic,
  clientIdOf,
  type Declaration,
  type Declared,
  declare,
  type Running,
  type Stage,
  serve,
} from './stage.ts';
import { postToken, Walker } from './walk.ts';

interface Size {
  readonly clients: number;
  readonly users: number;
}

/** A server with people who are signed in there. */
interface Opened {
  readonly declared: Declared;
  readonly people: People;
  readonly server: Running;
}

async function open(
  stage: Stage,
  { clients, users }: Size,
  live?: { readonly declaration: Partial<Declaration>; readonly who: Who },
): Promise<Opened> {
  const consent = { mode: 'implicit', remember_for: 1, on_refused_scope: 'drop' } as const;
  const declared = await declare(stage, { clients, client: { consent }, ...live?.declaration });
  const people = await People.of(stage, declared.databaseUrl, clients, users, live?.who);
  return { declared, people, server: await serve(stage, declared, live === undefined ? 'memory' : 'live') };
}

function anyone<T>(people: readonly T[]): T {
  const one = people[random(people.length)];
  if (one === undefined) throw new Error('nobody is signed in');
  return one;
}

function silently(
  { declared, people, server }: Opened,
  { clients }: Size,
  about: Pick<Row, 'name'> & { users: number },
) {
  const { names } = cookieScheme(declared.issuer);
  return walkRow({
    ...about,
    role: 'ours',
    server,
    async walk() {
      const client = clientIdOf(random(clients));
      const { handle, browser } = anyone(people.browsers);
      const walker = new Walker(server.url, address(), {
        cookies: { [names.session]: handle, [names.browser]: browser },
      });
      const code = codeOf(await walker.get(requestPath(client, { prompt: 'none' })));
      await postToken(server.url, basic(client), exchangeFields(code));
    },
  });
}

const ceilingRow = 'ceiling: the statements, two signatures';

export const sso: Bench = {
  name: 'sso',
  about:
    'one silent authorization and its exchange in a live session; people are in memory, or in a directory over ldaps',
  async prepare(stage, { quick, peer: withPeer }) {
    const size = quick ? { clients: 20, users: 20 } : { clients: 1000, users: 500 };
    const inMemory = await open(stage, size);
    const slapd = await directoryWithPeople(stage, size.users);
    const directory = benchRegistration(slapd);
    const live = await open(stage, size, { declaration: { directory }, who: livePeople(stage, slapd) });
    const ceiling = await statementsCeiling(stage, inMemory.declared);
    const rows = [
      silently(inMemory, size, { name: 'authorize and exchange', users: 16 }),
      // Once through, nobody waits for one of the few search connections, however slow the machine is.
      silently(live, size, { name: 'authorize and exchange, live ldaps', users: quick ? 4 : 16 }),
      walkRow({
        name: ceilingRow,
        role: 'ceiling',
        server: ceiling,
        walk: () => silentAtCeiling(ceiling, clientIdOf(random(size.clients)), anyone(inMemory.people.browsers)),
      }),
    ];
    if (withPeer) {
      const server = await peer(stage, { clients: size.clients, format: 'jwt' });
      const people: AtPeer[] = [];
      for (let at = 0; at < 200; at++) people.push(await signedInAtPeer(server.url, at, size.clients));
      const walk = () => silentAtPeer(server.url, anyone(people));
      rows.push(walkRow({ name: 'peer, in memory', role: 'peer', server, walk }));
    }
    return {
      rows,
      targets: among(rows, [
        { row: 'authorize and exchange', of: ceilingRow, atLeast: 0.8, gate: 0.6 },
        {
          row: 'authorize and exchange, live ldaps',
          of: 'peer, in memory',
          ceiling: ceilingRow,
          atLeast: 2,
          gate: 1.5,
        },
      ]),
    };
  },
};
