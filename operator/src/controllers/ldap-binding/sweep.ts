/** PURE. What replicas say of the sweep for leavers, as a condition. */
import type { LiveReport } from '@nauthera/server/registry';
import type { ConditionDraft } from '../../runtime/conditions.ts';
import { confirmLeaversAnnotation } from '../annotations.ts';

/** @param directory as the replicas name it; `undefined`: the sweep goes on, or nobody says otherwise */
export function sweepStopped(
  reports: readonly LiveReport[],
  { directory, uid }: { readonly directory: string; readonly uid: string },
): ConditionDraft | undefined {
  const [halted] = reports
    .filter(({ live }) => live)
    .flatMap(({ directories }) => directories.filter((one) => one.directory === directory && one.uid === uid))
    .flatMap(({ sweepHalted }) => (sweepHalted === undefined ? [] : [sweepHalted]));
  if (halted === undefined) return undefined;
  const { leavers, users } = halted;
  return {
    type: 'Degraded',
    status: 'True',
    reason: 'SweepStopped',
    message: `${leavers} of ${users} signed-in users seem to have left, so nobody's access was ended. Check search base and rights of the service account; if they did leave, give the annotation ${confirmLeaversAnnotation} a new value`,
  };
}
