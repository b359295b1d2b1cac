/** PURE. What the replicas found of a directory's sample users, as its status tells it. */
import { isDeepStrictEqual } from 'node:util';
import type { LdapBindingStatus } from '@nauthera/crds';
import type { SampleUser } from '@nauthera/server/registry';

type Shown = NonNullable<LdapBindingStatus['sampleUsers']>[number];

export interface SampleInput {
  /** As spec has them; left out: nobody is told of. */
  readonly names: readonly string[] | undefined;
  /** By live replica. */
  readonly found: ReadonlyMap<string, readonly SampleUser[]>;
  /** What status shows of this very content of the resource. */
  readonly shown: LdapBindingStatus['sampleUsers'];
}

/**
 * In the order of spec. What is shown stays as long as a replica finds it, and while none has an answer: replicas look at
 * different moments, and status is not to go back and forth between them.
 */
export function sampleUsersInStatus({ names = [], found, shown = [] }: SampleInput): readonly Shown[] {
  const replicas = [...found].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, samples]) => samples);
  return names.flatMap((username) => {
    const before = shown.find((one) => one.username === username);
    const answers = replicas.flatMap((samples) => samples.filter((one) => one.username === username)).map(inStatus);
    const kept = answers.length === 0 || answers.some((answer) => isDeepStrictEqual(answer, before));
    return (kept ? before : answers[0]) ?? [];
  });
}

const outcomes = {
  nobody: 'NotFound',
  several: 'Ambiguous',
  not_asked: 'NotAsked',
  unreadable: 'Unreadable',
} as const satisfies Record<Exclude<SampleUser['outcome'], 'found'>, Shown['outcome']>;

/** Of a newer server, a state that is not listed is not told. */
const accounts: Readonly<Record<string, NonNullable<Shown['account']>>> = {
  active: 'Active',
  locked: 'Locked',
  disabled: 'Disabled',
  expired: 'Expired',
  must_change_password: 'MustChangePassword',
  password_expired: 'PasswordExpired',
  outside_hours: 'OutsideHours',
};

function inStatus(sample: SampleUser): Shown {
  const { username } = sample;
  if (sample.outcome !== 'found') return { username, outcome: outcomes[sample.outcome] };
  const account = accounts[sample.account];
  const { subject, groups, groupCount, claims, rules, scopes } = sample;
  return {
    username,
    outcome: 'Found',
    ...(account === undefined ? {} : { account }),
    subject,
    ...(groups.length === 0 ? {} : { groups: [...groups] }),
    groupCount,
    ...(claims.length === 0 ? {} : { claims: [...claims] }),
    ...(rules.length === 0 ? {} : { rules: rules.map(({ rule, holds, why }) => ({ name: rule, holds, why })) }),
    scopes: scopes.map(({ scope, allowed, rules: asked, why }) => ({
      scope,
      allowed,
      ...(asked.length === 0 ? {} : { rules: [...asked] }),
      why,
    })),
  };
}
