/** The demo as the scenes use it: clients by `openid-client`, people by their browsers, the directory's switch. */
import * as client from 'openid-client';
import { Browser, requireLeft, requirePage, type Visit } from './browser.ts';
import type { Facts } from './facts.ts';
import type { Page } from './page.ts';

export type Tokens = client.TokenEndpointResponse & client.TokenEndpointResponseHelpers;

/** An authorization request on its way. */
export interface Asked {
  readonly url: URL;
  readonly config: client.Configuration;
  readonly checks: {
    readonly pkceCodeVerifier: string;
    readonly expectedState: string;
    readonly expectedNonce: string;
  };
}

export class World {
  readonly facts: Facts;
  readonly #configs = new Map<string, client.Configuration>();

  constructor(facts: Facts) {
    this.facts = facts;
  }

  /** The application's client, its ID tokens verified by signature. `secret`: another than its own. */
  async client(name: keyof Facts['applications'], secret?: string): Promise<client.Configuration> {
    const known = secret === undefined ? this.#configs.get(name) : undefined;
    if (known !== undefined) return known;
    const { clientId, clientSecret } = this.facts.applications[name];
    const config = await client.discovery(
      new URL(this.facts.issuer),
      clientId,
      {},
      client.ClientSecretBasic(secret ?? clientSecret),
      { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks], timeout: 20 },
    );
    if (secret === undefined) this.#configs.set(name, config);
    return config;
  }

  /** An authorization request of that application for all its scopes. */
  async ask(name: 'order-desk' | 'ledger', parameters: Readonly<Record<string, string>> = {}): Promise<Asked> {
    const config = await this.client(name);
    const checks = {
      pkceCodeVerifier: client.randomPKCECodeVerifier(),
      expectedState: client.randomState(),
      expectedNonce: client.randomNonce(),
    };
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: this.facts.redirectUri,
      scope: this.facts.applications[name].scopes.join(' '),
      state: checks.expectedState,
      nonce: checks.expectedNonce,
      code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
      code_challenge_method: 'S256',
      ...parameters,
    });
    return { url, config, checks };
  }

  exchange(asked: Asked, answer: URL): Promise<Tokens> {
    return client.authorizationCodeGrant(asked.config, answer, { ...asked.checks, idTokenExpected: true });
  }

  /** A browser that stops where an application would take over. */
  newBrowser(): Browser {
    const callback = new URL(this.facts.redirectUri);
    return new Browser((url) => url.origin === callback.origin && url.pathname === callback.pathname);
  }

  /** Opens the request and signs in. What comes after that is returned. */
  async signIn(browser: Browser, asked: Asked, username: string): Promise<Visit> {
    const login = requirePage(await browser.open(asked.url), 'login');
    const password = this.facts.passwords[username];
    if (password === undefined) throw new Error(`nobody is called ${username}`);
    return browser.press(login, 'sign-in', { username, password });
  }

  /** From the page that says where it goes, by its link, to the application. */
  async goOn(browser: Browser, visit: Visit): Promise<URL> {
    return requireLeft('left' in visit ? visit : await browser.follow(requirePage(visit, 'continue'), 'continue'));
  }

  /** Presses a button of the demo's page about the directory. */
  async directory(action: 'stop' | 'start' | 'lock' | 'unlock', username = ''): Promise<void> {
    const response = await fetch(`${this.facts.application}/directory`, {
      method: 'POST',
      body: new URLSearchParams({ action, username }),
      headers: { origin: this.facts.application },
      redirect: 'manual',
      signal: AbortSignal.timeout(10_000),
    });
    if (response.status !== 303)
      throw new Error(`the demo did not ${action} the directory (status ${response.status})`);
  }
}

/** @throws Error unless the page is this error. */
export function requireError(visit: Visit, code: string): Page {
  const page = requirePage(visit, 'error');
  if (page.error !== code) throw new Error(`expected error ${code}, got ${page.error}: ${page.text.slice(0, 200)}`);
  return page;
}

/** The answer that an application is sent back with. @throws Error when it carries a code, or another error. */
export function requireRefusal(url: URL, asked: Asked, error: string): void {
  const got = url.searchParams;
  if (got.has('code')) throw new Error('a code was issued');
  if (got.get('error') !== error) throw new Error(`expected ${error}, got ${got.get('error')}`);
  if (got.get('state') !== asked.checks.expectedState) throw new Error('state is not the one that was sent');
}

/** What the token endpoint refused with. @throws Error when it gave tokens, or refused otherwise. */
export async function requireTokenError(request: Promise<unknown>, expected: string): Promise<void> {
  const error = await request.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error === undefined) throw new Error('tokens were issued');
  const found = await tokenError(error);
  if (found === undefined) throw error;
  if (found !== expected) throw new Error(`expected ${expected}, got ${found}`);
}

/** `openid-client` reads the `error` of a 400; with a challenge (401) and a 503 it hands over the response. */
async function tokenError(error: unknown): Promise<string | undefined> {
  if (error instanceof client.ResponseBodyError) return error.error;
  const response =
    error instanceof client.WWWAuthenticateChallengeError
      ? error.response
      : error instanceof Error
        ? error.cause
        : error;
  if (!(response instanceof Response) || response.bodyUsed) return undefined;
  const body: unknown = await response.json();
  return typeof body === 'object' && body !== null && 'error' in body ? String(body.error) : undefined;
}

/** Repeats until it is true; the directory is not tried again at once after failures. @throws Error after `seconds`. */
export async function eventually<T>(seconds: number, attempt: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const result = await attempt();
    if (result !== undefined) return result;
    if (Date.now() > end) throw new Error(`not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
