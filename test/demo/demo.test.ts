import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browser, requirePage } from '../../examples/src/check/browser.ts';
import { allIsGone, type Checkout, copyCheckout, isListening, root, type Terminal } from './checkout.ts';
import { readMarkdown } from './markdown.ts';

/** Issuer, status, application and where it is called, directory, own application. */
const ports = [9400, 9401, 9500, 9502, 9636, 9501];

let checkout: Checkout;
beforeAll(async () => {
  const listening = await Promise.all(ports.map(isListening));
  const held = ports.filter((_, at) => listening[at]).join(', ');
  if (held !== '') throw new Error(`these tests need the demo's own ports, in use: ${held}. Does a demo run here?`);
  checkout = await copyCheckout();
});
afterAll(() => checkout?.remove());

describe('npm run demo', () => {
  it('--help says what it does, and starts nothing', async () => {
    const terminal = checkout.terminal('npm run --silent demo -- --help');
    expect(await terminal.exited).toBe(0);
    expect(terminal.output).toContain('--check');
  });

  it.each(['--chek', '--observations file', '--check --observations'])('%s ends with exit code 2', async (options) => {
    expect(await checkout.terminal(`npm run --silent demo -- ${options}`).exited).toBe(2);
  });

  it('a taken port is named, with what to do', async () => {
    const holder = checkout.terminal(
      `node -e 'require("node:net").createServer().listen(9400, "127.0.0.1", () => console.log("held"))'`,
    );
    await holder.says('held');
    const terminal = checkout.terminal('npm run --silent demo');
    expect(await terminal.exited).toBe(1);
    expect(terminal.output).toContain('port 9400 (issuer) is in use');
    expect(terminal.output).toContain('--free-ports');
    holder.interrupt();
    await holder.exited;
  });

  it('beside another demo, what it advises works', async () => {
    const first = checkout.terminal('npm run --silent demo');
    const second = checkout.terminal('npm run --silent demo -- --free-ports');
    try {
      await first.says('Nauthera runs.');
      await second.says('Nauthera runs.');
    } finally {
      for (const demo of [first, second]) {
        demo.interrupt();
        await demo.exited;
      }
    }
    await allIsGone(ports);
  });

  it('killed without a word, it takes the server with it', async () => {
    const terminal = checkout.terminal('exec npm run --silent demo:run');
    await terminal.says('Nauthera runs.');
    expect(await isListening(9400)).toBe(true);
    terminal.signal('SIGKILL');
    await allIsGone(ports);
  });
});

describe('README: add your own application to the demo', () => {
  it('every step works as it is written', async () => {
    const readme = readMarkdown(await readFile(join(root, 'README.md'), 'utf8'));
    const steps = readme.section('Add your own application to the demo').blocks;
    const [start, ...rest] = steps;
    if (start?.language !== 'sh') throw new Error('the first step starts the demo');
    const demo = checkout.terminal(start.text);
    let own: Terminal | undefined;
    try {
      await demo.says('Nauthera runs.');
      let definitions = '';
      for (const { language, text } of rest) {
        if (language === 'text') await demo.says(text.trim());
        else if (text.includes('application/main.ts')) own = await signInTo(checkout.terminal(text));
        else {
          const terminal = checkout.terminal(`set -e\n${definitions}${text}`);
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
    await allIsGone(ports);
    expect(demo.output).not.toMatch(/Error|at .*\.ts:\d+/);
  });

  it('a file that breaks says what was meant, and changes nothing that is served', async () => {
    const demo = checkout.terminal('npm run --silent demo');
    const file = join(checkout.folder, 'examples/resources/night-report.yaml');
    const text = await readFile(file, 'utf8');
    try {
      await demo.says('Nauthera runs.');
      await writeFile(file, text.replace('grantTypes', 'grantType'));
      const curl = /curl -sS -K .*\/token/.exec(demo.output)?.[0] ?? 'false';
      for (const end = Date.now() + 240_000; !demo.output.includes('did you mean grantTypes?'); await sleep(100)) {
        if (Date.now() > end) throw new Error(`not told:\n${demo.output}`);
      }
      const still = checkout.terminal(curl);
      await still.exited;
      expect(still.output).toContain('access_token');
      await writeFile(file, text);
      await demo.says('ready    Client orders/night-report');
    } finally {
      await writeFile(file, text);
      demo.interrupt();
      await demo.exited;
    }
    await allIsGone(ports);
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
