/**
 * What a newer version knows and this one does not: it may be a restriction, so that it is without effect is said for as long
 * as it is. `Ready` is left alone: a rollback serves on what was served.
 */
import type { ConditionDraft } from '../runtime/conditions.ts';
import type { Observed } from '../sources/source.ts';

/** More of them nobody reads in one line. */
const mostNamed = 3;

/** `program`: version of this process and what it was built from, where they are known. */
export function newerFields(
  { unknownFields = [] }: Pick<Observed, 'unknownFields'>,
  { program }: { readonly program?: string | undefined },
): readonly ConditionDraft[] {
  if (unknownFields.length === 0) return [];
  const named = unknownFields.slice(0, mostNamed).join(', ');
  const more = unknownFields.length > mostNamed ? ` and ${unknownFields.length - mostNamed} more` : '';
  const version = program === undefined ? '' : ` (${program.split(' ')[0]})`;
  const [are, them] = unknownFields.length === 1 ? ['is', 'it'] : ['are', 'them'];
  const message = `${named}${more} ${are} without effect: only a newer version than this operator${version} knows ${them}. Upgrade it, or take ${them} out`;
  return [{ type: 'UnknownFields', status: 'True', reason: 'NewerVersion', message }];
}
