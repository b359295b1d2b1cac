/**
 * Whether a Client's Secret goes with it. One that stays names no owner: Kubernetes collects what does, whatever the operator
 * would say, when its owner is deleted in the foreground or while no operator runs. It loses its owner only once the status
 * holds its uid, so there is no moment at which nothing tells whose it is.
 */
import type { ClientStatus } from '@nauthera/crds';
import { isMadeFor, type RetainedSecret, type Secret } from '../../sources/source.ts';
import type { WithSpec } from '../attachment.ts';
import type { World } from '../world.ts';
import { adoptedNameOf } from './adopted-secret.ts';
import { SecretMoved } from './secret-moved.ts';
import type { SecretPlan } from './secret-terms.ts';
import { secretAnnotations, secretType, unread } from './secret-values.ts';

type Client = WithSpec<'Client'>;

/** What the status goes on saying: `undefined`: the Secret goes with its Client, or is not noted yet. */
export function retainedIn(client: Client, target: Secret | undefined): RetainedSecret | undefined {
  const { retained } = client.status;
  if (client.spec.deletionPolicy !== 'Retain' || target === undefined || !isMadeFor(client, target)) return undefined;
  // One of another type is made anew when it is written, with another uid.
  const isNoted = retained?.name === target.name && retained.uid === target.uid && target.type === secretType;
  return isNoted ? retained : undefined;
}

/** The plan with the owner that the Secret is to have, whatever else is written to it. Pure. */
export function withOwner(client: Client, target: Secret | undefined, plan: SecretPlan): SecretPlan {
  if (target === undefined) return plan;
  const { name, uid, spec } = client;
  const owner = retainedIn(client, target) === undefined ? { kind: 'Client', name, uid } : undefined;
  const madeFor = spec.deletionPolicy === 'Retain' ? uid : undefined;
  const planned = plan.writes.find((one) => one.write === 'update' && one.before === target);
  const next = planned?.write === 'update' ? planned.next : unread(target);
  const isSo = target.owner?.uid === owner?.uid && target.annotations[secretAnnotations.madeFor] === madeFor;
  if (planned === undefined && isSo) return plan;
  const { [secretAnnotations.madeFor]: _, ...rest } = next.annotations;
  const annotations = madeFor === undefined ? rest : { ...rest, [secretAnnotations.madeFor]: madeFor };
  const write = { write: 'update', before: target, next: { ...next, owner, annotations } } as const;
  return { ...plan, writes: [write, ...plan.writes.filter((one) => one !== planned)] };
}

/**
 * Notes the Secret that was just written, then takes its owner away.
 *
 * @returns `undefined`: it goes with its Client, or stays already
 * @throws SecretMoved
 */
export async function retain(
  { source, secrets }: World,
  client: Client,
  { secret, status }: { readonly secret: SecretPlan | undefined; readonly status: Pick<ClientStatus, 'retained'> },
): Promise<RetainedSecret | undefined> {
  const { namespace, uid, spec } = client;
  if (secret === undefined || spec.deletionPolicy !== 'Retain' || adoptedNameOf(spec) !== undefined) return undefined;
  if (status.retained !== undefined) return undefined;
  const written = await secrets.read(namespace, secret.name);
  if (written?.uid === undefined || written.owner?.uid !== uid || written.type !== secretType) return undefined;
  const retained = { name: written.name, uid: written.uid };
  await source.writeStatus(client, { ...client.status, retained });
  const annotations = { ...written.annotations, [secretAnnotations.madeFor]: uid };
  const next = { ...unread(written), annotations, owner: undefined };
  if ((await secrets.update(written, next)) === 'changed') throw new SecretMoved(written.name);
  return retained;
}
