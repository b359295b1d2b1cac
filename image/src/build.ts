/** `npm run image`: `docker build` with this version and commit. Arguments go to docker, e.g. `--build-arg BASE=…`. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

/** Of the last commit, with `-dirty` where files differ from it; `unknown` outside a clone. */
function revision(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--exclude=*'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}

/** Of whoever builds: packages come from where they come from here. */
const registry = execFileSync('npm', ['config', 'get', 'registry'], { cwd: root, encoding: 'utf8' }).trim();

const args = [
  'build',
  '--tag',
  `nauthera/nauthera:${version}`,
  '--build-arg',
  `VERSION=${version}`,
  '--build-arg',
  `REVISION=${revision()}`,
  '--build-arg',
  `NPM_REGISTRY=${registry}`,
  ...process.argv.slice(2),
  root,
];
const { status, error } = spawnSync('docker', args, { stdio: 'inherit' });
if (error !== undefined) console.error(`docker could not be started: ${error.message}`);
process.exitCode = status ?? 1;
