/**
 * A real PgBouncer in transaction mode before a Postgres of the tests: the program named by `NAUTHERA_TEST_PGBOUNCER`, or the
 * one that is installed. Not there: an error that says what to install.
 */
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from './ports.ts';
import { serviceUser } from './service-user.ts';

export interface PgBouncer {
  /** Major and minor, e.g. `[1, 18]`. */
  readonly version: readonly [number, number];
  /** The same database through it. */
  through(url: string): string;
  stop(): Promise<void>;
}

const run = promisify(execFile);

function program(): string {
  const found = [process.env.NAUTHERA_TEST_PGBOUNCER, '/usr/sbin/pgbouncer', '/usr/bin/pgbouncer'].find(
    (one) => one !== undefined && existsSync(one),
  );
  if (found === undefined)
    throw new Error(
      'no PgBouncer here: install it (Debian: apt-get install pgbouncer), or set NAUTHERA_TEST_PGBOUNCER',
    );
  return found;
}

/**
 * @param options.connections to Postgres; fewer than its clients have, so that they share
 * @param options.settings more lines of its configuration
 */
export async function startPgBouncer(
  postgresUrl: string,
  { connections = 4, settings = [] }: { readonly connections?: number; readonly settings?: readonly string[] } = {},
): Promise<PgBouncer> {
  const binary = program();
  const { stdout } = await run(binary, ['--version']);
  const [, major, minor] = /PgBouncer (\d+)\.(\d+)/.exec(stdout) ?? [];
  const { hostname, port: postgresPort, username } = new URL(postgresUrl);
  const folder = await mkdtemp(join(tmpdir(), 'nauthera-pgbouncer-'));
  const port = await freePort();
  const user = await serviceUser('PgBouncer', ['postgres', 'nobody']);
  await writeFile(join(folder, 'users.txt'), `"${username}" ""\n`);
  await writeFile(
    join(folder, 'pgbouncer.ini'),
    [
      '[databases]',
      `* = host=${hostname} port=${postgresPort}`,
      '[pgbouncer]',
      `listen_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =`,
      `auth_type = trust\nauth_file = ${join(folder, 'users.txt')}`,
      `pool_mode = transaction\ndefault_pool_size = ${connections}\nmax_client_conn = 200`,
      ...settings,
      '',
    ].join('\n'),
  );
  await chmod(folder, 0o755);
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  const child = spawn(binary, [join(folder, 'pgbouncer.ini')], { ...user, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-4000);
  });
  const endsWithUs = () => child.kill('SIGKILL');
  process.once('exit', endsWithUs);
  child.once('exit', () => process.removeListener('exit', endsWithUs));
  const through = (url: string): string => {
    const at = new URL(url);
    at.host = `127.0.0.1:${port}`;
    return at.href;
  };
  for (const deadline = Date.now() + 120_000; !(await answers(through(postgresUrl))); await sleep(50)) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`PgBouncer does not answer:\n${log}`);
  }
  return {
    version: [Number(major), Number(minor)],
    through,
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null) {
        child.kill('SIGINT');
        await Promise.race([ended, sleep(5_000).then(() => child.kill('SIGKILL'))]);
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}
