/** Who is looked at again when something moves: resources, what they depend on, registries, replicas. */
import { isDeepStrictEqual } from 'node:util';
import { type Kind, kindNames } from '@nauthera/crds';
import type { LiveReport } from '@nauthera/server/registry';
import type { ClientReviews } from './controllers/client/reviews.ts';
import { anyDatabase } from './controllers/kind.ts';
import type { Registries, RegistriesListener } from './controllers/registries.ts';
import type { Changed, RegistryHandle } from './controllers/registry-handle.ts';
import { scopeNameOf } from './registrations/scope.ts';
import type { Urgency, WorkQueue } from './runtime/queue.ts';
import type { ReferenceIndex } from './runtime/reference-index.ts';
import type { Change, ResourceSource } from './sources/source.ts';

export interface WakingOptions {
  readonly queues: Readonly<Record<Kind, WorkQueue>>;
  readonly references: ReferenceIndex;
  readonly reviews: ClientReviews;
  readonly source: ResourceSource;
  readonly registries: Registries;
}

export class Waking {
  readonly #queues: WakingOptions['queues'];
  readonly #references: ReferenceIndex;
  readonly #reviews: ClientReviews;
  readonly #source: ResourceSource;
  readonly #registries: Registries;

  constructor({ queues, references, reviews, source, registries }: WakingOptions) {
    this.#queues = queues;
    this.#references = references;
    this.#reviews = reviews;
    this.#source = source;
    this.#registries = registries;
  }

  listener(onError: RegistriesListener['onError']): RegistriesListener {
    return {
      onMoved: (handle, changed) => this.#byRegistry(handle, changed),
      onReports: (handle, ...reports) => this.#byReports(handle, ...reports),
      // It says so; its own back-off goes on.
      onAway: (handle) => this.#on(handle, 'AuthorizationServer', 'resync'),
      onRecovery: (handle) => this.#allOn(handle, 'change'),
      onHeld: (handle) => this.#on(handle, 'AuthorizationServer'),
      onState: (server) => this.wake(`AuthorizationServer/${server}`),
      onError,
    };
  }

  noteChange({ kind, namespace, name }: Change): void {
    if (isResourceKind(kind)) {
      this.wake(`${kind}/${namespace}/${name}`);
      this.wakeDependents(kind);
      if (kind === 'Scope') void this.wakeByScope(namespace, name);
      if (kind === 'AuthorizationServer') void this.#dropAbsent(namespace, name);
    } else this.wakeDependents(`${kind}/${namespace}/${name}`);
  }

  /** The server alone: nobody else looks at its pods. */
  noteChildren(namespace: string, server: string): void {
    this.wake(`AuthorizationServer/${namespace}/${server}`);
  }

  async #dropAbsent(namespace: string, name: string): Promise<void> {
    const found = await this.#source.get('AuthorizationServer', namespace, name).catch(() => null);
    if (found === undefined) this.#registries.drop(`${namespace}/${name}`);
  }

  wake(dependent: string, urgency: Urgency = 'change'): void {
    const [kind = '', namespace = '', name = ''] = dependent.split('/');
    if (isResourceKind(kind)) this.#queues[kind].add(`${namespace}/${name}`, urgency);
  }

  wakeDependents(reference: string): boolean {
    const dependents = this.#references.moved(reference);
    for (const dependent of dependents) this.wake(dependent);
    return dependents.length > 0;
  }

  wakeKind(kind: Kind, urgency: Urgency = 'change'): void {
    if (kind === 'Client') {
      this.#reviews.ask(urgency);
      return;
    }
    void this.#source.keys(kind).then((keys) => {
      for (const { namespace, name } of keys) this.wake(`${kind}/${namespace}/${name}`, urgency);
    });
  }

  wakeAll(urgency: Urgency): void {
    for (const kind of kindNames) this.wakeKind(kind, urgency);
  }

  /** Those of a kind whose registry that is. */
  #on(handle: RegistryHandle, kind: Kind, urgency: Urgency = 'change'): void {
    if (handle.name === '') {
      this.wakeKind(kind, urgency);
      return;
    }
    if (kind === 'Client') {
      this.#reviews.ask(urgency, handle);
      return;
    }
    if (kind === 'AuthorizationServer') this.wake(`${kind}/${handle.name}`, urgency);
    for (const dependent of this.#references.moved(`registry/${handle.name}`))
      if (dependent.startsWith(`${kind}/`)) this.wake(dependent, urgency);
  }

  #allOn(handle: RegistryHandle, urgency: Urgency): void {
    for (const kind of kindNames) this.#on(handle, kind, urgency);
    // Their back-off ends: this may be what they wait for.
    this.wakeDependents(anyDatabase);
  }

  /** To whom a Scope is open stands in no registration: those that list it look again. */
  async wakeByScope(namespace: string, name: string): Promise<void> {
    const scope = await this.#source.get('Scope', namespace, name);
    if (scope?.spec === undefined) return;
    const id = scopeNameOf({ name, spec: scope.spec });
    for (const handle of this.#registries.registries()) this.wakeDependents(handle.reference('scope', id));
  }

  /** Whoever changed a row, we did or somebody in SQL: what it belongs to is made so again. */
  #byRegistry(handle: RegistryHandle, changed: Changed): void {
    if (changed === 'all') {
      this.#allOn(handle, 'resync');
      return;
    }
    for (const row of changed) {
      const known = this.wakeDependents(handle.reference(row.kind, row.id));
      if (!known) this.#registries.lookAtStray(handle, row);
    }
  }

  #byReports(
    handle: RegistryHandle,
    pending: readonly string[],
    before: readonly LiveReport[],
    after: readonly LiveReport[],
  ): void {
    for (const dependent of pending) this.wake(dependent);
    const [old, now] = [before, after].map((reports) => reports.filter(({ live }) => live));
    const differ = (view: (report: LiveReport) => unknown) => !isDeepStrictEqual(old?.map(view), now?.map(view));
    if (differ(({ replica, keys, untrustedProxy }) => [replica, keys, untrustedProxy]))
      this.#on(handle, 'AuthorizationServer');
    if (differ(({ replica, directories }) => [replica, directories])) this.#on(handle, 'LdapBinding');
    for (const { kind, id } of now?.flatMap(({ rejected }) => rejected) ?? [])
      if (!old?.some(({ rejected }) => rejected.some((one) => one.kind === kind && one.id === id)))
        this.wakeDependents(handle.reference(kind, id));
  }
}

function isResourceKind(kind: string): kind is Kind {
  return kindNames.some((name) => name === kind);
}
