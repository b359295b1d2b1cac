/** The flags of a command, derived from its settings. */
import type { Command } from 'commander';
import { environmentOf, flagOf } from './load.ts';
import type { Setting } from './setting.ts';

/** One flag per setting, with its default and environment name. */
export function withSettings(command: Command, settings: Readonly<Record<string, Setting<unknown>>>): Command {
  for (const [name, setting] of Object.entries(settings)) {
    const standard = (setting.default ?? '') === '' ? '' : ` Default: ${setting.default}.`;
    const file = setting.secret === true ? `, ${environmentOf(name)}_FILE` : '';
    const help = `${setting.description.replaceAll('`', '')}${standard} [${environmentOf(name)}${file}]`;
    command.option(`${flagOf(name)} <${setting.placeholder}>`, help);
  }
  return command.option('--config <FILE>', 'A YAML file with settings. [NAUTHERA_CONFIG]');
}
