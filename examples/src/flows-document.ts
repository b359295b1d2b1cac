/** `node examples/src/flows-document.ts`: plays every flow and writes `docs/explanation/flows.md` anew. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { flowsDocument } from './check/document.ts';
import type { ObservedRun } from './check/report.ts';

const document = join(import.meta.dirname, '../../docs/explanation/flows.md');
const demo = join(import.meta.dirname, 'demo.ts');

const folder = await mkdtemp(join(tmpdir(), 'nauthera-flows-'));
try {
  const file = join(folder, 'observations.json');
  const { status } = spawnSync(process.execPath, [demo, '--check', '--observations', file], { stdio: 'inherit' });
  if (status === 0) {
    const { runs } = JSON.parse(await readFile(file, 'utf8')) as { readonly runs: readonly ObservedRun[] };
    await writeFile(document, flowsDocument(runs));
  }
  process.exitCode = status ?? 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
