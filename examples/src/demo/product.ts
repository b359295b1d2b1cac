/** The product as a child process, seen through what it offers to anybody: its status, its health, its log. */
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';
import type { Folders } from './folders.ts';
import type { Ports } from './ports.ts';
import { brokenOf, fetchStatus, notReady, type ResourceStatus, type Status } from './status.ts';

export interface Product {
  readonly issuer: string;
  readonly status: string;
  readonly child: Child;
  /**
   * Everything that is needed is ready, and so is what people added, or it had a few seconds for it: then there is a line about
   * each that is not.
   *
   * @throws Error when the product ends, or after `seconds`.
   */
  ready(seconds: number, onWait: (what: string) => void, isNeeded: IsNeeded): Promise<readonly string[]>;
  look(): Promise<Status | undefined>;
  stop(): Promise<void>;
}

/** Whether the demo can go on without it. */
export type IsNeeded = (one: ResourceStatus) => boolean;

const program = join(import.meta.dirname, '../../../operator/src/main.ts');
/** For what people added, once all else is ready. */
const patienceForOthers = 5000;
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
    async ready(seconds, onWait, isNeeded) {
      const end = Date.now() + seconds * 1000;
      for (let since: number | undefined; ; ) {
        if (!child.running) throw new Error(`the server ended by itself. ${await lastWords(folders.log)}`);
        const found = await fetchStatus(status);
        const needed = found && { ...found, resources: found.resources.filter(isNeeded) };
        const missing = needed === undefined ? 'the server to start' : notReady(needed);
        if (missing === '' && found !== undefined) {
          since ??= Date.now();
          const broken = brokenOf(found, isNeeded);
          if (broken.length === 0 || Date.now() - since > patienceForOthers) return broken;
        } else since = undefined;
        onWait(missing || 'what was added to the resources');
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
