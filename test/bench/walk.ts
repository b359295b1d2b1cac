/** A browser that is only as good as a bench needs it: cookies, redirects, forms, on kept connections. */
import { Agent, request } from 'undici';

/** As many as the greatest load has users: nobody waits for a connection. */
const agent = new Agent({ connections: 1024, pipelining: 1 });

export type Fields = Readonly<Record<string, unknown>>;

/** Told of each answer: its status, how long it took in milliseconds, and whether it says when to come again. */
export type OnAnswer = (status: number, milliseconds: number, retryAfter: boolean) => void;

export interface Seen {
  readonly status: number;
  readonly body: string;
  /** Where a redirect or a page that goes on by itself leads. */
  readonly next: string | undefined;
}

export class Walker {
  readonly #cookies: Map<string, string>;
  readonly #origin: string;
  /** Told to the server as the address of the browser, by a proxy that it trusts. */
  readonly #address: string;
  readonly #onAnswer: OnAnswer | undefined;
  constructor(
    origin: string,
    address: string,
    { cookies = {}, onAnswer }: { cookies?: Readonly<Record<string, string>>; onAnswer?: OnAnswer } = {},
  ) {
    this.#origin = origin;
    this.#address = address;
    this.#cookies = new Map(Object.entries(cookies));
    this.#onAnswer = onAnswer;
  }

  get(path: string): Promise<Seen> {
    return this.#send('GET', path);
  }

  post(path: string, fields: Readonly<Record<string, string>>): Promise<Seen> {
    return this.#send('POST', path, new URLSearchParams(fields).toString());
  }

  /** Follows redirects while they stay with the server. */
  async follow(seen: Seen): Promise<Seen> {
    let now = seen;
    for (let hop = 0; hop < 10 && now.status === 303 && now.next !== undefined; hop++) {
      if (!this.#isOurs(now.next)) return now;
      now = await this.get(now.next);
    }
    return now;
  }

  #isOurs(target: string): boolean {
    return target.startsWith('/') || target.startsWith(`${this.#origin}/`);
  }

  async #send(method: 'GET' | 'POST', target: string, body?: string): Promise<Seen> {
    const url = target.startsWith('/') ? `${this.#origin}${target}` : target;
    const began = performance.now();
    const answer = await request(url, {
      method,
      dispatcher: agent,
      headers: {
        'x-forwarded-for': this.#address,
        origin: this.#origin,
        ...(this.#cookies.size === 0 ? {} : { cookie: [...this.#cookies].map((pair) => pair.join('=')).join('; ') }),
        ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      ...(body === undefined ? {} : { body }),
    });
    for (const line of [answer.headers['set-cookie'] ?? []].flat()) {
      const [pair = ''] = line.split(';');
      const equals = pair.indexOf('=');
      if (/max-age=0|expires=Thu, 01 Jan 1970/i.test(line)) this.#cookies.delete(pair.slice(0, equals));
      else this.#cookies.set(pair.slice(0, equals), pair.slice(equals + 1));
    }
    const text = await answer.body.text();
    this.#onAnswer?.(answer.statusCode, performance.now() - began, 'retry-after' in answer.headers);
    const refresh = /http-equiv="refresh" content="0;url=([^"]*)"/.exec(text)?.[1]?.replaceAll('&amp;', '&');
    const location = [answer.headers.location ?? []].flat()[0];
    return { status: answer.statusCode, body: text, next: location ?? refresh };
  }
}

/** The first form of a page: where it goes, and what its hidden fields hold. */
export function formOf(html: string): { readonly action: string; readonly fields: Readonly<Record<string, string>> } {
  const form = /<form[^>]*action="([^"]*)"[^>]*>([\s\S]*?)<\/form>/.exec(html);
  if (form === null) throw new Error(`no form:\n${html.slice(0, 2000)}`);
  const fields: Record<string, string> = {};
  for (const [tag] of (form[2] ?? '').matchAll(/<input[^>]*>/g)) {
    const name = /name="([^"]*)"/.exec(tag)?.[1];
    if (name !== undefined && /type="hidden"/.test(tag)) fields[name] = /value="([^"]*)"/.exec(tag)?.[1] ?? '';
  }
  return { action: (form[1] ?? '').replaceAll('&amp;', '&'), fields };
}

export async function postToken(
  origin: string,
  authorization: string,
  fields: Readonly<Record<string, string>>,
  onAnswer?: OnAnswer,
): Promise<Fields> {
  const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' };
  return post(`${origin}/token`, headers, new URLSearchParams(fields).toString(), onAnswer);
}

/** What our own programs are asked: words, which are answered in JSON. */
export async function postText(origin: string, path: string, words: readonly string[]): Promise<Fields> {
  return post(`${origin}${path}`, { 'content-type': 'text/plain' }, words.join(' '));
}

async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  text: string,
  onAnswer?: OnAnswer,
): Promise<Fields> {
  const began = performance.now();
  const answer = await request(url, { method: 'POST', dispatcher: agent, headers, body: text });
  const body = (await answer.body.json()) as Fields;
  onAnswer?.(answer.statusCode, performance.now() - began, 'retry-after' in answer.headers);
  if (answer.statusCode !== 200) throw new Error(`${url}: ${answer.statusCode} ${JSON.stringify(body)}`);
  return body;
}

export function closeConnections(): Promise<void> {
  return agent.close();
}
