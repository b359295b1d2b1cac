/**
 * The server of a release, kept beside its recording for the tests that run it next to this one: our own code in one file,
 * which takes its packages from the checkout that it stands in.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const oneFile = join(root, 'image/src/one-file.ts');
const kept = (version: string) => join(import.meta.dirname, `${version}.server.mjs.gz`);

/** @param checkout of that version; its packages are installed */
export async function keepProgram(version: string, checkout = root): Promise<void> {
  const { stdout } = await run(process.execPath, [oneFile, 'server/src/main.ts', '--external-packages'], {
    cwd: checkout,
    maxBuffer: 1 << 26,
  });
  await writeFile(kept(version), gzipSync(stdout, { level: 9 }));
}

/** @returns the path of a program that Node runs; `undefined`: none was kept */
export async function keptProgram(version: string): Promise<string | undefined> {
  if (!existsSync(kept(version))) return undefined;
  const folder = join(root, 'node_modules/.cache/nauthera', version, 'src');
  const program = join(folder, 'nauthera-server.mjs');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, '../package.json'), JSON.stringify({ version, type: 'module' }));
  // Several tests may ask at once: whole files alone are seen.
  const draft = join(folder, randomUUID());
  await writeFile(draft, gunzipSync(await readFile(kept(version))));
  await rename(draft, program);
  return program;
}
