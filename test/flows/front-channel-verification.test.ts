/** The directory has the last word on each response type alike, whatever was clicked or remembered. */
import { describe, expect, it } from 'vitest';
import { responseTypes } from '../../server/src/protocol/terms.ts';
import type { Browser } from '../support/browser.ts';
import { anOwner } from '../support/builders.ts';
import {
  byPage,
  credentials,
  issued,
  silently,
  useFrontChannel,
  username,
  world,
} from '../support/front-channel-world.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import { aDirectory, authorizePath } from '../support/world.ts';

useFrontChannel();

const owner = { ...anOwner(`directory ${memoryDirectoryId}`), namespace: 'shop', name: 'people' };
const declare = (value = aDirectory()) => world.served({ kind: 'directory', id: memoryDirectoryId, owner, value });
const nothing = ['code', 'access_token', 'id_token'];

/** @param browser of somebody who is signed in */
async function givesNothing(browser: Browser, asking: NonNullable<Parameters<typeof authorizePath>[0]>): Promise<void> {
  const before = await issued();
  const { response } = await silently(browser, asking);
  expect(response.error).toBe('access_denied');
  expect(nothing.filter((one) => one in response)).toEqual([]);
  expect((await byPage(world.browser(), asking)).name).toBe('error:access_denied');
  expect(await issued()).toEqual(before);
}

describe.each(responseTypes)('%s', (response_type) => {
  it('somebody outside of access.groups gets nothing, by page or in silence', async () => {
    const asking = { response_type, client_id: 'shop.staff' };
    const browser = world.browser();
    expect((await byPage(browser, asking)).name).not.toMatch(/^error/);
    world.memory.add(username, { groups: [] });
    await givesNothing(browser, asking);
  });

  it('onRefusedScope Deny: one refused scope refuses all, by page or in silence', async () => {
    const asking = { response_type, client_id: 'shop.strict', scope: 'openid email' };
    const browser = world.browser();
    expect((await byPage(browser, asking)).name).not.toMatch(/^error/);
    await declare(aDirectory({ consent_rules: [{ name: 'finance', scopes: ['email'], groups: ['finance'] }] }));
    try {
      await givesNothing(browser, asking);
    } finally {
      await declare();
    }
  });

  it('an account that is switched off between the page and the click gives nothing', async () => {
    const browser = world.browser();
    const consent = await browser.submit(await browser.get(authorizePath({ response_type })), credentials());
    expect(consent.name).toBe('consent');
    const before = await issued();
    world.memory.add(username, { groups: ['staff'], account: 'disabled' });
    expect((await browser.submit(consent, { decision: 'allow' })).name).toBe('error:access_denied');
    expect(await issued()).toEqual(before);
  });
});
