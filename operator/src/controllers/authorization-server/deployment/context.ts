/** What the builders of an AuthorizationServer's children are given, and the names and labels that all of them share. */
import { hash } from 'node:crypto';
import { childLabel, managedBy, managedByLabel } from '../../../sources/children.ts';
import type { ServerResource } from '../../attachment.ts';
import type { NamedRoles } from '../../database-secrets.ts';

/** How the operator was told to run server pods. */
export interface PodSettings {
  /** Of servers that name none. */
  readonly image: string;
  readonly pullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  /** Names of Secrets; each must be in the namespace of the server. */
  readonly pullSecrets: readonly string[];
  /** Where pods send their traces, unless their server says something else; `undefined`: nowhere. */
  readonly tracing?: PodTracing | undefined;
}

export interface PodTracing {
  /** Variables, none of them secret. */
  readonly env: Readonly<Record<string, string>>;
  /** Port of the receiver. */
  readonly port: number;
  /** Networks of the receiver. Empty: it may be anywhere. */
  readonly cidrs: readonly string[];
}

export interface DeploymentContext {
  readonly server: ServerResource;
  readonly issuer: string;
  readonly settings: PodSettings;
  /** Ports that the database is reached on. */
  readonly databasePorts: readonly number[];
  /** Whose rights go with the tables; `undefined`: one role does everything. */
  readonly databaseRoles?: NamedRoles | undefined;
  /** As many as there are now, where an autoscaler decides; `undefined`: there is no Deployment yet. */
  readonly scaledTo: number | undefined;
  /** The newest value of the annotation that asks for a restart. */
  readonly restart: string | undefined;
  /** Authorities of the certificate that pods show, in PEM; `undefined`: none that is known here. */
  readonly bundle: string | undefined;
}

export const names = {
  service: ({ name }: ServerResource) => name,
  /** Deployment, ServiceAccount, PodDisruptionBudget, HorizontalPodAutoscaler, NetworkPolicy, ServiceMonitor, routes. */
  server: ({ name }: ServerResource) => `${name}-server`,
  authorities: ({ name }: ServerResource) => `${name}-ca`,
  migration: ({ name }: ServerResource, digest: string) => `${name}-migrate-${digest}`,
};

export const managementPort = 9090;

export function imageOf({ server, settings }: Pick<DeploymentContext, 'server' | 'settings'>): string {
  return server.spec.pod.image ?? settings.image;
}

/** The tag, where it can be a label; `undefined`: there is only a digest. */
export function versionOf(image: string): string | undefined {
  const [, tag] = /:([A-Za-z0-9_][A-Za-z0-9._-]{0,61}[A-Za-z0-9]|[A-Za-z0-9])$/.exec(image.split('@')[0] ?? '') ?? [];
  return tag;
}

export type Component = 'server' | 'migration';

/** By which pods are found: never changed, a Deployment cannot change them. */
export function selectorOf({ name }: ServerResource, component: Component): Record<string, string> {
  return {
    'app.kubernetes.io/name': 'nauthera-server',
    'app.kubernetes.io/instance': name,
    'app.kubernetes.io/component': component,
    [childLabel]: name,
  };
}

export function labelsOf(
  context: Pick<DeploymentContext, 'server' | 'settings'>,
  component: Component = 'server',
): Record<string, string> {
  const version = versionOf(imageOf(context));
  return {
    ...selectorOf(context.server, component),
    ...(version === undefined ? {} : { 'app.kubernetes.io/version': version }),
    'app.kubernetes.io/part-of': 'nauthera',
    [managedByLabel]: managedBy,
  };
}

/** Short, for a name. */
export function shortDigest(parts: readonly string[]): string {
  return hash('sha256', JSON.stringify(parts)).slice(0, 10);
}
