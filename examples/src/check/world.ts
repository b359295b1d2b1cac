/** The demo as the scenes use it: clients by `openid-client`, people by their browsers, the directory's switch. */
import { decodeJwt } from 'jose';
import * as client from 'openid-client';
import { type Answer, readAnswer } from './answer.ts';
import { Browser, requireLeft, requirePage, type Visit } from './browser.ts';
import { watchDirectory } from './directory-watch.ts';
import { type CheckedName, type Facts, fetchFacts, readObservations } from './facts.ts';
import { namesOf } from './messages.ts';
import type { Page } from './page.ts';
import { Recorder } from './recorder.ts';
import { givenBy } from './response-types.ts';

export type Tokens = client.TokenEndpointResponse & client.TokenEndpointResponseHelpers;

/** An authorization request on its way. */
export interface Asked {
  readonly name: CheckedName;
  readonly responseType: string;
  readonly url: URL;
  readonly config: client.Configuration;
  readonly checks: {
    readonly pkceCodeVerifier: string;
    readonly expectedState: string;
    readonly expectedNonce: string;
  };
}

/** What `openid-client` is to know of a client beside its id and secret. */
export interface ClientTraits {
  /** Default `code`. */
  readonly responseType?: string;
  /** Another than its own. */
  readonly secret?: string;
  readonly metadata?: Partial<client.ClientMetadata>;
}

/** In a minute; the server takes twenty from one address, and some scenes sign in by themselves. */
const mostSignIns = 18;

export class World {
  readonly facts: Facts;
  readonly recorder: Recorder;
  readonly #configs = new Map<string, client.Configuration>();
  readonly #browsers = new Map<string, Browser>();
  readonly #signIns: number[] = [];

  private constructor(facts: Facts, recorder: Recorder) {
    this.facts = facts;
    this.recorder = recorder;
  }

  /** @throws Error when no demo answers at that address. */
  static async at(address: string): Promise<World> {
    const facts = await fetchFacts(address);
    const { directory } = await readObservations(facts.observations);
    return new World(
      facts,
      new Recorder(facts.issuer, watchDirectory(facts.observations, directory.at(-1)?.number ?? 0)),
    );
  }

  /** The application's client, its ID tokens verified by signature. */
  async client(name: CheckedName, traits: ClientTraits = {}): Promise<client.Configuration> {
    const key = `${name} ${JSON.stringify(traits)}`;
    const known = this.#configs.get(key);
    if (known !== undefined) return known;
    const { clientId, clientSecret } = this.facts.applications[name];
    const secret = traits.secret ?? clientSecret;
    const config = await client.discovery(
      new URL(this.facts.issuer),
      clientId,
      traits.metadata ?? {},
      secret === '' ? client.None() : client.ClientSecretBasic(secret),
      {
        [client.customFetch]: this.recorder.fetch,
        execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks, ...responseTypeOf(traits)],
        timeout: 30,
      },
    );
    this.#configs.set(key, config);
    return config;
  }

  /** An authorization request of that application for all its scopes. */
  async ask(
    name: CheckedName,
    parameters: Readonly<Record<string, string>> = {},
    traits: ClientTraits = {},
  ): Promise<Asked> {
    const { responseType = 'code' } = traits;
    const config = await this.client(name, traits);
    const checks = {
      pkceCodeVerifier: client.randomPKCECodeVerifier(),
      expectedState: client.randomState(),
      expectedNonce: client.randomNonce(),
    };
    const url = client.buildAuthorizationUrl(config, {
      response_type: responseType,
      redirect_uri: this.facts.redirectUri,
      scope: this.facts.applications[name].scopes.join(' '),
      state: checks.expectedState,
      nonce: checks.expectedNonce,
      ...(givenBy(responseType).code
        ? {
            code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
            code_challenge_method: 'S256',
          }
        : {}),
      ...parameters,
    });
    return { name, responseType, url, config, checks };
  }

  exchange(asked: Asked, answer: Answer): Promise<Tokens> {
    return client.authorizationCodeGrant(asked.config, answer.received, { ...asked.checks, idTokenExpected: true });
  }

  /** The browser that this person keeps: signed in once, it is not asked again. */
  browserOf(username: string): Browser {
    const known = this.#browsers.get(username) ?? this.newBrowser();
    this.#browsers.set(username, known);
    return known;
  }

  /** A browser that stops where an application would take over. */
  newBrowser(): Browser {
    const callback = new URL(this.facts.redirectUri);
    // An app on a telephone has a scheme of its own, and no origin.
    const isApplication = (url: URL) => url.origin === callback.origin || url.origin === 'null';
    return new Browser(isApplication, this.recorder);
  }

  /** Fills in the login page. What comes after that is returned. Waits where the server would say that it is too often. */
  async logIn(browser: Browser, login: Visit, username: string): Promise<Visit> {
    const password = this.facts.passwords[username];
    if (password === undefined) throw new Error(`nobody is called ${username}`);
    const before = this.#signIns.at(-mostSignIns);
    const wait = before === undefined ? 0 : before + 61_000 - Date.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    this.#signIns.push(Date.now());
    return browser.press(requirePage(login, 'login'), 'sign-in', { username, password });
  }

  /** Opens that address, and signs in when the browser does not know the person yet. What comes after that is returned. */
  async signIn(browser: Browser, address: URL | string, username: string): Promise<Visit> {
    const visit = await browser.open(address);
    return !('left' in visit) && visit.name === 'login' ? this.logIn(browser, visit, username) : visit;
  }

  /** From the page that says where it goes, by its link or form, to the application. */
  async goOn(browser: Browser, visit: Visit): Promise<Answer> {
    if ('left' in visit) return readAnswer(visit);
    const posts = visit.name === 'form-post';
    const page = requirePage(visit, posts ? 'form-post' : 'continue');
    return readAnswer(requireLeft(await (posts ? browser.press(page, 'continue') : browser.follow(page, 'continue'))));
  }

  /** Waits until the server has called the application about that session. @returns the logout token that it sent */
  async calledAbout(sid: string): Promise<string> {
    const call = await eventually(60, async () => {
      const { calls } = await readObservations(this.facts.observations);
      // Whatever else somebody posts there is refused by the application.
      return calls.find(({ form, status }) => status === 200 && decodeJwt(form.logout_token ?? '').sid === sid);
    });
    const names = namesOf(Object.entries(call.form));
    this.recorder.note({ from: 'server', to: 'application', what: `POST ${call.path}`, names });
    this.recorder.note({ from: 'application', to: 'server', what: String(call.status), names: [] });
    return call.form.logout_token ?? '';
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
    const what = { stop: 'stops', start: 'starts', lock: `locks ${username}`, unlock: `unlocks ${username}` }[action];
    this.recorder.note({ from: 'directory', to: 'directory', what, names: [] });
  }
}

function responseTypeOf({ responseType }: ClientTraits): ((config: client.Configuration) => void)[] {
  if (responseType === 'id_token') return [client.useIdTokenResponseType];
  return responseType === 'code id_token' ? [client.useCodeIdTokenResponseType] : [];
}

/** @throws Error unless the page is this error. */
export function requireError(visit: Visit, code: string): Page {
  const page = requirePage(visit, 'error');
  if (page.error !== code) throw new Error(`expected error ${code}, got ${page.error}: ${page.text.slice(0, 200)}`);
  return page;
}

/** The answer that an application is sent back with. @throws Error when it gives anything, or another error. */
export function requireRefusal({ parameters: got }: Answer, asked: Asked, error: string): void {
  for (const name of ['code', 'access_token', 'id_token']) if (got.has(name)) throw new Error(`${name} was issued`);
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
