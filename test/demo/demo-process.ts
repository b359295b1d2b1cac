/** A whole demo on free ports, in a folder of its own, for as long as a test needs it. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from './checkout.ts';

export interface Demo {
  /** Address of the sample application. */
  readonly application: string;
  /** What it has printed so far. */
  readonly output: () => string;
  /** The folder that its commands are typed in. */
  readonly folder: string;
  /** Posts where the server posts logout tokens to. @returns the status */
  postLogoutToken(token: string): Promise<number>;
  stop(): Promise<void>;
}

/** @throws Error with what it printed when it is not ready within four minutes. */
export async function startDemo(): Promise<Demo> {
  const folder = await mkdtemp(join(tmpdir(), 'nauthera-walks-'));
  const script = join(root, 'examples/src/demo.ts');
  const child = spawn(process.execPath, [script, '--free-ports'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  let ended = false;
  const exited = new Promise<void>((resolve) => {
    child.once('close', () => {
      ended = true;
      resolve();
    });
  });
  const stop = async () => {
    child.kill('SIGINT');
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  for (const end = Date.now() + 240_000; !output.includes('Ctrl-C stops everything.'); await sleep(100)) {
    if (!ended && Date.now() < end) continue;
    await stop();
    throw new Error(`the demo did not start:\n${output}`);
  }
  const application = /^ {4}(http:\/\/127\.0\.0\.1:\d+)$/m.exec(output)?.[1] ?? '';
  const own = join(folder, '.demo-free-ports');
  const clients = await readFile(join(own, 'resources/order-desk.yaml'), 'utf8');
  const address = /backchannelUri: (\S+)/.exec(clients)?.[1] ?? '';
  const ca = await readFile(join(own, 'application-ca.pem'), 'utf8');
  const postLogoutToken = (token: string) => post(address, ca, new URLSearchParams({ logout_token: token }).toString());
  return { application, output: () => output, folder, postLogoutToken, stop };
}

function post(address: string, ca: string, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const outgoing = request(address, { method: 'POST', ca, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}
