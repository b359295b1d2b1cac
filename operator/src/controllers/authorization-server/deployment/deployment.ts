/** The Deployment: pods of one version replace those of another one by one, and none is missed. */
import { digestOf, type JsonObject, type Manifest } from '../../../sources/children.ts';
import { type DeploymentContext, labelsOf, names, selectorOf } from './context.ts';
import { podTemplate, spread } from './pod.ts';

/** Of the pod template: another one is a rollout. */
export const templateAnnotation = 'auth.nauthera.io/template';
/** Of which migrations the database had when the pods were chosen. */
export const migratedAnnotation = 'auth.nauthera.io/migrated';
/** On the pods: another value is another template, so that all of them are replaced. */
const restartedAnnotation = 'auth.nauthera.io/restarted';

/** Seconds in which a rollout has to move on. */
export const progressDeadline = 300;

export function deployment(context: DeploymentContext, migrated: string): Manifest {
  const { server, restart } = context;
  const template = podTemplate(context, {
    component: 'server',
    ...(restart === undefined ? {} : { annotations: { [restartedAnnotation]: restart } }),
    container: { command: ['nauthera-server'], args: ['serve'], ...lifecycle },
    pod: { terminationGracePeriodSeconds: 45, topologySpreadConstraints: spread(context) },
  });
  return {
    kind: 'Deployment',
    name: names.server(server),
    labels: labelsOf(context),
    annotations: { [migratedAnnotation]: migrated, [templateAnnotation]: digestOf(template) },
    content: {
      spec: {
        replicas: replicasOf(context),
        revisionHistoryLimit: 3,
        progressDeadlineSeconds: progressDeadline,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
        selector: { matchLabels: selectorOf(server, 'server') },
        template,
      },
    },
  };
}

/** An autoscaler's number is followed, so that nothing is undone. */
function replicasOf({ server: { spec }, scaledTo }: DeploymentContext): number {
  if (spec.autoscaling === undefined) return spec.replicas;
  const { minReplicas, maxReplicas } = spec.autoscaling;
  return Math.min(Math.max(scaledTo ?? minReplicas, minReplicas), maxReplicas);
}

const probe = (path: string, failureThreshold: number) => ({
  httpGet: { path, port: 'management', scheme: 'HTTP' },
  periodSeconds: 5,
  timeoutSeconds: 2,
  failureThreshold,
});

const lifecycle: JsonObject = {
  // Of a minute.
  startupProbe: probe('/livez', 12),
  livenessProbe: probe('/livez', 3),
  readinessProbe: probe('/readyz', 3),
  // As long as it takes until nobody sends anything here: the image has no shell that could sleep.
  lifecycle: { preStop: { sleep: { seconds: 5 } } },
};
