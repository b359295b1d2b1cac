/**
 * Everything at once, for as long as a fault lasts: programs, resource servers, applications that refresh, people who sign
 * in. Each does what an honest one does: what got no answer, or "not now", it asks again. What came of it is the history.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from './browser.ts';
import { postForm } from './tokens.ts';
import { authorizePath, codeFields, issuer, refreshFields, type TokenAnswer, type World } from './world.ts';

export type LoadKind = 'machine' | 'introspection' | 'refresh' | 'login';

export interface LoadOptions {
  readonly world: World;
  readonly password: (username: string) => string;
  /** Client ids; the secret of each is `secret-of-<id>`. */
  readonly clients: { readonly web: string; readonly job: string; readonly api: string };
  readonly usernames: readonly string[];
  /** How many of each go on side by side. */
  readonly loops: Readonly<Record<LoadKind, number>>;
  /** Milliseconds after each answer. Default 0. */
  readonly pause?: number;
  /** How long one request is asked again, in milliseconds. Default 60 s. */
  readonly patience?: number;
  /** Milliseconds after which somebody signs in anew in place of the next refresh. Default: never. */
  readonly chainLife?: number;
}

export interface History {
  /** Conclusive answers that were as they should be. */
  readonly done: Readonly<Record<LoadKind, number>>;
  /** Requests that were asked again: nobody answered, or "not now". */
  readonly unanswered: number;
  readonly later: number;
  /** Codes whose exchange got no answer and was then told to be over: at most those are lost. */
  readonly lostCodes: number;
  /** Chains whose refresh got no answer for so long that its repeat came too late: each ends one grant. */
  readonly lateRepeats: number;
  /** The longest that one request took to end, in milliseconds, whichever way it ended. */
  readonly longest: number;
  /** What no repeat repairs, in words. */
  readonly failures: readonly string[];
}

const scope = 'openid email offline_access';
/** Milliseconds within which a repeat surely gets the same successor: those are ten seconds. */
const graceIsSure = 9_000;
const isConclusive = ({ status }: { readonly status: number }) => status < 500 && status !== 429;

export class Load {
  readonly #options: LoadOptions;
  readonly #done: Record<LoadKind, number> = { machine: 0, introspection: 0, refresh: 0, login: 0 };
  readonly #failures: string[] = [];
  #unanswered = 0;
  #later = 0;
  #lostCodes = 0;
  #lateRepeats = 0;
  #longest = 0;
  readonly #signedInAt: number[] = [];
  #token: string | undefined;
  #running = false;
  #loops: Promise<void>[] = [];
  /** Refresh tokens that count, one of each chain. */
  readonly chains: string[] = [];

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  get history(): History {
    return {
      done: { ...this.#done },
      unanswered: this.#unanswered,
      later: this.#later,
      lostCodes: this.#lostCodes,
      lateRepeats: this.#lateRepeats,
      longest: Math.round(this.#longest),
      failures: [...this.#failures],
    };
  }

  /** Resolves when every chain has its first refresh token. */
  async start(): Promise<void> {
    this.#running = true;
    const { loops } = this.#options;
    for (let at = 0; at < loops.refresh; at++) this.chains.push(await this.#signedIn(at));
    await this.#machine();
    const loop = (count: number, kind: LoadKind, step: (at: number) => Promise<void>) => {
      for (let at = 0; at < count; at++) this.#loops.push(this.#loop(kind, () => step(at)));
    };
    loop(loops.machine, 'machine', () => this.#machine());
    loop(loops.introspection, 'introspection', () => this.#introspect());
    loop(loops.refresh, 'refresh', (at) => this.#refresh(at));
    loop(loops.login, 'login', (at) => this.#login(at));
  }

  async stop(): Promise<History> {
    this.#running = false;
    await Promise.all(this.#loops);
    return this.history;
  }

  async #loop(kind: LoadKind, step: () => Promise<void>): Promise<void> {
    for (; this.#running && this.#failures.length < 20; await sleep(this.#options.pause ?? 0)) {
      try {
        await step();
        this.#done[kind] += 1;
      } catch (error) {
        this.#failures.push(`${kind}: ${String(error)}`);
      }
    }
  }

  /** `again`: how often it had to be asked again; `after`: milliseconds since the first time. */
  async #insist<T extends { readonly status: number }>(
    ask: () => Promise<T>,
  ): Promise<{ readonly answer: T; readonly again: number; readonly after: number }> {
    const first = performance.now();
    const deadline = first + (this.#options.patience ?? 60_000);
    for (let again = 0; ; again += 1, await sleep(50)) {
      let met: string;
      const began = performance.now();
      try {
        const answer = await ask().finally(() => {
          this.#longest = Math.max(this.#longest, performance.now() - began);
        });
        if (isConclusive(answer)) return { answer, again, after: performance.now() - first };
        this.#later += 1;
        met = String(answer.status);
      } catch (error) {
        if (error instanceof Failed) throw error;
        this.#unanswered += 1;
        met = String(error);
      }
      if (performance.now() > deadline) throw new Error(`still ${met} after ${again} repeats`);
    }
  }

  async #machine(): Promise<void> {
    const { world, clients } = this.#options;
    const { answer } = await this.#insist(() => world.token({ grant_type: 'client_credentials' }, clients.job));
    this.#token = given(answer).access_token;
  }

  async #introspect(): Promise<void> {
    const { world, clients } = this.#options;
    const headers = {
      authorization: `Basic ${Buffer.from(`${clients.api}:secret-of-${clients.api}`).toString('base64')}`,
    };
    const { answer } = await this.#insist(() => postForm(world, '/introspect', { token: this.#token ?? '' }, headers));
    if (answer.body.active !== true) throw new Error(`introspected as ${answer.status} ${answer.text}`);
  }

  async #refresh(at: number): Promise<void> {
    const { world, clients } = this.#options;
    if (performance.now() - (this.#signedInAt[at] ?? 0) > (this.#options.chainLife ?? Number.POSITIVE_INFINITY)) {
      this.chains[at] = await this.#signedIn(at);
      return;
    }
    const token = this.chains[at];
    const { answer, again, after } = await this.#insist(() => world.token(refreshFields(token), clients.web));
    if (again > 0 && after > graceIsSure && answer.body.error === 'invalid_grant') {
      this.#lateRepeats += 1;
      this.chains[at] = await this.#signedIn(at);
      return;
    }
    try {
      this.chains[at] = given(answer).refresh_token ?? '';
    } catch (error) {
      // Its grant is over: another one, so that the loop goes on.
      this.chains[at] = await this.#signedIn(at);
      throw new Failed(`after ${again} repeats: ${String(error)}`);
    }
  }

  async #login(at: number): Promise<void> {
    const { world } = this.#options;
    const tokens = await this.#tokens(at, world.browser());
    if (tokens === undefined) return;
    const headers = { authorization: `Bearer ${tokens.access_token ?? ''}` };
    const { answer } = await this.#insist(() => world.fetch(`${issuer}/userinfo`, { headers }));
    await answer.arrayBuffer();
    if (answer.status !== 200) throw new Error(`userinfo: ${answer.status}`);
  }

  async #signedIn(at: number): Promise<string> {
    for (let tries = 0; tries < 10; tries++) {
      const tokens = await this.#tokens(at, this.#options.world.browser());
      if (tokens?.refresh_token === undefined) continue;
      this.#signedInAt[at] = performance.now();
      return tokens.refresh_token;
    }
    throw new Error('no sign-in came to its end');
  }

  /** `undefined`: the code's exchange got no answer, and the repeat found it spent. */
  async #tokens(at: number, browser: Browser): Promise<TokenAnswer['body'] | undefined> {
    const { world, clients, usernames } = this.#options;
    const username = usernames[at % usernames.length] ?? '';
    const { answer: code } = await this.#insist(() => this.#through(browser, username));
    const { answer, again } = await this.#insist(() => world.token(codeFields(code.code), clients.web));
    if (again > 0 && answer.body.error === 'invalid_grant') {
      this.#lostCodes += 1;
      return undefined;
    }
    return given(answer);
  }

  /** One address signs in more often here than anybody may. What is being counted stays: nobody waits for anybody. */
  async #forgetTries(): Promise<void> {
    const { world } = this.#options;
    const text = 'DELETE FROM login_attempts WHERE key IN (SELECT key FROM login_attempts FOR UPDATE SKIP LOCKED)';
    await world.rows(text).catch(() => undefined);
  }

  /** From the beginning, as somebody does whose page did not come. */
  async #through(browser: Browser, username: string): Promise<{ readonly status: number; readonly code?: string }> {
    const { clients, password } = this.#options;
    let page = await browser.get(authorizePath({ client_id: clients.web, scope }));
    await this.#forgetTries();
    if (page.name === 'login')
      page = await browser.submit(page, { username, password: password(username), 'sign-in': '1' });
    if (page.name === 'consent') page = await browser.submit(page, { decision: 'allow' });
    if (page.status >= 500) return page;
    const { code, error } = page.response;
    if (error === 'temporarily_unavailable') return { status: 503 };
    if (code === undefined) throw new Failed(`no code, but ${page.name} ${error ?? ''}`);
    return { status: 200, code };
  }
}

class Failed extends Error {}

function given({ status, body }: TokenAnswer): TokenAnswer['body'] {
  if (status !== 200) throw new Failed(`${status} ${body.error ?? ''}`);
  return body;
}
