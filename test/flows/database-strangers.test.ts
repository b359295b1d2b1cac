/**
 * A74: functions that act with their owner's rights do nothing for a stranger: neither the server's role, nor another user of
 * the same Postgres, has them find tables of its own in place of ours, or calls what is not for it.
 */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../server/src/store/migrate.ts';
import { openPostgres } from '../../server/src/store/postgres.ts';
import { grantRoles } from '../../server/src/store/roles.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { bySuperuser } from '../support/postgres-access.ts';

const denied = { code: '42501' };
const suffix = randomBytes(4).toString('hex');
const [owner, server, operator, stranger, files] = ['owner', 'server', 'operator', 'stranger', 'files'].map(
  (role) => `${role}_${suffix}`,
) as [string, string, string, string, string];
const roles = { server, operator };

describe.each(['oldest', 'newest'] as const)('A74: strangers on the %s Postgres', (version) => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres(version);
    await bySuperuser(
      postgres.url,
      ...[owner, server, operator, stranger, files].map((role) => `CREATE ROLE ${role} LOGIN`),
    );
  });
  afterAll(() => postgres?.stop());

  /** Tables of `owner`; with the roles' rights, or with one role for everything. */
  async function aDatabase(named: 'three roles' | 'one role'): Promise<string> {
    const url = await postgres.createDatabase();
    await bySuperuser(url, `ALTER DATABASE ${new URL(url).pathname.slice(1)} OWNER TO ${owner}`);
    const database = await openPostgres(as(url, owner));
    try {
      await migrate(database);
      if (named === 'three roles') await grantRoles(database, roles);
    } finally {
      await database.close();
    }
    return url;
  }

  /** One session: temporary tables end with it. */
  async function inSession(url: string, role: string, ...statements: readonly string[]): Promise<void> {
    const client = new pg.Client({ connectionString: as(url, role) });
    await client.connect();
    try {
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end();
    }
  }

  /** A table in front of the real one, whose trigger notes as whom it ran. */
  const inFront = (table: string, columns: string): readonly string[] => [
    'CREATE TEMPORARY TABLE ran_as (who text)',
    'GRANT ALL ON ran_as TO PUBLIC',
    `CREATE TEMPORARY TABLE ${table} (${columns})`,
    `GRANT ALL ON ${table} TO PUBLIC`,
    `CREATE FUNCTION pg_temp.evil() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO pg_temp.ran_as VALUES (current_user); RETURN NEW; END $$`,
    `CREATE TRIGGER evil BEFORE INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION pg_temp.evil()`,
  ];
  const uses = inFront('secret_uses', 'digest text PRIMARY KEY, used_at timestamptz');
  const report = `INSERT INTO replica_reports (replica, reported_at, format, epoch, n, rejected, directories, keys)
    VALUES ('r', now(), 1, '', 0, '[]', '[]', 'ready')`;

  it('the server’s role has no temporary tables', async () => {
    const url = await aDatabase('three roles');
    await expect(inSession(url, server, ...uses)).rejects.toMatchObject(denied);
  });

  it('a temporary table in front of a real one is not found by what acts as the owner', async () => {
    const url = await aDatabase('three roles');
    await bySuperuser(url, `GRANT TEMPORARY ON DATABASE ${new URL(url).pathname.slice(1)} TO ${server}`);
    await inSession(
      url,
      server,
      ...uses,
      report,
      `DELETE FROM replica_reports WHERE replica = 'r'`,
      // As a test that was false would divide by nought.
      'SELECT 1 / (count(*) = 0)::int FROM ran_as',
    );
    expect(await bySuperuser(url, 'SELECT digest FROM public.secret_uses')).toEqual([{ digest: '' }]);
  });

  it.each(['one role', 'three roles'] as const)(
    'with %s nobody attaches a function to a table of its own',
    async (named) => {
      const url = await aDatabase(named);
      await bySuperuser(url, `GRANT TEMPORARY ON DATABASE ${new URL(url).pathname.slice(1)} TO PUBLIC`);
      const functions = await bySuperuser<{ name: string }>(
        url,
        `SELECT oid::regprocedure::text AS name FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prorettype = 'trigger'::regtype`,
      );
      expect(functions.map(({ name }) => name)).toContain('registry_begin_epoch()');
      for (const role of named === 'one role' ? [stranger] : [stranger, server, operator]) {
        for (const { name } of functions) {
          const attack = [
            ...inFront('registry_revision', 'epoch text, n bigint'),
            'CREATE TEMPORARY TABLE mine (a int)',
            `CREATE TRIGGER go AFTER TRUNCATE ON mine EXECUTE FUNCTION public.${name}`,
            'TRUNCATE mine',
          ];
          await expect(inSession(url, role, ...attack)).rejects.toMatchObject({
            ...denied,
            message: expect.stringContaining('denied for function') as string,
          });
        }
      }
    },
  );

  it.each(['one role', 'three roles'] as const)('with %s a stranger calls none of them', async (named) => {
    const url = await aDatabase(named);
    await expect(
      inSession(url, stranger, `SELECT registry_revoke_tokens('kube', 9223372036854775807, 1, 'u')`),
    ).rejects.toMatchObject(denied);
    const callable = await bySuperuser(
      url,
      `SELECT oid::regprocedure::text AS name FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        AND has_function_privilege('${stranger}', oid, 'EXECUTE')`,
    );
    expect(callable).toEqual([]);
    // Those it is for still do.
    const revoke = `SELECT registry_revoke_tokens('kube', 1, 1, 'u')`;
    await inSession(url, named === 'one role' ? owner : operator, revoke);
  });

  it('what a dump without rights left open is closed by the next migration, with none to run', async () => {
    const url = await aDatabase('one role');
    const open = `SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
      AND (has_function_privilege('${stranger}', oid, 'EXECUTE') OR (prosecdef AND proconfig <> '{"search_path=public, pg_temp"}'))`;
    await bySuperuser(
      url,
      'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO PUBLIC',
      'ALTER FUNCTION registry_begin_epoch SET search_path FROM CURRENT',
    );
    expect((await bySuperuser(url, open)).length).toBeGreaterThan(10);
    const database = await openPostgres(as(url, owner));
    expect(await migrate(database)).toEqual([]);
    await database.close();
    expect(await bySuperuser(url, open)).toEqual([]);
  });

  it.each<readonly [string, string, string]>([
    ['that runs programs beside Postgres', files, 'pg_execute_server_program'],
    ['that writes files beside Postgres', files, 'pg_write_server_files'],
    ['that reads files beside Postgres', files, 'pg_read_server_files'],
    ['that writes every table', files, 'pg_write_all_data'],
    ['that reads every table', files, 'pg_read_all_data'],
    ['that may become a superuser', files, 'postgres'],
  ])('rights are not granted to a role %s', async (_, role, group) => {
    const url = await aDatabase('one role');
    await bySuperuser(url, `GRANT ${group} TO ${role}`);
    const database = await openPostgres(as(url, owner));
    try {
      await expect(grantRoles(database, { server: role })).rejects.toThrow(`is a member of ${group}`);
    } finally {
      await database.close();
      await bySuperuser(url, `REVOKE ${group} FROM ${role}`);
    }
  });
});

function as(url: string, role: string): string {
  const at = new URL(url);
  at.username = role;
  return at.href;
}
