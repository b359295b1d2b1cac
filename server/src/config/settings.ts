/** Every setting of `nauthera-server`, once: types, loader, help and README are derived from here. */
import { parseAddress } from './address.ts';
import type { Setting } from './setting.ts';
import { oneOf, path } from './values.ts';

function databaseUrl(text: string): string {
  if (text.startsWith('pglite:')) return text;
  if (/^postgres(?:ql)?:\/\//.test(text) && URL.canParse(text)) return text;
  throw new RangeError('postgres://… or pglite:FOLDER');
}

function name(text: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(text)) {
    throw new RangeError('1 to 128 letters, digits, dots, dashes and underscores');
  }
  return text;
}

function role(text: string): string {
  if (text === '' || text.includes('\0') || Buffer.byteLength(text) > 63) throw new RangeError('the name of a role');
  return text;
}

const database = {
  description: 'Where everything is stored: Postgres 15 or newer, or an embedded database for trial in a folder.',
  placeholder: 'postgres://…|pglite:FOLDER',
  secret: true,
  parse: databaseUrl,
} as const satisfies Setting<string>;
const databaseFolder = {
  description:
    'In place of `database` and `directDatabase`: a folder with the files `uri`, where a pooler stands in between `direct-uri`, and `ca.crt` where the certificate of the database is to be trusted. What changes there is used within seconds, without a restart.',
  placeholder: 'FOLDER',
  insteadOf: 'database',
  parse: path,
} as const satisfies Setting<string>;
const statementNames = {
  description:
    'Whether statements are prepared by name: `direct`: where no pooler stands in between; `always`: the pooler keeps track of them (PgBouncer 1.21 or newer with `max_prepared_statements` above 0).',
  placeholder: 'direct|always',
  default: 'direct',
  parse: oneOf(['direct', 'always']),
} as const satisfies Setting<'direct' | 'always'>;
const directDatabase = {
  description:
    'The same database without a pooler, for migrations and notifications. Needed where `database` goes through a pooler in transaction mode.',
  placeholder: 'postgres://…',
  secret: true,
  parse: databaseUrl,
} as const satisfies Setting<string>;
const keyFile = {
  description:
    'The key-encryption key: 32 random bytes in base64. Read at the start. While it is being replaced there are two lines: the first seals, the second only opens. Made (mode 0600) when the file is not there.',
  placeholder: 'FILE',
  required: true,
  parse: path,
} as const satisfies Setting<string>;
const logLevel = {
  description: 'The least important lines that are written: `debug`, `info`, `warn`, `error`.',
  placeholder: 'LEVEL',
  default: 'info',
  parse: oneOf(['debug', 'info', 'warn', 'error']),
} as const satisfies Setting<'debug' | 'info' | 'warn' | 'error'>;
const logFormat = {
  description: '`json`: one object a line; `text`: for people.',
  placeholder: 'FORMAT',
  default: 'json',
  parse: oneOf(['json', 'text']),
} as const satisfies Setting<'json' | 'text'>;

/** `nauthera-server serve`. */
export const serveSettings = {
  database,
  databaseFolder,
  directDatabase,
  statementNames,
  keyFile,
  listen: {
    description: 'Address of the public endpoints.',
    placeholder: 'HOST:PORT',
    default: '127.0.0.1:8080',
    parse: parseAddress,
  },
  tlsFolder: {
    description:
      'Folder with `tls.crt` (the chain, leaf first) and `tls.key` in PEM: the public endpoints speak HTTPS (TLS 1.2 or newer). Read anew when the files change, without a dropped connection. Left out: plain HTTP.',
    placeholder: 'FOLDER',
    parse: path,
  },
  mutualTlsListen: {
    description:
      'Address where clients are asked for a certificate (RFC 8705): token, userinfo, introspection, revocation and device authorization endpoints, over HTTPS with the certificate of `tlsFolder`. Left out: nowhere.',
    placeholder: 'HOST:PORT',
    parse: parseAddress,
  },
  management: {
    description: 'Address of `/livez`, `/readyz` and `/metrics`; not for the public.',
    placeholder: 'HOST:PORT',
    default: '127.0.0.1:9090',
    parse: parseAddress,
  },
  migrations: {
    description: '`run`: bring the tables up to date before serving; `never`: somebody else does.',
    placeholder: 'run|never',
    default: 'run',
    parse: oneOf(['run', 'never']),
  },
  replica: {
    description: 'Name of this replica in reports. Left out: the host name and a random end.',
    placeholder: 'NAME',
    parse: name,
  },
  logLevel,
  logFormat,
} as const satisfies Record<string, Setting<unknown>>;

/** `nauthera-server migrate`. */
export const migrateSettings = {
  database,
  databaseFolder,
  directDatabase,
  serverRole: {
    description:
      'The role that servers log in with, when it is not the owner: it gets the rights that serving needs, and no more.',
    placeholder: 'ROLE',
    parse: role,
  },
  operatorRole: {
    description: 'The role that the operator logs in with, when it is not the owner: likewise.',
    placeholder: 'ROLE',
    parse: role,
  },
} as const satisfies Record<string, Setting<unknown>>;

/** `nauthera-server explain …`: registrations, and the key that opens the passwords of service accounts. */
export const explainSettings = { database, databaseFolder, keyFile } as const satisfies Record<
  string,
  Setting<unknown>
>;

/** `nauthera-server keys …`. */
export const keysSettings = { database, databaseFolder } as const satisfies Record<string, Setting<unknown>>;
