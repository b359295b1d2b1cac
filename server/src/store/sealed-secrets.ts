/** Secrets of the server itself by name, sealed with the key-encryption key. */
import type { SealedSecretStore } from '../keys/keys.ts';
import type { Database, Statement } from './database.ts';

const read: Statement = {
  name: 'sealed_secret_read',
  text: 'SELECT sealed FROM sealed_secrets WHERE name = $1',
};

const insert: Statement = {
  name: 'sealed_secret_insert',
  text: 'INSERT INTO sealed_secrets (name, sealed) VALUES ($1, $2) ON CONFLICT DO NOTHING',
};

const reseal: Statement = {
  name: 'sealed_secret_reseal',
  text: 'UPDATE sealed_secrets SET sealed = $3 WHERE name = $1 AND sealed = $2',
};

export function sealedSecretStore(database: Database): SealedSecretStore {
  return {
    async read(name) {
      const { rows } = await database.run<{ sealed: Buffer }>(read, [name]);
      return rows[0]?.sealed ?? null;
    },
    async insert(name, sealed) {
      await database.run(insert, [name, sealed]);
    },
    async reseal(name, before, sealed) {
      await database.run(reseal, [name, before, sealed]);
    },
  };
}
