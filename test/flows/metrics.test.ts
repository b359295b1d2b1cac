/** What `/metrics` of a server tells: every series that dashboards and alerts ask for, fed by what really happens. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, DatabaseUnavailable } from '../../server/src/store/database.ts';
import { aClient, anOwner } from '../support/builders.ts';
import { registrationOf } from '../support/directories.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedPassword, seedSuffix } from '../support/slapd-seed.ts';
import {
  aDirectory,
  authorize,
  authorizePath,
  codeFields,
  refreshFields,
  signIn,
  World,
  webApp,
} from '../support/world.ts';

const machine = aClient('shop.batch').machine('secret-of-shop.batch').build();

/** Series as they stand in the text. */
async function scrape(world: World): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${world.servers[0]?.managementUrl ?? ''}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

describe('before anything happened', () => {
  let world: World;
  let told: ReadonlyMap<string, number>;
  beforeAll(async () => {
    const servers = ['ldaps://127.0.0.1:1', 'ldaps://127.0.0.1:2'];
    world = await World.open({ directory: 'registered', directories: { 'shop/people': aDirectory({ servers }) } });
    told = await scrape(world);
  });
  afterAll(() => world?.stop());

  it.each([
    ...['user', 'client', 'replay', 'leaver', 'rule', 'expiry', 'admin'].map(
      (cause) => `grants_ended_total{cause="${cause}"}`,
    ),
    ...['allowed', 'remembered', 'denied', 'partial', 'refused', 'unavailable'].map(
      (outcome) => `consents_total{outcome="${outcome}"}`,
    ),
    ...['login_account', 'login_address', 'client_auth', 'user_code', 'address'].map(
      (limiter) => `rate_limited_total{limiter="${limiter}"}`,
    ),
    ...['event_loop', 'database'].map((reason) => `requests_shed_total{reason="${reason}"}`),
    ...['grace', 'replay'].map((result) => `refresh_reuse_total{result="${result}"}`),
    'token_requests_total{grant_type="refresh_token",client_auth_method="private_key_jwt",outcome="server_error"}',
    'token_requests_total{grant_type="unknown",client_auth_method="unknown",outcome="temporarily_unavailable"}',
    'logout_deliveries_total{outcome="gave_up"}',
    'device_authorizations_total{outcome="slow_down"}',
    'audit_events_total{event="login.failed"}',
    'audit_write_failures_total',
    'registry_rejected{kind="client"}',
    'db_pool_waiting',
    'ldap_waiting{directory="shop/people"}',
    'ldap_connections{directory="shop/people",server="ldaps://127.0.0.1:2",state="idle"}',
    'ldap_connections{directory="shop/people",server="ldaps://127.0.0.1:1",state="busy"}',
  ])('%s is 0, so that a rate sees the first', (series) => {
    expect(told.get(`nauthera_${series}`)).toBe(0);
  });

  it('connections of the pool are told by what they do', () => {
    const [idle, busy] = ['idle', 'busy'].map((state) => told.get(`nauthera_db_pool_connections{state="${state}"}`));
    expect((idle ?? 0) + (busy ?? 0)).toBe(1);
  });

  it('a directory that is registered no more leaves no series behind', async () => {
    await world.registry.delete('directory', anOwner('directory shop/people').uid);
    await expect
      .poll(async () =>
        [...(await scrape(world)).keys()].filter((series) =>
          /ldap_(server_up|connections|waiting|operation)/.test(series),
        ),
      )
      .toEqual([]);
  });
});

describe('what a real directory does', () => {
  let servers: Slapd[] = [];
  let world: World;
  beforeAll(async () => {
    const first = await startSlapd();
    servers = [first, await startSlapd({ authority: first.authority })];
    const urls = servers.map(({ url }) => url);
    await servers[1]?.stop();
    world = await World.open({
      directory: 'registered',
      directories: { 'shop/people': registrationOf(first, { servers: urls }) },
    });
  });
  afterAll(async () => {
    await world?.stop();
    for (const server of servers) await server.close();
  });

  const told = async (series: string) => (await scrape(world)).get(`nauthera_${series}`);

  it('names elsewhere in place of entries: they are counted, and the sign-in goes on without them', async () => {
    const series = 'ldap_references_ignored_total{directory="shop/people"}';
    // Before anything was counted: a rate sees the first one, too.
    expect(await told(series)).toBe(0);
    await servers[0]?.add(
      `dn: ou=elsewhere,ou=people,${seedSuffix}\nobjectClass: referral\nobjectClass: extensibleObject\nou: elsewhere\nref: ldaps://elsewhere.example.org/ou=people,${seedSuffix}\n`,
    );
    expect((await signIn(world.browser(), authorizePath(), 'ada', seedPassword('ada'))).name).toBe('consent');
    expect(await told(series)).toBeGreaterThan(0);
  });

  it('one of two servers is stopped: it alone is told to be down', async () => {
    const up = () =>
      Promise.all(servers.map(({ url }) => told(`ldap_server_up{directory="shop/people",server="${url}"}`)));
    await expect.poll(up).toEqual([1, 0]);
  });
});

describe('what happens', () => {
  let world: World;
  let down = false;
  const sometimes = (database: Database, use: 'request' | 'background'): Database =>
    new Proxy(database, {
      get(target, member) {
        const value: unknown = Reflect.get(target, member, target);
        if (member !== 'run' || use === 'background') return typeof value === 'function' ? value.bind(target) : value;
        return ((statement, values) =>
          down && statement.text.includes('authorization_codes')
            ? Promise.reject(new DatabaseUnavailable('a test says so'))
            : target.run(statement, values)) satisfies Database['run'];
      },
    });
  beforeAll(async () => {
    world = await World.open({
      clients: [machine, webApp()],
      options: { seams: { database: sometimes } },
    });
    world.memory.add('locked', { account: 'locked' });
    world.memory.add('former', { account: 'expired' });
    world.memory.add('fresh', { account: 'must_change_password' });
    world.memory.add('off', { account: 'disabled' });
    world.memory.add('stale', { account: 'password_expired' });
    world.memory.add('asleep', { account: 'outside_hours' });
  });
  afterAll(() => world?.stop());

  /** How much a series grew by what was done. */
  const growth = async (series: string, act: () => Promise<unknown>): Promise<number> => {
    const name = `nauthera_${series}`;
    const before = (await scrape(world)).get(name) ?? 0;
    await act();
    return ((await scrape(world)).get(name) ?? 0) - before;
  };

  it.each([
    ['rejected', 'ada', 'wrong'],
    ['rejected', 'nobody', 'wrong'],
    ['locked', 'locked', undefined],
    ['disabled', 'off', undefined],
    ['expired', 'former', undefined],
    ['must_change', 'fresh', undefined],
    ['must_change', 'stale', undefined],
    ['hours', 'asleep', undefined],
    ['locked', 'locked', 'wrong'],
    ['success', 'ada', undefined],
  ])('a sign-in that ends as %s (%s)', async (outcome, name, password) => {
    const series = `logins_total{directory="shop/people",outcome="${outcome}"}`;
    expect(await growth(series, () => signIn(world.browser(), authorizePath(), name, password))).toBe(1);
  });

  it('a directory that is away', async () => {
    world.memory.down = true;
    const series = 'logins_total{directory="shop/people",outcome="unavailable"}';
    expect(await growth(series, () => signIn(world.browser()))).toBe(1);
    world.memory.down = false;
  });

  it('a refresh token that comes again ends its grant', async () => {
    const { code } = await authorize(world.browser(), { scope: 'openid offline_access' });
    const { body } = await world.token(codeFields(code));
    await world.token(refreshFields(body.refresh_token));
    await world.rows(`UPDATE refresh_tokens SET used_at = used_at - interval '1 minute' WHERE used_at IS NOT NULL`);
    const again = () => world.token(refreshFields(body.refresh_token));
    expect(await growth('refresh_reuse_total{result="replay"}', again)).toBe(1);
    expect((await scrape(world)).get('nauthera_grants_ended_total{cause="replay"}')).toBe(1);
  });

  it('a request that the database does not answer is shed', async () => {
    down = true;
    const act = () => world.token(codeFields('a-code'));
    expect(await growth('requests_shed_total{reason="database"}', act)).toBe(1);
    const series = 'authorization_code",client_auth_method="client_secret_basic",outcome="temporarily_unavailable"}';
    expect((await scrape(world)).get(`nauthera_token_requests_total{grant_type="${series}`)).toBe(1);
    down = false;
  });

  it('an audit row that cannot be written', async () => {
    await world.rows(`ALTER TABLE audit ADD CONSTRAINT nothing_more CHECK (event <> 'login.failed') NOT VALID`);
    const act = () => signIn(world.browser(), authorizePath(), 'ada', 'wrong').catch(() => undefined);
    expect(await growth('audit_write_failures_total', act)).toBe(1);
    await world.rows(`ALTER TABLE audit DROP CONSTRAINT nothing_more`);
  });

  it('a signing key that nobody can make, while the one before signs on', async () => {
    await world.rows(`CREATE FUNCTION no_more_keys() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'no keys today'; END $$`);
    await world.rows(
      'CREATE TRIGGER no_more_keys BEFORE INSERT ON signing_keys FOR EACH ROW EXECUTE FUNCTION no_more_keys()',
    );
    await world.rows(`UPDATE signing_keys SET active_from = active_from - interval '100 days'`);
    const reported = async () => (await world.registry.reports()).map(({ keys }) => keys);
    await expect.poll(reported).toEqual(['rotation_overdue']);
    const due = (await scrape(world)).get('nauthera_signing_key_next_rotation_timestamp_seconds{alg="ES256"}');
    expect(Date.now() / 1000 - (due ?? 0)).toBeGreaterThan(3600);
    expect((await world.token({ grant_type: 'client_credentials' }, 'shop.batch')).status).toBe(200);
    await world.rows('DROP TRIGGER no_more_keys ON signing_keys');
    await expect.poll(reported).toEqual(['ready']);
  });

  it('a registration that this replica leaves out, by its kind', async () => {
    await world.rows(`UPDATE registry SET body = body - 'grant_types' WHERE id = 'shop.batch'`);
    await expect.poll(async () => (await scrape(world)).get('nauthera_registry_rejected{kind="client"}')).toBe(1);
  });
});
