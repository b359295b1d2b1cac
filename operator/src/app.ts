/** The catalogue of the operator: four controllers, what wakes them, and how they start and stop. */
import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { type Kind, kindNames } from '@nauthera/crds';
import { type LiveReport, RegistryFenced } from '@nauthera/server/registry';
import type { Tracing } from '@nauthera/server/tracing';
import { authorizationServerController } from './controllers/authorization-server/controller.ts';
import { clientController } from './controllers/client/controller.ts';
import { ClientReviews } from './controllers/client/reviews.ts';
import { anyDatabase, type KindController, reconcileKey, type Tools } from './controllers/kind.ts';
import { ldapBindingController } from './controllers/ldap-binding/controller.ts';
import type { Registries } from './controllers/registries.ts';
import type { Changed, RegistryHandle } from './controllers/registry-handle.ts';
import { scopeController } from './controllers/scope/controller.ts';
import { TrustBundles } from './controllers/trust.ts';
import type { Deployment, EventSink, World } from './controllers/world.ts';
import { scopeNameOf } from './registrations/scope.ts';
import { type Controller, type Outcome, startController } from './runtime/controller.ts';
import type { Meter } from './runtime/meter.ts';
import type { Pass } from './runtime/pass.ts';
import { Patience } from './runtime/patience.ts';
import { type Urgency, WorkQueue } from './runtime/queue.ts';
import { ReferenceIndex } from './runtime/reference-index.ts';
import type { ClusterKeys } from './sources/cluster-keys.ts';
import type { Change, ConfigMapReader, ResourceKey, ResourceSource, SecretStore } from './sources/source.ts';
import { tracedPass } from './traced-pass.ts';

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
      trust: new TrustBundles((reference) => this.#wakeDependents(reference)),
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
    this.#tools = {
      world,
      references: this.#references,
      wake: (dependent) => this.#wake(dependent),
      heardAt: (kind, key) => this.#queues[kind].heardAt(key) ?? performance.now(),
      onTransition: (resource, to, pass) => {
        // Whether a scope counts stands in its status too, which is written after its row.
        if (resource.kind === 'Scope') void this.#wakeByScope(resource.namespace, resource.name);
        options.onTransition(resource, to, pass);
      },
    };
  }

  async start(): Promise<this> {
    const { world } = this.#tools;
    const { source, registries } = this.#options;
    source.watch((change) => this.noteChange(change));
    this.#options.clusterKeys?.onChange(() => this.#wakeKind('AuthorizationServer'));
    await registries.start(
      {
        onMoved: (handle, changed) => this.#wakeByRegistry(handle, changed),
        onReports: (handle, ...reports) => this.#wakeByReports(handle, ...reports),
        // It says so; its own back-off goes on.
        onAway: (handle) => this.#wakeOn(handle, 'AuthorizationServer', 'resync'),
        onRecovery: (handle) => this.#wakeAllOn(handle, 'change'),
        onHeld: (handle) => this.#wakeOn(handle, 'AuthorizationServer'),
        onState: (server) => this.#wake(`AuthorizationServer/${server}`),
        onError: (controller, error) => this.#fail({ controller, key: '', error, retryIn: 0 }),
      },
      await source.list('AuthorizationServer'),
    );
    if (registries.perServer) this.#wakeKind('AuthorizationServer', 'resync');
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
    if (registries.perServer) this.#wakeAll('resync');
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

  noteChange({ kind, namespace, name }: Change): void {
    if (isResourceKind(kind)) {
      this.#wake(`${kind}/${namespace}/${name}`);
      this.#wakeDependents(kind);
      if (kind === 'Scope') void this.#wakeByScope(namespace, name);
      if (kind === 'AuthorizationServer') void this.#dropAbsent(namespace, name);
    } else this.#wakeDependents(`${kind}/${namespace}/${name}`);
  }

  /** The server alone: nobody else looks at its pods. */
  noteChildren(namespace: string, server: string): void {
    this.#wake(`AuthorizationServer/${namespace}/${server}`);
  }

  async #dropAbsent(namespace: string, name: string): Promise<void> {
    const found = await this.#options.source.get('AuthorizationServer', namespace, name).catch(() => null);
    if (found === undefined) this.#options.registries.drop(`${namespace}/${name}`);
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

  #wake(dependent: string, urgency: Urgency = 'change'): void {
    const [kind = '', namespace = '', name = ''] = dependent.split('/');
    if (isResourceKind(kind)) this.#queues[kind].add(`${namespace}/${name}`, urgency);
  }

  #wakeDependents(reference: string): boolean {
    const dependents = this.#references.moved(reference);
    for (const dependent of dependents) this.#wake(dependent);
    return dependents.length > 0;
  }

  #wakeKind(kind: Kind, urgency: Urgency = 'change'): void {
    if (kind === 'Client') {
      this.#reviews.ask(urgency);
      return;
    }
    void this.#options.source.keys(kind).then((keys) => {
      for (const { namespace, name } of keys) this.#wake(`${kind}/${namespace}/${name}`, urgency);
    });
  }

  #wakeAll(urgency: Urgency): void {
    for (const kind of kindNames) this.#wakeKind(kind, urgency);
  }

  /** Those of a kind whose registry that is. */
  #wakeOn(handle: RegistryHandle, kind: Kind, urgency: Urgency = 'change'): void {
    if (handle.name === '') {
      this.#wakeKind(kind, urgency);
      return;
    }
    if (kind === 'Client') {
      this.#reviews.ask(urgency, handle);
      return;
    }
    if (kind === 'AuthorizationServer') this.#wake(`${kind}/${handle.name}`, urgency);
    for (const dependent of this.#references.moved(`registry/${handle.name}`))
      if (dependent.startsWith(`${kind}/`)) this.#wake(dependent, urgency);
  }

  #wakeAllOn(handle: RegistryHandle, urgency: Urgency): void {
    for (const kind of kindNames) this.#wakeOn(handle, kind, urgency);
    // Their back-off ends: this may be what they wait for.
    this.#wakeDependents(anyDatabase);
  }

  /** To whom a Scope is open stands in no registration: those that list it look again. */
  async #wakeByScope(namespace: string, name: string): Promise<void> {
    const scope = await this.#options.source.get('Scope', namespace, name);
    if (scope?.spec === undefined) return;
    const id = scopeNameOf({ name, spec: scope.spec });
    for (const handle of this.#options.registries.registries()) this.#wakeDependents(handle.reference('scope', id));
  }

  /** Whoever changed a row, we did or somebody in SQL: what it belongs to is made so again. */
  #wakeByRegistry(handle: RegistryHandle, changed: Changed): void {
    if (changed === 'all') {
      this.#wakeAllOn(handle, 'resync');
      return;
    }
    for (const row of changed) {
      const known = this.#wakeDependents(handle.reference(row.kind, row.id));
      if (!known) this.#options.registries.lookAtStray(handle, row);
    }
  }

  #wakeByReports(
    handle: RegistryHandle,
    pending: readonly string[],
    before: readonly LiveReport[],
    after: readonly LiveReport[],
  ): void {
    for (const dependent of pending) this.#wake(dependent);
    const [old, now] = [before, after].map((reports) => reports.filter(({ live }) => live));
    const differ = (view: (report: LiveReport) => unknown) => !isDeepStrictEqual(old?.map(view), now?.map(view));
    if (differ(({ replica, keys, untrustedProxy }) => [replica, keys, untrustedProxy]))
      this.#wakeOn(handle, 'AuthorizationServer');
    if (differ(({ replica, directories }) => [replica, directories])) this.#wakeOn(handle, 'LdapBinding');
    for (const { kind, id } of now?.flatMap(({ rejected }) => rejected) ?? [])
      if (!old?.some(({ rejected }) => rejected.some((one) => one.kind === kind && one.id === id)))
        this.#wakeDependents(handle.reference(kind, id));
  }
}

function isResourceKind(kind: string): kind is Kind {
  return kindNames.some((name) => name === kind);
}
