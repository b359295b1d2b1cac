/** What a Client depends on, and what its pass says. */
import type { ConditionDraft } from '../../runtime/conditions.ts';
import type { WithSpec } from '../attachment.ts';
import type { KindController, Reconciled } from '../kind.ts';
import { programmed } from '../programmed.ts';
import type { Registered } from '../registering.ts';
import type { World } from '../world.ts';
import { applyClient, removeClient } from './apply.ts';
import { type GatheredClient, gatherClient } from './inputs.ts';
import { type ClientPlan, conflictMessage, planClient } from './plan.ts';

export function clientController(world: World): KindController<'Client'> {
  return {
    kind: 'Client',
    cleanUp: (client) => removeClient(world, client),
    async reconcile(client: WithSpec<'Client'>) {
      const gathered = await gatherClient(world, client);
      const plan = planClient(gathered.inputs);
      const registered = await applyClient(world, gathered, plan);
      return { ...conclude(gathered, plan, registered), references: gathered.references };
    },
  };
}

type Conclusion = Omit<Reconciled<'Client'>, 'references'>;

function conclude(gathered: GatheredClient, plan: ClientPlan, { written, failure }: Registered): Conclusion {
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
  });
  const conflict = written.outcome === 'conflict' ? conflictMessage(written.owner, inputs) : undefined;
  const conditions = [...plan.conditions.map((one) => withConflict(one, conflict)), condition];
  const settled = conditions.every(({ status }) => status === 'True');
  const suspended: ConditionDraft = {
    type: 'Ready',
    status: 'False',
    reason: 'Suspended',
    message: 'spec.suspend is set: nothing is issued to it',
  };
  return {
    conditions,
    status: plan.status,
    readyMessage: plan.readyMessage(condition.message),
    ...(client.spec.suspend && plan.action === 'put' && conflict === undefined ? { ready: suspended } : {}),
    outcome: outcomeOf(settled, plan.secret?.wakeIn),
    pending,
    registry,
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

function currentSecret({
  secrets,
}: {
  readonly secrets?: readonly { readonly id: string; readonly state: string }[];
}): string | undefined {
  return secrets?.find(({ state }) => state === 'Current')?.id;
}
