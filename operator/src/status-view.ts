/** Resources and their status for people (a table per kind, as `kubectl get` prints it) and for programs. Pure. */
import { type Column, type Kind, kindNames, kinds } from '@nauthera/crds';
import { formatProblem, type Problem } from './sources/documents.ts';
import type { Observed } from './sources/source.ts';

export interface StatusView {
  readonly resources: readonly Observed[];
  readonly problems: readonly Problem[];
}

const widest = 40;
const gap = '   ';

/** What `GET /status` answers. Holds no Secret: neither specs nor statuses have one. */
export function statusDocument({ resources, problems }: StatusView): unknown {
  return {
    resources: sorted(resources).map(({ kind, namespace, name, uid, generation, createdAt, status, deleting }) => ({
      kind,
      metadata: { namespace, name, uid, generation, creationTimestamp: createdAt },
      ...(deleting ? { deleting } : {}),
      status,
    })),
    problems: problems.map(formatProblem),
  };
}

/**
 * One table a kind that exists, then a line for each resource that is not ready and each file that cannot be used. Where
 * there is none of it, one line that says so.
 */
export function statusTable(view: StatusView, now: number): string {
  const tables = kindNames.flatMap((kind) => {
    const rows = sorted(view.resources).filter((resource) => resource.kind === kind);
    return rows.length === 0 ? [] : [[kinds[kind].plural, table(kind, rows, now)].join('\n')];
  });
  const notes = [
    ...sorted(view.resources).flatMap((resource) => noteOf(resource) ?? []),
    ...view.problems.map(formatProblem),
  ];
  const parts = [...tables, ...(notes.length === 0 ? [] : [notes.join('\n')])];
  return parts.length === 0 ? 'no resources: put their YAML files into the folder' : parts.join('\n\n');
}

function table(kind: Kind, rows: readonly Observed[], now: number): string {
  const columns = kinds[kind].columns.filter(({ priority }) => priority === 0);
  const head = ['NAMESPACE', 'NAME', ...columns.map(({ name }) => name.toUpperCase())];
  const body = rows.map((row) => [row.namespace, row.name, ...columns.map((column) => cell(row, column, now))]);
  const widths = head.map((_, index) => Math.max(...[head, ...body].map((line) => line[index]?.length ?? 0)));
  return [head, ...body]
    .map((line) =>
      line
        .map((text, index) => text.padEnd(widths[index] ?? 0))
        .join(gap)
        .trimEnd(),
    )
    .join('\n');
}

function cell(resource: Observed, { jsonPath, type }: Column, now: number): string {
  const object = { spec: resource.spec, status: resource.status, metadata: { creationTimestamp: resource.createdAt } };
  // An issuer that is left out has its value in the status.
  const value = valueAt(object, jsonPath) ?? valueAt(object, jsonPath.replace(/^\.spec\./, '.status.'));
  if (type === 'date') return typeof value === 'string' ? age(now - Date.parse(value)) : '';
  const text = Array.isArray(value)
    ? value.join(',')
    : typeof value === 'string' || typeof value === 'number'
      ? String(value)
      : '';
  return text.length <= widest ? text : `${text.slice(0, widest - 1)}…`;
}

/** The JSON paths of our columns: members, and the condition of a type. */
function valueAt(object: unknown, path: string): unknown {
  const steps = [...path.matchAll(/\.([A-Za-z]+)|\[\?\(@\.type=="([A-Za-z]+)"\)\]/g)];
  return steps.reduce<unknown>((value, [, member, conditionType]) => {
    if (conditionType !== undefined)
      return Array.isArray(value) ? value.find((one: { type?: unknown }) => one.type === conditionType) : undefined;
    return typeof value === 'object' && value !== null && member !== undefined ? Reflect.get(value, member) : undefined;
  }, object);
}

function age(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

function noteOf({ kind, namespace, name, status }: Observed): string | undefined {
  const ready = status.conditions.find(({ type }) => type === 'Ready');
  return ready === undefined || ready.status === 'True' ? undefined : `${kind} ${namespace}/${name}: ${ready.message}`;
}

function sorted(resources: readonly Observed[]): readonly Observed[] {
  return [...resources].sort((a, b) => key(a).localeCompare(key(b), 'en'));
}

function key({ kind, namespace, name }: Observed): string {
  return `${kindNames.indexOf(kind)}/${namespace}/${name}`;
}
