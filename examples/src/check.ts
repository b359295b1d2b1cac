/**
 * `node examples/src/check.ts ADDRESS [FILE]`: plays every flow against a running demo, of which it knows that address
 * alone, prints a line for each message and step, and ends with exit code 0, or 1 when a step failed or the time was up.
 * FILE gets what was seen of each flow, as JSON.
 */
import { writeFile } from 'node:fs/promises';
import { makeReport } from './check/report.ts';
import { scenes } from './check/scenes/index.ts';
import { World } from './check/world.ts';

/** Seconds. It takes about 40 on a machine of two cores that does nothing else; a busy one takes its time. */
const deadline = 300;

const legend = `Each line with an arrow is a message that was seen: who to whom, what, and the names of its parameters, values only where a
specification fixes them. A line without one says what these messages showed.
server → directory  as the directory’s own log tells it; directory → server  as the server’s audit log tells it, the event and
                    the directory server in brackets; directory → directory  what this check itself did to the directory.
user                ada and grace are in the groups staff and finance, alan is in staff alone, zoe in none.`;

async function main(address: string, file: string | undefined): Promise<number> {
  const started = Date.now();
  const world = await World.at(address);
  const report = makeReport((line) => console.log(line), world.recorder);
  console.log(`${legend}\n`);
  for (const { title, play } of scenes) await report.scene(title, () => play(world, report));
  if (file !== undefined) {
    await writeFile(file, `${JSON.stringify({ runs: report.runs }, null, 2)}\n`);
  }
  console.log(`${report.passed} steps passed, ${report.failed} failed`);
  console.error(`in ${Math.round((Date.now() - started) / 1000)} s`);
  return report.failed === 0 ? 0 : 1;
}

const [address, file] = process.argv.slice(2);
if (address === undefined) {
  console.error('Usage: node examples/src/check.ts ADDRESS [FILE]');
  process.exitCode = 2;
} else {
  const timer = setTimeout(() => {
    console.log(`  ✗ not done within ${deadline} s`);
    process.exit(1);
  }, deadline * 1000);
  process.exitCode = await main(address, file).catch((error: unknown) => {
    console.log(`  ✗ ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  });
  clearTimeout(timer);
}
