/** A request of the Kubernetes API as rules of {@link ApiProxy} see it, and predicates over it. */

export interface ApiCall {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly userAgent: string;
  readonly body: Buffer;
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`. */
  readonly verb: string;
  readonly group: string;
  /** Plural; empty: a path that is no resource. */
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

export type CallMatch = (call: ApiCall) => boolean;

/** What must be equal; a list: one of them; `mutating`: a verb that writes, or none such. */
export type CallFilter = {
  readonly [Field in 'verb' | 'group' | 'resource' | 'subresource' | 'namespace' | 'name']?: string | readonly string[];
} & { readonly mutating?: boolean };

const writing: readonly string[] = ['create', 'update', 'patch', 'delete', 'deletecollection'];

/** E.g. `on({ verb: 'patch', resource: 'clients', subresource: 'status' })`. */
export function on({ mutating, ...filter }: CallFilter): CallMatch {
  return (call) =>
    (mutating === undefined || mutating === writing.includes(call.verb)) &&
    Object.entries(filter).every(([field, wanted]) => {
      const found = call[field as keyof typeof filter];
      return typeof wanted === 'string' ? found === wanted : wanted.includes(found);
    });
}

const shape =
  /^\/(?:api\/v1|apis\/([^/]+)\/[^/]+)\/(?:namespaces\/([^/]+)\/(?!status$|finalize$))?([^/]+)(?:\/([^/]+)(?:\/(.+))?)?$/;

export function apiCall(method: string, url: string, userAgent: string, body: Buffer): ApiCall {
  const { pathname, searchParams } = new URL(url, 'https://api');
  const [, group = '', namespace = '', resource = '', name = '', subresource = ''] = shape.exec(pathname) ?? [];
  const isWatch = /^(1|true)$/.test(searchParams.get('watch') ?? '');
  return {
    method,
    path: pathname,
    query: searchParams,
    userAgent,
    body,
    verb: verbOf(method, name !== '', isWatch),
    group,
    resource,
    subresource,
    namespace,
    name,
  };
}

function verbOf(method: string, isNamed: boolean, isWatch: boolean): string {
  switch (method) {
    case 'GET':
      if (isWatch) return 'watch';
      return isNamed ? 'get' : 'list';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'DELETE':
      return isNamed ? 'delete' : 'deletecollection';
    default:
      return method.toLowerCase();
  }
}
