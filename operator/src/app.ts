/** The catalogue of the operator: four controllers, and how they start and stop. */
import { randomBytes } from 'node:crypto';
import type { Kind } from '@nauthera/crds';
import { RegistryFenced } from '@nauthera/server/registry';
import type { Tracing } from '@nauthera/server/tracing';
import { authorizationServerController } from './controllers/authorization-server/controller.ts';
import { clientController } from './controllers/client/controller.ts';
import { ClientReviews } from './controllers/client/reviews.ts';
import { type KindController, reconcileKey, type Tools } from './controllers/kind.ts';
import { ldapBindingController } from './controllers/ldap-binding/controller.ts';
import type { Registries } from './controllers/registries.ts';
import { scopeController } from './controllers/scope/controller.ts';
import { TrustBundles } from './controllers/trust.ts';
import type { Deployment, EventSink, World } from './controllers/world.ts';
import { type Controller, type Outcome, startController } from './runtime/controller.ts';
import type { Meter } from './runtime/meter.ts';
import type { Pass } from './runtime/pass.ts';
import { Patience } from './runtime/patience.ts';
import { WorkQueue } from './runtime/queue.ts';
import { ReferenceIndex } from './runtime/reference-index.ts';
import type { ClusterKeys } from './sources/cluster-keys.ts';
import type { Change, ConfigMapReader, ResourceKey, ResourceSource, SecretStore } from './sources/source.ts';
import { tracedPass } from './traced-pass.ts';
import { Waking } from './waking.ts';

export interface OperatorOptions {
  /** Started already: everything it holds is known. */
  readonly source: ResourceSource;
  readonly secrets: SecretStore;
  readonly configMaps: ConfigMapReader;
  /** Where AuthorizationServers keep what is registered with them. */
  readonly registries: Registries;
  /** Default: nobody is told. */
  readonly events?: EventSink;
  readonly defaultServerNamespace?: string;
  /** Started already. Left out: the resources come from no cluster. */
  readonly clusterKeys?: ClusterKeys;
  readonly issuerOf: World['issuerOf'];
  /** Version of this program. Left out: after a start every Client is looked at. */
  readonly program?: string;
  readonly deployment: Deployment;
  /** Left out: servers are started by somebody else. */
  readonly pods?: World['pods'];
  /** When secrets are replaced and end; left out: as Clients say. */
  readonly rotation?: World['rotation'];
  /** Left out: nobody counts. */
  readonly secretCounts?: World['secretCounts'];
  /** Left out: nobody counts. */
  readonly resourceCounts?: World['resourceCounts'];
  /** Left out: nobody counts. */
  readonly meter?: Meter;
  /** Left out: nothing is traced. Stopped by the caller, after the operator. */
  readonly tracing?: Tracing | undefined;
  /** `Ready` of a resource changed its status or reason. */
  onTransition(
    resource: ResourceKey & { readonly uid: string },
    to: { readonly status: string; readonly reason: string; readonly message: string },
    pass: Pass,
  ): void;
  onFailure(failure: {
    readonly controller: string;
    readonly key: string;
    readonly error: unknown;
    readonly retryIn: number;
    /** Left out: it was none. */
    readonly pass?: Pass;
  }): void;
  /** After a start, or when a database is back: how many Clients are to be looked at, as they differ from what was noted. */
  onReviewed?(clients: number, differ: number): void;
  /** A newer process writes for this source: this one must end. */
  onFenced(): void;
  /** Keys of a kind worked on at once. Default 14, with one registry for all 10. */
  readonly workers?: number;
  readonly now?: () => number;
  /** Milliseconds by a clock that nobody sets. Default `performance.now`. */
  readonly steadyNow?: () => number;
}

export interface Operator {
  /** A Secret, ConfigMap or resource moved, where its source does not say so itself. */
  noteChange(change: Change): void;
  /** What was made for an AuthorizationServer in the cluster moved. */
  noteChildren(namespace: string, server: string): void;
  /** Takes up nothing new; resolves when what is under way has ended. */
  stop(): Promise<void>;
}

export async function startOperator(options: OperatorOptions): Promise<Operator> {
  return new RunningOperator(options).start();
}

/** Milliseconds that the first attempts to open databases may keep the passes of everybody waiting. */
const patience = 5_000;

/** Workers on each kind that one namespace alone never has, where databases are its own choice. */
export const spare = 4;

class RunningOperator implements Operator {
  readonly #options: OperatorOptions;
  readonly #references = new ReferenceIndex();
  readonly #queues: Readonly<Record<Kind, WorkQueue>>;
  readonly #tools: Tools;
  readonly #workers: number;
  readonly #reviews: ClientReviews;
  readonly #waking: Waking;
  #controllers: readonly Controller[] = [];

  constructor(options: OperatorOptions) {
    this.#options = options;
    const { registries } = options;
    // A given registry has no database that a namespace chose.
    this.#workers = options.workers ?? (registries.perServer ? 14 : 10);
    const mostPerNamespace = registries.perServer ? Math.max(1, this.#workers - spare) : this.#workers;
    const queueOf = (kind: Kind): WorkQueue => {
      const { meter } = options;
      const observer = meter && {
        added: () => meter.added(kind),
        taken: (waited: number) => meter.taken(kind, waited),
        given: (worked: number) => meter.given(kind, worked),
        putOff: () => meter.putOff(kind),
      };
      const queue = new WorkQueue({ mostPerNamespace, ...(observer === undefined ? {} : { observer }) });
      meter?.queue(kind, queue, this.#workers);
      return queue;
    };
    this.#queues = {
      AuthorizationServer: queueOf('AuthorizationServer'),
      Client: queueOf('Client'),
      Scope: queueOf('Scope'),
      LdapBinding: queueOf('LdapBinding'),
    };
    const world: World = {
      source: options.source,
      secrets: options.secrets,
      configMaps: options.configMaps,
      events: options.events ?? { record: () => undefined },
      registryOf: (server) => registries.registryOf(server),
      registries: () => registries.registries(),
      pend: (dependent, on) => registries.pend(dependent, on),
      databases: registries,
      defaultServerNamespace: options.defaultServerNamespace,
      issuerOf: options.issuerOf,
      clusterKeys: () => options.clusterKeys?.keys,
      program: options.program,
      deployment: options.deployment,
      pods: options.pods,
      patience: new Patience(options.steadyNow),
      trust: new TrustBundles((reference) => this.#waking.wakeDependents(reference)),
      rotation: options.rotation,
      secretCounts: options.secretCounts,
      resourceCounts: options.resourceCounts,
      tracing: options.tracing,
      now: options.now ?? Date.now,
      freshSecret: () => randomBytes(32).toString('base64url'),
    };
    const clients = this.#queues.Client;
    this.#reviews = new ClientReviews({
      world,
      references: this.#references,
      look: (key, urgency) => clients.add(key, urgency),
      settle: (key) => clients.settle(key),
      wake: (key, delay) => clients.addAfter(key, delay, 'resync'),
      onProblem: (error) => this.#fail({ controller: 'Client', key: '', error, retryIn: 0 }),
      onReviewed: (...counts) => options.onReviewed?.(...counts),
    });
    const { source } = options;
    const [queues, references, reviews] = [this.#queues, this.#references, this.#reviews];
    this.#waking = new Waking({ queues, references, reviews, source, registries });
    this.#tools = {
      world,
      references: this.#references,
      wake: (dependent) => this.#waking.wake(dependent),
      heardAt: (kind, key) => this.#queues[kind].heardAt(key) ?? performance.now(),
      onTransition: (resource, to, pass) => {
        // Whether a scope counts stands in its status too, which is written after its row.
        if (resource.kind === 'Scope') void this.#waking.wakeByScope(resource.namespace, resource.name);
        options.onTransition(resource, to, pass);
      },
    };
  }

  async start(): Promise<this> {
    const { world } = this.#tools;
    const { source, registries } = this.#options;
    source.watch((change) => this.noteChange(change));
    this.#options.clusterKeys?.onChange(() => this.#waking.wakeKind('AuthorizationServer'));
    const onError = (controller: string, error: unknown) => this.#fail({ controller, key: '', error, retryIn: 0 });
    await registries.start(this.#waking.listener(onError), await source.list('AuthorizationServer'));
    if (registries.perServer) this.#waking.wakeKind('AuthorizationServer', 'resync');
    this.#controllers = [this.#run(authorizationServerController(world))];
    // A pass that meets a database which is only about to be opened would be for nothing.
    await registries.tried(patience);
    this.#controllers = [
      ...this.#controllers,
      this.#run(scopeController(world)),
      this.#run(ldapBindingController(world)),
      this.#run(clientController(world)),
    ];
    // A registry that all share begins the work itself: its first word is that everything may have moved.
    if (registries.perServer) this.#waking.wakeAll('resync');
    await registries.follow();
    return this;
  }

  async stop(): Promise<void> {
    const { registries } = this.#options;
    await registries.unfollow();
    await this.#reviews.stop();
    await Promise.all(this.#controllers.map((controller) => controller.stop()));
    await Promise.all([...registries.registries()].map((handle) => handle.flushChecks()));
    await registries.stop();
  }

  noteChange(change: Change): void {
    this.#waking.noteChange(change);
  }

  noteChildren(namespace: string, server: string): void {
    this.#waking.noteChildren(namespace, server);
  }

  #run<K extends Kind>(controller: KindController<K>): Controller {
    return startController({
      name: controller.kind,
      queue: this.#queues[controller.kind],
      workers: this.#workers,
      reconcile: (key, pass) => this.#pass(controller, key, pass),
      onFailure: (failure) => this.#fail(failure),
      onPass: (result, milliseconds) => this.#options.meter?.reconciled(controller.kind, result, milliseconds),
    });
  }

  #pass<K extends Kind>(controller: KindController<K>, key: string, pass: Pass): Promise<Outcome> {
    const { tracing } = this.#options;
    const reconcile = () => reconcileKey(controller, this.#tools, key, pass);
    return tracing === undefined ? reconcile() : tracedPass(tracing, { kind: controller.kind, key, pass }, reconcile);
  }

  #fail(failure: Parameters<OperatorOptions['onFailure']>[0]): void {
    if (failure.error instanceof RegistryFenced) this.#options.onFenced();
    else this.#options.onFailure(failure);
  }
}
