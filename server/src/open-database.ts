/** Opens the database that the settings name, waiting for it, and keeps to it while its folder changes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type FolderConnection, readConnectionFolder, watchConnectionFolder } from './config/connection-folder.ts';
import { Exit } from './exit.ts';
import { type Database, DatabaseUnavailable, type Statement, type Stop } from './store/database.ts';
import type { PostgresOptions } from './store/postgres.ts';

export interface DatabaseSettings {
  readonly database: string | undefined;
  readonly databaseFolder: string | undefined;
  readonly directDatabase?: string | undefined;
  readonly statementNames?: 'direct' | 'always';
}

export interface DatabaseNews {
  /** One line about something that repaired itself or needs an eye. */
  readonly onProblem: (problem: string) => void;
  /** The folder said something else, and that is in use now. */
  readonly onExchanged?: () => void;
}

export interface OpenedDatabase {
  readonly database: Database;
  readonly close: Stop;
}

/** Milliseconds that a database may take to answer for the first time. */
const patience = 60_000;
const ping: Statement = { name: 'ping', text: 'SELECT 1' };

/** @throws DatabaseUnavailable after a minute, in which it says for whom it waits; ConnectionFolderInvalid, RangeError */
export async function openNamedDatabase(settings: DatabaseSettings, news: DatabaseNews): Promise<OpenedDatabase> {
  const { database: url, databaseFolder: folder, directDatabase: directUrl, statementNames } = settings;
  const common: PostgresOptions = {
    onProblem: news.onProblem,
    poolerTracksStatements: statementNames === 'always',
  };
  if (folder !== undefined) return openFolder(folder, common, news);
  if (url === undefined) throw new Exit(2, 'no database is named');
  const { openDatabase } = await import('./store/open.ts');
  const database = await openDatabase(url, { ...common, ...(directUrl === undefined ? {} : { directUrl }) });
  await untilItAnswers(database);
  return { database, close: () => database.close() };
}

async function openFolder(folder: string, common: PostgresOptions, news: DatabaseNews): Promise<OpenedDatabase> {
  const { openPostgres } = await import('./store/postgres.ts');
  const first: FolderConnection = await readConnectionFolder(folder);
  const { url, directUrl, ca } = first;
  const database = await openPostgres(url, {
    ...common,
    ...(directUrl === undefined ? {} : { directUrl }),
    ...(ca === undefined ? {} : { ca }),
  });
  const watch = watchConnectionFolder({
    folder,
    first,
    exchange: (connection) => database.exchange(connection),
    onExchanged: () => news.onExchanged?.(),
    onProblem: news.onProblem,
  });
  const close = async (): Promise<void> => {
    await watch.stop();
    await database.close();
  };
  await untilItAnswers({ run: database.run.bind(database), close });
  return { database, close };
}

async function untilItAnswers(database: Pick<Database, 'run' | 'close'>): Promise<void> {
  const began = performance.now();
  for (let told = began; ; await sleep(500)) {
    try {
      await database.run(ping, []);
      return;
    } catch (error) {
      const now = performance.now();
      if (!(error instanceof DatabaseUnavailable) || now - began > patience) {
        await database.close();
        throw error;
      }
      if (now - told < 10_000) continue;
      told = now;
      console.error(`waiting for the database, ${Math.round((now - began) / 1000)} s: ${error.message}`);
    }
  }
}
