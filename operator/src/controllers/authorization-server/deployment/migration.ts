/** The Job that brings the tables up to date for a version, before a pod of that version serves. */
import type { Manifest } from '../../../sources/children.ts';
import { type DeploymentContext, imageOf, labelsOf, names, shortDigest } from './context.ts';
import { podTemplate } from './pod.ts';
import { databaseSecret } from './pod-parts.ts';

export interface Migration {
  readonly image: string;
  /** Of what is migrated by what: another one is another migration. */
  readonly digest: string;
}

/**
 * Each version brings its own. Where the pods are of another version than the operator, the operator's go first: it keeps
 * the registry in tables of its own version.
 */
export function migrationsOf(context: DeploymentContext): readonly Migration[] {
  const secret = databaseSecret(context, 'migration') ?? '';
  const { databaseRoles, server } = context;
  const trusted = Object.values(server.spec.database?.caBundleRef ?? {});
  const granted = databaseRoles === undefined ? [] : [databaseRoles.server, databaseRoles.operator];
  const images = [...new Set([context.settings.image, imageOf(context)])];
  return images.map((image) => ({ image, digest: shortDigest([image, secret, ...granted, ...trusted]) }));
}

/** Names of roles are no secret: who they are shows in the database's own list of sessions. */
function rolesOf({ databaseRoles }: DeploymentContext): readonly string[] {
  if (databaseRoles === undefined) return [];
  return [`--server-role=${databaseRoles.server}`, `--operator-role=${databaseRoles.operator}`];
}

export function migrationJob(context: DeploymentContext, { image, digest }: Migration): Manifest {
  const { server } = context;
  return {
    kind: 'Job',
    name: names.migration(server, digest),
    labels: labelsOf(context, 'migration'),
    content: {
      spec: {
        backoffLimit: 3,
        completions: 1,
        parallelism: 1,
        template: podTemplate(context, {
          component: 'migration',
          image,
          container: { command: ['nauthera-server'], args: ['migrate', ...rolesOf(context)] },
          pod: { restartPolicy: 'Never', terminationGracePeriodSeconds: 45 },
        }),
      },
    },
  };
}
