#!/usr/bin/env node
/**
 * `nauthera-server`: the only file that touches the process. Settings, signals, exit codes: 0 done, or drained after a
 * signal; 1 the answer is no; 2 wrong usage or settings; 3 a dependency was not reached in time; 130 interrupted.
 */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { confirm, type Flags, outputOf, settingsOf, tell } from './command-line.ts';
import { withSettings } from './config/flags.ts';
import { readKeyFile, requireOutsideDatabase } from './config/key-file.ts';
import type { Setting } from './config/setting.ts';
import { keysSettings, migrateSettings, serveSettings } from './config/settings.ts';
import { exitCodeOf, sentenceOf } from './exit.ts';
import { addExplain } from './explain-command.ts';
import type { SigningKeyStore } from './keys/keys.ts';
import { giveMemoryBack, keepShapeOfTicks } from './memory.ts';
import { openNamedDatabase } from './open-database.ts';
import { addProbe, addRestore, addRevoke } from './operations.ts';
import { createLog, errorFields, type Log } from './telemetry/log.ts';
import { readTracingSettings, startTracing } from './telemetry/tracing.ts';

// What serving needs is loaded by the commands that need it: help and usage answer at once.

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const revision = process.env.NAUTHERA_REVISION ?? 'unknown';

async function serve(flags: Flags): Promise<void> {
  keepShapeOfTicks();
  const traces = readTracingSettings(process.env);
  const settings = settingsOf(serveSettings, flags, traces.outcome === 'refused' ? traces.problems : []);
  const program = { service: 'nauthera-server', version, pod: process.env.HOSTNAME };
  const log = createLog({ level: settings.logLevel, format: settings.logFormat, ...program });
  let stop = (): Promise<void> => Promise.resolve();
  exitOnSurprises(log, () => stop());
  if (settings.database !== undefined) requireOutsideDatabase(settings.keyFile, settings.database);
  const { keys, made } = readKeyFile(settings.keyFile);
  if (made) log.warn('a new key-encryption key was made: keep a copy of the key file');
  const { database, close } = await openNamedDatabase(settings, {
    onProblem: (problem) => log.named('database').warn('database', { 'error.detail': problem }),
    onExchanged: () => log.named('database').info('the connection to the database was exchanged'),
  });
  if (database.kind === 'pglite')
    log.warn('the embedded database is for trial, a power cut may lose the last writes: use postgres:// in earnest');
  const tracing = traces.outcome === 'on' ? await startTracing(traces.settings, { ...program, log }) : undefined;
  try {
    const [{ start }, { migrate }, { Registry }, { collectProcessMetrics }] = await Promise.all([
      import('./app.ts'),
      import('./store/migrate.ts'),
      import('prom-client'),
      import('./telemetry/metrics.ts'),
    ]);
    if (settings.migrations === 'run')
      await migrate(database, {
        onProgress: (line) => log.named('migrations').info('migrations', { 'error.detail': line }),
      });
    const metrics = new Registry();
    collectProcessMetrics(metrics);
    const server = await start({
      database,
      listen: settings.listen,
      management: settings.management,
      ...(settings.tlsFolder === undefined ? {} : { tls: { folder: settings.tlsFolder } }),
      ...(settings.mutualTlsListen === undefined ? {} : { mutualTlsListen: settings.mutualTlsListen }),
      keyEncryptionKeys: keys,
      log,
      metrics,
      build: { version, revision },
      onLoaded: giveMemoryBack,
      ...(tracing === undefined ? {} : { tracing }),
      ...(settings.replica === undefined ? {} : { replica: settings.replica }),
    });
    stop = () => server.stop();
    await untilSignalled(log, (signal) => server.stop(signal === 'SIGTERM' ? linger : 0));
  } finally {
    await tracing?.stop();
    await close();
    log.flush();
    // Spans that are still on their way keep nobody waiting.
    if (tracing !== undefined) setTimeout(() => process.exit(), 1000).unref();
  }
}

/** A surprise ends the process: what it left half done is unknown. Log, unready, a second for the log's reader, exit. */
function exitOnSurprises(log: Log, stop: () => Promise<void>): void {
  const surprise = (error: unknown): void => {
    log.error('unexpected error, the process ends', errorFields(error));
    log.flush();
    void stop().catch(() => undefined);
    setTimeout(() => process.exit(1), 1000);
  };
  process.on('unhandledRejection', surprise);
  process.on('uncaughtException', surprise);
}

/** Milliseconds: who stops us with SIGTERM has something before us that needs a moment to notice. */
const linger = 3_000;

/** A first signal drains, a second one ends at once. */
async function untilSignalled(log: Log, stop: (signal: 'SIGTERM' | 'SIGINT') => Promise<void>): Promise<void> {
  const first = await new Promise<'SIGTERM' | 'SIGINT'>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        resolve(signal);
        process.once(signal, () => process.exit(130));
      });
    }
  });
  log.info('shutting down');
  await stop(first);
}

async function runMigrations(flags: Flags): Promise<void> {
  const { serverRole: server, operatorRole: operator, ...settings } = settingsOf(migrateSettings, flags);
  const { database, close } = await openNamedDatabase(settings, { onProblem: console.error });
  try {
    const [{ migrate }, { grantRoles }] = await Promise.all([import('./store/migrate.ts'), import('./store/roles.ts')]);
    const done = await migrate(database, { onProgress: (line) => console.error(line) });
    await grantRoles(database, { server, operator });
    console.log(done.length === 0 ? 'nothing to do' : `${done.length} migrations done`);
    for (const role of [server, operator]) if (role !== undefined) console.log(`the role ${role} has its rights`);
  } finally {
    await close();
  }
}

async function withKeyStore<T>(flags: Flags, work: (store: SigningKeyStore) => Promise<T>): Promise<T> {
  const { database, close } = await openNamedDatabase(settingsOf(keysSettings, flags), { onProblem: console.error });
  try {
    const { signingKeyStore } = await import('./store/signing-keys.ts');
    return await work(signingKeyStore(database));
  } finally {
    await close();
  }
}

async function listKeys(flags: Flags): Promise<void> {
  const { listKeys: list } = await import('./key-commands.ts');
  const output = outputOf(flags);
  console.log(await withKeyStore(flags, (store) => list(store, output)));
}

async function rotateKeys(flags: Flags): Promise<void> {
  const { rotateKeys: rotate } = await import('./key-commands.ts');
  tell(await withKeyStore(flags, rotate));
}

async function revokeKey(kid: string, flags: Flags): Promise<void> {
  const { revokeKey: revoke, revocationWarning } = await import('./key-commands.ts');
  await confirm(revocationWarning(kid), flags);
  tell(await withKeyStore(flags, (store) => revoke(store, kid)));
}

function program(): Command {
  const root = new Command('nauthera-server')
    .description('The authorization server: OAuth 2.0 and OpenID Connect over one database, with users in LDAP.')
    .version(`nauthera ${version} (${revision}, node ${process.versions.node})`);
  const command = (
    parent: Command,
    name: string,
    about: string,
    settings: Readonly<Record<string, Setting<unknown>>>,
  ) => withSettings(parent.command(name).description(about), settings);
  command(root, 'serve', 'Serves until a signal comes.', serveSettings)
    .addHelpText(
      'after',
      '\nExamples:\n  nauthera-server serve --database pglite:./data --key-file ./key\n  NAUTHERA_DATABASE_FILE=/secrets/uri nauthera-server serve --key-file /secrets/key --listen 0.0.0.0:8080',
    )
    .action((flags: Flags) => serve(flags));
  command(root, 'migrate', 'Brings the tables up to date.', migrateSettings)
    .addHelpText(
      'after',
      '\nExamples:\n  nauthera-server migrate --database postgres://owner@db/nauthera\n  NAUTHERA_DATABASE_FILE=/secrets/uri nauthera-server migrate',
    )
    .action((flags: Flags) => runMigrations(flags));
  const keys = root.command('keys').description('Signing keys.');
  const examples = (...lines: string[]): string =>
    `\nExamples:\n${lines.map((line) => `  nauthera-server keys ${line}`).join('\n')}`;
  command(keys, 'list', 'Lists the signing keys.', keysSettings)
    .option('-o, --output <table|json|yaml>', 'How the list is printed. Default: table.')
    .addHelpText('after', examples('list --database pglite:./data', 'list -o json --database postgres://db/nauthera'))
    .action((flags: Flags) => listKeys(flags));
  command(
    keys,
    'rotate',
    'Has the next signing key of each algorithm made now. It signs when everybody could have read it. May be repeated.',
    keysSettings,
  )
    .addHelpText('after', examples('rotate --database pglite:./data', 'rotate --database postgres://db/nauthera'))
    .action((flags: Flags) => rotateKeys(flags));
  command(keys, 'revoke <kid>', 'Refuses every token signed with a key, within seconds. May be repeated.', keysSettings)
    .option('--yes', 'Does not ask.')
    .addHelpText(
      'after',
      examples('revoke KID --database pglite:./data', 'revoke KID --yes --database postgres://db/nauthera'),
    )
    .action((kid: string, flags: Flags) => revokeKey(kid, flags));
  addRevoke(root);
  addRestore(root);
  addProbe(root);
  addExplain(root);
  return root;
}

/** Subcommands inherit it only if it is set before they are made; so it is set on all of them. */
function overrideExit(command: Command): void {
  command.exitOverride().showSuggestionAfterError();
  for (const child of command.commands) overrideExit(child);
}

try {
  const root = program();
  overrideExit(root);
  await root.parseAsync();
} catch (error) {
  const sentence = sentenceOf(error);
  if (sentence !== undefined) console.error(sentence);
  process.exitCode = exitCodeOf(error);
}
