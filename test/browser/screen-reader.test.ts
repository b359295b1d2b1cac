/**
 * What a screen reader says of every page: its tree of roles, names and states in English, kept as text in
 * `screen-reader/`, so that none of them changes unseen. `npx vitest run --project browser browser/screen-reader -u` writes
 * them anew, all of them at once.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../support/chromium.ts';
import { type PageServer, startPageServer } from '../support/page-server.ts';
import { brandedPages, samplePages } from '../support/sample-pages.ts';

const folder = join(import.meta.dirname, 'screen-reader');
const pages = Object.entries({ ...samplePages(), ...brandedPages() });
/** What most pages end with: written out once, for the first of them. */
let footer: string | undefined;
let server: PageServer;
let browser: Browser;

beforeAll(async () => {
  server = await startPageServer();
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
});

describe('what a screen reader says', () => {
  it.each(pages)('%s', async (name, html) => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    try {
      const page = await context.newPage();
      // The page that goes on by itself would leave first.
      server.pages.set(name, html.replace(/<meta http-equiv="refresh"[^>]*>\n/, ''));
      await page.goto(`${server.origin}/${name}`);
      const tree = await page.locator('body').ariaSnapshot();
      const [end = ''] = /^- contentinfo:[^]*/m.exec(tree) ?? [];
      const text = end === footer ? tree.replace(end, '- contentinfo: as on the first page') : tree;
      footer ??= end;
      await expect(`- title: ${await page.title()}\n${text}\n`).toMatchFileSnapshot(join(folder, `${name}.txt`));
    } finally {
      await context.close();
    }
  });

  it('nothing is kept of a page that there is no more', async () => {
    expect((await readdir(folder)).toSorted()).toEqual(pages.map(([name]) => `${name}.txt`).toSorted());
  });
});
