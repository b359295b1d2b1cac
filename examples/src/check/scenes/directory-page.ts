/** The sample application's page about the directory: what the operator wrote into the status, before and after a change. */
import { Browser, requirePage } from '../browser.ts';
import type { Page } from '../page.ts';
import { expectThat } from '../report.ts';
import { eventually, type World } from '../world.ts';
import type { Scene } from './scene.ts';

/** By what rules read: who holds which, and which scopes that gives. */
const expected = [
  ['grace', 'staff-read-orders=yes finance-write-orders=yes', 'orders:read=yes orders:write=yes'],
  ['alan', 'staff-read-orders=yes finance-write-orders=no', 'orders:read=yes orders:write=no'],
  ['zoe', 'staff-read-orders=no finance-write-orders=no', 'orders:read=no orders:write=no'],
] as const;

/** No rule and no application looks at it. */
const group = 'engineering';

export const directoryPage: Scene = {
  title: 'The page of the directory: what the rules decide of somebody, from the status of the LdapBinding',
  async play(world, { step, quietly }) {
    for (const [name, rules, scopes] of expected)
      await step(`${name}: ${rules}; ${scopes}`, async () => {
        const page = await pageOf(world, name);
        expectThat(verdicts(page, 'rule', 'holds') === rules, verdicts(page, 'rule', 'holds'));
        const ofOrders = verdicts(page, 'scope', 'allowed').split(' ').slice(0, 2).join(' ');
        expectThat(ofOrders === scopes, ofOrders);
        expectThat(page.text.includes('State Active'), 'the account is not active');
      });
    await quietly(`grace is put into ${group}`, () => joined(world));
  },
};

/** Played last, so that nobody waits for it: servers look every half minute. */
export const directoryPageLater: Scene = {
  title: 'The page of the directory, after a change of the directory',
  async play(world, { step, quietly }) {
    await quietly(`grace is put into ${group}`, () => joined(world));
    await step(`grace was put into ${group}: the servers have looked, and her page says so`, () =>
      eventually(90, async () => ((await pageOf(world, 'grace')).text.includes(`Groups ${group},`) ? true : undefined)),
    );
  },
};

/** Once the first look at the directory is told, which a busy machine may take some time for. */
function pageOf(world: World, name: string): Promise<Page> {
  return eventually(60, async () => {
    const browser = new Browser();
    const start = requirePage(await browser.open(world.facts.application), 'start');
    const first = requirePage(await browser.follow(start, 'directory-page'), 'directory');
    if (first.links[`user-${name}`] === undefined) return undefined;
    return requirePage(await browser.follow(first, `user-${name}`), 'directory');
  });
}

/** `orders:read=yes orders:write=no`, in the order of the page. */
function verdicts({ markup }: Page, subject: string, verdict: string): string {
  const found = markup.matchAll(new RegExp(`data-${subject}="([^"]+)" data-${verdict}="(yes|no)"`, 'g'));
  return [...found].map(([, name, yes]) => `${name}=${yes}`).join(' ');
}

async function joined(world: World): Promise<void> {
  const page = await pageOf(world, 'grace');
  const buttons = page.forms.flatMap((form) => form.buttons.map(({ id }) => id));
  if (buttons.includes(`join-${group}`)) await new Browser().press(page, `join-${group}`);
}
