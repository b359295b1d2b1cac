/** The outbox of back-channel logout: who is owed a logout token, and that one worker at a time has it. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../server/src/store/database.ts';
import { sessionEndStore } from '../../server/src/store/ended-sessions.ts';
import { deliveryBatch, logoutDeliveryStore } from '../../server/src/store/logout-deliveries.ts';
import { migrate } from '../../server/src/store/migrate.ts';
import { openDatabase } from '../../server/src/store/open.ts';
import { openMigratedPglite } from '../support/pglite.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres('newest');
});
afterAll(() => postgres?.stop());

const onPostgres = async (): Promise<Database> => {
  const database = await openDatabase(await postgres.createDatabase());
  await migrate(database);
  return database;
};

describe.each<[string, () => Promise<Database>]>([
  ['PGlite', openMigratedPglite],
  ['Postgres', onPostgres],
])('on %s', (_name, open) => {
  let database: Database;
  let owed = 0;
  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database?.close());
  beforeEach(async () => {
    owed = 0;
    await rows('DELETE FROM sessions');
    await rows('DELETE FROM authorization_codes');
    await rows('DELETE FROM grants');
    await rows('DELETE FROM logout_deliveries');
    await rows('DELETE FROM registry');
  });

  let statement = 0;
  const rows = async <R = Record<string, unknown>>(text: string, values: readonly unknown[] = []) => {
    statement += 1;
    return (await database.run<R>({ name: `looked_up_${statement}`, text }, values)).rows;
  };
  const session = (id: string, subject = 'u_ada', more = '') =>
    rows(
      `INSERT INTO sessions (handle, id, browser, subject, directory, entry_id, username, name, claims, auth_time, last_seen_at, idle_seconds, expires_at ${more === '' ? '' : ', ended_at'})
        VALUES (sha256(convert_to($1::text, 'utf8')), $2, sha256('b'::bytea), $3, 'shop/people', 'e', 'ada', 'Ada', '{}', now(), now(), 60, now() + interval '1 hour' ${more})`,
      [`h-${id}`, id, subject],
    );
  const code = (sessionId: string, clientId: string, more: { used?: boolean; live?: boolean; scopes?: string } = {}) =>
    rows(
      `INSERT INTO authorization_codes (hash, grant_id, outcome, client_id, client_uid, redirect_uri, scopes, offline, session_id, subject,
          directory, entry_id, username, claims, auth_time, expires_at, keep_until, used_at)
        VALUES (sha256(gen_random_uuid()::text::bytea), gen_random_uuid(), 'issued', $1, 'uid-of-' || $1, 'https://x', $2::text[], false, $3, 'u_ada', 'd', 'e', 'ada', '{}',
          now(), now() + $4::interval, now() + interval '1 day', CASE WHEN $5 THEN now() END)`,
      [
        clientId,
        more.scopes ?? '{openid}',
        sessionId,
        more.live === true ? '1 minute' : '-1 minute',
        more.used ?? true,
      ],
    );
  const grant = (sessionId: string | null, clientId: string) =>
    rows(
      `INSERT INTO grants (id, client_id, client_uid, subject, directory, entry_id, username, session_id, scopes, claims, auth_time, expires_at)
        VALUES (gen_random_uuid(), $1, 'uid-of-' || $1, 'u_ada', 'd', 'e', 'ada', $2, '{openid}', '{}', now(), now() + interval '1 day')`,
      [clientId, sessionId],
    );
  const client = (
    id: string,
    body: object = { backchannel_logout_uri: 'https://x.example.com/out' },
    uid = `uid-of-${id}`,
  ) =>
    rows(
      `INSERT INTO registry (kind, id, source, namespace, name, uid, format, withdrawn, body, n)
        VALUES ('client', $1, 's', 'shop', $1, $2, 1, false, $3::jsonb, 0)`,
      [id, uid, JSON.stringify(body)],
    );
  const outbox = () => rows<{ client_id: string }>('SELECT client_id FROM logout_deliveries ORDER BY client_id');
  const ends = () =>
    sessionEndStore(database, () => {
      owed += 1;
    });
  const browser = (id: string) => ({ handle: `h-${id}`, browser: 'b', id });

  it('owes it to who took part and wants to be told: offline too, once each, nobody else', async () => {
    await session('one');
    await session('other');
    for (const id of ['a.web', 'b.offline', 'c.silent', 'd.plain', 'e.late', 'f.unfinished']) {
      await client(id, id === 'c.silent' ? {} : undefined);
    }
    await client('g.again', undefined, 'another-uid');
    await client('h.elsewhere');
    for (const id of ['a.web', 'a.web', 'b.offline', 'c.silent', 'g.again']) await code('one', id);
    await code('one', 'd.plain', { scopes: '{profile}' });
    await code('one', 'e.late', { used: false });
    await code('one', 'f.unfinished', { used: false, live: true });
    await code('other', 'h.elsewhere');
    await grant('one', 'a.web');
    await grant(null, 'b.offline');
    await grant('other', 'h.elsewhere');
    const ended = await ends().endOfBrowser(browser('one'), 'logout', { requestId: 'r' });
    expect(ended).toMatchObject({ id: 'one', subject: 'u_ada', username: 'ada', grants: 1 });
    expect(ended?.clients.map(({ clientId }) => clientId)).toEqual([
      'a.web',
      'b.offline',
      'c.silent',
      'f.unfinished',
      'g.again',
    ]);
    expect((await outbox()).map(({ client_id }) => client_id)).toEqual(['a.web', 'b.offline', 'f.unfinished']);
    expect(owed).toBe(1);
    expect(await rows(`SELECT client_id FROM grants WHERE ended_at IS NULL ORDER BY 1`)).toEqual([
      { client_id: 'b.offline' },
      { client_id: 'h.elsewhere' },
    ]);
    expect(await rows(`SELECT kind, value FROM revocations`)).toEqual([{ kind: 'session', value: 'one' }]);
    const [audit] = await rows(
      `SELECT id::text, event, reason, user_id, session_id, request_id FROM audit WHERE session_id = 'one'`,
    );
    expect(audit).toEqual({
      id: ended?.event.id,
      event: 'session.ended',
      reason: 'logout',
      user_id: 'u_ada',
      session_id: 'one',
      request_id: 'r',
    });
    expect(await ends().endOfBrowser(browser('one'), 'logout', {})).toBeNull();
    expect(await outbox()).toHaveLength(3);
  });

  it.each([
    ['another browser', { handle: 'h-one', browser: 'x', id: 'one' }],
    ['another cookie', { handle: 'h-two', browser: 'b', id: 'one' }],
    ['another session than meant', { handle: 'h-one', browser: 'b', id: 'two' }],
  ])('A40: %s ends nothing', async (_case, which) => {
    await session('one');
    await session('two');
    expect(await ends().endOfBrowser(which, 'logout', {})).toBeNull();
    expect(await rows('SELECT id FROM sessions WHERE ended_at IS NOT NULL')).toEqual([]);
  });

  it('A40: a user ends their own sessions alone, one or all', async () => {
    for (const id of ['one', 'two', 'three']) await session(id);
    await session('foreign', 'u_bob');
    await session('gone', 'u_ada', ', now()');
    expect(await ends().endOfSubject('u_ada', 'foreign', 'account_page', {})).toBeNull();
    expect(await ends().endOfSubject('u_ada', 'gone', 'account_page', {})).toBeNull();
    expect((await ends().endOfSubject('u_ada', 'one', 'account_page', {}))?.id).toBe('one');
    const all = await ends().endAllOfSubject('u_ada', 'account_page', {});
    expect(all.map(({ id }) => id).sort()).toEqual(['three', 'two']);
    expect(new Set(all.map(({ event }) => event.id)).size).toBe(2);
    expect(await rows('SELECT id FROM sessions WHERE ended_at IS NULL')).toEqual([{ id: 'foreign' }]);
  });

  describe('claims', () => {
    const store = () => logoutDeliveryStore(database);
    const fill = (count: number) =>
      rows(
        `INSERT INTO logout_deliveries (session_id, client_uid, client_id, subject) SELECT 's' || n, 'u', 'c', 'u_ada' FROM generate_series(1, $1::integer) n`,
        [count],
      );

    it('F52: of two workers at once each row has one', async () => {
      await fill(2 * deliveryBatch + 7);
      const claims = await Promise.all(Array.from({ length: 4 }, () => store().claim(randomUUID())));
      const all = claims.flatMap(({ deliveries }) => deliveries.map(({ sessionId }) => sessionId));
      expect(new Set(all).size).toBe(all.length);
      expect(all.length).toBeLessThanOrEqual(2 * deliveryBatch + 7);
      for (const { deliveries } of claims) expect(deliveries.length).toBeLessThanOrEqual(deliveryBatch);
    });

    it('I3: what a worker that died had claimed is free when its lease has run out, and its late word counts no more', async () => {
      await fill(2);
      const dead = randomUUID();
      const { deliveries, dueIn } = await store().claim(dead);
      expect([deliveries.length, dueIn]).toEqual([2, undefined]);
      expect((await store().claim(randomUUID())).deliveries).toEqual([]);
      await rows(`UPDATE logout_deliveries SET next_attempt_at = now() - interval '1 second'`);
      const alive = randomUUID();
      expect((await store().claim(alive)).deliveries).toHaveLength(2);
      expect(
        await store().settle(
          dead,
          deliveries.map((delivery) => ({ delivery, failed: false })),
        ),
      ).toBe(0);
      expect(
        await store().settle(
          alive,
          deliveries.map((delivery) => ({ delivery, failed: false })),
        ),
      ).toBe(2);
      expect(await outbox()).toEqual([]);
    });

    it('an attempt that failed comes again when it is due, and counts; one handed back does not', async () => {
      await fill(2);
      const lease = randomUUID();
      const { deliveries } = await store().claim(lease);
      const [first, second] = deliveries;
      if (first === undefined || second === undefined) throw new Error('two were expected');
      const now = async () =>
        (await rows<{ at: number }>('SELECT extract(epoch FROM now())::float8 AS at'))[0]?.at ?? Number.NaN;
      const before = await now();
      await store().settle(lease, [
        { delivery: first, failed: true, againIn: 10 },
        { delivery: second, failed: false, againIn: 0 },
      ]);
      const next = await store().claim(randomUUID());
      expect(next.deliveries).toEqual([second]);
      expect(next.pending).toBe(2);
      // By the clock of the database, however long it took from there to here.
      expect(next.dueIn).toBeGreaterThanOrEqual(10 - ((await now()) - before));
      expect(next.dueIn).toBeLessThanOrEqual(10);
      expect(await store().unreached(first.sessionId)).toEqual([{ clientId: 'c', clientUid: 'u' }]);
      expect(await store().unreached(second.sessionId)).toEqual([]);
      await rows(`UPDATE logout_deliveries SET next_attempt_at = now() WHERE session_id = $1`, [first.sessionId]);
      expect((await store().claim(randomUUID())).deliveries).toEqual([{ ...first, attempts: 1 }]);
    });
  });
});
