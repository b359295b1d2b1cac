// Installs what the lock file names, once per change of it. Plain JavaScript: it runs on whatever Node is there, before
// the pinned one is installed; every other script then runs on the pinned one.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const stamp = join(root, 'node_modules', '.nauthera-setup');
const oldest = 20;

if (Number(process.versions.node.split('.')[0]) < oldest) {
  console.error(
    `Node ${process.versions.node} is too old to set up: install Node ${oldest} or newer, then run this again.`,
  );
  process.exit(2);
}

const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');
if (read(stamp) !== wanted) {
  const code = await install();
  if (code !== 0) {
    console.error(
      `\nInstalling failed (npm ci ended with ${code}). Look at the lines above; when it is repaired, run this again.`,
    );
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
}

/** @param {string} path */
function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * After Ctrl-C npm takes out what it put in, up to a minute. Until then it must not be left alone: the next install
 * would get in its way. A second Ctrl-C does not wait.
 *
 * @param {NodeJS.Timeout} timer
 * @returns {(child: import('node:child_process').ChildProcess) => void} to be told of npm once it is there
 */
function endWithNpm(timer) {
  let asked = false;
  /** @type {import('node:child_process').ChildProcess[]} */
  const begun = [];
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      const [child] = begun;
      if (child === undefined) process.exit(130);
      if (asked) {
        child.kill('SIGKILL');
        process.exit(130);
      }
      asked = true;
      clearInterval(timer);
      console.error('\nStopping: npm takes out what it put in, up to a minute; Ctrl-C once more leaves it at that …');
      // Ctrl-C reaches every process of the terminal; the others have been sent here alone.
      if (signal !== 'SIGINT') child.kill('SIGTERM');
      child.once('exit', () => process.exit(130));
    });
  }
  return (child) => {
    begun.push(child);
  };
}

/** `npm ci` with a line every 10 s, so that a slow network does not look like a hang. */
function install() {
  console.error('Installing dependencies (npm ci --ignore-scripts); the first time takes a minute or two …');
  const started = Date.now();
  const timer = setInterval(() => {
    console.error(`  still installing, ${Math.round((Date.now() - started) / 1000)} s`);
  }, 10_000);
  // npm replaces node_modules, the pinned Node in it included: it must not run on that one.
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.startsWith(join(root, 'node_modules')))
    .join(delimiter);
  // Before there is an npm: a signal that comes first must not leave it behind.
  const endWith = endWithNpm(timer);
  return new Promise((resolve) => {
    const child = spawn(
      'npm',
      ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--no-progress', '--loglevel=error'],
      {
        cwd: root,
        env: { ...process.env, PATH: path },
        stdio: ['ignore', 'inherit', 'inherit'],
        shell: process.platform === 'win32',
      },
    );
    endWith(child);
    child.once('error', (error) => {
      clearInterval(timer);
      console.error(`npm could not be started: ${error.message}`);
      resolve(127);
    });
    child.once('exit', (code) => {
      clearInterval(timer);
      if (code === 0) console.error(`Installed in ${Math.round((Date.now() - started) / 1000)} s.`);
      resolve(code ?? 1);
    });
  });
}
