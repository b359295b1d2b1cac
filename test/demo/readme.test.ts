import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allIsGone, type Checkout, copyCheckout, root } from './checkout.ts';
import { readMarkdown } from './markdown.ts';

let checkout: Checkout;
let text: string;
beforeAll(async () => {
  checkout = await copyCheckout();
  text = await readFile(join(root, 'README.md'), 'utf8');
});
afterAll(() => checkout?.remove());

/** Sections whose commands a test types as they stand. */
const typed: Readonly<Record<string, string>> = {
  'Try it': 'npm run demo: demo.test.ts; npm test: this run',
  'Add your own application to the demo': 'demo.test.ts',
  'Without a cluster': 'below',
  'In a cluster': '../e2e/quick-start.test.ts',
  'Your first Client with kubectl': '../cluster/readme.test.ts',
};

describe('README', () => {
  it('every section with commands is one that a test types', () => {
    const headings = [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => heading);
    const known = headings.filter((heading) => {
      try {
        return readMarkdown(text)
          .section(heading)
          .blocks.some(({ language }) => language === 'sh');
      } catch {
        // A comment inside a code block looks like a heading to the expression above.
        return false;
      }
    });
    expect(known).toEqual(Object.keys(typed));
    expect(
      readMarkdown(text)
        .section('Try it')
        .blocks.filter(({ language }) => language === 'sh'),
    ).toEqual([
      { language: 'sh', text: 'npm run demo\n' },
      { language: 'sh', text: 'npm test\n' },
    ]);
  });

  it('without a cluster: a folder, a check, a server, a token', async () => {
    const [declare, serve, fetch, ...more] = readMarkdown(text).section('Without a cluster').blocks;
    if (declare === undefined || serve === undefined || fetch === undefined) throw new Error('three steps are there');
    expect(more).toEqual([]);
    const declared = checkout.terminal(`set -e\n${declare.text}`);
    expect(await declared.exited, declared.output).toBe(0);
    expect(declared.output).toContain('2 resources, 0 problems');
    const server = checkout.terminal(serve.text);
    try {
      const ready = /^default +report +True/m;
      for (const end = Date.now() + 300_000; !ready.test(server.output); await sleep(200)) {
        if (Date.now() > end) throw new Error(`not ready:\n${server.output}`);
      }
      const fetched = checkout.terminal(`set -e\n${fetch.text}`);
      expect(await fetched.exited, fetched.output).toBe(0);
      expect(fetched.output).toMatch(/"access_token":"[\w-]+\.[\w-]+\.[\w-]+"/);
    } finally {
      server.interrupt();
      await server.exited;
    }
    await allIsGone([9410, 9411]);
  });
});
