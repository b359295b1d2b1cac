/**
 * Reads the YAML files of a folder, and nothing else: no file through a link that leaves the folder, no device, none
 * above 1 MiB. A file that was written a moment ago is left to settle, so that half of it is not taken for the whole.
 */
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, realpath } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { type Documents, type Problem, readDocuments, type SourceDocument } from './documents.ts';

export interface ScannedFile {
  /** Relative to the folder, with `/`. */
  readonly path: string;
  /**
   * `settling`: being written, `documents` are those of before, if any. `broken`: unreadable or not YAML; while it is
   * mended, until it is read.
   */
  readonly state: 'read' | 'broken' | 'settling';
  readonly documents: readonly SourceDocument[];
  readonly problems: readonly Problem[];
}

export interface Scan {
  /** Every folder could be listed: what is not here is not there. */
  readonly complete: boolean;
  readonly files: readonly ScannedFile[];
  /** About folders and links. */
  readonly problems: readonly Problem[];
}

export interface FolderReaderOptions {
  readonly folder: string;
  /** How findings name the folder. Default: as given in `folder`. */
  readonly shownAs?: string;
  /** Absolute paths that are not read (the secrets folder inside the resources folder). */
  readonly except?: readonly string[];
  /** Milliseconds without a write before a file is read. Default 100; 0 reads at once. */
  readonly settle?: number;
  /** Epoch milliseconds. */
  readonly now?: () => number;
}

const sizeLimit = 1_048_576;
const deepest = 16;

interface Known {
  signature: string;
  firstSeen: number;
  read: { readonly documents: readonly SourceDocument[]; readonly problems: readonly Problem[] } | undefined;
  /** Of the last signature that was read. */
  before: readonly SourceDocument[];
  /** Of the signature before this one, if it was broken. */
  readonly brokenBefore: readonly Problem[];
}

interface Listing {
  complete: boolean;
  readonly paths: string[];
  readonly problems: Problem[];
}

export class FolderReader {
  readonly #options: FolderReaderOptions;
  readonly #settle: number;
  readonly #now: () => number;
  #known = new Map<string, Known>();
  #device: number | undefined;

  constructor(options: FolderReaderOptions) {
    this.#options = options;
    this.#settle = options.settle ?? 100;
    this.#now = options.now ?? Date.now;
  }

  /** Looks at every file; reads those that changed since the last time. */
  async scan(): Promise<Scan> {
    // One moment for all, before anything is listed: whoever reads a file also reads those that were written before it.
    const now = this.#now();
    const listing: Listing = { complete: true, paths: [], problems: [] };
    const root = await this.#openRoot(listing);
    if (root !== undefined) await this.#list(root, root, 0, listing);
    const known = new Map<string, Known>();
    const files: ScannedFile[] = [];
    for (const path of listing.paths.sort()) {
      const file = await this.#look(root ?? '', path, { next: known, now });
      if (file !== undefined) files.push(file);
    }
    // What could not be listed keeps what is known of it.
    this.#known = listing.complete ? known : new Map([...this.#known, ...known]);
    return { complete: listing.complete, files, problems: listing.problems };
  }

  async #openRoot(listing: Listing): Promise<string | undefined> {
    try {
      const root = await realpath(this.#options.folder);
      const { dev } = await lstat(root);
      this.#device ??= dev;
      if (this.#device === dev) return root;
      listing.problems.push(this.#problem('', 'the folder is on another file system than before: was it unmounted?'));
    } catch (error) {
      listing.problems.push(this.#problem('', unreadable(error)));
    }
    listing.complete = false;
    return undefined;
  }

  async #list(root: string, folder: string, depth: number, listing: Listing): Promise<void> {
    let entries: Awaited<ReturnType<typeof readEntries>>;
    try {
      entries = await readEntries(folder);
    } catch (error) {
      listing.complete = false;
      listing.problems.push(this.#problem(relative(root, folder), unreadable(error)));
      return;
    }
    for (const entry of entries) {
      const path = join(folder, entry.name);
      // Dot files: editors' drafts, `.git`, the secrets folder, the hidden half of a mounted ConfigMap.
      if (entry.name.startsWith('.') || this.#options.except?.includes(path) === true) continue;
      if (entry.isDirectory()) {
        if (depth >= deepest)
          listing.problems.push(
            this.#problem(relative(root, path), `folders below this one are not read: ${deepest} levels are`),
          );
        else await this.#list(root, path, depth + 1, listing);
      } else if (/\.(ya?ml|json)$/.test(entry.name)) listing.paths.push(relative(root, path));
      else if (entry.isSymbolicLink() && (await isFolder(path)))
        listing.problems.push(
          this.#problem(relative(root, path), 'a link to a folder is not followed: put the folder here'),
        );
    }
  }

  async #look(
    root: string,
    path: string,
    { next, now }: { readonly next: Map<string, Known>; readonly now: number },
  ): Promise<ScannedFile | undefined> {
    const shown = path.split(sep).join('/');
    const before = this.#known.get(path);
    const broken = (message: string): ScannedFile => {
      const problems = [this.#problem(path, message)];
      next.set(path, {
        signature: '',
        firstSeen: 0,
        read: undefined,
        before: before?.before ?? [],
        brokenBefore: problems,
      });
      return { path: shown, state: 'broken', documents: [], problems };
    };
    let opened: Opened;
    try {
      opened = await openInside(root, join(root, path));
    } catch (error) {
      if (!isAbsent(error)) return broken(unreadable(error));
      return (await isLink(join(root, path))) ? broken('a link whose target is missing: put it back') : undefined;
    }
    if ('refused' in opened) return broken(opened.refused);
    try {
      const known: Known =
        before?.signature === opened.signature
          ? before
          : {
              signature: opened.signature,
              firstSeen: now,
              read: undefined,
              before: before?.before ?? [],
              brokenBefore: before?.read?.problems ?? before?.brokenBefore ?? [],
            };
      next.set(path, known);
      const age = now - opened.modified;
      const settled = age >= this.#settle || now - known.firstSeen >= this.#settle;
      if (known.read === undefined && !settled)
        return known.brokenBefore.length > 0
          ? { path: shown, state: 'broken', documents: [], problems: known.brokenBefore }
          : { path: shown, state: 'settling', documents: known.before, problems: [] };
      known.read ??= await this.#read(opened, path);
      if (known.read.problems.length > 0)
        return { path: shown, state: 'broken', documents: [], problems: known.read.problems };
      known.before = known.read.documents;
      return { path: shown, state: 'read', documents: known.read.documents, problems: [] };
    } catch (error) {
      return broken(unreadable(error));
    } finally {
      await opened.file.close();
    }
  }

  async #read(opened: OpenFile, path: string): Promise<Documents> {
    const no = (message: string): Documents => ({ documents: [], problems: [this.#problem(path, message)] });
    if (opened.size > sizeLimit)
      return no(`${(opened.size / 1_048_576).toFixed(1)} MiB: a file may have 1 MiB, split it`);
    const { bytesRead, buffer } = await opened.file.read(Buffer.alloc(sizeLimit + 1), 0, sizeLimit + 1, 0);
    if (bytesRead > sizeLimit) return no('more than 1 MiB: split the file');
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, bytesRead));
    } catch {
      return no('not UTF-8: save it as UTF-8');
    }
    return readDocuments(this.#shown(path), text);
  }

  #shown(path: string): string {
    return join(this.#options.shownAs ?? this.#options.folder, path);
  }

  #problem(path: string, message: string): Problem {
    return { file: this.#shown(path), line: 1, column: 1, field: '', message };
  }
}

interface OpenFile {
  readonly file: FileHandle;
  readonly size: number;
  /** Epoch milliseconds. */
  readonly modified: number;
  /** Moves with every write, replacement or rename of the file. */
  readonly signature: string;
}
type Opened = OpenFile | { readonly refused: string };

/** Opens a regular file whose resolved path lies inside `root`; the path is resolved first, then opened without following. */
async function openInside(root: string, path: string): Promise<Opened> {
  const resolved = await realpath(path);
  if (!resolved.startsWith(root + sep))
    return { refused: 'a link that leaves the folder is not read: copy the file here' };
  // Not blocking: a pipe would wait for a writer for ever.
  const file = await open(resolved, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const found = await file.stat({ bigint: true });
    // A folder on the way may have become a link between the two calls.
    const again = await lstat(await realpath(path), { bigint: true });
    if (!found.isFile() || found.ino !== again.ino || found.dev !== again.dev) {
      await file.close();
      return { refused: 'not a regular file: put a file here' };
    }
    const signature = [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(':');
    return { file, size: Number(found.size), modified: Number(found.mtimeMs), signature };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function readEntries(folder: string) {
  return readdir(folder, { withFileTypes: true });
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await lstat(await realpath(path))).isDirectory();
  } catch {
    return false;
  }
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch {
    return false;
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

function unreadable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  if (code === 'ENOENT') return 'not there: check the path';
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read: check its permissions';
  return `cannot be read (${code})`;
}
