/**
 * LISTEN on a connection of its own. A connection whose network died says nothing: so it is asked every 5 s, and given up
 * when it does not answer within 2 s. After every connect each listener runs once, as anything may have been missed.
 */
import pg from 'pg';
import type { Stop } from './database.ts';
import { type AnswerLimits, guardedClient } from './guarded-client.ts';
import { processId } from './postgres-pool.ts';

const probeEvery = 5_000;
const probeTimeout = 2_000;
const retryFrom = 250;
const retryTo = 5_000;

type OnNotify = (payload: string) => void;

export class Listener {
  #config: pg.ClientConfig;
  readonly #Client: typeof pg.Client;
  readonly #onProblem: (problem: string) => void;
  readonly #channels = new Map<string, Set<OnNotify>>();
  #client: pg.Client | undefined;
  #first: Promise<boolean> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #closed = false;

  constructor(config: pg.ClientConfig, onProblem: (problem: string) => void, answers?: AnswerLimits) {
    this.#config = config;
    this.#Client = guardedClient(answers);
    this.#onProblem = onProblem;
  }

  /** `null`: a pooler stands in between. A server that is away is no reason: the connection is tried until it stands. */
  async listen(channel: string, onNotify: OnNotify): Promise<Stop | null> {
    const listeners = this.#channels.get(channel) ?? new Set();
    this.#channels.set(channel, listeners);
    listeners.add(onNotify);
    const known = this.#client;
    this.#first ??= this.#connect();
    if (!(await this.#first)) return null;
    if (known !== undefined && known === this.#client) {
      if (listeners.size === 1)
        await known.query(listenTo(channel)).catch((error: unknown) => this.#lost(known, error));
      onNotify('');
    }
    return async () => {
      listeners.delete(onNotify);
      await Promise.resolve();
    };
  }

  /** From now on with this one; what may have been missed in between is told as after every connect. */
  use(config: pg.ClientConfig): void {
    this.#config = config;
    if (this.#first === undefined || this.#closed) return;
    const former = this.#client;
    this.#client = undefined;
    clearTimeout(this.#timer);
    former?.end().catch(() => undefined);
    this.#failures = 0;
    void this.#connect();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }

  /** `false` where LISTEN is not possible. */
  async #connect(): Promise<boolean> {
    const client = new this.#Client({ ...this.#config, query_timeout: probeTimeout });
    client.on('error', (error) => this.#lost(client, error));
    client.on('end', () => this.#lost(client, new Error('the connection ended')));
    client.on('notification', ({ channel, payload }) => this.#tell(channel, payload ?? ''));
    this.#client = client;
    try {
      await client.connect();
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      if (rows[0]?.pid !== processId(client)) {
        this.#client = undefined;
        this.#closed = true;
        await client.end();
        return false;
      }
      for (const channel of this.#channels.keys()) await client.query(listenTo(channel));
    } catch (error) {
      this.#lost(client, error);
      return true;
    }
    this.#failures = 0;
    for (const channel of this.#channels.keys()) this.#tell(channel, '');
    this.#probe(client);
    return true;
  }

  #tell(channel: string, payload: string): void {
    for (const onNotify of this.#channels.get(channel) ?? []) {
      try {
        onNotify(payload);
      } catch (error) {
        this.#onProblem(`a listener of ${channel} failed: ${String(error)}`);
      }
    }
  }

  #probe(client: pg.Client): void {
    this.#timer = setTimeout(() => {
      client.query('SELECT 1').then(
        () => client === this.#client && this.#probe(client),
        (error: unknown) => this.#lost(client, error),
      );
    }, probeEvery).unref();
  }

  #lost(client: pg.Client, error: unknown): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    clearTimeout(this.#timer);
    // Destroyed, not ended: a dead network would keep a polite goodbye waiting.
    client.end().catch(() => undefined);
    if (this.#closed) return;
    if (this.#failures === 0) {
      this.#onProblem(`LISTEN was lost, polling goes on: ${error instanceof Error ? error.message : String(error)}`);
    }
    const delay = Math.min(retryTo, retryFrom * 2 ** this.#failures) * (0.5 + Math.random() / 2);
    this.#failures += 1;
    this.#timer = setTimeout(() => void this.#connect(), delay).unref();
  }
}

function listenTo(channel: string): string {
  return `LISTEN ${pg.escapeIdentifier(channel)}`;
}
