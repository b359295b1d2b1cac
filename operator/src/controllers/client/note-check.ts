/** What a pass leaves behind for the process that begins after this one, where it ended with everything as it should be. */
import type { Check } from '@nauthera/server/registry';
import { hasUsers } from '../../registrations/client.ts';
import { nameOf } from '../attachment.ts';
import { logoName } from '../logo.ts';
import type { Registered } from '../registering.ts';
import type { World } from '../world.ts';
import { writeCheck } from './check.ts';
import type { ClientInputs } from './client-inputs.ts';
import { groundOf } from './ground.ts';
import type { GatheredClient } from './inputs.ts';
import type { ClientPlan } from './plan.ts';
import { isBuiltIn } from './references.ts';
import type { SecretPlan } from './secret-terms.ts';

/** To be called with the version at which the Client then stands. `undefined`: the next process looks for itself. */
export function checkAfter(
  world: World,
  gathered: GatheredClient,
  plan: ClientPlan,
  { written }: Registered,
): ((version: string) => void) | undefined {
  const { inputs, registry } = gathered;
  const { client } = inputs;
  const { secret, clientId } = plan;
  if (written.outcome !== 'written' && written.outcome !== 'unchanged') return undefined;
  if (registry === undefined || secret === undefined || !isPlain(inputs, secret)) return undefined;
  const ground = groundAt(world, gathered);
  const secrets = versionsAfter(world, inputs, secret);
  if (ground === undefined || secrets === undefined) return undefined;
  const scopes = client.spec.scopes.filter((scope) => !isBuiltIn(scope));
  const check = { ground, secrets, due: secret.ends, users: hasUsers(client.spec), scopes };
  const { revision } = written;
  return (version) => {
    const noted: Check = { kind: 'client', id: clientId, revision, state: writeCheck({ ...check, version }) };
    if (noted.state.length <= longest) registry.noteCheck(noted);
  };
}

/** Characters of what is kept of one Client. */
const longest = 4_096;

/** Nothing of it is on its way, and nothing that was looked at could change without a word. */
function isPlain({ client, attachment, rotation }: ClientInputs, secret: SecretPlan): boolean {
  return (
    attachment.outcome === 'attached' &&
    client.refused === undefined &&
    !client.deleting &&
    !client.spec.suspend &&
    logoName(client.spec.logo) === undefined &&
    // Other times than those that it says itself.
    rotation === undefined &&
    secret.blocked === undefined &&
    !secret.waits &&
    !secret.keepsFresh
  );
}

function groundAt(world: World, { inputs, servers }: GatheredClient): string | undefined {
  const { attachment, namespace, issuer, trust = { known: false }, hasDirectory, client } = inputs;
  const { program, defaultServerNamespace, source } = world;
  if (program === undefined || attachment.outcome !== 'attached') return undefined;
  return groundOf({
    program,
    source: source.name,
    namespace,
    servers,
    server: nameOf(attachment.server),
    defaultServerNamespace,
    issuer,
    trust,
    hasDirectory: hasUsers(client.spec) ? hasDirectory : undefined,
    withoutCluster: inputs.withoutCluster === true,
  });
}

/** `undefined`: not all of them have one. */
function versionsAfter(
  { secrets: store }: World,
  { secret, otherSecrets }: ClientInputs,
  { name, writes }: SecretPlan,
): Readonly<Record<string, string>> | undefined {
  const versions: Record<string, string | undefined> = Object.fromEntries(
    [...(secret === undefined ? [] : [secret]), ...otherSecrets].map((one) => [one.name, one.version]),
  );
  for (const one of writes) {
    if (one.write === 'delete') delete versions[one.before.name];
    else versions[one.next.name] = store.writtenVersion?.(one.next);
  }
  const all = Object.entries(versions);
  const known = all.filter((entry): entry is [string, string] => entry[1] !== undefined);
  return known.length === all.length && versions[name] !== undefined ? Object.fromEntries(known) : undefined;
}
