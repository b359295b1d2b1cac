/** Roles for people, as the chart brings them: what each grants, and what flows into the cluster's own `view` and `edit`. */
import { describe, expect, it } from 'vitest';
import { renderWholeChart } from '../support/chart.ts';
import { type AnyObject, objectsOf } from '../support/kube-cluster.ts';

const read = 'get list watch';
const write = `${read} create update patch delete deletecollection`;
const golden = {
  'nauthera-viewer': [
    'aggregate-to-admin aggregate-to-edit aggregate-to-view',
    `auth.nauthera.io/authorizationservers,clients,ldapbindings,scopes: ${read}`,
  ],
  'nauthera-client-editor': ['aggregate-to-admin aggregate-to-edit', `auth.nauthera.io/clients,scopes: ${write}`],
  'nauthera-directory-admin': ['', `auth.nauthera.io/ldapbindings: ${write}`],
  'nauthera-server-admin': ['', `auth.nauthera.io/authorizationservers: ${write}`],
  'nauthera-service-binding': ['', `auth.nauthera.io/clients: ${read}`],
};

async function roles(...set: string[]): Promise<Readonly<Record<string, AnyObject>>> {
  const objects = objectsOf(await renderWholeChart({ set: ['authorizationServer.create=false', ...set] }));
  const bound = new Set(
    objects.filter(({ kind }) => String(kind).endsWith('RoleBinding')).map(({ roleRef }) => roleRef.name as string),
  );
  const found = objects.filter(({ kind, metadata }) => kind === 'ClusterRole' && !bound.has(metadata.name));
  return Object.fromEntries(found.map((role) => [String(role.metadata.name), role]));
}

const aggregated = ({ metadata }: AnyObject): string =>
  Object.keys(metadata.labels as object)
    .filter((label) => label.startsWith('rbac.authorization.k8s.io/'))
    .map((label) => label.slice('rbac.authorization.k8s.io/'.length))
    .toSorted()
    .join(' ');
const grants = ({ rules }: AnyObject): string =>
  (rules as readonly AnyObject[])
    .map(({ apiGroups, resources, verbs }) => `${apiGroups.join()}/${resources.join()}: ${verbs.join(' ')}`)
    .join('; ');

describe('A46 A74 roles for people', () => {
  it('are exactly these: no Secrets, no status, nothing that aims a bind at a host flows into edit', async () => {
    const found = await roles();
    expect(
      Object.fromEntries(Object.entries(found).map(([name, role]) => [name, [aggregated(role), grants(role)]])),
    ).toEqual(golden);
    expect(found['nauthera-service-binding']?.metadata.labels).toMatchObject({
      'servicebinding.io/controller': 'true',
    });
  });

  it('flow nowhere where the values say so, and are left out with the others', async () => {
    const apart = await roles('rbac.aggregate.view=false', 'rbac.aggregate.edit=false');
    expect(Object.keys(apart)).toEqual(Object.keys(golden));
    expect(Object.values(apart).map(aggregated)).toEqual(Object.keys(golden).map(() => ''));
    const views = await roles('rbac.aggregate.edit=false');
    expect(aggregated(views['nauthera-viewer'] ?? {})).not.toBe('');
    for (const none of ['rbac.create=false', 'rbac.people=false']) expect(Object.keys(await roles(none))).toEqual([]);
  });
});
