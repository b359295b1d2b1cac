/** Whether what a proof names is there: the file, exactly one test of that title in it, and the row. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Proof } from './specification.ts';
import { type DeclaredTests, declaredTests } from './titles.ts';

export interface FoundProof {
  /** From the root of the repository. */
  readonly file: string;
  readonly title: string;
  readonly row: string | undefined;
}

const between = ' › ';
const folder = new URL('../', import.meta.url);

/** What a test source below `test` declares; `undefined`: there is no such file. */
export type ReadTests = (path: string) => DeclaredTests | undefined;

export function testsOfRepository(): ReadTests {
  const read = new Map<string, DeclaredTests | undefined>();
  return (path) => {
    if (!read.has(path)) {
      const file = fileURLToPath(new URL(path, folder));
      read.set(path, existsSync(file) ? declaredTests(readFileSync(file, 'utf8')) : undefined);
    }
    return read.get(path);
  };
}

/** The proof, or the reason why it is none. */
export function findProof(proof: Proof, read: ReadTests): FoundProof | string {
  const { test, row } = typeof proof === 'string' ? { test: proof, row: undefined } : proof;
  const [, name = '', title = ''] = /^([\w./-]+): (.+)$/s.exec(test) ?? [];
  if (title === '') return `not written as "file: title": ${test}`;
  const path = `${name}${name.endsWith('.suite') ? '' : '.test'}.ts`;
  const declared = read(path);
  if (declared === undefined) return `there is no test/${path}`;
  const found = declared.tests.filter((one) => `${between}${one.join(between)}`.endsWith(`${between}${title}`));
  if (found.length !== 1) return `test/${path} has ${found.length} tests of the title "${title}"`;
  if (row !== undefined && !declared.texts.includes(row)) return `test/${path} has no row "${row}"`;
  return { file: `test/${path}`, title, row };
}
