/**
 * The image as a hardened cluster runs it: any uid with group 0, a read-only root, no capabilities, no network but the
 * loopback device that it shares with its database.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { docker as dockerAt, type Engine, importPostgresImage, postgresImage, startEngine } from '../support/engine.ts';
import { buildImage, image } from '../support/image.ts';

let engine: Engine;
let folder: string;
const names: string[] = [];

const docker = (...args: readonly string[]): Promise<string> => dockerAt(engine.host, args);
const hardened = [
  '--read-only',
  '--tmpfs=/tmp',
  '--user=1234567890:0',
  '--cap-drop=ALL',
  '--security-opt=no-new-privileges',
];
const alone = ['--network=none'];
const withDatabase = ['--network=container:nauthera-image-postgres'];

/** Standard output of a program that ends. */
const run = (options: readonly string[], ...command: readonly string[]): Promise<string> =>
  docker('run', '--rm', ...hardened, ...options, image, ...command);

/** Runs on. */
const start = (name: string, options: readonly string[], command: readonly string[]): Promise<string> =>
  docker('run', '--detach', `--name=${name}`, ...hardened, ...options, image, ...command);

const authorizationServer = `apiVersion: auth.nauthera.io/v1alpha1
kind: AuthorizationServer
metadata: {name: default, namespace: auth}
spec: {issuer: 'http://127.0.0.1:8080'}
`;

beforeAll(async () => {
  engine = await startEngine();
  folder = await mkdtemp(join(tmpdir(), 'nauthera-image-test-'));
  await Promise.all([buildImage(engine), importPostgresImage(engine)]);
  // The first run builds the image.
}, 900_000);

afterAll(async () => {
  for (const name of names) await docker('rm', '--force', '--volumes', name).catch(() => undefined);
  await engine?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

describe('the image', () => {
  it('starts both programs without a shell, which say version, commit and Node', async () => {
    for (const program of ['nauthera-server', 'nauthera-operator'])
      expect(await run(alone, program, '--version')).toBe(`nauthera 0.1.0 (this, node ${process.versions.node})\n`);
  });

  it('names a user by number and group 0, no entry point, and says what it is', async () => {
    const [info] = JSON.parse(await docker('image', 'inspect', image)) as [
      { readonly Size: number; readonly Config: Record<string, unknown> },
    ];
    expect(info.Config).toMatchObject({ User: '10001:0', Cmd: ['nauthera-operator', '--help'] });
    expect(info.Config.Entrypoint ?? null).toBeNull();
    expect(info.Config.Labels).toMatchObject({ 'org.opencontainers.image.revision': 'this' });
    console.log(`the image is ${Math.round(info.Size / 1e6)} MB`);
    // Node alone is 130 MB, Debian 80 to 100 MB.
    expect(info.Size).toBeLessThan(320e6);
  });

  it('holds files that group 0 reads and nobody but root writes, and the licences', async () => {
    const walk = `
      const { readdirSync, statSync, accessSync, constants } = require('node:fs');
      const files = readdirSync('/opt/nauthera', { recursive: true }).map((name) => '/opt/nauthera/' + name);
      const wrong = [...files, '/usr/local/bin/node'].filter((file) => {
        accessSync(file, constants.R_OK);
        const { mode, uid } = statSync(file);
        return uid !== 0 || (mode & 0o022) !== 0 || (mode & 0o044) !== 0o044;
      });
      console.log(JSON.stringify({ files: files.length, wrong, licences: files.filter((file) => /LICENSE/.test(file)) }));`;
    const found: unknown = JSON.parse(await run(alone, 'node', '-e', walk));
    expect(found).toMatchObject({ wrong: [] });
    expect(found).toHaveProperty('licences.length', 2);
    expect(found).toHaveProperty(
      'files',
      expect.toSatisfy((count: number) => count > 10 && count < 60),
    );
  });

  it('checks resources from standard input', async () => {
    const args = ['run', '--rm', '-i', ...hardened, ...alone, image, 'nauthera-operator', 'check', '-'];
    const env = { ...process.env, ...(engine.host === undefined ? {} : { DOCKER_HOST: engine.host }) };
    const checking = promisify(execFile)('docker', args, { env });
    checking.child.stdin?.end(
      'apiVersion: auth.nauthera.io/v1alpha1\nkind: Scope\nmetadata: {name: read, namespace: shop}\nspec: {displayName: Read, description: Reads}\n',
    );
    expect((await checking).stdout).toContain('1 resource, ');
  });

  it('runs operator and server in one process on the embedded database, and the probe finds it', async () => {
    await mkdir(join(folder, 'resources'));
    await writeFile(join(folder, 'resources/server.yaml'), authorizationServer);
    await chmod(folder, 0o755);
    names.push('nauthera-image-standalone');
    const settings = ['--listen=127.0.0.1:8080', '--database=pglite:/tmp/database', '--secrets=/tmp/secrets'];
    await start(
      'nauthera-image-standalone',
      [...alone, `--volume=${folder}/resources:/resources:ro`],
      ['nauthera-operator', 'standalone', '--resources=/resources', ...settings],
    );
    const probe = ['nauthera-server', 'probe', '--timeout=240', '-o', 'json', 'http://127.0.0.1:8080'];
    const found: unknown = JSON.parse(await docker('exec', 'nauthera-image-standalone', ...probe));
    expect(found).not.toEqual([]);
  }, 300_000);

  it('migrates a database, serves it and drains on SIGTERM', async () => {
    await startPostgres();
    await mkdir(join(folder, 'database'));
    await writeFile(join(folder, 'database/uri'), 'postgres://postgres@127.0.0.1:5432/postgres');
    await writeFile(join(folder, 'key'), randomBytes(32).toString('base64'));
    // As a Secret is mounted: root's, for group 0 to read.
    for (const path of ['', 'database']) await chmod(join(folder, path), 0o750);
    for (const path of ['key', 'database/uri']) await chmod(join(folder, path), 0o440);
    const settings = [
      ...withDatabase,
      `--volume=${folder}:/var/run/nauthera:ro`,
      '--env=NAUTHERA_DATABASE_FILE=/var/run/nauthera/database/uri',
    ];
    expect(await run(settings, 'nauthera-server', 'migrate')).toMatch(/^\d+ migrations done\n$/);

    names.push('nauthera-image-server');
    const listening = ['--env=NAUTHERA_LISTEN=0.0.0.0:8080', '--env=NAUTHERA_MANAGEMENT=0.0.0.0:9090'];
    const keys = ['--env=NAUTHERA_KEY_FILE=/var/run/nauthera/key', '--env=NAUTHERA_MIGRATIONS=never'];
    await start('nauthera-image-server', [...settings, ...listening, ...keys], ['nauthera-server', 'serve']);
    const ask = "fetch('http://127.0.0.1:9090/livez').then(({ status }) => console.log(status), () => console.log(0))";
    // When it has ended there is nothing to run in: then its log is the answer.
    const status = () =>
      docker('exec', 'nauthera-image-server', 'node', '-e', ask).catch(() => docker('logs', 'nauthera-image-server'));
    await expect.poll(status, { timeout: 60_000, interval: 500 }).toBe('200\n');
    await docker('stop', '--time=60', 'nauthera-image-server');
    expect(await docker('inspect', '--format={{.State.ExitCode}}', 'nauthera-image-server')).toBe('0\n');
  }, 180_000);
});

async function startPostgres(): Promise<void> {
  names.push('nauthera-image-postgres');
  const script =
    'initdb -D /tmp/data -A trust -U postgres >/dev/null && exec postgres -D /tmp/data -c listen_addresses=127.0.0.1 -c unix_socket_directories=/tmp -c fsync=off';
  const options = ['--detach', '--name=nauthera-image-postgres', '--network=none'];
  await docker('run', ...options, postgresImage, 'sh', '-c', script);
  const isReady = () =>
    docker('exec', 'nauthera-image-postgres', 'pg_isready', '-h', '127.0.0.1').then(
      () => true,
      () => false,
    );
  await expect.poll(isReady, { timeout: 60_000, interval: 500 }).toBe(true);
}
