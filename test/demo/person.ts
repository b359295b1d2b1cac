/** A person at the demo: a Chromium that walks through flows, and what the sample application showed of them. */
import { AxeBuilder } from '@axe-core/playwright';
import type { BrowserContext, Page } from 'playwright-core';
import { expect } from 'vitest';

export interface Choice {
  readonly prompt?: string;
  readonly response_type?: string;
  readonly response_mode?: string;
}

export const passwords = { ada: 'ada-loves-engines', grace: 'grace-finds-bugs', alan: 'alan-breaks-codes' } as const;
export type Username = keyof typeof passwords;

export class Person {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly #application: string;
  readonly #username: Username;

  constructor(page: Page, application: string, username: Username = 'ada') {
    this.page = page;
    this.context = page.context();
    this.#application = application;
    this.#username = username;
  }

  /** From the start page to the first page of a walk. */
  async begin(key: string, choice: Choice = {}, button = `start-${key}`): Promise<void> {
    await this.page.goto(this.#application);
    const form = this.page.locator(`form:has(#${button})`);
    for (const [name, value] of Object.entries(choice)) await form.locator(`select[name=${name}]`).selectOption(value);
    await form.locator(`#${button}`).click();
    await this.#at('walk');
  }

  /** To the authorization server, through whatever it asks, and back to the walk. */
  async goAndAllow(): Promise<void> {
    await this.page.click('#go');
    await this.answer(this.page);
    await this.#at('walk');
  }

  /** Signs in and allows as long as that is what is asked. */
  async answer(page: Page): Promise<void> {
    for (;;) {
      await page.waitForSelector('body[data-page]');
      const name = await page.getAttribute('body', 'data-page');
      const before = page.url();
      if (name === 'login') {
        await page.fill('[name=username]', this.#username);
        await page.fill('[name=password]', passwords[this.#username]);
        await page.click('[name=sign-in], #sign-in');
      } else if (name === 'consent') await page.click('[name=allow], #allow');
      else if (name === 'continue') await page.click('#continue').catch(() => undefined);
      else return;
      await page.waitForFunction(
        // A page that is just coming has no body yet.
        `(document.body?.dataset.page ?? ${JSON.stringify(name)}) !== ${JSON.stringify(name)} || location.href !== ${JSON.stringify(before)}`,
      );
    }
  }

  async press(id: string): Promise<void> {
    const { length } = await this.steps();
    await this.page.click(`#${id}`);
    await this.page.waitForFunction(`document.querySelectorAll('[data-step]').length > ${length}`);
  }

  /** Name and outcome of each step, in order. */
  steps(): Promise<readonly string[]> {
    return this.page.evaluate(
      "[...document.querySelectorAll('[data-step]')].map(({ dataset }) => `${dataset.step} ${dataset.outcome}`)",
    );
  }

  /** The words of the newest step. */
  latest(): Promise<string> {
    return this.page.locator('[data-step]').last().innerText();
  }

  /** The claims of the newest token of that name. */
  async claims(name: string): Promise<Readonly<Record<string, unknown>>> {
    const section = this.page.locator('.token').filter({ has: this.page.getByRole('heading', { name, exact: true }) });
    const text = await section.last().locator('pre').nth(1).innerText();
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  }

  async #at(name: string): Promise<void> {
    await this.page.waitForSelector(`body[data-page=${name}]`);
  }
}

/** Nothing that axe finds, and nothing that a narrow screen cuts off, in both colour schemes. */
export async function expectFit(page: Page): Promise<void> {
  const size = page.viewportSize() ?? { width: 1280, height: 800 };
  await page.setViewportSize({ width: 320, height: 800 });
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  }
  await page.setViewportSize(size);
}
