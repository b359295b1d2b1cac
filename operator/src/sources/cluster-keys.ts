/**
 * The public keys with which this cluster signs the tokens of its ServiceAccounts, read again and again: a cluster changes
 * them by listing the new one beside the old one, and drops the old one later. Which of them may be used is not decided here.
 */
import { ApiError, ApiUnavailable, type KubernetesApi } from '../runtime/kubernetes-api.ts';
import { isRecord } from './documents.ts';

/** A JSON Web Key, its public members alone. */
export type ClusterKey = Readonly<Record<string, string>>;

export interface ClusterKeys {
  /** The last ones that were read, in order of their ids; empty: none is known. */
  readonly keys: readonly ClusterKey[];
  /** Told when they are others. */
  onChange(listener: () => void): void;
  /** Resolves at the first answer, which may be a refusal; asks on until then, and every minute afterwards. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface ClusterKeysOptions {
  readonly api: Pick<KubernetesApi, 'request'>;
  /** Told once when reading begins to fail, in words for a log. The last keys stay. */
  readonly onProblem: (problem: string) => void;
  /** Milliseconds between two readings. Default a minute. */
  readonly every?: number;
  /** Milliseconds until the first reading is tried again. Default 1 s. */
  readonly retry?: number;
}

/** Served to ServiceAccounts, the operator's among them, by the API server's own roles. */
const path = '/openid/v1/jwks';
/** The API server serves this document under its own type alone (RFC 7517 §8.5), and answers 406 to any other. */
const accept = 'application/jwk-set+json';

export function createClusterKeys(options: ClusterKeysOptions): ClusterKeys {
  return new PolledKeys(options);
}

class PolledKeys implements ClusterKeys {
  readonly #options: ClusterKeysOptions;
  readonly #listeners: (() => void)[] = [];
  readonly #stopping = new AbortController();
  #keys: readonly ClusterKey[] = [];
  #failing = false;
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<unknown> = Promise.resolve();
  #answered: () => void = () => undefined;

  constructor(options: ClusterKeysOptions) {
    this.#options = options;
  }

  get keys(): readonly ClusterKey[] {
    return this.#keys;
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  start(): Promise<void> {
    const first = new Promise<void>((resolve) => {
      this.#answered = resolve;
    });
    this.#round();
    return first;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await this.#reading;
    this.#answered();
  }

  /** A row that is written before the first answer would have no keys, and turn away everybody who was let in before. */
  #round(): void {
    this.#reading = this.#read().then((known) => {
      if (this.#stopping.signal.aborted) return;
      const { every = 60_000, retry = 1000 } = this.#options;
      if (known) this.#answered();
      this.#timer = setTimeout(() => this.#round(), known ? every : retry);
      this.#timer.unref();
    });
  }

  /** Whether there was an answer. */
  async #read(): Promise<boolean> {
    try {
      const { signal } = this.#stopping;
      const answer = await this.#options.api.request<unknown>({ method: 'GET', path, accept, signal });
      const keys = readKeys(answer);
      if (keys.length === 0) throw new Error('the answer holds no keys');
      this.#failing = false;
      this.#take(keys);
      return true;
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#fail(error);
      return !(error instanceof ApiUnavailable) && !(error instanceof ApiError && isPassing(error));
    }
  }

  #take(keys: readonly ClusterKey[]): void {
    if (JSON.stringify(keys) === JSON.stringify(this.#keys)) return;
    this.#keys = keys;
    for (const listener of this.#listeners) listener();
  }

  #fail(error: unknown): void {
    if (!this.#failing) {
      const why = error instanceof Error ? error.message : String(error);
      this.#options.onProblem(`the keys of the cluster's ServiceAccounts could not be read: ${why}`);
    }
    this.#failing = true;
  }
}

function isPassing({ status }: ApiError): boolean {
  return status === 429 || status >= 500;
}

const members = ['kty', 'kid', 'alg', 'use', 'n', 'e', 'crv', 'x', 'y'] as const;

/** In order of their ids: replicas of an API server may list them in any. */
function readKeys(answer: unknown): readonly ClusterKey[] {
  const list: unknown = isRecord(answer) ? answer['keys'] : undefined;
  if (!Array.isArray(list)) return [];
  return list
    .filter(isRecord)
    .map((key) => Object.fromEntries(members.flatMap((name) => memberOf(name, key[name]))))
    .sort((one, other) => ((one['kid'] ?? '') < (other['kid'] ?? '') ? -1 : 1));
}

function memberOf(name: string, value: unknown): [string, string][] {
  return typeof value === 'string' ? [[name, value]] : [];
}
