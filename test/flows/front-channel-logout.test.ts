/** OpenID Connect Front-Channel Logout 1.0: the frames of the page that says who was signed out. */
import { describe, expect, it } from 'vitest';
import type { Page } from '../support/browser.ts';
import { bye, front, logoutPath, signedIn, useLogout, world } from '../support/logout.ts';
import { authorizePath, issuer } from '../support/world.ts';

useLogout();

/** Nothing on the page, and nothing in the answer, leads anywhere but to us. */
const leadsNowhere = (page: Page) => {
  expect(page.leftTo).toBeUndefined();
  expect(page.wayOut).toBeUndefined();
  expect(page.link('back')).toBeUndefined();
  expect(page.html).not.toMatch(/evil/);
};

describe('front-channel logout', () => {
  const frameOf = (page: Page) => /<iframe [^>]*src="([^"]*)"/.exec(page.html)?.[1]?.replaceAll('&amp;', '&');

  it('the page loads each address with iss and sid, in frames of exactly that origin, and goes on', async () => {
    const { browser, idToken } = await signedIn('shop.framed');
    const claims = JSON.parse(Buffer.from(idToken.split('.')[1] ?? '', 'base64url').toString()) as { sid: string };
    const page = await browser.get(logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: bye, state: 'x' }));
    expect(page.name).toBe('signed-out');
    expect(frameOf(page)).toBe(`${front}&${new URLSearchParams({ iss: issuer, sid: claims.sid }).toString()}`);
    // A browser that would let a frame lead the window away is told not to.
    expect(page.html).toMatch(/<iframe [^>]*sandbox="allow-scripts allow-same-origin" referrerpolicy="no-referrer">/);
    expect(page.headers.get('content-security-policy')).toMatch(/; frame-src https:\/\/shop\.example\.com$/);
    expect([page.wayOut?.href, page.link('back')]).toEqual([`${bye}?state=x`, `${bye}?state=x`]);
    expect(page.html).not.toContain('<script');
    // Without a sealed address of this browser there is nothing to load, and the policy is the usual one.
    const plain = await browser.get('/signed-out');
    expect([plain.name, frameOf(plain)]).toEqual(['signed-out', undefined]);
    expect(plain.headers.get('content-security-policy')).not.toContain('frame-src');
  });

  it("the page's address opens in no other browser, and not as another page's", async () => {
    const { browser, idToken } = await signedIn('shop.framed');
    const path = logoutPath({ id_token_hint: idToken, post_logout_redirect_uri: bye });
    const { headers } = await browser.getOnly(path);
    const address = headers.get('location') ?? '';
    const stranger = world.browser();
    await stranger.get(authorizePath());
    const page = await stranger.get(address);
    expect([page.name, frameOf(page)]).toEqual(['signed-out', undefined]);
    leadsNowhere(page);
    const asked = await browser.get(address.replace('/signed-out', '/sign-out'));
    expect(asked.name).toBe('signed-out');
    leadsNowhere(asked);
  });
});
