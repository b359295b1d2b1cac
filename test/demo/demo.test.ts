import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browser, requirePage } from '../../examples/src/check/browser.ts';
import { readMarkdown } from './markdown.ts';

/**
 * The demo as its README has it, in a copy of the sources: what a person would leave behind in `examples/resources` must
 * not end in this checkout.
 */
const root = join(import.meta.dirname, '../..');
const copied = ['package.json', 'package-lock.json', 'setup.mjs', 'crds', 'server', 'operator', 'examples'];
/** Issuer, status, application, directory, own application. */
const ports = [9400, 9401, 9500, 9636, 9501];
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nauthera-readme-'));
  const isSource = (path: string) => !/\/(node_modules|\.demo|generated)$/.test(path);
  for (const name of copied) await cp(join(root, name), join(folder, name), { recursive: true, filter: isSource });
  await mkdir(join(folder, 'test'));
  await cp(join(root, 'test/package.json'), join(folder, 'test/package.json'));
  await installLinks();
});

/**
 * The packages that are installed here, each as a link, and the stamp that says so: were the set-up to install after all,
 * it would replace links. A link to the whole folder would have it empty this checkout's.
 */
async function installLinks(): Promise<void> {
  const installed = join(root, 'node_modules');
  const packages = join(folder, 'node_modules');
  await mkdir(join(packages, '@nauthera'), { recursive: true });
  for (const name of await readdir(installed)) {
    if (name !== '@nauthera' && !name.startsWith('.')) await symlink(join(installed, name), join(packages, name));
  }
  await symlink(join(installed, '.bin'), join(packages, '.bin'));
  for (const name of ['crds', 'server', 'operator', 'examples'])
    await symlink(join('../..', name), join(packages, '@nauthera', name));
  const lock = await readFile(join(folder, 'package-lock.json'));
  await writeFile(join(packages, '.nauthera-setup'), createHash('sha256').update(lock).digest('hex'));
}

afterAll(() => rm(folder, { recursive: true, force: true }));

class Terminal {
  readonly #child: ChildProcess;
  readonly exited: Promise<number>;
  output = '';

  constructor(command: string) {
    this.#child = spawn('bash', ['-c', command], {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder, TMPDIR: tmpdir() },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A process group, as a terminal makes one of each command.
      detached: true,
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    this.exited = new Promise((resolve) => this.#child.once('close', (code) => resolve(code ?? 1)));
  }

  /** Waits until a line begins so. */
  async says(line: string, seconds = 120): Promise<void> {
    const ended = this.exited.then((code) => code);
    for (const end = Date.now() + seconds * 1000; !this.output.split('\n').some((one) => one.startsWith(line)); ) {
      const code = await Promise.race([ended, sleep(100)]);
      if (code !== undefined) throw new Error(`ended with ${code} before it said "${line}":\n${this.output}`);
      if (Date.now() > end) throw new Error(`did not say "${line}" within ${seconds} s:\n${this.output}`);
    }
  }

  /** What Ctrl-C sends to every process of the command. */
  interrupt(): void {
    this.signal('SIGINT');
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#child.pid !== undefined) process.kill(-this.#child.pid, signal);
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(socket.destroy() !== undefined));
    socket.once('error', () => resolve(false));
  });
}

/** Nothing listens any more, within what a graceful end may take. */
async function allIsGone(): Promise<void> {
  for (const end = Date.now() + 30_000; ; await sleep(200)) {
    const open = (await Promise.all(ports.map(isListening))).flatMap((listens, at) => (listens ? [ports[at]] : []));
    if (open.length === 0) return;
    if (Date.now() > end) throw new Error(`still listening: ${open.join(', ')}`);
  }
}

describe('npm run demo', () => {
  it('--help says what it does, and starts nothing', async () => {
    const terminal = new Terminal('npm run --silent demo -- --help');
    expect(await terminal.exited).toBe(0);
    expect(terminal.output).toContain('--check');
  });

  it('an unknown option ends with exit code 2', async () => {
    expect(await new Terminal('npm run --silent demo -- --chek').exited).toBe(2);
  });

  it('--check plays every flow from a second process and exits 0', async () => {
    const terminal = new Terminal('npm run --silent demo -- --check');
    const code = await terminal.exited;
    expect(terminal.output).not.toContain('✗');
    expect(terminal.output).toMatch(/^\d+ steps passed, 0 failed$/m);
    expect(code).toBe(0);
  });

  it('a taken port is named, with what to do', async () => {
    const holder = new Terminal(
      `node -e 'require("node:net").createServer().listen(9400, "127.0.0.1", () => console.log("held"))'`,
    );
    await holder.says('held');
    const terminal = new Terminal('npm run --silent demo');
    expect(await terminal.exited).toBe(1);
    expect(terminal.output).toContain('port 9400 (issuer) is in use');
    expect(terminal.output).toContain('--free-ports');
    holder.interrupt();
    await holder.exited;
  });

  it('killed without a word, it takes the server with it', async () => {
    const terminal = new Terminal('exec npm run --silent demo:run');
    await terminal.says('Nauthera runs.');
    expect(await isListening(9400)).toBe(true);
    terminal.signal('SIGKILL');
    await allIsGone();
  });
});

describe('README: add your own application to the demo', () => {
  it('every step works as it is written', async () => {
    const readme = readMarkdown(await readFile(join(root, 'examples/README.md'), 'utf8'));
    const steps = readme.section('Add your own application to the demo').blocks;
    const [start, ...rest] = steps;
    if (start?.language !== 'sh') throw new Error('the first step starts the demo');
    const demo = new Terminal(start.text);
    let own: Terminal | undefined;
    try {
      await demo.says('Nauthera runs.');
      let definitions = '';
      for (const { language, text } of rest) {
        if (language === 'text') await demo.says(text.trim(), 20);
        else if (text.includes('application/main.ts')) own = await signInTo(new Terminal(text));
        else {
          const terminal = new Terminal(`set -e\n${definitions}${text}`);
          expect(await terminal.exited, terminal.output).toBe(0);
          definitions += functionsOf(text);
          if (text.includes('curl')) expect(terminal.output).toMatch(/"access_token":"[\w-]+\.[\w-]+\.[\w-]+"/);
        }
      }
    } finally {
      own?.interrupt();
      demo.interrupt();
      await demo.exited;
    }
    await allIsGone();
    expect(demo.output).not.toMatch(/Error|at .*\.ts:\d+/);
  });

  it('a file that breaks says what was meant, and changes nothing that is served', async () => {
    const demo = new Terminal('npm run --silent demo');
    const file = join(folder, 'examples/resources/night-report.yaml');
    const text = await readFile(file, 'utf8');
    try {
      await demo.says('Nauthera runs.');
      await writeFile(file, text.replace('grantTypes', 'grantType'));
      const curl = /curl -sS -K .*\/token/.exec(demo.output)?.[0] ?? 'false';
      for (const end = Date.now() + 20_000; !demo.output.includes('did you mean grantTypes?'); await sleep(100)) {
        if (Date.now() > end) throw new Error(`not told:\n${demo.output}`);
      }
      const still = new Terminal(curl);
      await still.exited;
      expect(still.output).toContain('access_token');
      await writeFile(file, text);
      await demo.says('ready    Client orders/night-report', 20);
    } finally {
      await writeFile(file, text);
      demo.interrupt();
      await demo.exited;
    }
    await allIsGone();
  });
});

/** Shell functions that a block defines, for the blocks after it: a person's shell keeps them. */
function functionsOf(text: string): string {
  return text
    .split('\n')
    .filter((line) => /^\w+\(\) \{.*\}$/.test(line))
    .map((line) => `${line}\n`)
    .join('');
}

/** The person's part: opens the address that is printed, signs in, and gets to see the tokens. */
async function signInTo(terminal: Terminal): Promise<Terminal> {
  await terminal.says('Tide table is at ');
  const address = /Tide table is at (\S+)/.exec(terminal.output)?.[1] ?? '';
  const browser = new Browser();
  const start = requirePage(await browser.open(address), 'start');
  const walk = requirePage(await browser.press(start, 'start-own'), 'walk');
  const login = requirePage(await browser.follow(walk, 'go'), 'login');
  const fill = { username: 'ada', password: 'ada-loves-engines' };
  const consent = requirePage(await browser.press(login, 'sign-in', fill), 'consent');
  expect(consent.text).toContain('Tide table');
  const leaving = requirePage(await browser.press(consent, 'allow'), 'continue');
  const back = requirePage(await browser.follow(leaving, 'continue'), 'walk');
  const tokens = requirePage(await browser.press(back, 'exchange'), 'walk');
  expect(tokens.markup).toContain('data-step="token" data-outcome="done"');
  return terminal;
}
