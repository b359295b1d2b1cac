/** The peer: `oidc-provider` on the same runtime with its state in memory. Installed by the first run, never with the product. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Running, Stage } from './stage.ts';

const folder = new URL('peer/', import.meta.url).pathname;

export async function peer(
  stage: Stage,
  { clients, format }: { clients: number; format: 'jwt' | 'opaque' | 'userinfo' },
): Promise<Running> {
  await install();
  return stage.program(join(folder, 'server.mjs'), { CLIENTS: String(clients), FORMAT: format });
}

let installing: Promise<void> | undefined;
function install(): Promise<void> {
  installing ??= existsSync(join(folder, 'node_modules/oidc-provider')) ? Promise.resolve() : npmCi();
  return installing;
}

function npmCi(): Promise<void> {
  console.error('installing the peer');
  const child = spawn('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`npm ci ended with ${code}`))));
  });
}
