/** The CEL rules of a schema, evaluated as the API server would. */
import { Environment, type ParseResult } from '@marcbachmann/cel-js';
import type { Rule } from './field.ts';
import type { Structural } from './structural.ts';

const environment = new Environment({ homogeneousAggregateLiterals: false })
  .registerVariable('self', 'dyn')
  .registerVariable('oldSelf', 'dyn');

const parsed = new Map<string, ParseResult>();

function parse(rule: string): ParseResult {
  const known = parsed.get(rule);
  if (known !== undefined) return known;
  const fresh = environment.parse(rule);
  parsed.set(rule, fresh);
  return fresh;
}

const transitions = new WeakMap<Rule, boolean>();

export function isTransition(rule: Rule): boolean {
  let known = transitions.get(rule);
  if (known === undefined) transitions.set(rule, (known = /\boldSelf\b/.test(rule.rule)));
  return known;
}

/**
 * Whether `self` obeys the rule. Rules about a change need the old value and hold when there is none, as on creation.
 * A rule that cannot be evaluated is not obeyed.
 */
export function obeys(rule: Rule, self: unknown, old: { readonly value: unknown } | undefined): boolean {
  if (isTransition(rule) && old === undefined) return true;
  try {
    return parse(rule.rule)({ self, oldSelf: old?.value }) === true;
  } catch {
    return false;
  }
}

/** A value of the schema as CEL sees it: whole numbers are `int`, texts by name a map in which no name is special. */
export function celValue(schema: Structural, value: unknown): unknown {
  if (typeof value === 'number') return schema.type === 'integer' ? BigInt(value) : value;
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined ? value : value.map((member: unknown) => celValue(items, member));
  }
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, member]: [string, unknown]) => {
    const inner = schema.properties?.[name] ?? schema.additionalProperties;
    return [name, inner === undefined ? member : celValue(inner, member)] as const;
  });
  return schema.additionalProperties === undefined ? Object.fromEntries(members) : new Map(members);
}
