import type { Owner } from '@nauthera/server/registry';

/** As the registry decides it: by uid, or by (source, namespace, name), whose uid is another when it was made anew. */
export function isOwner(
  owner: Owner,
  source: string,
  resource: { readonly namespace: string; readonly name: string; readonly uid: string },
): boolean {
  return (
    owner.uid === resource.uid ||
    (owner.source === source && owner.namespace === resource.namespace && owner.name === resource.name)
  );
}
