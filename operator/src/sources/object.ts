/** Documents of a folder as objects: which kind, which name, and the plain Kubernetes kinds that the folder adapter reads. */
import { apiVersion, type Kind, kindNames, nearest } from '@nauthera/crds';
import { contentVersion } from '../runtime/content-version.ts';
import { type FieldPath, formatProblem, isRecord, type Problem, type SourceDocument } from './documents.ts';
import type { ConfigMap, Secret, SecretOwner } from './secret.ts';

/** Without a namespace in its metadata, as kubectl does. */
export const defaultNamespace = 'default';

const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const subdomain = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

export function isKind(kind: string): kind is Kind {
  return kindNames.some((name) => name === kind);
}

/** RFC 1123 label: a namespace, a name of ours. No slash, no dot, so never a path. */
export function isLabel(value: unknown): value is string {
  return typeof value === 'string' && label.test(value);
}

/** RFC 1123 subdomain: the name of a Secret or ConfigMap. No slash, no empty part, so never a path out of a folder. */
export function isSubdomain(value: unknown): value is string {
  return typeof value === 'string' && subdomain.test(value);
}

export interface FolderObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly document: SourceDocument;
}

export function problemAt(document: SourceDocument, path: FieldPath, field: string, message: string): Problem {
  return { file: document.file, ...document.position(path), field, message };
}

const group = apiVersion.slice(0, apiVersion.indexOf('/'));

/**
 * Whom a document is meant for, slips of the pen included. `foreign`: another API group's, and its business alone: folders
 * of a cluster's manifests may be used as they are. `core`: Kubernetes' own, such as a Secret, or nothing that can be told.
 */
export function audienceOf({ content }: SourceDocument): 'ours' | 'core' | 'foreign' {
  const { apiVersion: version, kind } = content;
  if (typeof version === 'string' && version.includes('/'))
    return nearest(version.slice(0, version.indexOf('/')), [group]) === undefined ? 'foreign' : 'ours';
  return typeof kind === 'string' && isKind(kind) ? 'ours' : 'core';
}

/** What keeps a document that is meant for us from being a resource: a slip in its version or kind. */
export function misdirected(object: FolderObject): Problem | undefined {
  const { document, kind } = object;
  if (audienceOf(document) !== 'ours') return undefined;
  if (!isKind(kind)) {
    const meant = nearest(kind, kindNames);
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    return problemAt(document, ['kind'], 'kind', `${shown(kind)}: must be one of ${kindNames.join(', ')}${hint}`);
  }
  if (object.apiVersion === apiVersion) return undefined;
  return problemAt(document, ['apiVersion'], 'apiVersion', `${object.apiVersion} is not known: write ${apiVersion}`);
}

/** Head of a document; a problem when it cannot be told which object it is. */
export function readObject(document: SourceDocument): FolderObject | Problem {
  const { content } = document;
  const metadata = isRecord(content.metadata) ? content.metadata : {};
  const no = (path: FieldPath, message: string) => problemAt(document, path, path.join('.'), message);
  if (typeof content.apiVersion !== 'string') return no(['apiVersion'], `missing: write apiVersion: ${apiVersion}`);
  if (typeof content.kind !== 'string') return no(['kind'], 'missing: write the kind, such as Client');
  const namespace = metadata.namespace ?? defaultNamespace;
  if (!isLabel(namespace)) return no(['metadata', 'namespace'], `${shown(namespace)}: use up to 63 of a-z, 0-9 and -`);
  if (!isSubdomain(metadata.name)) return no(['metadata', 'name'], `${shown(metadata.name)}: use a-z, 0-9, - and .`);
  const labels = readTexts(metadata.labels);
  if (labels === undefined)
    return no(['metadata', 'labels'], 'not a map of texts: put numbers and yes or no in quotes');
  const annotations = readTexts(metadata.annotations);
  if (annotations === undefined)
    return no(['metadata', 'annotations'], 'not a map of texts: put numbers and yes or no in quotes');
  return {
    apiVersion: content.apiVersion,
    kind: content.kind,
    // A Namespace has none.
    namespace: content.kind === 'Namespace' ? '' : namespace,
    name: metadata.name,
    labels,
    annotations,
    document,
  };
}

export function isProblem(value: object): value is Problem {
  return 'message' in value && 'file' in value && 'line' in value;
}

export function readSecret(object: FolderObject): Secret | Problem {
  const { content } = object.document;
  const data: Record<string, string> = {};
  const encoded = readTexts(content.data);
  const plain = readTexts(content.stringData);
  const no = (field: string, message: string) => problemAt(object.document, [field], field, message);
  if (encoded === undefined) return no('data', 'not a map of base64 texts: put them in quotes, or use stringData');
  if (plain === undefined) return no('stringData', 'not a map of texts: put numbers and yes or no in quotes');
  for (const [key, value] of Object.entries(encoded)) {
    if (!isBase64(value))
      return problemAt(object.document, ['data', key], `data.${key}`, 'not base64: use stringData for plain text');
    data[key] = Buffer.from(value, 'base64').toString('utf8');
  }
  Object.assign(data, plain);
  const secret = {
    namespace: object.namespace,
    name: object.name,
    type: typeof content.type === 'string' ? content.type : 'Opaque',
    labels: object.labels,
    annotations: object.annotations,
    owner: readOwner(content.metadata),
    data,
  };
  return { ...secret, version: contentVersion(secret) };
}

function isBase64(value: string): boolean {
  return /^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(value);
}

export function readConfigMap(object: FolderObject): ConfigMap | Problem {
  const { document, namespace, name } = object;
  const data = readTexts(document.content.data);
  if (data === undefined)
    return problemAt(document, ['data'], 'data', 'not a map of texts: put numbers and yes or no in quotes');
  const binaryData = readTexts(document.content.binaryData);
  if (binaryData === undefined) return problemAt(document, ['binaryData'], 'binaryData', 'not a map of base64 texts');
  for (const [key, value] of Object.entries(binaryData))
    if (!isBase64(value)) return problemAt(document, ['binaryData', key], `binaryData.${key}`, 'not base64');
  return { namespace, name, data, binaryData };
}

export function firstProblem(problems: readonly Problem[]): string {
  const [first, ...more] = problems;
  if (first === undefined) return '';
  return more.length === 0 ? formatProblem(first) : `${formatProblem(first)} (and ${more.length} more)`;
}

function readTexts(value: unknown): Record<string, string> | undefined {
  if (value === undefined || value === null) return {};
  if (!isRecord(value)) return undefined;
  const texts = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return texts.length === Object.keys(value).length ? Object.fromEntries(texts) : undefined;
}

function readOwner(metadata: unknown): SecretOwner | undefined {
  const references: unknown = isRecord(metadata) ? metadata.ownerReferences : undefined;
  const first: unknown = Array.isArray(references) ? references[0] : undefined;
  if (!isRecord(first)) return undefined;
  const { kind, name, uid } = first;
  if (typeof kind !== 'string' || typeof name !== 'string' || typeof uid !== 'string') return undefined;
  return { kind, name, uid };
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value);
}
