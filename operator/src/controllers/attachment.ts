/** To which AuthorizationServer a resource belongs, and whether it may, pure. */
import type { Kind } from '@nauthera/crds';
import type { Observed } from '../sources/source.ts';
import { isChosen, type NamespaceFacts } from './invitation.ts';

export const defaultServerAnnotation = 'auth.nauthera.io/is-default';

export type ServerResource = Observed<'AuthorizationServer'> & {
  readonly spec: NonNullable<Observed<'AuthorizationServer'>['spec']>;
};
export type AttachedKind = Exclude<Kind, 'AuthorizationServer'>;
/** A resource with content that was accepted. */
export type WithSpec<K extends Kind> = Observed<K> & { readonly spec: NonNullable<Observed<K>['spec']> };

export type Attachment =
  | { readonly outcome: 'attached'; readonly server: ServerResource }
  | {
      readonly outcome: 'unresolved';
      readonly reason: 'ServerNotFound' | 'DefaultServerAmbiguous';
      readonly message: string;
    }
  | { readonly outcome: 'uninvited'; readonly server: ServerResource; readonly message: string };

export function attach<K extends AttachedKind>(
  resource: WithSpec<K>,
  servers: readonly Observed<'AuthorizationServer'>[],
  namespace: NamespaceFacts,
): Attachment {
  const found = resolveServer(resource, servers);
  if (found.outcome !== 'attached') return found;
  const { server } = found;
  const choice = server.spec[`allowed${resource.kind}s` as const].namespaces;
  if (isChosen(choice, server.namespace, namespace)) return found;
  const { kind } = resource;
  return {
    outcome: 'uninvited',
    server,
    message: `AuthorizationServer ${nameOf(server)} takes no ${kind}s from namespace ${namespace.name}. Its owner can add it in spec.allowed${kind}s.namespaces (now: ${choice.from})`,
  };
}

type Resolved = Exclude<Attachment, { outcome: 'uninvited' }>;

function resolveServer<K extends AttachedKind>(
  resource: WithSpec<K>,
  servers: readonly Observed<'AuthorizationServer'>[],
): Resolved {
  const alive = servers.filter((server): server is ServerResource => server.spec !== undefined && !server.deleting);
  const byName = (wanted: string): Resolved => {
    const server = alive.find((one) => nameOf(one) === wanted);
    if (server !== undefined) return { outcome: 'attached', server };
    const message = `no AuthorizationServer ${wanted}. Check spec.authorizationServerRef`;
    return { outcome: 'unresolved', reason: 'ServerNotFound', message };
  };
  const ref = resource.spec.authorizationServerRef;
  if (ref !== undefined) return byName(`${ref.namespace ?? resource.namespace}/${ref.name}`);
  const kept = keptServer(resource);
  return kept === undefined ? defaultServer(alive) : byName(kept);
}

/** What was resolved for this content stays: a default that changes moves nobody. */
function keptServer<K extends AttachedKind>({ status, specGeneration }: WithSpec<K>): string | undefined {
  return status.observedGeneration >= specGeneration ? status.authorizationServer : undefined;
}

function defaultServer(servers: readonly ServerResource[]): Resolved {
  const [first, ...more] = servers.filter(({ annotations }) => annotations[defaultServerAnnotation] === 'true');
  if (first === undefined) {
    const message = 'no default AuthorizationServer here: set spec.authorizationServerRef';
    return { outcome: 'unresolved', reason: 'ServerNotFound', message };
  }
  if (more.length > 0) {
    const message = `${more.length + 1} AuthorizationServers are annotated ${defaultServerAnnotation}: keep one, or set spec.authorizationServerRef`;
    return { outcome: 'unresolved', reason: 'DefaultServerAmbiguous', message };
  }
  return { outcome: 'attached', server: first };
}

export function nameOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}
