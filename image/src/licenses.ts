/** The licences of the packages whose files are in the image. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

/**
 * One part per package, sorted by name: its name, version, declared licence and the text that it ships.
 *
 * @param files that were bundled, from `root`; files that are in no package of others are passed over
 */
export async function licensesOf(root: string, files: readonly string[]): Promise<string> {
  const folders = new Set(files.map(packageFolder).filter((folder) => folder !== undefined));
  const parts = await Promise.all([...folders].map((folder) => part(join(root, folder))));
  return `${parts.toSorted().join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}

/** `node_modules/a/node_modules/@b/c` of a file below it. */
function packageFolder(file: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0];
}

async function part(folder: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;
  const names = (await readdir(folder)).filter((name) => /^(?:licen[cs]e|notice)(?:[.-]|$)/i.test(name)).toSorted();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  const head = `${manifest.name} ${manifest.version} (${manifest.license ?? 'see below'})`;
  return [head, ...texts.map((text) => text.trim())].join('\n\n');
}
