/**
 * PURE. Words for fields. A field cannot be written without saying what it is; `structural.ts` turns the parts of its
 * documentation into the one text that `kubectl explain` prints.
 */
import { type TArray, type TEnum, type TInteger, type TObject, type TProperties, type TSchema, Type } from 'typebox';
import { durationPattern } from './duration.ts';

export interface Doc {
  /** What the field is, in whole sentences. */
  readonly what: string;
  /** Which values are allowed, when bounds alone do not say it. */
  readonly allowed?: string;
  /** A value that could stand in a YAML file as it is. */
  readonly example?: unknown;
  /** What happens when the field is left out; not needed beside a default or where the field is required. */
  readonly leftOut?: string;
}

/** A CEL rule as it stands in the generated YAML. */
export interface Rule {
  readonly rule: string;
  /** Says what to do instead and does not repeat the field. */
  readonly message: string;
  /** Below the node that carries the rule, e.g. `.clientId`. */
  readonly fieldPath?: string;
}

interface Field extends Doc {
  readonly default?: unknown;
  readonly rules?: readonly Rule[];
}

function options({ what, allowed, example, leftOut, default: value, rules }: Field): Record<string, unknown> {
  return {
    doc: { what, allowed, example, leftOut },
    ...(value === undefined ? {} : { default: value }),
    ...(rules === undefined ? {} : { 'x-kubernetes-validations': rules }),
  };
}

export interface TextField extends Field {
  readonly min?: number;
  readonly max: number;
  readonly pattern?: string;
}

export function text({ min = 1, max, pattern, ...field }: TextField) {
  return Type.String({
    minLength: min,
    maxLength: max,
    ...(pattern === undefined ? {} : { pattern }),
    ...options(field),
  });
}

/** An item of a list: it is documented by its list. */
export function item(bounds: { max: number; rules?: readonly Rule[] }) {
  const { max, rules } = bounds;
  return Type.String({
    minLength: 1,
    maxLength: max,
    ...(rules === undefined ? {} : { 'x-kubernetes-validations': rules }),
  });
}

export function choice<const V extends string[]>(values: readonly [...V], field: Field): TEnum<V> {
  return Type.Enum(values, options(field));
}

export function choiceItem<const V extends string[]>(values: readonly [...V]): TEnum<V> {
  return Type.Enum(values);
}

export function flag(field: Field) {
  return Type.Boolean(options(field));
}

export function whole({ min, max, ...field }: Field & { min: number; max: number }): TInteger {
  return Type.Integer({ minimum: min, maximum: max, ...options(field) });
}

interface ListField extends Field {
  readonly min?: number;
  readonly max: number;
}

function bounds({ min, max }: { readonly min?: number; readonly max: number }) {
  return { ...(min === undefined ? {} : { minItems: min }), maxItems: max };
}

/** A list in which a value stands once. */
export function set<T extends TSchema>(items: T, { min, max, ...field }: ListField): TArray<T> {
  const limits = bounds(min === undefined ? { max } : { min, max });
  return Type.Array(items, { ...limits, 'x-kubernetes-list-type': 'set', ...options(field) });
}

/** A list of objects in which each has its own `key`, or its own combination of several. */
export function keyed<T extends TObject>(
  key: (string & keyof T['properties']) | readonly (string & keyof T['properties'])[],
  items: T,
  { min, max, ...field }: ListField,
): TArray<T> {
  const limits = bounds(min === undefined ? { max } : { min, max });
  return Type.Array(items, {
    ...limits,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': typeof key === 'string' ? [key] : key,
    ...options(field),
  });
}

export function group<P extends TProperties>(properties: P, field: Field): TObject<P> {
  return Type.Object(properties, options(field));
}

/** An object of a list: it is documented by its list. */
export function entry<P extends TProperties>(properties: P, rules?: readonly Rule[]): TObject<P> {
  return Type.Object(properties, rules === undefined ? {} : { 'x-kubernetes-validations': rules });
}

/** Texts by name. */
export function texts({ max, maxLength, ...field }: Field & { max: number; maxLength: number }) {
  return Type.Unsafe<Record<string, string>>({
    type: 'object',
    maxProperties: max,
    additionalProperties: { type: 'string', maxLength },
    ...options(field),
  });
}

/** A length of time, e.g. `5m`. */
export function duration({ min, max, ...field }: Field & { min: string; max: string }) {
  const inside = `duration(self) >= duration('${min}') && duration(self) <= duration('${max}')`;
  return Type.String({
    minLength: 2,
    maxLength: 32,
    pattern: durationPattern,
    ...options({
      ...field,
      allowed: field.allowed ?? `${min} to ${max}, written with h, m, s or ms; there is no unit for days`,
      // Without the guard a malformed text would be reported twice.
      rules: [
        { rule: `!self.matches('${durationPattern}') || (${inside})`, message: `must be from ${min} to ${max}` },
        ...(field.rules ?? []),
      ],
    }),
  });
}
