/** A migrated PGlite in memory within half a second: from a snapshot that is kept between runs. */
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrate } from '../../server/src/store/migrate.ts';
import { openPglite, type PgliteDatabase } from '../../server/src/store/pglite.ts';
import { cacheFolder } from './cache.ts';

/** Another one each time; close it. */
export async function openMigratedPglite(): Promise<PgliteDatabase> {
  return openPglite('memory', { from: await snapshot() });
}

async function snapshot(): Promise<Blob> {
  const path = cacheFolder('pglite', `${key()}.tar`);
  const kept = await readFile(path).catch(() => undefined);
  if (kept !== undefined) return new Blob([kept]);
  const database = await openPglite('memory');
  await migrate(database);
  const dump = await database.dump();
  await database.close();
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${randomBytes(4).toString('hex')}`;
  await writeFile(draft, Buffer.from(await dump.arrayBuffer()));
  await rename(draft, path);
  return dump;
}

/** Changes with every migration and with PGlite itself. */
function key(): string {
  const folder = fileURLToPath(new URL('../../server/src/store/migrations', import.meta.url));
  const digest = createHash('sha256').update(
    readFileSync(createRequire(import.meta.url).resolve('@electric-sql/pglite')),
  );
  for (const file of readdirSync(folder).sort()) digest.update(file).update(readFileSync(join(folder, file)));
  return digest.digest('hex').slice(0, 24);
}
