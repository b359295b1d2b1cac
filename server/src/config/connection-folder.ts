/**
 * The database's address in a folder, as a Secret is mounted: `uri`, and where they are needed `direct-uri` (past a pooler)
 * and `ca.crt`. It may change at any time, also by a link that is swapped.
 */
import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';

/** The message says what to do and holds nothing of the content. */
export class ConnectionFolderInvalid extends Error {
  readonly code = 'connection_folder_invalid';
}

export interface FolderConnection {
  /** `postgres://…` */
  readonly url: string;
  readonly directUrl: string | undefined;
  /** PEM certificates. */
  readonly ca: string | undefined;
}

/** @throws ConnectionFolderInvalid */
export async function readConnectionFolder(folder: string): Promise<FolderConnection> {
  // A mounted Secret changes by one link: files read through it could be some of before and some of after.
  const files = await realpath(join(folder, '..data')).catch(() => folder);
  const [url, directUrl, ca] = await Promise.all(['uri', 'direct-uri', 'ca.crt'].map((name) => read(files, name)));
  const invalid = (problem: string) => new ConnectionFolderInvalid(`the database folder ${folder}: ${problem}`);
  if (url === undefined) throw invalid('there is no file uri with postgres://USER:PASSWORD@HOST:PORT/NAME');
  for (const [name, text] of [
    ['uri', url],
    ['direct-uri', directUrl],
  ] as const) {
    if (text !== undefined && !isPostgresUrl(text)) throw invalid(`${name} is no Postgres URL`);
  }
  if (ca !== undefined && !ca.includes('-----BEGIN CERTIFICATE-----'))
    throw invalid('ca.crt holds no certificate in PEM');
  return { url, directUrl, ca };

  async function read(at: string, name: string): Promise<string | undefined> {
    try {
      return (await readFile(join(at, name), 'utf8')).trim();
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw invalid(`${name} cannot be read`);
    }
  }
}

function isPostgresUrl(text: string): boolean {
  return /^postgres(?:ql)?:\/\//.test(text) && URL.canParse(text);
}

export interface ConnectionWatch {
  /** Resolves when a change that is being taken over is done. */
  stop(): Promise<void>;
}

export interface ConnectionWatchOptions {
  readonly folder: string;
  /** What is used at the beginning. */
  readonly first: FolderConnection;
  /** @throws Error the new connection does not work: the former stays in use, and it is asked again */
  readonly exchange: (connection: FolderConnection) => Promise<void>;
  /** Once for each content. */
  readonly onExchanged: () => void;
  /** One line without a secret: what was found cannot be used, the former goes on. Once for each problem. */
  readonly onProblem: (problem: string) => void;
  /** Milliseconds between looks; default 1000. Hints of the file system are not waited for: mounts lose them. */
  readonly interval?: number;
}

/** Looks again and again; a new connection is taken over once it works. */
export function watchConnectionFolder(options: ConnectionWatchOptions): ConnectionWatch {
  const { folder, exchange, onExchanged, onProblem, interval = 1_000 } = options;
  let current = JSON.stringify(options.first);
  let told = '';
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const look = async (): Promise<void> => {
    try {
      const found = await readConnectionFolder(folder);
      const text = JSON.stringify(found);
      if (text === current) {
        told = '';
        return;
      }
      await exchange(found);
      current = text;
      told = '';
      onExchanged();
    } catch (error) {
      const problem = error instanceof Error ? error.message : 'unknown';
      if (problem !== told) onProblem(`${problem}; the former connection goes on`);
      told = problem;
    }
  };
  let running: Promise<void> = Promise.resolve();
  const again = (): void => {
    timer = setTimeout(() => {
      running = look().finally(() => {
        if (!stopped) again();
      });
    }, interval).unref();
  };
  again();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
