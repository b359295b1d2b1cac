/** What a test cluster is made of: its folder with certificates, tokens and keys, and the arguments of its programs. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeAuthority } from './certificates.ts';
import { type KubePrograms, kubePrograms } from './kube-binaries.ts';
import { auditPolicy, type ServiceAccountKey, writeServiceAccountKey, writeStaticUsers } from './kube-files.ts';
import { Guardian } from './kube-process.ts';
import { freePort } from './ports.ts';

export interface Ports {
  readonly etcd: number;
  readonly peer: number;
  readonly api: number;
}

export interface Made {
  readonly folder: string;
  readonly ports: Ports;
  readonly programs: KubePrograms;
  readonly guardian: Guardian;
  readonly caPem: string;
  readonly adminToken: string;
  readonly controllerManagerToken: string;
  readonly key: ServiceAccountKey;
}

export async function makeFiles(): Promise<Made> {
  const programs = await kubePrograms();
  const folder = await mkdtemp(join(tmpdir(), 'nauthera-cluster-'));
  const guardian = new Guardian(folder);
  const authority = await makeAuthority('Test cluster CA');
  const serving = await authority.issue({
    names: ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
    addresses: ['127.0.0.1'],
  });
  await writeFile(join(folder, 'ca.crt'), authority.pem);
  await writeFile(join(folder, 'api.crt'), serving.certificatePem);
  await writeFile(join(folder, 'api.key'), serving.privateKeyPem, { mode: 0o600 });
  await writeFile(join(folder, 'audit-policy.yaml'), auditPolicy);
  const users = await writeStaticUsers(join(folder, 'users.csv'));
  return {
    folder,
    programs,
    guardian,
    ports: { etcd: await freePort(), peer: await freePort(), api: await freePort() },
    caPem: authority.pem,
    adminToken: users.admin,
    controllerManagerToken: users.controllerManager,
    key: await writeServiceAccountKey(folder, 'service-account'),
  };
}

export const isOk = (status: Promise<number>): Promise<boolean> =>
  status.then(
    (code) => code === 200,
    () => false,
  );

export function etcdArgs(folder: string, ports: Ports): readonly string[] {
  const client = `http://127.0.0.1:${ports.etcd}`;
  const peer = `http://127.0.0.1:${ports.peer}`;
  return [
    `--data-dir=${join(folder, 'etcd')}`,
    // The tests kill processes, never the machine, and the page cache outlives a process.
    '--unsafe-no-fsync',
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--log-level=warn',
  ];
}

export function apiServerArgs(
  folder: string,
  ports: Ports,
  keys: readonly ServiceAccountKey[],
  issuer: string,
): readonly string[] {
  const [signing] = keys;
  return [
    `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${ports.api}`,
    // An address for documentation: nobody connects to the Service "kubernetes", and loopback is refused.
    '--advertise-address=192.0.2.1',
    '--service-cluster-ip-range=10.96.0.0/16',
    `--tls-cert-file=${join(folder, 'api.crt')}`,
    `--tls-private-key-file=${join(folder, 'api.key')}`,
    `--token-auth-file=${join(folder, 'users.csv')}`,
    '--authorization-mode=RBAC',
    `--service-account-issuer=${issuer}`,
    `--service-account-signing-key-file=${signing?.privateFile ?? ''}`,
    ...keys.map((key) => `--service-account-key-file=${key.publicFile}`),
    `--audit-policy-file=${join(folder, 'audit-policy.yaml')}`,
    `--audit-log-path=${join(folder, 'audit.log')}`,
  ];
}

export function controllerManagerArgs(folder: string): readonly string[] {
  const controllers = [
    'garbage-collector-controller',
    'namespace-controller',
    'serviceaccount-controller',
    'root-ca-certificate-publisher-controller',
    'clusterrole-aggregation-controller',
    'resourcequota-controller',
  ];
  return [
    `--kubeconfig=${join(folder, 'controller-manager.kubeconfig')}`,
    '--secure-port=0',
    '--leader-elect=false',
    `--controllers=${controllers.join(',')}`,
    `--root-ca-file=${join(folder, 'ca.crt')}`,
  ];
}
