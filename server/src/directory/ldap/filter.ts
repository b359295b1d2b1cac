/**
 * PURE. Filters from registrations. A template is parsed once, after its length and depth were looked at; values are put
 * into the parsed tree and never into text, so nothing that a person types or a directory holds can become a filter.
 */
import {
  AndFilter,
  ApproximateFilter,
  EqualityFilter,
  ExtensibleFilter,
  type Filter,
  FilterParser,
  GreaterThanEqualsFilter,
  LessThanEqualsFilter,
  NotFilter,
  OrFilter,
  PresenceFilter,
  SubstringFilter,
} from 'ldapts';

/** A filter of a registration cannot be used. The message is one sentence for its author. */
export class FilterProblem extends Error {
  readonly code = 'filter_problem';
}

const longest = 1024;
const deepest = 16;
const placeholder = '{}';

export interface FilterTemplate {
  /**
   * The template with the value in every place that waits for it.
   *
   * @param equality what stands in the place of an equality; default: the equality
   */
  fill(value: string | Buffer, equality?: (attribute: string, value: string) => Filter): Filter;
  /** The template with "has the attribute at all" in those places: every entry that some value would find. */
  readonly open: Filter;
  /**
   * Attributes of which an entry that is found for a value holds it in one, and needs no more for being found for another value.
   * `null`: it is not as simple as that.
   */
  readonly holders: readonly string[] | null;
}

/** @throws FilterProblem */
export function parseTemplate(text: string): FilterTemplate {
  const tree = parseFilter(text);
  const places = countPlaces(tree, false);
  if (text.split(placeholder).length - 1 > places) {
    throw new FilterProblem('{} must be the whole value of an equality, such as (uid={})');
  }
  if (places === 0) throw new FilterProblem('{} is missing: without it every name finds the same entries');
  return {
    fill: (value, equality) =>
      replacePlaces(tree, (leaf) =>
        leaf instanceof EqualityFilter
          ? (equality?.(leaf.attribute, value.toString()) ?? new EqualityFilter({ attribute: leaf.attribute, value }))
          : // Its writer takes text only; values that are bytes never reach such a template.
            new ExtensibleFilter({
              rule: leaf.rule,
              matchType: leaf.matchType,
              dnAttributes: leaf.dnAttributes,
              value: value.toString(),
            }),
      ),
    open: replacePlaces(tree, (leaf) => {
      const attribute = leaf instanceof EqualityFilter ? leaf.attribute : leaf.matchType;
      return new PresenceFilter({ attribute: attribute === '' ? 'objectClass' : attribute });
    }),
    holders: holdersIn(tree),
  };
}

/** Where alternatives ask for something beside the value, one of them says nothing of another value. */
function holdersIn(filter: Filter): readonly string[] | null {
  if (filter instanceof AndFilter) {
    const [only, ...more] = filter.filters.filter((one) => countPlaces(one, false) > 0);
    return only === undefined || more.length > 0 ? null : holdersIn(only);
  }
  const leaves = filter instanceof OrFilter ? filter.filters : [filter];
  const places = leaves.filter((leaf) => leaf instanceof EqualityFilter && isPlace(leaf));
  return places.length === leaves.length ? places.map(({ attribute }) => attribute) : null;
}

/** LDAP_MATCHING_RULE_IN_CHAIN (MS-ADTS §3.1.1.3.4.4.3): membership through groups inside groups. */
const chain = '1.2.840.113556.1.4.1941';

/** As `fill`, with each equality that waits for the value as one that follows groups inside groups. */
export function inChain(template: FilterTemplate, dn: string): Filter {
  return template.fill(
    dn,
    (attribute, value) => new ExtensibleFilter({ rule: chain, matchType: attribute, dnAttributes: false, value }),
  );
}

/**
 * A filter without a place for a value.
 *
 * @throws FilterProblem
 */
export function parseFilter(text: string): Filter {
  if (text.length > longest) throw new FilterProblem(`it is longer than ${longest} characters`);
  requireBalance(text);
  // The parser reads each escaped octet as a character of its own.
  if (/\\[89A-Fa-f][\dA-Fa-f]/.test(text))
    throw new FilterProblem('write characters beyond ASCII as they are, not escaped');
  try {
    return FilterParser.parseString(text);
  } catch (error) {
    throw new FilterProblem('it is no filter (RFC 4515)', { cause: error });
  }
}

/** The parser is recursive and forgives a missing parenthesis at the end. Literal ones are written `\28` and `\29`. */
function requireBalance(text: string): void {
  let depth = 0;
  let closed = false;
  for (const character of text) {
    // Nothing stands outside the outermost pair, neither before nor after it.
    if (closed || (depth === 0 && character !== '(')) throw new FilterProblem('it must be one filter in parentheses');
    if (character === '(') depth += 1;
    if (character === ')') depth -= 1;
    if (depth > deepest) throw new FilterProblem(`it is nested deeper than ${deepest} levels`);
    closed = depth === 0;
  }
  if (!closed) throw new FilterProblem('its parentheses do not match');
}

type Leaf = EqualityFilter | ExtensibleFilter;

const isPlace = (filter: Filter): filter is Leaf =>
  (filter instanceof EqualityFilter || filter instanceof ExtensibleFilter) && filter.value === placeholder;

function countPlaces(filter: Filter, negated: boolean): number {
  if (filter instanceof AndFilter || filter instanceof OrFilter) {
    return filter.filters.reduce((sum, one) => sum + countPlaces(one, negated), 0);
  }
  if (filter instanceof NotFilter) return countPlaces(filter.filter, true);
  if (!isPlace(filter)) return 0;
  if (negated) throw new FilterProblem('{} must not be negated: it would find everybody else');
  return 1;
}

function replacePlaces(filter: Filter, make: (leaf: Leaf) => Filter): Filter {
  if (filter instanceof AndFilter)
    return new AndFilter({ filters: filter.filters.map((one) => replacePlaces(one, make)) });
  if (filter instanceof OrFilter)
    return new OrFilter({ filters: filter.filters.map((one) => replacePlaces(one, make)) });
  return isPlace(filter) ? make(filter) : filter;
}

/** Every attribute that a filter names. */
export function attributesOf(filter: Filter): readonly string[] {
  if (filter instanceof AndFilter || filter instanceof OrFilter) return filter.filters.flatMap(attributesOf);
  if (filter instanceof NotFilter) return attributesOf(filter.filter);
  if (filter instanceof ExtensibleFilter) return filter.matchType === '' ? [] : [filter.matchType];
  const named =
    filter instanceof EqualityFilter ||
    filter instanceof PresenceFilter ||
    filter instanceof SubstringFilter ||
    filter instanceof GreaterThanEqualsFilter ||
    filter instanceof LessThanEqualsFilter ||
    filter instanceof ApproximateFilter;
  return named ? [filter.attribute] : [];
}
