/** What the folder source keeps of its resources: identity and last accepted content. */
import type { Database, Statement } from '../store/database.ts';
import { admission, fenced } from './fence.ts';
import type { Fence, ResourceIdentity } from './registry.ts';

const list: Statement = {
  name: 'registry_identities',
  text: `SELECT kind, namespace, name, uid, generation, accepted FROM registry_identities WHERE source = $1
    ORDER BY kind, namespace, name`,
};

const admitted = 'admitted AS MATERIALIZED (SELECT registry_admit($1, $2, $3) AS yes)';

const put: Statement = {
  name: 'registry_identity_put',
  text: `WITH ${admitted}, written AS (
      INSERT INTO registry_identities AS old (source, kind, namespace, name, uid, generation, accepted)
      SELECT $1, $4, $5, $6, $7, $8::bigint, $9::jsonb FROM admitted WHERE yes
      ON CONFLICT (source, kind, namespace, name) DO UPDATE
        SET uid = excluded.uid, generation = excluded.generation, accepted = excluded.accepted
        WHERE (old.uid, old.generation, old.accepted) IS DISTINCT FROM (excluded.uid, excluded.generation, excluded.accepted))
    SELECT yes FROM admitted`,
};

const remove: Statement = {
  name: 'registry_identity_delete',
  text: `WITH ${admitted}, gone AS (
      DELETE FROM registry_identities USING admitted
      WHERE yes AND source = $1 AND kind = $4 AND namespace = $5 AND name = $6)
    SELECT yes FROM admitted`,
};

export async function listIdentities(database: Database, { source }: Fence): Promise<readonly ResourceIdentity[]> {
  const { rows } = await database.run<ResourceIdentity>(list, [source]);
  return rows;
}

export async function putIdentity(database: Database, fence: Fence, identity: ResourceIdentity): Promise<void> {
  const { kind, namespace, name, uid, generation, accepted } = identity;
  const values = [...admission(fence), kind, namespace, name, uid, generation, JSON.stringify(accepted ?? null)];
  requireAdmission(await database.run<{ yes: boolean }>(put, values));
}

export async function deleteIdentity(
  database: Database,
  fence: Fence,
  { kind, namespace, name }: Pick<ResourceIdentity, 'kind' | 'namespace' | 'name'>,
): Promise<void> {
  requireAdmission(await database.run<{ yes: boolean }>(remove, [...admission(fence), kind, namespace, name]));
}

function requireAdmission({ rows }: { readonly rows: readonly { readonly yes: boolean }[] }): void {
  if (rows[0]?.yes !== true) throw fenced();
}
