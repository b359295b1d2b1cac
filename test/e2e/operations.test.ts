/**
 * What a platform engineer does with the product between two cups of coffee, on pods of a real cluster: install it, let
 * applications of another namespace get tokens over its own TLS, rotate, scale, lose pods, upgrade and roll back under load,
 * uninstall, install again. Each step stands on the one before.
 */
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { secretsIn } from '../support/spellings.ts';
import { everythingTold, secretsKept } from './canaries.ts';
import { images } from './images.ts';
import { apply, eventually, get, helm, inPod, isReady, kubectl } from './kubectl.ts';
import { chart, nextChart, nextMinor } from './next-minor.ts';
import { findInNode, killInNode, startNodeShell } from './node.ts';
import { Servers, serverPods } from './servers.ts';
import { type Directory, list, namespace, removeKinds, startDatabase, startDirectory, startShell } from './services.ts';
import { Traffic } from './traffic.ts';

const [identity, directoryNamespace, shop, node] = ['e2e-identity', 'e2e-directory', 'e2e-shop', 'e2e-node'];
const release = ['nauthera', '--namespace', identity] as const;
const settings = [
  '--set=authorizationServer.spec.database.secretRef.name=pg-app',
  '--set=authorizationServer.spec.database.caBundleRef.kind=Secret',
  '--set=authorizationServer.spec.database.caBundleRef.name=pg-ca',
  '--set=authorizationServer.spec.allowedClients.namespaces.from=All',
  `--set=image.repository=${images.repository}`,
];
const issuer = `https://default.${identity}.svc`;
const servers = new Servers(identity);

let directory: Directory;
let traffic: Traffic;
/** What the run used and no Secret holds any more, or never did. */
const used = new Map<string, string>();

beforeAll(async () => {
  await removeAll();
  await apply(list([identity, directoryNamespace, shop].map(namespace)));
  await startDatabase(identity, { onlyTls: true });
  directory = await startDirectory(directoryNamespace);
  await Promise.all([
    kubectl('-n', identity, 'wait', '--for=condition=Ready', 'pod/pg-rw', '--timeout=180s'),
    kubectl('-n', directoryNamespace, 'wait', '--for=condition=Ready', 'pod/ldap', '--timeout=180s'),
  ]);
});

afterAll(removeAll);

let broken: string | undefined;
beforeEach(() => {
  if (broken !== undefined) throw new Error(`this stands on an earlier step, which failed: ${broken}`);
});
afterEach(({ task }) => {
  if (task.result?.state === 'fail') broken ??= task.name;
});

async function removeAll(): Promise<void> {
  await helm('uninstall', ...release, '--wait', '--ignore-not-found').catch(() => undefined);
  await kubectl(
    'delete',
    'namespace',
    identity,
    directoryNamespace,
    shop,
    node,
    '--ignore-not-found',
    '--timeout=240s',
  );
  await removeKinds();
}

interface Pod {
  readonly status: { readonly containerStatuses?: readonly { readonly restartCount: number }[] };
}

interface Secret {
  readonly metadata: { readonly uid: string };
  readonly data: Readonly<Record<string, string>>;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

/** Who a Client is, for its application. */
async function whoIs(client: string): Promise<unknown> {
  const { status } = await get<{ status: { clientId: string } }>(shop, `nclient/${client}`);
  const { metadata, data } = await get<Secret>(shop, `secret/${client}-oauth2`);
  return { clientId: status.clientId, object: metadata.uid, id: data['client-id'], secret: data['client-secret'] };
}

async function finalizersOf(where: string, object: string): Promise<readonly string[]> {
  const { metadata } = await get<{ metadata: { finalizers?: string[] } }>(where, object);
  return metadata.finalizers ?? [];
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
    // The namespace lets no other pod in, so those that run there pass.
    const privileged = kubectl('-n', identity, 'run', 'privileged', '--image=none', '--privileged', '--dry-run=server');
    await expect(privileged).rejects.toThrow('violates PodSecurity "restricted:latest"');
    const { items } = await get<{ items: { metadata: { name: string } }[] }>(identity, 'networkpolicies');
    expect(items.map(({ metadata }) => metadata.name).toSorted()).toEqual(['default-server', 'nauthera-operator']);
    // A roll-out has more of them for a moment.
    await servers.onlyTwo();
    const pods = await get<{ items: { spec: { automountServiceAccountToken?: boolean } }[] }>(
      identity,
      'pods',
      '-l',
      'app.kubernetes.io/component=server',
    );
    expect(pods.items.map(({ spec }) => spec.automountServiceAccountToken)).toEqual([false, false]);
  });

  it('six lines of YAML in another namespace, and a pod there has a token over verified TLS', async () => {
    const yaml = [
      'apiVersion: auth.nauthera.io/v1alpha1',
      'kind: Client',
      `metadata: { name: web, namespace: ${shop} }`,
    ]
      .concat(['spec:', '  grantTypes: [client_credentials]'])
      .join('\n');
    await apply(yaml);
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

  it('an application starts to fetch tokens all the time, and people to sign in, consent, refresh and sign out', async () => {
    await apply(
      list([
        {
          apiVersion: 'auth.nauthera.io/v1alpha1',
          kind: 'Client',
          metadata: { name: 'portal', namespace: shop },
          spec: {
            grantTypes: ['authorization_code', 'refresh_token'],
            redirectUris: ['https://portal.example.com/callback'],
            scopes: ['openid', 'profile', 'offline_access'],
          },
        },
      ]),
    );
    await isReady('nclient/portal', shop);
    traffic = await Traffic.start(shop);
    const sql = `SELECT count(DISTINCT user_name) > 1 FROM audit WHERE event = 'consent.given' AND directory_server = '${directory.url}'`;
    // The directory was asked about them.
    await eventually(async () => expect(await servers.ask(sql)).toBe('t'));
  });

  it('a rotated secret reaches the mounted file, and the application that keeps the old one loses no request', async () => {
    const before = await inPod(shop, 'shell', 'cat', '/oauth2/client-secret');
    used.set('the rotated secret', before);
    await traffic.withoutFailure(async () => {
      await kubectl('-n', shop, 'annotate', 'nclient/web', 'auth.nauthera.io/rotate-secret=one');
      await eventually(async () => {
        const { data } = await get<Secret>(shop, 'secret/web-oauth2');
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
      traffic.withoutFailure(async () => {
        const patch = JSON.stringify({ spec: { replicas } });
        await kubectl('-n', identity, 'patch', 'nas/default', '--type=merge', '-p', patch);
        await eventually(async () => {
          const { status } = await servers.deployment();
          expect([status.replicas, status.readyReplicas]).toEqual([replicas, replicas]);
        });
        await isReady('nas/default', identity);
      });
    await scale(3);
    await scale(2);
  });

  it('a pod that is deleted is replaced, and no request fails', async () => {
    const [first = ''] = await servers.runningPods();
    await traffic.withoutFailure(async () => {
      await kubectl('-n', identity, 'delete', 'pod', first, '--wait=true');
      await servers.twoAreReady();
    });
  });

  it('a server that is killed comes back in its pod; what was under way is asked again, and nothing else fails', async () => {
    await startNodeShell(node);
    // One that ends anyway would not come back.
    await servers.onlyTwo();
    const restarts = async () => {
      const { items } = await get<{ items: Pod[] }>(identity, 'pods', ...serverPods);
      return items.flatMap(({ status }) => status.containerStatuses ?? []).map(({ restartCount }) => restartCount);
    };
    const before = await restarts();
    await traffic.withoutLasting(async () => {
      await killInNode(node, await findInNode(node, 'nauthera-server serve'));
      await eventually(async () => expect(sum(await restarts())).toBe(sum(before) + 1));
      await servers.twoAreReady();
    });
  });

  it('the kubelet of the node is killed and comes back, and no request fails', async () => {
    await traffic.withoutFailure(async () => {
      const before = await findInNode(node, 'kubelet');
      await killInNode(node, before);
      // Nobody runs a command in a pod without it.
      await eventually(async () => expect([before, '']).not.toContain(await findInNode(node, 'kubelet')));
      await kubectl('wait', 'nodes', '--all', '--for=condition=Ready', '--timeout=120s');
      await servers.twoAreReady();
    });
    await kubectl('delete', 'namespace', node, '--timeout=120s');
  });

  /** What is in the field that only the next version knows. */
  const inTheNewField = () => kubectl('-n', shop, 'get', 'nclient/web', '-o', `jsonpath={.spec.${nextMinor.field}}`);
  const setTheNewField = async () => {
    const patch = JSON.stringify({ spec: { [nextMinor.field]: 'kept' } });
    await kubectl('-n', shop, 'patch', 'nclient/web', '--type=merge', '-p', patch);
    return inTheNewField();
  };
  const { table, name: column } = nextMinor.column;
  const tableIsNewer = () =>
    servers.ask(
      `SELECT count(*) FROM information_schema.columns WHERE table_name = '${table}' AND column_name = '${column}'`,
    );
  const migrated = () => servers.ask(`SELECT count(*) FROM nauthera_migrations WHERE name = '${nextMinor.migration}'`);

  it('F43: an upgrade to the next minor brings its kinds and tables and rolls the servers, and no request fails; logins that began before end after', async () => {
    expect([await tableIsNewer(), await migrated(), await setTheNewField()]).toEqual(['0', '0', '']);
    const before = await servers.migrations();
    await traffic.hold('upgrade');
    const next = await nextChart();
    await traffic.withoutFailure(async () => {
      await helm('upgrade', ...release, next.folder, ...settings, '--wait', '--timeout', '5m');
      await servers.run(images.nextTag);
      await traffic.goOn('upgrade');
      // The API server takes a moment until it knows a new field.
      await eventually(async () => expect(await setTheNewField()).toBe('kept'));
      await isReady('nclient/web', shop);
    });
    await next.remove();
    expect(await servers.migrations()).not.toEqual(before);
    expect([await tableIsNewer(), await migrated()]).toEqual(['1', '1']);
  });

  it('a rollback without the kinds rolls the servers back on the newer tables, and no request fails; logins that began with the newer version end with the older, and new fields keep what is in them', async () => {
    await traffic.hold('rollback');
    await traffic.withoutFailure(async () => {
      await helm('upgrade', ...release, chart, ...settings, '--set=crds.enabled=false', '--wait', '--timeout', '5m');
      await servers.run(images.tag);
      await traffic.goOn('rollback');
      // The older operator works on an object with a field that it does not know.
      await kubectl('-n', shop, 'patch', 'nclient/web', '--type=merge', '-p', '{"spec":{"displayName":"Web shop"}}');
      await isReady('nclient/web', shop);
    });
    expect([await tableIsNewer(), await migrated(), await inTheNewField()]).toEqual(['1', '1', 'kept']);
  });

  it('helm rollback puts back the older kinds, too: new fields go, no pod does, and no request fails', async () => {
    const before = await servers.runningPods();
    await traffic.withoutFailure(async () => {
      await helm('rollback', 'nauthera', '1', '--namespace', identity, '--wait', '--timeout', '5m');
      await eventually(async () => expect(await setTheNewField()).toBe(''));
      await servers.run(images.tag);
      await isReady('nclient/web', shop);
    });
    expect(await servers.runningPods()).toEqual(before);
  });

  it('uninstalling leaves servers that serve, no finalizer, and nothing of the release', async () => {
    await traffic.withoutFailure(() => helm('uninstall', ...release, '--wait', '--timeout', '5m'));
    expect(await finalizersOf(identity, 'nas/default')).toEqual([]);
    expect(await finalizersOf(shop, 'nclient/web')).toEqual([]);
    const roles = [
      'get',
      'clusterroles,clusterrolebindings',
      '-l',
      'app.kubernetes.io/instance=nauthera',
      '-o',
      'name',
    ];
    expect(await kubectl(...roles)).toBe('');
  });

  it('installing again goes on with the servers and Clients that are there: same pods, ids and secrets, and no request fails', async () => {
    const clients = ['web', 'portal'];
    const before = [await servers.runningPods(), ...(await Promise.all(clients.map(whoIs)))];
    await traffic.withoutFailure(async () => {
      await helm('install', ...release, chart, ...settings, '--wait', '--timeout', '5m');
      await eventually(async () => {
        expect(await finalizersOf(identity, 'nas/default')).toHaveLength(1);
        for (const client of clients) expect(await finalizersOf(shop, `nclient/${client}`)).toHaveLength(1);
      });
      await kubectl('-n', shop, 'patch', 'nclient/web', '--type=merge', '-p', '{"spec":{"displayName":"Shop again"}}');
      await servers.run(images.tag);
      for (const client of clients) await isReady(`nclient/${client}`, shop);
    });
    expect([await servers.runningPods(), ...(await Promise.all(clients.map(whoIs)))]).toEqual(before);
    expect(decodeJwt(await fetchToken())).toMatchObject({ iss: issuer, sub: `${shop}.web` });
  });

  it('no secret, token, code, cookie, password or key of all this stands in a log, an object or the database', async () => {
    const namespaces = [identity, directoryNamespace, shop];
    const kept = await secretsKept(namespaces);
    const names = [...kept.keys()].map((name) => name.replace(/, \d+$/, ''));
    expect(names).toEqual(
      expect.arrayContaining([
        'web-oauth2, client-secret',
        'portal-oauth2, client-secret',
        'ldap-bind, password',
        'pg-app, password',
        'default-key-encryption-key, key-encryption-key',
        'default-generated-ca, tls.key',
        'default-generated-tls, tls.key',
      ]),
    );
    const received = await traffic.received();
    for (const kind of ['code', 'access_token', 'id_token', 'refresh_token', 'cookie '])
      expect(
        [...received.keys()].filter((name) => name.startsWith(kind)),
        kind,
      ).not.toEqual([]);
    used.set('a token of an application', await fetchToken());
    for (const name of ['ada', 'grace', 'alan']) used.set(`the password of ${name}`, `${name}-password`);
    const places = await everythingTold(identity, namespaces);
    // Each was really read.
    expect(places.get('database')).toContain("'consent.given'");
    expect(places.get(`objects of ${shop}`)).toContain('"SecretRotated"');
    expect([...places].find(([name]) => name.startsWith(`log of ${identity}/default-server-`))?.[1]).toContain(
      '"token.',
    );
    expect(secretsIn(places, new Map([...kept, ...received, ...used]))).toEqual([]);
    // Nor does any other that looks like a token of ours.
    for (const [place, text] of places)
      expect([place, /eyJ[\w-]{10,}\.eyJ[\w-]{10,}/.exec(text)?.[0]]).toEqual([place, undefined]);
  });

  it('uninstalled, a server that nobody needs any more takes all that belongs to it along, but not its key', async () => {
    await helm('uninstall', ...release, '--wait', '--timeout', '5m');
    await traffic.stop();
    await kubectl('-n', shop, 'delete', 'nclient/web', 'nclient/portal', '--timeout=180s');
    await kubectl('-n', identity, 'delete', 'nas/default', '--timeout=180s');
    const kinds = 'deployments,services,serviceaccounts,poddisruptionbudgets,networkpolicies,jobs';
    const ours = ['get', kinds, '-l', 'app.kubernetes.io/part-of=nauthera', '-o', 'name'];
    await eventually(async () => expect(await kubectl('-n', identity, ...ours)).toBe(''));
    // The key opens the database, which is kept.
    expect(await kubectl('-n', identity, 'get', 'secret', 'default-key-encryption-key', '-o', 'name')).toContain(
      'secret/',
    );
  });
});
