import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createPairwiseSalt, type PairwiseSalt } from '../../../server/src/keys/pairwise-salt.ts';
import { createSealer } from '../../../server/src/keys/sealer.ts';
import type { Database } from '../../../server/src/store/database.ts';
import { sealedSecretStore } from '../../../server/src/store/sealed-secrets.ts';
import { silentLog } from '../../../server/src/telemetry/log.ts';
import { openMigratedPglite } from '../../support/pglite.ts';

const [key, newKey, otherKey] = [randomBytes(32), randomBytes(32), randomBytes(32)];

let database: Database;
beforeAll(async () => {
  database = await openMigratedPglite();
});
afterAll(() => database.close());
const run = async (text: string) => (await database.run<{ sealed: Buffer }>({ name: text, text }, [])).rows;
beforeEach(() => run('DELETE FROM sealed_secrets'));

const stored = async () => (await run('SELECT sealed FROM sealed_secrets')).map(({ sealed }) => sealed);
const replica = (...keys: Buffer[]) =>
  createPairwiseSalt({ store: sealedSecretStore(database), sealer: createSealer(keys), log: silentLog });
const read = async (salt: PairwiseSalt) => {
  await salt.refresh();
  return salt.current().export();
};

describe('the salt of pairwise subjects', () => {
  it('is made once, and stays over restarts', async () => {
    const first = await read(replica(key));
    expect(first).toHaveLength(32);
    expect(await read(replica(key))).toEqual(first);
  });

  it('of replicas that start together one makes it', async () => {
    const salts = await Promise.all(Array.from({ length: 8 }, () => read(replica(key))));
    expect(new Set(salts.map((salt) => salt.toString('hex'))).size).toBe(1);
    expect(await stored()).toHaveLength(1);
  });

  it('is stored sealed', async () => {
    const salt = await read(replica(key));
    const [sealed] = await stored();
    expect(sealed?.includes(salt)).toBe(false);
  });

  it('moves to a new key-encryption key, and the old one can be dropped', async () => {
    const before = await read(replica(key));
    expect(await read(replica(newKey, key))).toEqual(before);
    expect(await read(replica(newKey))).toEqual(before);
  });

  it('two replicas that move it at once leave one that opens', async () => {
    const before = await read(replica(key));
    await Promise.all([read(replica(newKey, key)), read(replica(newKey, key))]);
    expect(await read(replica(newKey))).toEqual(before);
  });

  it.each([
    ['sealed with another key-encryption key', () => read(replica(otherKey))],
    [
      'copied from another place',
      () =>
        sealedSecretStore(database).insert(
          'pairwise_salt',
          createSealer([key]).seal(randomBytes(32), ['signing_keys', 'pairwise_salt']),
        ),
    ],
    [
      'too short',
      () =>
        sealedSecretStore(database).insert(
          'pairwise_salt',
          createSealer([key]).seal(randomBytes(16), ['sealed_secrets', 'pairwise_salt']),
        ),
    ],
  ])('%s: never replaced, never used', async (_title, put) => {
    await put();
    const before = await stored();
    const salt = replica(key);
    await salt.refresh();
    expect(salt.state()).toBe('key_encryption_key_mismatch');
    expect(() => salt.current()).toThrow();
    expect(await stored()).toEqual(before);
  });

  it('a database that is away: pending, then ready', async () => {
    const store = sealedSecretStore(database);
    let away = true;
    const salt = createPairwiseSalt({
      store: { ...store, read: (name) => (away ? Promise.reject(new Error('away')) : store.read(name)) },
      sealer: createSealer([key]),
      log: silentLog,
    });
    await salt.refresh();
    expect(salt.state()).toBe('pending');
    away = false;
    await salt.refresh();
    expect(salt.state()).toBe('ready');
  });
});
