/** What a Client depends on, and what its pass says. */

import { isDeepStrictEqual } from 'node:util';
import { stepOf } from '@nauthera/server/tracing';
import type { ConditionDraft } from '../../runtime/conditions.ts';
import { belongsTo, nameOf, type WithSpec } from '../attachment.ts';
import type { KindController, Reconciled } from '../kind.ts';
import { logoName } from '../logo.ts';
import { type Looked, Polling } from '../polling.ts';
import { programmed } from '../programmed.ts';
import { type Registered, storedSecrets, unregister } from '../registering.ts';
import type { World } from '../world.ts';
import { conflictMessage } from './acceptance.ts';
import { adoptedNameOf } from './adopted-secret.ts';
import { applyClient, discardSecrets } from './apply.ts';
import type { ClientInputs } from './client-inputs.ts';
import { type GatheredClient, gatherClient } from './inputs.ts';
import { checkAfter } from './note-check.ts';
import { type ClientPlan, planClient } from './plan.ts';
import { actedUpon } from './requests.ts';
import { count } from './secret-counts.ts';

export function clientController(world: World): KindController<'Client'> {
  const polling = new Polling(world);
  const fresh = new Map<string, string>();
  return {
    kind: 'Client',
    // The registration first: an application whose Secret is gone must not find its id still valid.
    cleanUp: (client) => unregister(world, 'client', client, belongsTo(client)),
    async discard(client) {
      polling.forget(nameOf(client));
      fresh.delete(client.uid);
      count(world.secretCounts, client.uid, undefined);
      await discardSecrets(world, client);
    },
    async reconcile(client: WithSpec<'Client'>) {
      const gathered = await stepOf(world.tracing, 'inputs', () =>
        gatherClient(world, client, fresh.get(client.uid) ?? world.freshSecret()),
      );
      const planned = stepOf(world.tracing, 'plan', () => planClient(gathered.inputs));
      // Whoever reads it must be the first: nothing but the memory of this process holds it until then.
      if (planned.secret?.keepsFresh === true) fresh.set(client.uid, gathered.inputs.fresh);
      const applied = await stepOf(world.tracing, 'apply', () => applyClient(world, gathered, planned));
      const { retained } = applied;
      const plan = retained === undefined ? planned : { ...planned, status: { ...planned.status, retained } };
      if (plan.secret?.keepsFresh !== true) fresh.delete(client.uid);
      count(world.secretCounts, client.uid, plan.secret);
      const lookAgain = polling.next(nameOf(client), lookedAt(gathered.inputs));
      const concluded = conclude(gathered, plan, applied, lookAgain);
      const isQuiet = concluded.outcome.outcome === 'done' && !concluded.pending && lookAgain === undefined;
      // The Secret has moved on since its plan.
      const settled = isQuiet && retained === undefined;
      const check = settled ? checkAfter(world, gathered, plan, applied) : undefined;
      return { ...concluded, ...(check === undefined ? {} : { check }), references: gathered.references };
    },
  };
}

/** What others keep up to date. */
function lookedAt({ client: { namespace, spec }, secret, logo }: ClientInputs): readonly Looked[] {
  const adopted = adoptedNameOf(spec);
  const picture = logoName(spec.logo);
  return [
    ...(adopted === undefined ? [] : [{ kind: 'Secret' as const, namespace, name: adopted, found: secret }]),
    ...(picture === undefined ? [] : [{ kind: 'ConfigMap' as const, namespace, name: picture, found: logo }]),
  ];
}

/** Whether what is registered now differs from what was in its secrets alone. */
function isOnlyBeside({ inputs: { stored }, registry }: GatheredClient, { registration, secret }: ClientPlan): boolean {
  if (stored === null || secret === undefined || registry?.isOpen !== true || registration.kind !== 'client')
    return false;
  const { client_secret_digests: digests, secret_notes: notes, ...value } = registration.value;
  const before = storedSecrets(stored);
  // Nearly always: there may be 100,000 Clients.
  if (isDeepStrictEqual([digests, notes], [before.client_secret_digests, before.secret_notes])) return false;
  const formerly = { ...registration, value: { ...value, ...before } };
  return registry.registry.fingerprint(formerly) === stored.fingerprint;
}

/** Milliseconds between two looks at a secret that goes on when every replica serves what was written. */
const servedPoll = 250;

type Conclusion = Omit<Reconciled<'Client'>, 'references'>;

function conclude(
  gathered: GatheredClient,
  plan: ClientPlan,
  { written, failure }: Registered,
  lookAgain: number | undefined,
): Conclusion {
  const { inputs, registry } = gathered;
  const { client } = inputs;
  const { condition, pending } = programmed({
    written,
    reports: registry?.reports ?? [],
    registration: { kind: 'client', id: plan.clientId, uid: client.uid },
    withdrawn: client.spec.suspend,
    generation: client.specGeneration,
    previous: client.status.conditions,
    sameAsBefore: currentSecret(client.status) === currentSecret(plan.status),
    onlyBeside: isOnlyBeside(gathered, plan),
  });
  const waits = plan.secret?.waits === true;
  const conflict = written.outcome === 'conflict' ? conflictMessage(written.owner, inputs) : undefined;
  const conditions = [...plan.conditions.map((one) => withConflict(one, conflict)), condition];
  const settled = conditions.every(({ status }) => status === 'True');
  const times = [lookAgain, plan.secret?.wakeIn, waits ? servedPoll : undefined].filter((time) => time !== undefined);
  const suspended: ConditionDraft = {
    type: 'Ready',
    status: 'False',
    reason: 'Suspended',
    message: 'spec.suspend is set: nothing is issued to it',
  };
  return {
    conditions,
    status: conflict === undefined ? plan.status : withoutIdentity(plan.status),
    readyMessage: plan.readyMessage(condition.message),
    ...(client.spec.suspend && plan.action === 'put' && conflict === undefined ? { ready: suspended } : {}),
    outcome: outcomeOf(settled, times.length === 0 ? undefined : Math.min(...times)),
    pending: pending || waits,
    registry,
    acted: plan.secret === undefined ? [] : actedUpon(client, plan.secret.open),
    failure,
  };
}

function outcomeOf(settled: boolean, wakeIn: number | undefined): Reconciled<'Client'>['outcome'] {
  if (settled) return { outcome: 'done', ...(wakeIn === undefined ? {} : { resyncAfter: wakeIn }) };
  return {
    outcome: 'waiting',
    on: 'what its conditions name',
    ...(wakeIn === undefined ? {} : { lookAgainAfter: wakeIn }),
  };
}

/** The registry decides who was first. */
function withConflict(condition: ConditionDraft, message: string | undefined): ConditionDraft {
  if (message === undefined || condition.type !== 'Accepted') return condition;
  return { type: 'Accepted', status: 'False', reason: 'Conflict', message };
}

function withoutIdentity({ clientId: _, issuer: __, ...rest }: ClientPlan['status']): ClientPlan['status'] {
  return rest;
}

function currentSecret({
  secrets,
}: {
  readonly secrets?: readonly { readonly id: string; readonly state: string }[];
}): string | undefined {
  return secrets?.find(({ state }) => state === 'Current')?.id;
}
