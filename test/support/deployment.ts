/** The server as it may stand: one process over a database in memory, or three over Postgres behind a proxy that is fair. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  ClientRegistration,
  DirectoryRegistration,
  ScopeRegistration,
  ServerRegistration,
} from '../../server/src/registry/registration.ts';
import { makeAuthority } from './certificates.ts';
import { registrationOf } from './directories.ts';
import { memoryDirectoryId } from './memory-directory.ts';
import { startPostgres } from './postgres.ts';
import { type FaultProxy, startFaultProxy } from './proxy.ts';
import { keyFileText, Replica } from './replica.ts';
import { type RoundRobin, startRoundRobin } from './round-robin.ts';
import { startSlapd } from './slapd.ts';
import { seedPassword } from './slapd-seed.ts';
import { openTlsSink, type TlsSink } from './tls-sink.ts';
import { aDirectory, keyEncryptionKey, World } from './world.ts';

export interface Deployment {
  readonly world: World;
  /** Base URLs of the processes, past the proxy. */
  readonly processes: readonly string[];
  /** None where one process answers. */
  readonly proxy: RoundRobin | undefined;
  readonly replicas: readonly Replica[];
  /** Between the processes and what they depend on; none where one process answers. */
  readonly faults?: { readonly database: FaultProxy; readonly directory: FaultProxy };
  /** `ada`, `grace` and `alan` are known everywhere. */
  readonly password: (username: string) => string;
  /** Whether the directory answers. */
  readonly directoryAnswers: (answers: boolean) => void;
  /** An application's own HTTPS server, which the servers may call: who was told what, by path. */
  readonly told: { readonly path: string; readonly body: string }[];
  close(): Promise<void>;
}

/** What a deployment is made for; `receiver`: the URL of the applications' own server. */
export interface Declared {
  readonly clients: (receiver: string) => readonly ClientRegistration[];
  readonly scopes?: readonly ScopeRegistration[];
  readonly server?: Partial<ServerRegistration>;
  /** Of the one directory. */
  readonly rules?: DirectoryRegistration['consent_rules'];
}

type Closing = (() => Promise<unknown>)[];

async function listener(closing: Closing) {
  const authority = await makeAuthority();
  const sink: TlsSink = await openTlsSink(await authority.issue());
  const told: Deployment['told'] = [];
  sink.answer = (request, response: ServerResponse) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      told.push({ path: request.url ?? '', body });
      response.end();
    });
  };
  closing.push(() => sink.close());
  return { told, receiver: `https://127.0.0.1:${sink.port}`, ca: authority.pem };
}

async function closeAll(closing: Closing): Promise<void> {
  for (const close of closing.toReversed()) await close();
}

const withReceiver = ({ server }: Declared) => ({ ...server, outbound_allowed: ['127.0.0.1/32'] });

export async function oneProcess(declared: Declared): Promise<Deployment> {
  const closing: Closing = [];
  const { told, receiver, ca } = await listener(closing);
  const world = await World.open({
    clients: declared.clients(receiver),
    scopes: declared.scopes ?? [],
    server: withReceiver(declared),
    directories: { [memoryDirectoryId]: aDirectory({ consent_rules: declared.rules ?? [] }) },
    options: { seams: { outbound: { ca } } },
  });
  closing.push(() => world.stop());
  for (const username of ['grace', 'alan']) world.memory.add(username);
  return {
    world,
    processes: world.urls,
    proxy: undefined,
    replicas: [],
    password: (username) => `password-of-${username}`,
    directoryAnswers: (answers) => {
      world.memory.down = !answers;
    },
    told,
    close: () => closeAll(closing),
  };
}

export async function threeProcesses(declared: Declared): Promise<Deployment> {
  const closing: Closing = [];
  const folder = await mkdtemp(join(tmpdir(), 'nauthera-processes-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  const keyFile = join(folder, 'key');
  await writeFile(keyFile, keyFileText(keyEncryptionKey), { mode: 0o600 });
  const { told, receiver, ca } = await listener(closing);
  await writeFile(join(folder, 'ca.pem'), ca);
  const [postgres, slapd] = await Promise.all([startPostgres('newest'), startSlapd()]);
  closing.push(() => postgres.stop());
  closing.push(() => slapd.close());
  const databaseUrl = await postgres.createDatabase();
  const { hostname, port } = new URL(databaseUrl);
  const [database, directory] = await Promise.all([
    startFaultProxy(Number(port), hostname),
    startFaultProxy(slapd.port),
  ]);
  closing.push(() => Promise.all([database.close(), directory.close()]));
  const world = await World.open({
    databaseUrl,
    replicas: 0,
    clients: declared.clients(receiver),
    scopes: declared.scopes ?? [],
    server: withReceiver(declared),
    directories: {
      'shop/people': registrationOf(slapd, {
        servers: [`ldaps://localhost:${directory.port}`],
        consent_rules: declared.rules ?? [],
      }),
    },
  });
  closing.push(() => world.stop());
  const reached = new URL(databaseUrl);
  reached.host = `127.0.0.1:${database.port}`;
  const trusted = { NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') };
  const replicas = await Promise.all(
    [1, 2, 3].map(() => Replica.start({ databaseUrl: reached.href, keyFile, environment: trusted })),
  );
  closing.push(() => Promise.all(replicas.map((replica) => replica.stop())));
  const processes = replicas.map(({ url }) => url);
  const proxy = await startRoundRobin(processes);
  closing.push(() => proxy.close());
  world.urls = [proxy.url];
  return {
    world,
    processes,
    proxy,
    replicas,
    faults: { database, directory },
    password: seedPassword,
    directoryAnswers: (answers) => {
      if (answers) return directory.pass();
      directory.refuse();
      directory.reset();
    },
    told,
    close: () => closeAll(closing),
  };
}
