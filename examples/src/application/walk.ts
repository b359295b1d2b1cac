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

export interface Token {
  readonly name: string;
  readonly value: string;
}

export type Part =
  | { readonly type: 'exchange'; readonly exchange: Exchange }
  /** Parameters of a request or an answer that goes through the browser. */
  | { readonly type: 'parameters'; readonly url: string; readonly parameters: readonly (readonly [string, string])[] }
  | { readonly type: 'token'; readonly token: Token };

export interface Step {
  /** Stable, for tests and anchors. */
  readonly name: 'discovery' | 'authorization-request' | 'authorization-response' | 'token' | 'userinfo' | 'refresh';
  readonly title: string;
  readonly text: string;
  readonly outcome: 'done' | 'refused';
  readonly parts: readonly Part[];
}

/** What is checked when the answer comes back. */
export interface Pending {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

export interface Walk {
  readonly id: string;
  readonly key: string;
  readonly flow: 'code' | 'machine';
  readonly credentials: Credentials;
  readonly config: client.Configuration;
  readonly steps: Step[];
  /** Exchanges since the last step. */
  readonly fresh: Exchange[];
  pending?: Pending;
  /** The whole URL that the browser came back with, until its code is exchanged. */
  answer?: URL;
  accessToken?: string;
  refreshToken?: string;
  subject?: string;
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
}
