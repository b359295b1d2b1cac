/** Older secrets of clients: when they were used, what of it can be known, and how all that a leaked one obtained ends. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createHeartbeat, type Heartbeat } from '../../server/src/registry/heartbeat.ts';
import { RegistryFenced } from '../../server/src/registry/registry.ts';
import { createSecretUses, type SecretUses } from '../../server/src/registry/secret-uses.ts';
import type { Database } from '../../server/src/store/database.ts';
import { aClient, anOwner, digestOf } from '../support/builders.ts';
import { type Backend, clean, client, registryOf, sql, until } from './backend.ts';

const digest = digestOf('old');

export function clientSecretSuite(name: string, backend: () => Promise<Backend>): void {
  describe(`secrets of clients on ${name}`, () => {
    let open: Backend;
    let database: Database;
    beforeAll(async () => {
      open = await backend();
      ({ database } = await open.open());
    });
    beforeEach(async () => {
      await clean(database);
    });
    afterAll(() => open.close());

    const useOf = (one = digest) => registryOf(database).secretUse(one);
    const processes = (replica: string) =>
      sql<{ process: string | null }>(database, 'SELECT process FROM replica_reports WHERE replica = $1', [replica]);
    interface Beating {
      readonly heart: Heartbeat;
      readonly uses: SecretUses;
    }
    /** A replica that has told of itself, and told again: what it saw before is known. */
    async function beating(replica: string): Promise<Beating> {
      const uses = createSecretUses();
      const heart = createHeartbeat({
        database,
        replica,
        follower: { current: { revision: { epoch: 'e', n: 1 } } as never, rejected: [], onSwap: () => () => undefined },
        details: () => ({ directories: [], keys: 'ready', untrustedProxy: false }),
        secretUses: uses,
      });
      const [before] = await processes(replica);
      heart.start();
      await until(async () => {
        const [now] = await processes(replica);
        return now !== undefined && now.process !== before?.process;
      });
      return { heart, uses };
    }
    /** The report that is written next tells of everything until the one before it. */
    async function beatTwice({ heart }: Beating): Promise<void> {
      const { now } = await useOf();
      await until(async () => {
        heart.soon();
        return (await useOf()).knownUntil >= now;
      });
    }

    it('a use is told with the next report, and what is known reaches as far as the report before it', async () => {
      const one = await beating('a');
      const before = await useOf();
      expect(before).not.toHaveProperty('usedAt');
      expect(before).not.toHaveProperty('unseenAt');
      expect(before.knownUntil).toBeLessThanOrEqual(before.now - 15_000);
      one.uses.note(digest);
      await beatTwice(one);
      const after = await useOf();
      expect(after.usedAt).toBeGreaterThanOrEqual(before.now);
      expect(after.usedAt).toBeLessThanOrEqual(after.knownUntil);
      expect(await useOf(digestOf('another'))).not.toHaveProperty('usedAt');
      await one.heart.stop();
    });

    it('the last report of a replica that stops in order tells everything, and leaves nothing unseen', async () => {
      const one = await beating('a');
      one.uses.note(digest);
      await one.heart.stop();
      const { usedAt, unseenAt, now, knownUntil } = await useOf();
      expect(usedAt).toBeGreaterThan(0);
      expect(unseenAt).toBeUndefined();
      expect(knownUntil).toBe(now);
    });

    it('of several replicas the one that is behind says what is known', async () => {
      const [one, other] = [await beating('a'), await beating('b')];
      const { now } = await useOf();
      one.heart.soon();
      one.heart.soon();
      expect((await useOf()).knownUntil).toBeLessThan(now);
      await Promise.all([beatTwice(one), beatTwice(other)]);
      await Promise.all([one.heart.stop(), other.heart.stop()]);
    });

    describe('what nobody can tell any more counts as a use', () => {
      const age = (interval: string) =>
        sql(database, `UPDATE replica_reports SET reported_at = now() - interval '${interval}' WHERE replica = 'a'`);

      it('a replica that died: until it stopped to serve, also after its report was removed', async () => {
        const dead = await beating('a');
        await age('20 seconds');
        const { unseenAt = 0, now } = await useOf();
        expect(now - unseenAt).toBeGreaterThan(4_000);
        expect(now - unseenAt).toBeLessThan(10_000);
        await sql(database, `DELETE FROM replica_reports`);
        const later = await useOf();
        expect(later.unseenAt).toBe(unseenAt);
        await dead.heart.stop();
        expect((await useOf()).unseenAt).toBe(unseenAt);
      });

      it('a process whose name another one took', async () => {
        await beating('a');
        const successor = await beating('a');
        const { unseenAt = 0, now } = await useOf();
        expect(unseenAt).toBeGreaterThan(0);
        expect(now - unseenAt).toBeLessThan(10_000);
        await successor.heart.stop();
      });

      it('a live replica of a version that does not look: now', async () => {
        await sql(
          database,
          `INSERT INTO replica_reports (replica, reported_at, format, epoch, n, rejected, directories, keys)
            VALUES ('former', now(), 1, 'e', 1, '[]', '[]', 'ready')`,
        );
        const { unseenAt, now } = await useOf();
        expect(unseenAt).toBe(now);
        await sql(database, `DELETE FROM replica_reports`);
        expect((await useOf()).unseenAt).toBeGreaterThanOrEqual(now);
      });
    });

    it('many uses go out in several reports; what is known does not pass the first that is left', () => {
      let now = 0;
      const uses = createSecretUses(() => now);
      for (let index = 0; index < 1_500; index += 1) {
        now = index;
        uses.note(`digest ${index}`);
      }
      const first = uses.take();
      expect([first.rows.length, first.untoldFor]).toEqual([1_000, 0.499]);
      now = 2_000;
      uses.note('digest 0');
      first.done();
      const second = uses.take();
      expect([second.rows.length, second.untoldFor]).toEqual([501, null]);
      expect(second.rows.find((row) => row.digest === 'digest 0')?.ago).toBe(0);
    });

    const secrets = (...values: string[]) =>
      client('web', {}, {
        value: aClient('shop.web')
          .with({ client_secret_digests: values.map(digestOf) })
          .build(),
      } as never);
    const audited = () =>
      sql(
        database,
        `SELECT event, reason, client_id, client_uid FROM audit WHERE event LIKE 'secret.%' ORDER BY time, event`,
      );

    it('a change of secrets is audited with it, whoever makes it; the first secret is none', async () => {
      const registry = registryOf(database);
      const row = { client_id: 'shop.web', client_uid: anOwner('web').uid };
      await registry.put(secrets('one'));
      expect(await audited()).toEqual([]);
      await registry.put(secrets('two', 'one'));
      expect(await audited()).toEqual([{ event: 'secret.rotated', reason: null, ...row }]);
      await registry.put(secrets('two'));
      expect(await audited()).toEqual([
        { event: 'secret.rotated', reason: null, ...row },
        { event: 'secret.retired', reason: null, ...row },
      ]);
      await sql(
        database,
        `UPDATE registry SET body = body || jsonb_build_object('client_secret_digests', jsonb_build_array($1::text),
          'secret_notes', jsonb_build_object('revoked', body -> 'client_secret_digests'))`,
        [digestOf('three')],
      );
      expect((await audited()).slice(2)).toEqual([
        { event: 'secret.retired', reason: 'revoked', ...row },
        { event: 'secret.rotated', reason: null, ...row },
      ]);
    });

    it('everything that a client obtained ends; only the newest leader may have it ended', async () => {
      const registry = registryOf(database);
      await registry.put(secrets('one'));
      const { uid } = anOwner('web');
      await sql(
        database,
        `INSERT INTO grants (id, client_id, client_uid, subject, directory, entry_id, username, scopes, claims, auth_time, expires_at,
            id_token_claims)
          SELECT gen_random_uuid(), c, 'any', 's', 'd', 'e', 'ada', '{}', '{}', now(), now() + interval '1 day', '{}'
          FROM unnest('{shop.web,shop.web,shop.other}'::text[]) AS c`,
      );
      await registry.revokeTokens('nobody');
      expect(await sql(database, 'SELECT count(*)::int FROM revocations')).toEqual([{ count: 0 }]);
      await registry.revokeTokens(uid);
      const held = `SELECT client_id FROM grants WHERE ended_at IS NULL`;
      expect(await sql(database, held)).toEqual([{ client_id: 'shop.other' }]);
      // Which a server counts.
      expect(await sql(database, `SELECT kind, value, by_hand FROM revocations`)).toEqual([
        { kind: 'client', value: 'shop.web', by_hand: 2 },
      ]);
      await registryOf(database, { leaseTransitions: 9 }).put(secrets('two'));
      await expect(registry.revokeTokens(uid)).rejects.toBeInstanceOf(RegistryFenced);
      await sql(database, 'TRUNCATE grants, revocations');
    });

    it('however much a client obtained, it ends: grants go in batches, told as one act', async () => {
      const registry = registryOf(database);
      await registry.put(secrets('one'));
      const { uid } = anOwner('web');
      await sql(database, 'TRUNCATE audit');
      await sql(
        database,
        `INSERT INTO grants (id, client_id, client_uid, subject, directory, entry_id, username, scopes, claims, auth_time, expires_at,
            id_token_claims)
          SELECT gen_random_uuid(), 'shop.web', 'any', 's', 'd', 'e', 'ada', '{}', '{}', now(), now() + interval '1 day', '{}'
          FROM generate_series(1, 2500)`,
      );
      await registry.revokeTokens(uid);
      expect(await sql(database, 'SELECT count(*)::int FROM grants WHERE ended_at IS NULL')).toEqual([{ count: 0 }]);
      expect(await sql(database, 'SELECT kind, value, by_hand FROM revocations')).toEqual([
        { kind: 'client', value: 'shop.web', by_hand: 2500 },
      ]);
      expect(await sql(database, `SELECT event FROM audit WHERE event = 'token.revoked'`)).toHaveLength(1);
      await sql(database, 'TRUNCATE grants, revocations');
    });
  });
}
