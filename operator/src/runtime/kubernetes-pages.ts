/**
 * Pages of a list, none larger than this process has room for: how large objects are is decided by whoever may write them,
 * and one namespace must not keep everybody's list from its end.
 */
import { ApiTooLarge, type KubernetesApi } from './kubernetes-api.ts';
import { type Page, readPage } from './kubernetes-list.ts';

export interface PagesOptions {
  readonly api: KubernetesApi;
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly accept: string;
  /** Bytes of a page with more than one object. Default 4 MiB. */
  readonly largest?: number;
}

/** Objects of a page: few enough for what is made of them to be gone before the collector takes it for old. */
const most = 100;
/** Pages in a row that fitted before a longer one is tried: one that does not fit was sent for nothing. */
const trust = 3;
const mebibyte = 1024 * 1024;

export class Pages {
  readonly #options: PagesOptions;
  /** Objects of the next page. */
  #limit = most;
  #fitted = 0;

  constructor(options: PagesOptions) {
    this.#options = options;
  }

  /**
   * One page, of fewer objects where they are large; the next one may be longer again. A page of one object is read whatever
   * its size.
   *
   * @param next as the page before says it; empty: the first one
   * @throws ApiError, ApiUnavailable, ApiUnreadable
   */
  async read(next: string, signal: AbortSignal): Promise<Page> {
    for (;;) {
      try {
        const page = readPage(await this.#ask(next, signal));
        this.#fitted += 1;
        if (this.#fitted >= trust) this.#become(Math.min(most, this.#limit * 2));
        return page;
      } catch (error) {
        if (!(error instanceof ApiTooLarge) || this.#limit === 1) throw error;
        this.#become(Math.floor(this.#limit / 2));
      }
    }
  }

  #become(limit: number): void {
    this.#limit = limit;
    this.#fitted = 0;
  }

  #ask(next: string, signal: AbortSignal): Promise<unknown> {
    const { api, path, query, accept, largest = 4 * mebibyte } = this.#options;
    const more = next === '' ? {} : { continue: next };
    return api.request<unknown>({
      method: 'GET',
      path,
      query: { ...query, limit: this.#limit, ...more },
      accept,
      signal,
      ...(this.#limit === 1 ? {} : { largest }),
    });
  }
}
