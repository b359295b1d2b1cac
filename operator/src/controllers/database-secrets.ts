/** Which connections the Secrets of an AuthorizationServer name, pure: one for all, or one each for three roles. */
import type { ConditionDraft } from '../runtime/conditions.ts';
import type { ConfigMap, Secret } from '../sources/source.ts';
import type { ServerResource } from './attachment.ts';
import { refuseUrl, userOf } from './database-url.ts';

export interface NamedConnection {
  /** Name of the Secret that it stands in. */
  readonly secret: string;
  readonly url: string;
  readonly directUrl: string | undefined;
  readonly ca: string | undefined;
}

/** Users of the database, by what they do. */
export interface NamedRoles {
  readonly operator: string;
  readonly server: string;
}

export interface NamedConnections {
  /** The operator's own. */
  readonly own: NamedConnection;
  /** Of whoever owns the tables; `undefined`: it is the same. */
  readonly migrator: NamedConnection | undefined;
  /** `undefined`: one role does everything. */
  readonly roles: NamedRoles | undefined;
  /** TCP ports that the database is reached on. */
  readonly ports: readonly number[];
}

type Field = 'secretRef' | 'operatorSecretRef' | 'migratorSecretRef';
export const databaseFields = [
  'secretRef',
  'operatorSecretRef',
  'migratorSecretRef',
] as const satisfies readonly Field[];

export type Refused = { readonly ready: ConditionDraft };

/** A ConfigMap or a Secret with certificates. */
export type Bundle = Pick<ConfigMap, 'data'>;

const certificate = '-----BEGIN CERTIFICATE-----';
const noCertificate = 'holds no certificate in PEM';
const hint = 'that your database operator wrote, e.g. <cluster>-app';

/**
 * @param secrets by the field that names them; `undefined`: it does not exist
 * @param bundle what `spec.database.caBundleRef` names; `undefined`: it does not exist
 */
export function connectionsOf(
  server: ServerResource,
  secrets: Readonly<Partial<Record<Field, Secret>>>,
  bundle?: Bundle,
): NamedConnections | Refused {
  const { database } = server.spec;
  const authorities = authoritiesOf(server, bundle);
  if (authorities !== undefined && 'ready' in authorities) return authorities;
  const found = new Map<Field, NamedConnection>();
  for (const field of databaseFields) {
    const name = database?.[field]?.name;
    if (name === undefined && field !== 'secretRef') continue;
    const connection = connectionOf(server, field, name, secrets[field], authorities?.ca);
    if ('ready' in connection) return connection;
    found.set(field, connection);
  }
  const served = found.get('secretRef');
  if (served === undefined)
    return refused('SecretNotFound', `spec.database.secretRef is left out. Name the Secret ${hint}`);
  const own = found.get('operatorSecretRef');
  const migrator = found.get('migratorSecretRef');
  const all = [...found.values()];
  const urls = all.flatMap(({ url, directUrl }) => (directUrl === undefined ? [url] : [url, directUrl]));
  const ports = [...new Set(urls.map((url) => Number(new URL(url).port || 5432)))];
  if (own === undefined || migrator === undefined) return { own: served, migrator: undefined, roles: undefined, ports };
  const users = [served, own, migrator].map(({ url }) => userOf(new URL(url)) ?? '');
  const [serves = '', operates = ''] = users;
  const roles = new Set(users).size === users.length ? { server: serves, operator: operates } : undefined;
  return { own, migrator, roles, ports };
}

function refused(reason: string, message: string): Refused {
  return { ready: { type: 'DatabaseReady', status: 'False', reason, message } };
}

/** `undefined`: none are named. */
function authoritiesOf(
  { namespace, spec }: ServerResource,
  bundle: Bundle | undefined,
): { readonly ca: string } | Refused | undefined {
  const reference = spec.database?.caBundleRef;
  if (reference === undefined) return undefined;
  const { kind, name, key } = reference;
  const field = 'spec.database.caBundleRef';
  if (bundle === undefined)
    return refused(
      'CaNotFound',
      `${kind} "${name}" named in ${field} does not exist in namespace ${namespace}. Waiting for it${kind === 'ConfigMap' ? '; for a Secret add kind: Secret' : ''}`,
    );
  const ca = bundle.data[key];
  if (ca === undefined) {
    const keys = Object.keys(bundle.data).sort().join(', ');
    return refused(
      'CaNotFound',
      `${kind} "${name}" has no key "${key}" (keys: ${keys}). Add it, or name another key in ${field}`,
    );
  }
  if (!ca.includes(certificate))
    return refused('DatabaseTlsFailed', `${kind} "${name}", key "${key}": ${noCertificate}. Correct it, or ${field}`);
  return { ca };
}

function connectionOf(
  { namespace }: ServerResource,
  field: Field,
  name: string | undefined,
  secret: Secret | undefined,
  authorities: string | undefined,
): NamedConnection | Refused {
  if (name === undefined)
    return refused('SecretNotFound', `spec.database.${field} is left out. Name the Secret ${hint}`);
  if (secret === undefined)
    return refused(
      'SecretNotFound',
      `Secret "${name}" named in spec.database.${field} does not exist in namespace ${namespace}. Waiting for it; name the one ${hint}`,
    );
  const { uri, 'direct-uri': directUrl, 'ca.crt': beside } = secret.data;
  const ca = authorities ?? beside;
  if (uri === undefined) {
    const keys = Object.keys(secret.data).sort().join(', ');
    return refused(
      'SecretKeyNotFound',
      `Secret "${name}" has no key "uri" (keys: ${keys}). Point spec.database.${field} at the Secret your database operator wrote, e.g. <cluster>-app`,
    );
  }
  const where = (key: string) => `Secret "${name}", key "${key}"`;
  const problem =
    refuseUrl(uri, where('uri')) ?? (directUrl === undefined ? undefined : refuseUrl(directUrl, where('direct-uri')));
  if (problem !== undefined) return refused(problem.reason, problem.message);
  if (ca !== undefined && !ca.includes(certificate))
    return refused('DatabaseTlsFailed', `${where('ca.crt')}: ${noCertificate}. Correct that Secret`);
  return { secret: name, url: uri, directUrl, ca };
}
