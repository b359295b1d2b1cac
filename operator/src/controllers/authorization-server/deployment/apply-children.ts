/** Applies what stands around the pods, and takes away what is no longer wanted. */
import { type ApplyResult, ChildRefused, type Children, type Manifest } from '../../../sources/children.ts';
import type { ServerResource } from '../../attachment.ts';
import type { World } from '../../world.ts';
import { builders, onlyWhereOffered, removable } from './children.ts';
import { type DeploymentContext, names } from './context.ts';
import { migrationsOf } from './migration.ts';

type Told = Pick<World, 'events'>;

/** @throws ChildTaken, ChildRefused the first that cannot be applied; those before it are */
export async function applyChildren(world: Told, children: Children, context: DeploymentContext): Promise<void> {
  const manifests = builders
    .map((build) => build(context))
    .filter((manifest) => manifest !== undefined)
    .filter(({ kind }) => children.offers(kind) || !onlyWhereOffered.has(kind));
  for (const manifest of manifests) {
    if (!children.offers(manifest.kind))
      throw new ChildRefused(
        `this cluster knows no ${manifest.kind}: choose another spec.exposure.mode, or install it`,
      );
    await applyChild(world, children, context.server, manifest);
  }
  await removeOthers(children, context, manifests);
}

export async function applyChild(
  world: Told,
  children: Children,
  server: ServerResource,
  manifest: Manifest,
): Promise<ApplyResult> {
  const result = await children.apply(server, manifest);
  if (result === 'repaired') {
    const note = `${manifest.kind} ${manifest.name} was changed or deleted by somebody else, and is as before again`;
    world.events.record(server, { type: 'Normal', reason: 'DriftRepaired', note, object: manifest.kind });
  }
  return result;
}

/** What is no longer wanted. A migration of another version that still runs is undone by its database. */
async function removeOthers(
  children: Children,
  context: DeploymentContext,
  manifests: readonly Manifest[],
): Promise<void> {
  const { server } = context;
  const kept = new Set([
    ...manifests.map(({ kind, name }) => `${kind}/${name}`),
    ...migrationsOf(context).map(({ digest }) => `Job/${names.migration(server, digest)}`),
  ]);
  const others = children
    .ownedBy(server)
    .filter(({ kind, name, deleting }) => removable.has(kind) && !deleting && !kept.has(`${kind}/${name}`));
  for (const child of others) await children.remove(child);
}
