/** `nauthera-server` as a process: usage, settings, exit codes, signals. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.ts';

const main = fileURLToPath(new URL('../../server/src/main.ts', import.meta.url));
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nauthera-cli-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A program that rejects a promise so many milliseconds after somebody listens for that. */
const laterThan = (event: string, milliseconds: number) => `
  const waiting = setInterval(() => {
    if (process.listenerCount('${event}') === 0) return;
    clearInterval(waiting);
    setTimeout(() => { Promise.reject(new RangeError(['canary', 'in', 'a', 'message'].join('-'))) }, ${milliseconds});
  }, 10);
`;

function run(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const env = { PATH: process.env.PATH ?? '', HOME: folder, ...environment };
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    output.out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output.err += chunk.toString();
  });
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, ...output }));
  });
  return { child, output, ended };
}

describe('usage and settings', () => {
  it.each([
    [['--version'], 0, /^nauthera \d+\.\d+\.\d+ \(.+, node \d+\./],
    [['serve', '--help'], 0, /NAUTHERA_DATABASE_FILE[\s\S]*Examples:/],
    [['serv'], 2, /Did you mean serve/],
    [['serve', '--listne', 'x'], 2, /Did you mean --listen/],
    [
      ['serve', '--listen', 'nowhere'],
      2,
      /--database is needed[\s\S]*--key-file is needed[\s\S]*--listen: must be HOST:PORT/,
    ],
    [['keys', 'revoke', 'x', '--database', 'pglite:'], 2, /say --yes/],
  ])('%j ends with %i', async (args, code, text) => {
    const { code: found, out, err } = await run(args).ended;
    expect(out + err).toMatch(text);
    expect(found).toBe(code);
  });

  it('what it does not do of traces is refused with all other problems, and only where there is an endpoint', async () => {
    const traces = { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_TRACES_SAMPLER: 'sometimes' };
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4317' };
    const refused = await run(['serve', '--listen', 'nowhere'], { ...traces, ...endpoint }).ended;
    expect([refused.code, refused.err]).toEqual([
      2,
      expect.stringMatching(
        /--listen: must be[\s\S]*OTEL_EXPORTER_OTLP_PROTOCOL: must be http\/protobuf[\s\S]*OTEL_TRACES_SAMPLER: must/,
      ),
    ]);
    expect((await run(['serve', '--listen', 'nowhere'], traces).ended).err).not.toContain('OTEL');
  });

  it('I4: a password in a URL is never shown', async () => {
    const url = 'mysql://nauthera:geheim@db/x';
    const { code, out, err } = await run(['serve', '--database', url, '--key-file', join(folder, 'k')]).ended;
    expect(code).toBe(2);
    expect(out + err).not.toContain('geheim');
  });
});

describe('what was asked for cannot be had', () => {
  it.each([
    [
      'a folder that is a file',
      ['--database', `pglite:${main}`],
      /^the database folder .*main\.ts is no folder: choose another$/m,
    ],
    [
      'an address of another machine',
      ['--database', 'pglite:', '--listen', '203.0.113.9:8080', '--management', '127.0.0.1:0'],
      /^--listen 203\.0\.113\.9:8080 is no address of this machine/m,
    ],
  ])('%s: one line, and 2', async (_title, args, text) => {
    const { code, err } = await run(['serve', '--key-file', join(folder, 'refused-key'), ...args]).ended;
    expect([code, err]).toEqual([2, expect.stringMatching(text)]);
  });
});

describe('a life', () => {
  it('serves, drains after SIGTERM and ends with 0; keys are listed and revoked', async () => {
    const database = `pglite:${join(folder, 'data')}`;
    const keyFile = join(folder, 'key');
    const early = await run(['keys', 'list', '--database', database]).ended;
    expect([early.code, early.err]).toEqual([1, expect.stringContaining('run nauthera-server migrate')]);
    const [port, management] = await Promise.all([freePort(), freePort()]);
    const server = run(['serve', '--key-file', keyFile, '--log-format', 'json'], {
      NAUTHERA_DATABASE: database,
      NAUTHERA_LISTEN: `127.0.0.1:${port}`,
      NAUTHERA_MANAGEMENT: `127.0.0.1:${management}`,
    });
    const alive = async () => {
      for (const deadline = Date.now() + 200_000; ; ) {
        const response = await fetch(`http://127.0.0.1:${management}/readyz`).catch(() => undefined);
        if (response !== undefined) return response;
        if (Date.now() > deadline || server.child.exitCode !== null) throw new Error(JSON.stringify(server.output));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    const response = await alive();
    // No operator has declared a server.
    expect([response.status, await response.text()]).toEqual([503, expect.stringMatching(/^registry: /)]);
    server.child.kill('SIGTERM');
    const { code, out } = await server.ended;
    expect(code).toBe(0);
    expect(existsSync(keyFile)).toBe(true);
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string; 'service.name': string });
    expect(lines.every((line) => line['service.name'] === 'nauthera-server')).toBe(true);
    expect(lines.map(({ msg }) => msg)).toEqual(expect.arrayContaining(['listening', 'shutting down', 'stopped']));
    expect(out).not.toContain(database);

    const listed = await run(['keys', 'list', '--database', database, '-o', 'json']).ended;
    expect([listed.code, listed.out.trim()]).toEqual([0, '[]']);
    const revoked = await run(['keys', 'revoke', 'unknown', '--yes', '--database', database]).ended;
    expect([revoked.code, revoked.out.trim()]).toEqual([1, 'there is no such key']);
    const again = await run(['migrate', '--database', database]).ended;
    expect([again.code, again.out.trim()]).toEqual([0, 'nothing to do']);
  });

  it('I8: a rejection that nobody took ends it with 1, and tells its kind and place alone', async () => {
    // Seconds after it is ready for one, whenever that is.
    const surprise = laterThan('unhandledRejection', 5000);
    const [port, management] = await Promise.all([freePort(), freePort()]);
    const { code, out, err } = await run(
      [
        'serve',
        '--key-file',
        join(folder, 'key'),
        '--listen',
        `127.0.0.1:${port}`,
        '--management',
        `127.0.0.1:${management}`,
      ],
      {
        NAUTHERA_DATABASE: `pglite:${join(folder, 'data')}`,
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(surprise)}`,
      },
    ).ended;
    expect(code).toBe(1);
    expect(out).toMatch(/unexpected error, the process ends/);
    expect(out).toContain('RangeError');
    expect(out + err).not.toContain('canary-in-a-message');
  });
});
