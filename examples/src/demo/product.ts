/** The product as a child process, seen through what it offers to anybody: its status, its health, its log. */
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';
import type { Folders } from './folders.ts';
import type { Ports } from './ports.ts';
import { fetchStatus, notReady, type Status } from './status.ts';

export interface Product {
  readonly issuer: string;
  readonly status: string;
  readonly child: Child;
  /** Everything that was read is ready. @throws Error when the product ends, or after `seconds`. */
  ready(seconds: number, onWait: (what: string) => void): Promise<void>;
  look(): Promise<Status | undefined>;
  stop(): Promise<void>;
}

const program = join(import.meta.dirname, '../../../operator/src/main.ts');
/** Longer than the server takes to finish what is in flight. */
const patience = 25_000;

export function startProduct(folders: Folders, ports: Ports): Product {
  const listen = `127.0.0.1:${ports.issuer}`;
  const management = `127.0.0.1:${ports.status}`;
  const log = createWriteStream(folders.log, { mode: 0o600 });
  const flags = {
    resources: folders.resources,
    secrets: folders.secrets,
    database: `pglite:${folders.database}`,
    'key-file': folders.keyFile,
    listen,
    management,
  };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
  const child = startChild(program, ['standalone', ...args], {
    output: log,
    // How a server is told of one more authority that its clients' certificates may come from.
    env: { NODE_EXTRA_CA_CERTS: folders.applicationCa },
  });
  const status = `http://${management}`;
  return {
    issuer: `http://${listen}`,
    status,
    child,
    look: () => fetchStatus(status),
    async ready(seconds, onWait) {
      const end = Date.now() + seconds * 1000;
      for (;;) {
        if (!child.running) throw new Error(`the server ended by itself. ${await lastWords(folders.log)}`);
        const found = await fetchStatus(status);
        const missing = found === undefined ? 'the server to start' : notReady(found);
        if (missing === '') return;
        onWait(missing);
        if (Date.now() > end)
          throw new Error(`not ready within ${seconds} s, waiting for ${missing}. See ${folders.log}`);
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    },
    async stop() {
      await child.stop(patience);
      await new Promise<void>((resolve) => log.end(() => resolve()));
    },
  };
}

async function lastWords(log: string): Promise<string> {
  const lines = (await readFile(log, 'utf8').catch(() => '')).trimEnd().split('\n').slice(-5);
  return `Its last words, from ${log}:\n${lines.join('\n')}`;
}
