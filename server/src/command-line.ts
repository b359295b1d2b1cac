/** What the commands of `nauthera-server` have in common: flags and settings, questions, what is said at the end. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { loadSettings } from './config/load.ts';
import type { Setting, Values } from './config/setting.ts';
import { migrateSettings, serveSettings } from './config/settings.ts';
import { Exit } from './exit.ts';
import { type Done, type Output, outputs } from './key-commands.ts';

export type Flags = Readonly<Record<string, string | undefined>>;

/**
 * @param more problems found elsewhere, to be told with these
 * @throws Exit with every problem
 */
export function settingsOf<S extends Record<string, Setting<unknown>>>(
  settings: S,
  flags: Flags,
  more: readonly string[] = [],
): Values<S> {
  const loaded = loadSettings(
    settings,
    {
      flags,
      environment: process.env,
      configFile: flags.config ?? process.env.NAUTHERA_CONFIG,
      readFile: (path) => readFileSync(path, 'utf8'),
    },
    { ...serveSettings, ...migrateSettings },
  );
  if (loaded.outcome === 'refused') throw new Exit(2, [...loaded.problems, ...more].join('\n'));
  if (more.length > 0) throw new Exit(2, more.join('\n'));
  for (const warning of loaded.warnings) console.error(`warning: ${warning}`);
  return loaded.values;
}

/** @throws Exit when it is none of {@link outputs} */
export function outputOf(flags: Flags): Output {
  const output = outputs.find((one) => one === (flags.output ?? 'table'));
  if (output === undefined) throw new Exit(2, `--output: must be one of ${outputs.join(', ')}`);
  return output;
}

export function tell({ sentence, done }: Done): void {
  console.log(sentence);
  if (!done) process.exitCode = 1;
}

/** Says what will be done and asks on a terminal; elsewhere `--yes` is needed. @throws Exit */
export async function confirm(warning: string, flags: Flags): Promise<void> {
  console.error(warning);
  if (flags.yes === undefined && !(await confirmed())) throw new Exit(2, 'nothing was done: say --yes');
}

async function confirmed(): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await lines.question('Go on? (yes/no) ')).trim() === 'yes';
  } finally {
    lines.close();
  }
}

/** Lines that end a help. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  nauthera-server ${line}`).join('\n')}`;
}
