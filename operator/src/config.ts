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

/** `pglite:FOLDER` or a Postgres URL. */
export interface DatabaseSetting {
  readonly url: string;
  /** Folder of an embedded database. */
  readonly folder: string | undefined;
}

export interface StandaloneSettings {
  readonly resources: string;
  readonly database: DatabaseSetting;
  readonly listen: Address;
  readonly management: Address;
  /** Default: `key-encryption-key` in the secrets folder. */
  readonly keyFile: string | undefined;
  /** Default: `.secrets` in the resources folder. */
  readonly secrets: string | undefined;
  readonly sourceName: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly logFormat: 'text' | 'json';
}

interface Setting<T> {
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

const text = (value: string): string => {
  if (value === '') throw new Error('is empty');
  return value;
};

export const standaloneSettings: { readonly [K in keyof StandaloneSettings]: Setting<StandaloneSettings[K]> } = {
  resources: {
    flag: 'resources',
    value: 'FOLDER',
    help: 'folder of resources (YAML), watched',
    required: true,
    parse: text,
  },
  database: {
    flag: 'database',
    value: 'URL',
    help: 'postgres://… for earnest use, pglite:FOLDER (embedded) to try it out',
    required: true,
    secret: true,
    parse: parseDatabase,
  },
  listen: {
    flag: 'listen',
    value: 'HOST:PORT',
    help: 'where clients and browsers reach the server',
    required: true,
    parse: parseAddress,
  },
  management: {
    flag: 'management',
    value: 'HOST:PORT',
    help: 'status, health and metrics; keep it private',
    default: '127.0.0.1:9090',
    parse: parseAddress,
  },
  keyFile: {
    flag: 'key-file',
    value: 'FILE',
    help: 'key that seals keys and passwords in the database; made if absent (default: key-encryption-key in the secrets folder)',
    parse: text,
  },
  secrets: {
    flag: 'secrets',
    value: 'FOLDER',
    help: 'private folder (0700) for generated Secrets and yours (default: .secrets in the resources folder)',
    parse: text,
  },
  logLevel: {
    flag: 'log-level',
    value: 'LEVEL',
    help: 'debug, info, warn or error',
    default: 'info',
    parse: oneOf(['debug', 'info', 'warn', 'error']),
  },
  logFormat: {
    flag: 'log-format',
    value: 'FORMAT',
    help: 'text or json; the log goes to standard error',
    default: 'text',
    parse: oneOf(['text', 'json']),
  },
  sourceName: {
    flag: 'source-name',
    value: 'NAME',
    help: 'name under which the database knows this folder',
    default: 'folder',
    parse: parseSourceName,
  },
};

const standaloneNames = Object.keys(standaloneSettings);

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

export function loadStandaloneSettings(sources: SettingSources): Loaded<StandaloneSettings> {
  const problems: string[] = [];
  const file = readConfigFile(sources.file, standaloneNames, problems);
  const load = <T>(name: string, setting: Setting<T>): T | undefined => {
    const found = find(name, setting, sources, file, problems);
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
  };
  const { resources, database, listen, management, keyFile, secrets, sourceName, logLevel, logFormat } =
    standaloneSettings;
  const settings = {
    resources: load('resources', resources),
    database: load('database', database),
    listen: load('listen', listen),
    management: load('management', management),
    keyFile: load('keyFile', keyFile),
    secrets: load('secrets', secrets),
    sourceName: load('sourceName', sourceName),
    logLevel: load('logLevel', logLevel),
    logFormat: load('logFormat', logFormat),
  };
  if (!isComplete(settings) || problems.length > 0) return { problems };
  return { settings, warnings: warningsOf(settings, sources) };
}

type Partly = { readonly [K in keyof StandaloneSettings]: StandaloneSettings[K] | undefined };

function isComplete(settings: Partly): settings is StandaloneSettings {
  return Object.entries<Setting<unknown>>(standaloneSettings).every(
    ([name, setting]) =>
      (setting.required !== true && setting.default === undefined) || settings[name as keyof Partly] !== undefined,
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

function oneOf<const T extends string>(values: readonly T[]): (text: string) => T {
  return (given) => {
    const found = values.find((value) => value === given);
    if (found === undefined) throw new Error(`must be one of ${values.join(', ')}`);
    return found;
  };
}

function parseDatabase(value: string): DatabaseSetting {
  if (value.startsWith('pglite:')) {
    const folder = value.slice('pglite:'.length);
    if (folder === '') throw new Error('names no folder: write pglite:FOLDER');
    return { url: value, folder };
  }
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    throw new Error('is no URL: write postgres://user@host/database or pglite:FOLDER');
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')
    throw new Error('is not a Postgres URL: write postgres://user@host/database or pglite:FOLDER');
  return { url: value, folder: undefined };
}

function parseAddress(value: string): Address {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(value);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || !(port <= 65_535)) throw new Error('is not HOST:PORT, such as 127.0.0.1:8080');
  return { host, port };
}

function parseSourceName(value: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(value)) throw new Error('must be up to 63 of a-z, 0-9 and -');
  return value;
}

function warningsOf({ database, listen, management }: StandaloneSettings, sources: SettingSources): string[] {
  const warnings: string[] = [];
  if (database.folder !== undefined)
    warnings.push(
      'the embedded database may lose its last writes at a power cut: use --database postgres://… in earnest',
    );
  if (sources.flags.database !== undefined && database.folder === undefined && new URL(database.url).password !== '')
    warnings.push(
      'the database password stands on the command line, where other users of this machine can read it: use NAUTHERA_DATABASE_FILE',
    );
  if (!isLoopback(listen.host))
    warnings.push(
      'clients and browsers reach --listen without TLS: put a proxy with TLS before it and set spec.issuer to its https address',
    );
  if (!isLoopback(management.host))
    warnings.push(
      'status and metrics need no login: let --management listen on loopback, or keep it behind a firewall',
    );
  return warnings;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
