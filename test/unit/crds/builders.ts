/** Manifests for tables: the smallest one that works, plus the one thing that a case is about. */
import { type Kind, kindNames, kinds, type ResourceByKind, validate } from '@nauthera/crds';
import { parse } from 'yaml';

type Fields = Readonly<Record<string, unknown>>;

export interface Manifest {
  apiVersion: unknown;
  kind: unknown;
  metadata: Record<string, unknown>;
  spec: Record<string, unknown>;
}

const smallest = new Map(kindNames.map((kind) => [kind, parse(kinds[kind].smallest) as Manifest]));

/** The smallest working resource of a kind; members of `spec` replace its own, `undefined` removes one. */
export function manifest(kind: Kind, spec: Fields = {}, metadata: Fields = {}): Manifest {
  const base = structuredClone(smallest.get(kind));
  if (base === undefined) throw new Error(`no such kind: ${kind}`);
  return { ...base, metadata: { ...base.metadata, ...metadata }, spec: without({ ...base.spec, ...spec }) };
}

function without(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** `path: message` of every problem; empty: accepted. */
export function problems(kind: Kind, next: unknown, old?: unknown): readonly string[] {
  const before = old === undefined ? undefined : accepted(kind, old);
  const result = validate(kind, next, before);
  return result.ok ? [] : result.problems.map(({ path, message }) => `${path}: ${message}`);
}

export function accepted<K extends Kind>(kind: K, next: unknown): ResourceByKind[K] {
  const result = validate(kind, next);
  if (!result.ok) throw new Error(`refused: ${JSON.stringify(result.problems)}`);
  return result.resource;
}
