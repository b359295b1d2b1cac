/**
 * The ids of registration events sort by time, as those of all other audit rows do (UUIDv7). Whichever functions write such an
 * event by now keep all else of their text.
 */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** A random UUID with the time written over its first 48 bits and the version made 7 (RFC 9562 §5.7). */
const newId = `encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
  substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid`;

const rewrite = `DO $do$
DECLARE
  before_ text := $id$gen_random_uuid(), 'registration.$id$;
  after_ text := $id$${newId}, 'registration.$id$;
  function_ oid;
BEGIN
  FOR function_ IN SELECT oid FROM pg_proc
    WHERE pronamespace = current_schema()::regnamespace AND position(before_ IN prosrc) > 0 LOOP
    EXECUTE replace(pg_get_functiondef(function_), before_, after_);
  END LOOP;
END $do$`;

export const registrationEvents: Migration = {
  async up(database: Kysely<unknown>): Promise<void> {
    await sql.raw(rewrite).execute(database);
  },
};
