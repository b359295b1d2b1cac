/** Commands as somebody types them who has this cluster, and kubectl and helm in the path. */
import { dirname } from 'node:path';
import { expect } from 'vitest';
import { Terminal } from '../demo/checkout.ts';
import { type HelmMajor, helmProgram, kubePrograms } from '../support/kube-binaries.ts';

export interface TerminalOptions {
  readonly folder: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Default 4. */
  readonly helm?: HelmMajor;
}

/** What they said. @throws when one of them failed, also in a pipe */
export async function type(text: string, { folder, environment = {}, helm = 4 }: TerminalOptions): Promise<string> {
  const given = { KUBECONFIG: process.env.KUBECONFIG ?? '', ...environment };
  const profile = [
    ...Object.entries(given).map(([name, value]) => `export ${name}='${value}'`),
    `export PATH='${dirname((await kubePrograms()).kubectl)}:${dirname(await helmProgram(helm))}':"$PATH"`,
    'set -eo pipefail',
    '',
  ].join('\n');
  const terminal = new Terminal(`${profile}${text}`, folder);
  expect(await terminal.exited, terminal.output).toBe(0);
  return terminal.output;
}
