/**
 * A cluster that gives every pod of a namespace a user of its own, whom no image knows, as OpenShift does (`restricted-v2`):
 * the chart and the operator name none, so everything runs as that user. On the same servers, the second listener: an
 * application in another namespace shows a certificate and gets a token that is bound to it.
 */
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientAuthority, selfSigned } from '../support/client-certificates.ts';
import { images } from './images.ts';
import { apply, get, helm, inPod, isReady, kubectl } from './kubectl.ts';
import { chart } from './next-minor.ts';
import { list, namespace, removeKinds, startDatabase, startShell } from './services.ts';

const [identity, shop] = ['e2e-assigned', 'e2e-assigned-shop'];
const release = ['nauthera', '--namespace', identity] as const;
const issuer = `https://default.${identity}.svc`;
const listener = `${issuer}:8444`;
const user = 1_000_680_000;
const admission = 'e2e-assigned-user';

/** What the cluster says of pods that name no user. */
const assigning = [
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingAdmissionPolicy',
    metadata: { name: admission },
    spec: {
      failurePolicy: 'Fail',
      reinvocationPolicy: 'Never',
      matchConstraints: {
        resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
      },
      matchConditions: [
        {
          name: 'nobody-is-named',
          expression: '!has(object.spec.securityContext) || !has(object.spec.securityContext.runAsUser)',
        },
      ],
      mutations: [
        {
          patchType: 'ApplyConfiguration',
          applyConfiguration: {
            expression: `Object{spec: Object.spec{securityContext: Object.spec.securityContext{runAsUser: ${user}, fsGroup: ${user}}}}`,
          },
        },
      ],
    },
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingAdmissionPolicyBinding',
    metadata: { name: admission },
    spec: {
      policyName: admission,
      matchResources: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': identity } } },
    },
  },
];

const authority = await clientAuthority();
const certificates = {
  good: await authority.issue({ subject: 'CN=till, O=Example', names: [{ type: 'dns', value: 'till.example.com' }] }),
  // The right name, of nobody's authority.
  own: await selfSigned({ subject: 'CN=till, O=Example', names: [{ type: 'dns', value: 'till.example.com' }] }),
};

beforeAll(async () => {
  await removeAll();
  await apply(list([...[identity, shop].map(namespace), ...assigning]));
  await startDatabase(identity);
  await apply(
    list([
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'client-ca', namespace: identity },
        data: { 'ca.crt': authority.pem },
      },
      ...Object.entries(certificates).map(([name, { cert, key }]) => ({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, namespace: shop },
        type: 'kubernetes.io/tls',
        stringData: { 'tls.crt': cert, 'tls.key': key },
      })),
    ]),
  );
  await kubectl('-n', identity, 'wait', '--for=condition=Ready', 'pod/pg-rw', '--timeout=180s');
});

afterAll(removeAll);

async function removeAll(): Promise<void> {
  await helm('uninstall', ...release, '--wait', '--ignore-not-found').catch(() => undefined);
  await kubectl('delete', 'namespace', identity, shop, '--ignore-not-found', '--timeout=240s');
  const kinds = ['mutatingadmissionpolicybinding', 'mutatingadmissionpolicy'];
  for (const kind of kinds) await kubectl('delete', kind, admission, '--ignore-not-found').catch(() => undefined);
  await removeKinds();
}

interface Pod {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: { readonly securityContext: { readonly runAsUser?: number; readonly fsGroup?: number } };
  readonly status: { readonly phase: string };
}

/** Asks in the shell of the shop, with that certificate. */
async function ask(certificate: keyof typeof certificates, url: string): Promise<Record<string, string>> {
  const shown = `--cert /${certificate}/tls.crt --key /${certificate}/tls.key`;
  const script = `curl -sS --cacert /oauth2/ca.crt ${shown} -d grant_type=client_credentials -d client_id=${shop}.till ${url}`;
  return JSON.parse(await inPod(shop, 'shell', 'sh', '-c', script)) as Record<string, string>;
}

describe('a user whom the cluster assigned', () => {
  it('helm install with no user named: operator, migration, test and server run as that user and are Ready', async () => {
    const values = [
      'authorizationServer.spec.database.secretRef.name=pg-app',
      'authorizationServer.spec.allowedClients.namespaces.from=All',
      'authorizationServer.spec.mutualTls.mode=Listener',
      'authorizationServer.spec.mutualTls.caBundleRef.name=client-ca',
      `image.repository=${images.repository}`,
    ].map((value) => `--set=${value}`);
    await helm('install', ...release, chart, ...values, '--wait', '--timeout', '5m');
    await kubectl('-n', identity, 'wait', 'authorizationserver/default', '--for=create', '--timeout=120s');
    await isReady('authorizationserver/default', identity);
    expect(await helm('test', ...release)).toContain('Succeeded');
    const { items } = await get<{ items: Pod[] }>(identity, 'pods', '-l', '!app');
    const components = items.map(({ metadata }) => metadata.labels?.['app.kubernetes.io/component']);
    expect(components).toEqual(expect.arrayContaining(['operator', 'server', 'migration']));
    for (const { metadata, spec, status } of items) {
      expect([metadata.name, spec.securityContext]).toEqual([
        metadata.name,
        expect.objectContaining({ runAsUser: user, fsGroup: user }),
      ]);
      if (status.phase !== 'Running') continue;
      const who = `const { readFileSync } = require('node:fs');
        const known = readFileSync('/etc/passwd', 'utf8').includes(':${user}:');
        console.log(process.getuid(), known, /^Uid:\\s+(\\d+)/m.exec(readFileSync('/proc/1/status', 'utf8'))[1]);`;
      const said = await inPod(identity, metadata.name, 'node', '-e', who);
      expect([metadata.name, said.trim()]).toEqual([metadata.name, `${user} false ${user}`]);
    }
  });

  it('a certificate gets a token that is bound to it, from another namespace, where the metadata says', async () => {
    const client = {
      apiVersion: 'auth.nauthera.io/v1alpha1',
      kind: 'Client',
      metadata: { name: 'till', namespace: shop },
      spec: {
        grantTypes: ['client_credentials'],
        authentication: { method: 'tls_client_auth', tls: { sanDns: 'till.example.com' } },
        senderConstraint: 'MTLS',
      },
    };
    await apply(list([client]));
    await isReady('nclient/till', shop);
    await startShell(shop, 'shell', [
      { name: 'oauth2', secret: 'till-oauth2', path: '/oauth2' },
      ...Object.keys(certificates).map((name) => ({ name, secret: name, path: `/${name}` })),
    ]);
    const find = `curl -sS --cacert /oauth2/ca.crt ${issuer}/.well-known/oauth-authorization-server`;
    const metadata = JSON.parse(await inPod(shop, 'shell', 'sh', '-c', find)) as {
      readonly mtls_endpoint_aliases: Readonly<Record<string, string>>;
      readonly tls_client_certificate_bound_access_tokens: boolean;
    };
    expect(metadata).toMatchObject({
      mtls_endpoint_aliases: { token_endpoint: `${listener}/token` },
      tls_client_certificate_bound_access_tokens: true,
    });
    expect(await inPod(shop, 'shell', 'cat', '/oauth2/token-uri')).toBe(`${listener}/token`);

    const answer = await ask('good', metadata.mtls_endpoint_aliases['token_endpoint'] ?? '');
    expect(decodeJwt(answer['access_token'] ?? '')).toMatchObject({
      iss: issuer,
      client_id: `${shop}.till`,
      cnf: { 'x5t#S256': certificates.good.thumbprint },
    });
    // Of nobody's authority; and where nobody is asked for a certificate.
    expect(await ask('own', `${listener}/token`)).toMatchObject({ error: 'invalid_client' });
    expect(await ask('good', `${issuer}/token`)).toMatchObject({ error: 'invalid_client' });
  });

  it('the Service has the port of the second listener, the pods name it, and the NetworkPolicy lets it in', async () => {
    const service = await get<{ spec: { ports: readonly object[] } }>(identity, 'service', 'default');
    expect(service.spec.ports).toContainEqual(expect.objectContaining({ port: 8444, targetPort: 'mutual-tls' }));
    const { spec } = await get<{
      spec: { template: { spec: { containers: readonly { ports: readonly object[] }[] } } };
    }>(identity, 'deployment', 'default-server');
    expect(spec.template.spec.containers[0]?.ports).toContainEqual(
      expect.objectContaining({ name: 'mutual-tls', containerPort: 8444 }),
    );
    const policy = await get<{ spec: { ingress: readonly { ports: readonly object[] }[] } }>(
      identity,
      'networkpolicy',
      'default-server',
    );
    expect(policy.spec.ingress.flatMap(({ ports }) => ports)).toContainEqual(expect.objectContaining({ port: 8444 }));
  });
});
