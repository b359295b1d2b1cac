/**
 * What a platform engineer does with the product between two cups of coffee, on pods of a real cluster: install it, let
 * applications of another namespace get tokens over its own TLS, rotate, scale, upgrade and roll back under load, lose pods,
 * uninstall. Each step stands on the one before.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { images } from './images.ts';
import { apply, eventually, get, helm, inPod, kubectl } from './kubectl.ts';
import {
  type Directory,
  list,
  namespace,
  removeKinds,
  restricted,
  startDatabase,
  startDirectory,
  startShell,
} from './services.ts';

const chart = join(import.meta.dirname, '../../charts/nauthera');
const [identity, directoryNamespace, shop] = ['e2e-identity', 'e2e-directory', 'e2e-shop'];
const release = ['nauthera', '--namespace', identity] as const;
const settings = [
  '--set=authorizationServer.spec.database.secretRef.name=pg-app',
  '--set=authorizationServer.spec.allowedClients.namespaces.from=All',
  `--set=image.repository=${images.repository}`,
];
const issuer = `https://default.${identity}.svc`;

let directory: Directory;

beforeAll(async () => {
  await removeAll();
  await apply(list([identity, directoryNamespace, shop].map(namespace)));
  await startDatabase(identity);
  directory = await startDirectory(directoryNamespace);
  await Promise.all([
    kubectl('-n', identity, 'wait', '--for=condition=Ready', 'pod/pg-rw', '--timeout=180s'),
    kubectl('-n', directoryNamespace, 'wait', '--for=condition=Ready', 'pod/ldap', '--timeout=180s'),
  ]);
}, 600_000);

afterAll(removeAll, 300_000);

let broken: string | undefined;
beforeEach(() => {
  if (broken !== undefined) throw new Error(`this stands on an earlier step, which failed: ${broken}`);
});
afterEach(({ task }) => {
  if (task.result?.state === 'fail') broken ??= task.name;
});

async function removeAll(): Promise<void> {
  await helm('uninstall', ...release, '--wait', '--ignore-not-found').catch(() => undefined);
  await kubectl('delete', 'namespace', identity, directoryNamespace, shop, '--ignore-not-found', '--timeout=240s');
  await removeKinds();
}

const isReady = (resource: string, namespaceName: string, seconds = 240) =>
  kubectl('-n', namespaceName, 'wait', resource, '--for=condition=Ready', `--timeout=${seconds}s`);

interface Deployment {
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: readonly { readonly image: string }[] } };
  };
  readonly status: { readonly readyReplicas?: number; readonly updatedReplicas?: number; readonly replicas?: number };
}

interface Load {
  readonly good: number;
  readonly failed: number;
  /** Requests that met a kept connection in its last moment. */
  readonly again: number;
  readonly problems: readonly string[];
}

/** What the application under load said last. */
async function load(): Promise<Load> {
  const lines = (await kubectl('-n', shop, 'logs', 'load', '--tail=1')).trim();
  return JSON.parse(lines) as Load;
}

/** While `act` runs, and a moment longer, the application got tokens and not one request failed. */
async function withoutFailure(act: () => Promise<unknown>): Promise<void> {
  const before = await load();
  await act();
  const asked = await eventually(async () => {
    const now = await load();
    expect(now.good).toBeGreaterThan(before.good + 50);
    return now;
  });
  expect(asked.problems).toEqual([]);
  expect(asked.failed).toBe(0);
  // Four connections are kept, to three pods at most: more would be requests that a server dropped.
  expect(asked.again - before.again).toBeLessThanOrEqual(12);
}

/** Fetches a token in the shell of the shop, with the files of the Secret alone. */
async function fetchToken(): Promise<string> {
  const script = [
    'cd /oauth2',
    'curl -sS --fail-with-body --cacert ca.crt -u "$(cat client-id):$(cat client-secret)" -d grant_type=client_credentials "$(cat token-uri)"',
  ].join(' && ');
  return (JSON.parse(await inPod(shop, 'shell', 'sh', '-c', script)) as { access_token: string }).access_token;
}

describe('on pods', () => {
  it('helm install and the default values bring a server that is Ready', async () => {
    await helm('install', ...release, chart, ...settings, '--wait', '--timeout', '5m');
    await kubectl('-n', identity, 'wait', 'authorizationserver/default', '--for=create', '--timeout=120s');
    await isReady('authorizationserver/default', identity);
    expect(await helm('test', ...release)).toContain('Succeeded');
  });

  it('every pod passes the restricted standard, and every workload has a NetworkPolicy', async () => {
    const warnings = await kubectl(
      'label',
      '--dry-run=server',
      '--overwrite',
      'namespace',
      identity,
      'pod-security.kubernetes.io/enforce=restricted',
    );
    expect(warnings).not.toContain('violate');
    const { items } = await get<{ items: { metadata: { name: string } }[] }>(identity, 'networkpolicies');
    expect(items.map(({ metadata }) => metadata.name).toSorted()).toEqual(['default-server', 'nauthera-operator']);
    const pods = await get<{ items: { spec: { automountServiceAccountToken?: boolean } }[] }>(
      identity,
      'pods',
      '-l',
      'app.kubernetes.io/component=server',
    );
    expect(pods.items.map(({ spec }) => spec.automountServiceAccountToken)).toEqual([false, false]);
  });

  it('six lines of YAML in another namespace, and a pod there has a token over verified TLS', async () => {
    await apply(
      ['apiVersion: auth.nauthera.io/v1alpha1', 'kind: Client', `metadata: { name: web, namespace: ${shop} }`]
        .concat(['spec:', '  grantTypes: [client_credentials]'])
        .join('\n'),
    );
    await isReady('nclient/web', shop);
    await startShell(shop, 'shell', [{ name: 'oauth2', secret: 'web-oauth2', path: '/oauth2' }]);
    const claims = decodeJwt(await fetchToken());
    expect(claims).toMatchObject({ iss: issuer, sub: `${shop}.web`, client_id: `${shop}.web` });
  });

  it('a directory is reached, verified and searched by the servers', async () => {
    await apply(
      list([
        {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: 'company-ca', namespace: identity },
          data: { 'ca.crt': directory.caPem },
        },
        {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: 'ldap-bind', namespace: identity },
          stringData: { password: directory.bindPassword },
        },
        {
          apiVersion: 'auth.nauthera.io/v1alpha1',
          kind: 'LdapBinding',
          metadata: { name: 'people', namespace: identity },
          spec: {
            servers: [{ url: directory.url }],
            tls: { caBundleRef: { name: 'company-ca' } },
            bind: { dn: directory.bindDn, passwordSecretRef: { name: 'ldap-bind' } },
            vendor: 'OpenLDAP',
            userSearch: { base: `ou=people,${directory.baseDn}` },
          },
        },
      ]),
    );
    await isReady('nldap/people', identity);
  });

  it('an application starts to fetch tokens all the time', async () => {
    const script = await readFile(join(import.meta.dirname, 'load.mjs'), 'utf8');
    await apply(
      list([
        {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: 'load', namespace: shop },
          data: { 'load.mjs': script },
        },
        {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'load', namespace: shop },
          spec: {
            automountServiceAccountToken: false,
            terminationGracePeriodSeconds: 1,
            restartPolicy: 'Never',
            securityContext: restricted.pod,
            containers: [
              {
                name: 'load',
                image: `${images.repository}:${images.tag}`,
                command: ['node', '/script/load.mjs'],
                securityContext: restricted.container,
                volumeMounts: [
                  { name: 'script', mountPath: '/script' },
                  { name: 'oauth2', mountPath: '/oauth2' },
                ],
              },
            ],
            volumes: [
              { name: 'script', configMap: { name: 'load' } },
              { name: 'oauth2', secret: { secretName: 'web-oauth2' } },
            ],
          },
        },
      ]),
    );
    await kubectl('-n', shop, 'wait', '--for=condition=Ready', 'pod/load', '--timeout=120s');
    await eventually(async () => expect((await load()).good).toBeGreaterThan(20));
  });

  it('a rotated secret reaches the mounted file, and the application that keeps the old one loses no request', async () => {
    const before = await inPod(shop, 'shell', 'cat', '/oauth2/client-secret');
    await withoutFailure(async () => {
      await kubectl('-n', shop, 'annotate', 'nclient/web', 'auth.nauthera.io/rotate-secret=one');
      await eventually(async () => {
        const { data } = await get<{ data: Record<string, string> }>(shop, 'secret', 'web-oauth2');
        expect(Buffer.from(data['client-secret'] ?? '', 'base64').toString()).not.toBe(before);
      });
      await isReady('nclient/web', shop);
      await eventually(
        async () => expect(await inPod(shop, 'shell', 'cat', '/oauth2/client-secret')).not.toBe(before),
        {
          within: 180_000,
        },
      );
      expect(decodeJwt(await fetchToken())).toMatchObject({ iss: issuer });
    });
  });

  it('from two replicas to three and back, no request fails', async () => {
    const scale = (replicas: number) =>
      withoutFailure(async () => {
        const patch = JSON.stringify({ spec: { replicas } });
        await kubectl('-n', identity, 'patch', 'nas/default', '--type=merge', '-p', patch);
        await eventually(async () => {
          const { status } = await get<Deployment>(identity, 'deployment', 'default-server');
          expect([status.replicas, status.readyReplicas]).toEqual([replicas, replicas]);
        });
        await isReady('nas/default', identity);
      });
    await scale(3);
    await scale(2);
  });

  it('a pod that is deleted is replaced, and no request fails', async () => {
    const pods = () =>
      get<{ items: { metadata: { name: string } }[] }>(
        identity,
        'pods',
        '-l',
        'app.kubernetes.io/component=server',
        '--field-selector=status.phase=Running',
      );
    const [first] = (await pods()).items;
    await withoutFailure(async () => {
      await kubectl('-n', identity, 'delete', 'pod', first?.metadata.name ?? '', '--wait=true');
      await eventually(async () => {
        const { status } = await get<Deployment>(identity, 'deployment', 'default-server');
        expect(status.readyReplicas).toBe(2);
      });
    });
  });

  const runs = async (tag: string): Promise<void> => {
    await eventually(
      async () => {
        const { spec, status } = await get<Deployment>(identity, 'deployment', 'default-server');
        expect(spec.template.spec.containers[0]?.image).toBe(`${images.repository}:${tag}`);
        expect([status.replicas, status.updatedReplicas, status.readyReplicas]).toEqual([2, 2, 2]);
      },
      { within: 300_000 },
    );
    await isReady('nas/default', identity);
  };

  it('an upgrade rolls the servers to the next version, and no request fails', async () => {
    await withoutFailure(async () => {
      await helm(
        'upgrade',
        ...release,
        chart,
        ...settings,
        `--set=image.tag=${images.nextTag}`,
        '--wait',
        '--timeout',
        '5m',
      );
      await runs(images.nextTag);
    });
  });

  it('a rollback rolls them back, and no request fails', async () => {
    await withoutFailure(async () => {
      await helm('rollback', 'nauthera', '1', '--namespace', identity, '--wait', '--timeout', '5m');
      await runs(images.tag);
    });
  });

  it('uninstalling leaves servers that serve, no finalizer, and nothing of the release', async () => {
    await withoutFailure(() => helm('uninstall', ...release, '--wait', '--timeout', '5m'));
    for (const [kind, where] of [
      ['nas/default', identity],
      ['nclient/web', shop],
    ] as const) {
      const { metadata } = await get<{ metadata: { finalizers?: string[] } }>(where, kind);
      expect(metadata.finalizers ?? []).toEqual([]);
    }
    const left = await kubectl(
      'get',
      'clusterroles,clusterrolebindings',
      '-l',
      'app.kubernetes.io/instance=nauthera',
      '-o',
      'name',
    );
    expect(left).toBe('');
    await kubectl('-n', shop, 'delete', 'pod', 'load', '--wait=true');
    await kubectl('-n', shop, 'delete', 'nclient/web', '--timeout=60s');
    await kubectl('-n', identity, 'delete', 'nas/default', '--timeout=60s');
    const kinds = 'deployments,services,serviceaccounts,poddisruptionbudgets,networkpolicies,jobs';
    const ours = ['get', kinds, '-l', 'app.kubernetes.io/part-of=nauthera', '-o', 'name'];
    await eventually(async () => expect(await kubectl('-n', identity, ...ours)).toBe(''));
    // The key opens the database, which is kept.
    expect(await kubectl('-n', identity, 'get', 'secret', 'default-key-encryption-key', '-o', 'name')).toContain(
      'secret/',
    );
  });
});
