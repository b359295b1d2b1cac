import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ResponseMode } from '../../server/src/protocol/terms.ts';
import { aClient } from '../support/builders.ts';
import { attempts, isMeant, registered, seed } from '../support/redirect-mutations.ts';
import { authorizePath, issuer, World } from '../support/world.ts';

/** The short form; ten thousand before a release. The rules alone meet as many each time. */
const runs = Number(process.env.NAUTHERA_TEST_RUNS ?? 1500);

let world: World;
beforeAll(async () => {
  world = await World.open({
    clients: [
      aClient().everyResponseType().with({ redirect_uris: registered }).build(),
      aClient('shop.code').with({ redirect_uris: registered }).build(),
    ],
  });
});
afterAll(() => world?.stop());

/** Where an answer would send a browser, with a click or without. */
function targets(html: string, location: string | null): readonly string[] {
  const decode = (text: string) =>
    text
      .replaceAll('&quot;', '"')
      .replaceAll('&#39;', "'")
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&amp;', '&');
  const found = [...html.matchAll(/(?:action|href|src|url)="?=?([^">]*)/g)].map(([, to = '']) => decode(to));
  return [...found, ...(location === null ? [] : [location])].filter((to) => !/^\/(?![/\\])/.test(to));
}
function leadsTo(to: string, uri: string, mode: ResponseMode): boolean {
  if (mode === 'form_post') return to === uri;
  return to.startsWith(`${uri}${mode === 'fragment' ? '#' : uri.includes('?') ? '&' : '?'}`);
}

it(`F17, A02: of ${runs} redirect URIs, in every mode and every branch, none is left to that is not registered`, async () => {
  const seen = { here: 0, left: 0, login: 0 };
  const next = attempts(seed);
  const one = async (): Promise<void> => {
    const { uri, asked } = next();
    const path = authorizePath({ ...asked, redirect_uri: uri });
    // As behind a proxy for everybody: one address asks more often here than anybody may.
    const response = await world.fetch(`${issuer}${path}`, { headers: { 'x-forwarded-for': '203.0.113.7' } });
    const html = await response.text();
    const location = response.headers.get('location');
    const told = JSON.stringify({ seed, uri, asked, status: response.status, location });
    const leaving = targets(html, location);
    if (!isMeant(uri)) {
      expect([response.status >= 400, leaving], told).toEqual([true, []]);
      seen.here += 1;
    } else if (leaving.length > 0) {
      const mode = location === null ? 'form_post' : location.slice(uri.length).startsWith('#') ? 'fragment' : 'query';
      expect(
        leaving.every((to) => leadsTo(to, uri, mode)),
        told,
      ).toBe(true);
      seen.left += 1;
    } else {
      expect([200, 400], told).toContain(response.status);
      seen.login += 1;
    }
  };
  for (let done = 0; done < runs; done += 20) await Promise.all(Array.from({ length: 20 }, one));
  // Each outcome was there: what never happens is not tested.
  expect(seen.here).toBeGreaterThan(runs / 2);
  expect(seen.left).toBeGreaterThan(runs / 20);
  expect(seen.login).toBeGreaterThan(runs / 100);
}, 600_000);
