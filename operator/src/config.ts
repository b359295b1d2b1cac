/** What each command of the operator can be told. */
import { isIP } from 'node:net';
import {
  type Address,
  isComplete,
  isLoopback,
  type Loaded,
  oneOf,
  parseAddress,
  SettingLoader,
  type SettingSources,
  type SettingsOf,
  text,
} from './settings.ts';

export { type Address, environmentName, type Loaded, type SettingSources } from './settings.ts';

/** `pglite:FOLDER` or a Postgres URL. */
export interface DatabaseSetting {
  readonly url: string;
  /** Folder of an embedded database. */
  readonly folder: string | undefined;
}

export interface StandaloneSettings {
  readonly resources: string;
  readonly database: DatabaseSetting;
  readonly listen: Address;
  /** Left out: plain HTTP. */
  readonly tlsFolder: string | undefined;
  /** Left out: no certificates of applications. */
  readonly mutualTlsListen: Address | undefined;
  readonly management: Address;
  /** Default: `key-encryption-key` in the secrets folder. */
  readonly keyFile: string | undefined;
  /** Default: `.secrets` in the resources folder. */
  readonly secrets: string | undefined;
  readonly sourceName: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly logFormat: 'text' | 'json';
}

export const standaloneSettings: SettingsOf<StandaloneSettings> = {
  resources: {
    flag: 'resources',
    value: 'FOLDER',
    help: 'folder of resources (YAML), watched',
    required: true,
    parse: text,
  },
  database: {
    flag: 'database',
    value: 'URL',
    help: 'postgres://… for earnest use, pglite:FOLDER (embedded) to try it out',
    required: true,
    secret: true,
    parse: parseDatabase,
  },
  listen: {
    flag: 'listen',
    value: 'HOST:PORT',
    help: 'where clients and browsers reach the server',
    required: true,
    parse: parseAddress,
  },
  tlsFolder: {
    flag: 'tls-folder',
    value: 'FOLDER',
    help: 'folder with tls.crt (the chain, leaf first) and tls.key: the server speaks HTTPS; read anew when they change (default: plain HTTP)',
    parse: text,
  },
  mutualTlsListen: {
    flag: 'mutual-tls-listen',
    value: 'HOST:PORT',
    help: 'where applications are asked for a certificate (mutualTls of the AuthorizationServer), with the certificate of --tls-folder (default: nowhere)',
    parse: parseAddress,
  },
  management: {
    flag: 'management',
    value: 'HOST:PORT',
    help: 'status, health and metrics; keep it private',
    default: '127.0.0.1:9090',
    parse: parseAddress,
  },
  keyFile: {
    flag: 'key-file',
    value: 'FILE',
    help: 'key that seals keys and passwords in the database; made if absent (default: key-encryption-key in the secrets folder)',
    parse: text,
  },
  secrets: {
    flag: 'secrets',
    value: 'FOLDER',
    help: 'private folder (0700) for generated Secrets and yours (default: .secrets in the resources folder)',
    parse: text,
  },
  logLevel: {
    flag: 'log-level',
    value: 'LEVEL',
    help: 'debug, info, warn or error',
    default: 'info',
    parse: oneOf(['debug', 'info', 'warn', 'error']),
  },
  logFormat: {
    flag: 'log-format',
    value: 'FORMAT',
    help: 'text or json; the log goes to standard error',
    default: 'text',
    parse: oneOf(['text', 'json']),
  },
  sourceName: {
    flag: 'source-name',
    value: 'NAME',
    help: 'name under which the database knows this folder',
    default: 'folder',
    parse: parseSourceName,
  },
};

export function loadStandaloneSettings(sources: SettingSources): Loaded<StandaloneSettings> {
  const rules = standaloneSettings;
  const loader = new SettingLoader(sources, Object.keys(rules));
  const settings = {
    resources: loader.load('resources', rules.resources),
    database: loader.load('database', rules.database),
    listen: loader.load('listen', rules.listen),
    tlsFolder: loader.load('tlsFolder', rules.tlsFolder),
    mutualTlsListen: loader.load('mutualTlsListen', rules.mutualTlsListen),
    management: loader.load('management', rules.management),
    keyFile: loader.load('keyFile', rules.keyFile),
    secrets: loader.load('secrets', rules.secrets),
    sourceName: loader.load('sourceName', rules.sourceName),
    logLevel: loader.load('logLevel', rules.logLevel),
    logFormat: loader.load('logFormat', rules.logFormat),
  };
  const { problems } = loader;
  if (!isComplete(settings, rules) || problems.length > 0) return { problems };
  return { settings, warnings: warningsOf(settings, sources) };
}

export interface RunSettings {
  /** Default: `KUBECONFIG`, else the pod's ServiceAccount, else `~/.kube/config`. */
  readonly kubeconfig: string | undefined;
  /** Of the Lease. Default: the pod's, else that of the kubeconfig's context, else `default`. */
  readonly namespace: string | undefined;
  /** Default: all. */
  readonly watchNamespaces: readonly string[] | undefined;
  readonly watchSecrets: boolean;
  /** Left out: servers are started by somebody else. */
  readonly serverImage: string | undefined;
  readonly serverImagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  readonly serverImagePullSecrets: readonly string[];
  /** Of the collector of traces, as the network policies of servers let it be reached. Empty: anywhere. */
  readonly tracingCidrs: readonly string[];
  /** In the operator's namespace. Left out: nobody hands over a default server. */
  readonly defaultServerConfigMap: string | undefined;
  readonly workers: number;
  readonly management: Address;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly logFormat: 'text' | 'json';
}

export const runSettings: SettingsOf<RunSettings> = {
  kubeconfig: {
    flag: 'kubeconfig',
    value: 'FILE',
    help: 'which API server and who we are to it (default: KUBECONFIG, else the pod, else ~/.kube/config)',
    parse: text,
  },
  namespace: {
    flag: 'namespace',
    value: 'NAMESPACE',
    help: 'where the Lease and the default server are (default: of the pod, of the context, or "default")',
    parse: parseNamespace,
  },
  watchNamespaces: {
    flag: 'watch-namespaces',
    value: 'NAMES',
    help: 'look after these namespaces alone, separated by commas (default: all)',
    parse: parseNamespaces,
  },
  watchSecrets: {
    flag: 'watch-secrets',
    value: 'true|false',
    help: 'watch the metadata of labelled Secrets, so that a change is seen at once and not by polling',
    default: 'true',
    parse: (value) => oneOf(['true', 'false'])(value) === 'true',
  },
  serverImage: {
    flag: 'server-image',
    value: 'IMAGE',
    help: 'image of server pods; left out, pods are not made, and servers are started by somebody else',
    parse: parseImage,
  },
  serverImagePullPolicy: {
    flag: 'server-image-pull-policy',
    value: 'POLICY',
    help: 'Always, IfNotPresent or Never',
    default: 'IfNotPresent',
    parse: oneOf(['Always', 'IfNotPresent', 'Never']),
  },
  serverImagePullSecrets: {
    flag: 'server-image-pull-secrets',
    value: 'NAMES',
    help: 'Secrets to fetch the image with, separated by commas; each must be in the namespace of the server (default: none)',
    default: '',
    parse: parseSecretNames,
  },
  tracingCidrs: {
    flag: 'tracing-cidrs',
    value: 'NETWORKS',
    help: 'networks of the collector of traces, separated by commas: server pods reach its port there alone (default: anywhere)',
    default: '',
    parse: parseNetworks,
  },
  defaultServerConfigMap: {
    flag: 'default-server-config-map',
    value: 'NAME',
    help: 'ConfigMap in the namespace of the operator whose authorization-server.yaml is applied, at start and when it changes (default: none)',
    parse: parseObjectName,
  },
  workers: {
    flag: 'workers',
    value: 'NUMBER',
    help: 'resources of one kind and namespace that are worked on at once; four more are for other namespaces',
    default: '10',
    parse: parseWorkers,
  },
  management: {
    flag: 'management',
    value: 'HOST:PORT',
    help: '/livez, /readyz and /metrics; keep it private',
    default: '127.0.0.1:9090',
    parse: parseAddress,
  },
  logLevel: standaloneSettings.logLevel,
  logFormat: { ...standaloneSettings.logFormat, default: 'json' },
};

export function loadRunSettings(sources: SettingSources): Loaded<RunSettings> {
  const rules = runSettings;
  const loader = new SettingLoader(sources, Object.keys(rules));
  const settings = {
    kubeconfig: loader.load('kubeconfig', rules.kubeconfig),
    namespace: loader.load('namespace', rules.namespace),
    watchNamespaces: loader.load('watchNamespaces', rules.watchNamespaces),
    watchSecrets: loader.load('watchSecrets', rules.watchSecrets),
    serverImage: loader.load('serverImage', rules.serverImage),
    serverImagePullPolicy: loader.load('serverImagePullPolicy', rules.serverImagePullPolicy),
    serverImagePullSecrets: loader.load('serverImagePullSecrets', rules.serverImagePullSecrets),
    tracingCidrs: loader.load('tracingCidrs', rules.tracingCidrs),
    defaultServerConfigMap: loader.load('defaultServerConfigMap', rules.defaultServerConfigMap),
    workers: loader.load('workers', rules.workers),
    management: loader.load('management', rules.management),
    logLevel: loader.load('logLevel', rules.logLevel),
    logFormat: loader.load('logFormat', rules.logFormat),
  };
  const { problems } = loader;
  if (!isComplete(settings, rules) || problems.length > 0) return { problems };
  return { settings, warnings: [] };
}

export interface ReleaseSettings extends Pick<RunSettings, 'kubeconfig' | 'namespace' | 'watchNamespaces'> {
  /** Milliseconds. */
  readonly timeout: number;
}

export const releaseSettings: SettingsOf<ReleaseSettings> = {
  kubeconfig: runSettings.kubeconfig,
  namespace: {
    ...runSettings.namespace,
    help: 'where the Lease is (default: of the pod, of the context, or "default")',
  },
  watchNamespaces: {
    ...runSettings.watchNamespaces,
    help: 'release in these namespaces alone, separated by commas (default: all)',
  },
  timeout: {
    flag: 'timeout',
    value: 'SECONDS',
    help: 'how long it may take',
    default: '120',
    parse: parseSeconds,
  },
};

export function loadReleaseSettings(sources: SettingSources): Loaded<ReleaseSettings> {
  const rules = releaseSettings;
  const loader = new SettingLoader(sources, Object.keys(rules));
  const settings = {
    kubeconfig: loader.load('kubeconfig', rules.kubeconfig),
    namespace: loader.load('namespace', rules.namespace),
    watchNamespaces: loader.load('watchNamespaces', rules.watchNamespaces),
    timeout: loader.load('timeout', rules.timeout),
  };
  const { problems } = loader;
  if (!isComplete(settings, rules) || problems.length > 0) return { problems };
  return { settings, warnings: [] };
}

function parseSeconds(value: string): number {
  const seconds = Number(value);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 3600) throw new Error('must be 1 to 3600 seconds');
  return seconds * 1000;
}

function parseWorkers(value: string): number {
  const workers = Number(value);
  if (!Number.isInteger(workers) || workers < 1 || workers > 100) throw new Error('must be 1 to 100');
  return workers;
}

function parseObjectName(value: string): string {
  if (value.length > 253 || !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(value)) throw new Error('is no name of an object');
  return value;
}

function parseNamespace(value: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(value)) throw new Error('is no name of a namespace');
  return value;
}

function parseImage(value: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,511}$/.test(value)) throw new Error('is no image');
  return value;
}

function parseSecretNames(value: string): readonly string[] {
  const names = value.split(',').map((name) => name.trim());
  const found = [...new Set(names)].filter((name) => name !== '');
  if (!found.every((name) => /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)))
    throw new Error('is no list of names of Secrets');
  return found;
}

function parseNetworks(value: string): readonly string[] {
  const networks = [...new Set(value.split(',').map((network) => network.trim()))].filter((one) => one !== '');
  if (!networks.every(isNetwork)) throw new Error('is no list of networks such as 10.2.0.0/16 or fd00::/8');
  return networks;
}

function isNetwork(text: string): boolean {
  const [address = '', length = '', ...more] = text.split('/');
  const bits = { 4: 32, 6: 128 }[isIP(address)];
  return more.length === 0 && bits !== undefined && /^\d{1,3}$/.test(length) && Number(length) <= bits;
}

function parseNamespaces(value: string): readonly string[] {
  return [...new Set(value.split(',').map((name) => parseNamespace(name.trim())))];
}

function parseDatabase(value: string): DatabaseSetting {
  if (value.startsWith('pglite:')) {
    const folder = value.slice('pglite:'.length);
    if (folder === '') throw new Error('names no folder: write pglite:FOLDER');
    return { url: value, folder };
  }
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    throw new Error('is no URL: write postgres://user@host/database or pglite:FOLDER');
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')
    throw new Error('is not a Postgres URL: write postgres://user@host/database or pglite:FOLDER');
  return { url: value, folder: undefined };
}

function parseSourceName(value: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(value)) throw new Error('must be up to 63 of a-z, 0-9 and -');
  return value;
}

function warningsOf(
  { database, listen, tlsFolder, management }: StandaloneSettings,
  sources: SettingSources,
): string[] {
  const warnings: string[] = [];
  if (database.folder !== undefined)
    warnings.push(
      'the embedded database may lose its last writes at a power cut: use --database postgres://… in earnest',
    );
  if (sources.flags.database !== undefined && database.folder === undefined && new URL(database.url).password !== '')
    warnings.push(
      'the database password stands on the command line, where other users of this machine can read it: use NAUTHERA_DATABASE_FILE',
    );
  if (!isLoopback(listen.host) && tlsFolder === undefined)
    warnings.push(
      'clients and browsers reach --listen without TLS: name a certificate with --tls-folder, or put a proxy with TLS before it and set spec.issuer to its https address',
    );
  if (!isLoopback(management.host))
    warnings.push(
      'status and metrics need no login: let --management listen on loopback, or keep it behind a firewall',
    );
  return warnings;
}
