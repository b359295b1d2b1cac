/** Prometheus' own judgement on rules. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Runs it in a folder with these files.
 *
 * @returns what it says; nothing: all is well
 * @throws Error it is not here
 */
export async function promtool(args: readonly string[], files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'nauthera-promtool-'));
  try {
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
    await promisify(execFile)('promtool', [...args], { cwd: folder });
    return '';
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    if (error.code === 'ENOENT') throw new Error('promtool is not here: apt-get install prometheus', { cause: error });
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    return `${stdout ?? ''}${stderr ?? ''}` || error.message;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
