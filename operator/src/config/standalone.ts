/** The settings of `nauthera-operator standalone`, and what is told of those that are risky. */
import { oneOf, parseAddress, path, type Setting, type Values } from '@nauthera/server/config';
import { database, label, matching } from './values.ts';

export const standaloneSettings = {
  resources: {
    description: 'Folder of resources (YAML); it is watched.',
    placeholder: 'FOLDER',
    required: true,
    parse: path,
  },
  database: {
    description: '`postgres://…` in earnest, `pglite:FOLDER` (embedded) to try it out.',
    placeholder: 'URL',
    required: true,
    secret: true,
    parse: database,
  },
  listen: {
    description: 'Where clients and browsers reach the server.',
    placeholder: 'HOST:PORT',
    required: true,
    parse: parseAddress,
  },
  tlsFolder: {
    description:
      'Folder with `tls.crt` (the chain, leaf first) and `tls.key`: the server speaks HTTPS. Read anew when they change. Left out: plain HTTP.',
    placeholder: 'FOLDER',
    parse: path,
  },
  mutualTlsListen: {
    description:
      'Where applications are asked for a certificate (`mutualTls` of the AuthorizationServer), with the certificate of `tlsFolder`. Left out: nowhere.',
    placeholder: 'HOST:PORT',
    parse: parseAddress,
  },
  management: {
    description: 'Status, health and metrics; keep it private.',
    placeholder: 'HOST:PORT',
    default: '127.0.0.1:9090',
    parse: parseAddress,
  },
  keyFile: {
    description:
      'The key that seals keys and passwords in the database; made when it is not there. Left out: `key-encryption-key` in the secrets folder.',
    placeholder: 'FILE',
    parse: path,
  },
  secrets: {
    description:
      'Private folder (0700) for generated Secrets and yours. Left out: `.secrets` in the folder of resources.',
    placeholder: 'FOLDER',
    parse: path,
  },
  sourceName: {
    description: 'Name under which the database knows this folder.',
    placeholder: 'NAME',
    default: 'folder',
    parse: matching(label, 'up to 63 of a-z, 0-9 and -'),
  },
  logLevel: {
    description: 'The least important lines that are written: `debug`, `info`, `warn`, `error`.',
    placeholder: 'LEVEL',
    default: 'info',
    parse: oneOf(['debug', 'info', 'warn', 'error']),
  },
  logFormat: {
    description: '`text`: for people; `json`: one object a line. The log goes to standard error.',
    placeholder: 'FORMAT',
    default: 'text',
    parse: oneOf(['text', 'json']),
  },
} as const satisfies Record<string, Setting<unknown>>;

export type StandaloneSettings = Values<typeof standaloneSettings>;

/** One sentence for each choice that is not for earnest use. */
export function risksOf({ database: { folder }, listen, tlsFolder, management }: StandaloneSettings): string[] {
  const risks: string[] = [];
  if (folder !== undefined)
    risks.push('the embedded database may lose its last writes at a power cut: use --database postgres://… in earnest');
  if (!isLoopback(listen.host) && tlsFolder === undefined)
    risks.push(
      'clients and browsers reach --listen without TLS: name a certificate with --tls-folder, or put a proxy with TLS before it and set spec.issuer to its https address',
    );
  if (!isLoopback(management.host))
    risks.push('status and metrics need no login: let --management listen on loopback, or keep it behind a firewall');
  return risks;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
