/**
 * `check`: what the folder source and the plans would say about files, without a database: schema, rules, then the plans
 * of all resources that stand in the files together.
 */
import { readFile, stat } from 'node:fs/promises';
import { apiVersion, type Kind, pendingStatus } from '@nauthera/crds';
import { offlineNotes } from './offline-notes.ts';
import { type OfflineFinding, type OfflineWorld, offlineFindings } from './offline-plan.ts';
import { judge, type ResourceObject } from './sources/acceptance.ts';
import { formatProblem, type Problem, parseField, readDocuments, type SourceDocument } from './sources/documents.ts';
import { FolderReader } from './sources/folder-reader.ts';
import {
  audienceOf,
  type FolderObject,
  isKind,
  isProblem,
  misdirected,
  problemAt,
  readConfigMap,
  readObject,
  readSecret,
} from './sources/object.ts';
import type { ConfigMap, Observed, Secret } from './sources/source.ts';

export interface CheckResult {
  /** In order of file and line. */
  readonly findings: readonly Problem[];
  readonly resources: number;
  /** What could not be checked, and why; what is allowed but hardly meant. */
  readonly notes: readonly string[];
}

/** A path that is not there: wrong usage, not a finding. */
export class CheckPathError extends Error {
  readonly code = 'check_path';
}

export interface CheckInput {
  /** Files and folders; `-` is {@link stdin}. */
  readonly paths: readonly string[];
  stdin(): Promise<string>;
}

/** @throws CheckPathError */
export async function check(input: CheckInput): Promise<CheckResult> {
  const found: Found = { problems: [], resources: [], secrets: [], configMaps: [], namespaces: new Map() };
  for (const path of input.paths) await readPath(path, input, found);
  const accepted: Accepted[] = [];
  for (const object of found.resources) {
    const verdict = judge(object, undefined);
    if ('problems' in verdict) found.problems.push(...verdict.problems);
    else accepted.push({ object, observed: observe(object, verdict.spec) });
  }
  found.problems.push(...twins(found.resources));
  const world: OfflineWorld = {
    resources: accepted.map(({ observed }) => observed),
    secrets: found.secrets,
    configMaps: found.configMaps,
    namespaces: found.namespaces,
  };
  const place = ({ resource, field, message }: OfflineFinding): Problem[] => {
    const object = accepted.find(({ observed }) => observed.uid === resource)?.object;
    return object === undefined ? [] : [located(object.document, field, message)];
  };
  const notes = sorted(offlineNotes(world).flatMap(place)).map(formatProblem);
  if (world.resources.some(({ kind }) => kind === 'AuthorizationServer')) {
    found.problems.push(...offlineFindings(world).flatMap(place));
  } else if (accepted.length > 0)
    notes.push(
      'no AuthorizationServer stands in these files: whom it lets in, its policies and scopes were not checked',
    );
  return { findings: sorted(found.problems), resources: found.resources.length, notes };
}

/** One finding a line, then the sum. */
export function renderCheck({ findings, resources }: CheckResult): string {
  const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`;
  return [...findings.map(formatProblem), `${count(resources, 'resource')}, ${count(findings.length, 'problem')}`].join(
    '\n',
  );
}

interface Found {
  readonly problems: Problem[];
  readonly resources: ResourceObject[];
  readonly secrets: Secret[];
  readonly configMaps: ConfigMap[];
  readonly namespaces: Map<string, Readonly<Record<string, string>>>;
}

interface Accepted {
  readonly object: ResourceObject;
  readonly observed: Observed;
}

async function readPath(path: string, input: CheckInput, found: Found): Promise<void> {
  if (path === '-') return take(readDocuments('-', await input.stdin()), found);
  const kind = await stat(path).catch(() => undefined);
  if (kind === undefined) throw new CheckPathError(`${path} does not exist or may not be read`);
  if (!kind.isDirectory()) {
    if (kind.size > 1_048_576) throw new CheckPathError(`${path} is larger than 1 MiB`);
    return take(readDocuments(path, await readFile(path, 'utf8')), found);
  }
  const scan = await new FolderReader({ folder: path, settle: 0 }).scan();
  found.problems.push(...scan.problems);
  for (const file of scan.files) take(file, found);
}

function take(
  { documents, problems }: { readonly documents: readonly SourceDocument[]; readonly problems: readonly Problem[] },
  found: Found,
): void {
  found.problems.push(...problems);
  for (const document of documents) {
    const object = readObject(document);
    if (isProblem(object)) {
      if (audienceOf(document) !== 'foreign') found.problems.push(object);
    } else if (object.apiVersion === apiVersion && isKind(object.kind))
      found.resources.push({ ...object, kind: object.kind });
    else takeOther(object, found);
  }
}

function takeOther(object: FolderObject, found: Found): void {
  const slip = misdirected(object);
  if (slip !== undefined) found.problems.push(slip);
  if (object.apiVersion !== 'v1') return;
  const { kind } = object;
  if (kind === 'Namespace') found.namespaces.set(object.name, object.labels);
  if (kind === 'Secret') keep(readSecret(object), found.secrets, found);
  if (kind === 'ConfigMap') keep(readConfigMap(object), found.configMaps, found);
}

function keep<T extends object>(read: T | Problem, list: T[], found: Found): void {
  if (isProblem(read)) found.problems.push(read);
  else list.push(read);
}

function observe<K extends Kind>(object: ResourceObject & { readonly kind: K }, spec: Observed['spec']): Observed {
  const { kind, namespace, name, labels, annotations } = object;
  const uid = `${kind}/${namespace}/${name}`;
  return {
    kind,
    namespace,
    name,
    labels,
    annotations,
    uid,
    createdAt: '1970-01-01T00:00:00Z',
    generation: 1,
    spec,
    specGeneration: 1,
    refused: undefined,
    status: structuredClone(pendingStatus) as unknown as Observed['status'],
    deleting: false,
  };
}

function twins(objects: readonly ResourceObject[]): Problem[] {
  const seen = new Map<string, ResourceObject>();
  return objects.flatMap((object) => {
    const id = `${object.kind} ${object.namespace}/${object.name}`;
    const first = seen.get(id);
    seen.set(id, first ?? object);
    if (first === undefined) return [];
    const { line } = first.document.position([]);
    return [
      problemAt(
        object.document,
        ['metadata', 'name'],
        'metadata.name',
        `${id} stands in ${first.document.file}:${line} too: keep one`,
      ),
    ];
  });
}

function located(document: SourceDocument, field: string, message: string): Problem {
  return problemAt(document, parseField(field), field, message);
}

function sorted(problems: readonly Problem[]): readonly Problem[] {
  return [...problems].sort((a, b) => a.file.localeCompare(b.file, 'en') || a.line - b.line || a.column - b.column);
}
