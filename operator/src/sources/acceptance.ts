/**
 * The API server's part where there is none, pure: a document becomes the newest content of a resource, or the reason why
 * it does not. Generations count changes of what was written, refused changes included.
 */
import { apiVersion, type Kind, type Resource, type ResourceByKind, validate } from '@nauthera/crds';
import { canonical, contentVersion } from '../runtime/content-version.ts';
import { type Problem, parseField, type SourceDocument } from './documents.ts';
import { type FolderObject, firstProblem, problemAt } from './object.ts';

/** What a folder knows of one resource. */
export interface Held<K extends Kind = Kind> {
  readonly kind: K;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly generation: number;
  /** Version of the `spec` as written that {@link generation} counted last. */
  readonly seen: string;
  readonly spec: ResourceByKind[K]['spec'] | undefined;
  readonly specGeneration: number;
  readonly refused: string | undefined;
  readonly status: ResourceByKind[K]['status'];
  readonly deleting: boolean;
  /** The document looked at last: the same one need not be looked at again. */
  readonly document: SourceDocument | undefined;
}

export type ResourceObject = FolderObject & { readonly kind: Kind };

/** Looks at the document of a resource. Several documents of one name: none of them counts unless they are equal. */
export function take(held: Held, objects: readonly ResourceObject[]): Held {
  const [first] = objects;
  if (first === undefined || held.deleting) return held;
  const same = objects.every((object) => contentOf(object) === contentOf(first));
  if (!same) return { ...held, refused: twins(objects), document: undefined };
  if (held.document === first.document && held.refused === undefined) return held;
  const seen = contentVersion(first.document.content.spec ?? null);
  const generation = seen === held.seen ? held.generation : held.generation + 1;
  const verdict = judge(first, held);
  if ('problems' in verdict)
    return { ...held, generation, seen, document: first.document, refused: firstProblem(verdict.problems) };
  const { labels, annotations, document } = first;
  return {
    ...held,
    labels,
    annotations,
    document,
    generation,
    seen,
    spec: verdict.spec,
    specGeneration: generation,
    refused: undefined,
  };
}

/** `spec` with defaults, or findings. `before`: what was accepted, for the rules about changes. */
export function judge(
  object: ResourceObject,
  before: Held | undefined,
): { readonly spec: ResourceByKind[Kind]['spec'] } | { readonly problems: readonly Problem[] } {
  const result = validate(object.kind, object.document.content, before === undefined ? undefined : asResource(before));
  if (result.ok) return { spec: result.resource.spec };
  return {
    problems: result.problems.map(({ path, message, found }) =>
      problemAt(object.document, parseField(path), path, found === undefined ? message : `${found}: ${message}`),
    ),
  };
}

function asResource({ kind, namespace, name, spec, status }: Held): Resource | undefined {
  return spec === undefined
    ? undefined
    : ({ apiVersion, kind, metadata: { namespace, name }, spec, status } as Resource);
}

/** Its file cannot be read: what was accepted stays. */
export function hold(held: Held, problems: readonly Problem[]): Held {
  const refused = firstProblem(problems);
  return held.deleting || held.refused === refused ? held : { ...held, refused, document: undefined };
}

/** Equal for the controllers and the registry; the document does not count. */
export function isSame(one: Held, other: Held): boolean {
  const { document: _one, ...a } = one;
  const { document: _other, ...b } = other;
  return canonical(a) === canonical(b);
}

function contentOf({ document, labels, annotations }: FolderObject): string {
  return canonical({ labels, annotations, spec: document.content.spec });
}

function twins(objects: readonly FolderObject[]): string {
  const places = objects.map(({ document }) => {
    const { line } = document.position([]);
    return `${document.file}:${line}`;
  });
  return `stands ${objects.length} times with different content (${places.join(', ')}): keep one`;
}
