/**
 * `node examples/src/check.ts ADDRESS`: plays every flow against a running demo, of which it knows that address alone,
 * prints one line a step and ends with exit code 0, or 1 when a step failed or the time was up.
 */
import { fetchFacts } from './check/facts.ts';
import { makeReport, StepFailed } from './check/report.ts';
import { scenes } from './check/scenes/index.ts';
import { World } from './check/world.ts';

const deadline = 180;

async function main(address: string): Promise<number> {
  const world = new World(await fetchFacts(address));
  const report = makeReport((line) => console.log(line));
  for (const scene of scenes) {
    console.log(scene.title);
    try {
      await scene.play(world, report);
    } catch (error) {
      if (!(error instanceof StepFailed)) {
        await report.step('this scene could be played', () => Promise.reject(error)).catch(() => undefined);
      }
    }
  }
  console.log(`${report.passed} steps passed, ${report.failed} failed`);
  return report.failed === 0 ? 0 : 1;
}

const [address] = process.argv.slice(2);
if (address === undefined) {
  console.error('Usage: node examples/src/check.ts ADDRESS');
  process.exitCode = 2;
} else {
  const timer = setTimeout(() => {
    console.log(`  ✗ not done within ${deadline} s`);
    process.exit(1);
  }, deadline * 1000);
  process.exitCode = await main(address).catch((error: unknown) => {
    console.log(`  ✗ ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  });
  clearTimeout(timer);
}
