/** Whether every live replica serves what was written, pure. */
import type { Condition } from '@nauthera/crds';
import type { LiveReport, PutResult, RegistrationKind, Revision } from '@nauthera/server/registry';
import { blocked, type ConditionDraft } from '../runtime/conditions.ts';
import { firstOf } from './names.ts';

/** What became of the write. `unreachable`: the database could not be asked. */
export type Written =
  | PutResult
  | { readonly outcome: 'unreachable' }
  /** Nothing was written, because of a condition or an object that is named. */
  | { readonly outcome: 'blocked'; readonly by: string };

export interface ProgrammedInput {
  readonly written: Written;
  readonly reports: readonly LiveReport[];
  readonly registration: { readonly kind: RegistrationKind; readonly id: string; readonly uid: string };
  /** Written so that it is served to nobody. */
  readonly withdrawn?: boolean;
  /** The generation that was written. */
  readonly generation: number;
  readonly previous: readonly Condition[];
  /** What was written is what the previous condition spoke about (the same secret, for example). */
  readonly sameAsBefore: boolean;
  /** What was written differs in what is accepted beside that secret alone: whatever was served is served still. */
  readonly onlyBeside?: boolean;
}

export interface Programmed {
  readonly condition: ConditionDraft;
  /** Another report may change it. */
  readonly pending: boolean;
}

const type = 'Programmed';

/** A row of a format that not every live replica reads. */
export const olderReplicaMessage =
  'a replica of an older version does not know what this needs. Waiting for the roll-out to end';

export function programmed(input: ProgrammedInput): Programmed {
  const { written, generation } = input;
  const say = (status: ConditionDraft['status'], reason: string, message: string, pending: boolean): Programmed => ({
    condition: { type, status, reason, message, observedGeneration: generation },
    pending,
  });
  switch (written.outcome) {
    case 'blocked':
      return { condition: blocked(type, written.by), pending: false };
    case 'conflict':
      return { condition: blocked(type, 'Accepted'), pending: false };
    case 'invalid':
      return say('False', 'RejectedByServer', written.problem, false);
    case 'held':
      // What was written before is served meanwhile.
      return say('False', 'NotServedYet', olderReplicaMessage, true);
    case 'unreachable':
      return (
        sticky(input) ??
        say(
          'Unknown',
          'DatabaseUnavailable',
          'the database of the AuthorizationServer does not answer. Waiting for it',
          false,
        )
      );
    case 'written':
    case 'unchanged':
      return judgeReports(input, written.revision, say);
  }
}

type Say = (status: ConditionDraft['status'], reason: string, message: string, pending: boolean) => Programmed;

function judgeReports(input: ProgrammedInput, revision: Revision, say: Say): Programmed {
  const { registration } = input;
  const live = input.reports.filter((report) => report.live);
  const caughtUp = live.filter((report) => hasReached(report.revision, revision));
  for (const report of caughtUp) {
    const rejected = report.rejected.find(
      ({ kind, id, uid }) => kind === registration.kind && id === registration.id && uid === registration.uid,
    );
    if (rejected !== undefined) return say('False', 'RejectedByServer', rejected.problem, false);
  }
  if (live.length > 0 && caughtUp.length === live.length) {
    const before = sticky(input);
    return (
      before ??
      say(
        'True',
        type,
        `${input.withdrawn === true ? 'Withdrawn on' : 'Served by'} ${live.length} ${live.length === 1 ? 'replica' : 'replicas'}`,
        false,
      )
    );
  }
  const before = input.written.outcome === 'unchanged' || input.onlyBeside === true ? sticky(input) : undefined;
  if (before !== undefined) return before;
  if (live.length === 0) return say('Unknown', 'NoReplica', 'no server process reports. Waiting for one', true);
  const missing = live.filter((report) => !caughtUp.includes(report)).map(({ replica }) => replica);
  return say(
    'False',
    'NotServedYet',
    `Waiting for ${missing.length === 1 ? 'replica' : 'replicas'} ${firstOf(missing)} to serve this (${caughtUp.length} of ${live.length} do)`,
    true,
  );
}

/** True holds for its generation and secret until the row is refused, lost or changed: a restart rewrites no status. */
function sticky({ previous, generation, sameAsBefore }: ProgrammedInput): Programmed | undefined {
  const before = previous.find((condition) => condition.type === type);
  if (before?.status !== 'True' || before.observedGeneration !== generation || !sameAsBefore) return undefined;
  const { status, reason, message, observedGeneration } = before;
  return { condition: { type, status, reason, message, observedGeneration }, pending: false };
}

/** Whether no live replica serves anything older. */
export function isServedEverywhere(reports: readonly LiveReport[], revision: Revision): boolean {
  return reports.every((report) => !report.live || hasReached(report.revision, revision));
}

export function hasReached(served: Revision, wanted: Revision): boolean {
  return served.epoch === wanted.epoch && served.n >= wanted.n;
}
