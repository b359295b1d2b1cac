import type { KeyedSealer } from '../keys/sealer.ts';
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

/** What stands in front of a sealed value says with which key it was sealed. */
const heads: Statement = {
  name: 'sealed_heads',
  text: `SELECT DISTINCT substring(sealed FROM 1 FOR 5) AS head FROM registry
    WHERE sealed IS NOT NULL AND NOT withdrawn AND source = $1 LIMIT 100`,
};

/**
 * Whether that source registered sealed values, and no key that is here sealed any of them: to seal them anew would take them
 * from the servers, which have the other key.
 */
export async function isSealedByAnother(database: Database, source: string, sealer: KeyedSealer): Promise<boolean> {
  const { rows } = await database.run<{ head: Buffer }>(heads, [source]);
  return rows.length > 0 && !rows.some(({ head }) => sealer.knowsKeyOf(head));
}
