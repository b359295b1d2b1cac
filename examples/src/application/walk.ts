/** A walk: one person, one client, one flow, and every message of it in order. */
import type * as client from 'openid-client';
import type { Credentials } from './credentials.ts';
import type { Exchange } from './recorder.ts';

/** An application that the page offers to walk through. */
export interface Registered {
  /** Stable, for links. */
  readonly key: string;
  readonly about: string;
  /** The Secret that the operator writes. */
  readonly secretFile: string;
  /** As its Client lists them, the first one first; left out: what its grant types stand for. */
  readonly responseTypes?: readonly string[];
  /** Its Client lists this application's `/signed-out` as a place to come back to. Default false. */
  readonly signsOut?: boolean;
}

/** Where a walk begins: at the authorization endpoint, at a device, or at the token endpoint. */
export type Flow = 'browser' | 'device' | 'machine';

export interface Token {
  readonly name: string;
  readonly value: string;
}

/** One thing that was looked at before an answer was believed. */
export interface Check {
  readonly text: string;
  readonly good: boolean;
}

export type Part =
  | { readonly type: 'exchange'; readonly exchange: Exchange }
  /** Parameters of a request or an answer that goes through the browser. */
  | { readonly type: 'parameters'; readonly url: string; readonly parameters: readonly (readonly [string, string])[] }
  | { readonly type: 'checks'; readonly checks: readonly Check[] }
  | { readonly type: 'user-code'; readonly device: Device }
  | { readonly type: 'token'; readonly token: Token };

/** Stable, for tests and anchors. */
export type StepName =
  | 'discovery'
  | 'authorization-request'
  | 'authorization-response'
  | 'front-channel-check'
  | 'device-authorization'
  | 'device-poll'
  | 'token'
  | 'userinfo'
  | 'refresh'
  | 'introspection'
  | 'revocation'
  | 'logout-request'
  | 'logout-response'
  | 'frontchannel-logout'
  | 'backchannel-logout';

export interface Step {
  readonly name: StepName;
  readonly title: string;
  readonly text: string;
  /** `waiting`: neither yes nor no yet. */
  readonly outcome: 'done' | 'waiting' | 'refused';
  readonly parts: readonly Part[];
}

/** An authorization request on its way, and what is checked when the answer comes back. */
export interface Pending {
  readonly url: URL;
  readonly redirectUri: string;
  readonly responseType: string;
  readonly state: string;
  readonly nonce: string;
  /** Of a request for a code. */
  readonly verifier: string | undefined;
}

/** How an answer travelled: OAuth 2.0's response modes. */
export type ResponseMode = 'query' | 'fragment' | 'form_post';

export interface Answer {
  readonly mode: ResponseMode;
  readonly parameters: URLSearchParams;
}

/** What a device was told (RFC 8628 §3.2). */
export interface Device {
  readonly deviceCode: string;
  readonly userCode: string;
  readonly verificationUri: string;
  readonly verificationUriComplete: string | undefined;
  /** Seconds between two questions. */
  readonly interval: number;
}

export interface Walk {
  readonly id: string;
  readonly registered: Registered;
  readonly flow: Flow;
  readonly credentials: Credentials;
  readonly config: client.Configuration;
  readonly steps: Step[];
  /** Exchanges since the last step. */
  readonly fresh: Exchange[];
  pending?: Pending;
  /** Until its code is exchanged. */
  answer?: Answer;
  device?: Device;
  idToken?: string;
  accessToken?: string;
  refreshToken?: string;
  subject?: string;
  /** The browser's session at the authorization server, as the ID token names it (`sid`). */
  session?: string;
  logout?: { readonly url: URL; readonly state: string };
}

/** Walks in memory: the oldest goes when there are too many. */
export class Walks {
  readonly #byId = new Map<string, Walk>();
  readonly #most: number;
  constructor(most = 200) {
    this.#most = most;
  }
  add(walk: Walk): void {
    const [oldest] = this.#byId.keys();
    if (this.#byId.size >= this.#most && oldest !== undefined) this.#byId.delete(oldest);
    this.#byId.set(walk.id, walk);
  }
  get(id: string | undefined): Walk | undefined {
    return id === undefined ? undefined : this.#byId.get(id);
  }
  /** Of one session at one issuer. */
  ofSession(issuer: string, session: string): readonly Walk[] {
    return [...this.#byId.values()].filter((one) => one.credentials.issuer === issuer && one.session === session);
  }
  all(): readonly Walk[] {
    return [...this.#byId.values()];
  }
}
