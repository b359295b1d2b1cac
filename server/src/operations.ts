/** The commands of an operator on duty beside `keys`: their words, questions and exit codes. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { stringify as toYaml } from 'yaml';
import { confirm, examples, type Flags, outputOf, settingsOf } from './command-line.ts';
import { withSettings } from './config/flags.ts';
import { keysSettings, migrateSettings } from './config/settings.ts';
import { Exit } from './exit.ts';
import type { Output } from './key-commands.ts';
import { openNamedDatabase } from './open-database.ts';
import type { Finding } from './probe.ts';
import type { Meant } from './store/ended-by-hand.ts';

export function addProbe(root: Command): void {
  root
    .command('probe <issuer>')
    .description(
      'Asks an issuer what every application asks first: over verified TLS, its discovery document and its keys. Ends with 0 when all is well, 1 when it answers and something is wrong, 3 when it did not answer in time.',
    )
    .option('--ca <FILE>', 'PEM certificates to trust in place of the public ones.')
    .option('--timeout <SECONDS>', 'How long it may take until it answers. Default: 60.')
    .option('-o, --output <table|json|yaml>', 'How what was found is printed. Default: table.')
    .addHelpText(
      'after',
      examples('probe https://id.example.com', 'probe https://default.auth.svc --ca /etc/nauthera/ca.crt'),
    )
    .action(runProbe);
}

async function runProbe(issuer: string, flags: Flags): Promise<void> {
  const { probe } = await import('./probe.ts');
  const output = outputOf(flags);
  const seconds = Number(flags.timeout ?? '60');
  if (!Number.isFinite(seconds) || seconds < 0 || seconds > 3600)
    throw new Exit(2, '--timeout: must be 0 to 3600 seconds');
  const result = await probe({
    issuer,
    ...(flags.ca === undefined ? {} : { ca: readCa(flags.ca) }),
    patience: seconds * 1000,
    onProgress: (line) => console.error(line),
  });
  const text = show(result.findings, output);
  if (text !== '') console.log(text);
  if (result.outcome !== 'good') throw new Exit(result.outcome === 'no' ? 1 : 3, result.problem);
}

function readCa(file: string): string {
  try {
    const text = readFileSync(file, 'utf8');
    if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  } catch {
    // Said below.
  }
  throw new Exit(2, `--ca ${file}: cannot be read as PEM certificates`);
}

function show(findings: readonly Finding[], output: Output): string {
  if (output === 'json') return JSON.stringify(findings, null, 2);
  if (output === 'yaml') return toYaml(findings).trimEnd();
  return findings.map(({ check, found }) => `${check.padEnd(9)}  ok  ${found}`).join('\n');
}

export function addRevoke(root: Command): void {
  const command = root
    .command('revoke')
    .description(
      'Ends what was given: the sessions and grants of a user, the grants of a client, or all of it. Every replica refuses their tokens within a second; whoever may sign in can do so again. May be repeated.',
    );
  withSettings(command, keysSettings)
    .option(
      '--user <NAME|SUBJECT>',
      'Of this user: the name as a directory writes it, in each that has it, or the subject (u_…).',
    )
    .option('--client <ID>', 'Of this client, and every token that it got for itself.')
    .option('--all', 'Of everybody.')
    .option(
      '--before <TIME>',
      'Only sessions and grants that were begun before this time (RFC 3339); tokens that clients got for themselves are refused up to now in any case. Default: now.',
    )
    .option('--yes', 'Does not ask.')
    .option('-o, --output <table|json|yaml>', 'How what was ended is printed. Default: table.')
    .addHelpText(
      'after',
      examples(
        'revoke --user ada --database postgres://db/nauthera',
        'revoke --all --before 2026-11-26T03:00:00Z --yes',
      ),
    )
    .action(runRevoke);
}

async function runRevoke(flags: Flags): Promise<void> {
  const meant = meantBy(flags);
  const before = timeOf(flags.before);
  const output = outputOf(flags);
  const settings = settingsOf(keysSettings, flags);
  const whose =
    meant === 'all' ? 'of everybody' : 'user' in meant ? `of the user ${meant.user}` : `of the client ${meant.client}`;
  const when = before === undefined ? '' : ` that were begun before ${before}`;
  const what = meant !== 'all' && 'client' in meant ? 'Grants' : 'Sessions and grants';
  await confirm(`${what} ${whose}${when} end now, and their tokens are refused.`, flags);
  const { database, close } = await openNamedDatabase(settings, { onProblem: console.error });
  try {
    const { endByHand } = await import('./store/ended-by-hand.ts');
    const ended = await endByHand(database, meant, before);
    if (output === 'json') console.log(JSON.stringify(ended, null, 2));
    else if (output === 'yaml') console.log(toYaml(ended).trimEnd());
    else
      console.log(`ended: ${ended.sessions} sessions, ${ended.grants} grants; all tokens of ${ended.clients} clients`);
    if (ended.sessions + ended.grants + ended.clients === 0) process.exitCode = 1;
  } finally {
    await close();
  }
}

function meantBy({ user, client, all }: Flags): Meant {
  const given = [user, client, all].filter((one) => one !== undefined);
  if (given.length !== 1 || user === '' || client === '') throw new Exit(2, 'give one of --user, --client and --all');
  if (user !== undefined) return { user };
  return client === undefined ? 'all' : { client };
}

function timeOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const time = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (Number.isNaN(time)) throw new Exit(2, '--before: must be a time such as 2026-11-26T03:00:00Z');
  if (time > Date.now()) throw new Exit(2, '--before: lies in the future');
  return new Date(time).toISOString();
}

export function addRestore(root: Command): void {
  const command = root
    .command('restore')
    .description(
      'To be run once a backup of the database was put back, before servers start: no older code, refresh token, session or access token counts any more, and a yes that was remembered is asked anew. Registrations, keys and audit rows stay. Needs the owner of the tables. May be repeated.',
    );
  withSettings(command, {
    database: migrateSettings.database,
    databaseFolder: migrateSettings.databaseFolder,
    directDatabase: migrateSettings.directDatabase,
  })
    .option('--yes', 'Does not ask.')
    .option(
      '--key-is-lost',
      'Nobody has the key-encryption key any more: also removes what only it opened. New signing keys are made with a new one, and pairwise subjects are others than before.',
    )
    .addHelpText(
      'after',
      examples(
        'restore --database postgres://owner@db/nauthera',
        'restore --yes --database-folder /etc/nauthera/database',
        'restore --key-is-lost --database postgres://owner@db/nauthera',
      ),
    )
    .action(runRestore);
}

async function runRestore({ keyIsLost, ...flags }: Flags & { readonly keyIsLost?: boolean }): Promise<void> {
  const { database: url, databaseFolder, directDatabase } = migrateSettings;
  const settings = settingsOf({ database: url, databaseFolder, directDatabase }, flags);
  const more =
    keyIsLost === true ? ' The signing keys go, and whoever is known by a pairwise subject is a stranger.' : '';
  await confirm(`Everybody is signed out, and every application loses the access that users gave it.${more}`, flags);
  const { database, close } = await openNamedDatabase(settings, { onProblem: console.error });
  try {
    const { beginAnew } = await import('./store/restored.ts');
    const { epoch, serving } = await beginAnew(database, { keyIsLost: keyIsLost === true });
    console.log(`a new epoch began: ${epoch}`);
    if (serving > 0)
      console.error(`${serving} server processes were serving meanwhile: run it once more when they are stopped`);
    console.error(
      'Keys that were revoked after the backup was made are good again: see nauthera-server keys list, and revoke them anew.',
    );
  } finally {
    await close();
  }
}
