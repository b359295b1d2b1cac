/** The Kubernetes API as the operator uses it: JSON requests and watches over one HTTP agent. */

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute path, every segment escaped already. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean>>;
  readonly body?: unknown;
  /** Default `application/json`; server-side apply is `application/apply-patch+yaml`. */
  readonly contentType?: string;
  /** Default `application/json`. */
  readonly accept?: string;
  readonly signal?: AbortSignal;
  /** Milliseconds until the whole answer must be there. Default 30 s. */
  readonly timeout?: number;
  /** Bytes of the answer. Default: as for all of them. */
  readonly largest?: number;
}

export interface WatchRequest {
  readonly path: string;
  readonly query: Readonly<Record<string, string | number | boolean>>;
  readonly accept?: string;
  readonly signal: AbortSignal;
  /** Milliseconds without a byte after which the stream is given up: a dead connection reports nothing by itself. */
  readonly silence: number;
}

export interface KubernetesApi {
  /**
   * @throws ApiError the API server refused it
   * @throws ApiUnavailable no answer, or not in time
   * @throws ApiTooLarge more bytes than asked for
   * @throws NotLeading a write, while this process does not lead
   */
  request<T>(request: ApiRequest): Promise<T>;
  /** One item per line of the answer, parsed. Ends when the server ends it. Errors as for {@link request}. */
  watch(request: WatchRequest): AsyncIterable<unknown>;
  close(): Promise<void>;
}

/** An answer of the API server that is not 2xx. The message is for a log: method, path, status and reason, nothing of a body. */
export class ApiError extends Error {
  readonly code = 'api_error';
  /** HTTP status. */
  readonly status: number;
  /** `reason` of the `Status` object (e.g. `NotFound`, `Conflict`, `Expired`), empty when there is none. */
  readonly reason: string;
  /** What the API server says, for a condition: it may name fields and values of what was sent. */
  readonly says: string;
  /** Seconds, from `Retry-After`. */
  readonly retryAfter: number | undefined;
  constructor(
    message: string,
    facts: {
      readonly status: number;
      readonly reason?: string;
      readonly says?: string;
      readonly retryAfter?: number | undefined;
    },
  ) {
    super(message);
    this.name = 'ApiError';
    this.status = facts.status;
    this.reason = facts.reason ?? '';
    this.says = facts.says ?? '';
    this.retryAfter = facts.retryAfter;
  }
}

/** The API server was not reached, or did not answer in time: what was asked may have been done. */
export class ApiUnavailable extends Error {
  readonly code = 'api_unavailable';
}

/** The API server answered, and the answer cannot be read: no JSON, or beyond its bounds. Asking again may not help. */
export class ApiUnreadable extends ApiUnavailable {}

/** The answer was given up at its bound: asking for less of it helps. */
export class ApiTooLarge extends ApiUnreadable {}

/** The lease is not held, or about to end: a write that is sent now could meet the next leader's. */
export class NotLeading extends Error {
  readonly code = 'not_leading';
}

/** Escapes each part: names come from resources. */
export function apiPath(...parts: readonly string[]): string {
  return `/${parts.map(encodeURIComponent).join('/')}`;
}
