/** What runs beside requests costs little, and the same whether anybody asks for anything or not. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKeys, systemClock } from '../../server/src/keys/key-set.ts';
import { createSealer } from '../../server/src/keys/sealer.ts';
import type { Database } from '../../server/src/store/database.ts';
import { signingKeyStore } from '../../server/src/store/signing-keys.ts';
import { silentLog } from '../../server/src/telemetry/log.ts';
import { createMetrics } from '../../server/src/telemetry/metrics.ts';
import { aServer } from '../support/builders.ts';
import { openMigratedPglite } from '../support/pglite.ts';
import { telling } from '../support/telling.ts';
import { keyEncryptionKey, World } from '../support/world.ts';

describe('signing keys', () => {
  let database: Database;
  beforeAll(async () => {
    database = await openMigratedPglite();
  });
  afterAll(() => database.close());

  it('a check is one statement that writes nothing; a due key three, with its audit row', async () => {
    const names: string[] = [];
    const signing = { ...aServer().signing, algorithms: ['ES256'] as const };
    let settings = signing;
    const keys = createKeys({
      store: signingKeyStore(telling(database, names)),
      sealer: createSealer([keyEncryptionKey]),
      settings: () => settings,
      issuer: () => 'https://id.example.com',
      clock: systemClock,
      monotonic: () => performance.now(),
      log: silentLog,
      metrics: createMetrics(new Registry()),
    });
    const rows = async () => {
      const count = (table: string) => `(SELECT count(*)::int FROM ${table})`;
      const text = `SELECT ${count('signing_keys')} AS keys, ${count('audit')} AS audit`;
      return (await database.run({ name: 'counted', text }, [])).rows[0];
    };
    await keys.refresh();
    expect(names.splice(0)).toEqual(['signing_keys_load', 'signing_keys_insert', 'signing_keys_load']);
    // The first one is used at once: an event that it is there, and one that it signs.
    expect(await rows()).toEqual({ keys: 1, audit: 2 });
    await keys.refresh();
    expect(names.splice(0)).toEqual(['signing_keys_load']);
    // Due at once: it has been in use for longer than a key may be.
    settings = { ...signing, rotate_every: 1, publish_before: 600 };
    await database.run({ name: 'aged', text: `UPDATE signing_keys SET active_from = now() - interval '1 hour'` }, []);
    await keys.refresh();
    expect(names.splice(0)).toEqual(['signing_keys_load', 'signing_keys_insert', 'signing_keys_load']);
    expect(await rows()).toEqual({ keys: 2, audit: 3 });
    expect(keys.keySet.jwks().keys).toHaveLength(2);
    await database.run({ name: 'aged', text: `UPDATE signing_keys SET active_from = now() WHERE generation = 2` }, []);
    settings = signing;
    await keys.refresh();
    expect(names.splice(0).slice(0, 2)).toEqual(['signing_keys_load', 'signing_keys_activate']);
    expect(await rows()).toMatchObject({ audit: 4 });
  });
});

describe('a replica that nobody asks', () => {
  it('sends at most three statements a second, and writes its report alone', async () => {
    const names: string[] = [];
    const seams = { database: (database: Database) => telling(database, names) };
    const world = await World.open({ rechecks: true, options: { seams } });
    try {
      // What starting costs is over once the first report was written.
      await expect.poll(() => names).toContain('replica_report_put');
      await sleep(1000);
      names.length = 0;
      const began = performance.now();
      await sleep(6000);
      const seconds = (performance.now() - began) / 1000;
      expect(names.length).toBeGreaterThan(0);
      // What comes every so many seconds comes once more at most; together these are 3 a second.
      const most = (every: number) => Math.floor(seconds / every) + 1;
      const count = (...of: readonly string[]) => names.filter((name) => of.includes(name)).length;
      expect(count('revocations_recent')).toBeLessThanOrEqual(most(0.5));
      expect(count('registry_revision', 'registry_changes')).toBeLessThanOrEqual(most(2));
      expect(count('signing_keys_load')).toBeLessThanOrEqual(most(4));
      expect(count('replica_report_put')).toBeLessThanOrEqual(most(5));
      expect(count('logout_claim')).toBeLessThanOrEqual(most(20));
      expect(count('directories_gone')).toBeLessThanOrEqual(most(15));
      // With nobody signed in a round is three looks; the next one is not due within this time.
      expect(count('recheck_claim', 'recheck_decide')).toBeLessThanOrEqual(4);
      const known = [
        'directories_gone',
        'recheck_claim',
        'recheck_decide',
        'logout_claim',
        'revocations_recent',
        'registry_revision',
        'registry_changes',
        'signing_keys_load',
        'replica_report_put',
      ];
      expect(names.filter((name) => !known.includes(name))).toEqual([]);
    } finally {
      await world.stop();
    }
  });
});
