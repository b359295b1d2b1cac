/** A process of the operator for a Kubernetes API: it waits for the Lease, then lists everything, then works. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '@nauthera/server/log';
import type { Stop } from '@nauthera/server/registry';
import type { Tracing } from '@nauthera/server/tracing';
import { type Operator, type OperatorOptions, spare, startOperator } from './app.ts';
import { tellEvents } from './cluster-events.ts';
import { type ClusterParts, openParts, silencesOf, startParts, stopParts } from './cluster-parts.ts';

import { ClusterVoice, sketch } from './cluster-voice.ts';
import type { RunSettings } from './config/run.ts';
import { MigrationSlots } from './controllers/authorization-server/deployment/migration-slots.ts';
import { Turns } from './controllers/authorization-server/deployment/turns.ts';
import type { OrphanTimes } from './controllers/orphans.ts';
import { ServerRegistries } from './controllers/server-registries.ts';
import type { EventSink } from './controllers/world.ts';
import { createMetrics, type OperatorMetrics } from './metrics.ts';
import { resourceFields } from './resource-fields.ts';
import type { KubernetesApi } from './runtime/kubernetes-api.ts';
import { createApi, type KubernetesConnection } from './runtime/kubernetes-client.ts';
import { createLeader, type Leader, type Leadership } from './runtime/leader.ts';
import type { ReflectorProblem, ReflectorTimes } from './runtime/reflector.ts';
import { hears, type Silences } from './runtime/silence.ts';
import type { KubernetesChildren } from './sources/children-kubernetes.ts';
import { type ClusterKeys, createClusterKeys } from './sources/cluster-keys.ts';
import type { KubernetesConfigMaps } from './sources/config-maps-kubernetes.ts';
import { DefaultServer } from './sources/default-server.ts';
import { sourceName } from './sources/kubernetes.ts';
import type { Change } from './sources/source.ts';
import { podTracing } from './tracing.ts';

export interface ClusterOptions extends Omit<RunSettings, 'logLevel' | 'logFormat'> {
  readonly version: string;
  /** Of the sources. Default `unknown`. */
  readonly revision?: string;
  /** Of the process: without `kubeconfig` it tells where the API server is. Default: empty. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** Left out: nothing is traced. Stopped by the caller, after this. */
  readonly tracing?: Tracing | undefined;
  /** This process must end, and be started again by whoever runs it; one line for people. Once. */
  onEnd(reason: string): void;
  readonly seams?: ClusterSeams;
}

/** What tests choose, so that what takes minutes can be tried in seconds. */
export interface ClusterSeams {
  readonly reflectors?: Partial<ReflectorTimes>;
  readonly orphans?: OrphanTimes;
  /** Milliseconds between two looks at the keys of the cluster. */
  readonly clusterKeysEvery?: number;
  /** When secrets are replaced and end. */
  readonly rotation?: OperatorOptions['rotation'];
  /** Epoch milliseconds: this process's own clock, which people can set. */
  readonly now?: () => number;
  /** Milliseconds: the clock that nobody sets, by which deletions wait for a database. */
  readonly steadyNow?: () => number;
  /** Each pass that failed. */
  onFailure?(failure: Parameters<OperatorOptions['onFailure']>[0]): void;
  /** Each list or watch that failed. */
  onWatchProblem?(problem: ReflectorProblem): void;
}

export class ClusterProcess {
  readonly metrics: OperatorMetrics;
  readonly #options: ClusterOptions;
  readonly #namespace: string;
  readonly #leader: Leader;
  readonly #api: KubernetesApi;
  readonly #voice: ClusterVoice;
  readonly #undo: Stop[] = [];
  #parts: ClusterParts | undefined;
  #operator: Operator | undefined;
  /** What moved since everything was listed, until the operator has started: its first passes may have looked before. */
  #early: Change[] | undefined;
  #defaultServer: DefaultServer | undefined;
  #working: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ClusterOptions, connection: KubernetesConnection) {
    this.#options = options;
    this.#voice = new ClusterVoice(options.log);
    this.#namespace = options.namespace ?? connection.namespace;
    const { version, revision = 'unknown' } = options;
    const leading = () => this.#leader.leading();
    const silences = () => this.#silences();
    this.metrics = createMetrics({ version, revision, apiServer: connection.host, leading, silences });
    const onRequest = this.metrics.requested;
    this.#leader = createLeader({
      api: createApi(connection, { onRequest }),
      namespace: this.#namespace,
      name: 'nauthera-operator',
      onLost: (reason) => this.#end(`the Lease is lost (${reason}): this process ends, another leads`),
      onProblem: (error) => this.#voice.warn('leader', 'the Lease cannot be had or kept', error),
    });
    this.#api = createApi(connection, { mayWrite: leading, onRequest });
  }

  start(): void {
    this.#working = this.#work().catch((error: unknown) => {
      this.#options.log.error('the operator cannot start', sketch(error));
      this.#end('the operator cannot start: see the line before');
    });
  }

  /**
   * A process that waits for the Lease is ready: it is there to take over. One that leads is, once everything is listed and
   * as long as the watches tell something.
   */
  hears(): boolean {
    return hears(this.#silences());
  }

  /** Milliseconds by kind; none while this process waits for the Lease. */
  #silences(): Silences {
    return this.#parts === undefined ? {} : silencesOf(this.#parts);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    // One that only waits for the Lease hears at once that it need not.
    if (!this.#leader.leading()) await this.#leader.stop();
    await Promise.race([this.#working, sleep(2_000, undefined, { ref: false })]);
    for (const undo of this.#undo.splice(0).reverse()) await undo().catch(() => undefined);
    await this.#leader.stop();
  }

  #end(reason: string): void {
    if (!this.#stopped) this.#options.onEnd(reason);
  }

  async #work(): Promise<void> {
    const { log, version, seams, serverImage, workers } = this.#options;
    log.info('waiting for the Lease', { 'nauthera.id': `${this.#namespace}/nauthera-operator` });
    const leadership = await this.#leader.acquire();
    if (leadership === undefined) return;
    log.info('leading');
    const name = await this.#sourceName();
    const events = this.#events();
    const { source, secrets, configMaps, children } = await this.#sources(name);
    const clusterKeys = await this.#clusterKeys();
    if (this.#stopped) return;
    this.#early = [];
    const registries = new ServerRegistries({
      source,
      secrets,
      configMaps,
      fence: { source: name, ...fenceOf(leadership) },
      events,
      onWrite: this.metrics.writes.registry,
      // Where pods are made, a Job makes the tables, and nobody else.
      migrations: children === undefined ? 'run' : 'wait',
      ...(seams?.orphans === undefined ? {} : { orphans: seams.orphans }),
      onProblem: (server, problem) =>
        log
          .named('database')
          .warn('database', { ...resourceFields('AuthorizationServer', server), 'error.detail': problem }),
      onProgress: (server, line) =>
        log
          .named('database')
          .info('database', { ...resourceFields('AuthorizationServer', server), 'error.detail': line }),
    });
    this.#operator = await startOperator({
      source,
      secrets,
      configMaps,
      registries,
      events,
      clusterKeys,
      defaultServerNamespace: this.#namespace,
      ...(seams?.now === undefined ? {} : { now: seams.now }),
      ...(seams?.steadyNow === undefined ? {} : { steadyNow: seams.steadyNow }),
      issuerOf: ({ namespace, name: server, spec }) => ({
        issuer: spec.issuer ?? `https://${server}.${namespace}.svc`,
      }),
      program: `${version} ${this.#options.revision ?? 'unknown'}`,
      deployment: { reason: 'Deployed', version, database: 'secretRef' },
      rotation: this.#options.seams?.rotation,
      secretCounts: this.metrics.secretCounts,
      resourceCounts: this.metrics.resourceCounts,
      meter: this.metrics.meter,
      ...(children === undefined || serverImage === undefined ? {} : { pods: this.#pods(children, serverImage) }),
      tracing: this.#options.tracing,
      onTransition: (...transition) => this.#voice.transition(events, ...transition),
      onFailure: (failure) => {
        seams?.onFailure?.(failure);
        this.#voice.failure(failure);
      },
      onReviewed: (clients, differ) =>
        log
          .named('operator')
          .info(`${clients - differ} of ${clients} Clients are as they were, ${differ} are looked at`),
      onFenced: () => this.#end('a newer leader has written to a database: this process ends'),
      workers: workers + spare,
    });
    this.#undo.push(() => this.#operator?.stop() ?? Promise.resolve());
    for (const change of this.#early) this.#operator.noteChange(change);
    this.#early = undefined;
    this.#applyDefaultServer(configMaps);
    log.info('working');
  }

  #applyDefaultServer(configMaps: KubernetesConfigMaps): void {
    const { defaultServerConfigMap: name, log } = this.#options;
    if (name === undefined) return;
    const namespace = this.#namespace;
    const defaultServer = new DefaultServer({
      api: this.#api,
      configMaps,
      namespace,
      name,
      onApplied: (server) =>
        log.named('default-server').info('applied', resourceFields('AuthorizationServer', `${namespace}/${server}`)),
      onProblem: (problem) =>
        log.named('default-server').warn('the default server cannot be applied', { 'error.detail': problem }),
    });
    this.#defaultServer = defaultServer;
    this.#undo.push(() => defaultServer.stop());
    defaultServer.wake();
  }

  /** The API server may be away just now. */
  async #sourceName(): Promise<string> {
    for (let delay = 1_000; ; delay = Math.min(delay * 2, 30_000)) {
      try {
        return await sourceName(this.#api);
      } catch (error) {
        if (this.#stopped) throw error;
        this.#voice.warn('main', 'the namespace kube-system cannot be read', error);
        await sleep(delay);
      }
    }
  }

  async #sources(name: string): Promise<ClusterParts> {
    const { log, seams } = this.#options;
    const parts = openParts({
      ...this.#options,
      api: this.#api,
      name,
      ...(seams?.reflectors === undefined ? {} : { times: seams.reflectors }),
      onProblem: (problem) => this.#noteProblem(problem),
      onWrite: (kind, what) => this.metrics.writes[what](kind),
      onChange: (change) => this.#noteChange(change),
      onChildren: (namespace, server) => this.#operator?.noteChildren(namespace, server),
    });
    this.#parts = parts;
    this.#undo.push(() => stopParts(parts));
    await startParts(parts);
    log.info('everything is listed');
    return parts;
  }

  #noteProblem(problem: ReflectorProblem): void {
    const { log, seams } = this.#options;
    seams?.onWatchProblem?.(problem);
    if (problem.during !== 'handler') this.metrics.watchRestarted(problem);
    const { path, reason, error } = problem;
    if (reason === 'expired') log.named('watch').debug('a watch begins anew', { 'nauthera.url': path });
    else this.#voice.warn('watch', 'a watch begins anew', error, { 'nauthera.url': path, 'error.type': reason });
  }

  async #clusterKeys(): Promise<ClusterKeys> {
    const { log, seams } = this.#options;
    const keys = createClusterKeys({
      api: this.#api,
      onProblem: (problem) => log.named('keys').warn('the keys of the cluster', { 'error.detail': problem }),
      ...(seams?.clusterKeysEvery === undefined ? {} : { every: seams.clusterKeysEvery }),
    });
    this.#undo.push(() => keys.stop());
    await keys.start();
    return keys;
  }

  #pods(children: KubernetesChildren, image: string): NonNullable<OperatorOptions['pods']> {
    const { steadyNow = () => performance.now() } = this.#options.seams ?? {};
    const { serverImagePullPolicy: pullPolicy, serverImagePullSecrets: pullSecrets } = this.#options;
    return {
      children,
      settings: {
        image,
        pullPolicy,
        pullSecrets,
        tracing: podTracing(this.#options.environment ?? {}, this.#options.tracingCidrs),
      },
      turns: new Turns(steadyNow),
      slots: new MigrationSlots(steadyNow),
    };
  }

  #noteChange(change: Change): void {
    const { kind, namespace, name } = change;
    if (kind === 'ConfigMap' && namespace === this.#namespace && name === this.#options.defaultServerConfigMap)
      this.#defaultServer?.wake();
    if (this.#operator === undefined) this.#early?.push(change);
    else this.#operator.noteChange(change);
  }

  #events(): EventSink {
    const told = tellEvents({
      api: this.#api,
      log: this.#options.log,
      voice: this.#voice,
      onRepaired: (object) => this.metrics.repaired(object),
    });
    this.#undo.push(() => told.stop());
    return told;
  }
}

function fenceOf({ leaseCreated, leaseTransitions }: Leadership): Leadership {
  return { leaseCreated, leaseTransitions };
}
