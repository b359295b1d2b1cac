/** The operator on a test cluster inside of this process: quicker than a process of its own, with times that tests choose. */

import packageOfOperator from '../../operator/package.json' with { type: 'json' };
import { type Cluster, type ClusterSeams, startCluster } from '../../operator/src/cluster.ts';
import { createLog } from '../../operator/src/standalone.ts';
import type { Scene } from './cluster-scene.ts';
import type { Endpoint } from './kube-files.ts';
import { until } from './product.ts';

export interface HereOptions
  extends Pick<ClusterSeams, 'reflectors' | 'orphans' | 'clusterKeysEvery' | 'now' | 'rotation' | 'steadyNow'> {
  /** Of pods that the operator makes; left out: it makes none. */
  readonly serverImage?: string;
  readonly defaultServerConfigMap?: string;
  /** Default: those of the scene, without the operator's own. */
  readonly watchNamespaces?: readonly string[];
  /** In front of the API server. */
  readonly proxy?: Endpoint;
}

type Failure = Parameters<NonNullable<ClusterSeams['onFailure']>>[0];
type WatchProblem = Parameters<NonNullable<ClusterSeams['onWatchProblem']>>[0];

export class OperatorHere {
  /** Passes that failed. */
  readonly failures: Failure[] = [];
  /** Lists and watches that failed. */
  readonly problems: WatchProblem[] = [];
  readonly log: string[] = [];
  /** Why it wants to end. */
  ended: string | undefined;
  #cluster: Cluster | undefined;

  /** Resolves when it leads and knows everything. */
  static async start(
    scene: Scene,
    { proxy, serverImage, defaultServerConfigMap, watchNamespaces, ...times }: HereOptions = {},
  ): Promise<OperatorHere> {
    const here = new OperatorHere();
    const options = {
      kubeconfig: await scene.kubeconfig(proxy),
      namespace: scene.namespaces.system,
      watchNamespaces: watchNamespaces ?? scene.watchNamespaces,
      watchSecrets: true,
      serverImage,
      serverImagePullPolicy: 'IfNotPresent' as const,
      serverImagePullSecrets: [],
      tracingCidrs: [],
      defaultServerConfigMap,
      workers: 10,
      management: { host: '127.0.0.1', port: 0 },
      // As the process says of itself.
      version: packageOfOperator.version,
      onEnd: (reason: string) => {
        here.ended = reason;
      },
    };
    const destination = { write: (line: string) => void here.log.push(line) };
    here.#cluster = await startCluster({
      ...options,
      log: createLog({ level: 'info', format: 'json', service: 'test', version: '0', destination }),
      seams: {
        ...times,
        onFailure: (failure) => void here.failures.push(failure),
        onWatchProblem: (problem) => void here.problems.push(problem),
      },
    });
    const works = () => here.log.some((line) => line.includes('everything is listed'));
    await until(
      () => `the operator works:\n${here.log.join('')}`,
      async () => works(),
    );
    return here;
  }

  /** Resolves when nothing is worked on, and nothing waits for that: whatever it found to be done is done. */
  async idle(limit = 120_000): Promise<void> {
    const url = `${this.#cluster?.managementUrl}/metrics`;
    const sum = (text: string, name: string) =>
      [...text.matchAll(new RegExp(`^${name}\\{.*\\} (\\d+)$`, 'gm'))].reduce((all, [, one]) => all + Number(one), 0);
    let passes = -1;
    await until(
      'nothing is worked on',
      async () => {
        // A kept connection may be closed at the very moment, where everything stood still for a while.
        const text = await (await fetch(url, { headers: { connection: 'close' } })).text();
        const before = passes;
        passes = sum(text, 'controller_runtime_reconcile_total');
        // What is read one after the other may miss what went from one to the other; a pass that has ended in between tells.
        const isIdle = sum(text, 'workqueue_depth') + sum(text, 'controller_runtime_active_workers') === 0;
        return isIdle && passes > 0 && passes === before;
      },
      limit,
    );
  }

  async stop(): Promise<void> {
    const cluster = this.#cluster;
    this.#cluster = undefined;
    await cluster?.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
