/**
 * Closes the functions to whoever is not meant to call them. Each may be called by everybody until that is taken back; and one
 * that acts with its owner's rights looks for its tables in the caller's temporary ones first, unless `pg_temp` is named last.
 * A function of a trigger that everybody may call could be attached to a table of one's own; those that are attached fire
 * without anybody's right to call them.
 */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Ours begin so: in the same schema there may be others. */
export const ourFunctions = '^(registry|replica)_';

const close = `DO $do$
DECLARE
  one_ record;
  path_ text := quote_ident(current_schema()) || ', pg_temp';
BEGIN
  FOR one_ IN SELECT oid::regprocedure AS name,
      prosecdef AND proconfig IS DISTINCT FROM ARRAY['search_path=' || path_] AS astray,
      EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0) AS open
    FROM pg_proc
    WHERE pronamespace = quote_ident(current_schema())::regnamespace AND prokind = 'f' AND proname ~ '${ourFunctions}'
      AND pg_has_role(current_user, proowner, 'USAGE') LOOP
    IF one_.astray THEN EXECUTE format('ALTER FUNCTION %s SET search_path = %s', one_.name, path_); END IF;
    IF one_.open THEN EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', one_.name); END IF;
  END LOOP;
END $do$`;

/** Writes nothing where all is as it should be. Also for what a later migration makes, or a dump without rights left open. */
export async function closeFunctions(database: Kysely<unknown>): Promise<void> {
  await sql.raw(close).execute(database);
}

export const closedFunctions: Migration = { up: closeFunctions };
