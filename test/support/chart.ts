/** The chart as real helm renders it, and the rights that are in it. */
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type HelmMajor, helmProgram } from './kube-binaries.ts';
import { type AnyObject, objectsOf } from './kube-cluster.ts';

const run = promisify(execFile);
export const chartFolder = join(import.meta.dirname, '../../charts/nauthera');

export interface ChartOptions {
  /** Default `nauthera`. */
  readonly release?: string;
  /** Default `nauthera-system`. */
  readonly namespace?: string;
  /** As after `--set`, e.g. `watchNamespaces={a,b}`. */
  readonly set?: readonly string[];
  /** As after `--set-json`, e.g. `extraObjects=[]`. */
  readonly json?: readonly string[];
}

/**
 * The operator's ServiceAccount and rights, without a default server: what tests apply where no pod runs.
 *
 * @throws with what helm said when it refuses the values
 */
export function renderChart(options: ChartOptions = {}): Promise<string> {
  const only = ['rbac', 'serviceaccount'].flatMap((name) => ['--show-only', `templates/${name}.yaml`]);
  return template({ ...options, set: ['authorizationServer.create=false', ...(options.set ?? [])] }, only);
}

/** All of it, hooks included. @throws with what helm said when it refuses the values */
export function renderWholeChart(options: ChartOptions = {}): Promise<string> {
  return template(options, []);
}

function template(options: ChartOptions, more: readonly string[]): Promise<string> {
  const { release = 'nauthera', namespace = 'nauthera-system', set = [], json = [] } = options;
  const values = [...set.flatMap((value) => ['--set', value]), ...json.flatMap((value) => ['--set-json', value])];
  return helm('template', release, chartFolder, '--namespace', namespace, ...more, ...values);
}

/** Standard output of a helm command; nothing of this user's repositories or plugins takes part. */
export async function helm(...args: readonly string[]): Promise<string> {
  return helmAs(4, {}, ...args);
}

/** The same with a major of choice, and with more environment, `KUBECONFIG` perhaps. @throws with what helm said */
export async function helmAs(
  major: HelmMajor,
  environment: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<string> {
  const program = await helmProgram(major);
  const nowhere = join(chartFolder, 'no-such-folder');
  const folders = { HELM_DATA_HOME: nowhere, HELM_CONFIG_HOME: nowhere, HELM_CACHE_HOME: nowhere };
  // It remembers the kinds of a cluster below HOME, or without one where it is started.
  const env = { PATH: process.env.PATH, HOME: tmpdir(), ...folders };
  return (await run(program, [...args], { env: { ...env, ...environment }, maxBuffer: 1 << 26 })).stdout;
}

/** One thing that a subject may do. */
export interface Right {
  /** `ServiceAccount namespace/name`. */
  readonly subject: string;
  /** A namespace; `undefined`: everywhere. */
  readonly namespace: string | undefined;
  /** Empty: the core group, or no resource at all. */
  readonly group: string;
  /** With its subresource, e.g. `clients/status`; a path that begins with `/` is no resource. */
  readonly resource: string;
  /** `undefined`: whatever its name. */
  readonly name: string | undefined;
  readonly verb: string;
}

/** What the rendered roles grant through the rendered bindings. */
export function rightsOf(rendered: string): readonly Right[] {
  const objects = objectsOf(rendered);
  return objects
    .filter(({ kind }) => kind === 'ClusterRoleBinding' || kind === 'RoleBinding')
    .flatMap((binding) => {
      const namespace = binding.metadata.namespace as string | undefined;
      const role = objects.find(
        ({ kind, metadata }) =>
          kind === binding.roleRef.kind &&
          metadata.name === binding.roleRef.name &&
          (kind === 'ClusterRole' || metadata.namespace === namespace),
      );
      if (role === undefined) throw new Error(`${binding.metadata.name} binds ${binding.roleRef.name}: not rendered`);
      return (binding.subjects as readonly AnyObject[]).flatMap((subject) =>
        (role.rules as readonly AnyObject[]).flatMap((rule) =>
          rightsOfRule(rule, `${subject.kind} ${subject.namespace}/${subject.name}`, namespace),
        ),
      );
    });
}

function rightsOfRule(rule: AnyObject, subject: string, namespace: string | undefined): readonly Right[] {
  const verbs: readonly string[] = rule.verbs;
  const paths: readonly string[] = rule.nonResourceURLs ?? [];
  const groups: readonly string[] = rule.apiGroups ?? [];
  const resources: readonly string[] = rule.resources ?? [];
  const names: readonly (string | undefined)[] = rule.resourceNames ?? [undefined];
  const common = { subject, namespace };
  return verbs.flatMap((verb) => [
    ...paths.map((path) => ({ ...common, group: '', resource: path, name: undefined, verb })),
    ...groups.flatMap((group) =>
      resources.flatMap((resource) => names.map((name) => ({ ...common, group, resource, name, verb }))),
    ),
  ]);
}

const verbOrder = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'];

/** A table to read and to compare: one line a resource, in a fixed order. */
export function rightsTable(rights: readonly Right[]): string {
  const verbs = new Map<string, string[]>();
  for (const right of rights) {
    const row = JSON.stringify([
      right.subject,
      right.namespace === undefined ? 'cluster' : `namespace ${right.namespace}`,
      right.resource.startsWith('/') ? '–' : right.group === '' ? 'core' : right.group,
      right.resource,
      right.name ?? 'any',
    ]);
    verbs.set(row, [...(verbs.get(row) ?? []), right.verb]);
  }
  const rows = [...verbs]
    .map(([row, found]) => [...(JSON.parse(row) as string[]), inOrder(found).join(', ')])
    .toSorted((a, b) => (a.join('\t') < b.join('\t') ? -1 : 1));
  const table = [['SUBJECT', 'SCOPE', 'GROUP', 'RESOURCE', 'NAME', 'VERBS'], ...rows];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return `${table.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')).join('\n')}\n`;
}

function inOrder(verbs: readonly string[]): readonly string[] {
  const place = (verb: string) => (verbOrder.includes(verb) ? verbOrder.indexOf(verb) : verbOrder.length);
  return [...new Set(verbs)].toSorted((a, b) => place(a) - place(b));
}
