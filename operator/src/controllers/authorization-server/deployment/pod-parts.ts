/**
 * What a pod of a server is made of beside its image: environment, files, ports. One list; each part stands for one thing
 * that the server reads. Files that are read anew when they change are mounted whole, so that nothing restarts for them.
 */

import { isFreeVariable } from '@nauthera/crds';
import { isMutualTlsOn, mutualTlsPort } from '../../../registrations/mutual-tls.ts';
import type { JsonObject } from '../../../sources/children.ts';
import { keySecretName } from '../../key-encryption.ts';
import { servingSecretName } from '../tls/wanted.ts';
import { type Component, type DeploymentContext, managementPort } from './context.ts';
import { transportOf } from './transport.ts';

export interface PodPart {
  readonly env?: readonly JsonObject[];
  readonly volumes?: readonly JsonObject[];
  readonly volumeMounts?: readonly JsonObject[];
  readonly ports?: readonly JsonObject[];
}

type PartBuilder = (context: DeploymentContext, component: Component) => PodPart;

const folder = '/var/run/nauthera';

/** The parts of every pod, in the order in which they stand there. */
const parts: readonly PartBuilder[] = [
  database,
  keyEncryption,
  certificate,
  listeners,
  mutualTlsListener,
  temporaryFiles,
  traces,
  chosenEnvironment,
];

export function podParts(context: DeploymentContext, component: Component): Required<PodPart> {
  const all = parts.map((part) => part(context, component));
  return {
    env: all.flatMap(({ env = [] }) => env),
    volumes: all.flatMap(({ volumes = [] }) => volumes),
    volumeMounts: all.flatMap(({ volumeMounts = [] }) => volumeMounts),
    ports: all.flatMap(({ ports = [] }) => ports),
  };
}

/** A Secret as files that only the user of the server and its group can read. */
export function secretFolder(name: string, secretName: string): Required<Pick<PodPart, 'volumes' | 'volumeMounts'>> {
  return {
    volumes: [{ name, secret: { secretName, defaultMode: 0o440 } }],
    volumeMounts: [{ name, mountPath: `${folder}/${name}`, readOnly: true }],
  };
}

/** Pods that serve never see who owns the tables. */
export function databaseSecret({ server }: DeploymentContext, component: Component): string | undefined {
  const { secretRef, migratorSecretRef } = server.spec.database ?? {};
  return component === 'migration' && migratorSecretRef !== undefined ? migratorSecretRef.name : secretRef?.name;
}

function database(context: DeploymentContext, component: Component): PodPart {
  const secret = databaseSecret(context, component);
  if (secret === undefined) return {};
  const { volumes, volumeMounts } = secretFolder('database', secret);
  return {
    volumes: withAuthorities(context, secret) ?? volumes,
    volumeMounts,
    env: [{ name: 'NAUTHERA_DATABASE_FOLDER', value: `${folder}/database` }],
  };
}

/** The same folder, in which `ca.crt` is what `caBundleRef` names: of a Secret that key alone, beside which the authority's own may stand. */
function withAuthorities({ server }: DeploymentContext, secret: string): readonly JsonObject[] | undefined {
  const reference = server.spec.database?.caBundleRef;
  if (reference === undefined) return undefined;
  const { kind, name, key } = reference;
  const file = { name, items: [{ key, path: 'ca.crt' }] };
  // Of two of one name the later counts.
  const sources = [{ secret: { name: secret } }, kind === 'Secret' ? { secret: file } : { configMap: file }];
  return [{ name: 'database', projected: { sources, defaultMode: 0o440 } }];
}

function keyEncryption({ server }: DeploymentContext, component: Component): PodPart {
  if (component !== 'server') return {};
  return {
    ...secretFolder('key-encryption', keySecretName(server)),
    env: [{ name: 'NAUTHERA_KEY_FILE', value: `${folder}/key-encryption/key-encryption-key` }],
  };
}

function certificate({ server }: DeploymentContext, component: Component): PodPart {
  const secret = component === 'server' ? servingSecretName(server) : undefined;
  if (secret === undefined) return {};
  return { ...secretFolder('tls', secret), env: [{ name: 'NAUTHERA_TLS_FOLDER', value: `${folder}/tls` }] };
}

function listeners({ server }: DeploymentContext, component: Component): PodPart {
  if (component !== 'server') return {};
  const { name, containerPort } = transportOf(server);
  return {
    env: [
      { name: 'NAUTHERA_LISTEN', value: `0.0.0.0:${containerPort}` },
      { name: 'NAUTHERA_MANAGEMENT', value: `0.0.0.0:${managementPort}` },
      { name: 'NAUTHERA_MIGRATIONS', value: 'never' },
    ],
    ports: [
      { name, containerPort, protocol: 'TCP' },
      { name: 'management', containerPort: managementPort, protocol: 'TCP' },
    ],
  };
}

/** Where clients are asked for a certificate. */
function mutualTlsListener({ server }: DeploymentContext, component: Component): PodPart {
  if (component !== 'server' || !isMutualTlsOn(server.spec)) return {};
  return {
    env: [{ name: 'NAUTHERA_MUTUAL_TLS_LISTEN', value: `0.0.0.0:${mutualTlsPort}` }],
    ports: [{ name: 'mutual-tls', containerPort: mutualTlsPort, protocol: 'TCP' }],
  };
}

function temporaryFiles(): PodPart {
  return {
    volumes: [{ name: 'tmp', emptyDir: { sizeLimit: '64Mi' } }],
    volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
  };
}

/** What the server itself says goes before it: two of one name would be refused. */
function traces({ server, settings }: DeploymentContext, component: Component): PodPart {
  if (component !== 'server' || settings.tracing === undefined) return {};
  const chosen = new Set((server.spec.pod.env ?? []).map(({ name }) => name));
  const own = Object.entries(settings.tracing.env).filter(([name]) => !chosen.has(name));
  return { env: own.map(([name, value]) => ({ name, value })) };
}

function chosenEnvironment({ server }: DeploymentContext): PodPart {
  return {
    env: (server.spec.pod.env ?? [])
      .filter(({ name }) => isFreeVariable(name))
      .map(({ name, value, secretKeyRef }) =>
        secretKeyRef === undefined
          ? { name, value: value ?? '' }
          : { name, valueFrom: { secretKeyRef: { name: secretKeyRef.name, key: secretKeyRef.key } } },
      ),
  };
}
