/** A person's browser without a screen: cookies, redirects, forms by their names. It runs no scripts. */
import { type Page, readPage } from './page.ts';

/** The browser was sent to an address that is not to be opened: an application's callback. */
export interface Left {
  readonly left: URL;
}

export type Visit = Page | Left;

const mostRedirects = 10;

export class Browser {
  readonly #cookies = new Map<string, string>();
  readonly #leavesAt: (url: URL) => boolean;

  /** `leavesAt`: where following ends without a request. */
  constructor(leavesAt: (url: URL) => boolean = () => false) {
    this.#leavesAt = leavesAt;
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

  async #go(
    start: URL,
    first: { method: string; body?: URLSearchParams; headers?: Record<string, string> },
  ): Promise<Visit> {
    let url = start;
    let request = first;
    for (let hops = 0; hops <= mostRedirects; hops += 1) {
      if (this.#leavesAt(url)) return { left: url };
      const response = await fetch(url, {
        ...request,
        headers: { ...request.headers, accept: 'text/html', ...this.#cookieHeader() },
        redirect: 'manual',
        signal: AbortSignal.timeout(20_000),
      });
      this.#keepCookies(response);
      const location = response.headers.get('location');
      if (response.status < 300 || response.status >= 400 || location === null) {
        return readPage(url.href, response.status, await response.text());
      }
      await response.body?.cancel();
      url = new URL(location, url);
      request = { method: 'GET' };
    }
    throw new Error(`more than ${mostRedirects} redirects from ${start.origin}${start.pathname}`);
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
export function requireLeft(visit: Visit): URL {
  if ('left' in visit) return visit.left;
  throw new Error(
    `expected to be sent back to the application, got page "${visit.name}" ${visit.error} (${visit.status}): ${visit.text.slice(0, 200)}`,
  );
}

/** Without the values: a code or a token is nobody's business. */
function describeUrl(url: URL): string {
  return `${url.origin}${url.pathname}?${[...url.searchParams.keys()].join('&')}`;
}
