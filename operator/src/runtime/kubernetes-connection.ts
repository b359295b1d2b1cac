/**
 * Which API server, and who this process is to it. In a pod: the ServiceAccount's files, read by ourselves. Elsewhere a
 * kubeconfig, read by `@kubernetes/client-node`, which is loaded only then: importing it loads a class for every kind of
 * the API, some 50 MiB and 0.8 s that a pod never needs.
 */
import { createHash } from 'node:crypto';
import { accessSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { isIPv6 } from 'node:net';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Agent } from 'undici';
import { ApiUnavailable } from './kubernetes-api.ts';

export interface ConnectOptions {
  /**
   * Path of a kubeconfig. Default, all found by {@link environment}: KUBECONFIG, else the pod's ServiceAccount, else
   * `~/.kube/config`.
   */
  readonly kubeconfig?: string | undefined;
  /** A context of the kubeconfig. Default: its current one. */
  readonly context?: string | undefined;
  /** For the User-Agent. */
  readonly version?: string | undefined;
  /** Of the process. Default: empty. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Where a pod finds `token`, `ca.crt` and `namespace`. */
  readonly serviceAccountFolder?: string;
}

export interface KubernetesConnection {
  /** For a log: scheme, host and port. */
  readonly host: string;
  /** Where this process lives: the pod's namespace, or the context's, or `default`. */
  readonly namespace: string;
  /** Of the API server's URL; empty unless it has a path. */
  readonly basePath: string;
  readonly userAgent: string;
  /**
   * What one request needs, read anew: tokens, certificates and the CA rotate.
   * @throws ApiUnavailable they cannot be read at the moment
   */
  open(): Promise<{ readonly agent: Agent; readonly headers: Readonly<Record<string, string>> }>;
  /** Ends every request and watch under way. */
  close(): Promise<void>;
}

interface Tls {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
}

interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: Tls;
}

interface Configuration {
  readonly server: string;
  readonly namespace: string;
  read(): Promise<Credentials>;
}

/** @throws Error in a line for the user: there is no configuration, or it cannot be used safely. */
export async function connect(options: ConnectOptions = {}): Promise<KubernetesConnection> {
  const configuration = await configure(options);
  const server = serverUrl(configuration.server);
  const agents = new Agents();
  return {
    host: server.origin,
    namespace: configuration.namespace,
    basePath: server.pathname.replace(/\/+$/, ''),
    userAgent: `nauthera-operator${options.version === undefined ? '' : `/${options.version}`}`,
    async open() {
      const { headers, tls } = await readCredentials(configuration);
      return { agent: agents.for(tls), headers };
    },
    close: () => agents.close(),
  };
}

async function configure(options: ConnectOptions): Promise<Configuration> {
  const environment = options.environment ?? {};
  const given = options.kubeconfig === undefined ? environment['KUBECONFIG']?.split(delimiter) : [options.kubeconfig];
  const paths = (given ?? []).filter((path) => path !== '');
  if (paths.length > 0) return fromKubeconfig(paths, options.context);
  const folder = options.serviceAccountFolder ?? '/var/run/secrets/kubernetes.io/serviceaccount';
  const host = environment['KUBERNETES_SERVICE_HOST'] ?? '';
  if (host !== '' && isThere(join(folder, 'token'))) {
    return fromServiceAccount(folder, host, environment['KUBERNETES_SERVICE_PORT'] ?? '443');
  }
  const own = join(environment['HOME'] ?? homedir(), '.kube', 'config');
  if (isThere(own)) return fromKubeconfig([own], options.context);
  throw new Error(
    'No Kubernetes configuration: give --kubeconfig or KUBECONFIG, put one at ~/.kube/config, or run in a pod with a ServiceAccount',
  );
}

async function fromServiceAccount(folder: string, host: string, port: string): Promise<Configuration> {
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    namespace: (await readFile(join(folder, 'namespace'), 'utf8').catch(() => '')).trim() || 'default',
    async read() {
      const [token, ca] = await Promise.all([
        readFile(join(folder, 'token'), 'utf8'),
        readFile(join(folder, 'ca.crt'), 'utf8'),
      ]);
      return { headers: { authorization: `Bearer ${token.trim()}` }, tls: { ca } };
    },
  };
}

function load(config: { loadFromFile(path: string): void }, path: string): void {
  try {
    config.loadFromFile(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ': it is no kubeconfig';
    throw new Error(`kubeconfig ${path} cannot be read${code}. Check --kubeconfig or KUBECONFIG`, { cause: error });
  }
}

async function fromKubeconfig(paths: readonly string[], context: string | undefined): Promise<Configuration> {
  const { KubeConfig } = await import('./kube-config.ts');
  const config = new KubeConfig();
  for (const [index, path] of paths.entries()) {
    const one = new KubeConfig();
    load(one, path);
    // As kubectl does, the first one says which context is the current one.
    config.mergeConfig(one, index > 0);
  }
  if (context !== undefined) config.setCurrentContext(context);
  const chosen = config.getContextObject(config.getCurrentContext());
  const cluster = config.getCurrentCluster();
  if (chosen === null || cluster === null) {
    throw new Error(`The kubeconfig has no context "${context ?? config.getCurrentContext() ?? ''}" with a cluster`);
  }
  // Both would send the token to whoever stands in between.
  if (cluster.skipTLSVerify) throw new Error('insecure-skip-tls-verify is not supported: give certificate-authority');
  if (cluster.proxyUrl !== undefined) throw new Error('proxy-url of a kubeconfig is not supported');
  return {
    server: cluster.server,
    namespace: chosen.namespace ?? 'default',
    async read() {
      const into: RequestOptions = { headers: {} };
      await config.applyToHTTPSOptions(into);
      return { headers: headersOf(into), tls: tlsOf(into) };
    },
  };
}

function headersOf(options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  if (typeof options.auth === 'string') {
    headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  }
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (typeof value === 'string') headers[name.toLowerCase()] = value.trim();
  }
  return headers;
}

function tlsOf(options: RequestOptions): Tls {
  const text = (value: unknown): string | Buffer | undefined =>
    typeof value === 'string' || Buffer.isBuffer(value) ? value : undefined;
  const ca = text(options.ca);
  const cert = text(options.cert);
  const key = text(options.key);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(options.servername === undefined ? {} : { servername: options.servername }),
  };
}

function serverUrl(server: string): URL {
  const url = URL.parse(server);
  if (url === null) throw new Error('The API server of the kubeconfig is no URL');
  const loopback = ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback)) {
    throw new Error('The API server must be an https:// URL');
  }
  return url;
}

async function readCredentials(configuration: Configuration): Promise<Credentials> {
  try {
    return await configuration.read();
  } catch (error) {
    // What a plugin printed, or a path, is for nobody's log.
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'error';
    throw new ApiUnavailable(`The credentials for the API server cannot be read (${code})`);
  }
}

function isThere(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

/** One agent at a time; another one once the certificates have changed, while the old one finishes what it has. */
class Agents {
  #current: { readonly fingerprint: string; readonly agent: Agent } | undefined;
  readonly #retiring = new Set<Agent>();
  #closed = false;

  for(tls: Tls): Agent {
    if (this.#closed) throw new ApiUnavailable('The connection to the API server has been closed');
    const fingerprint = fingerprintOf(tls);
    if (this.#current?.fingerprint === fingerprint) return this.#current.agent;
    const old = this.#current?.agent;
    if (old !== undefined) this.#retire(old);
    const agent = newAgent(tls);
    this.#current = { fingerprint, agent };
    return agent;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const agents = [...this.#retiring, ...(this.#current === undefined ? [] : [this.#current.agent])];
    await Promise.all(agents.map((agent) => agent.destroy()));
  }

  #retire(agent: Agent): void {
    this.#retiring.add(agent);
    void agent.close().finally(() => this.#retiring.delete(agent));
  }
}

function fingerprintOf(tls: Tls): string {
  const hash = createHash('sha256');
  for (const part of [tls.ca, tls.cert, tls.key, tls.servername]) hash.update(part ?? '').update('\0');
  return hash.digest('base64');
}

/**
 * HTTP/1.1, so that one dead connection takes one request with it, not all. No limit on connections: workers and
 * reflectors bound them, and a queue here could hold up the renewal of the Lease behind slow answers.
 */
function newAgent(tls: Tls): Agent {
  return new Agent({
    allowH2: false,
    pipelining: 1,
    connections: null,
    keepAliveTimeout: 30_000,
    keepAliveMaxTimeout: 60_000,
    headersTimeout: 60_000,
    bodyTimeout: 60_000,
    // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
    connect: { ...tls, rejectUnauthorized: true, timeout: 5000, keepAlive: true, keepAliveInitialDelay: 15_000 },
  });
}
