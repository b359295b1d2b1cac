import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { english, type Language } from '../../server/src/views/index.ts';
import { root } from '../rules/sources.ts';
import { launchChromium } from '../support/chromium.ts';
import { type PageServer, startPageServer } from '../support/page-server.ts';
import { allLanguages, arabic, brandedPages, samplePages } from '../support/sample-pages.ts';

/** Pictures of every page, for people to look at: the build keeps the folder. */
const folder = join(root, 'test/browser/screenshots');
let server: PageServer;
let browser: Browser;

beforeAll(async () => {
  await rm(folder, { recursive: true, force: true });
  server = await startPageServer();
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
});

const desk = { viewport: { width: 1000, height: 800 } };
const phone = { viewport: { width: 320, height: 640 } };
const looks: readonly (readonly [string, BrowserContextOptions, Language])[] = [
  ['light', { ...desk, colorScheme: 'light' }, english],
  ['dark', { ...desk, colorScheme: 'dark' }, english],
  ['ar', { ...desk, colorScheme: 'light' }, arabic],
  ...allLanguages.map((language): [string, BrowserContextOptions, Language] => [
    `320px-${language.tag}`,
    { ...phone, colorScheme: 'light' },
    language,
  ]),
  ['forced-colours', { ...desk, colorScheme: 'dark', forcedColors: 'active' }, english],
];

describe('screenshots', () => {
  it.each(looks)(
    '%s',
    async (look, options, language) => {
      await mkdir(join(folder, look), { recursive: true });
      const context = await browser.newContext({ javaScriptEnabled: false, ...options });
      const page = await context.newPage();
      const pages = Object.entries({ ...samplePages(language), ...brandedPages(language) });
      for (const [name, html] of pages) {
        server.pages.set(name, html.replace(/<meta http-equiv="refresh"[^>]*>\n/, ''));
        await page.goto(`${server.origin}/${name}`);
        const picture = await page.screenshot({ path: join(folder, look, `${name}.png`), fullPage: true });
        expect(picture.length, name).toBeGreaterThan(1000);
      }
      await context.close();
    },
    600_000,
  );
});
