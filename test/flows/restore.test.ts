/** F56: the drill of a backup, as docs/how-to/back-up-and-restore.md tells it; and what somebody on duty ends by hand. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { start } from '../../server/src/app.ts';
import { holdsSealed } from '../../server/src/registry/sealed.ts';
import type { Database } from '../../server/src/store/database.ts';
import { openDatabase } from '../../server/src/store/open.ts';
import { aClient, anOwner } from '../support/builders.ts';
import { type Claims, ownClaims, secondsNow, signed, signingKey } from '../support/client-keys.ts';
import { runServerCommand } from '../support/command.ts';
import { basic, deviceApp, deviceFields, startDevice } from '../support/devices.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { dump, restoreDump } from '../support/postgres-backup.ts';
import { postForm } from '../support/tokens.ts';
import {
  authorize,
  authorizePath,
  codeFields,
  issuer,
  keyEncryptionKey,
  refreshFields,
  World,
  webApp,
} from '../support/world.ts';

let postgres: TestPostgres;
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nauthera-backup-'));
  postgres = await startPostgres('oldest');
});
afterAll(async () => {
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

const key = signingKey();
const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop();
});
async function open(databaseUrl: string, more: { readonly suspended?: boolean } = {}): Promise<World> {
  const device = 'urn:ietf:params:oauth:grant-type:device_code' as const;
  const server = {
    grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials', device] as const,
  };
  const world = await World.open({
    databaseUrl,
    server: { grant_types_supported: [...server.grant_types_supported] },
    clients: [
      webApp(),
      deviceApp(),
      aClient('job').machine('secret-of-job').build(),
      aClient('signer').machine('unused').withKeys(key.jwk).build(),
    ],
  });
  worlds.push(world);
  if (more.suspended === true)
    await world.served({
      kind: 'client',
      id: 'job',
      owner: anOwner('job'),
      value: aClient('job').machine('secret-of-job').build(),
      withdrawn: true,
    });
  return world;
}

const scope = 'openid email offline_access';
const kids = async (world: World) =>
  ((await (await world.fetch(`${issuer}/jwks`)).json()) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
const userinfo = async (world: World, token: string | undefined) =>
  (await world.fetch(`${issuer}/userinfo`, { headers: { authorization: `Bearer ${token ?? ''}` } })).status;
const refresh = async (world: World, token: string | undefined) => {
  const { status, body } = await world.token(refreshFields(token));
  return status === 200 ? 'given' : body.error;
};

const assertion = (claims: Claims = {}) =>
  signed(key, ownClaims('signer', issuer, { exp: secondsNow() + 600, ...claims }));
/** Of a program that signs in place of a secret. */
async function present(world: World, client_assertion: string): Promise<string> {
  const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  const fields = { grant_type: 'client_credentials', client_assertion_type, client_assertion };
  const { status, body } = await world.tokenForm(fields);
  return status === 200 ? 'given' : (body.error ?? '');
}

/** A device that was approved and has not fetched its tokens. */
async function approvedDevice(world: World): Promise<string> {
  const device = await startDevice(world, { scope: 'openid' });
  const browser = world.browser();
  const login = await browser.get(`/device?user_code=${device.user_code}`);
  const page = await browser.submit(login, { username: 'ada', password: 'password-of-ada', 'sign-in': '1' });
  await browser.submit(page, { decision: 'allow' });
  return device.device_code;
}

describe('F56 a backup that is put back', () => {
  it('brings back keys and registrations, and nothing that somebody could still present', async () => {
    const original = await postgres.createDatabase();
    const first = await open(original);
    const browser = first.browser();
    const { code } = await authorize(browser, { scope });
    const given = (await first.token(codeFields(code))).body;
    const pending = (await authorize(browser, { scope: 'openid' })).code;
    const device = await approvedDevice(first);
    const file = join(folder, 'backup');
    await dump(original, file);

    // What happened since, of which the backup knows nothing: a refresh, assertions, a suspended client.
    const used = await Promise.all([assertion(), assertion({ iat: undefined })]);
    for (const one of used) expect(await present(first, one)).toBe('given');
    const later = (await first.token(refreshFields(given.refresh_token))).body;
    await first.stop();
    worlds.length = 0;

    // Without the last step the spent token is good once more: that is what the step is for.
    const careless = await postgres.createDatabase();
    await restoreDump(file, careless);
    const heedless = await open(careless);
    expect(await refresh(heedless, given.refresh_token)).toBe('given');
    for (const one of used) expect(await present(heedless, one)).toBe('given');

    const restored = await postgres.createDatabase();
    await restoreDump(file, restored);
    const refused = await runServerCommand(['restore', '--database', restored]);
    expect([refused.code, refused.err]).toEqual([2, expect.stringMatching(/Everybody is signed out.*\n.*say --yes/)]);
    const { code: ended, out } = await runServerCommand(['restore', '--yes'], { NAUTHERA_DATABASE: restored });
    expect([ended, out]).toEqual([0, expect.stringMatching(/^a new epoch began: [0-9a-f-]{36}\n$/)]);

    const second = await open(restored, { suspended: true });
    expect(await refresh(second, given.refresh_token)).toBe('invalid_grant');
    expect(await refresh(second, later.refresh_token)).toBe('invalid_grant');
    expect((await second.token(codeFields(pending))).body.error).toBe('invalid_grant');
    expect((await second.token(deviceFields(device), 'tv.app')).body.error).toBe('invalid_grant');
    for (const one of used) expect(await present(second, one)).toBe('invalid_client');
    expect(await present(second, await assertion({ iat: secondsNow() + 1 }))).toBe('given');
    for (const token of [given.access_token, later.access_token]) expect(await userinfo(second, token)).toBe(401);
    const returning = second.browser();
    for (const [name, value] of browser.cookies) returning.cookies.set(name, value);
    const page = await returning.get(authorizePath({ scope: 'openid' }));
    expect(page.name).toBe('login');
    // The registry is as the resources say, whatever the backup held.
    expect((await second.token({ grant_type: 'client_credentials' }, 'job')).body.error).toBe('invalid_client');
    const asked = await returning.submit(page, { username: 'ada', password: 'password-of-ada', 'sign-in': '1' });
    expect(asked.name).toBe('consent');
    const fresh = (await authorize(second.browser(), { scope })).code;
    const renewed = (await second.token(codeFields(fresh))).body;
    expect(await userinfo(second, renewed.access_token)).toBe(200);
    expect(await refresh(second, renewed.refresh_token)).toBe('given');
    expect(await second.count('audit', `event = 'restore.completed'`)).toBe(1);
    expect(await kids(second)).toEqual(await kids(worlds[0] ?? second));
  });
});

describe('F56 the key-encryption key', () => {
  const serving = async (database: Database, ...keyEncryptionKeys: readonly Uint8Array[]) => {
    const at = { host: '127.0.0.1', port: 0 };
    const pressure = { maxDelay: Number.POSITIVE_INFINITY };
    const server = await start({ database, listen: at, management: at, keyEncryptionKeys, pressure });
    return {
      server,
      readiness: async () => (await fetch(`${server.managementUrl}/readyz`)).text(),
      kids: async () => {
        const { keys } = (await (await fetch(`${server.url}/jwks`)).json()) as { keys: { kid: string }[] };
        return keys.map(({ kid }) => kid);
      },
    };
  };
  const other = Buffer.alloc(32, 9);

  it('another one opens nothing: no key, no token, and it is said; with the former beside it all is well', async () => {
    const databaseUrl = await postgres.createDatabase();
    const first = await open(databaseUrl);
    const before = await kids(first);
    await first.stop();
    worlds.length = 0;
    const database = await openDatabase(databaseUrl);
    const wrong = await serving(database, other);
    await expect.poll(wrong.readiness).toContain('another key-encryption key');
    const asked = await fetch(`${wrong.server.url}/token`, {
      method: 'POST',
      headers: { ...basic('job'), 'content-type': 'application/x-www-form-urlencoded' },
      body: 'grant_type=client_credentials',
    });
    expect(asked.status).toBe(503);
    expect(await holdsSealed(database)).toBe(true);
    await wrong.server.stop();
    const right = await serving(database, other, keyEncryptionKey);
    await right.server.ready();
    expect(await right.kids()).toEqual(before);
    const lost = () => runServerCommand(['restore', '--yes', '--key-is-lost'], { NAUTHERA_DATABASE: databaseUrl });
    const kept = await lost();
    expect([kept.code, kept.out, kept.err]).toEqual([
      1,
      '',
      expect.stringContaining('1 server processes serve with the key-encryption key, so it is not lost'),
    ]);
    expect(await holdsSealed(database)).toBe(true);
    expect(await right.kids()).toEqual(before);
    await right.server.stop();

    // Nobody has it any more.
    const ended = await lost();
    expect([ended.code, ended.out]).toEqual([0, expect.stringMatching(/^a new epoch began/)]);
    expect(await holdsSealed(database)).toBe(false);
    const anew = await serving(database, other);
    await anew.server.ready();
    const after = await anew.kids();
    expect([after.length > 0, after.filter((kid) => before.includes(kid))]).toEqual([true, []]);
    await anew.server.stop();
    await database.close();
  });
});

describe('revoke', () => {
  it('ends what is meant, in every replica, and leaves the rest', async () => {
    const databaseUrl = await postgres.createDatabase();
    const world = await open(databaseUrl);
    world.memory.add('grace');
    const revoke = (...args: readonly string[]) =>
      runServerCommand(['revoke', '--yes', ...args], { NAUTHERA_DATABASE: databaseUrl });
    const signedIn = async (username: string) => {
      const browser = world.browser();
      const { code } = await authorize(browser, { scope }, username);
      const tokens = (await world.token(codeFields(code))).body;
      const isIn = async () =>
        (await browser.get(authorizePath({ scope: 'openid', prompt: 'none' }))).response.error === undefined;
      return { tokens, isIn };
    };
    const ada = await signedIn('ada');
    const grace = await signedIn('grace');
    const job = (await world.token({ grant_type: 'client_credentials' }, 'job')).body;
    const isActive = async (token: string | undefined) =>
      (await postForm(world, '/introspect', { token: token ?? '' }, basic('job'))).body.active;
    expect(await isActive(job.access_token)).toBe(true);

    const early = await revoke('--user', 'ada', '--before', '2020-01-01T00:00:00Z');
    expect([early.code, early.out]).toEqual([1, 'ended: 0 sessions, 0 grants; all tokens of 0 clients\n']);
    const one = await revoke('--user', 'ada', '-o', 'json');
    expect([one.code, JSON.parse(one.out)]).toEqual([0, { sessions: 1, grants: 1, clients: 0 }]);
    await expect.poll(() => userinfo(world, ada.tokens.access_token)).toBe(401);
    expect([await ada.isIn(), await refresh(world, ada.tokens.refresh_token)]).toEqual([false, 'invalid_grant']);
    expect([await grace.isIn(), await userinfo(world, grace.tokens.access_token)]).toEqual([true, 200]);

    const client = await revoke('--client', 'job');
    expect([client.code, client.out]).toEqual([0, 'ended: 0 sessions, 0 grants; all tokens of 1 clients\n']);
    await expect.poll(() => isActive(job.access_token)).toBe(false);
    expect(await grace.isIn()).toBe(true);

    const device = await approvedDevice(world);
    const all = await revoke('--all');
    expect([all.code, all.out]).toEqual([0, 'ended: 2 sessions, 1 grants; all tokens of 4 clients\n']);
    expect((await world.token(deviceFields(device), 'tv.app')).body.error).toMatch(/invalid_grant|expired_token/);
    await expect.poll(() => userinfo(world, grace.tokens.access_token)).toBe(401);
    expect([await grace.isIn(), await refresh(world, grace.tokens.refresh_token)]).toEqual([false, 'invalid_grant']);
    expect(await world.count('audit', `reason = 'admin' AND event = 'session.ended'`)).toBe(3);
    expect(await world.count('audit', `reason = 'admin' AND event = 'grant.ended'`)).toBe(2);
    expect(await world.count('audit', `reason = 'admin' AND event = 'token.revoked'`)).toBe(5);
    // Nobody is locked out, and there is nothing left to end.
    expect(await (await signedIn('ada')).isIn()).toBe(true);
  });

  it.each<readonly [readonly string[], RegExp]>([
    [[], /give one of --user, --client and --all/],
    [['--all', '--user', 'ada'], /give one of --user, --client and --all/],
    [['--all', '--before', 'yesterday'], /--before: must be a time/],
    [['--all', '--before', '2999-01-01T00:00:00Z'], /--before: lies in the future/],
    [['--all', '--database', 'pglite:'], /of everybody end now.*\n.*say --yes/],
  ])('%j is wrong usage', async (args, text) => {
    const { code, err } = await runServerCommand(['revoke', ...args]);
    expect([code, err]).toEqual([2, expect.stringMatching(text)]);
  });
});
