/**
 * By which clock certificates are made and end: the database's, which says when tokens end too. Whoever shows a certificate of
 * the future is refused by everybody, so the clock of this process, which may be put forward, decides as little as it can.
 */
import { DatabaseUnavailable } from '@nauthera/server/registry';
import { issuedBy } from '../../../certificates/lifecycle.ts';
import { nameOf, type ServerResource } from '../../attachment.ts';
import type { World } from '../../world.ts';
import type { Kept } from './secrets.ts';

/** Epoch milliseconds. `told`: by the database, to this process. */
export interface CertificateTime {
  readonly now: number;
  readonly told: boolean;
}

export async function certificateTime(world: World, server: ServerResource): Promise<CertificateTime> {
  const registry = world.registryOf(nameOf(server));
  const told = await registry?.now().catch((failure: unknown) => {
    if (!(failure instanceof DatabaseUnavailable)) throw failure;
    return registry.lastTold;
  });
  return told === undefined ? { now: world.now(), told: false } : { now: told, told: true };
}

/**
 * Where no database told the time yet, what stands is as it was when the newest of it was made: nothing is due, nothing has
 * ended. What is missing is made by our own clock, and made again if that turns out to have been ahead.
 */
export function timeOf({ now, told }: CertificateTime, { authorities, serving }: Kept): number {
  if (told || serving === undefined) return now;
  return issuedBy([serving, authorities.signing, authorities.next]) ?? now;
}
