/**
 * What Clients of one namespace on one server share, as one digest, pure: another one, and each of them is looked at. What
 * moves without concerning a Client is no part of it.
 */
import { contentVersion } from '../../runtime/content-version.ts';
import type { Observed } from '../../sources/source.ts';
import { confirmDeletionAnnotation } from '../annotations.ts';
import { defaultServerAnnotation, nameOf } from '../attachment.ts';
import type { NamespaceFacts } from '../invitation.ts';
import type { Trust } from '../trust.ts';

export interface Ground {
  /** Version of this program: another one may come to something else. */
  readonly program: string;
  readonly source: string;
  readonly namespace: NamespaceFacts;
  /** All that there are, and the one that its Clients belong to, by `<namespace>/<name>`. */
  readonly servers: readonly Observed<'AuthorizationServer'>[];
  readonly server: string;
  readonly defaultServerNamespace: string | undefined;
  readonly issuer: string | undefined;
  readonly trust: Trust;
  /** `undefined`: of Clients without users, who need none. */
  readonly hasDirectory: boolean | undefined;
  readonly withoutCluster: boolean;
}

/** `undefined`: not all of it is known yet. */
export function groundOf({ servers, server, trust, issuer, ...facts }: Ground): string | undefined {
  if (!trust.known || issuer === undefined) return undefined;
  return contentVersion({ ...facts, servers: digestOf(servers, server), server, issuer, trust: trust.pem ?? null });
}

/** Of a list that is the same until one of them moves. */
const digests = new WeakMap<readonly Observed<'AuthorizationServer'>[], Map<string, string>>();

function digestOf(servers: readonly Observed<'AuthorizationServer'>[], own: string): string {
  const known = digests.get(servers) ?? new Map<string, string>();
  digests.set(servers, known);
  const digest = known.get(own) ?? contentVersion(servers.map((one) => sharedOf(one, own)).sort(byUid));
  known.set(own, digest);
  return digest;
}

function byUid(one: { readonly uid: string }, other: { readonly uid: string }): number {
  return one.uid < other.uid ? -1 : 1;
}

/** What the plan of a Client looks at: of other servers, whether they could be its own. A status moves nobody. */
function sharedOf(server: Observed<'AuthorizationServer'>, own: string) {
  const { uid, namespace, name, spec, specGeneration, deleting, deletingSince, deletingWhole, annotations } = server;
  const said = [defaultServerAnnotation, confirmDeletionAnnotation].map((one) => annotations[one] ?? null);
  const known = { uid, namespace, name, deleting, deletingSince, deletingWhole, said, sound: spec !== undefined };
  return nameOf(server) === own ? { ...known, spec, specGeneration } : known;
}
