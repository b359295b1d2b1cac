import type { RegistrationKind, Registry } from '@nauthera/server/registry';

/** A row was written or removed. */
export type OnRegistryWrite = (kind: RegistrationKind, operation: 'put' | 'delete') => void;

/** The same registry; each row that a call changed is counted. */
export function counted(registry: Registry, onWrite: OnRegistryWrite | undefined): Registry {
  if (onWrite === undefined) return registry;
  return {
    ...registry,
    put: async (registration) => {
      const result = await registry.put(registration);
      if (result.outcome === 'written') onWrite(registration.kind, 'put');
      return result;
    },
    putMany: async (registrations) => {
      const results = await registry.putMany(registrations);
      for (const [place, { kind }] of registrations.entries())
        if (results[place]?.outcome === 'written') onWrite(kind, 'put');
      return results;
    },
    delete: async (kind, uid) => {
      const revision = await registry.delete(kind, uid);
      if (revision !== null) onWrite(kind, 'delete');
      return revision;
    },
  };
}
