/** What lists and watches of the API look like, read strictly: who they come from is trusted, what lies between is not. */
import { ApiError, ApiUnreadable } from './kubernetes-api.ts';
import type { KubernetesObject } from './reflected.ts';

export interface Page {
  readonly items: readonly KubernetesObject[];
  readonly resourceVersion: string;
  /** Empty on the last page. */
  readonly next: string;
}

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: KubernetesObject }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

function isObject(value: unknown): value is KubernetesObject {
  const metadata = fieldOf(value, 'metadata');
  return ['name', 'uid', 'resourceVersion'].every((field) => isText(fieldOf(metadata, field)));
}

/** @throws ApiUnreadable it is no list, or one of its items is no object */
export function readPage(answer: unknown): Page {
  const metadata = fieldOf(answer, 'metadata');
  const resourceVersion = fieldOf(metadata, 'resourceVersion');
  const next = fieldOf(metadata, 'continue') ?? '';
  // An empty list of Go is null.
  const items: unknown = fieldOf(answer, 'items') ?? [];
  if (!isText(resourceVersion) || typeof next !== 'string' || !Array.isArray(items) || !items.every(isObject)) {
    throw new ApiUnreadable('The answer is no list');
  }
  return { items, resourceVersion, next };
}

/**
 * @returns undefined for a type that nobody knows
 * @throws ApiError it tells of an error
 * @throws ApiUnreadable it is no event
 */
export function readEvent(line: unknown): WatchEvent | undefined {
  const type = fieldOf(line, 'type');
  const object = fieldOf(line, 'object');
  if (type === 'ERROR') throw errorOf(object);
  if (type === 'BOOKMARK') {
    const resourceVersion = fieldOf(fieldOf(object, 'metadata'), 'resourceVersion');
    if (!isText(resourceVersion)) throw new ApiUnreadable('A bookmark has no version');
    return { type, resourceVersion };
  }
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') {
    if (typeof type === 'string') return undefined;
    throw new ApiUnreadable('A line of the watch is no event');
  }
  if (!isObject(object)) throw new ApiUnreadable('An event of the watch has no object');
  return { type, object };
}

function errorOf(status: unknown): ApiError {
  const code = fieldOf(status, 'code');
  const reason = fieldOf(status, 'reason');
  const says = fieldOf(status, 'message');
  const after = fieldOf(fieldOf(status, 'details'), 'retryAfterSeconds');
  const facts = { status: typeof code === 'number' ? code : 500, reason: isText(reason) ? reason.slice(0, 256) : '' };
  return new ApiError(`watch: ${facts.status} ${facts.reason}`, {
    ...facts,
    says: isText(says) ? says.slice(0, 1024) : '',
    retryAfter: typeof after === 'number' ? after : undefined,
  });
}
