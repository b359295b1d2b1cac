/** An authorization response as the application gets it, whatever the mode. */
import type { Left } from './browser.ts';

export interface Answer {
  readonly mode: 'query' | 'fragment' | 'form_post';
  readonly parameters: URLSearchParams;
  /** As `openid-client` wants it: the address with its query or fragment, or the POST. */
  readonly received: URL | Request;
}

/** What the server appends to a query, so that no fragment of the request's own page is inherited. */
export const emptyFragment = '#_';

export function readAnswer({ left, form }: Left): Answer {
  if (form !== undefined) {
    const received = new Request(left, { method: 'POST', body: form });
    return { mode: 'form_post', parameters: form, received };
  }
  const fragment = new URLSearchParams(left.hash.slice(1));
  if (left.hash !== emptyFragment && fragment.size > 0)
    return { mode: 'fragment', parameters: fragment, received: left };
  return { mode: 'query', parameters: left.searchParams, received: left };
}
