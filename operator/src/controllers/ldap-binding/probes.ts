/** What the replicas found at the servers of a directory, as conditions, pure. */
import type { LdapBindingStatus } from '@nauthera/crds';
import type { DirectoryServerProbe } from '@nauthera/server/registry';
import { blocked, type ConditionDraft } from '../../runtime/conditions.ts';

const steps = ['tls', 'bind', 'searchBase'] as const;
type Step = (typeof steps)[number];

const conditionOf = { tls: 'TLSReady', bind: 'BindSucceeded', searchBase: 'SearchBaseFound' } as const satisfies Record<
  Step,
  string
>;
const saidWhenTrue: Readonly<Record<Step, string>> = {
  tls: 'connected, certificate trusted',
  bind: 'the service account signed in',
  searchBase: 'users can be searched',
};

export interface ProbeVerdict {
  readonly conditions: readonly ConditionDraft[];
  readonly servers: NonNullable<LdapBindingStatus['servers']>;
  readonly activeServer: string | undefined;
}

interface Failure {
  readonly step: Step;
  readonly reason: string;
  readonly message: string;
}

export interface ProbeInput {
  /** In order of preference; `undefined`: those that DNS named to the replicas. */
  readonly urls: readonly string[] | undefined;
  /** By replica; at least one. */
  readonly found: ReadonlyMap<string, readonly DirectoryServerProbe[]>;
  /** Name of the Secret with the service account's password. */
  readonly secret: string;
}

export function judgeProbes(input: ProbeInput): ProbeVerdict {
  const all = [...input.found.values()];
  const urls = input.urls ?? named(all);
  const replicas = all.map((probes) => urls.map((url) => failureOf(probes, url, input.secret)));
  const servers = urls.map((url, index) =>
    stateOf(
      url,
      replicas.map((failures) => failures[index]),
    ),
  );
  const worst = replicas.map(bestOf).reduce((one, other) => (rank(other) < rank(one) ? other : one), undefined);
  const conditions = stepConditions(worst);
  const degraded = unreadPolicy(all) ?? degradedBy(servers, worst);
  return {
    conditions: degraded === undefined ? conditions : [...conditions, degraded],
    servers,
    activeServer: mostOf(
      all.map((probes) => firstOf(probes, input)),
      servers,
    ),
  };
}

/** Replicas ask DNS for themselves, and draw their own order among equals: what is shown must not change with it. */
function named(all: readonly (readonly DirectoryServerProbe[])[]): readonly string[] {
  const urls = new Set(all.flatMap((probes) => probes.map(({ url }) => url)));
  return [...urls].toSorted().slice(0, mostServers);
}

const mostServers = 8;

/** The server that a replica asks before the others: where DNS named them, by the order that it drew. */
function firstOf(probes: readonly DirectoryServerProbe[], { urls, secret }: ProbeInput): string | undefined {
  const inOrder = urls ?? probes.map(({ url }) => url);
  return inOrder.find((url) => failureOf(probes, url, secret) === undefined);
}

/** The one that most replicas name; of several, one that all can use. */
function mostOf(names: readonly (string | undefined)[], servers: ProbeVerdict['servers']): string | undefined {
  const count = (url: string) => names.filter((name) => name === url).length;
  const isUp = ({ state }: ProbeVerdict['servers'][number]) => Number(state === 'Up');
  const inOrder = servers
    .filter(({ url }) => count(url) > 0)
    .toSorted((one, other) => count(other.url) - count(one.url) || isUp(other) - isUp(one));
  return inOrder[0]?.url;
}

/** `undefined`: usable. A server that was not looked at yet counts as not reached. */
function failureOf(probes: readonly DirectoryServerProbe[], url: string, secret: string): Failure | undefined {
  const probe = probes.find((one) => one.url === url);
  for (const step of steps) {
    const result = probe?.[step];
    if (result === undefined) return { step, reason: 'Pending', message: `${url} was not looked at yet` };
    if (!result.ok) return { step, reason: result.reason, message: result.message.replaceAll('{secret}', secret) };
  }
  return undefined;
}

/** The server that a replica gets furthest with; `undefined`: it can use one. */
function bestOf(failures: readonly (Failure | undefined)[]): Failure | undefined {
  return failures.reduce((one, other) => (rank(other) > rank(one) ? other : one));
}

/** How far it got. */
function rank(failure: Failure | undefined): number {
  return failure === undefined ? steps.length : steps.indexOf(failure.step);
}

function stepConditions(worst: Failure | undefined): ConditionDraft[] {
  return steps.map((step, index) => {
    const type = conditionOf[step];
    if (worst === undefined || index < rank(worst))
      return { type, status: 'True', reason: type, message: saidWhenTrue[step] };
    if (step !== worst.step) return blocked(type, conditionOf[worst.step]);
    const status = worst.reason === 'Pending' ? 'Unknown' : 'False';
    return { type, status, reason: worst.reason, message: worst.message };
  });
}

function stateOf(url: string, failures: readonly (Failure | undefined)[]): ProbeVerdict['servers'][number] {
  const failure = failures.find((one) => one !== undefined);
  if (failure === undefined) return { url, state: 'Up' };
  const state = failures.includes(undefined) ? 'Degraded' : 'Down';
  return { url, state, reason: failure.reason, message: failure.message };
}

/** A server that is away shows in the list of servers as well, and may be away for long; this shows nowhere else. */
function unreadPolicy(all: readonly (readonly DirectoryServerProbe[])[]): ConditionDraft | undefined {
  const [first] = all.flat().flatMap(({ policy }) => (policy === undefined || policy.ok ? [] : [policy]));
  if (first === undefined) return undefined;
  return { type: 'Degraded', status: 'True', reason: first.reason, message: first.message };
}

function degradedBy(servers: ProbeVerdict['servers'], worst: Failure | undefined): ConditionDraft | undefined {
  const say = (reason: string, message: string): ConditionDraft => ({
    type: 'Degraded',
    status: 'True',
    reason,
    message,
  });
  const disputed = servers.find(({ state }) => state === 'Degraded');
  if (disputed !== undefined)
    return say('ReplicasDisagree', `some replicas can use ${disputed.url}, others cannot: ${disputed.message ?? ''}`);
  const down = servers.find(({ state }) => state === 'Down');
  // With none that serves, the conditions themselves say so.
  return down === undefined || worst !== undefined
    ? undefined
    : say('ServerUnreachable', `${down.url} cannot be used, others serve: ${down.message ?? ''}`);
}
