/** What a logout costs: the same on both databases, in requests and in the background. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../server/src/store/database.ts';
import type { Browser } from '../support/browser.ts';
import { makeAuthority, type TestAuthority } from '../support/certificates.ts';
import type { CostName } from '../support/costs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { openTlsSink, type TlsSink } from '../support/tls-sink.ts';
import { authorize, codeFields, World, webApp } from '../support/world.ts';

let postgres: TestPostgres;
let authority: TestAuthority;
let sink: TlsSink;
beforeAll(async () => {
  authority = await makeAuthority();
  sink = await openTlsSink(await authority.issue());
  postgres = await startPostgres('newest');
});
afterAll(async () => {
  await sink?.close();
  await postgres?.stop();
});

const asks = { mode: 'implicit', remember_for: 1, on_refused_scope: 'drop' } as const;
const app = (clientId: string) =>
  webApp(clientId, {
    consent: asks,
    backchannel_logout_uri: `https://127.0.0.1:${sink.port}/${clientId}`,
    post_logout_redirect_uris: ['https://shop.example.com/bye'],
  });

/** The same database, noting the statements of the worker and keeping it still until it is let go. */
function watched(database: Database, names: string[], isOpen: () => boolean): Database {
  return new Proxy(database, {
    get(target, member) {
      if (member === 'run') {
        return ((statement, values) => {
          if (statement.name === 'logout_claim' && !isOpen()) return Promise.resolve({ rows: [], count: 0 });
          if (statement.name.startsWith('logout_')) names.push(statement.name);
          return target.run(statement, values);
        }) satisfies Database['run'];
      }
      const value: unknown = Reflect.get(target, member, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe.each<[string, () => Promise<{ databaseUrl?: string }>]>([
  ['PGlite', () => Promise.resolve({})],
  ['Postgres', async () => ({ databaseUrl: await postgres.createDatabase() })],
])('on %s', (_name, backend) => {
  let world: World;
  const names: string[] = [];
  let working = false;
  let people = 0;
  beforeAll(async () => {
    world = await World.open({
      counting: true,
      ...(await backend()),
      replicas: 0,
      server: { outbound_allowed: ['127.0.0.1/32'] },
      clients: [app('shop.web'), app('shop.second'), app('shop.third'), webApp('shop.quiet', { consent: asks })],
      options: {
        seams: {
          // What the worker does is measured on its own, so it is let go when a test says so.
          database: (database, use) =>
            use === 'background'
              ? watched(database, names, () => working)
              : (world.counters.seams().database?.(database, use) ?? database),
          outbound: { ca: authority.pem },
        },
      },
    });
    await world.startReplicas(1);
  });
  afterAll(() => world?.stop());

  const expectCost = <T>(name: CostName, action: () => Promise<T>) => world.counters.expectCost(name, action);
  async function signedIn(...clientIds: string[]): Promise<{ browser: Browser; path: string }> {
    const username = `person${++people}`;
    world.memory.add(username);
    const browser = world.browser();
    let idToken = '';
    for (const clientId of clientIds) {
      const { code } = await authorize(browser, { client_id: clientId, scope: 'openid' }, username);
      idToken = (await world.token(codeFields(code), clientId)).body.id_token ?? '';
    }
    return { browser, path: `/logout?id_token_hint=${idToken}` };
  }

  it('an ID token of this session: one statement; 3 rows and 2 per application', async () => {
    const one = await signedIn('shop.web');
    await expectCost('logout', () => one.browser.getOnly(one.path));
    await expectCost('logout_stranger', () => one.browser.getOnly('/logout'));
    const three = await signedIn('shop.web', 'shop.second', 'shop.third');
    const other = await signedIn('shop.web');
    // Seen once, so that its signature is known.
    await other.browser.getOnly(three.path);
    await expectCost('logout_other_session', () => other.browser.getOnly(three.path));
    await expectCost('logout_of_three', () => three.browser.getOnly(three.path));
  });

  it('the question, its answer, and the page after it', async () => {
    const { browser } = await signedIn('shop.web');
    const page = await expectCost('logout_question', () => browser.get('/logout'));
    const done = await expectCost('sign_out', () =>
      browser.postOnly('/sign-out', { ...page.form.fields, 'sign-out': '1' }),
    );
    await expectCost('signed_out_page', () => browser.getOnly(done.headers.get('location') ?? ''));
    const quiet = await signedIn('shop.quiet');
    const after = await quiet.browser.getOnly(quiet.path);
    await expectCost('signed_out_page_told_nobody', () => quiet.browser.getOnly(after.headers.get('location') ?? ''));
  });

  it('50 deliveries: claimed and settled by 2 statements, 100 rows, 50 signatures', async () => {
    await world.rows('DELETE FROM logout_deliveries');
    await world.rows(
      `INSERT INTO logout_deliveries (session_id, client_uid, client_id, subject)
        SELECT 's' || n, 'uid-of-shop.web', 'shop.web', 'u_ada' FROM generate_series(1, 49) n`,
    );
    const { browser, path } = await signedIn('shop.web');
    names.length = 0;
    const { cost } = await world.counters.costOf(async () => {
      working = true;
      await browser.getOnly(path);
      await expect.poll(() => names).toContain('logout_settle');
      await expect.poll(() => world.count('logout_deliveries')).toBe(0);
      working = false;
    });
    expect(names.slice(0, 2)).toEqual(['logout_claim', 'logout_settle']);
    expect(cost).toMatchObject({ statements: 1, rows: 5 + 100, signatures: 50 });
  });
});
