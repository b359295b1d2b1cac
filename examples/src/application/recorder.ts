/** Every request that this application sends and every answer it gets, kept for showing. */
import type { CustomFetch } from 'openid-client';

export interface Exchange {
  readonly method: string;
  readonly url: string;
  readonly requestHeaders: readonly (readonly [string, string])[];
  /** Form fields of the body, in order. */
  readonly form: readonly (readonly [string, string])[];
  readonly status: number;
  readonly responseHeaders: readonly (readonly [string, string])[];
  readonly body: string;
}

const hidden = '(not shown)';
const worthShowing = new Set(['cache-control', 'content-type', 'retry-after', 'www-authenticate', 'x-request-id']);

/** `fetch` that tells `onExchange` about each exchange; the client's secret never gets that far. */
export function recordingFetch(onExchange: (exchange: Exchange) => void): CustomFetch {
  return async (url, options) => {
    const { body, headers, method, redirect, signal } = options;
    const response = await fetch(url, {
      method,
      headers,
      redirect,
      // Every body in these flows is a form.
      ...(body instanceof URLSearchParams ? { body } : {}),
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await response.clone().text();
    onExchange({
      method,
      url,
      requestHeaders: Object.entries(headers).map(([name, value]) => [name, shownHeader(name, value)] as const),
      form: body instanceof URLSearchParams ? [...body].map(([name, value]) => [name, shownField(name, value)]) : [],
      status: response.status,
      responseHeaders: [...response.headers].filter(([name]) => worthShowing.has(name)),
      body: text,
    });
    return response;
  };
}

function shownHeader(name: string, value: string): string {
  if (name.toLowerCase() !== 'authorization' || !value.startsWith('Basic ')) return value;
  const [id = ''] = Buffer.from(value.slice('Basic '.length), 'base64').toString('utf8').split(':');
  return `Basic base64(${decodeURIComponent(id)} : ${hidden})`;
}

function shownField(name: string, value: string): string {
  return name === 'client_secret' ? hidden : value;
}
