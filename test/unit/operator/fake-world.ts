/** A world without anything behind it, for what the controllers do around their plans. What a case needs, it overrides. */

import { TrustBundles } from '../../../operator/src/controllers/trust.ts';
import type { World } from '../../../operator/src/controllers/world.ts';
import { Patience } from '../../../operator/src/runtime/patience.ts';
import type { Observed, ResourceSource, Secret, SecretStore } from '../../../operator/src/sources/source.ts';
import type { Rows } from './fake-registry.ts';

export interface Written {
  readonly name: string;
  readonly status: Record<string, unknown>;
}

export interface FakeWorld {
  readonly world: World;
  /** In order: `hold`, `status`, `release`, and what the cases add. */
  readonly steps: string[];
  readonly statuses: Written[];
  readonly events: { readonly name: string; readonly type: string; readonly reason: string; readonly note: string }[];
  /** Those who wait for replicas. */
  readonly pending: Set<string>;
}

export interface FakeParts {
  readonly resources?: readonly Observed[];
  readonly secrets?: Partial<SecretStore>;
  readonly stored?: readonly Secret[];
  /** By `<namespace>/<name>` of the server. */
  readonly registries?: Readonly<Record<string, Rows>>;
  readonly now?: () => number;
  readonly steadyNow?: () => number;
}

export function fakeWorld({
  resources = [],
  secrets,
  stored = [],
  registries = {},
  now,
  steadyNow,
}: FakeParts = {}): FakeWorld {
  const steps: string[] = [];
  const statuses: Written[] = [];
  const events: FakeWorld['events'] = [];
  const pending = new Set<string>();
  const source = {
    name: 'test',
    get: (kind: string, namespace: string, name: string) =>
      Promise.resolve(resources.find((one) => one.kind === kind && one.namespace === namespace && one.name === name)),
    list: (kind: string) => Promise.resolve(resources.filter((one) => one.kind === kind)),
    keys: () => Promise.resolve(resources),
    namespaceLabels: (namespace: string) => Promise.resolve({ 'kubernetes.io/metadata.name': namespace }),
    hold: ({ name }: Observed) => Promise.resolve(void steps.push(`hold ${name}`)),
    release: ({ name }: Observed) => Promise.resolve(void steps.push(`release ${name}`)),
    writeStatus: ({ name }: Observed, status: unknown) => {
      steps.push(`status ${name}`);
      statuses.push({ name, status: status as Record<string, unknown> });
      return Promise.resolve();
    },
    watch: () => undefined,
  } as unknown as ResourceSource;
  const store = {
    read: (namespace: string, name: string) =>
      Promise.resolve(stored.find((one) => one.namespace === namespace && one.name === name)),
    ownedBy: () => Promise.resolve([]),
    watched: () => true,
    ...secrets,
  } as unknown as SecretStore;
  const world = {
    source,
    secrets: store,
    configMaps: { read: () => Promise.resolve(undefined), watched: () => true },
    events: {
      record: ({ name }: { name: string }, event: { type: string; reason: string; note: string }) =>
        events.push({ name, ...event }),
    },
    registryOf: (server: string) => registries[server]?.handle,
    registries: () => Object.values(registries).flatMap(({ handle }) => (handle.isOpen ? [handle] : [])),
    pend: (dependent: string, on: unknown) => (on === undefined ? pending.delete(dependent) : pending.add(dependent)),
    deployment: { reason: 'Deployed', version: '0', database: 'secretRef' },
    patience: new Patience(steadyNow),
    trust: new TrustBundles(() => undefined),
    defaultServerNamespace: undefined,
    issuerOf: () => ({ issuer: 'https://id.example.com' }),
    now: now ?? (() => Date.parse('2026-06-01T00:00:00Z')),
    freshSecret: () => 'F'.repeat(43),
  } as unknown as World;
  return { world, steps, statuses, events, pending };
}
