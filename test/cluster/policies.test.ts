/** Client policies on a real API server: each member of the CRD refuses and grants, and status tells whose word holds. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { AnyObject } from '../support/kube-cluster.ts';
import { until } from '../support/product.ts';
import { policyCases, policyName, settingCases } from './policy-cases.ts';
import { home, TenantsWorld } from './tenants-world.ts';

const crds = join(import.meta.dirname, '../../crds');
async function schemaOf(file: string): Promise<AnyObject> {
  const crd = parse(await readFile(join(crds, file), 'utf8')) as AnyObject;
  return crd.spec.versions[0].schema.openAPIV3Schema.properties as AnyObject;
}

/** The members of a schema, those of groups in it one by one. */
const membersOf = ({ properties = {} }: AnyObject, above = ''): readonly string[] =>
  Object.entries(properties as Readonly<Record<string, AnyObject>>).flatMap(([name, schema]) =>
    schema.type === 'object' ? membersOf(schema, `${above}${name}.`) : [`${above}${name}`],
  );

let world: TenantsWorld;
/** By the member of its policy. */
const namespaces = new Map<string, string>();
const namespaceOf = (member: string): string => namespaces.get(member) ?? '';

beforeAll(async () => {
  world = await TenantsWorld.start();
  for (const { member } of policyCases)
    namespaces.set(member, await world.cluster.namespace('team', { policy: policyName(member) }));
  await world.begin(async () => {
    await world.putSecret(home, 'database', { uri: world.databaseUrl });
    await world.put('AuthorizationServer', home, 'main', {
      metadata: { annotations: { 'auth.nauthera.io/is-default': 'true' } },
      spec: {
        issuer: 'https://id.example',
        database: { secretRef: { name: 'database' } },
        lifetimes: { accessToken: '4m', refreshToken: { idle: '48h', absolute: '96h' } },
        allowedClients: { namespaces: { from: 'All' } },
        allowedScopes: { namespaces: { from: 'All' } },
        clientPolicies: policyCases.map(({ member, policy }) => ({
          name: policyName(member),
          namespaces: { from: 'Selector', selector: { matchLabels: { policy: policyName(member) } } },
          ...policy,
        })),
      },
    });
  });
});
afterAll(() => world?.stop());

it('there is a case for every member of a client policy, and for every setting that status names', async () => {
  const { spec } = await schemaOf('authorization-server.yaml');
  const { name, namespaces: selection, ...granting } = spec.properties.clientPolicies.items.properties as AnyObject;
  expect([name, selection]).not.toContain(undefined);
  expect(policyCases.map(({ member }) => member).toSorted()).toEqual(membersOf({ properties: granting }).toSorted());
  const { status } = await schemaOf('client.yaml');
  const settings: readonly string[] = status.properties.effective.properties.settings.items.properties.name.enum;
  const told = settingCases.flatMap((one) => one.settings.map((line) => String(line.split(' ')[0])));
  expect([...new Set(told)].toSorted()).toEqual(settings.toSorted());
});

describe('a client policy', () => {
  it.each(policyCases)('$member refuses, in words that name policy and field', async ({ member, refused }) => {
    const { kind = 'Client', spec, field, value, allowed } = refused;
    const namespace = namespaceOf(member);
    await world.put(kind, namespace, 'refused', { spec });
    const { message } = await world.untilReason(kind, namespace, 'refused', 'Accepted', 'PolicyViolation');
    expect(message).toBe(
      `spec.${field}: "${value}" is refused by policy "${policyName(member)}" of ${home}/main, which allows ${allowed.replace('NS', namespace)}. Change it or ask the owner of that server`,
    );
    const object = await world.get(kind, namespace, 'refused');
    expect(object?.status).not.toHaveProperty('effective');
    expect(await world.rows({ of: namespace })).toEqual([]);
  });

  it.each(policyCases)('$member grants, and is named where the resource has a place for it', async (one) => {
    const { kind = 'Client', spec } = one.granted;
    const namespace = namespaceOf(one.member);
    await world.put(kind, namespace, 'granted', { spec });
    await world.untilReason(kind, namespace, 'granted', 'Accepted', 'Accepted');
    if (kind === 'Client') {
      const { status } = (await world.get(kind, namespace, 'granted')) ?? {};
      expect(status.effective.policy).toBe(policyName(one.member));
    }
    await until('it is registered', async () => (await world.rows({ of: namespace })).length === 1);
  });
});

describe('status.effective', () => {
  it.each(settingCases.map((one, at) => ({ ...one, at })))('$title', async ({ member, spec, settings, at }) => {
    const namespace = namespaceOf(member);
    await world.put('Client', namespace, `setting-${at}`, { spec });
    await world.untilReason('Client', namespace, `setting-${at}`, 'Accepted', 'Accepted');
    const { status } = (await world.get('Client', namespace, `setting-${at}`)) ?? {};
    const told = (status.effective.settings as readonly AnyObject[]).map(
      ({ name, value, setBy }) => `${name} ${value} ${setBy}`,
    );
    expect([status.effective.policy, told]).toEqual([policyName(member), settings]);
  });

  it('follows the policy that changes, and the label of the namespace', async () => {
    const namespace = await world.cluster.namespace('team', { policy: policyName('maxLifetimes.accessToken') });
    await world.put('Client', namespace, 'follows', { spec: { grantTypes: ['client_credentials'] } });
    const becomes = (policy: string, setBy: string) =>
      until(`the policy ${policy} holds`, async () => {
        const { status } = (await world.get('Client', namespace, 'follows')) ?? {};
        const [setting] = (status?.effective?.settings ?? []) as readonly AnyObject[];
        return status?.effective?.policy === policy && setting?.setBy === setBy;
      });
    await becomes('max-lifetimes-access-token', 'policy max-lifetimes-access-token');
    const path = `/api/v1/namespaces/${namespace}`;
    const label = (policy: string | null) =>
      world.cluster.call('PATCH', path, {
        body: { metadata: { labels: { policy } } },
        contentType: 'application/merge-patch+json',
      });
    await label('grant-types');
    await becomes('grant-types', 'AuthorizationServer');
    await label(null);
    await becomes('built-in', 'AuthorizationServer');
  });
});
