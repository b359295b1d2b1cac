/**
 * A browser without a window: cookies, redirects inside the issuer's origin, forms. Whatever leaves the origin is reported,
 * never followed. It knows the issuer's name alone and is told where its servers listen.
 */
import { Agent } from 'undici';

/** As browsers do, it takes longer headers than a program needs. */
const dispatcher = new Agent({ maxHeaderSize: 65_536 });

export interface BrowserOptions {
  readonly issuer: string;
  /** Base URLs of servers that answer for the issuer; asked in turn. */
  readonly servers: readonly string[];
  /** How connections are made. Default: kept ones. */
  readonly dispatcher?: Agent;
}

export interface Form {
  readonly action: string;
  readonly fields: Readonly<Record<string, string>>;
}

export class Page {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly html: string;
  /** Where a redirect led out of the issuer's origin. */
  readonly leftTo: URL | undefined;
  constructor(fields: { url: string; status: number; headers: Headers; html: string; leftTo?: URL }) {
    this.url = fields.url;
    this.status = fields.status;
    this.headers = fields.headers;
    this.html = fields.html;
    this.leftTo = fields.leftTo;
  }

  /** `data-page`; with `data-error`, `error:<code>`. A redirect to the client: `left`. */
  get name(): string {
    if (this.leftTo !== undefined) return 'left';
    const page = /data-page="([^"]*)"/.exec(this.html)?.[1] ?? `status ${this.status}`;
    const error = /data-error="([^"]*)"/.exec(this.html)?.[1];
    return error === undefined ? page : `${page}:${error}`;
  }

  /** The words of the problem summary. */
  get problem(): string | undefined {
    const summary = /<div id="problem"[\s\S]*?<ul>([\s\S]*?)<\/ul>/.exec(this.html)?.[1];
    return summary === undefined ? undefined : unescape(summary.replaceAll(/<[^>]*>/g, '')).trim();
  }

  get form(): Form {
    const form = /<form (?:id="[^"]*" )?method="post" action="([^"]*)"[^>]*>([\s\S]*?)<\/form>/.exec(this.html);
    if (form === null) throw new Error(`no form on page ${this.name}`);
    const fields: Record<string, string> = {};
    for (const [tag] of (form[2] ?? '').matchAll(/<input [^>]*>/g)) {
      const name = attribute(tag, 'name');
      if (name !== undefined) fields[name] = attribute(tag, 'value') ?? '';
    }
    return { action: unescape(form[1] ?? ''), fields };
  }

  /** `href` of the element with this id. */
  link(id: string): string | undefined {
    const tag = new RegExp(`<a [^>]*id="${id}"[^>]*>`).exec(this.html)?.[0];
    return tag === undefined ? undefined : attribute(tag, 'href');
  }

  /** Where the browser goes next on its own: a redirect out, or the page that continues by itself. */
  get wayOut(): URL | undefined {
    if (this.leftTo !== undefined) return this.leftTo;
    const refresh = /<meta http-equiv="refresh" content="\d+;url=([^"]*)">/.exec(this.html)?.[1];
    return refresh === undefined ? undefined : new URL(unescape(refresh));
  }

  /** The form that posts a response to the client, without what the person presses. */
  get posted(): Form | undefined {
    return this.name === 'form-post' ? this.form : undefined;
  }

  /** Parameters of the response to the client, from wherever they stand. */
  get response(): Readonly<Record<string, string>> {
    if (this.posted !== undefined) return this.posted.fields;
    const way = this.wayOut ?? (this.link('back') === undefined ? undefined : new URL(this.link('back') ?? ''));
    if (way === undefined) throw new Error(`page ${this.name} leads to no client:\n${this.html}`);
    return Object.fromEntries(isFragment(way) ? new URLSearchParams(way.hash.slice(1)) : way.searchParams);
  }

  /** Where the response to the client stands. */
  get mode(): 'query' | 'fragment' | 'form_post' {
    if (this.posted !== undefined) return 'form_post';
    return this.wayOut !== undefined && isFragment(this.wayOut) ? 'fragment' : 'query';
  }
}

function isFragment({ hash }: URL): boolean {
  return hash !== '' && hash !== '#_';
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1];
  return value === undefined ? undefined : unescape(value);
}

function unescape(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}

export class Browser {
  readonly cookies = new Map<string, string>();
  /** Sent with every request. */
  readonly headers = new Map<string, string>();
  readonly #issuer: URL;
  readonly #servers: readonly string[];
  readonly #dispatcher: Agent;
  #turn = 0;

  constructor({ issuer, servers, dispatcher: own = dispatcher }: BrowserOptions) {
    this.#issuer = new URL(issuer);
    this.#servers = servers;
    this.#dispatcher = own;
  }

  /** A copy with the same cookies, from here on another browser. */
  clone(): Browser {
    const other = new Browser({ issuer: this.#issuer.href, servers: this.#servers, dispatcher: this.#dispatcher });
    for (const [name, value] of this.cookies) other.cookies.set(name, value);
    for (const [name, value] of this.headers) other.headers.set(name, value);
    return other;
  }

  /** Follows redirects inside the origin. @param path an absolute path, or a URL of the issuer's origin. */
  async get(path: string): Promise<Page> {
    return this.#follow(await this.#request('GET', path), path);
  }

  /** One request, no redirect followed. */
  getOnly(path: string): Promise<Response> {
    return this.#request('GET', path);
  }

  /** Posts the page's form with these fields and the button that was pressed. */
  async submit(
    page: Page,
    fields: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Page> {
    const { form } = page;
    return this.post(form.action, { ...form.fields, ...fields }, headers);
  }

  async post(
    path: string,
    fields: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Page> {
    return this.#follow(await this.postOnly(path, fields, headers), path);
  }

  postOnly(
    path: string,
    fields: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    return this.#request('POST', path, new URLSearchParams(fields).toString(), headers);
  }

  async #follow(first: Response, from: string): Promise<Page> {
    let response = first;
    let url = from;
    for (let hops = 0; hops < 10; hops++) {
      const location = response.headers.get('location');
      if (location === null) return this.#page(response, url);
      const next = new URL(location, this.#issuer);
      if (next.origin !== this.#issuer.origin) {
        return new Page({ url, status: response.status, headers: response.headers, html: '', leftTo: next });
      }
      url = `${next.pathname}${next.search}`;
      response = await this.#request('GET', url);
    }
    throw new Error('redirected for ever');
  }

  async #page(response: Response, url: string): Promise<Page> {
    return new Page({ url, status: response.status, headers: response.headers, html: await response.text() });
  }

  async #request(
    method: 'GET' | 'POST',
    path: string,
    body?: string,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const target = new URL(path, this.#issuer);
    const server = this.#servers[this.#turn++ % this.#servers.length] ?? '';
    const headers = new Headers({ accept: 'text/html', 'accept-language': 'en', ...Object.fromEntries(this.headers) });
    if (this.cookies.size > 0) {
      headers.set('cookie', [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '));
    }
    if (method === 'POST') {
      headers.set('content-type', 'application/x-www-form-urlencoded');
      headers.set('origin', this.#issuer.origin);
      headers.set('sec-fetch-site', 'same-origin');
    }
    for (const [name, value] of new Headers(more)) {
      if (value === '-') headers.delete(name);
      else headers.set(name, value);
    }
    // The runtime's own types do not know the member that its `fetch` takes.
    const init: RequestInit & { readonly dispatcher: typeof dispatcher } = {
      method,
      headers,
      redirect: 'manual',
      dispatcher: this.#dispatcher,
      ...(body === undefined ? {} : { body }),
    };
    const response = await fetch(`${server}${target.pathname}${target.search}`, init);
    for (const cookie of response.headers.getSetCookie()) this.#keep(cookie);
    return response;
  }

  #keep(cookie: string): void {
    const [pair = '', ...attributes] = cookie.split(';').map((part) => part.trim());
    const equals = pair.indexOf('=');
    const name = pair.slice(0, equals);
    if (attributes.some((one) => one.toLowerCase() === 'max-age=0')) this.cookies.delete(name);
    else this.cookies.set(name, pair.slice(equals + 1));
  }
}
