/**
 * What a newer version knows and this one does not: it may be a restriction, so that it is without effect is said for as long
 * as it is. `Ready` is left alone: a rollback serves on what was served.
 */
import type { ConditionDraft } from '../runtime/conditions.ts';
import type { Observed } from '../sources/source.ts';
import { firstOf } from './names.ts';

/** `program`: version of this process and what it was built from, where they are known. */
export function newerFields(
  { unknownFields = [] }: Pick<Observed, 'unknownFields'>,
  { program }: { readonly program?: string | undefined },
): readonly ConditionDraft[] {
  if (unknownFields.length === 0) return [];
  const version = program === undefined ? '' : ` (${program.split(' ')[0]})`;
  const [are, them] = unknownFields.length === 1 ? ['is', 'it'] : ['are', 'them'];
  const message = `${firstOf(unknownFields)} ${are} without effect: only a newer version than this operator${version} knows ${them}. Upgrade it, or take ${them} out`;
  return [{ type: 'UnknownFields', status: 'True', reason: 'NewerVersion', message }];
}
