/** What is made in a cluster for an AuthorizationServer: golden objects, and rules that all of them keep to. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { builders } from '../../../operator/src/controllers/authorization-server/deployment/children.ts';
import type { DeploymentContext } from '../../../operator/src/controllers/authorization-server/deployment/context.ts';
import {
  deployment,
  templateAnnotation,
} from '../../../operator/src/controllers/authorization-server/deployment/deployment.ts';
import {
  migrationJob,
  migrationsOf,
} from '../../../operator/src/controllers/authorization-server/deployment/migration.ts';
import { member } from '../../../operator/src/controllers/authorization-server/deployment/rollout.ts';
import type { ChildKind, JsonObject, Manifest } from '../../../operator/src/sources/children.ts';
import { podTracing } from '../../../operator/src/tracing.ts';
import { aServerResource } from './resources.ts';

type Spec = Record<string, unknown>;
const smallest: Spec = { issuer: 'https://id.example.com', database: { secretRef: { name: 'pg-app' } } };

function aContext(spec: Spec = {}, more: Partial<DeploymentContext> = {}): DeploymentContext {
  return {
    server: aServerResource({ ...smallest, ...spec }, { name: 'main', namespace: 'auth' }),
    issuer: 'https://id.example.com',
    settings: { image: 'registry.example.com/nauthera:1.2.3', pullPolicy: 'IfNotPresent', pullSecrets: [] },
    databasePorts: [5432],
    scaledTo: undefined,
    restart: undefined,
    bundle: undefined,
    ...more,
  };
}

function manifests(context: DeploymentContext): readonly Manifest[] {
  const [migration] = migrationsOf(context);
  if (migration === undefined) throw new Error('there is no migration');
  return [
    ...builders.map((build) => build(context)).filter((one) => one !== undefined),
    migrationJob(context, migration),
    deployment(context, 'digest'),
  ];
}

function only(context: DeploymentContext, kind: ChildKind): JsonObject {
  const found = manifests(context).find((one) => one.kind === kind);
  if (found === undefined) throw new Error(`there is no ${kind}`);
  return member(found.content, 'spec');
}
const podOf = (context: DeploymentContext, kind: 'Deployment' | 'Job' = 'Deployment') =>
  member(member(only(context, kind), 'template'), 'spec');
const has = (context: DeploymentContext, kind: ChildKind) => manifests(context).some((one) => one.kind === kind);
const containerOf = (context: DeploymentContext, kind: 'Deployment' | 'Job' = 'Deployment') =>
  (podOf(context, kind)['containers'] as readonly JsonObject[])[0] ?? {};

const everything: Spec = {
  database: { secretRef: { name: 'pg-app' }, caBundleRef: { kind: 'Secret', name: 'pg-ca' } },
  replicas: 3,
  autoscaling: { minReplicas: 3, maxReplicas: 6, targetCpuPercent: 60 },
  pod: {
    image: 'mirror.example.com/nauthera:1.2.4',
    imagePullPolicy: 'Always',
    imagePullSecrets: ['mirror'],
    resources: { requests: { cpu: '500m' }, limits: { cpu: '2', memory: '512Mi' } },
    labels: { team: 'identity' },
    annotations: { 'sidecar.istio.io/inject': 'false' },
    env: [
      { name: 'OTEL_EXPORTER_OTLP_ENDPOINT', value: 'http://otel:4318' },
      { name: 'OTEL_EXPORTER_OTLP_HEADERS', secretKeyRef: { name: 'tracing', key: 'headers' } },
    ],
    nodeSelector: { 'kubernetes.io/arch': 'arm64' },
    tolerations: [{ key: 'dedicated', operator: 'Exists', effect: 'NoSchedule' }],
    spreadBy: ['topology.kubernetes.io/zone'],
    priorityClassName: 'high',
    securityContext: { runAsUser: 10_001, fsGroup: 10_001 },
  },
  exposure: { mode: 'Ingress', ingress: { className: 'nginx', tlsSecretName: 'id-tls', annotations: { a: 'b' } } },
  networkPolicy: {
    databaseCidrs: ['10.1.0.0/16'],
    directoryCidrs: ['10.2.0.7'],
    scrapers: { 'kubernetes.io/metadata.name': 'monitoring' },
    egress: [{ name: 'directory-on-1636', cidrs: ['fd00::/8'], ports: [1636] }],
  },
  monitoring: { intervalSeconds: 60, labels: { release: 'prometheus' } },
};

describe('golden', () => {
  it.each<[string, DeploymentContext]>([
    ['smallest', aContext()],
    ['everything', aContext(everything, { scaledTo: 5, restart: '2026-01-01', databasePorts: [5432, 6432] })],
    [
      'route',
      aContext({
        exposure: { mode: 'HTTPRoute', httpRoute: { parentRefs: [{ name: 'public', namespace: 'gateways' }] } },
        networkPolicy: { mode: 'Disabled' },
        monitoring: { serviceMonitor: 'Disabled' },
      }),
    ],
  ])('%s', (name, context) => {
    const text = manifests(context)
      .map((one) => stringify(one, { lineWidth: 0 }))
      .join('---\n');
    const file = join(import.meta.dirname, `deployment.${name}.yaml`);
    if (process.env['NAUTHERA_GOLDEN'] === 'write') writeFileSync(file, text);
    expect(text).toBe(readFileSync(file, 'utf8'));
  });
});

describe('authorities of the database in an object of their own', () => {
  const naming = (caBundleRef?: object) =>
    aContext({ database: { secretRef: { name: 'pg-app' }, ...(caBundleRef === undefined ? {} : { caBundleRef }) } });
  const volumeOf = (context: DeploymentContext, kind: 'Deployment' | 'Job') =>
    (podOf(context, kind)['volumes'] as readonly JsonObject[]).find(({ name }) => name === 'database');

  it.each(['Deployment', 'Job'] as const)('%s: one key of it is mounted as ca.crt, over that of the Secret', (kind) => {
    const file = { name: 'pg-ca', items: [{ key: 'root.pem', path: 'ca.crt' }] };
    const sources = (context: DeploymentContext) => member(volumeOf(context, kind) ?? {}, 'projected')['sources'];
    const ref = { name: 'pg-ca', key: 'root.pem' };
    const secret = { secret: { name: 'pg-app' } };
    expect(sources(naming({ kind: 'Secret', ...ref }))).toEqual([secret, { secret: file }]);
    expect(sources(naming(ref))).toEqual([secret, { configMap: file }]);
  });

  it('a migration that failed without them is made again with them, and none because of this version', () => {
    const digest = (ref?: object) => migrationsOf(naming(ref))[0]?.digest;
    expect(
      new Set([digest(), digest({ name: 'a' }), digest({ name: 'b' }), digest({ kind: 'Secret', name: 'a' })]).size,
    ).toBe(4);
    expect(digest()).toBe(migrationsOf(aContext())[0]?.digest);
  });
});

/** https://kubernetes.io/docs/concepts/security/pod-security-standards/, restricted, and what this product adds. */
it.each([
  ['none chosen', {}, undefined],
  ['a group', { runAsGroup: 65_532 }, 65_532],
  ['another one for what is mounted', { runAsGroup: 65_532, fsGroup: 10_001 }, 10_001],
])('what is mounted is for the group of the process to read: %s', (_name, securityContext, fsGroup) => {
  const pod = podOf(aContext({ pod: { securityContext } }), 'Deployment');
  expect(pod['securityContext']).toMatchObject({ ...securityContext, ...(fsGroup === undefined ? {} : { fsGroup }) });
  expect(Object.hasOwn(pod['securityContext'] as object, 'fsGroup')).toBe(fsGroup !== undefined);
});

describe.each([
  ['smallest', aContext()],
  ['everything', aContext(everything)],
] as const)('restricted Pod Security, %s', (_name, context) => {
  describe.each(['Deployment', 'Job'] as const)('%s', (kind) => {
    const pod = podOf(context, kind);
    const container = containerOf(context, kind);

    it('no host, no token, no privilege, no writing', () => {
      for (const field of ['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace'])
        expect(pod[field]).toBeUndefined();
      expect(pod['automountServiceAccountToken']).toBe(false);
      expect(pod['containers']).toHaveLength(1);
      expect(pod['securityContext']).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      expect(container['securityContext']).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    });

    it('only Secrets and an empty folder are mounted', () => {
      for (const volume of pod['volumes'] as readonly JsonObject[])
        expect(Object.keys(volume).filter((key) => key !== 'name')).toSatisfy(([type]: string[]) =>
          ['secret', 'projected', 'emptyDir'].includes(type ?? ''),
        );
    });

    it('what is secret is readable for nobody else', () => {
      const modes = (pod['volumes'] as readonly JsonObject[]).flatMap((volume) =>
        [member(volume, 'secret'), member(volume, 'projected')].flatMap(({ defaultMode }) => defaultMode ?? []),
      );
      expect(modes.length).toBeGreaterThan(0);
      expect(new Set(modes)).toEqual(new Set([0o440]));
    });

    it('has limits of memory and requests, and no shell anywhere', () => {
      const { requests, limits } = container['resources'] as Record<string, JsonObject>;
      expect(requests).toMatchObject({ cpu: expect.any(String), memory: expect.any(String) });
      expect(limits).toMatchObject({ memory: expect.any(String) });
      expect(container['command']).toEqual(['nauthera-server']);
      expect(JSON.stringify(container)).not.toContain('"exec"');
    });

    it('no password stands in it', () => {
      for (const one of (container['env'] ?? []) as readonly JsonObject[])
        expect(JSON.stringify(one['value'] ?? '')).not.toMatch(/postgres|password/);
    });
  });
});

it.each(['Deployment', 'Job'] as const)('%s: a variable that decides over code or trust reaches no pod', (kind) => {
  const chosen = ['NODE_OPTIONS', 'LD_PRELOAD', 'OPENSSL_CONF', 'SSL_CERT_FILE', 'PGHOST', 'PATH', 'NAUTHERA_DATABASE'];
  const env = ['FIRST', ...chosen, 'NAUTHERA_LOG_LEVEL', 'LAST'].map((name) => ({ name, value: 'theirs' }));
  // As an object from before the rule holds them: today none is accepted with these.
  const context = aContext();
  const { server } = context;
  const old = { ...server, spec: { ...server.spec, pod: { ...server.spec.pod, env } } };
  const found = containerOf({ ...context, server: old }, kind)['env'] as readonly JsonObject[];
  const theirs = found.filter(({ value }) => value === 'theirs').map(({ name }) => name);
  expect(theirs).toEqual(['FIRST', 'NAUTHERA_LOG_LEVEL', 'LAST']);
});

describe('what replaces pods, and what does not', () => {
  const template = (spec: Spec, more: Partial<DeploymentContext> = {}) =>
    deployment(aContext(spec, more), 'd').annotations?.[templateAnnotation];
  const before = template({});

  it.each<[string, Spec]>([
    ['lifetimes', { lifetimes: { accessToken: '10m' } }],
    ['policies', { clientPolicies: [{ name: 'a', namespaces: { from: 'All' } }] }],
    ['branding', { branding: { displayName: 'Company' } }],
    ['trusted proxies', { trustedProxies: { cidrs: ['10.0.0.0/8'] } }],
    ['the number of pods', { replicas: 5 }],
    ['an autoscaler', { autoscaling: {} }],
    ['networks', { networkPolicy: { databaseCidrs: ['10.0.0.0/8'] } }],
    ['monitoring', { monitoring: { intervalSeconds: 60 } }],
  ])('%s: not', (_name, spec) => {
    expect(template(spec)).toBe(before);
  });

  it.each<[string, Spec, Partial<DeploymentContext>]>([
    ['another image', { pod: { image: 'other:1' } }, {}],
    [
      "another image of the operator's",
      {},
      { settings: { image: 'other:1', pullPolicy: 'IfNotPresent', pullSecrets: [] } },
    ],
    ['environment', { pod: { env: [{ name: 'A', value: '1' }] } }, {}],
    ['a restart that is asked for', {}, { restart: 'now' }],
    ['another Secret of the database', { database: { secretRef: { name: 'pg-other' } } }, {}],
  ])('%s: so', (_name, spec, more) => {
    expect(template(spec, more)).not.toBe(before);
  });
});

describe('how many pods', () => {
  const count = (spec: Spec, scaledTo?: number) => only(aContext(spec, { scaledTo }), 'Deployment')['replicas'];
  it.each<[string, Spec, number | undefined, number]>([
    ['two', {}, undefined, 2],
    ['as said, whatever there are', { replicas: 3 }, 9, 3],
    ["the autoscaler's number is followed", { autoscaling: {} }, 7, 7],
    ['and begins at the least', { replicas: 5, autoscaling: {} }, undefined, 2],
    ['not above the most', { autoscaling: { maxReplicas: 4 } }, 7, 4],
  ])('%s', (_name, spec, scaledTo, expected) => {
    expect(count(spec, scaledTo)).toBe(expected);
  });
});

describe('only what is asked for', () => {
  it.each<[ChildKind, Spec, boolean]>([
    ['HorizontalPodAutoscaler', {}, false],
    ['HorizontalPodAutoscaler', { autoscaling: {} }, true],
    ['Ingress', {}, false],
    ['Ingress', { exposure: { mode: 'Ingress' } }, true],
    ['Ingress', { exposure: { mode: 'HTTPRoute', httpRoute: { parentRefs: [{ name: 'g' }] } } }, false],
    ['HTTPRoute', { exposure: { mode: 'HTTPRoute', httpRoute: { parentRefs: [{ name: 'g' }] } } }, true],
    ['NetworkPolicy', {}, true],
    ['NetworkPolicy', { networkPolicy: { mode: 'Disabled' } }, false],
    ['ServiceMonitor', { monitoring: { serviceMonitor: 'Disabled' } }, false],
  ])('%s with %j: %s', (kind, spec, expected) => {
    expect(has(aContext(spec), kind)).toBe(expected);
  });
});

describe('migrations', () => {
  const images = (spec: Spec) => migrationsOf(aContext(spec)).map(({ image }) => image);
  it('one, of the image that serves', () => {
    expect(images({})).toEqual(['registry.example.com/nauthera:1.2.3']);
  });
  it("the operator's own first where the pods are of another", () => {
    expect(images({ pod: { image: 'other:2' } })).toEqual(['registry.example.com/nauthera:1.2.3', 'other:2']);
  });
  it('another image or another Secret is another migration; resources are not', () => {
    const name = (spec: Spec) => manifests(aContext(spec)).find(({ kind }) => kind === 'Job')?.name;
    expect(name({ pod: { resources: { limits: { memory: '1Gi' } } } })).toBe(name({}));
    expect(name({ database: { secretRef: { name: 'other' } } })).not.toBe(name({}));
  });
});

it('the names that others know stay below 63 characters', () => {
  const context = aContext();
  const long = { ...context, server: { ...context.server, name: 'a'.repeat(40) } };
  for (const { name } of manifests(long)) expect(name.length).toBeLessThanOrEqual(63);
});

describe('three roles of the database', () => {
  const roles: Spec = {
    database: {
      secretRef: { name: 'serving' },
      operatorSecretRef: { name: 'operating' },
      migratorSecretRef: { name: 'owning' },
    },
  };
  const context = aContext(roles, { databaseRoles: { server: 'serves', operator: 'operates' } });

  it('A74: pods that serve see their own alone, the migration that of the owner, and grants', () => {
    expect(JSON.stringify(podOf(context))).toContain('"secretName":"serving"');
    expect(JSON.stringify(podOf(context))).not.toMatch(/operating|owning/);
    expect(JSON.stringify(podOf(context, 'Job'))).toContain('"secretName":"owning"');
    expect(JSON.stringify(podOf(context, 'Job'))).not.toMatch(/operating|serving/);
    expect(containerOf(context, 'Job')['args']).toEqual([
      'migrate',
      '--server-role=serves',
      '--operator-role=operates',
    ]);
    expect(containerOf(aContext(), 'Job')['args']).toEqual(['migrate']);
  });

  it('another role is another migration: it needs its rights', () => {
    const other = aContext(roles, { databaseRoles: { server: 'serves', operator: 'another' } });
    expect(migrationsOf(other)[0]?.digest).not.toBe(migrationsOf(context)[0]?.digest);
  });
});

describe('traces', () => {
  const settings = {
    image: 'nauthera:1',
    pullPolicy: 'IfNotPresent',
    pullSecrets: [],
    tracing: {
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_TRACES_SAMPLER_ARG: '1' },
      port: 4318,
      cidrs: [],
    },
  } as const;
  const variables = (context: DeploymentContext, kind: 'Deployment' | 'Job' = 'Deployment') =>
    (podOf(context, kind)['containers'] as readonly { env: readonly { name: string; value?: string }[] }[])
      .flatMap(({ env }) => env)
      .filter(({ name }) => name.startsWith('OTEL_'));
  const ports = (context: DeploymentContext) =>
    (only(context, 'NetworkPolicy')['egress'] as readonly { ports: readonly { port: number }[] }[]).flatMap((rule) =>
      rule.ports.map(({ port }) => port),
    );

  it('are sent where those of the operator go, and may go there', () => {
    const context = aContext({}, { settings });
    expect(variables(context)).toEqual([
      { name: 'OTEL_EXPORTER_OTLP_ENDPOINT', value: 'http://collector:4318' },
      { name: 'OTEL_TRACES_SAMPLER_ARG', value: '1' },
    ]);
    expect(ports(context)).toContain(4318);
    expect(variables(context, 'Job')).toEqual([]);
  });

  it('may go into the networks of the collector alone, where those were given', () => {
    const egress = (cidrs: readonly string[]) => {
      const context = aContext({}, { settings: { ...settings, tracing: { ...settings.tracing, cidrs } } });
      const rules = only(context, 'NetworkPolicy')['egress'] as readonly { ports: readonly { port: number }[] }[];
      return rules.filter(({ ports: [first] }) => first?.port === 4318);
    };
    const ports = [{ protocol: 'TCP', port: 4318 }];
    expect(egress([])).toEqual([{ ports }]);
    expect(egress(['10.3.0.0/16'])).toEqual([{ to: [{ ipBlock: { cidr: '10.3.0.0/16' } }], ports }]);
  });

  it('what the server says goes before that, and stands there once', () => {
    const env = [{ name: 'OTEL_TRACES_SAMPLER_ARG', value: '0.1' }];
    expect(variables(aContext({ pod: { env } }, { settings }))).toEqual([
      { name: 'OTEL_EXPORTER_OTLP_ENDPOINT', value: 'http://collector:4318' },
      { name: 'OTEL_TRACES_SAMPLER_ARG', value: '0.1' },
    ]);
  });

  it('are sent nowhere where the operator has no endpoint', () => {
    expect(variables(aContext())).toEqual([]);
    expect(ports(aContext())).not.toContain(4318);
  });

  it.each<[string, Readonly<Record<string, string>>, unknown]>([
    ['no endpoint', { OTEL_TRACES_SAMPLER: 'always_on' }, undefined],
    [
      'one of traces alone, which may hold a path of the operator',
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c/in' },
      undefined,
    ],
    ['one with a password', { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://user:secret@c' }, undefined],
    ['one with a query', { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c/?key=secret' }, undefined],
    ['one, but traces are off', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_SDK_DISABLED: 'true' }, undefined],
    [
      'one with headers, which may be secret',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c', OTEL_EXPORTER_OTLP_HEADERS: 'a=b' },
      { env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c' }, port: 443, cidrs: [] },
    ],
    [
      'one and a sampler',
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318',
        OTEL_TRACES_SAMPLER: 'traceidratio',
        OTEL_TRACES_SAMPLER_ARG: '0.5',
      },
      {
        env: {
          OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318',
          OTEL_TRACES_SAMPLER: 'traceidratio',
          OTEL_TRACES_SAMPLER_ARG: '0.5',
        },
        port: 4318,
        cidrs: [],
      },
    ],
  ])('of an operator with %s', (_, environment, expected) => {
    expect(podTracing(environment)).toEqual(expected);
  });
});
