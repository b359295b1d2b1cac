/** What a Scope depends on, and what its pass says. */
import { stepOf } from '@nauthera/server/tracing';
import type { WithSpec } from '../attachment.ts';
import type { KindController, Reconciled } from '../kind.ts';
import { programmed } from '../programmed.ts';
import type { World } from '../world.ts';
import { applyScope, removeScope } from './apply.ts';
import { gatherScope } from './inputs.ts';
import { planScope, type ScopePlan, scopeConflict } from './plan.ts';

export function scopeController(world: World): KindController<'Scope'> {
  return {
    kind: 'Scope',
    cleanUp: (scope) => removeScope(world, scope),
    async reconcile(scope: WithSpec<'Scope'>): Promise<Reconciled<'Scope'>> {
      const gathered = await stepOf(world.tracing, 'inputs', () => gatherScope(world, scope));
      const plan = stepOf(world.tracing, 'plan', () => planScope(gathered.inputs));
      const { written, failure } = await stepOf(world.tracing, 'apply', () => applyScope(world, gathered, plan));
      const { condition, pending } = programmed({
        written,
        reports: gathered.registry?.reports ?? [],
        registration: { kind: 'scope', id: plan.scope, uid: scope.uid },
        generation: scope.specGeneration,
        previous: scope.status.conditions,
        sameAsBefore: true,
      });
      const accepted =
        written.outcome === 'conflict'
          ? ({
              type: 'Accepted',
              status: 'False',
              reason: 'Conflict',
              message: scopeConflict(written.owner, gathered.inputs),
            } as const)
          : plan.accepted;
      const settled = accepted.status === 'True' && condition.status === 'True';
      return {
        conditions: [accepted, condition],
        status: written.outcome === 'conflict' ? withoutName(plan.status) : plan.status,
        readyMessage: `${condition.message} as ${plan.scope}`,
        outcome: settled ? { outcome: 'done' } : { outcome: 'waiting', on: 'what its conditions name' },
        pending,
        registry: gathered.registry,
        references: gathered.references,
        failure,
      };
    },
  };
}

function withoutName({ name: _, ...rest }: ScopePlan['status']): ScopePlan['status'] {
  return rest;
}
