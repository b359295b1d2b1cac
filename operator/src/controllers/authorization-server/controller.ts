/** What an AuthorizationServer depends on, and what its pass says. */
import type { ServerResource } from '../attachment.ts';
import type { KindController, Reconciled } from '../kind.ts';
import type { World } from '../world.ts';
import { applyServer, removeServer } from './apply.ts';
import { gatherServer } from './inputs.ts';
import { concludeServer, planServer } from './plan.ts';

export function authorizationServerController(world: World): KindController<'AuthorizationServer'> {
  return {
    kind: 'AuthorizationServer',
    cleanUp: (server) => removeServer(world, server),
    async reconcile(server: ServerResource): Promise<Reconciled<'AuthorizationServer'>> {
      const gathered = await gatherServer(world, server);
      const plan = planServer(gathered.inputs);
      const { written, failure } = await applyServer(world, gathered, plan);
      const { conditions, status, readyMessage, pending } = concludeServer(
        gathered.inputs,
        plan,
        written,
        world.served.reports,
      );
      const settled = conditions.every((condition) => condition.status === 'True');
      return {
        conditions,
        status,
        readyMessage,
        outcome: settled ? { outcome: 'done' } : { outcome: 'waiting', on: 'what its conditions name' },
        pending,
        references: gathered.references,
        failure,
      };
    },
  };
}
