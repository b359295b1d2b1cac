/** What a directory does to its LdapBinding, through a real API server, a real server and a real OpenLDAP. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Scene } from '../support/cluster-scene.ts';
import { type AnyObject, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import type { OperatorProcess } from '../support/operator-process.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';
import type { Replica } from '../support/replica.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seat } from '../support/sweeping.ts';

let cluster: TestCluster;
let postgres: TestPostgres;
let slapd: Slapd;
let scene: Scene;
let operator: OperatorProcess;
let replica: Replica;

const sampleUsers = ['ada', 'nemo'];

beforeAll(async () => {
  [cluster, postgres, slapd] = await Promise.all([startCluster(), startPostgres('newest'), startSlapd()]);
  scene = await Scene.make({ cluster, postgres });
  const metadata = (name: string) => ({ name, namespace: scene.namespaces.shop });
  await scene.apply(scene.aServer());
  await scene.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: metadata('reader'),
    stringData: { password: slapd.bindPassword },
  });
  await scene.apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata('directory-ca'),
    data: { 'ca.crt': slapd.caPem },
  });
  await scene.apply(
    scene.aBinding('people', {
      servers: [{ url: slapd.url }],
      tls: { caBundleRef: { name: 'directory-ca' } },
      bind: { dn: slapd.bindDn, passwordSecretRef: { name: 'reader' } },
      userSearch: { base: `ou=people,${slapd.baseDn}` },
      groupSearch: { base: `ou=groups,${slapd.baseDn}` },
      consentRules: [
        { name: 'clerks', scopes: ['email'], groups: ['finance'] },
        { name: 'guests', scopes: ['phone'], filter: '(employeeType=guest)' },
      ],
      sampleUsers,
      recheck: '10s',
    }),
  );
  operator = await scene.operator();
  replica = await scene.replica();
  await scene.untilReason('LdapBinding', 'shop', 'people');
}, 300_000);
afterAll(async () => {
  await replica?.kill();
  await operator?.stop();
  await Promise.all([cluster?.stop(), postgres?.stop(), slapd?.close()]);
});

const people = () => scene.get('LdapBinding', 'shop', 'people');

describe('sample users', () => {
  it('are told of in status, which is not written again while nothing changes, and forgotten with the field', async () => {
    const told = async (): Promise<AnyObject[] | undefined> => (await people())?.status.sampleUsers;
    await until('both are told of', async () => (await told())?.length === sampleUsers.length);
    const [ada, nemo] = (await told()) ?? [];
    expect(ada).toMatchObject({
      username: 'ada',
      outcome: 'Found',
      account: 'Active',
      groups: ['engineering', 'finance', 'staff'],
      groupCount: 3,
      rules: [
        { name: 'clerks', holds: true, why: 'is in finance' },
        { name: 'guests', holds: false, why: 'does not match its filter (employeeType=guest)' },
      ],
    });
    expect(ada?.scopes.slice(0, 2)).toEqual([
      { scope: 'email', allowed: true, rules: ['clerks'], why: 'by rule clerks' },
      { scope: 'phone', allowed: false, rules: ['guests'], why: 'rule guests does not hold' },
    ]);
    expect(JSON.stringify(ada)).not.toMatch(/Lovelace|example\.org/);
    expect(nemo).toEqual({ username: 'nemo', outcome: 'NotFound' });

    const version = async () => (await people())?.metadata.resourceVersion;
    const reports = async (count: number) => {
      const seen = new Set<unknown>();
      await until('more reports', async () => {
        seen.add((await scene.sql('SELECT max(reported_at)::text AS at FROM replica_reports'))[0]?.at);
        return seen.size > count;
      });
    };
    // What else its status is to say may still be on its way.
    const settled = await until('its status is said', async () => {
      const { metadata, status } = (await people()) ?? {};
      await reports(1);
      const isWhole = [status, ...status.conditions].every((one) => one.observedGeneration === metadata.generation);
      return isWhole && (await version()) === metadata.resourceVersion && metadata.resourceVersion;
    });
    await reports(3);
    expect(await version()).toBe(settled);

    await scene.patch('LdapBinding', 'shop', 'people', { spec: { sampleUsers: null } });
    await scene.untilReason('LdapBinding', 'shop', 'people');
    await until('nobody is told of', async () => (await told()) === undefined);
  });
});

describe('a sweep that would end too many', () => {
  const id = () => `${scene.namespaces.shop}/people`;
  const crowd = (name: string, count: number) =>
    seat(
      { rows: async <R>(text: string, values?: readonly unknown[]) => (await scene.sql(text, values)) as readonly R[] },
      Array.from({ length: count }, (_, index) => `${name}-${index}`),
      id(),
    );
  const live = async (name: string) => {
    const text = 'SELECT count(*)::int AS n FROM sessions WHERE username LIKE $1 AND ended_at IS NULL';
    return (await scene.sql(text, [`${name}-%`]))[0]?.n;
  };
  const degraded = () => scene.condition('LdapBinding', 'shop', 'people', 'Degraded');
  const isStoppedAt = (count: number) => async () => (await degraded())?.message.startsWith(`${count} of ${count} `);
  const annotate = (value: string) =>
    scene.patch('LdapBinding', 'shop', 'people', {
      metadata: { annotations: { 'auth.nauthera.io/confirm-leavers': value } },
    });

  it('is a condition with the numbers, until an annotation lets it go on, once', async () => {
    await crowd('first', 30);
    await until('the sweep is stopped', isStoppedAt(30));
    expect(await degraded()).toMatchObject({
      status: 'True',
      reason: 'SweepStopped',
      message: expect.stringMatching(
        /^30 of 30 signed-in users seem to have left, .* give the annotation auth\.nauthera\.io\/confirm-leavers a new value$/,
      ),
    });
    expect(await live('first')).toBe(30);

    await annotate('they did leave');
    await until('those who left have lost their sessions', async () => (await live('first')) === 0);
    await until('the condition is gone', async () => (await degraded())?.reason !== 'SweepStopped');

    // The word that is still there was used up.
    await crowd('second', 20);
    await until('the sweep is stopped again', isStoppedAt(20));
    expect(await live('second')).toBe(20);
  });
});
