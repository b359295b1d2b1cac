/** Signing keys that change while everybody goes on: by schedule, by hand, and in an emergency. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ListedKey } from '../../server/src/key-commands.ts';
import { createKeys, type Keys } from '../../server/src/keys/key-set.ts';
import type { RotationSettings } from '../../server/src/keys/rotation.ts';
import { createSealer } from '../../server/src/keys/sealer.ts';
import { type EpochSeconds, epochSeconds } from '../../server/src/protocol/time.ts';
import type { Database } from '../../server/src/store/database.ts';
import { signingKeyStore } from '../../server/src/store/signing-keys.ts';
import { silentLog } from '../../server/src/telemetry/log.ts';
import { createMetrics } from '../../server/src/telemetry/metrics.ts';
import { openMigratedPglite } from '../support/pglite.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { authorize, codeFields, issuer, keyEncryptionKey, World, webApp } from '../support/world.ts';

describe('F45, I11: rotation by schedule, three replicas, relying parties with a 10-minute cache', () => {
  /** The shortest that the server's registration may hold. */
  const settings: RotationSettings = {
    algorithms: ['ES256'],
    rotate_every: 1800,
    publish_before: 600,
    retire_after: 3660,
  };
  const tokenLife = 3600;
  const cached = 600;
  const start = 1_800_000_000;
  /** A replica reads its keys every four seconds. Here two readings of three fail, on each at another time. */
  const poll = 4;
  const seconds = 3 * 3600;

  let database: Database;
  let now = start;
  /** Seconds that the database's answer takes. */
  let late = 0;
  let random = 20_261_125;
  const below = (limit: number): number => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((random / 0x80000000) * limit);
  };
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;

  beforeAll(async () => {
    database = await openMigratedPglite();
  });
  afterAll(() => database.close());

  /** As it runs in a server, but for the time, which is that of the test in the database, too. */
  function aReplica(algorithms = () => settings.algorithms, registry = new Registry()): Keys {
    const clock = { now: (): EpochSeconds => epochSeconds(now) };
    const store = signingKeyStore(database);
    return createKeys({
      store: {
        ...store,
        load: async () => {
          const read = { ...(await store.load()), now: clock.now() };
          now += late;
          return read;
        },
      },
      sealer: createSealer([keyEncryptionKey]),
      settings: () => ({ ...settings, algorithms: algorithms() }),
      issuer: () => issuer,
      clock,
      monotonic: () => now * 1000,
      log: silentLog,
      metrics: createMetrics(registry),
    });
  }

  /** Fetches from one replica, keeps the set for ten minutes whatever comes, and never looks for an unknown key. */
  function aRelyingParty({ keySet }: Keys, phase: number) {
    let fetchedAt = Number.NEGATIVE_INFINITY;
    let kids: ReadonlySet<unknown> = new Set();
    let set = createLocalJWKSet({ keys: [] });
    return {
      knows: (kid: unknown): boolean => kids.has(kid),
      async verifies(token: string): Promise<boolean> {
        const options = { issuer, currentDate: new Date(now * 1000) };
        return jwtVerify(token, set, options).then(
          () => true,
          () => false,
        );
      },
      look(): void {
        if (now - fetchedAt < cached || now < start + phase) return;
        const jwks = structuredClone(keySet.jwks()) as unknown as JSONWebKeySet;
        kids = new Set(jwks.keys.map(({ kid }) => kid));
        set = createLocalJWKSet(jwks);
        fetchedAt = now;
      },
    };
  }

  it('verify every token across more than three rotations; a retired key is refused', async () => {
    const replicas = [aReplica(), aReplica(), aReplica()];
    for (const replica of replicas) await replica.refresh();
    // For every moment of a cache's life one that asks each replica.
    const parties = Array.from({ length: cached / poll }, (_, index) =>
      replicas.map((replica) => aRelyingParty(replica, index * poll)),
    ).flat();
    const sign = (life = tokenLife) =>
      pick(replicas).signer.sign('ES256', 'at+jwt', { iss: issuer, iat: now, exp: now + life });
    const forEver = await sign(365 * 86_400);
    const tokens: { readonly token: string; readonly exp: number }[] = [];
    const failures: string[] = [];
    const signedBy = new Set<unknown>();
    const refusals: number[] = [];

    for (now = start; now < start + seconds; now += poll) {
      await replicas[((now - start) / poll) % 3]?.refresh();
      for (const party of parties) party.look();
      const token = await sign();
      signedBy.add(decodeProtectedHeader(token).kid);
      tokens.push({ token, exp: now + tokenLife });
      const valid = tokens.filter(({ exp }) => exp > now);
      const older = pick(valid).token;
      const ready = parties.slice(0, 3 * ((now - start) / poll + 1));
      for (const one of [token, older]) {
        const { kid } = decodeProtectedHeader(one);
        const blind = ready.filter((party) => !party.knows(kid)).length;
        const holds = await pick(ready).verifies(one);
        const ours = pick(replicas).keySet.verify(one, 'at+jwt') !== null;
        if (blind > 0 || !holds || !ours) failures.push(`${now - start}: ${blind} blind, ${holds}, ${ours}`);
      }
      const kept = replicas.map(({ keySet }) => keySet.verify(forEver, 'at+jwt'));
      if (kept.every((claims) => claims === null)) refusals.push(now - start);
    }

    expect(failures).toEqual([]);
    expect(signedBy.size).toBeGreaterThanOrEqual(4);
    // The first key signed until the second one did, and was then kept for `retire_after`; refused ever after.
    const [refused = 0] = refusals;
    const successorAt = settings.rotate_every;
    expect(refused).toBeGreaterThanOrEqual(successorAt + settings.retire_after);
    expect(refused).toBeLessThanOrEqual(successorAt + settings.retire_after + 10 * poll);
    expect(refusals).toHaveLength(Math.ceil((seconds - refused) / poll));
    const { kid } = decodeProtectedHeader(forEver);
    for (const { keySet } of replicas) expect(keySet.jwks().keys.map((key) => key['kid'])).not.toContain(kid);
    const { rows } = await database.run<{ event: string }>(
      { name: 'key_events', text: 'SELECT event FROM audit WHERE kid = $1 ORDER BY time, event DESC' },
      [kid],
    );
    expect(rows.map(({ event }) => event)).toEqual(['key.published', 'key.activated', 'key.retired']);
  }, 600_000);

  it('F46: an answer of the database that comes late is no difference of the clocks', async () => {
    const replica = aReplica();
    late = 9;
    await replica.refresh();
    late = 0;
    expect(replica.clockSkew()).toBe(0);
  });

  it('an algorithm that is used no more is not told as overdue', async () => {
    let algorithms: RotationSettings['algorithms'] = ['ES256', 'RS256'];
    const registry = new Registry();
    const replica = aReplica(() => algorithms, registry);
    const told = async () => {
      await replica.refresh();
      const text = await registry.getSingleMetricAsString('nauthera_signing_key_next_rotation_timestamp_seconds');
      return [...text.matchAll(/alg="(\w+)"/g)].map(([, alg]) => alg);
    };
    expect(await told()).toEqual(['ES256', 'RS256']);
    algorithms = ['ES256'];
    expect(await told()).toEqual(['ES256']);
  });
});

describe('by hand, on three replicas', () => {
  let postgres: TestPostgres;
  let world: World;
  let databaseUrl: string;
  beforeAll(async () => {
    postgres = await startPostgres('newest');
    databaseUrl = await postgres.createDatabase();
    world = await World.open({ databaseUrl, replicas: 3, clients: [webApp()] });
  });
  afterAll(async () => {
    await world?.stop();
    await postgres?.stop();
  });

  async function keys(...args: string[]): Promise<{ code: unknown; out: string; err: string }> {
    const main = fileURLToPath(new URL('../../server/src/main.ts', import.meta.url));
    const env = { PATH: process.env['PATH'], NAUTHERA_DATABASE: databaseUrl };
    const child = spawn(process.execPath, [main, 'keys', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      output.out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output.err += chunk.toString();
    });
    const [code] = (await once(child, 'close')) as unknown[];
    return { code, ...output };
  }
  const listed = async () => JSON.parse((await keys('list', '-o', 'json')).out) as ListedKey[];
  const active = async () =>
    (await listed()).find(({ algorithm, state }) => algorithm === 'ES256' && state === 'active');
  const everywhere = <T>(ask: (url: string) => Promise<T>) => Promise.all(world.urls.map(ask));
  const published = (url: string) =>
    fetch(`${url}/jwks`).then(async (answer) => (await answer.json()) as JSONWebKeySet);
  const kidsEverywhere = () => everywhere(async (url) => (await published(url)).keys.map(({ kid }) => kid));
  const userinfo = (token: string | undefined) => (url: string) =>
    fetch(`${url}/userinfo`, { headers: { authorization: `Bearer ${token}` } }).then(({ status }) => status);
  async function aToken(): Promise<string> {
    const { code } = await authorize(world.browser());
    return (await world.token(codeFields(code))).body.access_token ?? '';
  }
  const soon = { interval: 250 };

  it('keys rotate: the next key is published everywhere, and does not sign yet', async () => {
    const before = await active();
    const { code, out } = await keys('rotate');
    expect([code, out]).toEqual([0, expect.stringMatching(/^asked for: ES256, RS256\./)]);
    await expect.poll(async () => (await kidsEverywhere()).map(({ length }) => length), soon).toEqual([4, 4, 4]);
    expect((await listed()).map(({ algorithm, state }) => `${algorithm} ${state}`)).toEqual([
      'ES256 published',
      'ES256 active',
      'RS256 published',
      'RS256 active',
    ]);
    expect(decodeProtectedHeader(await aToken()).kid).toBe(before?.kid);
    expect((await keys('rotate')).out.trim()).toBe('the next keys are on their way already');
  });

  it('F45, F52, A58: keys revoke is obeyed everywhere within seconds, and the next key signs', async () => {
    const revoked = (await active())?.kid ?? '';
    const token = await aToken();
    expect(await everywhere(userinfo(token))).toEqual([200, 200, 200]);
    const unasked = await keys('revoke', revoked);
    expect([unasked.code, unasked.err]).toEqual([2, expect.stringContaining('say --yes')]);
    expect(await everywhere(userinfo(token))).toEqual([200, 200, 200]);

    const { code, out, err } = await keys('revoke', revoked, '--yes');
    expect([code, out.trim(), err]).toEqual([
      0,
      'revoked',
      expect.stringContaining(`Every token signed with ${revoked}`),
    ]);
    await expect.poll(() => everywhere(userinfo(token)), soon).toEqual([401, 401, 401]);
    expect((await kidsEverywhere()).flat()).not.toContain(revoked);
    const next = await aToken();
    expect(decodeProtectedHeader(next).kid).toBe((await active())?.kid);
    expect(await everywhere(userinfo(next))).toEqual([200, 200, 200]);
    expect((await keys('revoke', revoked, '--yes')).out.trim()).toBe('it was revoked before');
  });

  it('revoking the only key has a new one made and used at once', async () => {
    const only = (await active())?.kid ?? '';
    expect((await keys('revoke', only, '--yes')).code).toBe(0);
    await expect.poll(async () => (await active())?.kid ?? only, soon).not.toBe(only);
    const made = (await active())?.kid;
    await expect
      .poll(async () => (await kidsEverywhere()).map((kids) => kids.includes(made) && !kids.includes(only)), soon)
      .toEqual([true, true, true]);
    const token = await aToken();
    expect(decodeProtectedHeader(token).kid).toBe(made);
    const [url = ''] = world.urls;
    await jwtVerify(token, createLocalJWKSet(await published(url)), { issuer, audience: 'shop.web' });
    const events = await world.rows<{ event: string }>(
      'SELECT event FROM audit WHERE kid = $1 ORDER BY time, event DESC',
      [made],
    );
    expect(events.map(({ event }) => event)).toEqual(['key.published', 'key.activated']);
  });
});
