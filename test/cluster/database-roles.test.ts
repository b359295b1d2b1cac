/**
 * Three roles of the database on a real Kubernetes API: which Secret the migration and the servers are given, and what a
 * rotation of each moves. Nothing runs as a pod here: `stand-in.ts` does what the Job would.
 */
import { grantRoles, migrate, openDatabase } from '@nauthera/server/registry';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Scene } from '../support/cluster-scene.ts';
import { type AnyObject, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorHere } from '../support/operator-here.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { bySuperuser } from '../support/postgres-access.ts';
import { until } from '../support/product.ts';
import { StandIn } from '../support/stand-in.ts';

const secrets = { serving: 'serves', operating: 'operates', owning: 'owns' } as const;

let cluster: TestCluster;
let postgres: TestPostgres;
let scene: Scene;
let stand: StandIn;
let operator: OperatorHere;
let migration: AnyObject;

beforeAll(async () => {
  [cluster, postgres] = await Promise.all([startCluster(), startPostgres('newest')]);
  scene = await Scene.make({ cluster, postgres });
  stand = new StandIn(scene);
  await bySuperuser(
    postgres.url,
    ...Object.values(secrets).map((role) => `CREATE ROLE ${role} LOGIN`),
    `ALTER DATABASE ${new URL(scene.databaseUrl).pathname.slice(1)} OWNER TO owns`,
  );
  for (const [name, role] of Object.entries(secrets)) await putSecret(name, role);
  operator = await OperatorHere.start(scene, { serverImage: 'registry.example.com/nauthera:1.0.0' });
  const ref = (name: string) => ({ name });
  const database = {
    secretRef: ref('serving'),
    operatorSecretRef: ref('operating'),
    migratorSecretRef: ref('owning'),
  };
  for (const one of [scene.aServer({ database }), scene.aScope(), scene.aClient()]) await scene.apply(one);
  migration = await stand.untilJob();
  const owner = await openDatabase(as('owns'), { max: 2, onProblem: () => undefined });
  await migrate(owner);
  await grantRoles(owner, { server: 'serves', operator: 'operates' });
  await owner.close();
  await stand.runJob(migration, as('owns'));
  await stand.rollOut();
  await untilRegistered('batch');
});
afterAll(async () => {
  await operator?.stop();
  await postgres?.stop();
  await cluster?.stop();
});

function as(role: string, password = ''): string {
  const url = new URL(scene.databaseUrl);
  url.username = role;
  url.password = password;
  return url.href;
}

const putSecret = (name: string, role: string, password?: string) =>
  scene.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: scene.namespaces.auth, labels: { 'auth.nauthera.io/watch': 'true' } },
    stringData: { uri: as(role, password) },
  });

const untilRegistered = (client: string) =>
  until(`${client} is registered`, () => scene.ownerOf(client).then((uid) => uid !== undefined));

/** Names of the Secrets that a workload's pods are given, as files or as variables. */
function secretsOf({ spec }: AnyObject): readonly string[] {
  const pod = spec.template.spec as AnyObject;
  const volumes = (pod.volumes ?? []) as readonly AnyObject[];
  const containers = [...(pod.initContainers ?? []), ...pod.containers] as readonly AnyObject[];
  const named = [
    ...volumes.map((one) => one.secret?.secretName as string | undefined),
    ...volumes.flatMap((one) => ((one.projected?.sources ?? []) as AnyObject[]).map(({ secret }) => secret?.name)),
    ...containers.flatMap(({ env = [], envFrom = [] }) => [
      ...(env as AnyObject[]).map(({ valueFrom }) => valueFrom?.secretKeyRef?.name as string | undefined),
      ...(envFrom as AnyObject[]).map(({ secretRef }) => secretRef?.name as string | undefined),
    ]),
  ];
  return [...new Set(named.filter((name): name is string => name !== undefined))].toSorted();
}

/** Processes of Postgres that serve a role. */
async function sessionsOf(role: string): Promise<readonly unknown[]> {
  const query = `SELECT pid FROM pg_stat_activity WHERE usename = '${role}' ORDER BY pid`;
  return (await bySuperuser<{ pid: number }>(postgres.url, query)).map(({ pid }) => pid);
}

describe('with three Secrets', () => {
  it('A74: the migration has that of the owner alone, the servers theirs, nobody that of the operator', async () => {
    const deployment = (await stand.deployment()) ?? {};
    expect(secretsOf(migration)).toEqual(['owning']);
    expect(secretsOf(deployment)).toEqual(['main-key-encryption-key', 'serving']);
    // Neither a variable nor an argument says who they are.
    for (const one of [migration, deployment]) expect(JSON.stringify(one.spec)).not.toContain('postgres://');
    expect(await sessionsOf('operates')).not.toEqual([]);
    expect(await sessionsOf('owns')).toEqual([]);
  });

  it('a new password moves no pod: the operator takes up its own, the servers read theirs from the volume', async () => {
    const before = (await stand.deployment()) ?? {};
    const jobs = (await stand.list('batch/v1', 'jobs')).map(({ metadata }) => metadata.name as string);
    for (const [name, role] of Object.entries(secrets)) {
      await bySuperuser(postgres.url, `ALTER ROLE ${role} PASSWORD 'second'`);
      const sessions = await sessionsOf('operates');
      await putSecret(name, role, 'second');
      if (role === 'operates')
        await until('the former connections are given up', async () => {
          const now = await sessionsOf('operates');
          return now.length > 0 && !now.some((pid) => sessions.includes(pid));
        });
      await scene.apply(scene.aClient(`after-${name}`));
      await untilRegistered(`after-${name}`);
    }
    await operator.idle();
    const after = (await stand.deployment()) ?? {};
    expect([after.metadata.uid, after.metadata.generation]).toEqual([before.metadata.uid, before.metadata.generation]);
    expect((await stand.list('batch/v1', 'jobs')).map(({ metadata }) => metadata.name as string)).toEqual(jobs);
    expect((await scene.condition('AuthorizationServer', 'auth', 'main', 'DatabaseReady'))?.status).toBe('True');
  });
});
