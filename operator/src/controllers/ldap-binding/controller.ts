/** What an LdapBinding depends on, and what its pass says: the plan's conditions, then what the replicas found. */

import type { Condition, LdapBindingStatus } from '@nauthera/crds';
import { stepOf } from '@nauthera/server/tracing';
import { blocked, type ConditionDraft } from '../../runtime/conditions.ts';
import { asks, confirmLeaversAnnotation } from '../annotations.ts';
import { nameOf, type WithSpec } from '../attachment.ts';
import type { KindController, Reconciled } from '../kind.ts';
import { type Looked, Polling } from '../polling.ts';
import { programmed } from '../programmed.ts';
import type { RegistryHandle } from '../registry-handle.ts';
import type { World } from '../world.ts';
import { applyLdapBinding, removeLdapBinding } from './apply.ts';
import { gatherLdapBinding } from './inputs.ts';
import { directoryIdOf, type LdapBindingInputs, type LdapBindingPlan, planLdapBinding } from './plan.ts';
import { ProbeHistory } from './probe-history.ts';
import { judgeProbes } from './probes.ts';
import { sampleUsersInStatus } from './samples.ts';
import { sweepStopped } from './sweep.ts';

const probeTypes = ['TLSReady', 'BindSucceeded', 'SearchBaseFound'] as const;

export function ldapBindingController(world: World): KindController<'LdapBinding'> {
  const history = new ProbeHistory();
  const polling = new Polling(world);
  return {
    kind: 'LdapBinding',
    async cleanUp(binding) {
      await removeLdapBinding(world, binding);
      history.forget(directoryIdOf(binding));
      polling.forget(nameOf(binding));
    },
    async reconcile(binding: WithSpec<'LdapBinding'>): Promise<Reconciled<'LdapBinding'>> {
      const gathered = await stepOf(world.tracing, 'inputs', () => gatherLdapBinding(world, binding));
      const plan = stepOf(world.tracing, 'plan', () => planLdapBinding(gathered.inputs));
      const { written, failure } = await stepOf(world.tracing, 'apply', () => applyLdapBinding(world, gathered, plan));
      const { condition, pending } = programmed({
        written,
        reports: gathered.registry?.reports ?? [],
        registration: { kind: 'directory', id: plan.id, uid: binding.uid },
        generation: binding.specGeneration,
        previous: binding.status.conditions,
        sameAsBefore: true,
      });
      const found = withSweep(findings(gathered.registry, history, { binding, plan, condition }), gathered.registry, {
        directory: plan.id,
        uid: binding.uid,
      });
      const conditions = [plan.resolvedRefs, plan.accepted, condition, ...found.conditions];
      const settled = conditions.every(({ status }) => status === 'True');
      return {
        conditions,
        status: { ...plan.status, ...found.status },
        readyMessage: `${condition.message}; ${found.status.activeServer ?? ''} answers`,
        outcome: outcomeOf(settled, polling.next(nameOf(binding), lookedAt(gathered.inputs))),
        pending: pending || found.pending,
        ...(plan.action === 'put' && asks(binding, confirmLeaversAnnotation)
          ? { acted: [confirmLeaversAnnotation] }
          : {}),
        registry: gathered.registry,
        references: gathered.references,
        failure,
      };
    },
  };
}

function outcomeOf(settled: boolean, lookAgain: number | undefined): Reconciled<'LdapBinding'>['outcome'] {
  if (settled) return { outcome: 'done', ...(lookAgain === undefined ? {} : { resyncAfter: lookAgain }) };
  return {
    outcome: 'waiting',
    on: 'what its conditions name',
    ...(lookAgain === undefined ? {} : { lookAgainAfter: lookAgain }),
  };
}

function lookedAt({ binding, passwordSecret, caBundle }: LdapBindingInputs): readonly Looked[] {
  const { namespace, spec } = binding;
  const bundle = spec.tls?.caBundleRef;
  return [
    { kind: 'Secret', namespace, name: spec.bind.passwordSecretRef.name, found: passwordSecret },
    ...(bundle === undefined ? [] : [{ kind: 'ConfigMap' as const, namespace, name: bundle.name, found: caBundle }]),
  ];
}

interface Found {
  readonly conditions: readonly ConditionDraft[];
  readonly status: Pick<LdapBindingStatus, 'activeServer' | 'servers' | 'sampleUsers'>;
  readonly pending: boolean;
}

interface Subject {
  readonly binding: WithSpec<'LdapBinding'>;
  readonly plan: LdapBindingPlan;
  readonly condition: ConditionDraft;
}

function findings(registry: RegistryHandle | undefined, history: ProbeHistory, subject: Subject): Found {
  const { binding, plan, condition } = subject;
  const { registration } = plan;
  if (
    condition.reason === 'Blocked' ||
    condition.reason === 'RejectedByServer' ||
    registry === undefined ||
    registration === undefined
  ) {
    const blocker = [plan.resolvedRefs, plan.accepted].find(({ status }) => status === 'False')?.type ?? 'Programmed';
    return { conditions: probeTypes.map((type) => blocked(type, blocker)), status: {}, pending: false };
  }
  const fingerprint = registry.registry.fingerprint(registration);
  const { found, samples, pending } = history.take(registry.reports, {
    directory: plan.id,
    uid: binding.uid,
    fingerprint,
  });
  if (found.size === 0)
    return {
      ...before(
        binding,
        registry.reports.some(({ live }) => live),
      ),
      pending,
    };
  const verdict = judgeProbes({
    urls: binding.spec.servers?.map(({ url }) => url),
    found,
    secret: binding.spec.bind.passwordSecretRef.name,
  });
  const { activeServer, servers, conditions } = verdict;
  return {
    conditions,
    status: {
      ...(activeServer === undefined ? {} : { activeServer }),
      servers: [...servers],
      ...sampleUsers(binding, samples),
    },
    pending,
  };
}

/** That nobody is ended weighs more than a server of which others take the place. */
function withSweep(
  found: Found,
  registry: RegistryHandle | undefined,
  directory: Parameters<typeof sweepStopped>[1],
): Found {
  const stopped = sweepStopped(registry?.reports ?? [], directory);
  if (stopped === undefined) return found;
  return { ...found, conditions: [...found.conditions.filter(({ type }) => type !== 'Degraded'), stopped] };
}

function sampleUsers(
  { spec, status, specGeneration }: WithSpec<'LdapBinding'>,
  found: ReturnType<ProbeHistory['take']>['samples'],
): Pick<LdapBindingStatus, 'sampleUsers'> {
  // Verdicts of other rules are no answer for these.
  const shown = status.observedGeneration < specGeneration ? [] : status.sampleUsers;
  const users = sampleUsersInStatus({ names: spec.sampleUsers, found, shown });
  return users.length === 0 ? {} : { sampleUsers: [...users] };
}

/** Nobody has looked yet: what is known of this content stays, a restart of the replicas rewrites nothing. */
function before(binding: WithSpec<'LdapBinding'>, anyReplica: boolean): Omit<Found, 'pending'> {
  const { status, specGeneration } = binding;
  const known = (type: string): Condition | undefined =>
    status.conditions.find((condition) => condition.type === type && condition.observedGeneration >= specGeneration);
  const conditions = probeTypes.map((type, index): ConditionDraft => {
    const kept = known(type);
    if (kept !== undefined && kept.reason !== 'Blocked') return kept;
    if (!anyReplica)
      return { type, status: 'Unknown', reason: 'NoReplica', message: 'no server process reports. Waiting for one' };
    const [first] = probeTypes;
    if (index > 0) return blocked(type, first);
    return { type, status: 'Unknown', reason: 'Pending', message: 'Waiting for a replica to look at the directory' };
  });
  const degraded = known('Degraded');
  const { activeServer, servers } = status;
  return {
    conditions: degraded === undefined ? conditions : [...conditions, degraded],
    status: {
      ...(activeServer === undefined ? {} : { activeServer }),
      ...(servers === undefined ? {} : { servers }),
      ...sampleUsers(binding, new Map()),
    },
  };
}
