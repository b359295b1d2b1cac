/** Takes the clock out of tests that send one refresh token more than once: how fast this machine is must not decide them. */
import type { Database } from '../../server/src/store/database.ts';

/** While `work` runs, whatever is rotated stays within the ten seconds of its grace; and an hour after it. */
export async function withEndlessGrace<T>(database: Database, work: () => Promise<T>): Promise<T> {
  await beginEndlessGrace(database);
  try {
    return await work();
  } finally {
    await run(database, 'end', 'DROP TRIGGER endless_grace ON refresh_tokens');
  }
}

const run = (database: Database, name: string, text: string) =>
  database.run({ name: `endless_grace_${name}`, text }, []);

/** The same without an end, for a database that is gone when the work is done. */
export async function beginEndlessGrace(database: Database): Promise<void> {
  await run(
    database,
    'function',
    `CREATE OR REPLACE FUNCTION endless_grace() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN NEW.used_at := now() + interval '1 hour'; RETURN NEW; END $$`,
  );
  await run(
    database,
    'begin',
    `CREATE TRIGGER endless_grace BEFORE UPDATE ON refresh_tokens FOR EACH ROW
      WHEN (NEW.used_at IS NOT NULL AND OLD.used_at IS NULL) EXECUTE FUNCTION endless_grace()`,
  );
}
