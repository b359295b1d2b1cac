/** The key-encryption key of an AuthorizationServer in its Secret, pure. */
import type { NewSecret, Secret } from '../sources/source.ts';
import type { ServerResource } from './attachment.ts';

/** The entry: what a key file of the server holds. */
export const keyEntry = 'key-encryption-key';

export function keySecretName({ name, spec }: Pick<ServerResource, 'name' | 'spec'>): string {
  return spec.keyEncryption?.secretRef?.name ?? `${name}-key-encryption-key`;
}

/** Whether the operator may make the Secret. */
export function isGenerated({ spec }: Pick<ServerResource, 'spec'>): boolean {
  return spec.keyEncryption?.secretRef === undefined;
}

export type FoundKeys =
  | { readonly found: 'keys'; readonly text: string; readonly keys: readonly Uint8Array[] }
  | { readonly found: 'nothing' }
  | { readonly found: 'invalid'; readonly problem: string };

export function readKeys(secret: Secret | undefined): FoundKeys {
  if (secret === undefined) return { found: 'nothing' };
  const where = `Secret "${secret.name}"`;
  const text = secret.data[keyEntry];
  if (text === undefined)
    return { found: 'invalid', problem: `${where} has no key "${keyEntry}". Add it, or name another Secret` };
  const lines = text.split(/\r?\n/).filter((line) => line !== '');
  if (lines.length === 0 || lines.length > 2 || !lines.every((line) => /^[A-Za-z0-9+/]{43}=$/.test(line))) {
    const problem = `${where}, key "${keyEntry}": must hold one or two lines, each 32 bytes in base64 (openssl rand -base64 32)`;
    return { found: 'invalid', problem };
  }
  return { found: 'keys', text: lines.join('\n'), keys: lines.map((line) => Buffer.from(line, 'base64')) };
}

/** Why the key cannot be had where the database holds what it sealed. */
export function missingKey(server: ServerResource): string {
  const name = keySecretName(server);
  if (isGenerated(server))
    return `the database holds keys, and Secret "${name}" that opens them is gone. Bring it back from a backup; where nobody has it any more, see nauthera-server restore --key-is-lost`;
  return `Secret "${name}" named in spec.keyEncryption.secretRef does not exist in namespace ${server.namespace}. Waiting for it`;
}

/**
 * Has no owner reference: whatever collects garbage, and in whatever order a deletion goes, the key that opens a database
 * which is kept must stay.
 *
 * @param key 32 random bytes
 */
export function newKeySecret(server: ServerResource, key: Uint8Array): NewSecret {
  return {
    namespace: server.namespace,
    name: keySecretName(server),
    type: 'Opaque',
    labels: secretLabels(server.name),
    annotations: {},
    owner: undefined,
    data: { [keyEntry]: `${Buffer.from(key).toString('base64')}\n` },
  };
}

/** Of every Secret that is made for a server. */
export function secretLabels(server: string): Readonly<Record<string, string>> {
  return {
    'app.kubernetes.io/name': 'nauthera-server',
    'app.kubernetes.io/instance': server,
    'app.kubernetes.io/component': 'server',
    'app.kubernetes.io/part-of': 'nauthera',
    'app.kubernetes.io/managed-by': 'nauthera-operator',
    [serverLabel]: server,
    'auth.nauthera.io/watch': 'true',
  };
}

/** On what was made for a server: its name. */
export const serverLabel = 'auth.nauthera.io/authorization-server';
