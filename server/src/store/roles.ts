/**
 * Rights of roles that do not own the tables: the operator writes registrations, the server serves them and writes what
 * requests leave behind, and neither changes a table. Granted anew after each migration, as new tables come with it.
 */
import { type Kysely, sql } from 'kysely';
import pg from 'pg';
import type { Database } from './database.ts';
import { closeFunctions, ourFunctions } from './migrations/closed-functions.ts';

export interface Roles {
  /** Of the server's processes. */
  readonly server?: string | undefined;
  /** Of the operator. */
  readonly operator?: string | undefined;
}

/** The message says what to do. */
export class RolesRefused extends Error {
  readonly code = 'roles_refused';
}

type Who = keyof Roles;

/** Of the registry's tables by name; all others of the registry are the operator's alone. */
const registryRights: Readonly<Record<string, Readonly<Record<Who, string>>>> = {
  registry: { operator: 'SELECT, INSERT, UPDATE, DELETE', server: 'SELECT' },
  registry_tombstones: { operator: 'SELECT, UPDATE, DELETE', server: 'SELECT' },
  registry_revision: { operator: 'SELECT, UPDATE', server: 'SELECT' },
  registry_key_wishes: { operator: 'SELECT, INSERT', server: 'SELECT, UPDATE, DELETE' },
  replica_reports: { operator: 'SELECT', server: 'SELECT, INSERT, UPDATE, DELETE' },
  nauthera_migrations: { operator: 'SELECT', server: 'SELECT' },
  nauthera_migrations_lock: { operator: '', server: '' },
};
/** What the operator may besides; whether there are keys, and no more of them. */
const operatorBesides: Readonly<Record<string, string>> = {
  audit: 'INSERT',
  secret_uses: 'SELECT',
  signing_keys: 'SELECT (kid)',
};

/** Rights of a role on a table of ours; empty: none. */
export function rightsOn(table: string, who: Who): string {
  const known = registryRights[table];
  if (known !== undefined) return known[who];
  if (table.startsWith('registry_')) return who === 'operator' ? 'SELECT, INSERT, UPDATE, DELETE' : '';
  return who === 'server' ? 'SELECT, INSERT, UPDATE, DELETE' : (operatorBesides[table] ?? '');
}

/**
 * Gives each role exactly its rights, in one transaction: nobody is without them for a moment. To be run by the owner of the
 * tables, after the migrations.
 *
 * @throws RolesRefused, DatabaseUnavailable
 */
export async function grantRoles(database: Database, roles: Roles): Promise<void> {
  const named = (['server', 'operator'] as const).flatMap((who) => {
    const role = roles[who];
    return role === undefined ? [] : [{ who, role }];
  });
  if (named.length === 0) return;
  if (roles.server === roles.operator) throw new RolesRefused('server and operator must be two roles');
  await database.alone((kysely) =>
    kysely.transaction().execute(async (transaction) => {
      for (const { role } of named) await requireLess(transaction, role);
      const found = await ownTables(transaction);
      await closeToOthers(transaction, found);
      for (const { who, role } of named) await grant(transaction, found, who, role);
    }),
  );
}

/** Whoever is one of these reads or writes every table, or becomes the user that Postgres runs as. */
const tooMuch = [
  'pg_execute_server_program',
  'pg_read_all_data',
  'pg_read_server_files',
  'pg_write_all_data',
  'pg_write_server_files',
];

/** A role that may act as the owner, or as anybody, is no separation. */
async function requireLess(kysely: Kysely<unknown>, role: string): Promise<void> {
  const { rows } = await sql<{ superuser: boolean; owner: boolean; member: string | null }>`
    SELECT rolsuper AS superuser, pg_has_role(rolname, current_user, 'MEMBER') AS owner,
      (SELECT min(other.rolname::text) FROM pg_roles other WHERE (other.rolsuper OR other.rolname = ANY (${tooMuch}))
        AND pg_has_role(own.rolname, other.oid, 'MEMBER')) AS member
    FROM pg_roles own WHERE rolname = ${role}`.execute(kysely);
  const found = rows[0];
  if (found === undefined)
    throw new RolesRefused(`there is no role ${role}: CREATE ROLE ${pg.escapeIdentifier(role)} LOGIN`);
  if (found.superuser) throw new RolesRefused(`the role ${role} is a superuser: rights would hold nothing back`);
  if (found.owner)
    throw new RolesRefused(`the role ${role} may act as the owner of the tables: take a role of its own`);
  if (found.member !== null)
    throw new RolesRefused(`the role ${role} is a member of ${found.member}: rights would hold nothing back`);
}

interface Own {
  readonly schema: string;
  readonly tables: readonly string[];
  /** With their argument types. */
  readonly functions: readonly string[];
  /** Functions of triggers, which nobody calls. */
  readonly triggers: readonly string[];
}

async function ownTables(kysely: Kysely<unknown>): Promise<Own> {
  const { rows } = await sql<Own>`WITH own AS (
      SELECT oid::regprocedure::text AS name, prorettype = 'trigger'::regtype AS fires FROM pg_proc
      WHERE pronamespace = quote_ident(current_schema())::regnamespace AND prokind = 'f' AND proname ~ ${ourFunctions}
        AND pg_has_role(current_user, proowner, 'USAGE'))
    SELECT current_schema() AS schema,
      ARRAY(SELECT relname::text FROM pg_class WHERE relnamespace = quote_ident(current_schema())::regnamespace
        AND relkind IN ('r', 'p') AND pg_has_role(current_user, relowner, 'USAGE') ORDER BY 1) AS tables,
      ARRAY(SELECT name FROM own WHERE NOT fires ORDER BY 1) AS functions,
      ARRAY(SELECT name FROM own WHERE fires ORDER BY 1) AS triggers`.execute(kysely);
  const found = rows[0];
  if (found === undefined) throw new Error('the database did not say what there is');
  return found;
}

/** What everybody may do in a schema and a database of ours, and needs to do nowhere. */
async function closeToOthers(kysely: Kysely<unknown>, { schema }: Own): Promise<void> {
  await closeFunctions(kysely);
  await run(
    kysely,
    `DO $do$ BEGIN
      IF pg_has_role(current_user, (SELECT nspowner FROM pg_namespace WHERE nspname = current_schema()), 'USAGE') THEN
        REVOKE CREATE ON SCHEMA ${pg.escapeIdentifier(schema)} FROM PUBLIC;
      END IF;
      IF pg_has_role(current_user, (SELECT datdba FROM pg_database WHERE datname = current_database()), 'USAGE')
        AND has_database_privilege('public', current_database(), 'TEMPORARY') THEN
        EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
      END IF;
    END $do$`,
  );
}

async function grant(
  kysely: Kysely<unknown>,
  { schema, tables, functions, triggers }: Own,
  who: Who,
  name: string,
): Promise<void> {
  const role = pg.escapeIdentifier(name);
  await run(kysely, `GRANT USAGE ON SCHEMA ${pg.escapeIdentifier(schema)} TO ${role}`);
  for (const table of tables) {
    const at = `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(table)}`;
    await run(kysely, `REVOKE ALL ON ${at} FROM ${role}`);
    const rights = rightsOn(table, who);
    if (rights !== '') await run(kysely, `GRANT ${rights} ON ${at} TO ${role}`);
  }
  const callable = who === 'operator' ? functions : [];
  for (const one of [...functions, ...triggers]) await run(kysely, `REVOKE ALL ON FUNCTION ${one} FROM ${role}`);
  for (const one of callable) await run(kysely, `GRANT EXECUTE ON FUNCTION ${one} TO ${role}`);
}

async function run(kysely: Kysely<unknown>, statement: string): Promise<void> {
  await sql.raw(statement).execute(kysely);
}
