/** `nauthera-server explain`: words, settings and exit codes. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { stringify as toYaml } from 'yaml';
import { examples, type Flags, outputOf, settingsOf } from './command-line.ts';
import { withSettings } from './config/flags.ts';
import { readKeyFile } from './config/key-file.ts';
import { explainSettings } from './config/settings.ts';
import { Exit } from './exit.ts';
import type { Explained } from './explain-user.ts';
import { openNamedDatabase } from './open-database.ts';

export function addExplain(root: Command): void {
  const explain = root.command('explain').description('Says why somebody gets what they get.');
  withSettings(
    explain
      .command('user <name>')
      .description(
        'Looks a user name up as a sign-in would: which directory counts, the account, groups and claims, what each consent rule decides, and which scopes the user may allow. Nobody is signed in, and no password is asked. Ends with 0 when the user may sign in, 1 when not, 3 when a directory that counts could not be asked.',
      ),
    explainSettings,
  )
    .option('--client <ID>', 'Also what this client may get from the user.')
    .option('-o, --output <table|json|yaml>', 'How what was found is printed. Default: table.')
    .addHelpText(
      'after',
      examples(
        'explain user ada --database postgres://db/nauthera --key-file /secrets/key',
        'explain user ada --client shop.web -o yaml',
      ),
    )
    .action(runExplain);
}

async function runExplain(username: string, flags: Flags): Promise<void> {
  const output = outputOf(flags);
  const settings = settingsOf(explainSettings, flags);
  // Reading makes a file that is not there, and a new key opens nothing.
  if (!existsSync(settings.keyFile))
    throw new Exit(2, `--key-file ${settings.keyFile}: is not there. It is the key of the servers`);
  const { keys } = readKeyFile(settings.keyFile);
  const { database, close } = await openNamedDatabase(settings, { onProblem: console.error });
  try {
    const { askAboutUser } = await import('./explain-here.ts');
    const question = { username, clientId: flags.client };
    const explained = await askAboutUser(question, { database, keys, onProblem: console.error });
    console.log(await shown(explained, output));
    process.exitCode = exitCodeFor(explained);
  } finally {
    await close();
  }
}

async function shown(explained: Explained, output: ReturnType<typeof outputOf>): Promise<string> {
  if (output === 'json') return JSON.stringify(explained, null, 2);
  if (output === 'yaml') return toYaml(explained).trimEnd();
  return (await import('./explain-text.ts')).explanationText(explained);
}

function exitCodeFor({ directories, user }: Explained): 0 | 1 | 3 {
  if (user !== undefined) return user.account === 'active' && user.client?.mayUse !== false ? 0 : 1;
  return directories.some(({ outcome }) => outcome === 'unavailable') ? 3 : 1;
}
