/**
 * What a company has already, as pods that a restricted namespace admits: Postgres, whose Secret is written as a database
 * operator writes it, and OpenLDAP with people, groups and a certificate of the company's own authority.
 */
import { randomBytes } from 'node:crypto';
import { makeAuthority } from '../support/certificates.ts';
import { seed, seedSuffix } from '../support/slapd-seed.ts';
import { images } from './images.ts';
import { apply, kubectl } from './kubectl.ts';

/** Uid 999 is named in a file of the pod's own: initdb asks who it is. */
const uid = 999;

export const restricted = {
  pod: {
    runAsNonRoot: true,
    runAsUser: uid,
    runAsGroup: uid,
    fsGroup: uid,
    seccompProfile: { type: 'RuntimeDefault' },
    // The directory listens on 636 and is nobody special.
    sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }],
  },
  container: {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: true,
  },
} as const;

/** A namespace in which only pods of the restricted standard may run. */
export const namespace = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
});

interface Served {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
  readonly script: string;
  readonly ready: readonly string[];
  /** Files below /etc/given. */
  readonly files: Readonly<Record<string, string>>;
}

/** A pod of the services image, its files and its Service. */
function served({ namespace, name, port, script, ready, files }: Served): readonly object[] {
  const metadata = { name, namespace, labels: { app: name } };
  return [
    { apiVersion: 'v1', kind: 'Secret', metadata: { ...metadata, name: `${name}-files` }, stringData: files },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: { app: name }, ports: [{ port, targetPort: port }] },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata,
      spec: {
        automountServiceAccountToken: false,
        securityContext: restricted.pod,
        terminationGracePeriodSeconds: 5,
        containers: [
          {
            name,
            image: images.services,
            imagePullPolicy: 'IfNotPresent',
            command: ['sh', '-ec', script],
            securityContext: restricted.container,
            resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '512Mi' } },
            readinessProbe: { exec: { command: [...ready] }, periodSeconds: 1, timeoutSeconds: 5 },
            volumeMounts: [
              { name: 'files', mountPath: '/etc/given', readOnly: true },
              { name: 'files', mountPath: '/etc/passwd', subPath: 'passwd', readOnly: true },
              { name: 'data', mountPath: '/data' },
              { name: 'tmp', mountPath: '/tmp' },
            ],
          },
        ],
        volumes: [
          { name: 'files', secret: { secretName: `${name}-files`, defaultMode: 0o440 } },
          { name: 'data', emptyDir: {} },
          { name: 'tmp', emptyDir: {} },
        ],
      },
    },
  ];
}

const passwd = `service:x:${uid}:${uid}::/tmp:/bin/sh\n`;

export interface Database {
  readonly namespace: string;
  readonly url: string;
}

/**
 * Postgres, and the Secrets that CloudNativePG writes: `pg-app` with `uri` and its parts, `pg-ca` with the authority, its key
 * included. `onlyTls`: whoever comes without TLS is refused.
 */
export async function startDatabase(namespaceName: string, { onlyTls = false } = {}): Promise<Database> {
  const authority = await makeAuthority();
  const password = randomBytes(18).toString('base64url');
  const host = `pg-rw.${namespaceName}.svc`;
  const url = `postgresql://app:${password}@${host}:5432/app`;
  const { certificatePem, privateKeyPem } = await authority.issue({ names: [host] });
  const tls = '-c ssl=on -c ssl_cert_file=/etc/given/tls.crt -c ssl_key_file=/etc/given/tls.key';
  const script = [
    'if [ ! -f /data/pg/PG_VERSION ]; then',
    '  initdb -D /data/pg -U postgres --auth-host=scram-sha-256 --auth-local=trust >/dev/null',
    `  echo "${onlyTls ? 'hostssl' : 'host'} all all all scram-sha-256" >> /data/pg/pg_hba.conf`,
    '  pg_ctl -D /data/pg -o "-c listen_addresses= -c unix_socket_directories=/tmp" -w start >/dev/null',
    '  psql -q -h /tmp -U postgres -v ON_ERROR_STOP=1 -f /etc/given/setup.sql',
    '  pg_ctl -D /data/pg -w stop >/dev/null',
    'fi',
    `exec postgres -D /data/pg -c listen_addresses="*" -c unix_socket_directories=/tmp -c fsync=off ${tls}`,
  ].join('\n');
  const setup = `CREATE ROLE app LOGIN PASSWORD '${password}';\nCREATE DATABASE app OWNER app;\n`;
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'pg-app', namespace: namespaceName },
    type: 'kubernetes.io/basic-auth',
    stringData: {
      username: 'app',
      password,
      dbname: 'app',
      host,
      port: '5432',
      uri: url,
    },
  };
  const objects = served({
    namespace: namespaceName,
    name: 'pg-rw',
    port: 5432,
    script,
    ready: ['pg_isready', '-h', '127.0.0.1', '-q'],
    files: { passwd, 'setup.sql': setup, 'tls.crt': certificatePem, 'tls.key': privateKeyPem },
  });
  const ca = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'pg-ca', namespace: namespaceName },
    stringData: { 'ca.crt': authority.pem, 'ca.key': 'the key of the authority, which nobody else reads' },
  };
  await apply(list([...objects, secret, ca]));
  return { namespace: namespaceName, url };
}

export interface Directory {
  readonly url: string;
  readonly caPem: string;
  readonly baseDn: string;
  readonly bindDn: string;
  readonly bindPassword: string;
}

const schemas = ['core', 'cosine', 'inetorgperson', 'nis'];

export async function startDirectory(namespaceName: string): Promise<Directory> {
  const host = `ldap.${namespaceName}.svc`;
  const authority = await makeAuthority();
  const { certificatePem, privateKeyPem } = await authority.issue({ names: [host] });
  const configuration = [
    ...schemas.map((name) => `include /etc/ldap/schema/${name}.schema`),
    'modulepath /usr/lib/ldap',
    ...['back_mdb', 'memberof', 'ppolicy'].map((name) => `moduleload ${name}`),
    'pidfile /tmp/slapd.pid',
    'TLSCACertificateFile /etc/given/ca.pem',
    'TLSCertificateFile /etc/given/certificate.pem',
    'TLSCertificateKeyFile /etc/given/key.pem',
    'threads 4',
    'access to dn.base="" by * read',
    'database mdb',
    `suffix "${seedSuffix}"`,
    `rootdn "cn=administrator,${seedSuffix}"`,
    'directory /data/ldap',
    'maxsize 67108864',
    'index objectClass,uid,member,entryUUID eq',
    'access to attrs=userPassword by anonymous auth by * none',
    'access to * by users read by * none',
    'overlay memberof',
    'overlay ppolicy',
    `ppolicy_default "cn=default,ou=policies,${seedSuffix}"`,
    '',
  ].join('\n');
  const script = [
    'if [ ! -d /data/ldap ]; then mkdir /data/ldap; slapadd -q -f /etc/given/slapd.conf -l /etc/given/seed.ldif; fi',
    'exec slapd -f /etc/given/slapd.conf -h ldaps://0.0.0.0:636/ -d 0',
  ].join('\n');
  await apply(
    list(
      served({
        namespace: namespaceName,
        name: 'ldap',
        port: 636,
        script,
        ready: ['bash', '-c', 'exec 3<>/dev/tcp/127.0.0.1/636'],
        files: {
          passwd,
          'slapd.conf': configuration,
          'seed.ldif': seed,
          'ca.pem': authority.pem,
          'certificate.pem': certificatePem,
          'key.pem': privateKeyPem,
        },
      }),
    ),
  );
  return {
    url: `ldaps://${host}:636`,
    caPem: authority.pem,
    baseDn: seedSuffix,
    bindDn: `cn=nauthera,ou=services,${seedSuffix}`,
    bindPassword: 'reads-people-and-groups',
  };
}

/** A pod with curl in which commands are run, as an application's pod. */
export async function startShell(
  namespaceName: string,
  name: string,
  mounts: readonly { name: string; secret: string; path: string }[] = [],
): Promise<void> {
  await apply(
    list([
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: namespaceName, labels: { app: name } },
        spec: {
          automountServiceAccountToken: false,
          securityContext: restricted.pod,
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: 'shell',
              image: images.services,
              imagePullPolicy: 'IfNotPresent',
              command: ['sleep', '86400'],
              securityContext: restricted.container,
              volumeMounts: mounts.map(({ name: mount, path }) => ({ name: mount, mountPath: path, readOnly: true })),
            },
          ],
          volumes: mounts.map(({ name: mount, secret }) => ({ name: mount, secret: { secretName: secret } })),
        },
      },
    ]),
  );
  await kubectl('-n', namespaceName, 'wait', '--for=condition=Ready', `pod/${name}`, '--timeout=240s');
}

/** Several objects as one document that kubectl takes. */
export function list(items: readonly object[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

/** What uninstalling keeps: the kinds, which belong to the release that brought them. */
export async function removeKinds(): Promise<void> {
  const all = (await kubectl('get', 'crd', '-o', 'name')).split('\n');
  const kinds = all.filter((name) => name.endsWith('.auth.nauthera.io'));
  if (kinds.length > 0) await kubectl('delete', '--timeout=120s', ...kinds);
}
