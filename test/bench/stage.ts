/** The processes of a bench: each on the core that is meant for it, all of them ended by their id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createSealer } from '../../server/src/keys/sealer.ts';
import { openRegistry } from '../../server/src/registry/open-registry.ts';
import type {
  ClientRegistration,
  DirectoryRegistration,
  ServerRegistration,
} from '../../server/src/registry/registration.ts';
import { migrate } from '../../server/src/store/migrate.ts';
import { openDatabase } from '../../server/src/store/open.ts';
import { aClient, anOwner, aServer } from '../support/builders.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { freePort } from '../support/ports.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { keyFileText } from '../support/replica.ts';
import { aDirectory } from '../support/world.ts';

export const keyEncryptionKey = Buffer.alloc(32, 7);
/** The server alone on the first core; generator, Postgres and everything else on the others. */
const pins = existsSync('/usr/bin/taskset') && cpus().length > 1;
export const generatorCores = pins ? `1-${cpus().length - 1}` : undefined;

export interface Running {
  readonly url: string;
  readonly pid: number;
  /** Milliseconds from its start until it said that it serves. */
  readonly startTime: number;
}

export class Stage {
  readonly #children: ChildProcess[] = [];
  readonly #ends: (() => Promise<unknown>)[] = [];
  #postgres: Promise<TestPostgres> | undefined;
  readonly #databases: string[] = [];

  /** A durable Postgres, the newest that is supported. */
  postgres(): Promise<TestPostgres> {
    this.#postgres ??= startPostgres('newest').then((postgres) => {
      this.#ends.push(() => postgres.stop());
      return postgres;
    });
    return this.#postgres;
  }

  /** A new empty database; its URL. */
  async database(): Promise<string> {
    const url = await (await this.postgres()).createDatabase();
    this.#databases.push(url);
    return url;
  }

  /**
   * What the database does by itself within a minute: until it knows how much its tables hold, it plans for empty ones, and
   * a bench fills them faster than that.
   */
  async analyze(): Promise<void> {
    for (const connectionString of this.#databases) {
      const client = new pg.Client({ connectionString });
      await client.connect();
      try {
        await client.query('ANALYZE');
      } finally {
        await client.end();
      }
    }
  }

  async folder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'nauthera-bench-'));
    this.#ends.push(() => rm(folder, { recursive: true, force: true }));
    return folder;
  }

  /** Runs when the bench is over. */
  atEnd(end: () => Promise<unknown>): void {
    this.#ends.push(end);
  }

  /**
   * Starts a program that sends the message `ready` once it serves. What it writes is thrown away: the work of a log line is
   * part of a request, the work of its reader is not.
   *
   * @param environment beside our own; `PORT` is where it has to listen.
   */
  async program(
    file: string,
    environment: Readonly<Record<string, string>>,
    args: readonly string[] = [],
  ): Promise<Running> {
    const port = environment.PORT ?? String(await freePort());
    const began = performance.now();
    const child = this.#spawn([file, ...args], { ...environment, PORT: port }, 'ipc');
    const ready = new Promise<void>((resolve) => child.on('message', (message) => message === 'ready' && resolve()));
    const pid = await this.#started(file, child, ready);
    return { url: `http://127.0.0.1:${port}`, pid, startTime: performance.now() - began };
  }

  /** As {@link program}, for one that sends no message: it serves once this URL answers with 200. */
  async command(
    file: string,
    args: readonly string[],
    { url, ready }: { url: string; ready: string },
  ): Promise<Running> {
    const began = performance.now();
    const child = this.#spawn([file, ...args], {});
    const pid = await this.#started(file, child, untilOk(ready, child));
    return { url, pid, startTime: performance.now() - began };
  }

  #spawn(args: readonly string[], environment: Readonly<Record<string, string>>, channel?: 'ipc'): ChildProcess {
    const [command, ...rest] = [...(pins ? ['taskset', '-c', '0'] : []), process.execPath, ...args];
    const child = spawn(command ?? process.execPath, rest, {
      env: { ...process.env, NODE_ENV: 'production', ...environment },
      stdio: ['ignore', 'ignore', 'inherit', channel],
    });
    this.#children.push(child);
    const endsWithUs = () => child.kill('SIGKILL');
    process.once('exit', endsWithUs);
    child.once('exit', () => process.removeListener('exit', endsWithUs));
    return child;
  }

  /** Its process id, once `ready` resolves. */
  async #started(file: string, child: ChildProcess, ready: Promise<void>): Promise<number> {
    const ended = new Promise<never>((_, reject) =>
      child.once('exit', (code) => reject(new Error(`${file} ended with ${code}`))),
    );
    await Promise.race([ready, ended]);
    if (child.pid === undefined) throw new Error(`${file} did not start`);
    return child.pid;
  }

  /** Ends what one bench started; the database of all of them stays. */
  async strike(child: Running): Promise<void> {
    await endOf(this.#children.find(({ pid }) => pid === child.pid));
  }

  async close(): Promise<void> {
    await Promise.all(this.#children.map(endOf));
    for (const end of this.#ends.reverse()) await end();
  }
}

async function untilOk(url: string, child: ChildProcess): Promise<void> {
  const answer = () => fetch(url).catch(() => undefined);
  while (child.exitCode === null && (await answer())?.ok !== true) await sleep(5);
}

async function endOf(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const cut = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(cut);
}

/** Seconds of CPU of all threads of a process so far, to the nanosecond; `undefined` where /proc does not tell. */
export function cpuOf(pid: number): number | undefined {
  try {
    let nanoseconds = 0;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    }
    return nanoseconds / 1e9;
  } catch {
    return undefined;
  }
}

/** MiB that a process holds in memory. */
export function memoryOf(pid: number): number | undefined {
  try {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  } catch {
    return undefined;
  }
}

export const clientIdOf = (index: number): string => `bench.app-${index}`;
export const redirectUri = 'https://app.example.com/cb';

export interface Declared {
  readonly databaseUrl: string;
  readonly keyFile: string;
  readonly issuer: string;
  readonly port: string;
}

export interface Declaration {
  readonly clients: number;
  readonly client?: Partial<ClientRegistration>;
  readonly server?: Partial<ServerRegistration>;
  /** Default: one that nobody asks, as people are in memory. */
  readonly directory?: DirectoryRegistration;
}

/** A database with this many clients (secret `secret-of-<id>`), a directory, and a server that is not started yet. */
export async function declare(
  stage: Stage,
  { clients, client = {}, server = {}, directory = aDirectory() }: Declaration,
): Promise<Declared> {
  const databaseUrl = await stage.database();
  const port = String(await freePort());
  const issuer = `http://127.0.0.1:${port}`;
  const keyFile = join(await stage.folder(), 'key');
  await writeFile(keyFile, keyFileText(keyEncryptionKey), { mode: 0o600 });
  const database = await openDatabase(databaseUrl);
  try {
    await migrate(database);
    const registry = openRegistry({
      database,
      fence: { source: 'test', leaseCreated: Date.now(), leaseTransitions: 0 },
      sealer: createSealer([keyEncryptionKey]),
    });
    await registry.put({
      kind: 'server',
      id: 'self',
      owner: anOwner('server'),
      // Behind a proxy that is trusted: each sign-in may come from an address of its own, as in life.
      value: aServer({ issuer, trusted_proxies: { cidrs: ['127.0.0.0/8'], header: 'x-forwarded-for' }, ...server }),
    });
    const [namespace = '', name = ''] = memoryDirectoryId.split('/');
    await registry.put({
      kind: 'directory',
      id: memoryDirectoryId,
      owner: { ...anOwner('people'), namespace, name },
      value: directory,
    });
    for (let from = 0; from < clients; from += 500) {
      const batch = Array.from({ length: Math.min(500, clients - from) }, (_, index) => {
        const id = clientIdOf(from + index);
        return {
          kind: 'client',
          id,
          owner: anOwner(id, { namespace: 'bench' }),
          value: benchClient(id, client),
        } as const;
      });
      const results = await registry.putMany(batch);
      const bad = results.find(({ outcome }) => outcome !== 'written');
      if (bad !== undefined) throw new Error(JSON.stringify(bad));
    }
  } finally {
    await database.close();
  }
  return { databaseUrl, keyFile, issuer, port };
}

function benchClient(id: string, more: Partial<ClientRegistration>): ClientRegistration {
  return aClient(id)
    .with({
      client_name: 'An application',
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      redirect_uris: [redirectUri],
      scopes: ['openid', 'profile', 'email'],
      default_scopes: [],
      id_token_signed_response_alg: 'ES256',
      ...more,
    })
    .build();
}

/** Our server over that database, with logs and metrics as in production; users are in memory, or `live` in the directory. */
export function serve(
  stage: Stage,
  declared: Declared,
  people: 'memory' | 'live' = 'memory',
  environment: Readonly<Record<string, string>> = {},
): Promise<Running> {
  return stage.program(new URL('servers/ours.ts', import.meta.url).pathname, {
    PORT: declared.port,
    DATABASE_URL: declared.databaseUrl,
    KEY_FILE: declared.keyFile,
    PEOPLE: people,
    ...environment,
  });
}

export const basic = (id: string): string => `Basic ${Buffer.from(`${id}:secret-of-${id}`).toString('base64')}`;
