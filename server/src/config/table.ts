/** The table of a set of settings, as a README shows it. */
import { environmentOf, flagOf } from './load.ts';
import type { Setting } from './setting.ts';

type Settings = Readonly<Record<string, Setting<unknown>>>;

export function settingsTable(settings: Settings): string {
  const rows = Object.entries(settings).map(([name, setting]) => {
    const variable = environmentOf(name);
    const variables = setting.secret === true ? `\`${variable}\`, \`${variable}_FILE\`` : `\`${variable}\``;
    const flag = `\`${flagOf(name)} ${escaped(setting.placeholder)}\``;
    return `| ${flag} | ${variables} | \`${name}\` | ${standard(name, setting, settings)} | ${escaped(setting.description)} |`;
  });
  return ['| Flag | Environment | In the file | Default | What it does |', '|---|---|---|---|---|', ...rows].join('\n');
}

function standard(name: string, setting: Setting<unknown>, settings: Settings): string {
  if (setting.default !== undefined) return setting.default === '' ? 'empty' : `\`${setting.default}\``;
  if (setting.required === true) return 'needed';
  const standIn = Object.entries(settings).find(([, { insteadOf }]) => insteadOf === name)?.[0];
  return standIn === undefined ? '–' : `needed, or \`${flagOf(standIn)}\``;
}

const escaped = (text: string): string => text.replaceAll('|', '\\|');

/** The text with `table` between the marker `begin` and the end marker after it. @throws RangeError when one is missing */
export function withTable(text: string, begin: string, table: string): string {
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from < 0 || to < from) throw new RangeError(`the markers of a settings table are missing: ${begin}`);
  return `${text.slice(0, from + begin.length)}\n\n${table}\n\n${text.slice(to)}`;
}

const end = '<!-- settings: end -->';
