import type { Database, Statement } from '../store/database.ts';

const sealed: Statement = {
  name: 'anything_sealed',
  text: `SELECT EXISTS (SELECT FROM signing_keys) OR EXISTS (SELECT FROM registry WHERE sealed IS NOT NULL) AS found`,
};

/** Whether the database holds anything that only its key-encryption key opens: then no other may be made. */
export async function holdsSealed(database: Database): Promise<boolean> {
  const { rows } = await database.run<{ found: boolean }>(sealed, []);
  return rows[0]?.found !== false;
}
