/** The container image of this checkout, built by its own Dockerfile. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from './cache.ts';
import { debianArchive } from './debian-archive.ts';
import { docker, type Engine } from './engine.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const sources = ['crds/src', 'server/src', 'operator/src', 'image/src', 'examples/src/directory'];
const files = [
  'Dockerfile',
  '.dockerignore',
  'package.json',
  'package-lock.json',
  ...workspaces('package.json'),
].concat(['examples/directory.ldif', 'examples/src/demo-directory.ts']);
const base = 'nauthera-test/debian:bookworm-slim';

export const image = 'nauthera-test/nauthera:this';

function workspaces(file: string): readonly string[] {
  return ['crds', 'server', 'operator', 'image', 'examples', 'test'].map((folder) => `${folder}/${file}`);
}

/**
 * Builds {@link image}, or loads what was built from the same files before. An engine that was there before pulls its base;
 * ours has no registry and gets one from Debian's packages.
 */
export async function buildImage(engine: Engine): Promise<void> {
  await docker(engine.host, ['load', '--input', await imageArchive(engine)]);
}

/** `docker save` of {@link image}, in the cache folder: what `ctr images import` or `kind load image-archive` takes. */
export async function imageArchive(engine: Engine): Promise<string> {
  const folder = cacheFolder('images');
  const name = `nauthera-${await imageFingerprint()}.tar`;
  const archive = join(folder, name);
  if (existsSync(archive)) return archive;
  await mkdir(folder, { recursive: true });
  await build(engine);
  const draft = `${archive}.${process.pid}`;
  await docker(engine.host, ['save', '--output', draft, image]);
  await rename(draft, archive);
  const older = (await readdir(folder)).filter((one) => /^nauthera-[0-9a-f]+[.]tar$/.test(one) && one !== name);
  for (const one of older) await rm(join(folder, one), { force: true });
  return archive;
}

async function build(engine: Engine): Promise<void> {
  const { stdout: registry } = await run('npm', ['config', 'get', 'registry'], { cwd: root });
  const given = ['REVISION=this', `NPM_REGISTRY=${registry.trim()}`].flatMap((one) => ['--build-arg', one]);
  const args = ['build', '--network=host', '--tag', image, ...given];
  if (engine.host !== undefined && process.env.DOCKER_HOST === undefined) {
    await docker(engine.host, ['import', await debianArchive('bookworm-slim'), base]);
    args.push('--build-arg', `BASE=${base}`);
  }
  await docker(engine.host, [...args, root]);
}

/** Of every file that the build is given. */
export async function imageFingerprint(): Promise<string> {
  const hash = createHash('sha256');
  for (const path of [...files, ...(await Promise.all(sources.map(below))).flat()].toSorted())
    hash.update(`${path}\0`).update(await readFile(join(root, path)));
  return hash.digest('hex').slice(0, 16);
}

async function below(folder: string): Promise<readonly string[]> {
  const entries = await readdir(join(root, folder), { recursive: true });
  const paths = entries.map((entry) => join(root, folder, entry));
  const found = await Promise.all(paths.map(async (path) => ((await stat(path)).isFile() ? [path] : [])));
  return found.flat().map((path) => relative(root, path));
}
