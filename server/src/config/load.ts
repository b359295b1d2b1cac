/** Reads settings: flag, then environment, then configuration file, then default. All problems are told at once. */
import { parse as parseYaml } from 'yaml';
import type { Setting, Values } from './setting.ts';

export interface SettingSources {
  /** By setting; from the command line. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Path of the YAML file (`--config`, `NAUTHERA_CONFIG`). */
  readonly configFile: string | undefined;
  readonly readFile: (path: string) => string;
}

export type Loaded<S extends Record<string, Setting<unknown>>> =
  | { readonly outcome: 'loaded'; readonly values: Values<S>; readonly warnings: readonly string[] }
  /** One sentence each: where it was written, what is wrong, without any value of a secret. */
  | { readonly outcome: 'refused'; readonly problems: readonly string[] };

interface Found {
  readonly text: string;
  readonly source: string;
  readonly flag: boolean;
}

/** `keyFile` → `--key-file`. */
export function flagOf(setting: string): string {
  return `--${setting.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `keyFile` → `NAUTHERA_KEY_FILE`. */
export function environmentOf(setting: string): string {
  return `NAUTHERA_${setting.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/**
 * @param known every setting that a configuration file may hold: one file serves all commands.
 */
export function loadSettings<S extends Record<string, Setting<unknown>>>(
  settings: S,
  sources: SettingSources,
  known: Readonly<Record<string, Setting<unknown>>> = settings,
): Loaded<S> {
  const problems: string[] = [];
  const warnings: string[] = [];
  const file = readConfigFile(sources, known, problems);
  const values: Record<string, unknown> = {};
  const given = new Map<string, string>();
  for (const [name, setting] of Object.entries(settings)) {
    const found = find(name, setting, sources, file, problems);
    if (found !== undefined) given.set(name, found.source);
    // It stands behind the one that it stands in for.
    if (setting.insteadOf !== undefined) problems.push(...exactlyOne(setting.insteadOf, name, settings, given));
    if (found === undefined) {
      if (setting.required === true) problems.push(missing(name, setting));
      continue;
    }
    if (found.flag && setting.secret === true && /:\/\/[^/@]*:[^/@]+@/.test(found.text)) {
      warnings.push(
        `${found.source}: others on this machine can read a password in a flag; use ${environmentOf(name)}_FILE`,
      );
    }
    try {
      values[name] = setting.parse(found.text);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const shown = setting.secret === true ? '' : `, not ${JSON.stringify(found.text)}`;
      problems.push(`${found.source}: must be ${error.message}${shown}`);
    }
  }
  if (problems.length > 0) return { outcome: 'refused', problems };
  return { outcome: 'loaded', values: Object.freeze(values) as Values<S>, warnings };
}

/** @param given setting → where it was found */
function exactlyOne(
  name: string,
  standIn: string,
  settings: Readonly<Record<string, Setting<unknown>>>,
  given: ReadonlyMap<string, string>,
): readonly string[] {
  const setting = settings[name];
  const [one, other] = [given.get(name), given.get(standIn)];
  if (one !== undefined && other !== undefined)
    return [`${one} and ${other}: give one of ${flagOf(name)} and ${flagOf(standIn)}`];
  if (one !== undefined || other !== undefined || setting === undefined) return [];
  return [`${missing(name, setting)}; or ${flagOf(standIn)} in its place`];
}

function missing(name: string, setting: Setting<unknown>): string {
  const file = setting.secret === true ? ` or ${environmentOf(name)}_FILE` : '';
  return `${flagOf(name)} is needed: give the flag, ${environmentOf(name)}${file}, or ${name} in the configuration file`;
}

function find(
  name: string,
  setting: Setting<unknown>,
  sources: SettingSources,
  file: Readonly<Record<string, string>>,
  problems: string[],
): Found | undefined {
  const flag = sources.flags[name];
  if (flag !== undefined) return { text: flag, source: flagOf(name), flag: true };
  const variable = environmentOf(name);
  const text = sources.environment[variable];
  if (text !== undefined && text !== '') return { text, source: variable, flag: false };
  const path = setting.secret === true ? sources.environment[`${variable}_FILE`] : undefined;
  if (path !== undefined && path !== '') return readSecret(`${variable}_FILE`, path, sources, problems);
  const written = file[name];
  if (written !== undefined) return { text: written, source: `${sources.configFile}: ${name}`, flag: false };
  if (setting.default !== undefined) return { text: setting.default, source: 'default', flag: false };
  return undefined;
}

function readSecret(source: string, path: string, sources: SettingSources, problems: string[]): Found | undefined {
  try {
    return { text: sources.readFile(path).replace(/\r?\n$/, ''), source, flag: false };
  } catch {
    problems.push(`${source}: the file cannot be read`);
    return undefined;
  }
}

function readConfigFile(
  { configFile, readFile }: SettingSources,
  known: Readonly<Record<string, Setting<unknown>>>,
  problems: string[],
): Readonly<Record<string, string>> {
  if (configFile === undefined) return {};
  let content: unknown;
  try {
    content = parseYaml(readFile(configFile), { maxAliasCount: 0 });
  } catch {
    problems.push(`${configFile}: cannot be read as YAML`);
    return {};
  }
  if (content === null) return {};
  if (typeof content !== 'object' || Array.isArray(content)) {
    problems.push(`${configFile}: must be a map of settings`);
    return {};
  }
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(content)) {
    if (!Object.hasOwn(known, name)) problems.push(`${configFile}: ${name} is no setting${suggestion(name, known)}`);
    else if (typeof value !== 'string' && typeof value !== 'number')
      problems.push(`${configFile}: ${name} must be text`);
    else texts[name] = String(value);
  }
  return texts;
}

function suggestion(name: string, known: Readonly<Record<string, Setting<unknown>>>): string {
  const near = Object.keys(known).find((other) => distance(name.toLowerCase(), other.toLowerCase()) <= 2);
  return near === undefined ? '' : `; did you mean ${near}?`;
}

/** Levenshtein distance. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [i, letter] of Array.from(one).entries()) {
    const next = [i + 1];
    for (const [j, against] of Array.from(other).entries()) {
      const replaced = (row[j] ?? 0) + (letter === against ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
