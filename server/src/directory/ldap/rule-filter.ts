/**
 * PURE. Filters of consent rules, asked of an entry that was read already: one search brings all. Only what means the
 * same here as in a directory is understood: and, or, not, equality, presence and substrings, without regard to case.
 *
 * Whoever may write a value must not gain by one that looks like another. So a value fits where the directory surely holds the two
 * for equal, and under a negation already where some directory may.
 */
import { AndFilter, EqualityFilter, type Filter, NotFilter, OrFilter, PresenceFilter, SubstringFilter } from 'ldapts';
import { type Fold, foldText } from '../../protocol/distinguished-name.ts';
import { attributesOf, FilterProblem, parseFilter } from './filter.ts';

export interface RuleFilter {
  readonly attributes: readonly string[];
  /** @param valuesOf an attribute's values as text, in any order; absent: none */
  matches(valuesOf: (attribute: string) => readonly string[]): boolean;
}

/** @param fold how the directory compares. @throws FilterProblem */
export function parseRuleFilter(text: string, fold: Fold): RuleFilter {
  if (text.includes('{}')) throw new FilterProblem('{} has no meaning in a consent rule');
  const filter = parseFilter(text);
  requireUnderstood(filter);
  return {
    attributes: attributesOf(filter),
    matches: (valuesOf) => holds(filter, { valuesOf, folds: { sure: [fold], negated: [fold, foldText] } }),
  };
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

interface Asked {
  readonly valuesOf: (attribute: string) => readonly string[];
  /** Any one that makes two texts the same is enough. */
  readonly folds: { readonly sure: readonly Fold[]; readonly negated: readonly Fold[] };
}

/**
 * An attribute that the entry lacks equals nothing, so its negation holds (RFC 4511 §4.5.1.7). What the service account
 * may not read looks the same as what is not there.
 */
function holds(filter: Filter, asked: Asked): boolean {
  const { valuesOf, folds } = asked;
  if (filter instanceof AndFilter) return filter.filters.every((one) => holds(one, asked));
  if (filter instanceof OrFilter) return filter.filters.some((one) => holds(one, asked));
  if (filter instanceof NotFilter)
    return !holds(filter.filter, { valuesOf, folds: { sure: folds.negated, negated: folds.sure } });
  if (filter instanceof PresenceFilter) return valuesOf(filter.attribute).length > 0;
  const fits = (isSame: (value: string, fold: Fold) => boolean, attribute: string) =>
    valuesOf(attribute).some((value) => folds.sure.some((fold) => isSame(value, fold)));
  if (filter instanceof EqualityFilter) {
    const wanted = filter.value.toString();
    return fits((value, fold) => fold(value) === fold(wanted), filter.attribute);
  }
  if (filter instanceof SubstringFilter) {
    return fits((value, fold) => hasParts(fold(value), filter, fold), filter.attribute);
  }
  return false;
}

/** Parts in order, none overlapping. Spaces at the edges of a part count, as it may begin or end between words. */
function hasParts(value: string, { initial, any, final }: SubstringFilter, fold: Fold): boolean {
  const foldPart = (part: string) => fold(`|${part}|`).slice(1, -1);
  const [first, last] = [foldPart(initial), foldPart(final)];
  if (!value.startsWith(first)) return false;
  let at = first.length;
  for (const part of any.map(foldPart)) {
    const found = value.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return value.length - at >= last.length && value.endsWith(last);
}
