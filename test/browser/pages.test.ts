import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  accountPage,
  catalogues,
  chooseAccountPage,
  consentPage,
  continuePage,
  deviceConfirmPage,
  errorPage,
  type Language,
  loginPage,
  signOutPage,
} from '../../server/src/views/index.ts';
import { launchChromium } from '../support/chromium.ts';
import { type PageServer, startPageServer } from '../support/page-server.ts';
import {
  accountInput,
  allLanguages,
  arabic,
  brandedPages,
  chooseAccountInput,
  consentInput,
  continueInput,
  deviceConfirmInput,
  errorInput,
  german,
  loginInput,
  samplePages,
  signOutInput,
} from '../support/sample-pages.ts';

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

// The page that goes on by itself would leave before anything is measured.
const resting = (html: string) =>
  html.replace(/<meta http-equiv="refresh"[^>]*>\n/, '').replace(/<script>[^<]*<\/script>/, '');
/** Every page, in every language: whatever can be on it. */
const allPages = (language?: Parameters<typeof samplePages>[0]) => ({
  ...samplePages(language),
  ...brandedPages(language),
});
const names = Object.keys(allPages());

interface Visit {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly complaints: string[];
  /** Opens a page, and waits until it has put the focus where it wants it. */
  readonly open: (name: string, html: string) => Promise<void>;
}

/** @param options default: no scripts, as the pages need none. */
async function visiting(options: BrowserContextOptions, use: (visit: Visit) => Promise<void>): Promise<void> {
  const context = await browser.newContext({ javaScriptEnabled: false, ...options });
  const complaints: string[] = [];
  const page = await context.newPage();
  page.on('console', (message) => complaints.push(message.text()));
  page.on('dialog', (dialog) => void dialog.dismiss().then(() => complaints.push(`dialog: ${dialog.message()}`)));
  page.on('requestfailed', (request) => {
    // What a page was still loading when it left is aborted; what its policy blocks, or is not there, is not.
    const reason = request.failure()?.errorText;
    if (reason !== 'net::ERR_ABORTED') complaints.push(`${reason}: ${request.url()}`);
  });
  const open = async (name: string, html: string) => {
    server.pages.set(name, html);
    await page.goto(`${server.origin}/${name}`);
    if (/<[^>]* autofocus/.test(html)) await page.locator(':focus').waitFor();
  };
  try {
    await use({ context, page, complaints, open });
  } finally {
    await context.close();
  }
}

const phone = { viewport: { width: 320, height: 640 } };
const desk = { viewport: { width: 1280, height: 800 } };

describe('accessibility: axe finds nothing', () => {
  it.each<[string, BrowserContextOptions, 'en' | 'ar']>([
    ['light', { ...desk, colorScheme: 'light' }, 'en'],
    ['dark', { ...phone, colorScheme: 'dark' }, 'en'],
    ['from right to left', { ...phone, colorScheme: 'light' }, 'ar'],
    ['forced colours', { ...desk, forcedColors: 'active', colorScheme: 'dark' }, 'en'],
  ])(
    '%s',
    async (_, options, language) => {
      const pages = allPages(language === 'ar' ? arabic : undefined);
      // axe is a script, so this context has them; the policy of the pages stays out of its way.
      await visiting({ ...options, javaScriptEnabled: true, bypassCSP: true }, async ({ page, open }) => {
        for (const [name, html] of Object.entries(pages)) {
          await open(name, resting(html));
          const { violations } = await new AxeBuilder({ page }).analyze();
          const found = violations.map(
            (one) => `${name}: ${one.id}: ${one.nodes.map((node) => node.html).join(' | ')}`,
          );
          expect(found).toEqual([]);
        }
      });
    },
    600_000,
  );
});

/** What can be pressed or filled in, with its size in CSS pixels. */
const controls = 'a, button, summary, select, input:not([type=hidden])';

/** As much of a computed style. */
type PageStyle = { readonly [name in 'overflowX' | 'overflowY' | 'direction']: string };

/** As much of a DOM element as is measured; this project is typed for Node, without a browser's types. */
interface PageElement {
  readonly outerHTML: string;
  readonly textContent: string | null;
  readonly style: { fontSize: string };
  readonly clientWidth: number;
  readonly scrollWidth: number;
  readonly clientHeight: number;
  readonly scrollHeight: number;
  readonly ownerDocument: {
    readonly defaultView: { getComputedStyle(element: unknown): PageStyle } | null;
  };
  getAttribute(name: string): string | null;
  getClientRects(): { readonly length: number };
  querySelectorAll(selector: string): Iterable<PageElement>;
  getBoundingClientRect(): { readonly [side in 'left' | 'right' | 'width' | 'height']: number };
}

/** Runs in the page. */
function measure(html: PageElement, { fontSize, controls }: { fontSize: string; controls: string }) {
  html.style.fontSize = fontSize;
  const { clientWidth, scrollWidth } = html;
  const all = (selector: string) => Array.from(html.querySelectorAll(selector));
  const outside = all('body *').filter((element) => {
    const { left, right } = element.getBoundingClientRect();
    return left < -0.5 || right > clientWidth + 0.5;
  });
  const small = all(controls).filter((element) => {
    const { width, height } = element.getBoundingClientRect();
    return width < 44 || height < 44;
  });
  const styleOf = (element: PageElement) => element.ownerDocument.defaultView?.getComputedStyle(element);
  // What is typed may be longer than its field.
  const cut = all('body *:not(input, select, option, iframe)').filter((element) => {
    const { overflowX, overflowY } = styleOf(element) ?? {};
    const { clientWidth: width, scrollWidth, clientHeight: height, scrollHeight } = element;
    return (
      (overflowX !== 'visible' && scrollWidth > width + 1) || (overflowY !== 'visible' && scrollHeight > height + 1)
    );
  });
  return {
    language: [html.getAttribute('lang'), styleOf(html)?.direction],
    text: all('body')
      .map((body) => body.textContent)
      .join(),
    cut: cut.map((one) => one.outerHTML),
    // What has to be compared letter by letter.
    torn: all('.user-code').filter((one) => one.getClientRects().length > 1).length,
    outside: [...(scrollWidth > clientWidth ? ['the page itself'] : []), ...outside.map((one) => one.outerHTML)],
    small: small.map((one) => one.outerHTML),
  };
}

describe('sizes', () => {
  const keys = Object.keys(catalogues['en'] ?? {});
  // Room is scarce on a phone; on a desk the longest words and the other direction are enough.
  const views: [string, BrowserContextOptions, Language][] = [
    ...allLanguages.map((language): [string, BrowserContextOptions, Language] => ['320 px', phone, language]),
    ['1280 px', desk, german],
    ['1280 px', desk, arabic],
  ];
  it.each(views.map(([width, options, language]) => [width, language.tag, options, language] as const))(
    '%s, %s, text at 100 and 200 %: nothing scrolls sideways or is cut, every target is at least 44 px, every word is there',
    async (_width, _tag, options, language) => {
      await visiting(options, async ({ page, open }) => {
        for (const [name, html] of Object.entries(allPages(language))) {
          await open(name, resting(html));
          for (const fontSize of ['100%', '200%']) {
            const { outside, small, cut, torn, text, ...found } = await page
              .locator('html')
              .evaluate(measure, { fontSize, controls });
            expect(outside, `${name} at ${fontSize}`).toEqual([]);
            expect(cut, `${name} at ${fontSize}`).toEqual([]);
            expect(torn, `${name} at ${fontSize}: codes on two lines`).toBe(0);
            expect(found.language, name).toEqual([language.tag, language.direction]);
            const unsaid = keys.filter((key) => text.includes(key));
            expect(unsaid, `${name}: keys in place of their words`).toEqual([]);
            expect(text, `${name}: a placeholder`).not.toMatch(/[{}]/);
            expect(small, `${name} at ${fontSize}`).toEqual([]);
          }
        }
      });
    },
    600_000,
  );

  it('allow and deny are equal in size and weight', async () => {
    for (const options of [phone, desk]) {
      await visiting(options, async ({ page, open }) => {
        await open('consent', consentPage(consentInput()));
        const looks = await Promise.all(
          ['allow', 'deny'].map((id) =>
            page.locator(`#${id}`).evaluate((element) => {
              const { width, height } = element.getBoundingClientRect();
              const style = element.ownerDocument.defaultView?.getComputedStyle(element);
              const { color, backgroundColor, border, font } = style ?? {};
              return { width, height, color, backgroundColor, border, font };
            }),
          ),
        );
        expect(looks[0]?.color).toMatch(/^rgb/);
        expect(looks[0]).toEqual(looks[1]);
      });
    }
  });
});

describe('consent', () => {
  it('a scope stands out from its description, and in the description’s rule the groups do', async () => {
    const scope = { scope: 'x', displayName: 'Change', description: 'Change them.', onlyMembersOf: ['staff'] };
    await visiting(desk, async ({ page, open }) => {
      await open('consent', consentPage(consentInput({ scopes: [scope] })));
      const weights = await page
        .locator('.scopes bdi')
        .evaluateAll((all) => all.map((one) => one.ownerDocument.defaultView?.getComputedStyle(one).fontWeight));
      expect(weights).toEqual(['500', '400', '600']);
    });
  });
});

describe('keyboard', () => {
  const ring = { outlineStyle: 'solid', outlineWidth: '3px' };
  /** Runs in the page. */
  const outlineOf: Parameters<ReturnType<Page['locator']>['evaluate']>[0] = (element) => {
    const style = element.ownerDocument.defaultView?.getComputedStyle(element);
    return { outlineStyle: style?.outlineStyle, outlineWidth: style?.outlineWidth };
  };

  it.each(names)('%s: Tab goes through everything in reading order, and one sees where', async (name) => {
    await visiting(desk, async ({ page, open }) => {
      // From the document's start, wherever the page puts the focus.
      await open(name, resting(allPages()[name] ?? '').replaceAll(' autofocus', ''));
      const all = await page.locator(controls).evaluateAll((elements) => elements.map((element) => element.outerHTML));
      const visited: string[] = [];
      for (const _ of all) {
        await page.keyboard.press('Tab');
        const focused = page.locator(':focus');
        visited.push(await focused.evaluate((element) => element.outerHTML));
        expect(await focused.evaluate(outlineOf)).toEqual(ring);
      }
      expect(visited).toEqual(all);
    });
  });

  it.each([
    ['login', 'username'],
    ['login-hint', 'password'],
    ['login-again', 'password'],
    ['login-refused', 'problem'],
  ])('%s opens with the focus on %s, in sight', async (name, id) => {
    await visiting(phone, async ({ page, open }) => {
      await open(name, samplePages()[name] ?? '');
      await expect.poll(() => page.locator(':focus').getAttribute('id')).toBe(id);
      expect(await page.locator(`#${id}`).evaluate(outlineOf)).toEqual(ring);
      const box = await page.locator(`#${id}`).boundingBox();
      expect(box?.y ?? -1).toBeGreaterThanOrEqual(0);
      expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThanOrEqual(640);
    });
  });

  it('from the summary of problems, Tab and Enter lead to the field', async () => {
    await visiting(desk, async ({ page, open }) => {
      await open('login-refused', samplePages()['login-refused'] ?? '');
      await page.locator('#problem:focus').waitFor();
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await expect.poll(() => page.locator(':focus').getAttribute('id')).toBe('username');
    });
  });

  it('what developers need unfolds', async () => {
    await visiting(desk, async ({ page, open }) => {
      await open('error-invalid-request', samplePages()['error-invalid-request'] ?? '');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await expect.poll(() => page.getByText('redirect_uri is not registered').isVisible()).toBe(true);
    });
  });
});

describe('forms, scripts off', () => {
  const form = (action: string) => ({ action, fields: [{ name: 'request', value: 'sealed' }] });
  /** Opens a page, does something, and answers what was posted. */
  async function posting(html: string, act: (page: Page) => Promise<void>): Promise<string | undefined> {
    server.posted.length = 0;
    await visiting(desk, async ({ page, open, complaints }) => {
      await open('form', html);
      await act(page);
      await page.waitForURL((url) => url.pathname !== '/form');
      expect(complaints).toEqual([]);
    });
    return server.posted[0];
  }
  const login = loginPage(loginInput({ form: form('/login'), reauthentication: { name: 'Ada', username: 'ada' } }));
  const consent = consentPage(consentInput({ form: form('/consent') }));

  it('Enter in the password field signs in', async () => {
    const page = loginPage(loginInput({ form: form('/login') }));
    const body = await posting(page, async (tab) => {
      const { keyboard } = tab;
      // A key that is pressed before the page put the cursor there is lost.
      await tab.locator('#username:focus').waitFor();
      await keyboard.type('ada');
      await keyboard.press('Tab');
      await keyboard.type('p&ss wörd');
      await keyboard.press('Enter');
    });
    expect(body).toBe('/login request=sealed&username=ada&password=p%26ss+w%C3%B6rd&sign-in=1&language=en');
  });

  it.each([
    ['cancel', '/login request=sealed&username=ada&password=&cancel=1&language=en'],
    ['use-another', '/login request=sealed&username=ada&password=&use-another=1&language=en'],
  ])('%s asks for no password first', async (id, body) => {
    expect(await posting(login, (page) => page.locator(`#${id}`).click())).toBe(body);
  });

  it.each([
    ['allow', '/consent request=sealed&decision=allow&language=en'],
    ['deny', '/consent request=sealed&decision=deny&language=en'],
    ['use-another', '/consent request=sealed&use-another=1&language=en'],
  ])('consent: %s', async (id, body) => {
    expect(await posting(consent, (page) => page.locator(`#${id}`).press('Space'))).toBe(body);
  });

  it.each([
    ['retry', errorPage(errorInput('temporarily_unavailable', { retry: form('/consent') })), '/consent'],
    ['restart', errorPage(errorInput('request_expired', { restart: form('/authorize') })), '/authorize'],
  ])('%s sends the sealed request once more', async (id, page, path) => {
    expect(await posting(page, ({ keyboard }) => keyboard.press('Tab').then(() => keyboard.press('Enter')))).toBe(
      `${path} request=sealed&${id}=1`,
    );
  });

  it('continue goes on by itself, to another origin, under the policy of the pages', async () => {
    await visiting(desk, async ({ context, page, complaints }) => {
      const arrived: string[] = [];
      await context.route('https://orders.example.com/**', (route) => {
        arrived.push(route.request().url());
        return route.fulfill({ contentType: 'text/html', body: '<title>arrived</title>' });
      });
      server.pages.set('continue', continuePage(continueInput()));
      await page.goto(`${server.origin}/continue`).catch(() => undefined);
      await expect.poll(() => arrived).toEqual([continueInput().continueTo]);
      expect(complaints).toEqual([]);
    });
  });
});

describe('F22, A12, A86: probes in what people and tenants write', () => {
  const probe = `"><script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)>' onfocus=alert(4) x=`;
  it.each<[string, string]>([
    [
      'login',
      loginPage(
        loginInput({ displayName: probe, client: { name: probe }, host: probe, username: probe, problems: [] }),
      ),
    ],
    [
      'consent',
      consentPage(
        consentInput({
          displayName: probe,
          client: { name: probe, namespace: probe, policyUri: `https://x.example/${probe}` },
          host: probe,
          user: { name: probe, username: probe },
          scopes: [
            { scope: 'email', claims: [{ name: 'email', value: probe }] },
            {
              scope: 'shop:x',
              displayName: probe,
              description: probe,
              claims: [{ name: probe, value: probe }],
              onlyMembersOf: [probe],
            },
          ],
        }),
      ),
    ],
    [
      'account',
      accountPage(
        accountInput({
          done: { removed: { client: { name: probe } } },
          displayName: probe,
          user: { name: probe, username: probe },
          sessions: [{ id: 's1', browser: probe, system: probe, since: 0, age: 4, current: true }],
          applications: [
            {
              id: 'a1',
              client: { name: probe },
              scopes: [{ scope: probe }, { scope: 'shop:x', displayName: probe }],
              claims: [probe],
              since: 0,
              age: 300,
            },
          ],
        }),
      ),
    ],
    [
      'device-confirm',
      deviceConfirmPage(
        deviceConfirmInput({
          displayName: probe,
          client: { name: probe, namespace: probe },
          user: { name: probe, username: probe },
          scopes: [{ scope: 'shop:x', displayName: probe, description: probe, onlyMembersOf: [probe] }],
          userCode: probe,
          place: { place: 'other', network: probe },
        }),
      ),
    ],
    [
      'choose-account',
      chooseAccountPage(
        chooseAccountInput({
          displayName: probe,
          client: { name: probe },
          accounts: [{ id: probe, name: probe, username: probe }],
        }),
      ),
    ],
    ['sign-out', signOutPage(signOutInput({ displayName: probe, user: { name: probe }, clients: [{ name: probe }] }))],
    [
      'error',
      errorPage(errorInput('invalid_request', { client: { name: probe }, description: probe, reference: probe })),
    ],
  ])('%s: nothing runs, nothing is fetched, everything is read as it was written', async (name, html) => {
    await visiting({ ...desk, javaScriptEnabled: true }, async ({ page, open, complaints }) => {
      await open(name, html);
      await page.locator('details').evaluateAll((all) => all.forEach((one) => one.setAttribute('open', '')));
      expect(await page.locator('script, img, svg, [onfocus], [onerror]').count()).toBe(0);
      expect(await page.getByText(probe).count()).toBeGreaterThan(0);
      expect(complaints).toEqual([]);
    });
  });
});
