/** One registry that was given to this program, for every AuthorizationServer of the source. */
import type { Registry } from '@nauthera/server/registry';
import type { ResourceSource } from '../sources/source.ts';
import type { ServerResource } from './attachment.ts';
import type { DatabaseState, Registries, RegistriesListener } from './registries.ts';
import { type Changed, RegistryHandle } from './registry-handle.ts';
import { RunningRegistry } from './running-registry.ts';

export interface GivenRegistryOptions {
  readonly registry: Registry;
  readonly source: ResourceSource;
  /** One database role owns, writes and serves. */
  readonly singleRole: boolean;
}

export class GivenRegistry implements Registries {
  readonly perServer = false;
  readonly #options: GivenRegistryOptions;
  readonly #handle: RegistryHandle;
  #running: RunningRegistry | undefined;

  constructor(options: GivenRegistryOptions) {
    this.#options = options;
    this.#handle = new RegistryHandle(options.registry);
  }

  registryOf(): RegistryHandle {
    return this.#handle;
  }

  registries(): Iterable<RegistryHandle> {
    return [this.#handle];
  }

  pend(dependent: string, on: RegistryHandle | undefined): void {
    this.#running?.pend(dependent, on !== undefined);
  }

  lookAtStray(_: RegistryHandle, row: Exclude<Changed, 'all'>[number]): void {
    this.#running?.lookAtStray(row);
  }

  async start(listener: RegistriesListener): Promise<void> {
    const { registry, source } = this.#options;
    const handle = this.#handle;
    this.#running = new RunningRegistry(registry, source, {
      onMoved: (changed) => {
        handle.forget(changed);
        listener.onMoved(handle, changed);
      },
      onReports: (pending, before, after) => listener.onReports(handle, pending, before, after),
      onAway: () => listener.onAway(handle),
      onRecovery: () => listener.onRecovery(handle),
      onHeld: () => listener.onHeld(handle),
      onError: (error) => listener.onError('orphans', error),
    });
    handle.use(registry, this.#running);
    await this.#running.start();
  }

  async follow(): Promise<void> {
    await this.#running?.follow();
  }

  drop(): void {
    // It is the others' too.
  }

  tried(): Promise<void> {
    return Promise.resolve();
  }

  async unfollow(): Promise<void> {
    await this.#running?.unfollow();
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
  }

  look({ spec }: ServerResource): Promise<DatabaseState> {
    const type = 'DatabaseReady';
    const note =
      spec.database?.secretRef === undefined
        ? ''
        : '; the database was given to this program, spec.database.secretRef is not used';
    const { singleRole } = this.#options;
    const message = singleRole ? 'one role owns, writes and serves: least privilege is off' : 'the database answers';
    return Promise.resolve({
      ready: { type, status: 'True', reason: singleRole ? 'SingleRole' : type, message: `${message}${note}` },
      keyProblem: undefined,
      looked: [],
    });
  }

  reachForRemoval(): Promise<void> {
    return Promise.resolve();
  }

  remove(): Promise<void> {
    return Promise.resolve();
  }

  confirmRetirement(): void {
    this.#running?.confirmRetirement();
  }

  migrated(): void {
    // Whoever gave it has made its tables.
  }

  explain(): { readonly reason: string; readonly message: string } {
    return { reason: 'DatabaseUnreachable', message: 'the database does not answer. Waiting for it' };
  }
}
