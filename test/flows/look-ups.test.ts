/** What a request looks up, it finds by an index, however many rows there are: what it costs does not grow with them. */
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Database } from '../../server/src/store/database.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { introspect, tokenClients, tokenScopes, tokensOf, userinfo } from '../support/tokens.ts';
import { World } from '../support/world.ts';

/** Between two sizes at which any plan would do: whole tables are read where many rows are expected of them. */
const grants = 3000;
const sessions = 500;

const texts = new Map<string, string>();
const noting = (real: Database): Database =>
  new Proxy(real, {
    get(target, member) {
      const value: unknown = Reflect.get(target, member, target);
      if (typeof value !== 'function') return value;
      if (member !== 'run') return value.bind(target);
      const run: Database['run'] = (statement, values) => {
        texts.set(statement.name, statement.text);
        return target.run(statement, values);
      };
      return run;
    },
  });

let postgres: TestPostgres;
let world: World;
let client: pg.Client;
beforeAll(async () => {
  postgres = await startPostgres('newest');
  const databaseUrl = await postgres.createDatabase();
  world = await World.open({
    databaseUrl,
    clients: tokenClients,
    scopes: tokenScopes,
    options: { seams: { database: noting } },
  });
  client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  world.memory.add('ada');
  const opaque = await tokensOf(world, 'shop.opaque', { username: 'ada', scope: 'openid email orders offline_access' });
  await introspect(world, opaque.access_token ?? '', 'shop.opaque');
  world.memory.add('ben');
  const jwt = await tokensOf(world, 'shop.web', { username: 'ben', scope: 'openid email' });
  await userinfo(world, jwt.access_token ?? '');
  await multiply('sessions', sessions, `jsonb_build_object('handle', ${digest}, 'id', n::text)`);
  await multiply('grants', grants, `jsonb_build_object('id', gen_random_uuid())`);
  await multiply('access_tokens', grants, `jsonb_build_object('hash', ${digest}, 'id', gen_random_uuid())`);
  await multiply('refresh_tokens', grants, `jsonb_build_object('hash', ${digest})`);
  await client.query('ANALYZE');
  await client.query('SET plan_cache_mode = force_generic_plan');
});
afterAll(async () => {
  await client?.end();
  await world?.stop();
  await postgres?.stop();
});

/** Rows like the newest, as many as that. */
async function multiply(table: string, count: number, changed: string): Promise<void> {
  await client.query(`INSERT INTO ${table} SELECT (jsonb_populate_record(one.row, ${changed})).*
    FROM (SELECT t AS row FROM ${table} t LIMIT 1) one, generate_series(1, ${count}) n`);
}

const digest = `'\\x' || encode(sha256(n::text::bytea), 'hex')`;

it.each([
  ['an opaque token', 'tokens_find'],
  ['the grant of a JWT', 'grants_read'],
])('%s is found without reading a table', async (_what, name) => {
  await client.query(`PREPARE ${name} AS ${texts.get(name)}`);
  const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN EXECUTE ${name}('[]')`);
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
  expect(plan).toContain('Index Scan using grants_pkey');
  expect(plan).not.toContain('Seq Scan');
});
