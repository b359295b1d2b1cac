/**
 * A container engine for the suite that proves the container path. One that runs is used as it is; otherwise, as root on
 * Debian, `dockerd` is started with its own folders and socket and without a bridge or firewall rules, so that it leaves
 * nothing behind. Containers share the host's network.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { servicesArchive } from './debian-archive.ts';
import { freePort } from './ports.ts';

const run = promisify(execFile);
export const postgresImage = 'nauthera-test/postgres:15';

export interface Engine {
  /** For `DOCKER_HOST`; `undefined`: the engine that runs anyway. */
  readonly host: string | undefined;
  stop(): Promise<void>;
}

export async function startEngine(): Promise<Engine> {
  if (process.env.DOCKER_HOST !== undefined || existsSync('/var/run/docker.sock')) {
    return { host: process.env.DOCKER_HOST, stop: () => Promise.resolve() };
  }
  if (process.getuid?.() !== 0 || !existsSync('/usr/sbin/dockerd')) {
    throw new Error('no container engine here: start one, or as root on Debian: apt-get install docker.io debootstrap');
  }
  const folder = await mkdtemp(join(tmpdir(), 'nauthera-engine-'));
  const socket = `unix://${folder}/socket`;
  const daemon = spawn(
    'dockerd',
    [
      '--data-root',
      join(folder, 'data'),
      '--exec-root',
      join(folder, 'exec'),
      '-H',
      socket,
      '--pidfile',
      join(folder, 'pid'),
      '--bridge=none',
      '--iptables=false',
      '--ip6tables=false',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  daemon.stderr?.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-4000);
  });
  process.once('exit', () => daemon.kill('SIGTERM'));
  const stop = () => stopEngine(daemon, folder);
  for (const deadline = Date.now() + 60_000; ; await sleep(200)) {
    if (daemon.exitCode !== null) throw new Error(`dockerd ended while starting:\n${log}`);
    if (await docker(socket, ['version']).then(Boolean, () => false)) return { host: socket, stop };
    if (Date.now() > deadline) {
      await stop();
      throw new Error(`dockerd did not start within 60 s:\n${log}`);
    }
  }
}

async function stopEngine(daemon: ChildProcess, folder: string): Promise<void> {
  if (daemon.exitCode === null) {
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGTERM');
    await ended;
  }
  daemon.stderr?.destroy();
  // The network namespace of host-networked containers stays mounted below exec-root.
  await run('umount', ['-l', join(folder, 'exec/netns/default')]).catch(() => undefined);
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

/** Standard output. @throws with the end of what it said */
export async function docker(host: string | undefined, args: readonly string[]): Promise<string> {
  const env = host === undefined ? process.env : { ...process.env, DOCKER_HOST: host };
  try {
    return (await run('docker', [...args], { env, maxBuffer: 1 << 26 })).stdout;
  } catch (error) {
    // A build tells on standard output what went wrong.
    const said = error instanceof Error && 'stdout' in error ? String(error.stdout).slice(-4000) : '';
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${said}`, { cause: error });
  }
}

/**
 * An image with Postgres from Debian's packages, made with `debootstrap` and kept in the cache folder; no image registry is
 * asked.
 */
export async function importPostgresImage(engine: Engine): Promise<void> {
  const archive = await servicesArchive();
  await docker(engine.host, [
    'import',
    '--change',
    'USER postgres',
    '--change',
    'ENV PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin',
    archive,
    postgresImage,
  ]);
}

/** Postgres 15 in a container, through testcontainers. */
export async function startPostgresInContainer(engine: Engine): Promise<{ url: string; stop(): Promise<void> }> {
  await importPostgresImage(engine);
  // The reaper is an image of its own, which cannot be had without a registry; the suite stops what it starts.
  process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';
  if (engine.host !== undefined) process.env.DOCKER_HOST = engine.host;
  // It would look for a bridge to find the host's address, and there is none.
  process.env.TESTCONTAINERS_HOST_OVERRIDE = '127.0.0.1';
  const { GenericContainer, Wait } = await import('testcontainers');
  const port = await freePort();
  const script = `initdb -D /tmp/data -A trust -U postgres >/dev/null && exec postgres -D /tmp/data -p ${port} -c listen_addresses=127.0.0.1 -c fsync=off`;
  const container = await new GenericContainer(postgresImage)
    .withNetworkMode('host')
    .withCommand(['sh', '-c', script])
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/))
    .start();
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    stop: async () => {
      await container.stop();
    },
  };
}
