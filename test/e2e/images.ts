/**
 * The images of a run, handed to the cluster by `E2E_LOAD_IMAGE`: the product from this checkout, once more under the name
 * of its next version, and one with Postgres, OpenLDAP and curl for the pods around it.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../support/cache.ts';
import { servicesArchive as debianFiles } from '../support/debian-archive.ts';
import { docker, type Engine, startEngine } from '../support/engine.ts';
import { image as built, imageArchive } from '../support/image.ts';

const { version } = JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
  readonly version: string;
};

/** The chart's own names: who installs it as it stands gets this checkout. */
export const images = {
  repository: 'nauthera/nauthera',
  tag: version,
  /** The same programs: what an upgrade to the next version rolls out. */
  nextTag: `${version}-next`,
  services: 'nauthera-e2e/services:bookworm',
} as const;

export async function loadImages(command: string, say: (line: string) => void): Promise<void> {
  const engine = await startEngine();
  try {
    say('building the image of this checkout');
    await docker(engine.host, ['load', '--input', await imageArchive(engine)]);
    for (const tag of [images.tag, images.nextTag])
      await docker(engine.host, ['tag', built, `${images.repository}:${tag}`]);
    const archive = await savedArchive(engine);
    say('loading it into the cluster');
    await load(command, archive);
    say('loading the image with Postgres, OpenLDAP and curl');
    await load(command, await servicesArchive(engine));
  } finally {
    await engine.stop();
  }
}

async function savedArchive(engine: Engine): Promise<string> {
  const archive = cacheFolder('images', 'e2e-product.tar');
  const names = [images.tag, images.nextTag].map((tag) => `${images.repository}:${tag}`);
  await docker(engine.host, ['save', '--output', archive, ...names]);
  return archive;
}

/** Made once, then kept. */
async function servicesArchive(engine: Engine): Promise<string> {
  const archive = cacheFolder('images', 'e2e-services.tar');
  if (existsSync(archive)) return archive;
  const files = await debianFiles();
  await docker(engine.host, [
    'import',
    '--change',
    'ENV PATH=/usr/lib/postgresql/15/bin:/usr/sbin:/usr/bin:/bin',
    files,
    images.services,
  ]);
  const draft = `${archive}.${process.pid}`;
  await docker(engine.host, ['save', '--output', draft, images.services]);
  await rename(draft, archive);
  return archive;
}

/** Runs the command with the archive as its standard input: the file itself, which `/dev/stdin` can name. */
async function load(command: string, archive: string): Promise<void> {
  const file = await open(archive);
  try {
    const child = spawn('sh', ['-c', command], { stdio: [file.fd, 'ignore', 'pipe'] });
    let problem = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      problem = (problem + chunk.toString()).slice(-2000);
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code !== 0) throw new Error(`E2E_LOAD_IMAGE ended with ${String(code)}: ${problem}`);
  } finally {
    await file.close();
  }
}
