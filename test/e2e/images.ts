/**
 * The images of a run, handed to the cluster by `E2E_LOAD_IMAGE`: the product from this checkout, once more as its next
 * minor version, and one with Postgres, OpenLDAP and curl for the pods around it. Archives are kept and made again when the
 * sources change.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheFolder } from '../support/cache.ts';
import { servicesArchive as debianFiles } from '../support/debian-archive.ts';
import { docker, type Engine, startEngine } from '../support/engine.ts';
import { image as built, imageArchive, imageFingerprint } from '../support/image.ts';
import { nextMinor, nextProgram, thisVersion } from './next-minor.ts';

/** The chart's own names: who installs it as it stands gets this checkout. */
export const images = {
  repository: 'nauthera/nauthera',
  tag: thisVersion,
  /** Of this checkout, made into the next minor version. */
  nextTag: nextMinor.version,
  services: 'nauthera-e2e/services:bookworm',
} as const;

export async function loadImages(command: string, say: (line: string) => void): Promise<void> {
  const product = cacheFolder('images', `e2e-product-${await fingerprint()}.tar`);
  const services = cacheFolder('images', 'e2e-services.tar');
  if (!existsSync(product) || !existsSync(services)) {
    const engine = await startEngine();
    try {
      say('building the images of this checkout');
      if (!existsSync(product)) await saveProduct(engine, product);
      if (!existsSync(services)) await saveServices(engine, services);
    } finally {
      await engine.stop();
    }
  }
  say('loading them into the cluster');
  await load(command, product);
  await load(command, services);
}

async function saveProduct(engine: Engine, archive: string): Promise<void> {
  await docker(engine.host, ['load', '--input', await imageArchive(engine)]);
  const [this_, next] = [images.tag, images.nextTag].map((tag) => `${images.repository}:${tag}`) as [string, string];
  await docker(engine.host, ['tag', built, this_]);
  await buildNext(engine, next);
  await save(engine, archive, [this_, next]);
  const folder = cacheFolder('images');
  for (const older of await readdir(folder))
    if (/^e2e-product.*[.]tar$/.test(older) && join(folder, older) !== archive) await rm(join(folder, older));
}

/** Of the image, and of how the next one is made. */
async function fingerprint(): Promise<string> {
  const hash = createHash('sha256').update(await imageFingerprint());
  for (const file of ['images.ts', 'next-minor.ts']) hash.update(await readFile(join(import.meta.dirname, file)));
  return hash.digest('hex').slice(0, 16);
}

const programs = ['nauthera-server', 'nauthera-operator'] as const;

/** A layer with the programs of the next minor version. */
async function buildNext(engine: Engine, name: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'nauthera-next-'));
  const container = `nauthera-next-${process.pid}`;
  await docker(engine.host, ['create', '--name', container, built]);
  try {
    for (const program of programs) {
      const file = join(folder, `${program}.mjs`);
      await docker(engine.host, ['cp', `${container}:/opt/nauthera/${program}.mjs`, file]);
      await writeFile(file, nextProgram(await readFile(file, 'utf8'), program));
    }
    const says = programs.map((program) => `${program} --version | grep -F 'nauthera ${images.nextTag} '`);
    const dockerfile = [
      `FROM ${built}`,
      'USER 0',
      'COPY *.mjs /opt/nauthera/',
      `RUN ${says.join(' && ')}`,
      'USER 10001:0',
      '',
    ];
    await writeFile(join(folder, 'Dockerfile'), dockerfile.join('\n'));
    await docker(engine.host, ['build', '--network=host', '--tag', name, folder]);
  } finally {
    await docker(engine.host, ['rm', container]);
    await rm(folder, { recursive: true, force: true });
  }
}

async function saveServices(engine: Engine, archive: string): Promise<void> {
  const path = 'ENV PATH=/usr/lib/postgresql/15/bin:/usr/sbin:/usr/bin:/bin';
  await docker(engine.host, ['import', '--change', path, await debianFiles(), images.services]);
  await save(engine, archive, [images.services]);
}

async function save(engine: Engine, archive: string, names: readonly string[]): Promise<void> {
  const draft = `${archive}.${process.pid}`;
  await docker(engine.host, ['save', '--output', draft, ...names]);
  await rename(draft, archive);
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
