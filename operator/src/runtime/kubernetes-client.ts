/** {@link KubernetesApi} over HTTP: one view of a connection, with or without a gate for writes. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { Deadline } from './deadline.ts';
import { exchange, headerOf, parseAnswer, refusal, unavailable } from './kubernetes-answer.ts';
import { ApiError, type ApiRequest, type KubernetesApi, NotLeading, type WatchRequest } from './kubernetes-api.ts';
import type { KubernetesConnection } from './kubernetes-connection.ts';
import { readLines } from './line-reader.ts';

export { type ConnectOptions, connect, type KubernetesConnection } from './kubernetes-connection.ts';

/** One request, for metrics. */
export interface RequestFacts {
  readonly method: string;
  readonly path: string;
  /** HTTP status; 0: there was no answer. */
  readonly status: number;
  readonly milliseconds: number;
}

export interface ApiOptions {
  /** Asked before each write, and once more when it is about to leave. Default: always. */
  readonly mayWrite?: () => boolean;
  /** Must not throw. Tells of a watch when its answer begins. */
  readonly onRequest?: (facts: RequestFacts) => void;
  /** Bytes of an answer. Default 64 MiB. */
  readonly largestAnswer?: number;
  /** Bytes of one line of a watch. Default 16 MiB: an object of 1.5 MiB may take six times as much in JSON. */
  readonly longestLine?: number;
}

const mebibyte = 1024 * 1024;
const defaultTimeout = 30_000;
/** A longer `Retry-After`, in seconds, is left to the caller. */
const longestWait = 10;
const mostWaits = 3;

/** {@link KubernetesApi.close} closes the connection, which other views may share. */
export function createApi(connection: KubernetesConnection, options: ApiOptions = {}): KubernetesApi {
  return new HttpApi(connection, options);
}

class HttpApi implements KubernetesApi {
  readonly #connection: KubernetesConnection;
  readonly #options: ApiOptions;

  constructor(connection: KubernetesConnection, options: ApiOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  async request<T>(request: ApiRequest): Promise<T> {
    const deadline = new Deadline(request.signal, request.timeout ?? defaultTimeout, 'no answer in time');
    try {
      for (let waits = 0; ; waits += 1) {
        try {
          return (await this.#send(request, deadline)) as T;
        } catch (error) {
          const wait = waits < mostWaits ? waitOf(error) : undefined;
          if (wait === undefined) throw error;
          const rested = await sleep(wait, true, { signal: deadline.signal }).catch(() => false);
          if (!rested) throw error;
        }
      }
    } finally {
      deadline.end();
    }
  }

  async *watch(request: WatchRequest): AsyncGenerator<unknown, void, undefined> {
    const deadline = new Deadline(request.signal, request.silence, 'silent for too long');
    const what = `GET ${request.path}`;
    try {
      const body = await this.#openWatch(request, deadline);
      const longest = this.#options.longestLine ?? 16 * mebibyte;
      yield* readLines(body, { longest, onBytes: () => deadline.renew() });
    } catch (error) {
      throw unavailable(what, deadline.signal.aborted ? deadline.signal.reason : error);
    } finally {
      deadline.end();
    }
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #openWatch(request: WatchRequest, deadline: Deadline): Promise<AsyncIterable<Buffer>> {
    const began = performance.now();
    let status = 0;
    try {
      const { agent, headers } = await deadline.race(this.#connection.open());
      const answer = await agent.request({
        ...this.#target('GET', request.path, { ...request.query, watch: true }),
        headers: this.#headers(headers, request.accept),
        signal: deadline.signal,
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      status = answer.statusCode;
      if (status === 200) return answer.body;
      const body = Buffer.from(await readStart(answer.body, mebibyte));
      throw refusal(`GET ${request.path}`, { status, retryAfter: headerOf(answer.headers, 'retry-after'), body });
    } finally {
      this.#tell('GET', request.path, status, began);
    }
  }

  async #send(request: ApiRequest, deadline: Deadline): Promise<unknown> {
    const { method, path } = request;
    const what = `${method} ${path}`;
    const mayLeave = (): void => {
      if (method !== 'GET' && this.#options.mayWrite?.() === false) throw new NotLeading(`${what}: not leading`);
    };
    const began = performance.now();
    let status = 0;
    try {
      mayLeave();
      const { agent, headers } = await deadline.race(this.#connection.open());
      const body = request.body === undefined ? undefined : JSON.stringify(request.body);
      const type = body === undefined ? undefined : (request.contentType ?? 'application/json');
      const answer = await exchange(
        agent,
        {
          ...this.#target(method, path, request.query),
          headers: this.#headers(headers, request.accept, type),
          ...(body === undefined ? {} : { body }),
        },
        {
          signal: deadline.signal,
          largest: request.largest ?? this.#options.largestAnswer ?? 64 * mebibyte,
          // A process that was frozen meanwhile still has its request waiting for a connection.
          beforeSending: mayLeave,
        },
      );
      status = answer.status;
      return parseAnswer(what, answer);
    } catch (error) {
      throw unavailable(what, error);
    } finally {
      this.#tell(method, path, status, began);
    }
  }

  #target(method: ApiRequest['method'], path: string, query: ApiRequest['query']) {
    const pairs = Object.entries(query ?? {}).map(([name, value]): [string, string] => [name, String(value)]);
    const search = pairs.length === 0 ? '' : `?${new URLSearchParams(pairs).toString()}`;
    const target: Pick<Dispatcher.RequestOptions, 'origin' | 'path' | 'method'> = {
      origin: this.#connection.host,
      path: `${this.#connection.basePath}${path}${search}`,
      method,
    };
    return target;
  }

  #headers(own: Readonly<Record<string, string>>, accept?: string, type?: string): Record<string, string> {
    return {
      ...own,
      accept: accept ?? 'application/json',
      'user-agent': this.#connection.userAgent,
      ...(type === undefined ? {} : { 'content-type': type }),
    };
  }

  #tell(method: string, path: string, status: number, began: number): void {
    this.#options.onRequest?.({ method, path, status, milliseconds: performance.now() - began });
  }
}

/** Milliseconds, if the API server asks for patience that we have: 429 says that nothing was done. */
function waitOf(error: unknown): number | undefined {
  if (!(error instanceof ApiError) || error.status !== 429 || error.retryAfter === undefined) return undefined;
  return error.retryAfter <= longestWait ? Math.max(1, error.retryAfter) * 1000 : undefined;
}

async function readStart(body: AsyncIterable<Buffer>, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > most) break;
  }
  return Buffer.concat(chunks);
}
