import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aClient, anOwner } from '../support/builders.ts';
import type { CostName } from '../support/costs.ts';
import { costs } from '../support/costs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import {
  authorize,
  authorizePath,
  codeFields,
  issuer,
  refreshFields,
  signIn,
  World,
  webApp,
} from '../support/world.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres('newest');
});
afterAll(() => postgres?.stop());

const asks = { mode: 'implicit', remember_for: 1, on_refused_scope: 'drop' } as const;
const bystander = (at: number) => {
  const value = webApp(`shop.bystander-${at}`);
  return { kind: 'client', id: value.client_id, owner: anOwner(value.client_id), value } as const;
};

/** The same numbers everywhere, however many clients there are: nothing in a request's path depends on either. */
describe.each<[string, number, () => Promise<{ databaseUrl?: string }>]>([
  ['PGlite', 0, () => Promise.resolve({})],
  ['Postgres, beside 10,000 clients', 10_000, async () => ({ databaseUrl: await postgres.createDatabase() })],
])('on %s', (_name, bystanders, backend) => {
  let world: World;
  let turn = 0;
  let username = '';
  beforeAll(async () => {
    world = await World.open({
      counting: true,
      ...(await backend()),
      clients: [
        webApp(),
        webApp('shop.implicit', { consent: asks }),
        aClient('shop.job').machine('secret-of-shop.job').build(),
      ],
    });
    for (let at = 0; at < bystanders; at += 500) {
      await world.registry.putMany(Array.from({ length: 500 }, (_, index) => bystander(at + index)));
    }
    const [revision] = await world.rows<{ n: number }>('SELECT n FROM registry_revision');
    await world.serves(revision?.n ?? 0);
  });
  afterAll(() => world?.stop());
  beforeEach(() => {
    username = `user${++turn}`;
    world.memory.add(username);
    world.memory.beforeLookup = () => Promise.resolve();
  });

  const expectCost = <T>(name: CostName, action: () => Promise<T>) => world.counters.expectCost(name, action);
  const credentials = () => ({ username, password: `password-of-${username}`, 'sign-in': '1' });
  const granted = async () =>
    (await world.token(codeFields((await authorize(world.browser(), {}, username)).code))).body;
  const grace = () =>
    world.rows(`UPDATE refresh_tokens SET used_at = now() - interval '11 seconds' WHERE used_at IS NOT NULL`);

  it('a machine: no statement, one signature', async () => {
    const { status } = await expectCost('client_credentials', () =>
      world.token({ grant_type: 'client_credentials' }, 'shop.job'),
    );
    expect(status).toBe(200);
  });

  it('documents and health: nothing', async () => {
    const [server] = world.servers;
    for (const url of [`${server?.url}/jwks`, `${server?.managementUrl}/livez`, `${server?.managementUrl}/readyz`]) {
      expect((await expectCost('document', () => fetch(url))).status).toBe(200);
    }
  });

  describe('what the user flows cost', () => {
    it('login, consent, exchange, refresh: each request on its own', async () => {
      const browser = world.browser();
      const login = await expectCost('authorize_first_hit', () => browser.get(authorizePath()));
      const answer = await expectCost('login', () =>
        browser.postOnly('/login', { ...login.form.fields, ...credentials() }),
      );
      const consent = await expectCost('consent_page', () => browser.get(answer.headers.get('location') ?? ''));
      const allowed = await expectCost('consent_allowed', () =>
        browser.postOnly('/consent', { ...consent.form.fields, decision: 'allow' }),
      );
      const page = await expectCost('consent_page', () => browser.get(allowed.headers.get('location') ?? ''));
      const first = await expectCost('code_exchange', () => world.token(codeFields(page.response.code)));
      const userinfo = () =>
        world.fetch(`${issuer}/userinfo`, { headers: { authorization: `Bearer ${first.body.access_token}` } });
      expect((await expectCost('userinfo', userinfo)).status).toBe(200);
      await expectCost('userinfo_seen', userinfo);
      const second = await expectCost('refresh', () => world.token(refreshFields(first.body.refresh_token)));
      await expectCost('refresh_retry', () => world.token(refreshFields(first.body.refresh_token)));
      await grace();
      const replay = await expectCost('refresh_replay', () => world.token(refreshFields(first.body.refresh_token)));
      expect([second.status, replay.status]).toEqual([200, 400]);
    });

    it('a sign-in that answers at once costs no more', async () => {
      const browser = world.browser();
      const login = await browser.get(authorizePath({ client_id: 'shop.implicit' }));
      const answer = await expectCost('login', () =>
        browser.postOnly('/login', { ...login.form.fields, ...credentials() }),
      );
      expect(answer.headers.get('location')).toMatch(/^\/continue/);
    });

    it('a live session: page, silent answer, error', async () => {
      const browser = world.browser();
      await authorize(browser, {}, username);
      await expectCost('authorize_with_session', () => browser.get(authorizePath({ prompt: 'login' })));
      await expectCost('authorize_with_session', () => browser.get(authorizePath({ prompt: 'consent' })));
      await expectCost('authorize_with_session', () =>
        browser.get(authorizePath({ prompt: 'none', scope: 'openid groups' })),
      );
      const silent = await expectCost('authorize_silent', () => browser.get(authorizePath({ prompt: 'none' })));
      expect(silent.leftTo?.searchParams.get('code')).toBeTruthy();
      const consent = await browser.get(authorizePath({ prompt: 'consent' }));
      await expectCost('consent_denied', () =>
        browser.postOnly('/consent', { ...consent.form.fields, decision: 'deny' }),
      );
    });

    it('a hint, the page of accounts, claims by name and resources: a verification, and not one statement more', async () => {
      const browser = world.browser();
      const claims = JSON.stringify({ userinfo: { name: null }, id_token: { email: null, acr: null } });
      const { code } = await authorize(browser, { claims, scope: 'openid' }, username);
      const answer = await expectCost('code_exchange', () => world.token(codeFields(code)));
      const { id_token: hint = '', refresh_token: token } = answer.body;
      await expectCost('refresh', () => world.token(refreshFields(token)));
      const silent = authorizePath({ claims, scope: 'openid', prompt: 'none', id_token_hint: hint });
      await expectCost('authorize_silent_with_hint', () => browser.get(silent));
      // Another's token, seen for the first time; then it is remembered, and so is that it is another's.
      const other = await authorize(world.browser(), { client_id: 'shop.implicit' }, username);
      const { id_token: foreign = '' } = (await world.token(codeFields(other.code), 'shop.implicit')).body;
      const refused = authorizePath({ id_token_hint: foreign });
      await expectCost('authorize_hint_refused', () => browser.get(refused));
      await expectCost('authorize_first_hit', () => browser.get(refused));
      const accounts = await expectCost('authorize_with_session', () =>
        browser.get(authorizePath({ prompt: 'select_account' })),
      );
      expect(accounts.name).toBe('choose-account');
      const account = /name="account" value="([^"]*)"/.exec(accounts.html)?.[1] ?? '';
      await expectCost('account_chosen', () =>
        browser.postOnly('/choose-account', { ...accounts.form.fields, account }),
      );
    });

    it('A48: a refused sign-in, of a known and of an unknown name', async () => {
      for (const name of [username, 'nobody']) {
        const browser = world.browser();
        const login = await browser.get(authorizePath());
        const fields = { ...login.form.fields, ...credentials(), username: name, password: 'wrong' };
        await expectCost('login_refused', () => browser.postOnly('/login', fields));
      }
    });

    it('a code that is unknown, mismatched or replayed', async () => {
      const { code } = await authorize(world.browser(), {}, username);
      await world.token(codeFields(code));
      await expectCost('code_exchange_refused', () => world.token(codeFields(code)));
      const again = await world.counters.costOf(() => world.token(codeFields(code)));
      const unknown = await world.counters.costOf(() => world.token(codeFields('x'.repeat(43))));
      for (const { cost } of [again, unknown]) expect(cost).toEqual({ ...costs.code_exchange_refused, rows: 0 });
    });

    it('a refresh that lost a race', async () => {
      const { refresh_token: token } = await granted();
      let won: ReturnType<typeof world.token> | undefined;
      // While the first one asks the directory, the second one does all of its work.
      world.memory.beforeLookup = async () => {
        world.memory.beforeLookup = () => Promise.resolve();
        won = world.token(refreshFields(token));
        await won;
      };
      const { cost, result: lost } = await world.counters.costOf(() => world.token(refreshFields(token)));
      const winner = await won;
      expect([lost.status, lost.body.refresh_token]).toEqual([200, winner?.body.refresh_token]);
      const both = Object.entries(costs.refresh).map(([name, value]) => [
        name,
        value + costs.refresh_lost_race[name as keyof typeof costs.refresh],
      ]);
      expect(cost).toEqual(Object.fromEntries(both));
    });

    it('a refresh that the directory cannot answer', async () => {
      const { refresh_token: token } = await granted();
      world.memory.down = true;
      const { cost } = await world.counters.costOf(() => world.token(refreshFields(token)));
      world.memory.down = false;
      expect(cost).toEqual({ ...costs.refresh, statements: 1, rows: 0, signatures: 0 });
    });

    it('login, consent and exchange together: 6 statements and the page that continues, 13 rows, 2 signatures', async () => {
      const { cost } = await world.counters.costOf(granted);
      expect(cost).toEqual({ statements: 7, rows: 13, signatures: 2, verifications: 0, searches: 2, binds: 1 });
    });

    it('signing in again changes nothing about it', async () => {
      const browser = world.browser();
      await authorize(browser, {}, username);
      const login = await browser.get(authorizePath({ prompt: 'login' }));
      await expectCost('login', () => browser.postOnly('/login', { ...login.form.fields, ...credentials() }));
      expect((await signIn(browser, authorizePath({ prompt: 'login' }), username)).name).toBe('continue');
    });
  });
});
