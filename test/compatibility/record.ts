/**
 * Writes down what a release leaves behind for the next one: `node test/compatibility/record.ts VERSION`, at every release,
 * in its commit. Of the files beside it the newest two minors stay.
 */
import { writeFile } from 'node:fs/promises';
import { keepProgram } from './program.ts';
import { record } from './recording.ts';

const [, , version] = process.argv;
if (version === undefined || !/^\d+\.\d+\.\d+(-[a-z0-9.]+)?$/.test(version)) {
  console.error('usage: node test/compatibility/record.ts VERSION');
  process.exit(2);
}
const recording = await record(version);
await writeFile(new URL(`./${version}.json`, import.meta.url), `${JSON.stringify(recording, null, 1)}\n`);
await keepProgram(version);
console.log(`${recording.statements.length} statements, ${Object.keys(recording.catalog.tables).length} tables`);
