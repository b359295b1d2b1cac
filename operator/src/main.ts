#!/usr/bin/env node
/**
 * `nauthera-operator`: beside `ending.ts`, which ends it, the only file that touches the process. Exit codes: 0 done, or a clean
 * end after SIGTERM or SIGINT; 1 the answer is no; 2 wrong usage or settings; 3 a dependency was not reached in time;
 * 130 interrupted.
 */
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { setFlagsFromString } from 'node:v8';
import { loadSettings, type Setting, type Values, withSettings } from '@nauthera/server/config';
import { createLog, type Log } from '@nauthera/server/log';
import { Command, CommanderError } from 'commander';
import { releaseSettings } from './config/release.ts';
import { runSettings } from './config/run.ts';
import { risksOf, standaloneSettings } from './config/standalone.ts';
import { Ending, Exit, exitOnSurprises, sketchOf } from './ending.ts';
import { openTracing, type ProgramTracing, tracingProblems } from './tracing.ts';

// What a command does is loaded when it runs: an operator in a pod needs neither the server nor the rules engine.

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const revision = process.env.NAUTHERA_REVISION ?? 'unknown';

async function runCheck(paths: readonly string[]): Promise<void> {
  const interrupted = () => process.exit(130);
  process.once('SIGINT', interrupted);
  const { check, renderCheck } = await import('./check.ts');
  const result = await check({ paths, stdin: () => text(process.stdin) });
  process.removeListener('SIGINT', interrupted);
  for (const note of result.notes) console.error(`note: ${note}`);
  console.log(renderCheck(result));
  process.exitCode = result.findings.length === 0 ? 0 : 1;
}

type Flags = Readonly<Record<string, string | undefined>>;
type Settings = Readonly<Record<string, Setting<unknown>>>;

/** @throws Exit with everything that is wrong */
function settingsFrom<S extends Settings>(flags: Flags, settings: S, more: readonly string[] = []): Values<S> {
  const loaded = loadSettings(settings, {
    flags,
    environment: process.env,
    configFile: flags.config ?? process.env.NAUTHERA_CONFIG,
    readFile: (path) => readFileSync(path, 'utf8'),
  });
  const problems = [...(loaded.outcome === 'refused' ? loaded.problems : []), ...more];
  if (loaded.outcome === 'refused' || problems.length > 0) throw new Exit(2, problems.join('\n'));
  warn(loaded.warnings);
  return loaded.values;
}

function warn(sentences: readonly string[]): void {
  for (const sentence of sentences) console.error(`warning: ${sentence}`);
}

interface LogTo {
  readonly service: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly format: 'text' | 'json';
  readonly stream: NodeJS.WritableStream;
}

function logTo({ service, level, format, stream }: LogTo): Log {
  return createLog({
    level,
    format,
    service,
    version,
    pod: process.env.HOSTNAME,
    destination: { write: (line) => void stream.write(line) },
  });
}

function traced(service: string, log: Log): Promise<ProgramTracing> {
  return openTracing(process.env, { service, version, pod: process.env.HOSTNAME, log });
}

/** What is still on its way afterwards keeps nobody waiting. */
async function endTracing(tracing: ProgramTracing['tracing']): Promise<void> {
  if (tracing === undefined) return;
  await tracing.stop();
  setTimeout(() => process.exit(), 1000).unref();
}

async function runStandalone(flags: Flags): Promise<void> {
  const given = settingsFrom(flags, standaloneSettings, tracingProblems(process.env));
  warn(risksOf(given));
  const { logLevel, logFormat, ...settings } = given;
  const service = 'nauthera-standalone';
  // Standard output belongs to the table.
  const own = logTo({ service, level: logLevel, format: logFormat, stream: process.stderr });
  const { tracing, log } = await traced(service, own);
  const end = new Ending();
  exitOnSurprises(log, end);
  const { startStandalone } = await import('./standalone.ts');
  const starting = startStandalone({
    ...settings,
    version,
    log,
    tracing,
    onStatus: (table) => console.log(`\n${table}`),
    onProgress: (line) => console.error(line),
    onFenced: () =>
      end.now(new Exit(1, 'another process that started later writes for the same --source-name: this one ends')),
  });
  const standalone = await end.unless(starting);
  console.error(`serving on ${standalone.url}, status on ${standalone.managementUrl}/status`);
  try {
    await end.wait(standalone, () => console.error('stopping'));
  } finally {
    await endTracing(tracing);
  }
}

/**
 * What is kept of 100,000 resources is small, what arrives of them is not: V8 would let young objects lie about in 64 MiB, and
 * old ones until they are several times what is alive. Young ones get the room that the start has made for them (pages are
 * short, and die there), old ones 30 % beside what is alive. A look at 30,000 Clients (`npm run bench:operator -- --recorded
 * --bundle`) takes 4.3 s of CPU and 232 MiB so, 2.7 s and 340 MiB without, 8.2 s and 210 MiB with `--optimize-for-size`; at
 * 100,000 it is 10 s and 346 MiB.
 */
function keepSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=30');
}

async function runInCluster(flags: Flags): Promise<void> {
  keepSmall();
  const { logLevel, logFormat, ...settings } = settingsFrom(flags, runSettings, tracingProblems(process.env));
  const service = 'nauthera-operator';
  const own = logTo({ service, level: logLevel, format: logFormat, stream: process.stdout });
  const { tracing, log } = await traced(service, own);
  const end = new Ending();
  exitOnSurprises(log, end);
  const { startCluster } = await import('./cluster.ts');
  const starting = startCluster({
    ...settings,
    version,
    revision,
    environment: process.env,
    log,
    tracing,
    onEnd: (reason) => end.now(new Exit(1, reason)),
  });
  const cluster = await end.unless(starting);
  log.info('listening', { 'nauthera.url': cluster.managementUrl });
  log.info('talking to the API server', { 'nauthera.url': cluster.apiServer });
  try {
    await end.wait(cluster, () => log.info('shutting down'));
  } finally {
    await endTracing(tracing);
  }
}

async function runRelease(flags: Flags): Promise<void> {
  const { kubeconfig, namespace, watchNamespaces, timeout } = settingsFrom(flags, releaseSettings);
  const interrupted = () => process.exit(130);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupted);
  const [{ release }, { connect, createApi }] = await Promise.all([
    import('./release.ts'),
    import('./runtime/kubernetes-client.ts'),
  ]);
  const connection = await connect({ kubeconfig, version, environment: process.env }).catch((error: unknown) => {
    throw new Exit(2, error instanceof Error ? error.message : 'there is no API server to talk to');
  });
  try {
    const { resources } = await release({
      api: createApi(connection),
      namespace: namespace ?? connection.namespace,
      watchNamespaces,
      patience: timeout * 1000,
      onProgress: (line) => console.error(line),
    });
    console.log(resources === 0 ? 'nothing to release' : `${resources} resources released`);
  } finally {
    await connection.close();
  }
}

function commands(): Command {
  const program = new Command('nauthera-operator')
    .description('Reconciles AuthorizationServers, Clients, Scopes and LdapBindings.')
    .version(`nauthera ${version} (${revision}, node ${process.versions.node})`, '--version', 'print the version')
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .exitOverride();
  program
    .command('check')
    .description('Checks resources without a cluster or a database: schema, rules, references, policies.')
    .argument('<path...>', 'files and folders; - is standard input')
    .addHelpText(
      'after',
      '\nExits 0 when all is well, 1 with problems.\n\nExamples:\n  nauthera-operator check resources/\n  cat client.yaml | nauthera-operator check -',
    )
    .action(runCheck);
  const run = program.command('run').description('Runs the operator for the resources of a Kubernetes API.');
  withSettings(run, runSettings)
    .addHelpText(
      'after',
      '\nEnds with 1 when another process takes over the Lease.\n\nExamples:\n  nauthera-operator run\n  nauthera-operator run --kubeconfig ~/.kube/config --namespace nauthera --watch-namespaces auth,shop --log-format text',
    )
    .action(runInCluster);
  const release = program
    .command('release')
    .description(
      'Takes the finalizers of the operator off every resource, before the operator is removed for good. The resources stay. May be repeated.',
    );
  withSettings(release, releaseSettings)
    .addHelpText(
      'after',
      '\nThe operator that runs is stopped by taking its Lease, and another may lead a minute later.\n\nExamples:\n  nauthera-operator release\n  nauthera-operator release --kubeconfig ~/.kube/config --namespace nauthera-system',
    )
    .action(runRelease);
  const standalone = program
    .command('standalone')
    .description('Runs the operator on a folder of resources, and the server, in one process.');
  withSettings(standalone, standaloneSettings)
    .addHelpText(
      'after',
      '\nA secret may also come from a file: NAUTHERA_DATABASE_FILE names one with the URL.\n\nExamples:\n  nauthera-operator standalone --resources resources --database pglite:data --listen 127.0.0.1:8080\n  NAUTHERA_DATABASE_FILE=/run/db-url nauthera-operator standalone --resources /etc/nauthera --listen 127.0.0.1:8080',
    )
    .action(runStandalone);
  return program;
}

/** Errors of our own: what they say is for whoever typed the command. */
const exitCodes: Readonly<Record<string, number>> = {
  secrets_folder: 2,
  key_file_invalid: 2,
  database_folder_in_use: 2,
  database_folder_unusable: 2,
  address_refused: 2,
  tls_folder_invalid: 2,
  check_path: 2,
  cluster: 2,
  migration_failed: 3,
  release_unfinished: 3,
  api_unavailable: 3,
  api_error: 1,
  database_unavailable: 3,
};

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof Exit) {
    console.error(error.message);
    return error.code;
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const given = error instanceof Error && 'exitCode' in error ? Number(error.exitCode) : undefined;
  const known = code === 'standalone' ? given : exitCodes[code];
  if (known !== undefined && error instanceof Error) console.error(error.message);
  else console.error(`unexpected error: ${JSON.stringify(sketchOf(error))}`);
  return known ?? 1;
}

try {
  await commands().parseAsync(process.argv);
} catch (error) {
  process.exitCode = report(error);
}
