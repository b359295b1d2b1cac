/** Metadata, as far as the API server would check it for a resource of ours. */
import { type Problems, show } from './problem.ts';
import { isRecord } from './structural.ts';
import { mapKey, refuseUnknown } from './walk.ts';

/** Metadata as Kubernetes has it, with what this product reads. In a folder a missing namespace is `default`. */
export interface ObjectMeta {
  name: string;
  namespace: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  uid?: string;
  resourceVersion?: string;
  /** Counts changes of `spec`. */
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  finalizers?: string[];
}

/** Everything that Kubernetes knows; what is not read here is left alone. */
const known = [
  'name',
  'namespace',
  'labels',
  'annotations',
  'generateName',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'finalizers',
  'ownerReferences',
  'managedFields',
  'selfLink',
];

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain = new RegExp(`^${label}(\\.${label})*$`);
const maxAnnotations = 262_144;

/** @returns metadata with namespace `default` when none is given, as kubectl would send it. */
export function checkMetadata(value: unknown, problems: Problems): ObjectMeta {
  const given = value ?? {};
  if (!isRecord(given)) {
    problems.add({ path: 'metadata', message: 'must be a map of fields', found: show(given) });
    return { name: '', namespace: 'default' };
  }
  refuseUnknown(known, given, { path: 'metadata', problems });
  return {
    name: objectName(given['name'], problems),
    namespace: namespaceName(given['namespace'] ?? 'default', problems),
    ...optional('labels', stringMap(given['labels'], 'metadata.labels', problems)),
    ...optional('annotations', stringMap(given['annotations'], 'metadata.annotations', problems)),
    ...readByUs(given),
  };
}

function objectName(value: unknown, problems: Problems): string {
  if (typeof value === 'string' && value.length <= 253 && subdomain.test(value)) return value;
  const message =
    value === undefined || value === null
      ? 'is required'
      : "must be lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit, at most 253 characters";
  problems.add(
    value === undefined || value === null
      ? { path: 'metadata.name', message }
      : { path: 'metadata.name', message, found: show(value) },
  );
  return '';
}

function namespaceName(value: unknown, problems: Problems): string {
  if (typeof value === 'string' && value.length <= 63 && new RegExp(`^${label}$`).test(value)) return value;
  problems.add({
    path: 'metadata.namespace',
    message:
      "must be lower-case letters, digits and '-', beginning and ending with a letter or digit, at most 63 characters",
    found: show(value),
  });
  return 'default';
}

function stringMap(value: unknown, path: string, problems: Problems): Record<string, string> | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isRecord(value)) {
    problems.add({ path, message: 'must be a map of texts', found: show(value) });
    return undefined;
  }
  let size = 0;
  const entries: [string, string][] = [];
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== 'string') {
      problems.add({
        path: `${path}${mapKey(name)}`,
        message: 'must be a text: put it in quotes',
        found: show(text),
      });
      continue;
    }
    size += name.length + text.length;
    entries.push([name, text]);
  }
  if (size > maxAnnotations) problems.add({ path, message: `must have at most ${maxAnnotations} characters together` });
  return Object.fromEntries(entries);
}

function readByUs(given: Record<string, unknown>): Partial<ObjectMeta> {
  const { generation, finalizers } = given;
  return {
    ...optional('uid', textOrNothing(given['uid'])),
    ...optional('resourceVersion', textOrNothing(given['resourceVersion'])),
    ...optional('creationTimestamp', textOrNothing(given['creationTimestamp'])),
    ...optional('deletionTimestamp', textOrNothing(given['deletionTimestamp'])),
    ...optional('generation', typeof generation === 'number' ? generation : undefined),
    ...optional(
      'finalizers',
      Array.isArray(finalizers) ? finalizers.filter((one): one is string => typeof one === 'string') : undefined,
    ),
  };
}

function textOrNothing(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function optional<K extends string, V>(name: K, value: V | undefined): { [name in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [name in K]?: V });
}
