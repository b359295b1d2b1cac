/**
 * What there is in a cluster and its registry, in a form that two runs can be compared by: uids, digests, namespaces and the
 * issuer stand as names, times are left out, no value of a Secret is in it. Whether the secret of a Client is one that the
 * registry knows is said beside it.
 */
import { createHash } from 'node:crypto';
import pg from 'pg';
import { idOfDigest } from '../../operator/src/controllers/client/secret.ts';
import type { AnyObject, TestCluster } from './kube-cluster.ts';

export interface StateOf {
  readonly cluster: Pick<TestCluster, 'call'>;
  readonly databaseUrl: string;
  /** Real name by the name that stands for it: `{shop: 'shop-3f9a2c'}`. Nothing else is looked at. */
  readonly namespaces: Readonly<Record<string, string>>;
}

export interface EndState {
  readonly resources: readonly unknown[];
  readonly secrets: readonly unknown[];
  readonly registry: readonly unknown[];
  /** What is no longer registered. */
  readonly retired: readonly unknown[];
}

const plurals = ['authorizationservers', 'clients', 'scopes', 'ldapbindings'] as const;
const group = '/apis/auth.nauthera.io/v1alpha1';

export async function endState(of: StateOf): Promise<EndState> {
  const spaces = Object.values(of.namespaces);
  const listed = await Promise.all(
    spaces.flatMap((space) => plurals.map((plural) => list(of, `${group}/namespaces/${space}/${plural}`))),
  );
  const secrets = (await Promise.all(spaces.map((space) => list(of, `/api/v1/namespaces/${space}/secrets`)))).flat();
  const rows = await rowsOf(of.databaseUrl, spaces);
  const known = names(listed.flat(), secrets);
  const canonical = (value: unknown): never => rename(value, of, known) as never;
  return {
    resources: canonical(listed.flat().map(resourceOf)),
    secrets: canonical(secrets.map((secret) => secretOf(secret, rows.registry))),
    registry: canonical(rows.registry),
    retired: canonical(rows.retired),
  };
}

async function list({ cluster }: StateOf, path: string): Promise<readonly AnyObject[]> {
  const { items } = await cluster.call('GET', path);
  return items as readonly AnyObject[];
}

type Row = Readonly<Record<string, unknown>>;

async function rowsOf(
  databaseUrl: string,
  spaces: readonly string[],
): Promise<{ registry: readonly Row[]; retired: readonly Row[] }> {
  const client = new pg.Client({ connectionString: databaseUrl });
  // The server may end while a test is being given up.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows: found } = await client.query<Row>(
      "SELECT to_regclass('registry_tombstones') IS NOT NULL AS migrated",
    );
    if (found[0]?.migrated !== true) return { registry: [], retired: [] };
    const { rows: registry } = await client.query<Row>(
      `SELECT kind, id, namespace, name, uid, withdrawn, body, sealed IS NOT NULL AS sealed FROM registry
        WHERE namespace = ANY ($1) ORDER BY kind, id`,
      [spaces],
    );
    const { rows: retired } = await client.query<Row>(
      'SELECT kind, id, namespace, name FROM registry_tombstones WHERE namespace = ANY ($1) ORDER BY kind, id',
      [spaces],
    );
    return { registry, retired };
  } finally {
    await client.end();
  }
}

function resourceOf({ kind, metadata, spec, status }: AnyObject): unknown {
  const {
    namespace,
    name,
    uid,
    finalizers = [],
    labels = {},
    annotations = {},
    generation,
    deletionTimestamp,
  } = metadata;
  const { 'kubectl.kubernetes.io/last-applied-configuration': _applied, ...others } = annotations;
  const deleting = deletionTimestamp !== undefined;
  return {
    kind,
    namespace,
    name,
    uid,
    generation,
    finalizers,
    labels,
    annotations: others,
    deleting,
    spec,
    status: sorted(status),
  };
}

function secretOf({ metadata, type, data = {}, immutable = false }: AnyObject, registry: readonly Row[]): unknown {
  const { namespace, name, labels = {}, annotations = {}, ownerReferences = [] } = metadata;
  const value = data['client-secret'] as string | undefined;
  const text = JSON.stringify(registry);
  return {
    namespace,
    name,
    type,
    labels,
    annotations,
    immutable,
    owners: (ownerReferences as AnyObject[]).map(({ kind, uid, controller }) => ({ kind, uid, controller })),
    keys: Object.keys(data as object).sort(),
    ...(value === undefined ? {} : { secret: text.includes(digestOf(value)) ? 'registered' : 'registered nowhere' }),
  };
}

function digestOf(base64: string): string {
  return createHash('sha256').update(Buffer.from(base64, 'base64')).digest('base64url');
}

/** What differs from run to run, by the name that is to stand in its place. */
function names(resources: readonly AnyObject[], secrets: readonly AnyObject[]): ReadonlyMap<string, string> {
  const known = new Map<string, string>();
  for (const { kind, metadata } of resources)
    known.set(String(metadata.uid), `uid of ${kind} ${metadata.namespace}/${metadata.name}`);
  for (const { metadata, data = {} } of secrets) {
    const value = data['client-secret'] as string | undefined;
    if (value === undefined) continue;
    const digest = digestOf(value);
    known.set(digest, `digest of ${metadata.namespace}/${metadata.name}`);
    known.set(idOfDigest(digest), `id of ${metadata.namespace}/${metadata.name}`);
  }
  return known;
}

function rename(value: unknown, { namespaces }: StateOf, known: ReadonlyMap<string, string>): unknown {
  let text = JSON.stringify(value);
  for (const [found, name] of known) text = text.replaceAll(found, name);
  for (const [name, space] of Object.entries(namespaces)) text = text.replaceAll(space, name);
  text = text
    .replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, 'URL')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, 'TIME')
    // Of what is no longer there: a secret that was in force, an owner that is gone.
    .replaceAll(/(?<=[" ])[\w-]{43}(?=[" ])/g, 'a former digest')
    .replaceAll(/[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/g, 'a former uid')
    .replaceAll(/"id":"[\w-]{16}"/g, '"id":"a former id"');
  return JSON.parse(text);
}

/** Conditions in one order: it is no part of what they say. */
function sorted(status: AnyObject | undefined): unknown {
  if (!Array.isArray(status?.conditions)) return status;
  const conditions = status.conditions as AnyObject[];
  return { ...status, conditions: conditions.toSorted((one, other) => String(one.type).localeCompare(other.type)) };
}
