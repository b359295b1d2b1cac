/** The Secrets of generated certificates: what stands in them, and what should, pure. */
import { inspect, type Pair, readCertificates } from '../../../certificates/inspect.ts';
import type { Authorities, FoundAuthorities, Serving } from '../../../certificates/lifecycle.ts';
import type { NewSecret, Secret } from '../../../sources/source.ts';
import type { ServerResource } from '../../attachment.ts';
import { secretLabels, serverLabel } from '../../key-encryption.ts';
import { generated } from './wanted.ts';

/** What stands in the two Secrets. */
export interface Kept {
  readonly authorities: FoundAuthorities;
  readonly serving: Serving | undefined;
}

export function readAuthorities(secret: Secret | undefined): FoundAuthorities {
  const { data = {} } = secret ?? {};
  const former = readCertificates(data['former.crt'] ?? '') ?? [];
  return {
    signing: pairOf(data['tls.crt'], data['tls.key']),
    next: pairOf(data['next.crt'], data['next.key']),
    former: former.map((one) => one.toString()),
  };
}

export function readServing(secret: Secret | undefined): Serving | undefined {
  const { data = {} } = secret ?? {};
  const pair = pairOf(data['tls.crt'], data['tls.key']);
  return pair === undefined ? undefined : { ...pair, authority: oneForm(data['ca.crt'] ?? '') };
}

/** Somebody's own Secret of that name is not touched. */
export function isOurs(secret: Secret, { namespace, name, uid }: ServerResource): boolean {
  // One that a Client was given is the Client's, whatever it is labelled.
  if (secret.owner !== undefined && secret.owner.kind !== 'AuthorizationServer') return false;
  if (secret.labels[serverLabel] === name || secret.owner?.uid === uid) return true;
  // Its labels were edited away.
  const { signing } = readAuthorities(secret);
  const found = signing === undefined ? 'certificate' : inspect(signing);
  return typeof found !== 'string' && found.leaf.subject.startsWith(`O=${namespace}\nOU=${name}\nCN=Nauthera CA `);
}

/**
 * Has no owner reference: an authority that clients trust outlives a server that is made anew, and comes back from a backup
 * without being collected as garbage.
 */
export function authoritySecret(server: ServerResource, { signing, next, former }: Authorities): NewSecret {
  return {
    ...tlsSecret(server, generated.authority(server.name)),
    owner: undefined,
    data: {
      'tls.crt': signing.certificate,
      'tls.key': signing.key,
      ...(next === undefined ? {} : { 'next.crt': next.certificate, 'next.key': next.key }),
      ...(former.length === 0 ? {} : { 'former.crt': former.join('') }),
    },
  };
}

export function servingSecret(server: ServerResource, { certificate, key, authority }: Serving): NewSecret {
  const { name, uid } = server;
  return {
    ...tlsSecret(server, generated.serving(name)),
    owner: { kind: 'AuthorizationServer', name, uid },
    data: { 'tls.crt': certificate, 'tls.key': key, 'ca.crt': authority },
  };
}

/** `undefined`: it is so already. What others put beside our labels stays. */
export function changeOf(found: Secret, wanted: NewSecret): NewSecret | undefined {
  const next = {
    ...wanted,
    labels: { ...found.labels, ...wanted.labels },
    annotations: found.annotations,
  };
  const same =
    found.type === next.type &&
    found.owner?.uid === next.owner?.uid &&
    isEqual(found.data, next.data) &&
    isEqual(found.labels, next.labels);
  return same ? undefined : next;
}

function tlsSecret({ namespace, name: server }: ServerResource, name: string) {
  return { namespace, name, type: 'kubernetes.io/tls', labels: secretLabels(server), annotations: {} } as const;
}

/** Certificates are compared as text: they stand here in one form. */
function pairOf(certificate: string | undefined, key: string | undefined): Pair | undefined {
  if (certificate === undefined || key === undefined) return undefined;
  return { certificate: oneForm(certificate), key };
}

function oneForm(pem: string): string {
  return readCertificates(pem)?.join('') ?? pem;
}

function isEqual(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}
