/** Expiry is decided where a row is read; the sweep only tidies up, and never takes what still counts. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../server/src/store/database.ts';
import { endByHand } from '../../server/src/store/ended-by-hand.ts';
import { openDatabase } from '../../server/src/store/open.ts';
import { type SweptTable, sweep } from '../../server/src/store/sweep.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { authorize, authorizePath, codeFields, refreshFields, World, webApp } from '../support/world.ts';

let postgres: TestPostgres;
let world: World;
let databaseUrl = '';
beforeAll(async () => {
  postgres = await startPostgres('newest');
  databaseUrl = await postgres.createDatabase();
  // The server's own sweep, once a minute, would take what a test counts.
  const unswept = (real: Database, use: 'request' | 'background'): Database => {
    if (use === 'request') return real;
    const isSweep = (name: string) => name.startsWith('sweep_') || name === 'grants_ended_by_hand';
    const run: Database['run'] = (statement, values) =>
      isSweep(statement.name) ? Promise.resolve({ rows: [], count: 0 }) : real.run(statement, values);
    return new Proxy(real, {
      get(target, member) {
        const value: unknown = member === 'run' ? run : Reflect.get(target, member, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
  world = await World.open({
    databaseUrl,
    clients: [webApp(), webApp('shop.other')],
    options: { seams: { database: unswept } },
  });
});
afterAll(async () => {
  await world?.stop();
  await postgres?.stop();
});

const sweepNow = async () => {
  const swept: Partial<Record<SweptTable, number>> = {};
  await sweep({
    database: world.database,
    onSwept: (table, rows) => {
      swept[table] = (swept[table] ?? 0) + rows;
    },
  });
  return swept;
};
const granted = async (scope = 'openid offline_access') => {
  const { code } = await authorize(world.browser(), { scope });
  return (await world.token(codeFields(code))).body;
};

/** Every table that is swept, with what makes a row of it matter no more. */
const ends: readonly [SweptTable, string][] = [
  ['sessions', `expires_at = now() - interval '1 second'`],
  ['consents', `expires_at = now() - interval '1 second'`],
  ['authorization_requests', `expires_at = now() - interval '1 second'`],
  ['authorization_codes', `keep_until = now() - interval '1 second', session_id = 'over'`],
  ['device_codes', `keep_until = now() - interval '1 second'`],
  ['grants', `expires_at = now() - interval '1 second'`],
  ['refresh_tokens', `keep_until = now() - interval '1 second'`],
  ['access_tokens', `expires_at = now() - interval '1 second'`],
  ['login_attempts', `last_at = now() - interval '25 hours'`],
  ['revocations', `expires_at = now() - interval '1 second'`],
  ['used_assertions', `keep_until = now() - interval '1 second'`],
  ['secret_uses', `used_at = now() - interval '401 days'`],
  ['recheck_buckets', `leased_until = now() - interval '25 hours'`],
  ['logout_deliveries', `created_at = now() - interval '49 hours'`],
  ['audit', `time = now() - interval '91 days'`],
];

describe('A83: no row is left behind', () => {
  it('after refusals, replays and races every token has its grant, every grant its code and one token that counts', async () => {
    const { code } = await authorize(world.browser());
    const exchanges = Array.from({ length: 10 }, () => world.token(codeFields(code)));
    await Promise.all([
      ...exchanges,
      world.token(codeFields(code), 'shop.other'),
      world.token(codeFields('x'.repeat(43))),
    ]);
    const { refresh_token: token } = await granted();
    await Promise.all(Array.from({ length: 10 }, () => world.token(refreshFields(token))));
    const orphans = await world.rows(`
      SELECT 'refresh token without grant' AS what FROM refresh_tokens t
        WHERE NOT EXISTS (SELECT FROM grants g WHERE g.id = t.grant_id)
      UNION ALL SELECT 'grant without its spent code' FROM grants g WHERE NOT EXISTS
        (SELECT FROM authorization_codes c WHERE c.grant_id = g.id AND c.used_at IS NOT NULL AND c.outcome = 'issued')
      UNION ALL SELECT 'grant without a token' FROM grants g WHERE NOT EXISTS
        (SELECT FROM refresh_tokens t WHERE t.grant_id = g.id AND t.used_at IS NULL)
      UNION ALL SELECT 'grant with two tokens' FROM refresh_tokens WHERE used_at IS NULL GROUP BY grant_id HAVING count(*) > 1`);
    expect(orphans).toEqual([]);
    expect(await world.count('grants')).toBe(2);
  });
});

describe('F55: the sweep', () => {
  it('takes nothing that still counts, spent tokens and codes included', async () => {
    const browser = world.browser();
    const { code } = await authorize(browser, { scope: 'openid offline_access' });
    const first = (await world.token(codeFields(code))).body;
    const second = (await world.token(refreshFields(first.refresh_token))).body;
    await browser.get(authorizePath({ prompt: 'consent' }));
    expect(await sweepNow()).toEqual({});
    // The spent refresh token is still known as one: a replay ends the grant.
    await world.rows(`UPDATE refresh_tokens SET used_at = used_at - interval '11 seconds' WHERE used_at IS NOT NULL`);
    expect((await world.token(refreshFields(first.refresh_token))).body.error).toBe('invalid_grant');
    expect((await world.token(refreshFields(second.refresh_token))).body.error).toBe('invalid_grant');
    // And so is the spent code.
    const again = await granted();
    expect(await sweepNow()).toEqual({});
    expect((await world.token(refreshFields(again.refresh_token))).status).toBe(200);
  });

  it.each(ends)('%s: what ended goes, what did not stays', async (table, end) => {
    await granted();
    await seed(table);
    const all = await world.count(table);
    expect(all).toBeGreaterThan(0);
    const half = Math.ceil(all / 2);
    await world.rows(`UPDATE ${table} SET ${end} WHERE ctid IN (SELECT ctid FROM ${table} LIMIT ${half})`);
    const swept = await sweepNow();
    expect([table, swept[table], await world.count(table)]).toEqual([table, half, all - half]);
  });

  it('tells of grants that came to the end of their time or were ended by hand, each once', async () => {
    await granted();
    await granted();
    const old = `expires_at = now() - interval '1 second'`;
    await world.rows(`DELETE FROM grants WHERE id NOT IN (SELECT id FROM grants ORDER BY created_at DESC LIMIT 2)`);
    await world.rows(`UPDATE grants SET ${old}`);
    await world.rows(`UPDATE grants SET ended_at = now() WHERE id = (SELECT id FROM grants LIMIT 1)`);
    const told: unknown[] = [];
    const { database } = world;
    const round = () => sweep({ database, onSwept: () => undefined, onEnded: (...ended) => told.push(ended) });
    await round();
    expect(told).toEqual([['expiry', 1]]);
    // By hand, in a process of its own: counted by one server, once.
    await granted();
    const { grants } = await endByHand(database, { user: 'ada' });
    await Promise.all([round(), round()]);
    await round();
    expect(told.slice(1)).toEqual([['admin', grants]]);
    expect(grants).toBeGreaterThan(0);
  });

  it('keeps the code of a session that may still end, though no token hangs off it any more', async () => {
    const { code } = await authorize(world.browser());
    await world.token(codeFields(code));
    const ofCode = `hash = sha256(convert_to('${code}', 'utf8'))`;
    await world.rows(`UPDATE authorization_codes SET keep_until = now() - interval '1 second' WHERE ${ofCode}`);
    await sweepNow();
    expect(await world.count('authorization_codes', ofCode)).toBe(1);
    const its = `id = (SELECT session_id FROM authorization_codes WHERE ${ofCode})`;
    await world.rows(`UPDATE sessions SET ended_at = now() WHERE ${its}`);
    await sweepNow();
    expect(await world.count('authorization_codes', ofCode)).toBe(0);
  });

  /** What a sign-in leaves no row of. */
  const seeds: Partial<Record<SweptTable, string>> = {
    revocations: `SELECT 'token', n::text, now(), now() + interval '1 hour'`,
    authorization_requests: `SELECT gen_random_uuid(), '\\x00', 'x', '\\x00', now() + interval '1 hour'`,
    device_codes: `SELECT n::text::bytea, n::text::bytea, gen_random_uuid(), 'tv.app', 'uid', '{}'::text[], NULL::text[], NULL, now(),
      now() + interval '10 minutes', now() + interval '1 hour'`,
    access_tokens: `SELECT n::text::bytea, gen_random_uuid(), 'shop.web', 'uid', NULL::uuid, '{}'::text[], '{shop.web}'::text[], now(), now() + interval '1 hour'`,
    used_assertions: `SELECT n::text::bytea, now() + interval '1 hour'`,
    secret_uses: `SELECT n::text, now()`,
    recheck_buckets: `SELECT 'shop/people', n, 1, '', 'x', NULL::uuid, now()`,
    logout_deliveries: `SELECT n::text, 'uid', 'shop.web', 'u_ada'`,
  };

  async function seed(table: SweptTable): Promise<void> {
    const rows = seeds[table];
    if (rows !== undefined) await world.rows(`INSERT INTO ${table} ${rows} FROM generate_series(1, 4) n`);
  }

  it('takes any number in batches, and waits for no lock', async () => {
    await world.rows(
      `INSERT INTO revocations SELECT 'token', 'old ' || n, now(), now() - interval '1 hour' FROM generate_series(1, 2500) n`,
    );
    const other = await openDatabase(databaseUrl);
    const swept = await other.transaction(async (held) => {
      const lock = `SELECT value FROM revocations WHERE value IN ('old 1', 'old 2') FOR UPDATE`;
      await held.run({ name: 'test_hold_two', text: lock }, []);
      return sweepNow();
    });
    await other.close();
    expect(swept.revocations).toBe(2498);
    expect((await sweepNow()).revocations).toBe(2);
  });

  it('beside refreshes and exchanges: every one succeeds, and no grant is lost', async () => {
    const tokens: Awaited<ReturnType<typeof granted>>[] = [];
    for (let person = 0; person < 6; person++) tokens.push(await granted());
    await world.rows(
      `INSERT INTO revocations SELECT 'token', 'more ' || n, now(), now() - interval '1 hour' FROM generate_series(1, 5000) n`,
    );
    let sweeping = true;
    const sweeps = (async () => {
      for (; sweeping; ) await sweepNow();
    })();
    const chains = await Promise.all(
      tokens.map(async ({ refresh_token: first }) => {
        let token = first;
        for (let turn = 0; turn < 5; turn++) {
          const { status, body } = await world.token(refreshFields(token));
          if (status !== 200) return `${turn}: ${status} ${body.error}`;
          token = body.refresh_token;
        }
        return 'all';
      }),
    );
    sweeping = false;
    await sweeps;
    expect(chains).toEqual(tokens.map(() => 'all'));
  });
});
