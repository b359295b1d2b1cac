/**
 * Stands in for what a test cluster has not: controllers of workloads, a scheduler and a kubelet. Nothing runs as a pod
 * there; what they would report is written into status, and what a Job would do is done here.
 */
import { migrate, openDatabase } from '@nauthera/server/registry';
import type { AnyObject, TestCluster } from './kube-cluster.ts';
import { until } from './product.ts';

const now = () => `${new Date().toISOString().slice(0, 19)}Z`;

/** A scene is one. */
export interface StandInPlace {
  readonly cluster: TestCluster;
  readonly namespaces: { readonly auth: string };
  readonly databaseUrl: string;
}

export class StandIn {
  readonly #cluster: TestCluster;
  readonly #namespace: string;
  /** Of servers that a case names no other for. */
  readonly #databaseUrl: string;

  constructor({ cluster, namespaces, databaseUrl }: StandInPlace) {
    this.#cluster = cluster;
    this.#namespace = namespaces.auth;
    this.#databaseUrl = databaseUrl;
  }

  path(group: string, plural: string, name?: string): string {
    const root = group === '' ? '/api/v1' : `/apis/${group}`;
    return `${root}/namespaces/${this.#namespace}/${plural}${name === undefined ? '' : `/${name}`}`;
  }

  async get(group: string, plural: string, name: string): Promise<AnyObject | undefined> {
    const { status, body } = await this.#cluster.request('GET', this.path(group, plural, name));
    return status === 200 ? body : undefined;
  }

  async list(group: string, plural: string): Promise<readonly AnyObject[]> {
    return (await this.#cluster.call('GET', this.path(group, plural))).items as AnyObject[];
  }

  deployment(name = 'main-server'): Promise<AnyObject | undefined> {
    return this.get('apps/v1', 'deployments', name);
  }

  /** Merge patch, as somebody with kubectl. */
  edit(group: string, plural: string, name: string, body: AnyObject): Promise<AnyObject> {
    return this.#cluster.call('PATCH', this.path(group, plural, name), {
      body,
      contentType: 'application/merge-patch+json',
    });
  }

  #status(group: string, plural: string, name: string, status: AnyObject): Promise<AnyObject> {
    return this.edit(group, plural, `${name}/status`, { status });
  }

  /** Jobs of a server that have not ended. */
  async jobs(server = 'main'): Promise<readonly AnyObject[]> {
    const all = await this.list('batch/v1', 'jobs');
    return all.filter(
      ({ metadata, status }) =>
        metadata.name.startsWith(`${server}-migrate-`) &&
        !(status?.conditions ?? []).some(({ type }: AnyObject) => type === 'Complete' || type === 'Failed'),
    );
  }

  untilJob(server = 'main', except: readonly string[] = []): Promise<AnyObject> {
    return until(`there is a Job of ${server}`, async () =>
      (await this.jobs(server)).find(({ metadata }) => !except.includes(metadata.name)),
    );
  }

  /** What the container of a migration does, and what is said about it afterwards. */
  async runJob(job: AnyObject, databaseUrl = this.#databaseUrl): Promise<void> {
    const database = await openDatabase(databaseUrl, { max: 2, onProblem: () => undefined });
    try {
      await migrate(database);
    } finally {
      await database.close();
    }
    const time = now();
    await this.#status('batch/v1', 'jobs', job.metadata.name, {
      startTime: time,
      completionTime: time,
      succeeded: 1,
      conditions: [
        { type: 'SuccessCriteriaMet', status: 'True', lastTransitionTime: time, lastProbeTime: time },
        { type: 'Complete', status: 'True', lastTransitionTime: time, lastProbeTime: time },
      ],
    });
  }

  async failJob(job: AnyObject, log: string): Promise<void> {
    const terminated = { exitCode: 1, reason: 'Error', message: log, startedAt: now(), finishedAt: now() };
    await this.pod(
      `${job.metadata.name}-${job.metadata.uid.slice(0, 5)}`,
      { ...job.spec.template.metadata.labels, 'batch.kubernetes.io/job-name': job.metadata.name },
      {
        phase: 'Failed',
        containerStatuses: [this.#container('migration', { terminated })],
      },
      job,
    );
    const time = now();
    await this.#status('batch/v1', 'jobs', job.metadata.name, {
      startTime: time,
      failed: 1,
      conditions: [
        { type: 'FailureTarget', status: 'True', lastTransitionTime: time, lastProbeTime: time },
        {
          type: 'Failed',
          status: 'True',
          reason: 'BackoffLimitExceeded',
          lastTransitionTime: time,
          lastProbeTime: time,
        },
      ],
    });
  }

  /** A pod with a container that waits for that reason. */
  waitingPod(name: string, labels: AnyObject, reason: string, message: string): Promise<void> {
    return this.pod(name, labels, {
      phase: 'Pending',
      containerStatuses: [this.#container('server', { waiting: { reason, message } })],
    });
  }

  async pod(name: string, labels: AnyObject, status: AnyObject, owner?: AnyObject): Promise<void> {
    // As restricted Pod Security has it.
    const securityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
    const spec = {
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [{ name: 'server', image: 'none', securityContext }],
    };
    await this.#cluster.call('POST', this.path('', 'pods'), {
      body: { metadata: { name, labels, ...ownedBy(owner) }, spec },
    });
    await this.#status('', 'pods', name, status);
  }

  #container(name: string, state: AnyObject): AnyObject {
    return { name, state, image: 'none', imageID: '', ready: false, restartCount: 0, lastState: {} };
  }

  /** The Deployment has made its pods, and they are ready. */
  async rollOut(name = 'main-server'): Promise<AnyObject> {
    const deployment = await until(`there is Deployment ${name}`, () => this.deployment(name));
    const { replicas } = deployment.spec;
    return this.#report(name, deployment, {
      replicas,
      updatedReplicas: replicas,
      readyReplicas: replicas,
      availableReplicas: replicas,
      conditions: [progressing('True', 'NewReplicaSetAvailable')],
    });
  }

  /** It has begun, and no pod of the newest version runs yet. */
  async beginRollOut(
    name = 'main-server',
    conditions = [progressing('True', 'ReplicaSetUpdated')],
  ): Promise<AnyObject> {
    const deployment = await until(`there is Deployment ${name}`, () => this.deployment(name));
    const { replicas } = deployment.spec;
    return this.#report(name, deployment, {
      replicas: replicas + 1,
      updatedReplicas: 1,
      readyReplicas: replicas,
      availableReplicas: replicas,
      conditions,
    });
  }

  #report(name: string, { metadata }: AnyObject, status: AnyObject): Promise<AnyObject> {
    return this.#status('apps/v1', 'deployments', name, { ...status, observedGeneration: metadata.generation });
  }
}

/** Goes with it. */
function ownedBy(job: AnyObject | undefined): AnyObject {
  if (job === undefined) return {};
  const { name, uid } = job.metadata;
  return { ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name, uid, controller: true }] };
}

export function progressing(status: 'True' | 'False', reason: string): AnyObject {
  return { type: 'Progressing', status, reason, message: reason, lastUpdateTime: now(), lastTransitionTime: now() };
}
