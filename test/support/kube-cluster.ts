/**
 * A Kubernetes API for one test file: etcd, kube-apiserver with RBAC and an audit log, kube-controller-manager (garbage
 * collection, deletion of namespaces, ServiceAccounts). No nodes, no pods. On free ports of loopback, with data of its own;
 * nothing of it outlives the process that started it.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Agent, request as send } from 'undici';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { type AuditEvent, AuditLog } from './kube-audit.ts';
import type { KubePrograms } from './kube-binaries.ts';
import { apiServerArgs, controllerManagerArgs, etcdArgs, isOk, type Made, makeFiles } from './kube-control-plane.ts';
import { type Endpoint, kubeconfigText, type ServiceAccountKey, writeServiceAccountKey } from './kube-files.ts';
import { type Guardian, Program } from './kube-process.ts';

const crdFolder = join(dirname(fileURLToPath(import.meta.url)), '../../crds');

export interface ClusterOptions {
  /** Installs `crds/*.yaml` and waits until they are served. Default true. */
  readonly crds?: boolean;
  /** Default `https://kubernetes.default.svc.cluster.local`. */
  readonly serviceAccountIssuer?: string;
  /** Further arguments of kube-apiserver. */
  readonly apiServerArgs?: readonly string[];
}

export interface KubectlOptions {
  /** Given to standard input. */
  readonly stdin?: string;
  /** Impersonates this user, e.g. `jane` or `system:serviceaccount:shop:deployer`, with exactly its rights. */
  readonly as?: string;
  /** A path; default: the administrator's. */
  readonly kubeconfig?: string;
  /** Default namespace of the command. */
  readonly namespace?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Milliseconds; default 300,000. */
  readonly timeout?: number;
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Loose on purpose: tests look into objects of any kind. */
// oxlint-disable-next-line no-explicit-any
export type AnyObject = Record<string, any>;

export interface ApiAnswer {
  readonly status: number;
  readonly body: AnyObject;
}

export interface ApiCall {
  /** An object: JSON; a string: as it is. */
  readonly body?: AnyObject | string;
  readonly contentType?: string;
  /** Default: the administrator's. */
  readonly token?: string;
}

export interface TokenOptions {
  /** Default: the API server itself. */
  readonly audiences?: readonly string[];
  /** Seconds, 600 at least; default 3600. */
  readonly expirationSeconds?: number;
}

export class TestCluster implements Endpoint {
  readonly caPem: string;
  readonly port: number;
  readonly serviceAccountIssuer: string;
  /** Data, logs, kubeconfigs; removed by {@link stop}. */
  readonly folder: string;
  /** The path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  readonly adminToken: string;
  readonly etcd: Program;
  readonly apiServer: Program;
  readonly controllerManager: Program;
  readonly #programs: KubePrograms;
  readonly #guardian: Guardian;
  readonly #agent: Agent;
  readonly #etcdUrl: string;
  readonly #audit: AuditLog;
  /** The first one signs. */
  #keys: readonly ServiceAccountKey[];

  private constructor(made: Made, options: ClusterOptions) {
    const { folder, ports, programs, guardian, caPem } = made;
    this.folder = folder;
    this.caPem = caPem;
    this.port = ports.api;
    this.adminToken = made.adminToken;
    this.kubeconfig = join(folder, 'admin.kubeconfig');
    this.serviceAccountIssuer = options.serviceAccountIssuer ?? 'https://kubernetes.default.svc.cluster.local';
    this.#programs = programs;
    this.#guardian = guardian;
    this.#keys = [made.key];
    this.#audit = new AuditLog(join(folder, 'audit.log'));
    this.#agent = new Agent({ connect: { ca: caPem }, connections: 20 });
    this.#etcdUrl = `http://127.0.0.1:${ports.etcd}`;
    const common = { folder, guardian };
    this.etcd = new Program({
      ...common,
      name: 'etcd',
      program: programs.etcd,
      args: () => etcdArgs(folder, ports),
      isReady: () => isOk(fetch(`${this.#etcdUrl}/health`).then((answer) => answer.status)),
    });
    this.apiServer = new Program({
      ...common,
      name: 'kube-apiserver',
      program: programs.apiServer,
      args: () => [
        ...apiServerArgs(folder, ports, this.#keys, this.serviceAccountIssuer),
        ...(options.apiServerArgs ?? []),
      ],
      isReady: () => isOk(this.request('GET', '/readyz').then(({ status }) => status)),
    });
    this.controllerManager = new Program({
      ...common,
      name: 'kube-controller-manager',
      program: programs.controllerManager,
      args: () => controllerManagerArgs(folder),
      // A namespace gets its ServiceAccount from it.
      isReady: () =>
        isOk(this.request('GET', '/api/v1/namespaces/default/serviceaccounts/default').then(({ status }) => status)),
    });
  }

  static async start(options: ClusterOptions = {}): Promise<TestCluster> {
    const made = await makeFiles();
    const cluster = new TestCluster(made, options);
    try {
      await writeFile(cluster.kubeconfig, kubeconfigText(cluster, made.adminToken), { mode: 0o600 });
      const manager = join(made.folder, 'controller-manager.kubeconfig');
      await writeFile(manager, kubeconfigText(cluster, made.controllerManagerToken), { mode: 0o600 });
      await cluster.etcd.start();
      await cluster.apiServer.start();
      // First: the garbage collector looks for new kinds only every half minute.
      if (options.crds !== false) await cluster.installCrds();
      await cluster.controllerManager.start();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  get server(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  get programs(): KubePrograms {
    return this.#programs;
  }

  // ---- kubectl and the API ----

  /** Never throws for a failed command: look at `code`. */
  kubectl(args: readonly string[], options: KubectlOptions = {}): Promise<CommandResult> {
    const more = [
      ...(options.as === undefined ? [] : [`--as=${options.as}`]),
      ...(options.namespace === undefined ? [] : [`--namespace=${options.namespace}`]),
    ];
    // Of this process's environment only what finds programs: no kubeconfig, proxy or preference of a developer's.
    const env = {
      PATH: `${dirname(this.#programs.kubectl)}:${process.env.PATH ?? ''}`,
      HOME: this.folder,
      KUBECONFIG: options.kubeconfig ?? this.kubeconfig,
      ...options.env,
    };
    return new Promise((resolve) => {
      const child = execFile(
        this.#programs.kubectl,
        [...more, ...args],
        { env, cwd: options.cwd, timeout: options.timeout ?? 300_000, maxBuffer: 64 * 1024 * 1024 },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
          resolve({ code, stdout, stderr: error?.killed === true ? `${stderr}killed after its timeout\n` : stderr });
        },
      );
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(options.stdin ?? '');
    });
  }

  /** `kubectl apply` of YAML text or objects; its output. Throws what kubectl said when it failed. */
  async apply(resources: string | AnyObject | readonly AnyObject[], options: KubectlOptions = {}): Promise<string> {
    const result = await this.kubectl(['apply', '-f', '-'], { ...options, stdin: yamlOf(resources) });
    if (result.code !== 0) throw new Error(`kubectl apply: ${result.stderr}${result.stdout}`);
    return result.stdout;
  }

  /**
   * One call of the API over kept connections: much cheaper than kubectl. Any status is an answer, but 429: an API
   * server that has just started, or lost its watch of etcd, asks for patience, and every client has it.
   */
  async request(method: string, path: string, call: ApiCall = {}): Promise<ApiAnswer> {
    for (const deadline = Date.now() + 60_000; ; await sleep(500)) {
      const answer = await this.#requestOnce(method, path, call);
      if (answer.status !== 429 || Date.now() > deadline) return answer;
    }
  }

  async #requestOnce(method: string, path: string, call: ApiCall): Promise<ApiAnswer> {
    const { body, contentType = 'application/json', token = this.adminToken } = call;
    const answer = await send(`${this.server}${path}`, {
      method: method as 'GET',
      dispatcher: this.#agent,
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json, */*',
        ...(body === undefined ? {} : { 'content-type': contentType }),
      },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await answer.body.text();
    const isJson = (answer.headers['content-type'] ?? '').includes('json');
    return { status: answer.statusCode, body: isJson ? (JSON.parse(text) as AnyObject) : { text } };
  }

  /** {@link request} that throws for any status but 2xx; the body. */
  async call(method: string, path: string, call: ApiCall = {}): Promise<AnyObject> {
    const { status, body } = await this.request(method, path, call);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${String(body.message ?? body.text)}`);
    return body;
  }

  /** A new namespace with a name of its own, e.g. `shop-3f9a2c`. */
  async namespace(prefix = 'test', labels: Readonly<Record<string, string>> = {}): Promise<string> {
    const name = `${prefix}-${randomBytes(3).toString('hex')}`;
    await this.call('POST', '/api/v1/namespaces', {
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } },
    });
    return name;
  }

  /** Deletes it and resolves when it is gone. */
  async deleteNamespace(name: string, timeout = 300_000): Promise<void> {
    await this.call('DELETE', `/api/v1/namespaces/${name}`);
    for (const deadline = Date.now() + timeout; ; await sleep(100)) {
      const { status, body } = await this.request('GET', `/api/v1/namespaces/${name}`);
      if (status === 404) return;
      if (Date.now() > deadline) throw new Error(`namespace ${name} does not go: ${JSON.stringify(body.status)}`);
    }
  }

  // ---- ServiceAccounts ----

  /** Makes the ServiceAccount if it is missing, and asks for a token of it. */
  async serviceAccountToken(namespace: string, name: string, options: TokenOptions = {}): Promise<string> {
    const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    const { status, body } = await this.request('POST', accounts, { body: { metadata: { name } } });
    if (status !== 201 && status !== 409) throw new Error(`ServiceAccount ${name}: ${status} ${String(body.message)}`);
    const { audiences, expirationSeconds = 3600 } = options;
    const made = await this.call('POST', `${accounts}/${name}/token`, {
      body: { spec: { expirationSeconds, ...(audiences === undefined ? {} : { audiences }) } },
    });
    return String(made.status.token);
  }

  /**
   * The path of a kubeconfig of that ServiceAccount, made if it is missing: whoever uses it has exactly the rights that
   * Roles grant. `endpoint`: a proxy in front; default: the API server.
   */
  async serviceAccountKubeconfig(namespace: string, name: string, endpoint: Endpoint = this): Promise<string> {
    const token = await this.serviceAccountToken(namespace, name);
    return this.writeKubeconfig(endpoint, token, namespace);
  }

  async writeKubeconfig(endpoint: Endpoint, token: string, namespace?: string): Promise<string> {
    const path = join(this.folder, `${randomBytes(6).toString('hex')}.kubeconfig`);
    await writeFile(path, kubeconfigText(endpoint, token, namespace), { mode: 0o600 });
    return path;
  }

  /**
   * New tokens are signed with a new key from now on. `keepOld` (default true): tokens of the older keys stay valid.
   * Restarts the API server.
   */
  async rotateServiceAccountKeys({ keepOld = true }: { readonly keepOld?: boolean } = {}): Promise<void> {
    const key = await writeServiceAccountKey(this.folder, `service-account-${randomBytes(4).toString('hex')}`);
    this.#keys = [key, ...(keepOld ? this.#keys : [])];
    await this.killApiServer();
    await this.startApiServer();
  }

  // ---- audit ----

  /**
   * Everything that was answered so far, in the order of the answers. What came after a moment:
   * `events.slice(before.length)`.
   */
  async auditEvents(): Promise<readonly AuditEvent[]> {
    const mark = randomBytes(8).toString('hex');
    // The log is written in the order of the answers: what stands before our mark is complete.
    await this.request('GET', `/livez?mark=${mark}`);
    for (const deadline = Date.now() + 120_000; ; await sleep(10)) {
      const events = await this.#audit.read();
      if (events.some(({ uri }) => uri.endsWith(mark))) return events.filter(({ uri }) => !uri.startsWith('/livez?'));
      if (Date.now() > deadline) throw new Error('the audit log of the API server does not arrive');
    }
  }

  // ---- life ----

  /** Installs `crds/*.yaml`; resolves when they are served. */
  async installCrds(): Promise<void> {
    const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const files = (await readdir(crdFolder)).filter((name) => name.endsWith('.yaml'));
    const made = await Promise.all(
      files.map(async (file) =>
        this.call('POST', path, { body: parse(await readFile(join(crdFolder, file), 'utf8')) as AnyObject }),
      ),
    );
    for (const { metadata, spec } of made) {
      const resource = `/apis/${spec.group}/${spec.versions[0].name}/${spec.names.plural}`;
      for (const deadline = Date.now() + 120_000; (await this.request('GET', resource)).status !== 200; await sleep(25))
        if (Date.now() > deadline) throw new Error(`${metadata.name} is not served after two minutes`);
    }
  }

  /** SIGKILL; connections end. */
  killApiServer(): Promise<void> {
    return this.apiServer.kill();
  }

  /** On the same port, with the same data; resolves when it is ready. */
  startApiServer(): Promise<void> {
    return this.apiServer.start();
  }

  killEtcd(): Promise<void> {
    return this.etcd.kill();
  }

  /** With the same data; resolves when the API server is ready again. */
  async startEtcd(): Promise<void> {
    await this.etcd.start();
    for (const deadline = Date.now() + 120_000; ; await sleep(50)) {
      if (await isOk(this.request('GET', '/readyz').then(({ status }) => status))) return;
      if (Date.now() > deadline) throw new Error('the API server does not find its store again');
    }
  }

  /**
   * Everything that was before this moment is forgotten in etcd. What the API server remembers of it goes with
   * {@link killApiServer}.
   */
  async compactEtcd(): Promise<void> {
    const ask = async (path: string, body: object) => {
      const answer = await fetch(`${this.#etcdUrl}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body) });
      if (!answer.ok) throw new Error(`etcd ${path}: ${answer.status} ${await answer.text()}`);
      return (await answer.json()) as AnyObject;
    };
    const { header } = await ask('range', { key: Buffer.from('/').toString('base64') });
    await ask('compaction', { revision: header.revision, physical: true });
  }

  /** Ends everything and removes the data. */
  async stop(): Promise<void> {
    await Promise.all([this.controllerManager.kill(), this.apiServer.kill(), this.etcd.kill()]);
    await this.#agent.destroy();
    await this.#guardian.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

export const startCluster = (options?: ClusterOptions): Promise<TestCluster> => TestCluster.start(options);

/** One YAML text of one or several resources. */
export function yamlOf(resources: string | AnyObject | readonly AnyObject[]): string {
  if (typeof resources === 'string') return resources;
  return (Array.isArray(resources) ? resources : [resources]).map((one) => stringify(one)).join('---\n');
}

export function objectsOf(yaml: string): readonly AnyObject[] {
  return parseAllDocuments(yaml).map((document) => document.toJS() as AnyObject);
}
