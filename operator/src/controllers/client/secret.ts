/**
 * The Client's Secret, pure: what it holds, which secret is in force, which older one is still accepted. The Secret is the
 * truth; the registry keeps digests only. An annotation ties the value to its digest, so that an edited value is noticed.
 */
import { createHash } from 'node:crypto';
import { type ClientSpec, type ClientStatus, type SecretKey } from '@nauthera/crds';
import { endpointUrl } from '@nauthera/server/registry';
import { clientIdOf } from '../../registrations/client.ts';
import { rfc3339 } from '../../runtime/conditions.ts';
import type { NewSecret, Secret } from '../../sources/source.ts';

const annotations = {
  /** Id of the secret that stands in the value. */
  id: 'auth.nauthera.io/secret-id',
  /** Key of the value: `secret.keys` may rename it. */
  key: 'auth.nauthera.io/secret-key',
  createdAt: 'auth.nauthera.io/secret-created-at',
  /** `<digest> <created at> <accepted until>` */
  retiring: 'auth.nauthera.io/retiring-secret',
  /** On a Secret whose name is no longer wanted. */
  removeAfter: 'auth.nauthera.io/remove-after',
} as const;

/** How long an older secret is accepted, and a Secret with an older name is kept: 24 h, in milliseconds. */
export const overlap = 86_400_000;

export interface SecretInputs {
  readonly client: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly spec: ClientSpec;
  };
  readonly issuer: string;
  /** Of the wanted name; made for this Client. */
  readonly target: Secret | undefined;
  /** Made for this Client under an older name. */
  readonly others: readonly Secret[];
  readonly storedDigests: readonly string[];
  readonly known: NonNullable<ClientStatus['secrets']>;
  /** 256 random bits, base64url; used when a new secret is needed. */
  readonly fresh: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

export type SecretWrite =
  | { readonly write: 'create'; readonly next: NewSecret }
  | { readonly write: 'update'; readonly before: Secret; readonly next: NewSecret }
  | { readonly write: 'delete'; readonly before: Secret };

export interface SecretPlan {
  readonly name: string;
  /** In this order, before anything is registered. */
  readonly writes: readonly SecretWrite[];
  /** Accepted from now on, the current one first. */
  readonly digests: readonly string[];
  readonly accepted: NonNullable<ClientStatus['secrets']>;
  /** Milliseconds until something of this ends. */
  readonly wakeIn: number | undefined;
}

interface Current {
  readonly value: string;
  readonly digest: string;
  readonly createdAt: string;
}

interface Retiring {
  readonly digest: string;
  readonly createdAt: string;
  readonly until: string;
}

export function secretNameOf({ name, spec }: { readonly name: string; readonly spec: ClientSpec }): string {
  return spec.secret?.name ?? `${name}-oauth2`;
}

/** SHA-256, base64url: what the registry keeps of a secret. */
export function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}

/** Says nothing about the secret, and little about its digest. */
export function idOfDigest(digest: string): string {
  return createHash('sha256').update(`nauthera secret id\0${digest}`).digest('base64url').slice(0, 16);
}

export function planSecret(inputs: SecretInputs): SecretPlan {
  const { client, target, others, now } = inputs;
  const { current, retiring } = hasSecret(client.spec)
    ? secretsOf(inputs)
    : { current: undefined, retiring: undefined };
  const next = render(inputs, current, retiring);
  const writes: SecretWrite[] = [];
  if (target === undefined) writes.push({ write: 'create', next });
  else if (!holds(target, next)) writes.push({ write: 'update', before: target, next });
  for (const other of others) writes.push(...retire(other, now));
  const ends = [
    retiring?.until,
    ...others.map((other) => other.annotations[annotations.removeAfter] ?? rfc3339(now + overlap)),
  ];
  return {
    name: next.name,
    writes,
    digests: [current?.digest, retiring?.digest].filter((digest) => digest !== undefined),
    accepted: [
      ...(current === undefined
        ? []
        : [{ id: idOfDigest(current.digest), createdAt: current.createdAt, state: 'Current' as const }]),
      ...(retiring === undefined
        ? []
        : [{ id: idOfDigest(retiring.digest), createdAt: retiring.createdAt, state: 'Retiring' as const }]),
    ],
    wakeIn: soonest(ends, now),
  };
}

export function hasSecret(spec: ClientSpec): boolean {
  return spec.authentication.method !== 'none';
}

function secretsOf(inputs: SecretInputs): { readonly current: Current; readonly retiring: Retiring | undefined } {
  const { target, others, fresh, now } = inputs;
  for (const secret of target === undefined ? others : [target]) {
    const current = readCurrent(secret);
    if (current !== undefined) return { current, retiring: readRetiring(secret, now) };
  }
  const createdAt = rfc3339(now);
  return { current: { value: fresh, digest: digestOf(fresh), createdAt }, retiring: lost(inputs) };
}

function readCurrent(secret: Secret): Current | undefined {
  const value = secret.data[secret.annotations[annotations.key] ?? ''];
  const createdAt = secret.annotations[annotations.createdAt];
  if (value === undefined || createdAt === undefined) return undefined;
  const digest = digestOf(value);
  return secret.annotations[annotations.id] === idOfDigest(digest) ? { value, digest, createdAt } : undefined;
}

function readRetiring(secret: Secret, now: number): Retiring | undefined {
  const [digest, createdAt, until] = secret.annotations[annotations.retiring]?.split(' ') ?? [];
  if (digest === undefined || createdAt === undefined || until === undefined) return undefined;
  return Date.parse(until) > now ? { digest, createdAt, until } : undefined;
}

/**
 * The Secret was deleted or edited: its value is gone, but running pods still have it. Of the registered digests that one
 * counts which was known as the current one; nothing that only the database says.
 */
function lost({ target, storedDigests, known, now }: SecretInputs): Retiring | undefined {
  const before = known.find(({ state }) => state === 'Current');
  const id = target?.annotations[annotations.id] ?? before?.id;
  const digest = id === undefined ? storedDigests[0] : storedDigests.find((one) => idOfDigest(one) === id);
  if (digest === undefined) return undefined;
  return { digest, createdAt: before?.createdAt ?? rfc3339(now), until: rfc3339(now + overlap) };
}

function render(
  { client, issuer, target }: SecretInputs,
  current: Current | undefined,
  retiring: Retiring | undefined,
): NewSecret {
  const { namespace, name, uid, spec } = client;
  const keys: Partial<Record<string, string>> = spec.secret?.keys ?? {};
  const data = Object.entries(valuesOf(client, issuer, current?.value)).map(
    ([key, value]) => [keys[key] ?? key, value] as const,
  );
  const ours = {
    [annotations.id]: current === undefined ? undefined : idOfDigest(current.digest),
    [annotations.key]: current === undefined ? undefined : (keys['client-secret'] ?? 'client-secret'),
    [annotations.createdAt]: current?.createdAt,
    [annotations.retiring]:
      retiring === undefined ? undefined : `${retiring.digest} ${retiring.createdAt} ${retiring.until}`,
    [annotations.removeAfter]: undefined,
  };
  return {
    namespace,
    name: secretNameOf(client),
    type: 'servicebinding.io/oauth2',
    // What others put on it stays.
    labels: {
      ...target?.labels,
      'app.kubernetes.io/managed-by': 'nauthera-operator',
      'auth.nauthera.io/client': name,
      'auth.nauthera.io/watch': 'true',
    },
    annotations: present({ ...target?.annotations, ...ours }),
    owner: { kind: 'Client', name, uid },
    data: Object.fromEntries(data),
  };
}

/** Spring's names, which Service Binding consumers share. */
function valuesOf(
  client: SecretInputs['client'],
  issuer: string,
  secret: string | undefined,
): Partial<Record<SecretKey, string>> {
  const { name, spec } = client;
  const { grantTypes, redirectUris = [] } = spec;
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
    'token-uri': endpointUrl(issuer, 'token'),
    'user-info-uri': endpointUrl(issuer, 'userinfo'),
    'jwk-set-uri': endpointUrl(issuer, 'jwks'),
  });
}

/** An older name is kept until every pod reads the new one. */
function retire(other: Secret, now: number): SecretWrite[] {
  const until = other.annotations[annotations.removeAfter];
  if (until !== undefined && Date.parse(until) <= now) return [{ write: 'delete', before: other }];
  if (until !== undefined && !Number.isNaN(Date.parse(until))) return [];
  const { version: _version, ...rest } = other;
  const next = { ...rest, annotations: { ...other.annotations, [annotations.removeAfter]: rfc3339(now + overlap) } };
  return [{ write: 'update', before: other, next }];
}

function holds(secret: Secret, next: NewSecret): boolean {
  return (
    secret.type === next.type &&
    isEqual(secret.data, next.data) &&
    isEqual(secret.labels, next.labels) &&
    isEqual(secret.annotations, next.annotations)
  );
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

function soonest(times: readonly (string | undefined)[], now: number): number | undefined {
  const left = times.filter((time) => time !== undefined).map((time) => Math.max(0, Date.parse(time) - now));
  return left.length === 0 ? undefined : Math.min(...left);
}
