/**
 * PURE. The structural form of a schema: what stands in the generated YAML, and what the offline check walks. Anything the
 * API server would not take in a structural schema is refused.
 */
import type { Doc, Rule } from './field.ts';

export interface Structural {
  readonly type: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  readonly description?: string;
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly items?: Structural;
  readonly properties?: Readonly<Record<string, Structural>>;
  readonly additionalProperties?: Structural;
  readonly required?: readonly string[];
  readonly 'x-kubernetes-list-type'?: 'set' | 'map' | 'atomic';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-validations'?: readonly Rule[];
}

const scalarKeywords = {
  string: ['enum', 'format', 'minLength', 'maxLength', 'pattern'],
  integer: ['minimum', 'maximum'],
  boolean: [],
  array: ['minItems', 'maxItems', 'x-kubernetes-list-type', 'x-kubernetes-list-map-keys'],
  object: ['maxProperties'],
} as const;
const nested = new Set(['items', 'properties', 'additionalProperties', 'required']);
const everywhere = new Set(['type', 'doc', 'default', 'x-kubernetes-validations']);

/** @throws TypeError that names the path of the first keyword or shape that is not structural, or a missing bound. */
export function structural(schema: unknown, path = 'spec'): Structural {
  if (!isRecord(schema)) throw new TypeError(`${path}: not a schema`);
  const type = typeOf(schema, path);
  refuseOthers(schema, type, path);
  refuseUnbounded(schema, type, path);
  const keywords = ['default', ...scalarKeywords[type], 'x-kubernetes-validations'];
  const bare = {
    type,
    ...Object.fromEntries(keywords.filter((name) => schema[name] !== undefined).map((name) => [name, schema[name]])),
    ...(type === 'array' ? { items: structural(schema['items'], `${path}[]`) } : {}),
    ...(type === 'object' ? members(schema, path) : {}),
  };
  // Which keywords stand here was checked above; their values are what the field functions and TypeBox wrote.
  const { type: _, default: given, ...rest } = bare as Structural;
  const value = given === undefined ? {} : { default: withDefaults(bare as Structural, given) };
  return { type, ...describe(schema['doc'], bare as Structural, path), ...value, ...rest };
}

/** The API server holds a default against the rules as it stands: it must not need the defaults of its members. */
function withDefaults(schema: Structural, value: unknown): unknown {
  if (Array.isArray(value))
    return value.map((member: unknown) => (schema.items === undefined ? member : withDefaults(schema.items, member)));
  if (!isRecord(value) || schema.properties === undefined) return value;
  const members = Object.entries(schema.properties).flatMap(([name, property]) => {
    const member = value[name] ?? property.default;
    return member === undefined ? [] : [[name, withDefaults(property, member)] as const];
  });
  return Object.fromEntries(members);
}

function typeOf(schema: Record<string, unknown>, path: string): Structural['type'] {
  // TypeBox writes an enum without its type.
  const type = schema['type'] ?? (Array.isArray(schema['enum']) ? 'string' : undefined);
  if (type === 'object' || type === 'array' || type === 'string' || type === 'integer' || type === 'boolean')
    return type;
  throw new TypeError(`${path}: a structural schema needs one type, found ${JSON.stringify(type) ?? 'none'}`);
}

function refuseOthers(schema: Record<string, unknown>, type: Structural['type'], path: string): void {
  const allowed: readonly string[] = scalarKeywords[type];
  const strange = Object.keys(schema).find(
    (key) => !everywhere.has(key) && !nested.has(key) && !key.startsWith('~') && !allowed.includes(key),
  );
  if (strange !== undefined) throw new TypeError(`${path}: ${strange} is not allowed in a structural schema`);
}

/** Rules walk lists and texts: their cost must be known before they run. */
function refuseUnbounded(schema: Record<string, unknown>, type: Structural['type'], path: string): void {
  const open =
    (type === 'string' &&
      schema['maxLength'] === undefined &&
      !Array.isArray(schema['enum']) &&
      schema['format'] === undefined) ||
    (type === 'array' && schema['maxItems'] === undefined) ||
    (type === 'object' && isRecord(schema['additionalProperties']) && schema['maxProperties'] === undefined);
  if (open) throw new TypeError(`${path}: has no upper bound`);
}

function members(schema: Record<string, unknown>, path: string): Record<string, unknown> {
  const { properties, additionalProperties } = schema;
  if (additionalProperties !== undefined)
    return { additionalProperties: structural(additionalProperties, `${path}[*]`) };
  if (!isRecord(properties)) throw new TypeError(`${path}: an object needs properties or additionalProperties`);
  const required = (Array.isArray(schema['required']) ? schema['required'] : []).filter(
    (name: string) => !hasDefault(properties[name]),
  );
  return {
    ...(required.length === 0 ? {} : { required }),
    properties: Object.fromEntries(
      Object.entries(properties).map(([name, property]) => [name, structural(property, `${path}.${name}`)]),
    ),
  };
}

function hasDefault(schema: unknown): boolean {
  return isRecord(schema) && schema['default'] !== undefined;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** One text: what it is, then allowed values, default, example, and what happens when it is left out. */
function describe(doc: unknown, schema: Structural, path: string): { description?: string } {
  if (doc === undefined) return {};
  const { what, allowed, example, leftOut } = doc as Doc;
  // Nobody writes a status by hand: how long its texts may be is of no use to a reader.
  const limits = allowed ?? (path.startsWith('status') && schema.enum === undefined ? undefined : limitsOf(schema));
  const parts = [
    what,
    limits === undefined ? undefined : `Allowed: ${limits}`,
    schema.default === undefined || schema.type === 'object' ? undefined : `Default: ${inline(schema.default)}`,
    example === undefined ? undefined : `Example: ${inline(example)}`,
    leftOut === undefined ? undefined : `Left out: ${leftOut}`,
  ];
  return { description: parts.filter((part) => part !== undefined).join('\n') };
}

function limitsOf(schema: Structural): string | undefined {
  const { maxItems, maxLength, maxProperties, maximum, minimum = 0 } = schema;
  if (schema.enum !== undefined) return schema.enum.join(', ');
  const choices = schema.items?.enum;
  if (choices !== undefined) return choices.length === 1 ? choices[0] : `any of ${choices.join(', ')}`;
  if (maxItems !== undefined) return range(schema.minItems, maxItems, 'items');
  if (maxLength !== undefined) return range(schema.minLength, maxLength, 'characters');
  if (maxProperties !== undefined) return `at most ${maxProperties} entries`;
  if (maximum === undefined) return undefined;
  return maximum === Number.MAX_SAFE_INTEGER ? `${minimum} or more` : `${minimum} to ${maximum}`;
}

function range(min: number | undefined, max: number, unit: string): string {
  return min === undefined || min === 0 ? `at most ${max} ${unit}` : `${min} to ${max} ${unit}`;
}

/** YAML in flow style, on one line. */
export function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (isRecord(value))
    return `{${Object.entries(value)
      .map(([key, member]) => `${inline(key)}: ${inline(member)}`)
      .join(', ')}}`;
  if (typeof value !== 'string') return String(value);
  // Durations such as 5m are texts to every YAML reader; numbers and times are not.
  const ambiguous = /^(true|false|null|yes|no|on|off|y|n|~|[-+.]?[0-9][-0-9_.:+etz]*)$/i.test(value);
  return /^[A-Za-z0-9(/][^,[\]{}"'#&*!|>%@`]*$/.test(value) && !/[:\s]($|\s)|: /.test(value) && !ambiguous
    ? value
    : JSON.stringify(value);
}
