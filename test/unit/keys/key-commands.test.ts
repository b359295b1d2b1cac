import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { type ListedKey, listKeys, revokeKey, rotateKeys } from '../../../server/src/key-commands.ts';
import { createSigningKey } from '../../../server/src/keys/create-key.ts';
import { createSealer } from '../../../server/src/keys/sealer.ts';
import { epochSeconds } from '../../../server/src/protocol/time.ts';
import type { Database } from '../../../server/src/store/database.ts';
import { signingKeyStore } from '../../../server/src/store/signing-keys.ts';
import { openMigratedPglite } from '../../support/pglite.ts';

const sealer = createSealer([Buffer.alloc(32, 7)]);
const now = Math.floor(Date.now() / 1000);

describe('nauthera-server keys', () => {
  let database: Database;
  beforeAll(async () => {
    database = await openMigratedPglite();
  });
  afterAll(() => database.close());

  const store = () => signingKeyStore(database);
  const listed = async () => JSON.parse(await listKeys(store(), 'json')) as ListedKey[];
  const states = async () => (await listed()).map(({ algorithm, state }) => `${algorithm} ${state}`);
  async function make(algorithm: 'ES256' | 'RS256', generation: number, ago: number): Promise<string> {
    const key = await createSigningKey({ algorithm, generation, activeFrom: epochSeconds(now - ago) }, sealer);
    await store().insert({ ...key, activated: ago >= 0 });
    return key.kid;
  }
  const events = async (kid: string) =>
    (
      await database.run<{ event: string }>(
        { name: 'events', text: 'SELECT event FROM audit WHERE kid = $1 ORDER BY time, event DESC' },
        [kid],
      )
    ).rows.map(({ event }) => event);

  it('without any key there is nothing to list or to rotate', async () => {
    expect(await listKeys(store(), 'json')).toBe('[]');
    expect(await rotateKeys(store())).toMatchObject({ done: false, sentence: expect.stringContaining('no key yet') });
    expect(await revokeKey(store(), 'x')).toEqual({ sentence: 'there is no such key', done: false });
  });

  it('lists each key with what it is for', async () => {
    await make('ES256', 1, 3600);
    await make('ES256', 2, 60);
    await make('ES256', 3, -3600);
    await make('RS256', 1, 3600);
    expect(await states()).toEqual(['ES256 published', 'ES256 active', 'ES256 retiring', 'RS256 active']);
    expect(parseYaml(await listKeys(store(), 'yaml'))).toEqual(await listed());
    const table = (await listKeys(store(), 'table')).split('\n');
    expect(table).toHaveLength(5);
    expect(table[0]).toMatch(/^KID +ALGORITHM {2}ACTIVE FROM +STATE$/);
    expect(table[1]).toMatch(/^[\w-]{43} {2}ES256 {6}\d{4}-\d\d-\d\dT[\d:.]{12}Z {2}published$/);
  });

  it('rotate asks for what is not on its way, and may be repeated', async () => {
    expect(await rotateKeys(store())).toMatchObject({
      done: true,
      sentence: expect.stringMatching(/^asked for: RS256\./),
    });
    expect((await listed()).filter(({ rotationAsked }) => rotationAsked).map(({ algorithm }) => algorithm)).toEqual([
      'RS256',
    ]);
    expect(await listKeys(store(), 'table')).toContain('active, rotation asked');
    expect(await rotateKeys(store())).toEqual({ done: true, sentence: 'the next keys are on their way already' });
    await make('RS256', 2, -600);
    expect((await listed()).some(({ rotationAsked }) => rotationAsked)).toBe(false);
    expect(await rotateKeys(store())).toEqual({ done: true, sentence: 'the next keys are on their way already' });
  });

  it('A58: revoke refuses a key for good, once and with its audit row, and may be repeated', async () => {
    const kid = await make('ES256', 4, 30);
    expect(await states()).toContain('ES256 active');
    expect(await revokeKey(store(), kid)).toEqual({ sentence: 'revoked', done: true });
    expect(await revokeKey(store(), kid)).toEqual({ sentence: 'it was revoked before', done: true });
    expect((await listed()).find((one) => one.kid === kid)?.state).toBe('revoked');
    expect(await events(kid)).toEqual(['key.published', 'key.activated', 'key.revoked']);
  });

  it('a key that becomes active later is told of once', async () => {
    const kid = await make('ES256', 5, -60);
    expect(await events(kid)).toEqual(['key.published']);
    await store().activate(kid);
    await store().activate(kid);
    expect(await events(kid)).toEqual(['key.published', 'key.activated']);
  });
});
