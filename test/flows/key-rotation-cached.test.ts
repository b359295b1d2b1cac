/**
 * Signing keys that change by schedule, seen from outside alone: relying parties read `/jwks` of three servers over HTTP, keep
 * what they got for as long as its `Cache-Control` says and ten minutes at least, and verify the tokens of `/token`. Time is the test's, in the
 * servers as in the database's answers about keys; the intervals are the shortest that a registration may hold.
 */
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../server/src/keys/key-set.ts';
import { epochSeconds } from '../../server/src/protocol/time.ts';
import type { ServerRegistration } from '../../server/src/registry/registration.ts';
import type { Database, Statement } from '../../server/src/store/database.ts';
import { signingKeyStore } from '../../server/src/store/signing-keys.ts';
import { aClient, anOwner, aServer } from '../support/builders.ts';
import { openMigratedPglite } from '../support/pglite.ts';
import { introspect } from '../support/tokens.ts';
import { issuer, World } from '../support/world.ts';

const cached = 600;
const step = 60;
const tokenLife = 300;
const signing: ServerRegistration['signing'] = {
  algorithms: ['ES256', 'RS256'],
  rotate_every: 1800,
  publish_before: 600,
  retire_after: 3660,
};

let ahead = 0;
let turn = 0;
/** Of each server, the turn at whose time it read its keys last. */
const readAt: number[] = [];
let world: World;
let database: Database;

/** What the database says about keys is said at the test's time. */
function movedBackground(real: Database): Database {
  const at = readAt.push(-1) - 1;
  const run: Database['run'] = async <R>(statement: Statement, values: readonly unknown[]) => {
    const started = turn;
    const result = await real.run<R & { now: Date }>(statement, values);
    if (statement.name !== 'signing_keys_load') return result;
    readAt[at] = Math.max(readAt[at] ?? -1, started);
    const rows = result.rows.map((row) => ({ ...row, now: new Date(row.now.getTime() + ahead * 1000) }));
    return { ...result, rows };
  };
  return new Proxy(real, {
    get: (target, name) => {
      if (name === 'run') return run;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

const now = () => systemClock.now() + ahead;
/** A new word for the footer: whatever is declared anew has every server look at its keys at once. */
const serverOfTurn = () => ({
  kind: 'server' as const,
  id: 'self',
  owner: anOwner('server'),
  value: aServer({
    issuer,
    signing,
    lifetimes: { ...aServer().lifetimes, access_token: tokenLife },
    branding: { texts: { footer: `Turn ${turn}` } },
  }),
});

beforeAll(async () => {
  database = await openMigratedPglite();
  world = await World.open({
    database,
    replicas: 3,
    clients: [aClient('shop.batch').machine('secret-of-shop.batch').build()],
    server: serverOfTurn().value,
    options: {
      clock: { now: () => epochSeconds(now()) },
      seams: { database: (real, use) => (use === 'background' ? movedBackground(real) : real) },
    },
  });
}, 120_000);
afterAll(() => world?.stop());

/** Time goes on by so much, and every server has looked at its keys since. */
async function pass(seconds: number): Promise<void> {
  ahead += seconds;
  turn += 1;
  await world.declare(serverOfTurn());
  await expect.poll(() => Math.min(...readAt), { timeout: 60_000, interval: 10 }).toBe(turn);
  for (const { managementUrl } of world.servers) {
    const ready = async () => (await fetch(`${managementUrl}/readyz`)).status;
    await expect.poll(ready, { timeout: 60_000, interval: 20 }).toBe(200);
  }
}

async function aToken(): Promise<string> {
  const { status, body } = await world.token({ grant_type: 'client_credentials' }, 'shop.batch');
  expect(status).toBe(200);
  return body.access_token ?? '';
}

/** Reads from one server, and never looks for a key that it does not know before its copy is too old. */
class RelyingParty {
  readonly #url: string;
  #until = Number.NEGATIVE_INFINITY;
  #keys: ReturnType<typeof createLocalJWKSet> = createLocalJWKSet({ keys: [] });
  constructor(url: string) {
    this.#url = url;
  }

  /** @param at epoch seconds by which it may not have expired. Default: now */
  async verifies(token: string, at = now()): Promise<boolean> {
    if (now() >= this.#until) await this.#read();
    const options = { issuer, typ: 'at+jwt', currentDate: new Date(at * 1000) };
    return jwtVerify(token, this.#keys, options).then(
      () => true,
      () => false,
    );
  }

  async #read(): Promise<void> {
    const response = await fetch(`${this.#url}/jwks`);
    const [, maxAge] = /^public, max-age=(\d+)$/.exec(response.headers.get('cache-control') ?? '') ?? [];
    expect(Number(maxAge)).toBeGreaterThan(0);
    this.#until = now() + Math.max(cached, Number(maxAge));
    this.#keys = createLocalJWKSet((await response.json()) as JSONWebKeySet);
  }
}

/** Those whose numbers are passed do not verify it. */
const blindTo = async (parties: readonly RelyingParty[], token: string, at = now()): Promise<readonly number[]> => {
  const verdicts = await Promise.all(parties.map((party) => party.verifies(token, at)));
  return verdicts.flatMap((holds, at) => (holds ? [] : [at]));
};

describe('F45, I11: relying parties that read the keys over HTTP and keep them for ten minutes', () => {
  const parties: RelyingParty[] = [];

  it('verify every token of three servers across three rotations', async () => {
    const tokens: { readonly token: string; readonly until: number }[] = [];
    const signedBy = new Set<unknown>();
    const failures: string[] = [];
    for (let passed = 0; signedBy.size < 4 && passed < 4 * signing.rotate_every; passed += step) {
      // In each of the first ten minutes three begin, one at each server: so some copy is as old as it may be at any time.
      if (passed < cached) parties.push(...world.urls.map((url) => new RelyingParty(url)));
      const token = await aToken();
      signedBy.add(decodeProtectedHeader(token).kid);
      tokens.push({ token, until: now() + tokenLife - step });
      for (const { token: one } of tokens.filter(({ until }) => until > now())) {
        const blind = await blindTo(parties, one);
        if (blind.length > 0) failures.push(`after ${passed} s: ${blind.join()}`);
      }
      await pass(step);
    }
    expect(failures).toEqual([]);
    expect(signedBy.size).toBe(4);
  }, 300_000);

  it('a key that is revoked is gone from every server at once, and with their next copy everybody refuses it', async () => {
    const token = await aToken();
    const { kid = '' } = decodeProtectedHeader(token);
    const issuedAt = now();
    const actives = async () => {
      const asked = world.urls.map((url) => introspect(world, token, 'shop.batch', {}, url));
      return (await Promise.all(asked)).map(({ body }) => body.active);
    };
    expect(await blindTo(parties, token)).toEqual([]);
    expect(await actives()).toEqual([true, true, true]);
    expect(await signingKeyStore(database).revoke(kid)).toBe('revoked');
    await pass(0);
    for (const url of world.urls) {
      const { keys } = (await (await fetch(`${url}/jwks`)).json()) as JSONWebKeySet;
      expect(keys.map((key) => key.kid)).not.toContain(kid);
    }
    expect(await actives()).toEqual([false, false, false]);
    expect(decodeProtectedHeader(await aToken()).kid).not.toBe(kid);
    for (let passed = 0; passed < cached; passed += step) await pass(step);
    const fresh = await aToken();
    expect(await blindTo(parties, fresh)).toEqual([]);
    // As of the time when it was valid: what refuses it is the key.
    expect(await blindTo(parties, token, issuedAt)).toEqual(parties.map((_, at) => at));
  }, 120_000);
});
