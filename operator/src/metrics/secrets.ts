/** Secrets of Clients that come and go. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { SecretCounts } from '../controllers/client/secret-counts.ts';

export function secretCountsIn(registry: Registry): SecretCounts {
  const registers = [registry];
  const rotations = new Counter({
    name: 'nauthera_secret_rotations_total',
    help: 'Secrets of Clients that were replaced, made anew or retired',
    labelNames: ['outcome'],
    registers,
  });
  for (const outcome of ['rotated', 'recreated', 'retired'] as const) rotations.inc({ outcome }, 0);
  const blocked = new Set<string>();
  new Gauge({
    name: 'nauthera_secret_rotations_blocked',
    help: 'Clients whose rotation is kept from its end',
    registers,
    collect() {
      this.set(blocked.size);
    },
  });
  return {
    rotation: (outcome) => rotations.inc({ outcome }),
    blocked(uid, isBlocked) {
      if (isBlocked) blocked.add(uid);
      else blocked.delete(uid);
    },
  };
}
