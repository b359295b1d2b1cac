/** Wishes for the signing keys: written here, carried out by a server that reads its keys (`store/signing-keys.ts`). */
import type { Database, Statement } from '../store/database.ts';
import { admission, fenced } from './fence.ts';
import type { Fence, KeyWish, KeyWishState } from './registry.ts';

const ask: Statement = {
  name: 'registry_wish_keys',
  text: 'SELECT registry_wish_keys($1, $2, $3, $4, $5) AS state',
};

export async function wishKeys(database: Database, fence: Fence, { kind, wish }: KeyWish): Promise<KeyWishState> {
  const { rows } = await database.run<{ state: KeyWishState | 'fenced' }>(ask, [...admission(fence), kind, wish]);
  const state = rows[0]?.state;
  if (state === undefined || state === 'fenced') throw fenced();
  return state;
}
