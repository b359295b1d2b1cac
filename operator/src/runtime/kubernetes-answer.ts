/** From an answer of the API server to a value or an error. Nothing of a body goes into an error's message. */
import type { Dispatcher } from 'undici';
import { ApiError, ApiTooLarge, ApiUnavailable, ApiUnreadable, NotLeading } from './kubernetes-api.ts';

export interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: Buffer;
}

/** A header that came once, or the first of several. */
export function headerOf(headers: Readonly<Record<string, string | string[] | undefined>>, name: string) {
  const value = headers[name];
  return typeof value === 'string' ? value : value?.[0];
}

/** Of `Status`, what counts. Anything else reads as nothing said. */
function statusOf(body: Buffer): { reason: string; says: string } {
  const text = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 1024) : '');
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    if (typeof parsed !== 'object' || parsed === null) return { reason: '', says: '' };
    return {
      reason: 'reason' in parsed ? text(parsed.reason) : '',
      says: 'message' in parsed ? text(parsed.message) : '',
    };
  } catch {
    return { reason: '', says: '' };
  }
}

/** RFC 9110, section 10.2.3, in seconds; a date is not used by API servers. */
function seconds(retryAfter: string | undefined): number | undefined {
  return retryAfter !== undefined && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : undefined;
}

export function refusal(what: string, answer: Answer): ApiError {
  const { reason, says } = statusOf(answer.body);
  // What is wrong with a Secret can be said by quoting it.
  const quotes = (answer.status === 400 || answer.status === 422) && /\/secrets(\/|$)/.test(what);
  return new ApiError(`${what}: ${answer.status}${reason === '' ? '' : ` ${reason}`}`, {
    status: answer.status,
    reason,
    says: quotes ? '' : says,
    retryAfter: seconds(answer.retryAfter),
  });
}

/**
 * @throws ApiError not 2xx
 * @throws ApiUnreadable no JSON
 */
export function parseAnswer(what: string, answer: Answer): unknown {
  if (answer.status < 200 || answer.status > 299) throw refusal(what, answer);
  try {
    return JSON.parse(answer.body.toString('utf8'));
  } catch {
    throw new ApiUnreadable(`${what}: the answer is no JSON`);
  }
}

/** One error for everything that went wrong on the way, without what the libraries say: that may hold addresses or paths. */
export function unavailable(what: string, error: unknown): Error {
  if (error instanceof ApiError || error instanceof NotLeading || error instanceof ApiUnreadable) return error;
  if (error instanceof ApiUnavailable) return new ApiUnavailable(`${what}: ${error.message}`);
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'error';
  return new ApiUnavailable(`${what}: no answer (${code})`);
}

export interface Exchange {
  readonly signal: AbortSignal;
  /** Bytes of the body. */
  readonly largest: number;
  /** Runs when the request is about to be written to its connection; throwing stops it. */
  readonly beforeSending: () => void;
}

/** Sends one request and reads the answer whole. Redirects are answers like others. */
export function exchange(
  dispatcher: Dispatcher,
  request: Dispatcher.DispatchOptions,
  { signal, largest, beforeSending }: Exchange,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let status = 0;
    let retryAfter: string | undefined;
    let stop: ((reason: Error) => void) | undefined;
    const onAbort = (): void => {
      const reason: unknown = signal.reason;
      const error = reason instanceof Error ? reason : new ApiUnavailable('given up');
      stop?.(error);
      // Also what still waits for a connection, which nothing can stop: it is refused when its turn comes.
      fail(error);
    };
    const fail = (error: unknown): void => {
      signal.removeEventListener('abort', onAbort);
      reject(error);
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    dispatcher.dispatch(request, {
      onRequestStart(controller) {
        stop = (reason) => controller.abort(reason);
        try {
          if (signal.aborted) throw signal.reason;
          beforeSending();
        } catch (error) {
          controller.abort(error instanceof Error ? error : new ApiUnavailable('given up'));
        }
      },
      onResponseStart(_controller, statusCode, headers) {
        status = statusCode;
        retryAfter = headerOf(headers, 'retry-after');
      },
      onResponseData(controller, chunk) {
        size += chunk.length;
        if (size > largest) return controller.abort(new ApiTooLarge('The answer of the API server is too large'));
        chunks.push(chunk);
      },
      onResponseEnd() {
        signal.removeEventListener('abort', onAbort);
        resolve({ status, retryAfter, body: Buffer.concat(chunks) });
      },
      onResponseError(_controller, error) {
        fail(error);
      },
    });
  });
}
