/**
 * The database of one AuthorizationServer: opened in the background and opened anew when its Secret says something else.
 * Whoever uses the handle meanwhile goes on with the connection that there is.
 */
import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DatabaseProblem, explainFailure } from './database-failure.ts';
import { RegistryHandle } from './registry-handle.ts';
import type { RunningRegistry } from './running-registry.ts';
import {
  type Connection,
  type KeyStanding,
  type OpenedServer,
  type OpeningOptions,
  openServer,
  TablesMissing,
} from './server-opening.ts';

export interface ServerDatabaseOptions extends OpeningOptions {
  /** `<namespace>/<name>` of the server. */
  readonly server: string;
  /** {@link ServerDatabase.state} changed. */
  onState(): void;
  /** Milliseconds. */
  readonly retryFrom?: number;
  readonly retryTo?: number;
}

export type DatabaseStanding =
  | { readonly standing: 'opening' }
  | { readonly standing: 'migrating' }
  /** It answers, and waits for its tables. */
  | { readonly standing: 'unmigrated' }
  /** `another`: not those that sealed what stands in the registry. */
  | { readonly standing: 'open'; readonly keys: KeyStanding }
  | { readonly standing: 'failed'; readonly problem: DatabaseProblem };

/** Why bind passwords cannot be sealed. */
const unsealed: Readonly<Record<KeyStanding, string | undefined>> = {
  there: undefined,
  missing: 'the key-encryption key is missing, bind passwords cannot be sealed',
  another: 'the key-encryption key is another than before, bind passwords cannot be sealed',
};
/** Milliseconds in which a statement that was sent has ended: its limit on both sides. */
const statementLimit = 5_000;

export class ServerDatabase {
  readonly handle: RegistryHandle;
  readonly #options: ServerDatabaseOptions;
  #wanted: Connection | undefined;
  #open: OpenedServer | undefined;
  #state: DatabaseStanding = { standing: 'opening' };
  #loop: Promise<void> | undefined;
  #closed = false;
  /** `performance.now()` of the newest look for tables. */
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** Ends a wait of the loop. */
  #nudge: () => void = () => undefined;
  /** The first attempt on what is wanted now has come to something. */
  #tried = Promise.withResolvers<void>();
  readonly #asked = Promise.withResolvers<void>();
  readonly #closing = new Set<Promise<void>>();

  constructor(options: ServerDatabaseOptions) {
    this.#options = options;
    this.handle = new RegistryHandle(undefined, options.server);
  }

  get state(): DatabaseStanding {
    return this.#state;
  }

  pend(dependent: string, pending: boolean): void {
    this.#open?.running.pend(dependent, pending);
  }

  get running(): RunningRegistry | undefined {
    return this.#open?.running;
  }

  /** From now on this one. A key that is gone is none to reopen for: what was opened with it stays open. */
  want(connection: Connection): void {
    const before = this.#wanted;
    const next =
      connection.keys === undefined && before !== undefined ? { ...connection, keys: before.keys } : connection;
    if (before !== undefined && sameConnection(before, next)) return;
    this.#wanted = next;
    this.#asked.resolve();
    this.#tried.resolve();
    this.#tried = Promise.withResolvers();
    if (this.#open === undefined) this.#state = { standing: 'opening' };
    this.#nudge();
    this.#loop ??= this.#run();
  }

  /** The tables were made by somebody else: whoever waits for that looks, unless it has just looked. */
  migrated(): void {
    if (this.#state.standing === 'unmigrated' && performance.now() - this.#lookedAt > 2_000) this.#nudge();
  }

  /** There is nothing to connect to at the moment: what is open stays open. */
  wantNothing(): void {
    if (this.#wanted === undefined) this.handle.isAway = true;
    this.#asked.resolve();
  }

  /** Resolves when somebody has said what is wanted, or after so many milliseconds. */
  asked(patience: number): Promise<void> {
    return within(this.#asked.promise, patience);
  }

  /** Resolves when the newest connection was tried once, or after so many milliseconds. */
  async tried(patience: number): Promise<void> {
    if (this.#wanted !== undefined) await within(this.#tried.promise, patience);
  }

  /** Nothing is told any more. */
  async unfollow(): Promise<void> {
    this.#closed = true;
    this.#nudge();
    // A migration that is under way may take minutes, and is undone when its connection ends.
    await Promise.race([this.#loop, sleep(2_000, undefined, { ref: false })]);
    await this.#open?.running.unfollow();
  }

  /** Ends the connections, once nobody uses them. */
  async close(): Promise<void> {
    await this.unfollow();
    const last = this.#open;
    this.#open = undefined;
    this.handle.use(undefined);
    if (last !== undefined) this.#retire(last, 0);
    await Promise.all(this.#closing);
  }

  async #run(): Promise<void> {
    const { retryFrom = 1_000, retryTo = 30_000 } = this.#options;
    for (let delay = retryFrom; !this.#closed; ) {
      const wanted = this.#wanted;
      if (wanted === undefined || wanted === this.#open?.connection) {
        delay = retryFrom;
        await this.#wait(undefined);
        continue;
      }
      const tried = this.#tried;
      try {
        await this.#exchange(wanted);
        delay = retryFrom;
      } catch (error) {
        if (this.#wanted === wanted)
          this.#become(
            error instanceof TablesMissing
              ? { standing: 'unmigrated' }
              : { standing: 'failed', problem: explainFailure(error, wanted.secret) },
          );
        tried.resolve();
        if (this.#wanted !== wanted) continue;
        // Tables that are about to be made are no reason to look at everything for nothing.
        this.handle.isAway = !(error instanceof TablesMissing);
        await this.#wait(delay * (0.75 + Math.random() / 2));
        delay = this.#wanted === wanted ? Math.min(delay * 2, retryTo) : retryFrom;
      }
      tried.resolve();
    }
  }

  async #exchange(wanted: Connection): Promise<void> {
    const opened = await openServer(this.#options, wanted, {
      onLook: () => {
        this.#lookedAt = performance.now();
      },
      onPending: () => {
        if (this.#open === undefined) this.#become({ standing: 'migrating' });
        this.#tried.resolve();
      },
    });
    if (this.#closed || this.#wanted !== wanted) {
      this.#retire(opened, 0);
      return;
    }
    const former = this.#open;
    this.#open = opened;
    this.#wanted = opened.connection;
    const { running, keys } = opened;
    this.handle.use(running.registry, running, unsealed[keys]);
    this.#become({ standing: 'open', keys });
    if (former !== undefined) this.#retire(former, statementLimit);
    await running.follow();
  }

  #become(state: DatabaseStanding): void {
    this.#state = state;
    this.#options.onState();
  }

  /** In the background: a pass that began with the former connection may have a statement under way on it. */
  #retire({ running, database }: OpenedServer, after: number): void {
    const retiring = (async () => {
      await running.unfollow();
      await running.stop();
      if (after > 0) await sleep(after);
      await database.close();
    })().catch(() => undefined);
    this.#closing.add(retiring);
    void retiring.then(() => this.#closing.delete(retiring));
  }

  #wait(delay: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = delay === undefined ? undefined : setTimeout(resolve, delay);
      this.#nudge = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function sameConnection(one: Connection, other: Connection): boolean {
  return digest(one) === digest(other);
}

function digest({ secret, url, directUrl, ca, keys, migrator, roles }: Connection): string {
  const texts = keys?.map((key) => Buffer.from(key).toString('base64'));
  return hash('sha256', JSON.stringify([secret, url, directUrl, ca, texts, migrator, roles]));
}

async function within(done: Promise<void>, patience: number): Promise<void> {
  const enough = new AbortController();
  await Promise.race([done, sleep(patience, undefined, { signal: enough.signal }).catch(() => undefined)]);
  enough.abort();
}
