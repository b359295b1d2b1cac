/** The files that the programs of a test cluster read: kubeconfigs, tokens, keys, the audit policy. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';

export interface Endpoint {
  /** `https://127.0.0.1:port` */
  readonly server: string;
  readonly caPem: string;
}

/** A kubeconfig with a bearer token. */
export function kubeconfigText({ server, caPem }: Endpoint, token: string, namespace = 'default'): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'test',
        cluster: { server, 'certificate-authority-data': Buffer.from(caPem).toString('base64') },
      },
    ],
    users: [{ name: 'test', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test', namespace } }],
    'current-context': 'test',
  });
}

export interface StaticUsers {
  readonly admin: string;
  readonly controllerManager: string;
}

/** Users that exist without ServiceAccounts; their tokens. */
export async function writeStaticUsers(path: string): Promise<StaticUsers> {
  const users = { admin: randomBytes(24).toString('hex'), controllerManager: randomBytes(24).toString('hex') };
  const lines = [
    `${users.admin},admin,admin,system:masters`,
    // Its controllers act under this one name here, so it has the rights of all of them.
    `${users.controllerManager},system:kube-controller-manager,controller-manager,system:masters`,
  ];
  await writeFile(path, `${lines.join('\n')}\n`, { mode: 0o600 });
  return users;
}

export interface ServiceAccountKey {
  readonly privateFile: string;
  readonly publicFile: string;
}

export async function writeServiceAccountKey(folder: string, name: string): Promise<ServiceAccountKey> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const key = { privateFile: join(folder, `${name}.key`), publicFile: join(folder, `${name}.pub`) };
  await writeFile(key.privateFile, privateKey, { mode: 0o600 });
  await writeFile(key.publicFile, publicKey);
  return key;
}

/** Who did what to which object, once per request, without bodies; not what the API server does to itself. */
export const auditPolicy = stringify({
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'None', users: ['system:apiserver'] }, { level: 'Metadata' }],
});
