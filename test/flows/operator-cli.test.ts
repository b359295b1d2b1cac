/** `nauthera-operator` as a process: usage, settings, exit codes, signals, and what it leaves behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.ts';
import { aClientFile, aScopeFile, aServerFile, until } from '../support/product.ts';

const main = fileURLToPath(new URL('../../operator/src/main.ts', import.meta.url));
let folder = '';
const children: ChildProcess[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nauthera-operator-cli-'));
  await mkdir(join(folder, 'good'));
  await writeFile(join(folder, 'good/all.yaml'), `${aServerFile()}---\n${aScopeFile()}---\n${aClientFile()}`);
  await writeFile(join(folder, 'bad.yaml'), aClientFile('  redirectUrls: []\n'));
});
afterAll(async () => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

/** A program that rejects a promise so many milliseconds after somebody listens for that. */
const laterThan = (event: string, milliseconds: number) => `
  const waiting = setInterval(() => {
    if (process.listenerCount('${event}') === 0) return;
    clearInterval(waiting);
    setTimeout(() => { Promise.reject(new RangeError(['canary', 'in', 'a', 'message'].join('-'))) }, ${milliseconds});
  }, 10);
`;

function run(args: readonly string[], environment: Readonly<Record<string, string>> = {}, input?: string) {
  const env = { PATH: process.env.PATH ?? '', HOME: folder, ...environment };
  const child = spawn(process.execPath, [main, ...args], { env, cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] });
  children.push(child);
  const output = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    output.out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output.err += chunk.toString();
  });
  child.stdin.end(input ?? '');
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, ...output }));
  });
  return { child, output, ended };
}

describe('nauthera-operator check', () => {
  it.each<[string, readonly string[], string | undefined, number, RegExp]>([
    ['a folder without problems', ['check', 'good'], undefined, 0, /^3 resources, 0 problems$/m],
    [
      'a file with one',
      ['check', 'bad.yaml'],
      undefined,
      1,
      /^bad\.yaml:7:3 spec\.redirectUrls: unknown field.*\n1 resource, 1 problem$/m,
    ],
    ['standard input', ['check', '-'], aClientFile('  redirectUrls: []\n'), 1, /^-:7:3 spec\.redirectUrls/m],
    ['several at once', ['check', 'good', 'bad.yaml'], undefined, 1, /^4 resources, \d+ problems?$/m],
    ['a path that is not there', ['check', 'nowhere'], undefined, 2, /nowhere does not exist/],
    ['no path', ['check'], undefined, 2, /path/],
    ['an unknown command', ['chek'], undefined, 2, /Did you mean check/],
    ['an unknown option', ['check', '--fast', 'good'], undefined, 2, /--fast/],
    ['help', ['check', '--help'], undefined, 0, /Exits 0 when all is well, 1 with problems[^]*Examples:/],
    ['the version', ['--version'], undefined, 0, /^nauthera \d+\.\d+\.\d+ \(.+, node \d+\./],
  ])('%s', async (_title, args, input, code, text) => {
    const ended = await run(args, {}, input).ended;
    expect(ended.out + ended.err).toMatch(text);
    expect(ended.code).toBe(code);
  });
});

describe('nauthera-operator standalone', () => {
  it('all problems of its settings at once, each with its source, and no secret', async () => {
    const { code, out, err } = await run(['standalone', '--listen', 'nowhere'], {
      NAUTHERA_DATABASE: 'mysql://a:canary-password@db/x',
      NAUTHERA_LOG_LEVEL: 'loud',
    }).ended;
    expect(code).toBe(2);
    for (const part of ['--resources', '--listen', 'NAUTHERA_DATABASE', 'NAUTHERA_LOG_LEVEL'])
      expect(err).toContain(part);
    expect(out + err).not.toContain('canary-password');
  });

  it('I4: a password in a flag is warned about, never shown; a signal ends what still waits for its database', async () => {
    const { child, output, ended } = run([
      'standalone',
      '--resources=good',
      '--listen=127.0.0.1:0',
      '--management=127.0.0.1:0',
      '--database=postgres://u:canary-password@127.0.0.1:1/x',
    ]);
    await until('a warning', () => Promise.resolve(/a password in a flag.*NAUTHERA_DATABASE_FILE/.test(output.err)));
    const waiting = /waiting for the database, \d+ s: no answer from the database: .*ECONNREFUSED/;
    await until('it waits', () => Promise.resolve(waiting.test(output.err)));
    child.kill('SIGTERM');
    const { code, out, err } = await ended;
    // One that has waited in vain ends with another.
    expect(code).toBe(0);
    expect(out + err).not.toContain('canary-password');
  });

  it('a folder that is not there, and a port that is taken, end with 2 and say what to do', async () => {
    const holder = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => holder.listen(port, '127.0.0.1', resolve));
    const common = ['--database', `pglite:${join(folder, 'taken')}`, '--management', '127.0.0.1:0'];
    const absent = await run(['standalone', '--resources', 'absent', '--listen', '127.0.0.1:0', ...common]).ended;
    expect([absent.code, absent.err]).toEqual([2, expect.stringMatching(/--resources absent is not a folder/)]);
    const taken = await run(['standalone', '--resources', 'good', '--listen', `127.0.0.1:${port}`, ...common]).ended;
    expect([taken.code, taken.err]).toEqual([
      2,
      expect.stringMatching(new RegExp(`--listen 127.0.0.1:${port} is in use`)),
    ]);
    holder.close();
  });

  it.each([
    [
      'a database folder',
      ['--database', 'pglite:bad.yaml'],
      /^the database folder bad\.yaml is no folder: choose another$/m,
    ],
    [
      'a secrets folder',
      ['--database', 'pglite:secretless', '--secrets', 'bad.yaml'],
      /^the secrets folder \S+bad\.yaml cannot be made/m,
    ],
  ])('%s that is a file ends with 2', async (_title, args, text) => {
    const common = ['--resources', 'good', '--listen', '127.0.0.1:0', '--management', '127.0.0.1:0'];
    const { code, err } = await run(['standalone', ...common, ...args]).ended;
    expect([code, err]).toEqual([2, expect.stringMatching(text)]);
  });

  it('serves, shows its table and its status, keeps its secrets private, drains after SIGTERM and ends with 0', async () => {
    const [port, management] = await Promise.all([freePort(), freePort()]);
    const secrets = join(folder, 'secrets');
    const key = join(folder, 'the-key');
    const { child, output, ended } = run(
      ['standalone', '--resources', 'good', '--secrets', secrets, '--key-file', key],
      {
        NAUTHERA_DATABASE: `pglite:${join(folder, 'data')}`,
        NAUTHERA_LISTEN: `127.0.0.1:${port}`,
        NAUTHERA_MANAGEMENT: `127.0.0.1:${management}`,
        NO_COLOR: '1',
      },
    );
    const alive = () => (child.exitCode === null ? undefined : JSON.stringify(output));
    await until('the client is ready', async () => {
      if (alive() !== undefined) throw new Error(alive());
      return /^shop +batch +True/m.test(output.out);
    });
    expect(output.out).toMatch(/^NAMESPACE +NAME +READY +REASON +CLIENT ID +SECRET +AGE$/m);
    // It comes by another pipe than the table.
    await expect
      .poll(() => output.err)
      .toContain(`serving on http://127.0.0.1:${port}, status on http://127.0.0.1:${management}/status`);
    const status = (await (await fetch(`http://127.0.0.1:${management}/status`)).json()) as { resources: unknown[] };
    expect(status.resources).toHaveLength(3);
    const path = join(secrets, 'shop/batch-oauth2.yaml');
    const modes = await Promise.all([path, secrets, key].map(async (one) => (await stat(one)).mode & 0o777));
    expect(modes).toEqual([0o600, 0o700, 0o600]);
    const secret = /client-secret: (\S+)/.exec(await readFile(path, 'utf8'))?.[1] ?? '';
    const token = await fetch(`http://127.0.0.1:${port}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`shop.batch:${secret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    expect(token.status).toBe(200);
    child.kill('SIGTERM');
    const { code, out, err } = await ended;
    expect([code, (out + err).includes(secret)]).toEqual([0, false]);
    await expect(fetch(`http://127.0.0.1:${port}/jwks`)).rejects.toThrow();
  });

  it('I8: a rejection that nobody took ends it with 1, and tells its kind and place alone', async () => {
    // Seconds after it is ready for one, whenever that is.
    const surprise = laterThan('unhandledRejection', 5000);
    const { code, out, err } = await run(
      ['standalone', '--resources=good', '--listen=127.0.0.1:0', '--management=127.0.0.1:0'],
      {
        NAUTHERA_DATABASE: `pglite:${join(folder, 'surprised')}`,
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(surprise)}`,
      },
    ).ended;
    expect(code).toBe(1);
    expect(err).toMatch(/unexpected error, the process ends.*RangeError/);
    expect(out + err).not.toContain('canary-in-a-message');
  });
});
