/** What an AuthorizationServer depends on, and what its pass says. */
import { nameOf, type ServerResource } from '../attachment.ts';
import type { KindController, Reconciled } from '../kind.ts';
import { logoName } from '../logo.ts';
import { type Looked, Polling } from '../polling.ts';
import type { World } from '../world.ts';
import { applyServer, removeServer } from './apply.ts';
import { gatherServer } from './inputs.ts';
import { concludeServer, planServer, type ServerInputs } from './plan.ts';

export function authorizationServerController(world: World): KindController<'AuthorizationServer'> {
  const polling = new Polling(world);
  return {
    kind: 'AuthorizationServer',
    async cleanUp(server) {
      await removeServer(world, server);
      polling.forget(nameOf(server));
    },
    async reconcile(server: ServerResource): Promise<Reconciled<'AuthorizationServer'>> {
      const gathered = await gatherServer(world, server);
      const plan = planServer(gathered.inputs);
      const { written, failure, acted } = await applyServer(world, gathered, plan);
      const { conditions, status, readyMessage, pending } = concludeServer(
        gathered.inputs,
        plan,
        written,
        gathered.registry?.reports ?? [],
        failure === undefined ? undefined : world.databases.explain(server, failure),
      );
      // An owner who first hears that everything waits for the keys should hear why.
      const keys = conditions.find(({ reason }) => reason === 'KeyEncryptionKeyNotFound');
      const settled = conditions.every((condition) => condition.status === 'True');
      const lookAgainAfter = polling.next(nameOf(server), lookedAt(gathered.inputs));
      return {
        conditions,
        status,
        readyMessage,
        ...(keys === undefined ? {} : { ready: keys }),
        outcome: settled
          ? { outcome: 'done', ...(lookAgainAfter === undefined ? {} : { resyncAfter: lookAgainAfter }) }
          : {
              outcome: 'waiting',
              on: 'what its conditions name',
              ...(lookAgainAfter === undefined ? {} : { lookAgainAfter }),
            },
        pending,
        registry: gathered.registry,
        acted,
        references: gathered.references,
        failure,
      };
    },
  };
}

function lookedAt({ server, database, logo }: ServerInputs): readonly Looked[] {
  const name = logoName(server.spec.branding?.logo);
  if (name === undefined) return database.looked;
  return [...database.looked, { kind: 'ConfigMap', namespace: server.namespace, name, found: logo }];
}
