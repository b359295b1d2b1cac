/**
 * A33, I2: a Client that is suspended while it is at work, on three replicas. What passed before, what was open and what was
 * given a moment earlier: within ten seconds nothing of it is obeyed anywhere, and nothing of it is forgotten.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ClientRegistration } from '../../server/src/registry/registration.ts';
import type { Database } from '../../server/src/store/database.ts';
import { openDatabase } from '../../server/src/store/open.ts';
import { anOwner } from '../support/builders.ts';
import { answerDevice, deviceApp, deviceFields, enterCode, startDevice } from '../support/devices.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { basicOf, introspect, postForm, tokenClients, tokenScopes, userinfo } from '../support/tokens.ts';
import { authorize, authorizePath, codeFields, refreshFields, signIn, World, webApp } from '../support/world.ts';

/** Ten seconds are promised by the field `suspend`; the rest is for a busy machine, and far less than a token lives. */
const promised = 30_000;
const scope = 'openid profile offline_access orders';
const scopes = scope.split(' ');
let postgres: TestPostgres;
let world: World;
let holder: Database;
beforeAll(async () => {
  postgres = await startPostgres('newest');
  const databaseUrl = await postgres.createDatabase();
  world = await World.open({ databaseUrl, replicas: 3, clients: tokenClients, scopes: tokenScopes });
  holder = await openDatabase(databaseUrl);
  // A redemption that has taken its code waits here while somebody holds the lock.
  await world.rows(`CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS
    $$ BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NEW; END $$`);
  await world.rows('CREATE TRIGGER held BEFORE INSERT ON refresh_tokens FOR EACH ROW EXECUTE FUNCTION wait_for_test()');
});
afterAll(async () => {
  await holder?.close();
  await world?.stop();
  await postgres?.stop();
});

let turn = 0;
let web = '';
let device = '';
const formats: readonly Partial<ClientRegistration>[] = [{}, { access_token_format: 'opaque' }];
beforeEach(async () => {
  turn += 1;
  web = `case.web${turn}`;
  device = `case.tv${turn}`;
  for (const id of [web, device]) await set(id, false);
});

const valueOf = (id: string): ClientRegistration => {
  const more = { scopes, ...formats[turn % 2] };
  return id === web ? webApp(id, more) : deviceApp(id, more);
};
/** Written, as the operator does it; no replica need know yet. */
const set = async (id: string, withdrawn: boolean) => {
  const registration = { kind: 'client', id, owner: anOwner(id), value: valueOf(id), withdrawn } as const;
  await (withdrawn ? world.declare(registration) : world.served(registration));
};
const suspend = async () => {
  for (const id of [web, device]) await set(id, true);
};

const codeOf = async () => (await authorize(world.browser(), { client_id: web, scope })).code;
const tokens = async () => (await world.token(codeFields(await codeOf()), web)).body;

/** Where a token is still obeyed, over all replicas. */
async function obeyed(accessToken: string | undefined): Promise<number> {
  const answers = await Promise.all(
    world.urls.flatMap((url) => [
      introspect(world, accessToken, 'api.orders', {}, url).then(({ body }) => body.active === true),
      userinfo(world, accessToken, url).then(({ status }) => status === 200),
    ]),
  );
  return answers.filter(Boolean).length;
}

/** What each replica answers to the same form, in turn. */
const everywhere = async (path: string, fields: Readonly<Record<string, string>>, client: string) =>
  Promise.all(world.urls.map(async (url) => (await postForm(world, path, fields, basicOf(client), url)).status));
const nowhere = [401, 401, 401];

describe('suspended', () => {
  it.each(['JWTs', 'opaque tokens'])(
    'while a token request is under way: what it gets is obeyed by nobody (%s)',
    async () => {
      const code = await codeOf();
      let redeemed: ReturnType<World['token']> | undefined;
      await holder.transaction(async (transaction) => {
        await transaction.run({ name: 'test_hold', text: 'SELECT pg_advisory_xact_lock(4711)' }, []);
        redeemed = world.token(codeFields(code), web);
        const locked = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
        await expect.poll(() => world.rows(locked), { interval: 10 }).toHaveLength(1);
        await suspend();
      });
      const answer = await redeemed;
      expect(answer?.status).toBe(200);
      await expect.poll(() => obeyed(answer?.body.access_token), { timeout: promised }).toBe(0);
      expect(await everywhere('/token', refreshFields(answer?.body.refresh_token), web)).toEqual(nowhere);
    },
  );

  it('with a code just given, a consent page open, a device allowed and one about to be: none of them gives anything', async () => {
    const code = await codeOf();
    const consenting = world.browser();
    const consent = await signIn(consenting, authorizePath({ client_id: web, scope, prompt: 'consent' }));
    const signingIn = world.browser();
    const login = await signingIn.get(authorizePath({ client_id: web, scope }));
    const [allowed, asked] = [
      await startDevice(world, { scope }, basicOf(device)),
      await startDevice(world, { scope }, basicOf(device)),
    ];
    expect((await answerDevice(world.browser(), allowed)).name).toBe('device-done');
    const confirming = world.browser();
    const confirm = await enterCode(confirming, asked.user_code);
    expect([consent.name, login.name, confirm.name]).toEqual(['consent', 'login', 'device-confirm']);
    const codes = await world.count('authorization_codes');
    await suspend();
    await expect.poll(() => everywhere('/token', codeFields(code), web), { timeout: promised }).toEqual(nowhere);
    for (const { device_code } of [allowed, asked]) {
      await expect
        .poll(() => everywhere('/token', deviceFields(device_code), device), { timeout: promised })
        .toEqual(nowhere);
    }
    const pages = [
      await consenting.submit(consent, { decision: 'allow' }),
      await signingIn.submit(login, { username: 'ada', password: 'password-of-ada', 'sign-in': '1' }),
      await world.browser().get(authorizePath({ client_id: web, scope })),
      await confirming.submit(confirm, { decision: 'allow' }),
    ];
    expect(pages.map(({ wayOut }) => wayOut)).toEqual(Array(4).fill(undefined));
    expect(pages.slice(0, 3).map(({ name }) => name)).toEqual(Array(3).fill('error:invalid_client'));
    expect(pages[3]?.name).toBe('device');
    expect(await world.count('authorization_codes')).toBe(codes);
    expect(await world.count('grants', `client_id = '${device}'`)).toBe(0);
  });

  it('at rest: its tokens are refused at every endpoint, and live on once it is served again', async () => {
    const { access_token, refresh_token } = await tokens();
    expect(await obeyed(access_token)).toBe(6);
    await suspend();
    await expect.poll(() => obeyed(access_token), { timeout: promised }).toBe(0);
    for (const [path, fields] of [
      ['/token', refreshFields(refresh_token)],
      ['/revoke', { token: refresh_token ?? '' }],
      ['/introspect', { token: refresh_token ?? '' }],
    ] as const)
      expect(await everywhere(path, fields, web), path).toEqual(nowhere);
    expect(await everywhere('/device_authorization', { scope }, device)).toEqual(nowhere);
    for (const id of [web, device]) await set(id, false);
    expect(await obeyed(access_token)).toBe(6);
    expect((await world.token(refreshFields(refresh_token), web)).status).toBe(200);
  });
});
