/** A person's browser without a screen: cookies, redirects, forms by their names. It runs no scripts. */
import { emptyFragment } from './answer.ts';
import { namesOf } from './messages.ts';
import { type Page, readPage } from './page.ts';
import { type Recorder, requestIdsOf } from './recorder.ts';

/** The browser was sent to an address that is not to be opened: an application's callback. */
export interface Left {
  readonly left: URL;
  /** What it would post there; left out: nothing, it would be a GET. */
  readonly form?: URLSearchParams;
}

export type Visit = Page | Left;

interface Sent {
  readonly method: string;
  readonly body?: URLSearchParams;
  readonly headers?: Readonly<Record<string, string>>;
}

const mostRedirects = 10;

export class Browser {
  readonly #cookies = new Map<string, string>();
  readonly #leavesAt: (url: URL) => boolean;
  readonly #recorder: Recorder | undefined;

  /**
   * @param leavesAt where following ends without a request
   * @param recorder hears of every message; left out: nobody does
   */
  constructor(leavesAt: (url: URL) => boolean = () => false, recorder?: Recorder) {
    this.#leavesAt = leavesAt;
    this.#recorder = recorder;
  }

  async open(address: string | URL): Promise<Visit> {
    return this.#go(new URL(address), { method: 'GET' });
  }

  /** Follows the link with that id. */
  async follow(page: Page, id: string): Promise<Visit> {
    const href = page.links[id];
    if (href === undefined) throw new Error(`page "${page.name}" has no link "${id}": ${page.text.slice(0, 200)}`);
    return this.open(new URL(href, page.url));
  }

  /** Fills the form that has that button (by id or name) and presses it. */
  async press(page: Page, button: string, fill: Readonly<Record<string, string>> = {}): Promise<Visit> {
    const form = page.forms.find((one) => one.buttons.some(({ id, name }) => id === button || name === button));
    const pressed = form?.buttons.find(({ id, name }) => id === button || name === button);
    if (form === undefined || pressed === undefined) {
      throw new Error(`page "${page.name}" has no button "${button}": ${page.text.slice(0, 200)}`);
    }
    const missing = Object.keys(fill).filter((name) => !form.fields.some((field) => field.name === name));
    if (missing.length > 0) throw new Error(`page "${page.name}" has no field ${missing.join(', ')}`);
    const body = new URLSearchParams(form.fields.map(({ name, value }) => [name, fill[name] ?? value]));
    if (pressed.name !== '') body.append(pressed.name, pressed.value);
    const target = new URL(form.action, page.url);
    if (form.method === 'GET') return this.open(`${target.origin}${target.pathname}?${body.toString()}`);
    return this.#go(target, { method: 'POST', body, headers: { origin: new URL(page.url).origin } });
  }

  /** Loads what the page shows in frames, as browsers do by themselves. @returns what stands in each */
  async loadFrames(page: Page): Promise<readonly Page[]> {
    const loaded: Page[] = [];
    for (const address of page.frames) {
      const url = new URL(address, page.url);
      const names = namesOf(url.searchParams);
      this.#recorder?.note({ from: 'user', to: 'application', what: `GET ${url.pathname}, in a frame`, names });
      // A frame of another site gets no cookies that are Lax.
      const response = await fetch(url, { headers: { accept: 'text/html' }, signal: AbortSignal.timeout(30_000) });
      const shown = readPage(url.href, response.status, await response.text());
      this.#recorder?.note({ from: 'application', to: 'user', what: String(response.status), names: [] });
      loaded.push(shown);
    }
    return loaded;
  }

  async #go(start: URL, first: Sent): Promise<Visit> {
    const responses: Response[] = [];
    let url = start;
    let request = first;
    this.#noteRequest(start, first);
    while (responses.length <= mostRedirects) {
      if (this.#leavesAt(url)) {
        await this.#noteLeaving(url, request, responses);
        return { left: url, ...(request.body === undefined ? {} : { form: request.body }) };
      }
      const response = await fetch(url, {
        ...request,
        headers: { ...request.headers, accept: 'text/html', ...this.#cookieHeader() },
        redirect: 'manual',
        signal: AbortSignal.timeout(30_000),
      });
      responses.push(response);
      this.#keepCookies(response);
      const location = response.headers.get('location');
      if (response.status < 300 || response.status >= 400 || location === null) {
        const page = readPage(url.href, response.status, await response.text());
        await this.#notePage(page, responses);
        return page;
      }
      await response.body?.cancel();
      url = new URL(location, url);
      request = { method: 'GET' };
    }
    throw new Error(`more than ${mostRedirects} redirects from ${start.origin}${start.pathname}`);
  }

  #noteRequest(url: URL, { method, body }: Sent): void {
    if (this.#recorder?.isServer(url) === true) this.#recorder.request('user', method, url, body);
  }

  async #notePage({ url, name, error, status }: Page, responses: readonly Response[]): Promise<void> {
    if (this.#recorder?.isServer(new URL(url)) !== true) return;
    const way = responses.length > 1 ? `${responses[0]?.status} to ` : '';
    const page = error === '' ? `page ${name}` : `error page ${error}`;
    const what = `${way}${page}${status === 200 ? '' : ` (${status})`}`;
    const unavailable = error === 'temporarily_unavailable';
    await this.#recorder.answer({ from: 'server', to: 'user', what, names: [] }, requestIdsOf(responses), unavailable);
  }

  async #noteLeaving(url: URL, { method, body }: Sent, responses: readonly Response[]): Promise<void> {
    const recorder = this.#recorder;
    if (recorder === undefined) return;
    const inFragment = url.hash === emptyFragment ? [] : [...new URLSearchParams(url.hash.slice(1))];
    const names = namesOf([...url.searchParams, ...inFragment, ...(body ?? [])]);
    const unavailable = names.includes('error=temporarily_unavailable');
    const [first] = responses;
    if (first !== undefined) {
      const what = `${first.status} to the application`;
      await recorder.answer({ from: 'server', to: 'user', what, names: [] }, requestIdsOf(responses), unavailable);
    }
    const place = method === 'POST' ? '' : inFragment.length > 0 ? ', in the fragment' : ', in the query';
    recorder.note({ from: 'user', to: 'application', what: `${method} ${url.pathname}${place}`, names });
  }

  #cookieHeader(): Record<string, string> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    return cookie === '' ? {} : { cookie };
  }

  /** Everything here is one host, and cookies know no port: one jar is what a browser has, too. */
  #keepCookies(response: Response): void {
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
      const at = pair.indexOf('=');
      const over = attributes.some((one) => /^max-age=0$/i.test(one) || /^expires=.* 1970 /i.test(one));
      if (over) this.#cookies.delete(pair.slice(0, at));
      else this.#cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
  }
}

/** @throws Error when it is no page, or not the one expected. */
export function requirePage(visit: Visit, name: string): Page {
  if ('left' in visit) throw new Error(`expected page "${name}", was sent to ${describeUrl(visit.left)}`);
  if (visit.name !== name) {
    throw new Error(
      `expected page "${name}", got "${visit.name}" ${visit.error} (${visit.status}): ${visit.text.slice(0, 200)}`,
    );
  }
  return visit;
}

/** @throws Error when the browser is still on a page. */
export function requireLeft(visit: Visit): Left {
  if ('left' in visit) return visit;
  throw new Error(
    `expected to be sent back to the application, got page "${visit.name}" ${visit.error} (${visit.status}): ${visit.text.slice(0, 200)}`,
  );
}

/** Without the values: a code or a token is nobody's business. */
function describeUrl(url: URL): string {
  return `${url.origin}${url.pathname}?${[...url.searchParams.keys()].join('&')}`;
}
