/**
 * PURE. Filters of consent rules, asked of an entry that was read already: one search brings all. Only what means the
 * same here as in a directory is understood: and, or, not, equality, presence and substrings, without regard to case.
 */
import { AndFilter, EqualityFilter, type Filter, NotFilter, OrFilter, PresenceFilter, SubstringFilter } from 'ldapts';
import { foldText } from '../../protocol/distinguished-name.ts';
import { attributesOf, FilterProblem, parseFilter } from './filter.ts';

export interface RuleFilter {
  readonly attributes: readonly string[];
  /** @param valuesOf an attribute's values as text, in any order; absent: none */
  matches(valuesOf: (attribute: string) => readonly string[]): boolean;
}

/** @throws FilterProblem */
export function parseRuleFilter(text: string): RuleFilter {
  if (text.includes('{}')) throw new FilterProblem('{} has no meaning in a consent rule');
  const filter = parseFilter(text);
  requireUnderstood(filter);
  return { attributes: attributesOf(filter), matches: (valuesOf) => holds(filter, valuesOf) };
}

function requireUnderstood(filter: Filter): void {
  if (filter instanceof AndFilter || filter instanceof OrFilter) return filter.filters.forEach(requireUnderstood);
  if (filter instanceof NotFilter) return requireUnderstood(filter.filter);
  const understood =
    filter instanceof EqualityFilter || filter instanceof PresenceFilter || filter instanceof SubstringFilter;
  if (!understood) {
    throw new FilterProblem(
      'use equality, presence (=*), substrings, and (&), or (|), not (!): order and matching rules need the schema',
    );
  }
}

/**
 * An attribute that the entry lacks equals nothing, so its negation holds (RFC 4511 §4.5.1.7). What the service account
 * may not read looks the same as what is not there.
 */
function holds(filter: Filter, valuesOf: (attribute: string) => readonly string[]): boolean {
  if (filter instanceof AndFilter) return filter.filters.every((one) => holds(one, valuesOf));
  if (filter instanceof OrFilter) return filter.filters.some((one) => holds(one, valuesOf));
  if (filter instanceof NotFilter) return !holds(filter.filter, valuesOf);
  if (filter instanceof PresenceFilter) return valuesOf(filter.attribute).length > 0;
  if (filter instanceof EqualityFilter) {
    const wanted = foldText(filter.value.toString());
    return valuesOf(filter.attribute).some((value) => foldText(value) === wanted);
  }
  if (filter instanceof SubstringFilter) {
    return valuesOf(filter.attribute).some((value) => hasParts(foldText(value), filter));
  }
  return false;
}

/** Parts in order, none overlapping. Spaces at the edges of a part count, as it may begin or end between words. */
function hasParts(value: string, { initial, any, final }: SubstringFilter): boolean {
  const fold = (part: string) => part.normalize('NFKC').toLowerCase().replaceAll(/\s+/g, ' ');
  if (!value.startsWith(fold(initial))) return false;
  let at = fold(initial).length;
  for (const part of any.map(fold)) {
    const found = value.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return value.length - at >= fold(final).length && value.endsWith(fold(final));
}
