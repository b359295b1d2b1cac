/**
 * Settings: flag > `NAUTHERA_<FLAG>` > `--config FILE` (YAML, camelCase) > default. All problems at once, each with its
 * source; a secret may also come from `NAUTHERA_<NAME>_FILE`. Nothing here reads the process: values are passed in.
 */
import { nearest } from '@nauthera/crds';
import { parse } from 'yaml';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Setting<T> {
  readonly flag: string;
  /** For help: what stands behind the flag. */
  readonly value: string;
  readonly help: string;
  readonly default?: string;
  readonly required?: boolean;
  /** May be read from a file named by `NAUTHERA_<NAME>_FILE`; never shown. */
  readonly secret?: boolean;
  /** @throws Error whose message says what to write instead, without the value if it is a secret. */
  parse(text: string): T;
}

export interface SettingSources {
  /** By camelCase name, as given on the command line. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Content of `--config FILE`. */
  readonly file?: { readonly path: string; readonly text: string };
  /** For `NAUTHERA_<NAME>_FILE`. @throws when it cannot be read */
  readFile(path: string): string;
}

export type Loaded<T> =
  | { readonly settings: T; readonly warnings: readonly string[] }
  | { readonly problems: readonly string[] };

export function environmentName(flag: string): string {
  return `NAUTHERA_${flag.replaceAll('-', '_').toUpperCase()}`;
}

/** The settings of one command, by camelCase name. */
export type SettingsOf<T> = { readonly [K in keyof T]: Setting<T[K]> };

/** Each setting alone, and what is wrong with all of them together. */
export class SettingLoader {
  readonly problems: string[] = [];
  readonly #sources: SettingSources;
  readonly #file: Readonly<Record<string, unknown>>;

  /** @param names of all settings that the command has */
  constructor(sources: SettingSources, names: readonly string[]) {
    this.#sources = sources;
    this.#file = readConfigFile(sources.file, names, this.problems);
  }

  /** `undefined`: it is left out, or a problem. */
  load<T>(name: string, setting: Setting<T>): T | undefined {
    const { problems } = this;
    const found = find(name, setting, this.#sources, this.#file, problems);
    if (found === undefined) {
      if (setting.required === true && problems.every((problem) => !problem.startsWith(`--${setting.flag}`)))
        problems.push(
          `--${setting.flag} is missing: give --${setting.flag} ${setting.value} or set ${environmentName(setting.flag)}`,
        );
      return undefined;
    }
    try {
      return setting.parse(found.value);
    } catch (error) {
      const shown = setting.secret === true ? '' : ` "${found.value}"`;
      problems.push(
        `--${setting.flag}${shown} (from ${found.from}) ${error instanceof Error ? error.message : String(error)}`,
      );
      return undefined;
    }
  }
}

/** Whether everything that must be there is. */
export function isComplete<T extends object>(
  settings: { readonly [K in keyof T]: T[K] | undefined },
  rules: SettingsOf<T>,
): settings is T {
  const values = new Map<string, unknown>(Object.entries(settings));
  return Object.entries<Setting<unknown>>(rules).every(
    ([name, setting]) => (setting.required !== true && setting.default === undefined) || values.get(name) !== undefined,
  );
}

interface Found {
  readonly value: string;
  readonly from: string;
}

function find<T>(
  name: string,
  setting: Setting<T>,
  sources: SettingSources,
  file: Readonly<Record<string, unknown>>,
  problems: string[],
): Found | undefined {
  const flag = sources.flags[name];
  if (flag !== undefined) return { value: flag, from: 'the command line' };
  const variable = environmentName(setting.flag);
  const set = sources.environment[variable];
  if (set !== undefined && set !== '') return { value: set, from: variable };
  const named = setting.secret === true ? sources.environment[`${variable}_FILE`] : undefined;
  if (named !== undefined && named !== '') {
    try {
      return { value: sources.readFile(named).replace(/\r?\n$/, ''), from: `${variable}_FILE` };
    } catch {
      problems.push(`--${setting.flag}: the file named by ${variable}_FILE cannot be read`);
      return undefined;
    }
  }
  const written = file[name];
  if (typeof written === 'string' || typeof written === 'number')
    return { value: String(written), from: sources.file?.path ?? '' };
  if (written !== undefined) problems.push(`--${setting.flag} (from ${sources.file?.path}) must be a text`);
  return setting.default === undefined ? undefined : { value: setting.default, from: 'the default' };
}

function readConfigFile(
  file: SettingSources['file'],
  names: readonly string[],
  problems: string[],
): Readonly<Record<string, unknown>> {
  if (file === undefined) return {};
  let content: unknown;
  try {
    content = parse(file.text, { prettyErrors: false });
  } catch {
    problems.push(`${file.path} is not valid YAML`);
    return {};
  }
  if (content === null) return {};
  if (typeof content !== 'object' || Array.isArray(content)) {
    problems.push(`${file.path} must hold names and values, such as listen: 127.0.0.1:8080`);
    return {};
  }
  const settings: Record<string, unknown> = { ...content };
  for (const name of Object.keys(settings)) {
    if (names.includes(name)) continue;
    const meant = nearest(name, names);
    problems.push(`${file.path}: unknown setting "${name}"${meant === undefined ? '' : `: did you mean ${meant}?`}`);
  }
  return settings;
}

export function oneOf<const T extends string>(values: readonly T[]): (text: string) => T {
  return (given) => {
    const found = values.find((value) => value === given);
    if (found === undefined) throw new Error(`must be one of ${values.join(', ')}`);
    return found;
  };
}

export const text = (value: string): string => {
  if (value === '') throw new Error('is empty');
  return value;
};

export function parseAddress(value: string): Address {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(value);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || !(port <= 65_535)) throw new Error('is not HOST:PORT, such as 127.0.0.1:8080');
  return { host, port };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
