import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { migrate } from '../../server/src/store/migrate.ts';
import { openDatabase } from '../../server/src/store/open.ts';
import { DatabaseFolderInUse } from '../../server/src/store/pglite-lock.ts';
import { registryOf, sql, until } from './backend.ts';

const writer = fileURLToPath(new URL('pglite-writer.ts', import.meta.url));

describe('a PGlite folder', () => {
  let folder: string;
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nauthera-pglite-'));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });

  /** Writes one row after another and tells each that was acknowledged. */
  const startWriter = (): { child: ChildProcess; acknowledged: number[]; ended: Promise<string> } => {
    const child = spawn(process.execPath, [writer, folder], { stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    const acknowledged: number[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => acknowledged.push(Number(line)));
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    const ended = new Promise<string>((resolve) => child.once('close', () => resolve(errors)));
    return { child, acknowledged, ended };
  };

  it('refuses a second handle and a second process, and names the one that has it', async () => {
    const database = await openDatabase(`pglite:${folder}`);
    await expect(openDatabase(`pglite:${folder}`)).rejects.toThrow(DatabaseFolderInUse);
    const second = startWriter();
    expect(await second.ended).toContain(`in use by process ${process.pid}`);
    expect(second.acknowledged).toEqual([]);
    await database.close();
    await (await openDatabase(`pglite:${folder}`)).close();
  });

  it('I3, F03: kill -9 loses no acknowledged write, and the folder opens at once', { timeout: 120_000 }, async () => {
    const first = await openDatabase(`pglite:${folder}`);
    await migrate(first);
    await sql(first, 'CREATE TABLE things (id integer PRIMARY KEY)');
    await first.close();
    const written = new Set<number>();
    for (let round = 1; round <= 3; round += 1) {
      const { child, acknowledged, ended } = startWriter();
      await until(() => acknowledged.length >= 20 * round);
      child.kill('SIGKILL');
      await ended;
      for (const id of acknowledged) written.add(id);
      const database = await openDatabase(`pglite:${folder}`);
      const found = new Set((await sql<{ id: number }>(database, 'SELECT id FROM things')).map(({ id }) => id));
      expect([...written].filter((id) => !found.has(id))).toEqual([]);
      expect(await registryOf(database).reports()).toEqual([]);
      await database.close();
    }
  });
});
