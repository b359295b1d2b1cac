/** The catalogue of the operator: four controllers, what wakes them, and how they start and stop. */
import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { type Kind, kindNames } from '@nauthera/crds';
import { type LiveReport, type Registry, RegistryFenced, type Stop } from '@nauthera/server/registry';
import { authorizationServerController } from './controllers/authorization-server/controller.ts';
import { clientController } from './controllers/client/controller.ts';
import { type KindController, reconcileKey, type Tools } from './controllers/kind.ts';
import { ldapBindingController } from './controllers/ldap-binding/controller.ts';
import { Orphans } from './controllers/orphans.ts';
import { type Changed, RegistryHandle } from './controllers/registry-handle.ts';
import { scopeController } from './controllers/scope/controller.ts';
import { ServedWatch } from './controllers/served-watch.ts';
import type { Deployment, World } from './controllers/world.ts';
import { scopeNameOf } from './registrations/scope.ts';
import { type Controller, startController } from './runtime/controller.ts';
import { type Urgency, WorkQueue } from './runtime/queue.ts';
import { ReferenceIndex } from './runtime/reference-index.ts';
import type { Change, ConfigMapReader, ResourceKey, ResourceSource, SecretStore } from './sources/source.ts';

export interface OperatorOptions {
  /** Started already: everything it holds is known. */
  readonly source: ResourceSource;
  readonly secrets: SecretStore;
  readonly configMaps: ConfigMapReader;
  /** The one registry that every AuthorizationServer of this source shares. */
  readonly registry: Registry;
  readonly issuerOf: World['issuerOf'];
  readonly deployment: Deployment;
  /** `Ready` of a resource changed its status or reason. */
  onTransition(
    resource: ResourceKey,
    to: { readonly status: string; readonly reason: string; readonly message: string },
  ): void;
  onFailure(failure: {
    readonly controller: string;
    readonly key: string;
    readonly error: unknown;
    readonly retryIn: number;
  }): void;
  /** A newer process writes for this source: this one must end. */
  onFenced(): void;
  /** Keys of a kind worked on at once. Default 10. */
  readonly workers?: number;
  readonly now?: () => number;
}

export interface Operator {
  /** A Secret, ConfigMap or resource moved, where its source does not say so itself. */
  noteChange(change: Change): void;
  /** Takes up nothing new; resolves when what is under way has ended. */
  stop(): Promise<void>;
}

export async function startOperator(options: OperatorOptions): Promise<Operator> {
  return new RunningOperator(options).start();
}

class RunningOperator implements Operator {
  readonly #options: OperatorOptions;
  readonly #handle: RegistryHandle;
  readonly #references = new ReferenceIndex();
  readonly #queues: Readonly<Record<Kind, WorkQueue>>;
  readonly #served: ServedWatch;
  readonly #orphans: Orphans;
  readonly #tools: Tools;
  #controllers: readonly Controller[] = [];
  #unfollow: Stop | undefined;

  constructor(options: OperatorOptions) {
    this.#options = options;
    const { registry, source } = options;
    this.#handle = new RegistryHandle(registry);
    this.#queues = {
      AuthorizationServer: new WorkQueue(),
      Client: new WorkQueue(),
      Scope: new WorkQueue(),
      LdapBinding: new WorkQueue(),
    };
    this.#served = new ServedWatch({
      read: () => registry.reports(),
      onChange: (pending, before, after) => this.#wakeByReports(pending, before, after),
      // It says so; its own back-off goes on.
      onError: () => this.#wakeKind('AuthorizationServer', 'resync'),
      onRecovery: () => this.#wakeAllSoon('change'),
    });
    this.#orphans = new Orphans({
      registry,
      source,
      onError: (error) => this.#fail('orphans', '', error, 0),
      onHeld: () => this.#wakeKind('AuthorizationServer'),
    });
    const world: World = {
      source,
      secrets: options.secrets,
      configMaps: options.configMaps,
      registryOf: () => this.#handle,
      registries: () => [this.#handle],
      served: this.#served,
      retirementHeld: () => this.#orphans.held,
      issuerOf: options.issuerOf,
      deployment: options.deployment,
      now: options.now ?? Date.now,
      freshSecret: () => randomBytes(32).toString('base64url'),
    };
    this.#tools = {
      world,
      references: this.#references,
      onTransition: (resource, to) => {
        // Whether a scope counts stands in its status too, which is written after its row.
        if (resource.kind === 'Scope') void this.#wakeByScope(resource.namespace, resource.name);
        options.onTransition(resource, to);
      },
    };
  }

  async start(): Promise<this> {
    const { world } = this.#tools;
    const { source } = this.#options;
    source.watch((change) => this.noteChange(change));
    await this.#served.start();
    this.#controllers = [
      this.#run(authorizationServerController(world)),
      this.#run(scopeController(world)),
      this.#run(ldapBindingController(world)),
      this.#run(clientController(world)),
    ];
    // Its first word is that everything may have moved: that begins the work.
    this.#unfollow = await this.#options.registry.follow((changed) => this.#wakeByRegistry(changed));
    this.#orphans.start();
    return this;
  }

  async stop(): Promise<void> {
    await this.#unfollow?.();
    await this.#orphans.stop();
    await Promise.all(this.#controllers.map((controller) => controller.stop()));
    await this.#served.stop();
  }

  noteChange({ kind, namespace, name }: Change): void {
    if (isResourceKind(kind)) {
      this.#wake(`${kind}/${namespace}/${name}`);
      this.#wakeDependents(kind);
      if (kind === 'Scope') void this.#wakeByScope(namespace, name);
    } else this.#wakeDependents(`${kind}/${namespace}/${name}`);
  }

  #run<K extends Kind>(controller: KindController<K>): Controller {
    const { workers } = this.#options;
    return startController({
      name: controller.kind,
      queue: this.#queues[controller.kind],
      ...(workers === undefined ? {} : { workers }),
      reconcile: (key) => reconcileKey(controller, this.#tools, key),
      onFailure: ({ key, error, retryIn }) => this.#fail(controller.kind, key, error, retryIn),
    });
  }

  #fail(controller: string, key: string, error: unknown, retryIn: number): void {
    if (error instanceof RegistryFenced) this.#options.onFenced();
    else this.#options.onFailure({ controller, key, error, retryIn });
  }

  #wake(dependent: string, urgency: Urgency = 'change'): void {
    const [kind = '', namespace = '', name = ''] = dependent.split('/');
    if (isResourceKind(kind)) this.#queues[kind].add(`${namespace}/${name}`, urgency);
  }

  #wakeDependents(reference: string): boolean {
    const dependents = this.#references.dependents(reference);
    for (const dependent of dependents) this.#wake(dependent);
    return dependents.length > 0;
  }

  #wakeKind(kind: Kind, urgency: Urgency = 'change'): void {
    void this.#options.source.keys(kind).then((keys) => {
      for (const { namespace, name } of keys) this.#wake(`${kind}/${namespace}/${name}`, urgency);
    });
  }

  #wakeAllSoon(urgency: Urgency): void {
    for (const kind of kindNames) this.#wakeKind(kind, urgency);
  }

  /** To whom a Scope is open stands in no registration: those that list it look again. */
  async #wakeByScope(namespace: string, name: string): Promise<void> {
    const scope = await this.#options.source.get('Scope', namespace, name);
    if (scope?.spec !== undefined)
      this.#wakeDependents(`registration/scope/${scopeNameOf({ name, spec: scope.spec })}`);
  }

  /** Whoever changed a row, we did or somebody in SQL: what it belongs to is made so again. */
  #wakeByRegistry(changed: Changed): void {
    this.#handle.forget(changed);
    if (changed === 'all') {
      this.#wakeAllSoon('resync');
      return;
    }
    for (const row of changed) {
      const known = this.#wakeDependents(`registration/${row.kind}/${row.id}`);
      if (!known) this.#orphans.look(row);
    }
  }

  #wakeByReports(pending: readonly string[], before: readonly LiveReport[], after: readonly LiveReport[]): void {
    for (const dependent of pending) this.#wake(dependent);
    const [old, now] = [before, after].map((reports) => reports.filter(({ live }) => live));
    const differ = (view: (report: LiveReport) => unknown) => !isDeepStrictEqual(old?.map(view), now?.map(view));
    if (differ(({ replica, keys }) => [replica, keys])) this.#wakeKind('AuthorizationServer');
    if (differ(({ replica, directories }) => [replica, directories])) this.#wakeKind('LdapBinding');
    for (const { kind, id } of now?.flatMap(({ rejected }) => rejected) ?? [])
      if (!old?.some(({ rejected }) => rejected.some((one) => one.kind === kind && one.id === id)))
        this.#wakeDependents(`registration/${kind}/${id}`);
  }
}

function isResourceKind(kind: string): kind is Kind {
  return kindNames.some((name) => name === kind);
}
