/** What an AuthorizationServer depends on, and what its pass says. */
import { stepOf } from '@nauthera/server/tracing';
import { nameOf, type ServerResource } from '../attachment.ts';
import type { KindController, Reconciled } from '../kind.ts';
import { logoName } from '../logo.ts';
import { type Looked, Polling } from '../polling.ts';
import type { Written } from '../programmed.ts';
import type { World } from '../world.ts';
import { applyServer, removeServer } from './apply.ts';
import { authoritiesName } from './client-authorities.ts';
import { type DeployedPods, deployPods } from './deployment/deploy.ts';
import { type GatheredServer, gatherServer } from './inputs.ts';
import { keptBy } from './keeping.ts';
import { type Wished, wishKeys } from './key-wishes.ts';
import { concludeServer, planDeployment, planServer, type ServerInputs } from './plan.ts';
import { discardAuthorities, keepCertificate, type ServerCertificate } from './tls/certificates.ts';

export function authorizationServerController(world: World): KindController<'AuthorizationServer'> {
  const polling = new Polling(world);
  return {
    kind: 'AuthorizationServer',
    keeps: (server) => keptBy(world, server),
    async cleanUp(server) {
      await removeServer(world, server);
      await discardAuthorities(world, server);
      world.trust.forget(nameOf(server));
      polling.forget(nameOf(server));
    },
    async reconcile(server: ServerResource): Promise<Reconciled<'AuthorizationServer'>> {
      const found = await stepOf(world.tracing, 'inputs', () => gatherServer(world, server));
      const gathered = await stepOf(world.tracing, 'apply', () => withPods(world, found));
      const { pods, certificate } = gathered;
      const plan = stepOf(world.tracing, 'plan', () => planServer(gathered.inputs));
      const { written, failure, acted } = await stepOf(world.tracing, 'apply', () =>
        applyServer(world, gathered, plan),
      );
      const { conditions, status, readyMessage, pending } = concludeServer(
        gathered.inputs,
        plan,
        written,
        gathered.registry?.reports ?? [],
        failure === undefined ? undefined : world.databases.explain(server, failure),
      );
      const wished = await wishesOf(world, gathered, written);
      // An owner who first hears that everything waits for the keys should hear why.
      const keys = conditions.find(({ reason }) => reason.startsWith('KeyEncryptionKey'));
      const settled = conditions.every((condition) => condition.status === 'True');
      const looked = [...lookedAt(gathered.inputs), ...(certificate?.looked ?? [])];
      const lookAgainAfter = soonest(
        polling.next(nameOf(server), looked),
        pods?.lookAgainAfter,
        wished.lookAgainAfter,
        certificate?.lookAgainAfter,
      );
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
        acted: [...acted, ...wished.acted, ...(pods?.acted ?? [])],
        references: gathered.references,
        failure,
      };
    },
  };
}

interface WithPods extends GatheredServer {
  readonly pods: DeployedPods | undefined;
  readonly certificate?: ServerCertificate;
}

/** A server that may not be deployed keeps the pods that it has. */
async function withPods(world: World, gathered: GatheredServer): Promise<WithPods> {
  const { inputs, servers } = gathered;
  const { server, issuer, database } = inputs;
  if (world.pods === undefined || 'problem' in issuer || planDeployment(inputs) !== undefined)
    return { ...gathered, pods: undefined };
  const certificate = await keepCertificate(world, server, issuer.issuer);
  world.trust.set(nameOf(server), certificate.forClients);
  const made = await deployPods(world, world.pods, { server, issuer: issuer.issuer, database, certificate, servers });
  const { databaseReady: ready = database.ready } = made;
  const pods = { ...made, deployed: certificate.problem ?? made.deployed };
  return {
    ...gathered,
    inputs: { ...inputs, pods, database: { ...database, ready } },
    references: [...gathered.references, ...certificate.looked.map((one) => `Secret/${one.namespace}/${one.name}`)],
    pods,
    certificate,
  };
}

/** Only of a server that is registered here: another one's keys are not ours to touch. */
async function wishesOf(world: World, { registry, inputs }: GatheredServer, written: Written): Promise<Wished> {
  const holds = written.outcome === 'written' || written.outcome === 'unchanged';
  if (registry === undefined || !holds) return { acted: [], lookAgainAfter: undefined };
  return wishKeys(world, registry, inputs.server);
}

function soonest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function lookedAt({ server, database, logo, clientAuthorities, clusterBundles }: ServerInputs): readonly Looked[] {
  const { namespace } = server;
  const configMap = (name: string, found: unknown): Looked => ({ kind: 'ConfigMap', namespace, name, found });
  const name = logoName(server.spec.branding?.logo);
  const authorities = authoritiesName(server.spec);
  return [
    ...database.looked,
    ...(name === undefined ? [] : [configMap(name, logo)]),
    ...(authorities === undefined ? [] : [configMap(authorities, clientAuthorities)]),
    ...[...(clusterBundles ?? [])].map(([one, found]) => configMap(one, found)),
  ];
}
