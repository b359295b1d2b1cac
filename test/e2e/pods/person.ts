/**
 * A person at a browser, and the application that sends them to sign in, from a pod: the issuer's name, its certificate
 * authority (NODE_EXTRA_CA_CERTS) and the Secret of the Client below /oauth2 are all that they know. Every request is a
 * connection of its own, so that no two need to reach the same server.
 */
import { readFileSync } from 'node:fs';
import * as oidc from 'openid-client';
import { Agent, buildConnector } from 'undici';
import { Browser, type Page } from '../../support/browser.ts';

const read = (name: string): string => readFileSync(`/oauth2/${name}`, 'utf8');
export const issuer = read('issuer-uri');

/** A server waits five seconds for the end of a handshake. */
const patienceOfServers = 4_500;
/** Handshakes for which the node had no time: a server waited in vain, and hung up. */
export const slow = { handshakes: 0 };

/** Some of each kind of what servers gave to the browser and the application: who looks for leaks must know it. */
export const received: Record<string, string[]> = {};

export function receive(kind: string, value: string | null | undefined): void {
  if (value === undefined || value === null) return;
  const known = received[kind] ?? [];
  received[kind] = [...known, value].slice(-5);
}

export function receiveTokens<T extends oidc.TokenEndpointResponse>(tokens: T): T {
  for (const kind of ['access_token', 'id_token', 'refresh_token'] as const) receive(kind, tokens[kind]);
  return tokens;
}

const connectOnce = buildConnector({ timeout: 30_000 });

/** Tries again after such a one. */
const connect: buildConnector.connector = (options, done) => {
  const attempt = (left: number): void => {
    const started = Date.now();
    connectOnce(options, (...result) => {
      const [error] = result;
      const hungUp = error !== null && 'code' in error && error.code === 'ECONNRESET';
      if (hungUp && left > 0 && Date.now() - started > patienceOfServers) {
        slow.handshakes += 1;
        attempt(left - 1);
      } else done(...result);
    });
  };
  attempt(5);
};
const dispatcher = new Agent({ pipelining: 0, maxHeaderSize: 65_536, connect });

export interface Application {
  readonly redirectUri: string;
  readonly scope: string;
  /** `consent`: asks again also for what was allowed before. */
  readonly prompt?: string;
}

export interface Account {
  readonly username: string;
  readonly password: string;
}

/** On their way: what the application remembers of them, and the page that they are on. */
export interface Visit {
  readonly browser: Browser;
  readonly page: Page;
  readonly verifier: string;
  readonly state: string;
  readonly nonce: string;
}

const fetchAlone: oidc.CustomFetch = (url, init) => fetch(url, { ...init, dispatcher } as unknown as RequestInit);

export async function configure(clientId = read('client-id'), secret?: string): Promise<oidc.Configuration> {
  const authentication = secret === '' ? oidc.None() : oidc.ClientSecretBasic(secret ?? read('client-secret'));
  const found = await oidc.discovery(new URL(issuer), clientId, undefined, authentication, {
    [oidc.customFetch]: fetchAlone,
  });
  found[oidc.customFetch] = fetchAlone;
  oidc.enableNonRepudiationChecks(found);
  return found;
}

export const newBrowser = (): Browser => new Browser({ issuer, servers: [issuer], dispatcher });

export function expectPage(page: Page, name: string): Page {
  if (page.name !== name) throw new Error(`expected the page ${name}, got ${page.name}: ${page.problem ?? ''}`);
  return page;
}

/** Sent by the application, up to the first page that is shown, or back again. */
export async function visit(
  configuration: oidc.Configuration,
  { redirectUri, scope, prompt }: Application,
  browser = newBrowser(),
): Promise<Visit> {
  const verifier = oidc.randomPKCECodeVerifier();
  const [state, nonce] = [oidc.randomState(), oidc.randomNonce()];
  const url = oidc.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope,
    ...(prompt === undefined ? {} : { prompt }),
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  });
  return { browser, verifier, state, nonce, page: await browser.get(url.href) };
}

/** Up to the page that asks what the application may; where that was allowed before, back at the application. */
export async function signIn(visited: Visit, { username, password }: Account): Promise<Visit> {
  expectPage(visited.page, 'login');
  const page = await visited.browser.submit(visited.page, { username, password, 'sign-in': '1' });
  return { ...visited, page };
}

export type Tokens = oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers;

/** Allows it where that is asked; back at the application, which redeems the code and checks all that it got. */
export async function allow(visited: Visit, configuration: oidc.Configuration): Promise<Tokens> {
  const { browser, verifier, state, nonce } = visited;
  let { page } = visited;
  if (page.name === 'consent') page = await browser.submit(page, { decision: 'allow' });
  if (page.name === 'consent-partial') page = await browser.get(page.link('continue') ?? '');
  if (page.wayOut === undefined) throw new Error(`expected to be sent back, got ${page.name}: ${page.problem ?? ''}`);
  receive('code', page.wayOut.searchParams.get('code'));
  for (const [name, value] of browser.cookies) receive(`cookie ${name}`, value);
  const tokens = await oidc.authorizationCodeGrant(configuration, page.wayOut, {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
  });
  return receiveTokens(tokens);
}

/** With a hint of who they are, so that nobody is asked. @returns the page that says so */
export async function signOut(browser: Browser, configuration: oidc.Configuration, idToken: string): Promise<Page> {
  const url = oidc.buildEndSessionUrl(configuration, { id_token_hint: idToken });
  return expectPage(await browser.get(url.href), 'signed-out');
}
