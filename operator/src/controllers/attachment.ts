/** To which AuthorizationServer a resource belongs, and whether it may, pure. */
import type { Kind } from '@nauthera/crds';
import type { Observed } from '../sources/source.ts';
import { confirmDeletionAnnotation } from './annotations.ts';
import { isChosen, type NamespaceFacts } from './invitation.ts';
import { firstOf } from './names.ts';

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
      /** It is known where it belongs, and nothing else: what is registered there stays as it is. */
      readonly undecided?: true;
    }
  | { readonly outcome: 'uninvited'; readonly server: ServerResource; readonly message: string };

/**
 * @param defaults the namespace in which `is-default` counts: elsewhere everybody could make himself the default of all, or
 *   leave all without one; `undefined`: anywhere
 */
export function attach<K extends AttachedKind>(
  resource: WithSpec<K>,
  servers: readonly Observed<'AuthorizationServer'>[],
  namespace: NamespaceFacts,
  defaults?: string,
): Attachment {
  const found = resolveServer(resource, servers, defaults);
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

/**
 * A server that is being deleted and serves Clients stays until they are gone, unless its owner lets it go. What came after
 * its deletion does not keep it: nobody can hold it for ever by making more.
 */
export function mayBeKept(server: Observed<'AuthorizationServer'>): server is ServerResource {
  const { deleting, deletingSince, deletingWhole, spec, annotations } = server;
  return (
    deleting &&
    deletingSince !== undefined &&
    deletingWhole !== true &&
    spec !== undefined &&
    annotations[confirmDeletionAnnotation] === undefined
  );
}

function isKeptFor(server: Observed<'AuthorizationServer'>, { createdAt }: { readonly createdAt: string }): boolean {
  return mayBeKept(server) && Date.parse(createdAt) <= Date.parse(server.deletingSince ?? '');
}

type Resolved = Exclude<Attachment, { outcome: 'uninvited' }>;

function resolveServer<K extends AttachedKind>(
  resource: WithSpec<K>,
  servers: readonly Observed<'AuthorizationServer'>[],
  defaults: string | undefined,
): Resolved {
  const alive = servers.filter((server) => !server.deleting || isKeptFor(server, resource));
  const byName = (wanted: string): Resolved => {
    const server = alive.find((one) => nameOf(one) === wanted);
    if (server !== undefined) return usable(server);
    if (servers.some((one) => nameOf(one) === wanted)) {
      const message = `AuthorizationServer ${wanted} is being deleted, and takes nobody in any more. Choose another in spec.authorizationServerRef`;
      return { outcome: 'unresolved', reason: 'ServerNotFound', message };
    }
    const message =
      resource.spec.authorizationServerRef === undefined
        ? `no AuthorizationServer ${wanted}, the default that this was bound to. Bring it back, or set spec.authorizationServerRef`
        : `no AuthorizationServer ${wanted}. Check spec.authorizationServerRef`;
    return { outcome: 'unresolved', reason: 'ServerNotFound', message };
  };
  const ref = resource.spec.authorizationServerRef;
  if (ref !== undefined) return byName(`${ref.namespace ?? resource.namespace}/${ref.name}`);
  const kept = keptServer(resource);
  return kept === undefined ? defaultServer(alive, defaults) : byName(kept);
}

/** One that does not pass today's rules says nothing about whom it takes: it keeps those that it has. */
function usable(server: Observed<'AuthorizationServer'>): Resolved {
  const { spec } = server;
  if (spec !== undefined) return { outcome: 'attached', server: { ...server, spec } };
  const message = `AuthorizationServer ${nameOf(server)} does not pass today's rules. What is served goes on; waiting for its owner to mend it`;
  return { outcome: 'unresolved', reason: 'ServerNotFound', message, undecided: true };
}

/**
 * What was resolved for this content stays: a default that changes moves nobody. Whoever forges it in his own status gets
 * what `spec.authorizationServerRef` gives him: a server, if that one takes his namespace.
 */
function keptServer<K extends AttachedKind>({ status, specGeneration }: WithSpec<K>): string | undefined {
  return status.observedGeneration >= specGeneration ? status.authorizationServer : undefined;
}

function defaultServer(servers: readonly Observed<'AuthorizationServer'>[], defaults: string | undefined): Resolved {
  const chosen = servers.filter(
    ({ annotations, namespace }) =>
      annotations[defaultServerAnnotation] === 'true' && (defaults === undefined || namespace === defaults),
  );
  const [first, ...more] = chosen;
  if (first === undefined) {
    const message = 'no default AuthorizationServer here: set spec.authorizationServerRef';
    return { outcome: 'unresolved', reason: 'ServerNotFound', message };
  }
  if (more.length > 0) {
    const names = firstOf(chosen.map(nameOf).sort());
    const message = `${chosen.length} AuthorizationServers are annotated ${defaultServerAnnotation} (${names}): keep one, or set spec.authorizationServerRef`;
    return { outcome: 'unresolved', reason: 'DefaultServerAmbiguous', message };
  }
  return usable(first);
}

/** `status.authorizationServer`: what was resolved without a reference is not replaced by another default, though it is gone. */
export function serverInStatus<K extends AttachedKind>(
  resource: WithSpec<K>,
  attachment: Attachment,
): { readonly authorizationServer?: string } {
  if (attachment.outcome !== 'unresolved') return { authorizationServer: nameOf(attachment.server) };
  const kept = resource.spec.authorizationServerRef === undefined ? keptServer(resource) : undefined;
  return kept === undefined ? {} : { authorizationServer: kept };
}

/** What becomes of a registration whose server cannot be told. */
export function unresolvedAction({ undecided }: Extract<Attachment, { outcome: 'unresolved' }>): 'leave' | 'withdraw' {
  return undecided === true ? 'leave' : 'withdraw';
}

/** Servers that a resource may belong to, as far as it says so itself. */
export function belongsTo<K extends AttachedKind>({ namespace, spec, status }: Observed<K>): readonly string[] {
  const ref = spec?.authorizationServerRef;
  const named = ref === undefined ? undefined : `${ref.namespace ?? namespace}/${ref.name}`;
  return [...new Set([status.authorizationServer, named])].filter((name) => name !== undefined);
}

export function nameOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}
