/** What a generated Secret of a Client holds, pure. */
import { type ClientSpec, deviceCodeGrant, type SecretKey } from '@nauthera/crds';
import { type Endpoint, endpointUrl, isMutualTlsEndpoint, mutualTlsUrl } from '@nauthera/server/registry';
import { clientIdOf } from '../../registrations/client.ts';
import { needsCertificate } from '../../registrations/mutual-tls.ts';
import { madeForAnnotation, type NewSecret, type Secret } from '../../sources/source.ts';
import type { Trust } from '../trust.ts';

export const secretAnnotations = {
  /** Id of the secret that stands in the value. */
  id: 'auth.nauthera.io/secret-id',
  /** Key of the value: `secret.keys` may rename it. */
  key: 'auth.nauthera.io/secret-key',
  createdAt: 'auth.nauthera.io/secret-created-at',
  /**
   * `<digest> <created at> <superseded at>` of the secret that stood here before, for as long as it is accepted: for a
   * registration that is lost.
   */
  former: 'auth.nauthera.io/former-secret',
  /** What was asked for by annotation when the value was written: a crash must not have it written again. */
  rotatedFor: 'auth.nauthera.io/rotated-for',
  revokedFor: 'auth.nauthera.io/revoked-for',
  /** On a Secret whose name is no longer wanted. */
  removeAfter: 'auth.nauthera.io/remove-after',
  /** `Retain`: it stays when its Client goes. It stands here too because a Client that is gone cannot be asked. */
  deletionPolicy: 'auth.nauthera.io/deletion-policy',
  /** Uid of the Client, where it stays when that goes and so names no owner. */
  madeFor: madeForAnnotation,
  /** Names, with commas, of what stands here because the Client asked for it: taken away when it no longer does. */
  addedLabels: 'auth.nauthera.io/added-labels',
  addedAnnotations: 'auth.nauthera.io/added-annotations',
} as const;

export const secretType = 'servicebinding.io/oauth2';

export interface SecretOwnerFacts {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly spec: ClientSpec;
  /** Default: the certificate of the issuer is of no authority that is known here. */
  readonly trust?: Trust;
  /** Where the server asks for certificates; left out: nowhere. */
  readonly mutualTls?: string | undefined;
}

export interface Current {
  readonly id: string;
  readonly value: string;
  readonly createdAt: string;
}

/** Beside the value, on the Secret that it stands in. */
export type SecretMarks = Readonly<Partial<Record<'former' | 'rotatedFor' | 'revokedFor', string | undefined>>>;

export function secretNameOf({ name, spec }: { readonly name: string; readonly spec: ClientSpec }): string {
  return spec.secret?.name ?? `${name}-oauth2`;
}

/** The key under which the secret stands. */
export function secretKeyOf(spec: ClientSpec): string {
  const keys: Partial<Record<string, string>> = spec.secret?.keys ?? {};
  return keys['client-secret'] ?? 'client-secret';
}

export function renderSecret(
  client: SecretOwnerFacts,
  issuer: string,
  target: Secret | undefined,
  current: Current | undefined,
  marks: SecretMarks = {},
): NewSecret {
  const { namespace, name, uid, spec } = client;
  const keys: Partial<Record<string, string>> = spec.secret?.keys ?? {};
  const values = present({ ...valuesOf(client, issuer, current?.value), 'ca.crt': authorityOf(client, target) });
  const data = Object.entries(values).map(([key, value]) => [keys[key] ?? key, value] as const);
  const labels = spec.secret?.labels ?? {};
  const annotations = spec.secret?.annotations ?? {};
  const before = target?.annotations ?? {};
  const ours = {
    [secretAnnotations.id]: current?.id,
    [secretAnnotations.key]: current === undefined ? undefined : secretKeyOf(spec),
    [secretAnnotations.createdAt]: current?.createdAt,
    [secretAnnotations.former]: current === undefined ? undefined : marks.former,
    [secretAnnotations.rotatedFor]: current === undefined ? undefined : marks.rotatedFor,
    [secretAnnotations.revokedFor]: current === undefined ? undefined : marks.revokedFor,
    [secretAnnotations.removeAfter]: undefined,
    [secretAnnotations.deletionPolicy]: spec.deletionPolicy === 'Retain' ? 'Retain' : undefined,
    [secretAnnotations.madeFor]: spec.deletionPolicy === 'Retain' ? uid : undefined,
    [secretAnnotations.addedLabels]: namesIn(labels),
    [secretAnnotations.addedAnnotations]: namesIn(annotations),
  };
  return {
    namespace,
    name: secretNameOf(client),
    type: secretType,
    // What others put on it stays.
    labels: {
      ...without(target?.labels ?? {}, before[secretAnnotations.addedLabels]),
      ...labels,
      'app.kubernetes.io/managed-by': 'nauthera-operator',
      'auth.nauthera.io/client': name,
      'auth.nauthera.io/watch': 'true',
    },
    annotations: present({
      ...without(before, before[secretAnnotations.addedAnnotations]),
      ...annotations,
      ...ours,
    }),
    owner: { kind: 'Client', name, uid },
    data: Object.fromEntries(data),
  };
}

/** The key under which the authority of the issuer's certificate stands. */
export function authorityKeyOf(spec: ClientSpec): string {
  const keys: Partial<Record<string, string>> = spec.secret?.keys ?? {};
  return keys['ca.crt'] ?? 'ca.crt';
}

/** What is not known yet stays as it is: an application must not lose whom it trusts because the operator starts. */
function authorityOf({ spec, trust }: SecretOwnerFacts, target: Secret | undefined): string | undefined {
  if (trust === undefined) return undefined;
  return trust.known ? trust.pem : target?.data[authorityKeyOf(spec)];
}

/** As it stays behind when its Client goes: of nobody, and no longer ours. */
export function releasedSecret(read: Secret): NewSecret {
  const secret = unread(read);
  const { 'app.kubernetes.io/managed-by': _by, 'auth.nauthera.io/client': _client, ...labels } = secret.labels;
  const ours = new Set<string>(Object.values(secretAnnotations));
  const annotations = Object.fromEntries(Object.entries(secret.annotations).filter(([name]) => !ours.has(name)));
  return { ...secret, labels, annotations, owner: undefined };
}

export function marksOn(secret: Secret | undefined): SecretMarks {
  const { former, rotatedFor, revokedFor } = secretAnnotations;
  const { annotations = {} } = secret ?? {};
  return {
    former: annotations[former],
    rotatedFor: annotations[rotatedFor],
    revokedFor: annotations[revokedFor],
  };
}

export function isSameSecret(secret: Secret, next: NewSecret): boolean {
  return (
    isSameContent(secret, next) && isEqual(secret.labels, next.labels) && isEqual(secret.annotations, next.annotations)
  );
}

/** What cannot change in an immutable one. */
export function isSameContent(secret: Secret, next: NewSecret): boolean {
  return secret.type === next.type && isEqual(secret.data, next.data);
}

/** The same, but for what it remembers of the secret before. */
export function remembering(secret: Secret, former: string | undefined): NewSecret {
  return { ...unread(secret), annotations: present({ ...secret.annotations, [secretAnnotations.former]: former }) };
}

/** What of a Secret can be written. */
export function unread(secret: Secret): NewSecret {
  const { version: _version, immutable: _immutable, uid: _uid, controlled: _controlled, ...rest } = secret;
  return rest;
}

function namesIn(texts: Readonly<Record<string, string>>): string | undefined {
  const names = Object.keys(texts).sort();
  return names.length === 0 ? undefined : names.join(',');
}

/** Anybody may have edited the list: what is the operator's own is put there again afterwards. */
function without(texts: Readonly<Record<string, string>>, names: string | undefined): Record<string, string> {
  const gone = new Set(names?.split(','));
  return Object.fromEntries(Object.entries(texts).filter(([name]) => !gone.has(name)));
}

/** Spring's names, which Service Binding consumers share. */
function valuesOf(
  client: SecretOwnerFacts,
  issuer: string,
  secret: string | undefined,
): Partial<Record<SecretKey, string>> {
  const { name, spec } = client;
  const { grantTypes, redirectUris = [] } = spec;
  // One that needs a certificate is served where certificates are asked for, and nowhere else (RFC 8705 §5).
  const listener = needsCertificate(spec) ? client.mutualTls : undefined;
  const at = (endpoint: Endpoint): string =>
    listener !== undefined && isMutualTlsEndpoint(endpoint)
      ? mutualTlsUrl(listener, issuer, endpoint)
      : endpointUrl(issuer, endpoint);
  const main = (['authorization_code', 'client_credentials'] as const).find((grant) => grantTypes.includes(grant));
  return present({
    type: 'oauth2',
    provider: 'nauthera',
    'client-id': clientIdOf(client),
    'client-name': spec.displayName ?? name,
    'user-name-attribute': 'sub',
    'client-secret': secret,
    'client-authentication-method': secret === undefined ? undefined : spec.authentication.method,
    'authorization-grant-type': main,
    'authorization-grant-types': grantTypes.join(','),
    'redirect-uri': redirectUris.length === 1 ? redirectUris[0] : undefined,
    'redirect-uris': redirectUris.length > 0 ? redirectUris.join(',') : undefined,
    scope: spec.scopes.join(','),
    'issuer-uri': issuer,
    'authorization-uri': endpointUrl(issuer, 'authorization'),
    'token-uri': at('token'),
    'user-info-uri': at('userinfo'),
    'jwk-set-uri': endpointUrl(issuer, 'jwks'),
    'end-session-uri': endpointUrl(issuer, 'endSession'),
    // Where no policy allows that grant the server has no such endpoint; a Client that lists it is allowed it.
    'device-authorization-uri': grantTypes.includes(deviceCodeGrant) ? at('deviceAuthorization') : undefined,
    'introspection-uri': at('introspection'),
    'revocation-uri': at('revocation'),
  });
}

function isEqual(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && one[key] === other[key])
  );
}

function present<K extends string>(values: Partial<Record<K, string | undefined>>): Record<K, string> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Record<K, string>;
}
