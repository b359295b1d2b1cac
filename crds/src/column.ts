/** PURE. What `kubectl get` prints in a column, for tables that are printed without it. */
import type { Column } from './kinds.ts';
import type { Resource } from './resource.ts';
import { isRecord } from './structural.ts';

/** `.a.b` or `.a.b[?(@.type=="Ready")].c`: the only forms that columns use. */
const form = /^((?:\.\w+)+)(?:\[\?\(@\.(\w+)=="(\w+)"\)\]((?:\.\w+)+))?$/;

/**
 * The text of a cell; empty where the resource has no such value. Dates are given as they stand, lists as JSON.
 * @throws TypeError for a path of another form
 */
export function cell(resource: Resource, column: Column): string {
  const match = form.exec(column.jsonPath);
  if (match === null) throw new TypeError(`not a path of a column: ${column.jsonPath}`);
  const [, path = '', key, wanted, rest = ''] = match;
  const found = follow(resource, path);
  if (key === undefined) return print(found);
  const one: unknown = Array.isArray(found)
    ? found.find((member: unknown) => isRecord(member) && member[key] === wanted)
    : undefined;
  return print(follow(one, rest));
}

function follow(value: unknown, path: string): unknown {
  return path
    .split('.')
    .slice(1)
    .reduce<unknown>((node, name) => (isRecord(node) ? node[name] : undefined), value);
}

function print(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
