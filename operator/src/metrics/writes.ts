/** What the operator writes: registrations, statuses, and the end of a resource that it held. */
import { type Kind, kindNames } from '@nauthera/crds';
import type { RegistrationKind } from '@nauthera/server/registry';
import { Counter, type Registry } from 'prom-client';
import type { OnRegistryWrite } from '../controllers/counted-registry.ts';

export interface WriteCounts {
  readonly registry: OnRegistryWrite;
  status(kind: Kind): void;
  released(kind: Kind): void;
}

const kindOf: Readonly<Record<RegistrationKind, Kind>> = {
  server: 'AuthorizationServer',
  client: 'Client',
  scope: 'Scope',
  directory: 'LdapBinding',
};

export function writeCountsIn(registry: Registry): WriteCounts {
  const registers = [registry];
  const registryWrites = new Counter({
    name: 'nauthera_registry_writes_total',
    help: 'Registrations that were written or removed',
    labelNames: ['kind', 'operation'],
    registers,
  });
  const statusWrites = new Counter({
    name: 'nauthera_status_writes_total',
    help: 'Statuses that were written',
    labelNames: ['kind'],
    registers,
  });
  const released = new Counter({
    name: 'nauthera_finalizers_released_total',
    help: 'Resources that were let go',
    labelNames: ['kind'],
    registers,
  });
  for (const kind of kindNames) {
    statusWrites.inc({ kind }, 0);
    released.inc({ kind }, 0);
    for (const operation of ['put', 'delete'] as const) registryWrites.inc({ kind, operation }, 0);
  }
  return {
    registry: (kind, operation) => registryWrites.inc({ kind: kindOf[kind], operation }),
    status: (kind) => statusWrites.inc({ kind }),
    released: (kind) => released.inc({ kind }),
  };
}
