import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { createBusyPage } from '../../../server/src/endpoints/busy-page.ts';
import type { ServerRegistration } from '../../../server/src/registry/registration.ts';
import { aServer } from '../../support/builders.ts';

/** The page that each request gets. */
async function ask(server: () => ServerRegistration | undefined, ...requests: readonly object[]): Promise<string[]> {
  const app = Fastify();
  const busyPage = createBusyPage(server);
  app.all('*', (request) => busyPage(request));
  const pages: string[] = [];
  for (const request of requests) pages.push((await app.inject({ url: '/device', ...request })).body);
  await app.close();
  return pages;
}
const reference = (page: string | undefined) => /Reference: <code>([^<]*)</.exec(page ?? '')?.[1];

describe('the page of a request that is shed', () => {
  const server = aServer({ display_name: 'Acme', issuer: 'https://id.example.com' });

  it('says that we are busy, in the language of the reader, with a reference of its own and the same address again', async () => {
    const [english, german, other] = await ask(
      () => server,
      { url: '/authorize?state=a%26b&x=$1' },
      { headers: { 'accept-language': 'de' } },
      { url: '/account' },
    );
    expect(english).toContain('<h1>We are busy</h1>');
    expect(english).toContain('data-error="temporarily_unavailable"');
    expect(english).toContain('<a class="button main" id="retry" href="/authorize?state=a%26b&amp;x=$1">');
    expect(german).toContain('<html lang="de"');
    expect(other).toContain('id="retry" href="/account"');
    expect(reference(english)).not.toBe(reference(other));
    for (const page of [english, german, other]) expect(page).not.toMatch(/nauthera-|of-this-request/);
  });

  it('a form is not sent twice by us', async () => {
    const [page] = await ask(() => server, { method: 'POST', url: '/login' });
    expect(page).toContain('<h1>We are busy</h1>');
    expect(page).not.toContain('id="retry"');
  });

  it('follows what the owner of the server puts on the pages, and is there before one is declared', async () => {
    let declared: ServerRegistration | undefined;
    const pages = await ask(
      () => {
        const now = declared;
        declared = server;
        return now;
      },
      {},
      {},
    );
    expect(pages.map((page) => page.includes('Acme'))).toEqual([false, true]);
  });
});
