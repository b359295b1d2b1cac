/** A person at a browser of their own, for tests in Chromium. */
import type { Browser, Page } from 'playwright-core';
import { expect } from 'vitest';

export interface PersonOptions {
  /** Default `false`: the pages need none. With scripts the test's own are let past the page's policy. */
  readonly scripts?: boolean;
}

/** Afterwards Chromium has complained of nothing: no refused form, no refused resource. */
export async function asPerson(
  browser: Browser,
  use: (page: Page) => Promise<void>,
  { scripts = false }: PersonOptions = {},
): Promise<void> {
  const context = await browser.newContext({ javaScriptEnabled: scripts, bypassCSP: scripts });
  const page = await context.newPage();
  const complaints: string[] = [];
  // Chromium notes each status of 400 and above; those are the pages on purpose.
  page.on('console', (message) => {
    if (!/the server responded with a status of (4|5)\d\d/.test(message.text())) complaints.push(message.text());
  });
  page.setDefaultTimeout(60_000);
  try {
    await use(page);
    expect(complaints).toEqual([]);
  } finally {
    await context.close();
  }
}
