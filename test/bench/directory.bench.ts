/**
 * What a directory costs us: our side of it in this process, a real OpenLDAP over TLS beside it; 16 operations in flight, 4 of
 * those that ask for a hundred people.
 */
import { PresenceFilter } from 'ldapts';
import type { Candidate } from '../../server/src/directory/directory.ts';
import { type Connection, openConnection } from '../../server/src/directory/ldap/connection.ts';
import { mostAtOnce } from '../../server/src/directory/ldap/find-many.ts';
import { connectTls, targetsOf } from '../../server/src/directory/ldap/target.ts';
import { never, openDirectories } from '../support/directories.ts';
import type { Slapd } from '../support/slapd.ts';
import { seedSuffix } from '../support/slapd-seed.ts';
import type { Bench } from './bench.ts';
import { benchRegistration, directoryWithPeople, passwordOf, uidOf } from './directory-people.ts';
import { random, walkRow } from './load.ts';
import type { Stage } from './stage.ts';

const limits = { milliseconds: 20_000, signal: never };
/** What the sweep for leavers asks a directory at once. */
const recheck = `recheck of ${mostAtOnce}, open connections`;

/** What is done on a connection that is opened for it and closed after it. */
function onNewConnections(slapd: Slapd) {
  const [target] = targetsOf([slapd.url], slapd.caPem);
  if (target === undefined) throw new Error('no server');
  return async (work: (connection: Connection) => Promise<number>): Promise<void> => {
    const connection = openConnection(await connectTls(target, 'bind', never));
    try {
      const code = await work(connection);
      if (code !== 0) throw new Error(`result code ${code}`);
    } finally {
      connection.destroy();
    }
  };
}

async function candidatesOf(directory: ReturnType<typeof openDirectories>, users: number) {
  const known: Extract<Candidate, { known: true }>[] = [];
  for (let index = 0; index < users; index++) {
    const candidate = await directory.port.find(uidOf(index), never);
    if (!candidate.known) throw new Error(`no ${uidOf(index)}`);
    known.push(candidate);
  }
  return (index: number) => {
    const candidate = known[index];
    if (candidate === undefined) throw new Error(`no user ${index}`);
    return candidate;
  };
}

/** As many search connections as there are to one server: nobody waits for one. */
const few = 4;

async function rowsOf(stage: Stage, slapd: Slapd, { users, atOnce }: { users: number; atOnce: number }) {
  const directory = openDirectories({ people: benchRegistration(slapd) });
  stage.atEnd(async () => directory[Symbol.asyncDispose]());
  const candidate = await candidatesOf(directory, users);
  const anew = onNewConnections(slapd);
  const forget = () => Promise.resolve(directory.forget());
  const server = { url: slapd.url, pid: process.pid, startTime: 0 };
  const row = (name: string, walk: () => Promise<void>, inFlight = atOnce) =>
    walkRow({ name, role: 'ours', server, users: inFlight, prepare: forget, walk });
  const accepted = async (index: number, one: Candidate) => {
    const { outcome } = await directory.port.authenticate(one, passwordOf(index), never);
    if (outcome !== 'accepted') throw new Error(outcome);
  };
  return [
    row('search, open connections', async () => {
      const { user } = candidate(random(users));
      const found = await directory.port.lookup({ directory: user.directory, entryId: user.entryId }, never);
      if (found === null) throw new Error('nobody');
    }),
    row(
      recheck,
      async () => {
        const first = random(users);
        const some = Array.from({ length: mostAtOnce }, (_, n) => candidate((first + n) % users).user);
        const { directory: id } = candidate(first).user;
        const entryIds = some.map(({ entryId }) => entryId);
        const found = await directory.port.lookupMany(id, entryIds, never);
        if (found.size !== some.length) throw new Error(`only ${found.size} of them`);
      },
      few,
    ),
    row('bind, open connections', async () => {
      const index = random(users);
      await accepted(index, candidate(index));
    }),
    row('sign-in (search, bind), open connections', async () => {
      const index = random(users);
      await accepted(index, await directory.port.find(uidOf(index), never));
    }),
    row('search, a new connection each', () =>
      anew(async (connection) => {
        const { code } = await connection.bind(slapd.bindDn, slapd.bindPassword, limits);
        if (code !== 0) return code;
        const base = `uid=${uidOf(random(users))},ou=people,${seedSuffix}`;
        const filter = new PresenceFilter({ attribute: 'objectClass' });
        return (await connection.search({ base, scope: 'base', filter, attributes: ['mail'], sizeLimit: 1 }, limits))
          .code;
      }),
    ),
    row('bind, a new connection each', () =>
      anew(async (connection) => {
        const index = random(users);
        const dn = `uid=${uidOf(index)},ou=people,${seedSuffix}`;
        return (await connection.bind(dn, passwordOf(index), limits)).code;
      }),
    ),
  ];
}

export const directory: Bench = {
  name: 'directory',
  about: 'one search or bind over ldaps; CPU is that of this process, our side with the generator',
  async prepare(stage, { quick }) {
    const users = quick ? mostAtOnce : 1000;
    const slapd = await directoryWithPeople(stage, users);
    const kept = ['search', 'bind'].map((what) => ({
      row: `${what}, open connections`,
      of: `${what}, a new connection each`,
      atLeast: 3,
    }));
    return { rows: await rowsOf(stage, slapd, { users, atOnce: quick ? few : 16 }), targets: kept };
  },
};
