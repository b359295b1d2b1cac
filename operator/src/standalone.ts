/** Folder source, operator and server in one process: for a VM, a laptop, a test. */
import { mkdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createLog,
  type Log,
  type RunningServer,
  readKeyFile,
  requireOutsideDatabase,
  type ServerOptions,
  start as startServer,
} from '@nauthera/server';
import {
  createSealer,
  type Database,
  DatabaseUnavailable,
  migrate,
  openDatabase,
  openRegistry,
  type Registry,
  RegistryFenced,
  type Stop,
} from '@nauthera/server/registry';
import type { Tracing } from '@nauthera/server/tracing';
import { collectDefaultMetrics, Registry as Metrics } from 'prom-client';
import { type Operator, startOperator } from './app.ts';
import type { StandaloneSettings } from './config/standalone.ts';
import { counted } from './controllers/counted-registry.ts';
import { GivenRegistry } from './controllers/given-registry.ts';
import type { World } from './controllers/world.ts';
import { createControllerMetrics } from './metrics.ts';
import { resourceFields } from './resource-fields.ts';
import { FolderSource } from './sources/folder.ts';
import { SecretsFolder } from './sources/secrets-folder.ts';
import type { SecretStore } from './sources/source.ts';
import { StatusPrinter } from './status-printer.ts';
import { type StatusView, statusDocument } from './status-view.ts';

/** The message says what to do, and is all that anybody needs to see. */
export class StandaloneError extends Error {
  readonly code = 'standalone';
  /** Exit code: 2 wrong settings, 3 a dependency was not reached. */
  readonly exitCode: 2 | 3;
  constructor(message: string, exitCode: 2 | 3) {
    super(message);
    this.exitCode = exitCode;
  }
}

export interface StandaloneOptions
  extends Omit<StandaloneSettings, 'tlsFolder' | 'mutualTlsListen' | 'logLevel' | 'logFormat'> {
  readonly tlsFolder?: string | undefined;
  readonly mutualTlsListen?: StandaloneSettings['mutualTlsListen'];
  readonly version: string;
  readonly log: Log;
  /** Of operator and server alike. Left out: nothing is traced. Stopped by the caller, after this. */
  readonly tracing?: Tracing | undefined;
  /** The whole table, each time it changed. */
  onStatus?(table: string): void;
  /** One line about what is waited for or was done at the start. */
  onProgress?(line: string): void;
  /** A newer process writes for this source: this one must end. */
  onFenced?(): void;
  readonly seams?: Seams;
}

/** What tests put between. */
export interface Seams {
  readonly database?: (database: Database) => Database;
  readonly registry?: (registry: Registry) => Registry;
  readonly secrets?: (secrets: SecretStore) => SecretStore;
  /** When secrets are replaced and end. */
  readonly rotation?: World['rotation'];
  /** When the server refuses work because its event loop is late. */
  readonly pressure?: ServerOptions['pressure'];
}

export interface Standalone {
  /** Where clients and browsers reach the server. */
  readonly url: string;
  readonly managementUrl: string;
  status(): StatusView;
  /** In order: no new work, what is under way ends, the server drains, the database closes. */
  stop(): Promise<void>;
}

export { createLog, type Log };

/** Milliseconds that a database may take to answer for the first time. */
const patience = 60_000;

/**
 * @throws StandaloneError, SecretsFolderError, KeyFileInvalid, MigrationFailed, AddressRefused, TlsFolderInvalid, DatabaseFolderInUse,
 * DatabaseFolderUnusable
 */
export async function startStandalone(options: StandaloneOptions): Promise<Standalone> {
  const undo: Stop[] = [];
  try {
    return await assemble(options, undo);
  } catch (error) {
    for (const stop of undo.reverse()) await stop().catch(() => undefined);
    throw error;
  }
}

async function assemble(options: StandaloneOptions, undo: Stop[]): Promise<Standalone> {
  const { log } = options;
  const parts: { source?: FolderSource; operator?: Operator } = {};
  const folders = await openFolders(options, (namespace, name) =>
    parts.operator?.noteChange({ kind: 'Secret', namespace, name }),
  );
  undo.push(() => folders.secrets.stop());
  const keys = readKeys(options, folders.secretsFolder);
  const plain = await openWithPatience(options);
  const database = options.seams?.database?.(plain) ?? plain;
  undo.push(() => database.close());
  await migrate(database, { onProgress: (line) => options.onProgress?.(line) });
  const fence = { source: options.sourceName, leaseCreated: Date.now(), leaseTransitions: 0 };
  const opened = openRegistry({
    database,
    fence,
    sealer: createSealer(keys),
    onProblem: (problem) => log.named('registry').warn('the registry', { 'error.detail': problem }),
  });
  const metrics = new Metrics();
  collectDefaultMetrics({ register: metrics });
  const build = { version: options.version, revision: 'unknown' };
  const status = (): StatusView => ({
    resources: parts.source?.all() ?? [],
    problems: [...(parts.source?.problems() ?? []), ...folders.secrets.problems()],
  });
  const server = await startServer({
    database,
    listen: options.listen,
    ...(options.tlsFolder === undefined ? {} : { tls: { folder: options.tlsFolder } }),
    ...(options.mutualTlsListen === undefined ? {} : { mutualTlsListen: options.mutualTlsListen }),
    management: options.management,
    keyEncryptionKeys: keys,
    log,
    ...(options.tracing === undefined ? {} : { tracing: options.tracing }),
    ...(options.seams?.pressure === undefined ? {} : { pressure: options.seams.pressure }),
    // One process a source: after a crash its report is this one's, and nobody waits for the dead.
    replica: `standalone-${options.sourceName}`,
    build,
    metrics,
    managementRoutes: { '/status': () => statusDocument(status()) },
  });
  undo.push(() => server.stop());
  // After the server's, which knows nothing of others.
  const own = createControllerMetrics(metrics, build);
  const registry = counted(options.seams?.registry?.(opened) ?? opened, own.writes.registry);

  const source = new FolderSource({
    name: options.sourceName,
    folder: folders.resources,
    except: [folders.secretsFolder],
    identities: registry,
    onSecrets: (secrets) => folders.secrets.setBesideResources(secrets),
    formerUid: (kind, namespace, name) => folders.secrets.ownerOf(kind, namespace, name),
    onError: (error) => {
      if (error instanceof RegistryFenced) options.onFenced?.();
      else log.named('source').warn('the folder of resources', detail(error));
    },
  });
  parts.source = source;
  await source.start();
  undo.push(() => source.stop());
  const printer = new StatusPrinter(status, (table) => options.onStatus?.(table));
  source.watch(() => printer.soon());
  const operator = await startOperator({
    source,
    secrets: options.seams?.secrets?.(folders.secrets) ?? folders.secrets,
    configMaps: source,
    registries: new GivenRegistry({ registry, source, singleRole: database.kind === 'postgres' }),
    issuerOf: issuerOf(server, options),
    deployment: { reason: 'Standalone', version: options.version, database: 'given' },
    rotation: options.seams?.rotation,
    tracing: options.tracing,
    meter: own.meter,
    secretCounts: own.secretCounts,
    resourceCounts: own.resourceCounts,
    onTransition: () => printer.soon(),
    onFailure: ({ controller, key, error, pass }) =>
      log
        .named('operator')
        .warn('a pass failed and will be repeated', { ...resourceFields(controller, key, pass), ...detail(error) }),
    onFenced: () => options.onFenced?.(),
  });
  parts.operator = operator;
  undo.push(() => operator.stop());
  printer.soon();
  return {
    url: server.url,
    managementUrl: server.managementUrl,
    status,
    async stop() {
      printer.stop();
      for (const stop of undo.reverse()) await stop();
    },
  };
}

interface Folders {
  readonly resources: string;
  readonly secretsFolder: string;
  readonly secrets: SecretsFolder;
}

async function openFolders(
  { resources, secrets, log }: StandaloneOptions,
  onChange: (namespace: string, name: string) => void,
): Promise<Folders> {
  const found = await stat(resources).catch(() => undefined);
  if (found?.isDirectory() !== true)
    throw new StandaloneError(`--resources ${resources} is not a folder: make it, or check the path`, 2);
  const secretsFolder = resolve(secrets ?? join(resources, '.secrets'));
  await mkdir(secretsFolder, { recursive: true, mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    throw new StandaloneError(`the secrets folder ${secretsFolder} cannot be made (${error.code ?? 'unknown'})`, 2);
  });
  const folder = new SecretsFolder({
    folder: secretsFolder,
    onChange,
    onError: (error) => log.named('secrets').warn('the secrets folder', detail(error)),
  });
  await folder.start();
  return { resources: resolve(resources), secretsFolder, secrets: folder };
}

function readKeys(options: StandaloneOptions, secretsFolder: string): readonly Uint8Array[] {
  const path = options.keyFile ?? join(secretsFolder, 'key-encryption-key');
  requireOutsideDatabase(path, options.database.url);
  const { keys, made } = readKeyFile(path);
  if (made)
    options.onProgress?.(`made the key-encryption key ${path}: keep a copy, the database cannot be read without it`);
  return keys;
}

async function openWithPatience(options: StandaloneOptions): Promise<Database> {
  const { log } = options;
  const database = await openDatabase(options.database.url, {
    onProblem: (problem) => log.named('database').warn('database', { 'error.detail': problem }),
  });
  const began = performance.now();
  for (let told = began; ; await sleep(200)) {
    try {
      await database.run({ name: 'ping', text: 'SELECT 1' }, []);
      return database;
    } catch (error) {
      const now = performance.now();
      if (!(error instanceof DatabaseUnavailable) || now - began > patience) {
        await database.close();
        throw error instanceof DatabaseUnavailable
          ? new StandaloneError(
              `the database did not answer within a minute: check --database and that it runs (${error.message})`,
              3,
            )
          : error;
      }
      if (now - told < 10_000) continue;
      told = now;
      options.onProgress?.(`waiting for the database, ${Math.round((now - began) / 1000)} s: ${error.message}`);
    }
  }
}

/** An issuer left out is the address listened on, as long as nobody but this machine can reach it. */
function issuerOf({ url }: RunningServer, { listen }: StandaloneOptions): World['issuerOf'] {
  const host = new URL(url).hostname;
  return ({ spec }) => {
    if (spec.issuer !== undefined) return { issuer: spec.issuer };
    if (['127.0.0.1', '[::1]', 'localhost'].includes(host)) return { issuer: url };
    return {
      problem: `spec.issuer is left out, and --listen ${listen.host} is not 127.0.0.1, [::1] or localhost: set spec.issuer to the https address that clients use`,
    };
  };
}

/** Our own errors speak for people; a stranger's message may hold a URL or a row. */
function detail(error: unknown): { readonly 'error.type': string; readonly 'error.detail'?: string } {
  if (!(error instanceof Error)) return { 'error.type': typeof error };
  const code = 'code' in error ? String(error.code) : error.name;
  const ours = ['secrets_folder', 'secret_moved', 'database_unavailable', 'registry_fenced'].includes(code);
  return { 'error.type': code, ...(ours ? { 'error.detail': error.message } : {}) };
}
