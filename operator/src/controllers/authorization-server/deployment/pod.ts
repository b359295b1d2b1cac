/** The pod template of a server and of its migration: restricted Pod Security, read-only root, no token. */
import type { JsonObject } from '../../../sources/children.ts';
import { type Component, type DeploymentContext, imageOf, labelsOf, names, selectorOf } from './context.ts';
import { podParts } from './pod-parts.ts';

export interface PodOf {
  readonly component: Component;
  readonly image?: string;
  /** Of its only container, beside what every container has. */
  readonly container: JsonObject;
  /** Beside what every pod has. */
  readonly pod: JsonObject;
  readonly annotations?: Readonly<Record<string, string>>;
}

export function podTemplate(context: DeploymentContext, { component, image, container, pod, annotations }: PodOf) {
  const { server } = context;
  const { spec } = server;
  const { env, volumes, volumeMounts, ports } = podParts(context, component);
  const given: JsonObject = {
    ...(spec.pod.nodeSelector === undefined ? {} : { nodeSelector: spec.pod.nodeSelector }),
    ...(spec.pod.tolerations === undefined ? {} : { tolerations: spec.pod.tolerations.map((one) => ({ ...one })) }),
    ...(spec.pod.priorityClassName === undefined ? {} : { priorityClassName: spec.pod.priorityClassName }),
  };
  const pullSecrets = pullSecretsOf(context);
  return {
    metadata: {
      labels: { ...spec.pod.labels, ...labelsOf(context, component) },
      annotations: {
        ...spec.pod.annotations,
        'kubectl.kubernetes.io/default-container': component,
        ...annotations,
      },
    },
    spec: {
      serviceAccountName: names.server(server),
      automountServiceAccountToken: false,
      // A name that a Service of the namespace has would appear as variables that are no settings.
      enableServiceLinks: false,
      ...(pullSecrets.length === 0 ? {} : { imagePullSecrets: pullSecrets }),
      securityContext: {
        ...groupOf(spec.pod.securityContext),
        ...spec.pod.securityContext,
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      ...given,
      containers: [
        {
          name: component,
          image: image ?? imageOf(context),
          imagePullPolicy: spec.pod.imagePullPolicy ?? context.settings.pullPolicy,
          env,
          ...(ports.length === 0 ? {} : { ports }),
          resources: resourcesOf(context),
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          // The end of the log where the program wrote none: the reason of a failure without a right to read logs.
          terminationMessagePolicy: 'FallbackToLogsOnError',
          volumeMounts,
          ...container,
        },
      ],
      volumes,
      ...pod,
    },
  } satisfies JsonObject;
}

/** What is mounted is for its group to read, which is 0 unless somebody says: a process of another group could not. */
function groupOf(chosen: DeploymentContext['server']['spec']['pod']['securityContext']): JsonObject {
  return chosen?.runAsGroup === undefined ? {} : { fsGroup: chosen.runAsGroup };
}

/** Pods of one server stand apart, as evenly as can be: a full cluster must not keep them from starting. */
export function spread({ server }: DeploymentContext): readonly JsonObject[] {
  return server.spec.pod.spreadBy.map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: selectorOf(server, 'server') },
    // Of the new version alone: the old one is on its way out.
    matchLabelKeys: ['pod-template-hash'],
  }));
}

function pullSecretsOf({ server, settings }: DeploymentContext): readonly JsonObject[] {
  const all = [...settings.pullSecrets, ...(server.spec.pod.imagePullSecrets ?? [])];
  return [...new Set(all)].map((name) => ({ name }));
}

function resourcesOf({ server }: DeploymentContext): JsonObject {
  const { requests, limits } = server.spec.pod.resources;
  return { requests: { ...requests }, limits: { ...limits } };
}
