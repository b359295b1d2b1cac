/** Every message that the check sends and gets, and what the directory was asked meanwhile. Values stay out of it. */
import type { CustomFetch } from 'openid-client';
import { type DirectoryWatch, unreachable } from './directory-watch.ts';
import { type Actor, type Message, namesOf, namesOfJson } from './messages.ts';

/** Documents are read by libraries when they please: no part of a flow's sequence. */
const documents = /^\/(\.well-known\/|jwks$)/;

export class Recorder {
  readonly #messages: Message[] = [];
  /** Each with the number of messages before its answer. */
  readonly #requestIds: { readonly at: number; readonly id: string }[] = [];
  #asides = 0;
  readonly #issuer: URL;
  readonly #watch: DirectoryWatch;

  constructor(issuer: string, watch: DirectoryWatch) {
    this.#issuer = new URL(issuer);
    this.#watch = watch;
  }

  get count(): number {
    return this.#messages.length;
  }

  since(count: number): readonly Message[] {
    return this.#messages.slice(count);
  }

  /** What the audit log says was given for requests answered since then. */
  givenSince(count: number): Promise<readonly string[]> {
    return this.#watch.given(this.#requestIds.flatMap(({ at, id }) => (at >= count ? [id] : [])));
  }

  note(message: Message): void {
    if (this.#asides === 0) this.#messages.push(message);
  }

  /** Nothing that passes meanwhile is a message of a flow: groundwork, and what is asked until it is so. */
  async aside<T>(play: () => Promise<T>): Promise<T> {
    this.#asides += 1;
    try {
      return await play();
    } finally {
      this.#asides -= 1;
    }
  }

  /** Only what goes to the authorization server is a message of a flow. */
  isServer(url: URL): boolean {
    return url.origin === this.#issuer.origin && !documents.test(url.pathname);
  }

  request(from: Actor, method: string, url: URL, form: URLSearchParams | undefined): void {
    const names = namesOf([...url.searchParams, ...(form ?? [])]);
    this.note({ from, to: 'server', what: `${method} ${url.pathname}`, names });
  }

  /** What the directory was asked for these requests, as it and the server's audit log tell, and then the answer. */
  async answer(answer: Message, requestIds: readonly string[], unavailable: boolean): Promise<void> {
    if (this.#asides === 0) this.#requestIds.push(...requestIds.map((id) => ({ at: this.count, id })));
    const found = await this.#watch.look(requestIds, unavailable);
    for (const message of found) this.note(message);
    if (unavailable && !found.some(({ what }) => what === unreachable)) {
      throw new Error('the audit log does not say that the directory could not be asked');
    }
    this.note(answer);
  }

  /** `fetch` for applications. */
  readonly fetch: CustomFetch = async (address, options) => {
    const { body, headers, method, redirect, signal } = options;
    const url = new URL(address);
    const form = body instanceof URLSearchParams ? body : undefined;
    const watched = this.isServer(url);
    if (watched) this.request('application', method, url, form);
    const response = await fetch(url, {
      method,
      headers,
      redirect,
      ...(form === undefined ? {} : { body: form }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (!watched) return response;
    const text = await response.clone().text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
    const names = isJson && text !== '' ? namesOfJson(JSON.parse(text)) : [];
    const what = `${response.status}${isJson || text === '' ? '' : ` ${response.headers.get('content-type') ?? ''}`}`;
    const answer: Message = { from: 'server', to: 'application', what, names };
    await this.answer(answer, requestIdsOf([response]), names.includes('error=temporarily_unavailable'));
    return response;
  };
}

export function requestIdsOf(responses: readonly Response[]): readonly string[] {
  return responses.flatMap((response) => response.headers.get('x-request-id') ?? []);
}
