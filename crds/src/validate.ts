/** `validate`: what the API server would say about a resource, without one. */
import { apiVersion } from './api.ts';
import { type Kind, kinds } from './kinds.ts';
import { checkMetadata } from './metadata.ts';
import { type Problem, Problems, show, type UnknownFields } from './problem.ts';
import type { Resource, ResourceByKind } from './resource.ts';
import { pendingStatus } from './status.ts';
import { isRecord, type Structural } from './structural.ts';
import { refuseUnknown, walk } from './walk.ts';

export type Validation<K extends Kind = Kind> =
  | {
      readonly ok: true;
      /** A copy with every default filled in. */
      readonly resource: ResourceByKind[K];
      /** Unknown fields of the `spec` that were dropped, in the order of the document, at most 50; left out: none. */
      readonly dropped?: readonly string[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Defaults, schema and rules, in the order of the API server: rules run only where the shape is sound. Never throws, and
 * takes no longer than the bounds of the schema allow, whatever `next` is.
 *
 * @param next a parsed document; its `status` is kept if what is known in it is sound, and never a reason to refuse
 * @param old the same resource before the edit, if there was one: rules about changes are checked against it
 * @param unknownFields default `refused`. `dropped` is for what an API server has taken already: what it knows and this version
 * does not came with a newer one
 * @returns at most 50 problems, in the order of the schema
 */
export function validate<K extends Kind>(
  kind: K,
  next: unknown,
  old?: Resource,
  unknownFields?: UnknownFields,
): Validation<K> {
  const problems = new Problems(unknownFields);
  if (!isRecord(next)) {
    problems.add({ path: '', message: 'must be a map of fields: apiVersion, kind, metadata, spec', found: show(next) });
    return { ok: false, problems: problems.list };
  }
  const resource = check(kind, next, old, problems);
  // The walk above has checked every member against the schema that the type is derived from.
  return problems.count === 0
    ? {
        ok: true,
        resource: resource as unknown as ResourceByKind[K],
        ...(problems.dropped.length === 0 ? {} : { dropped: problems.dropped }),
      }
    : { ok: false, problems: problems.list };
}

function check(kind: Kind, next: Record<string, unknown>, old: Resource | undefined, problems: Problems) {
  expectText('apiVersion', apiVersion, next, problems);
  expectText('kind', kind, next, problems);
  const inSpec = Object.keys(kinds[kind].schema.properties?.['spec']?.properties ?? {});
  refuseUnknown(['apiVersion', 'kind', 'metadata', 'spec', 'status'], next, { path: '', problems }, inSpec);
  const metadata = checkMetadata(next['metadata'], problems);
  // A slip in the name of `spec` is one mistake, not an empty spec as well.
  if (next['spec'] === undefined && problems.count > 0) return {};
  const before = old?.kind === kind ? { value: { metadata: { name: old.metadata.name }, spec: old.spec } } : undefined;
  const { spec } = specOf(kind, { metadata: { name: metadata.name }, spec: next['spec'] }, before, problems);
  return { apiVersion, kind, metadata, spec, status: statusOf(kind, next['status']) };
}

const wholes = new Map<Kind, Structural>();

/** The object as its root rules see it: `status` is the operator's and stays out. */
function rootSchema(kind: Kind): Structural {
  const known = wholes.get(kind);
  if (known !== undefined) return known;
  const { status: _, apiVersion: _v, kind: _k, ...properties } = kinds[kind].schema.properties ?? {};
  const root = { ...kinds[kind].schema, properties };
  wholes.set(kind, root);
  return root;
}

function specOf(kind: Kind, value: unknown, old: { value: unknown } | undefined, problems: Problems) {
  const result = walk(rootSchema(kind), value, { path: '', problems, old });
  return isRecord(result) ? result : {};
}

function statusOf(kind: Kind, value: unknown): unknown {
  const schema = kinds[kind].schema.properties?.['status'];
  if (schema === undefined || value === undefined || value === null) return structuredClone(pendingStatus);
  // What a newer version wrote is no reason to forget what this one knows of: secrets, and which wishes were heard.
  const problems = new Problems('dropped');
  const result = walk(schema, value, { path: 'status', problems });
  return problems.count === 0 ? result : structuredClone(pendingStatus);
}

function expectText(name: 'apiVersion' | 'kind', expected: string, next: Record<string, unknown>, problems: Problems) {
  const found = next[name];
  if (found !== expected) problems.add({ path: name, message: `must be ${expected}`, found: show(found ?? null) });
}
