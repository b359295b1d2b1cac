/**
 * Secrets in a folder of their own (0700), one file each (0600), for running without a cluster. What users put there or
 * beside their resources is read; what the operator generates is written here and nowhere else.
 */
import { link, lstat, mkdir, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { contentVersion } from '../runtime/content-version.ts';
import type { Problem } from './documents.ts';
import { FolderReader, type Scan, type ScannedFile } from './folder-reader.ts';
import { FolderWatch } from './folder-watch.ts';
import { isLabel, isProblem, isSubdomain, readObject, readSecret } from './object.ts';
import { type Look, PresenceTracker, type SeenFile } from './presence.ts';
import { isMadeFor, type NewSecret, type Secret, type SecretOf, type SecretStore } from './secret.ts';
import { removeDrafts, requirePrivateFolder, SecretsFolderError, syncFolder, writeDraft } from './secret-files.ts';

export interface SecretsFolderOptions {
  readonly folder: string;
  /** Runs for each Secret that appeared, changed or went. */
  onChange(namespace: string, name: string): void;
  onError(error: unknown): void;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
  readonly interval?: number;
}

interface Kept {
  readonly secret: Secret;
  /** Relative to the folder; `undefined`: found among the resources. */
  readonly path: string | undefined;
  /** The file holds nothing else. */
  readonly alone: boolean;
}

const idOf = (namespace: string, name: string) => `${namespace}/${name}`;

export class SecretsFolder implements SecretStore {
  readonly #options: SecretsFolderOptions;
  readonly #now: () => number;
  readonly #presence = new PresenceTracker();
  #kept = new Map<string, Kept>();
  #besideResources = new Map<string, Secret>();
  #problems: readonly Problem[] = [];
  /** Counts our own writes: a look that began before one of them has seen an older folder. */
  #writes = 0;
  #writesAtLook = 0;
  #queue: Promise<unknown> = Promise.resolve();
  #brokenFiles = new Set<string>();
  #watch: FolderWatch | undefined;

  constructor(options: SecretsFolderOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** @throws SecretsFolderError when the folder is open to others. */
  async start(): Promise<void> {
    const { folder, interval } = this.#options;
    await requirePrivateFolder(folder);
    await removeDrafts(folder);
    const reader = new FolderReader({ folder });
    this.#watch = new FolderWatch({
      folder,
      reader: {
        scan: () => {
          this.#writesAtLook = this.#writes;
          return reader.scan();
        },
      },
      onScan: (scan) => this.#alone(() => Promise.resolve(this.#take(scan))),
      onError: (error) => this.#options.onError(error),
      ...(interval === undefined ? {} : { interval }),
    });
    await this.#watch.start();
  }

  async stop(): Promise<void> {
    await this.#watch?.stop();
    await this.#queue;
  }

  problems(): readonly Problem[] {
    return this.#problems;
  }

  /** Replaces the Secrets that stand among the resources. */
  setBesideResources(secrets: readonly Secret[]): void {
    const before = this.#besideResources;
    // What stands there was written by users, whatever owner it names.
    const theirs = secrets.map((secret) => ({ ...secret, owner: undefined }));
    this.#besideResources = new Map(theirs.map((secret) => [idOf(secret.namespace, secret.name), secret]));
    for (const [id, secret] of this.#besideResources)
      if (before.get(id)?.version !== secret.version) this.#options.onChange(secret.namespace, secret.name);
    for (const [id, secret] of before)
      if (!this.#besideResources.has(id)) this.#options.onChange(secret.namespace, secret.name);
  }

  read(namespace: string, name: string): Promise<Secret | undefined> {
    return Promise.resolve(this.#find(namespace, name)?.secret);
  }

  ownedBy(owner: SecretOf, except?: string): Promise<readonly Secret[]> {
    return Promise.resolve(
      [...this.#kept.values()]
        .map(({ secret }) => secret)
        .filter((secret) => isMadeFor(owner, secret) && secret.name !== except),
    );
  }

  /** Every file is looked at. */
  watched(): boolean {
    return true;
  }

  /** Uid of the resource that a generated Secret was made for, when the registry that knew it is lost. */
  ownerOf(kind: string, namespace: string, name: string): string | undefined {
    for (const { secret } of this.#kept.values())
      if (secret.namespace === namespace && secret.owner?.kind === kind && secret.owner.name === name)
        return secret.owner.uid;
    return undefined;
  }

  create(secret: NewSecret): Promise<'created' | 'exists'> {
    return this.#alone(async () => {
      if (this.#find(secret.namespace, secret.name) !== undefined) return 'exists';
      return (await this.#write(secret, this.#pathOf(secret), undefined)) ? 'created' : 'exists';
    });
  }

  update(before: Secret, next: NewSecret): Promise<'updated' | 'changed'> {
    return this.#alone(async () => {
      const kept = this.#find(before.namespace, before.name);
      if (kept?.path === undefined || kept.secret.version !== before.version) return 'changed';
      if (!kept.alone)
        throw new SecretsFolderError(
          `${kept.path} holds several documents: move Secret "${before.name}" into a file of its own`,
        );
      return (await this.#write(next, kept.path, kept)) ? 'updated' : 'changed';
    });
  }

  delete(before: Secret): Promise<void> {
    return this.#alone(async () => {
      const kept = this.#find(before.namespace, before.name);
      if (kept?.path === undefined || !kept.alone || kept.secret.version !== before.version) return;
      this.#writes += 1;
      const path = join(this.#options.folder, kept.path);
      await rm(path, { force: true });
      await syncFolder(dirname(path));
      this.#kept.delete(idOf(before.namespace, before.name));
    });
  }

  #find(namespace: string, name: string): Kept | undefined {
    const id = idOf(namespace, name);
    const beside = this.#besideResources.get(id);
    return this.#kept.get(id) ?? (beside === undefined ? undefined : { secret: beside, path: undefined, alone: false });
  }

  /** Looks and writes one after the other. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  #pathOf({ namespace, name }: NewSecret): string {
    if (!isLabel(namespace) || !isSubdomain(name)) throw new SecretsFolderError('not a name that a Secret can have');
    return join(namespace, `${name}.yaml`);
  }

  /** `false`: a file of that name holds something else, or appeared meanwhile. */
  async #write(secret: NewSecret, relativePath: string, before: Kept | undefined): Promise<boolean> {
    const path = join(this.#options.folder, relativePath);
    const folder = dirname(path);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // A link here would carry the secret out of the private folder.
    if ((await realpath(folder)) !== join(await realpath(this.#options.folder), dirname(relativePath)))
      throw new SecretsFolderError(`${folder} is a link: make it a folder`);
    const draft = await writeDraft(folder, secret);
    this.#writes += 1;
    const placed =
      before !== undefined || (await this.#isBroken(path, relativePath)) ? rename(draft, path) : link(draft, path);
    const done = await placed.then(
      () => true,
      async (error: unknown) => {
        await rm(draft, { force: true });
        if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
        throw error;
      },
    );
    if (!done) return false;
    await rm(draft, { force: true });
    await syncFolder(folder);
    const kept = { secret: { ...secret, version: contentVersion(secret) }, path: relativePath, alone: true };
    this.#kept.set(idOf(secret.namespace, secret.name), kept);
    return true;
  }

  /** A file of ours that somebody left unreadable may be replaced. */
  async #isBroken(path: string, relativePath: string): Promise<boolean> {
    if (!this.#brokenFiles.has(relativePath)) return false;
    return (await lstat(path)).isFile();
  }

  #take(scan: Scan): { lookAgainIn?: number } {
    if (this.#writesAtLook !== this.#writes) return { lookAgainIn: 0 };
    const problems: Problem[] = [...scan.problems];
    const found = new Map<string, Kept>();
    const files: SeenFile[] = [];
    this.#brokenFiles = new Set(scan.files.filter(({ state }) => state === 'broken').map(({ path }) => path));
    for (const file of scan.files) {
      problems.push(...file.problems);
      const ids = this.#takeFile(file, found, problems);
      // A generated Secret that was edited into something unreadable is as good as deleted: it is made anew.
      if (file.state !== 'broken' || !this.#isGenerated(file.path))
        files.push({ path: file.path, state: file.state, ids });
    }
    const look: Look = { complete: scan.complete, files };
    const { gone, lookAgainIn } = this.#presence.observe(look, this.#kept.keys(), this.#now());
    this.#replace(found, new Set(gone));
    this.#problems = problems;
    return lookAgainIn === undefined ? {} : { lookAgainIn };
  }

  #takeFile(file: ScannedFile, found: Map<string, Kept>, problems: Problem[]): string[] {
    const ids: string[] = [];
    // Being written, by us perhaps: what the reader remembers of it may be older than what is kept here.
    if (file.state === 'settling') return ids;
    for (const document of file.documents) {
      const object = readObject(document);
      const secret = isProblem(object) ? object : object.kind === 'Secret' ? readSecret(object) : undefined;
      if (secret === undefined) {
        problems.push({
          file: document.file,
          ...document.position(['kind']),
          field: 'kind',
          message: 'not a Secret: only Secrets are read here',
        });
        continue;
      }
      if (isProblem(secret)) {
        problems.push(secret);
        continue;
      }
      const id = idOf(secret.namespace, secret.name);
      const twin = found.get(id);
      if (twin !== undefined)
        problems.push({
          file: document.file,
          ...document.position([]),
          field: '',
          message: `Secret "${id}" stands in ${twin.path ?? ''} too: keep one`,
        });
      else found.set(id, { secret, path: file.path, alone: file.documents.length === 1 });
      ids.push(id);
    }
    return ids;
  }

  #isGenerated(path: string): boolean {
    return [...this.#kept.values()].some((kept) => kept.path === path && kept.secret.owner !== undefined);
  }

  #replace(found: ReadonlyMap<string, Kept>, gone: ReadonlySet<string>): void {
    const changed: Secret[] = [];
    for (const [id, kept] of found) {
      const before = this.#kept.get(id);
      this.#kept.set(id, kept);
      if (before?.secret.version !== kept.secret.version) changed.push(kept.secret);
    }
    for (const id of gone) {
      const before = this.#kept.get(id);
      if (before !== undefined && this.#kept.delete(id)) changed.push(before.secret);
    }
    for (const { namespace, name } of changed) this.#options.onChange(namespace, name);
  }
}
