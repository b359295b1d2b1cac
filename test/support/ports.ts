/** Ports for programs that cannot be asked to choose one themselves. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file for each port that is promised, with the process that it is promised to. */
const promises = join(tmpdir(), `nauthera-test-ports-${process.getuid?.() ?? ''}`);
const ours: string[] = [];

/**
 * A TCP port on loopback at which nobody listens. It is below those that the system takes for outgoing connections, and
 * promised to no other of these tests as long as this process runs: its program may start late, and start again.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 200; tries += 1) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    if (!claim(port)) continue;
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
  throw new Error('no free port between 15000 and 32000');
}

/** `false`: it is promised already, to a process that runs. */
function claim(port: number): boolean {
  const path = join(promises, String(port));
  mkdirSync(promises, { recursive: true });
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
  } catch {
    // One that was killed left it behind: it is free the next time.
    if (isLeftBehind(path)) rmSync(path, { force: true });
    return false;
  }
  if (ours.length === 0)
    process.once('exit', () => {
      for (const one of ours) rmSync(one, { force: true });
    });
  ours.push(path);
  return true;
}

function isLeftBehind(path: string): boolean {
  try {
    process.kill(Number(readFileSync(path, 'utf8')), 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}
