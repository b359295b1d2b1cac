/**
 * One walk through a value along its structural schema: defaults, types, bounds, unknown fields, then the rules of each
 * node that is otherwise sound. Recursion follows the schema, never the value, so its depth is known.
 */
import { celValue, isTransition, obeys } from './cel.ts';
import { durationPattern } from './duration.ts';
import type { Rule } from './field.ts';
import { Problems, show } from './problem.ts';
import { isRecord, type Structural } from './structural.ts';
import { nearest } from './suggest.ts';

export interface Place {
  readonly path: string;
  /** The value at this place before an edit, with its defaults; absent on creation and where it did not exist. */
  readonly old?: { readonly value: unknown } | undefined;
  readonly problems: Problems;
}

/** The value with its defaults, copied; what it is worth when problems were added is not said. */
export function walk(schema: Structural, value: unknown, place: Place): unknown {
  const before = place.problems.ofShape;
  const result = visit(schema, value, place);
  if (place.problems.ofShape === before) applyRules(schema, result, place);
  return result;
}

function visit(schema: Structural, value: unknown, place: Place): unknown {
  switch (schema.type) {
    case 'object':
      return isRecord(value)
        ? visitObject(schema, value, place)
        : refuseType(value, `must be a map of fields${example(schema)}`, place);
    case 'array':
      return Array.isArray(value)
        ? visitList(schema, value, place)
        : refuseType(value, `must be a list${example(schema)}`, place);
    case 'string':
      return typeof value === 'string'
        ? visitText(schema, value, place)
        : refuseType(value, `must be a text${example(schema)}`, place);
    case 'integer':
      return Number.isSafeInteger(value)
        ? visitWhole(schema, Number(value), place)
        : refuseType(value, 'must be a whole number', place);
    case 'boolean':
      return typeof value === 'boolean' ? value : refuseType(value, 'must be true or false', place);
  }
}

function refuse(place: Place, message: string, value?: unknown, about: 'shape' | 'rule' = 'shape'): void {
  const { path, problems } = place;
  problems.add(value === undefined ? { path, message } : { path, message, found: show(value) }, about);
}

function refuseType(value: unknown, message: string, place: Place): undefined {
  refuse(place, message, value ?? null);
  return undefined;
}

function visitObject(schema: Structural, value: Record<string, unknown>, place: Place): Record<string, unknown> {
  const { properties, additionalProperties } = schema;
  if (properties !== undefined) return visitProperties(schema, properties, value, place);
  const names = Object.keys(value);
  const limit = schema.maxProperties ?? 0;
  if (names.length > limit) {
    refuse(place, `has ${names.length} entries, at most ${limit} are allowed`);
    return {};
  }
  return Object.fromEntries(
    names
      .filter((name) => additionalProperties !== undefined && value[name] !== null)
      .map((name) => [name, walk(additionalProperties ?? schema, value[name], child(place, name, mapKey(name)))]),
  );
}

/** `["name"]`: names of maps may hold dots. */
export function mapKey(name: string): string {
  return `[${JSON.stringify(name.slice(0, 64))}]`;
}

function visitProperties(
  schema: Structural,
  properties: Readonly<Record<string, Structural>>,
  value: Record<string, unknown>,
  place: Place,
): Record<string, unknown> {
  refuseUnknown(Object.keys(properties), value, place);
  const members: [string, unknown][] = [];
  for (const [name, property] of Object.entries(properties)) {
    // As the API server does: null is taken as left out.
    const given = Object.hasOwn(value, name) ? (value[name] ?? undefined) : undefined;
    const member = given ?? property.default;
    // Most are: an operator walks 100,000 resources when it starts.
    if (member === undefined && schema.required?.includes(name) !== true) continue;
    const at = child(place, name, place.path === '' ? name : `.${name}`);
    if (member !== undefined) members.push([name, walk(property, member, at)]);
    else refuse(at, `is required${example(property)}`);
  }
  return Object.fromEntries(members);
}

/** From the description, with a comma before it; empty where it has none. */
function example({ description }: Structural): string {
  const line = description?.split('\n').find((one) => one.startsWith('Example: '));
  return line === undefined ? '' : `, for example ${line.slice('Example: '.length)}`;
}

/** More fields than these are not listed: nobody reads them in one line. */
const fewFields = 8;

/**
 * @param known names that are allowed
 * @param below names that are allowed in the field `spec`
 */
export function refuseUnknown(
  known: readonly string[],
  value: Record<string, unknown>,
  place: Place,
  below: readonly string[] = [],
): void {
  const { problems } = place;
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue;
    if (problems.full || problems.dropped.length >= Problems.limit) return;
    const path = join(place.path, name.slice(0, 64));
    if (problems.unknownFields === 'dropped') {
      problems.dropped.push(path);
      continue;
    }
    const meant = below.includes(name) ? `spec.${name}` : nearest(name, known);
    const listed = known.length > fewFields ? '' : `: known here: ${known.join(', ')}`;
    problems.add({
      path,
      message: `unknown field ${path}${meant === undefined ? listed : `: did you mean ${meant}?`}`,
    });
  }
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function child(place: Place, name: string, suffix: string): Place {
  const { old } = place;
  const had = old !== undefined && isRecord(old.value) && Object.hasOwn(old.value, name);
  return {
    path: `${place.path}${suffix}`,
    problems: place.problems,
    ...(had ? { old: { value: (old.value as Record<string, unknown>)[name] } } : {}),
  };
}

function visitList(schema: Structural, value: readonly unknown[], place: Place): unknown[] {
  const { items, minItems = 0, maxItems = 0 } = schema;
  if (value.length > maxItems) {
    refuse(place, `has ${value.length} items, at most ${maxItems} are allowed`);
    return [];
  }
  if (value.length < minItems) refuse(place, `needs at least ${minItems === 1 ? 'one item' : `${minItems} items`}`);
  if (items === undefined) return [];
  const keys = schema['x-kubernetes-list-map-keys'];
  const result = value.map((member, index) =>
    walk(items, member, {
      path: `${place.path}[${index}]`,
      problems: place.problems,
      old: oldItem(member, keys, place),
    }),
  );
  if (schema['x-kubernetes-list-type'] !== 'atomic') refuseRepeats(result, keys, place);
  return result;
}

/** Items of a list can be compared with their old selves only where each has its own key. */
function oldItem(member: unknown, keys: readonly string[] | undefined, place: Place): Place['old'] {
  const old = place.old?.value;
  if (keys === undefined || !Array.isArray(old) || !isRecord(member)) return undefined;
  const found: unknown = old.find((other) => isRecord(other) && keys.every((key) => other[key] === member[key]));
  return found === undefined ? undefined : { value: found };
}

function refuseRepeats(items: readonly unknown[], keys: readonly string[] | undefined, place: Place): void {
  const first = new Map<unknown, number>();
  for (const [index, member] of items.entries()) {
    const value: unknown = keys === undefined ? member : isRecord(member) ? member[keys[0] ?? ''] : undefined;
    if (value === undefined) continue;
    const key = keys === undefined || keys.length === 1 ? value : keyOf(member, keys);
    const earlier = first.get(key);
    if (earlier === undefined) first.set(key, index);
    else
      refuse(
        { ...place, path: `${place.path}[${index}]` },
        `is the same as ${place.path}[${earlier}]: list it once`,
        value,
      );
  }
}

/** Of an item that several members tell apart. */
function keyOf(member: unknown, keys: readonly string[]): string {
  return JSON.stringify(keys.map((key) => (isRecord(member) ? member[key] : undefined)));
}

function visitText(schema: Structural, value: string, place: Place): string {
  const { minLength = 0, maxLength, pattern } = schema;
  if (schema.enum !== undefined) {
    if (schema.enum.includes(value)) return value;
    const meant = nearest(value, schema.enum);
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    refuse(place, `must be one of ${schema.enum.join(', ')}${hint}`, value);
    return value;
  }
  // A text of n UTF-16 units has at least n/2 characters: long ones are refused without counting.
  if (maxLength !== undefined && (value.length > 2 * maxLength || Array.from(value).length > maxLength))
    refuse(place, `must have at most ${maxLength} characters`, value);
  else if (value.length < minLength)
    refuse(place, minLength === 1 ? 'must not be empty' : `must have at least ${minLength} characters`, value);
  else if (pattern !== undefined && !patternOf(pattern).test(value)) refuse(place, patternMessage(pattern), value);
  else if (schema.format === 'date-time' && Number.isNaN(Date.parse(value)))
    refuse(place, 'must be a time (RFC 3339)', value);
  return value;
}

const patterns = new Map<string, RegExp>();

/** As many as schemas have. */
function patternOf(pattern: string): RegExp {
  let known = patterns.get(pattern);
  if (known === undefined) patterns.set(pattern, (known = new RegExp(pattern)));
  return known;
}

function patternMessage(pattern: string): string {
  return pattern === durationPattern
    ? 'must be a duration such as 90s, 5m or 336h (14 days): the units are h, m, s and ms, there is none for days'
    : `must match ${pattern}`;
}

function visitWhole(schema: Structural, value: number, place: Place): number {
  const { minimum = -Infinity, maximum = Infinity } = schema;
  if (value < minimum || value > maximum) refuse(place, `must be from ${minimum} to ${maximum}`, value);
  return value;
}

function applyRules(schema: Structural, value: unknown, place: Place): void {
  const rules = schema['x-kubernetes-validations'];
  if (rules === undefined || rules.length === 0) return;
  const self = celValue(schema, value);
  const old = place.old === undefined ? undefined : { value: celValue(schema, place.old.value) };
  for (const rule of rules)
    if (!obeys(rule, self, isTransition(rule) ? old : undefined)) refuseRule(rule, value, place);
}

function refuseRule(rule: Rule, value: unknown, place: Place): void {
  const fieldPath = rule.fieldPath ?? '';
  const path = place.path === '' ? fieldPath.slice(1) : `${place.path}${fieldPath}`;
  refuse({ ...place, path }, rule.message, at(value, fieldPath), 'rule');
}

function at(value: unknown, fieldPath: string): unknown {
  return fieldPath
    .split('.')
    .slice(1)
    .reduce<unknown>((node, name) => (isRecord(node) ? node[name] : undefined), value);
}
